// Quads, four corners TL TR BR BL as [x, y] in pixels of the page, and what is done with several at once.

export const LEAST_SIDE = 4;

export function rectangle({ left, top, right, bottom }) {
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
}

export function boundsOf(quads) {
  const xs = quads.flat().map(([x]) => x);
  const ys = quads.flat().map(([, y]) => y);
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

// One quad around boxes that stand in a row or in a column, turned as they are.
export function outlineOf(quads) {
  const [first, last] = [quads[0], quads.at(-1)];
  const one = boundsOf([first]);
  const other = boundsOf([last]);
  const inRow = Math.abs(other.left - one.left) >= Math.abs(other.top - one.top);
  return inRow ? [first[0], last[1], last[2], first[3]] : [first[0], first[1], last[2], last[3]];
}

export function moved(quads, dx, dy) {
  return quads.map((quad) => quad.map(([x, y]) => [tenth(x + dx), tenth(y + dy)]));
}

// The quads with `from`, the rectangle around them, become `to`.
export function fitted(quads, from, to) {
  const across = (to.right - to.left) / (from.right - from.left);
  const down = (to.bottom - to.top) / (from.bottom - from.top);
  const place = ([x, y]) => [tenth(to.left + (x - from.left) * across), tenth(to.top + (y - from.top) * down)];
  return quads.map((quad) => quad.map(place));
}

// So many quads of equal width side by side in one; `down`: of equal height, one below the other.
export function cellsOf(quad, count, down = false) {
  const [topLeft, topRight, bottomRight, bottomLeft] = quad;
  const [ends, starts] = down ? [[bottomLeft, bottomRight], [topLeft, topRight]] : [[topRight, bottomRight], [topLeft, bottomLeft]];
  return Array.from({ length: count }, (_, place) => {
    const [a, b] = [0, 1].map((side) => between(starts[side], ends[side], place / count));
    const [c, d] = [0, 1].map((side) => between(starts[side], ends[side], (place + 1) / count));
    return down ? [a, b, d, c] : [a, c, d, b];
  });
}

// How far these may be moved at most, of what is asked for, so that all stay on the page.
export function roomFor({ left, top, right, bottom }, { width, height }, dx, dy) {
  return [Math.max(-left, Math.min(width - right, dx)), Math.max(-top, Math.min(height - bottom, dy))];
}

function between([x, y], [otherX, otherY], share) {
  return [tenth(x + (otherX - x) * share), tenth(y + (otherY - y) * share)];
}

function tenth(value) {
  return Math.round(value * 10) / 10;
}
