// Curves of a training as SVG: training and validation over the epochs, and how far confidences can be trusted.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 300;
const HEIGHT = 150;
const EDGE = 6;

// `series` are {name: [values]}; the lowest and the highest value are told beside the picture.
export function drawCurves(place, series, { total, label, format }) {
  const values = Object.values(series).flat();
  const low = Math.min(...values);
  const high = Math.max(...values);
  const right = (index) => EDGE + (index / Math.max(1, total - 1)) * (WIDTH - 2 * EDGE);
  const up = (value) => HEIGHT - EDGE - ((value - low) / (high - low || 1)) * (HEIGHT - 2 * EDGE);
  const picture = canvas(label);
  for (const [name, points] of Object.entries(series)) {
    const line = document.createElementNS(SVG, "polyline");
    // a line of one point is none
    const drawn = points.length === 1 ? [points[0], points[0]] : points;
    line.setAttribute("points", drawn.map((value, index) => `${right(points.length === 1 ? index / 20 : index)},${up(value)}`).join(" "));
    line.setAttribute("class", `curve-${name}`);
    picture.append(line);
  }
  const scale = [high, low].map((value) => Object.assign(document.createElement("p"), { className: "scale", textContent: format(value) }));
  place.replaceChildren(scale[0], picture, scale[1]);
}

// `bins` are {confidence, right, images}, all shares of 1.
export function drawReliability(place, bins, label) {
  const picture = canvas(label);
  const line = document.createElementNS(SVG, "line");
  for (const [name, value] of Object.entries({ x1: 0, y1: HEIGHT, x2: WIDTH, y2: 0, class: "diagonal" })) {
    line.setAttribute(name, String(value));
  }
  const most = Math.max(...bins.map(({ images }) => images));
  const dots = bins.map(({ confidence, right, images }) => {
    const dot = document.createElementNS(SVG, "circle");
    const size = 2 + 5 * Math.sqrt(images / most);
    for (const [name, value] of Object.entries({ cx: confidence * WIDTH, cy: HEIGHT - right * HEIGHT, r: size, class: "dot" })) {
      dot.setAttribute(name, String(value));
    }
    return dot;
  });
  picture.append(line, ...dots);
  place.replaceChildren(picture);
}

function canvas(label) {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", label);
  return picture;
}
