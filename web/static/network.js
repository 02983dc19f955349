// The picture of a network: a box for what goes in, for what each layer makes, and for the answer.

import { text } from "./texts.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 100;
const GAP = 14;

// `shapes` are [height, width, maps] or [length]; null where a layer cannot be built.
export function drawNetwork(shapes, names) {
  const picture = document.createElementNS(SVG, "svg");
  let left = 2;
  for (const shape of [[28, 28, 1], ...shapes]) {
    const [width, height] = sizeOf(shape);
    const box = document.createElementNS(SVG, "rect");
    for (const [name, value] of Object.entries({ x: left, y: (HEIGHT - height) / 2, width, height, rx: 2 })) {
      box.setAttribute(name, String(value));
    }
    box.classList.toggle("faulty", !shape);
    picture.append(box);
    left += width + GAP;
  }
  picture.setAttribute("viewBox", `0 0 ${Math.max(left, 260)} ${HEIGHT}`);
  picture.setAttribute("preserveAspectRatio", "xMinYMid meet");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", text("picture", { layers: names.join(", ") }));
  return picture;
}

// As high as the picture's side or the vector's length, as wide as there are maps, both by their logarithm.
function sizeOf(shape) {
  if (!shape) {
    return [14, 40];
  }
  const [side, , maps] = shape;
  return shape.length === 3
    ? [6 + 6 * Math.log2(maps), 12 + 2.8 * side]
    : [8, Math.min(HEIGHT - 2, 10 + 8 * Math.log2(side))];
}
