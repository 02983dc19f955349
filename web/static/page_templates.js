// The templates of a job of form pages: where their fields are, and what these can hold.

import { read } from "./api.js";

const SVG = "http://www.w3.org/2000/svg";
const NUMBERS = ["digits", "number"];

export class PageTemplates {
  // `labels` are those of the job. Wait for `ready`.
  constructor(labels) {
    this.found = new Map();
    this.ready = Promise.all(labels.map((label) => this.load(label)));
  }

  async load(label) {
    const [name, version] = label.split("@");
    this.found.set(label, prepared(await read(`/v1/templates/${name}/${version}`)));
  }

  // That of the row of a page.
  of({ template }) {
    return this.found.get(`${template.name}@${template.version}`);
  }
}

// With what each field accepts, whether letters are typed there, and its boxes.
function prepared({ page, fields }) {
  return { page, fields: new Map(fields.map((field) => [field.name, { ...field, quads: quadsOf(field), accepts: acceptsOf(field), letters: !NUMBERS.includes(field.kind) }])) };
}

function quadsOf({ grid, boxes, options, quad }) {
  return grid ? [grid.quad] : boxes ?? (options ? Object.values(options) : [quad]);
}

// As digitmill/forms/answers.py has it: what a paper says may well break the template's length.
function acceptsOf({ kind, grid, boxes, options, choose, separators = "" }) {
  if (kind === "digits") {
    const most = grid?.cells ?? boxes.length;
    return (value) => /^[0-9]+$/.test(value) && value.length <= most;
  }
  if (kind === "number") {
    return (value) => /[0-9]/.test(value) && [...value].every((each) => /[0-9]/.test(each) || separators.includes(each));
  }
  if (kind === "mark") {
    const known = Object.keys(options);
    return (value) => (choose === "one" ? known.includes(value) : value.split(",").every((each) => known.includes(each)));
  }
  return (value) => value !== "";
}

// The place has the shape of the template before the page's picture comes, so that what was scrolled to stays in view. A
// scan's own shape differs from it by a little: its picture is stretched to the place, as the boxes over it are.
export function keepRoom(place, { width, height }) {
  place.style.aspectRatio = `${width} / ${height}`;
}

// The boxes over a picture of the page that is laid over its template.
export function marked({ width, height }, quads) {
  const over = document.createElementNS(SVG, "svg");
  over.setAttribute("viewBox", `0 0 ${width} ${height}`);
  over.setAttribute("preserveAspectRatio", "none");
  for (const quad of quads) {
    const box = document.createElementNS(SVG, "polygon");
    box.setAttribute("points", quad.join(" "));
    over.append(box);
  }
  return over;
}
