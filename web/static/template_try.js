// Filled pages on which the template is tried: each is read by a worker, and what was read is drawn over it. Nothing of
// them is stored.

import { Refusal } from "./api.js";
import { looksText } from "./reasons.js";
import { patiently, pictureOf, tried } from "./template_calls.js";
import { sureness, text } from "./texts.js";
import { ownField } from "./values.js";

const SVG = "http://www.w3.org/2000/svg";
export const MOST_PAGES = 3;

export class Trials {
  // `template()`: {json, reference}, as it is to be tried. `look(name)`: somebody wants to see this field.
  constructor({ pages, table, state, again }, { template, look }) {
    this.pages = pages;
    this.table = table;
    this.state = state;
    this.again = again;
    this.on = { template, look };
    this.tried = [];
    this.again.addEventListener("click", () => this.run());
  }

  get empty() {
    return this.tried.length === 0;
  }

  async add(files) {
    const fresh = files.slice(0, MOST_PAGES).map((file) => ({ file, picture: null, row: null, problem: "" }));
    this.tried = [...this.tried, ...fresh].slice(-MOST_PAGES);
    await this.run(fresh);
  }

  // What was read was read by another template than the present one.
  outdated() {
    if (!this.empty) {
      this.state.textContent = text("try_outdated");
      this.again.hidden = false;
    }
  }

  async run(some = this.tried) {
    const { json, reference } = this.on.template();
    this.again.hidden = true;
    this.state.textContent = text("trying");
    this.show();
    await Promise.all(some.map((each) => this.read(each, json, reference)));
    const doubts = this.tried.reduce((sum, { row }) => sum + doubtsOf(row), 0);
    this.state.textContent = text("tried", { count: doubts });
    this.show();
  }

  async read(each, json, reference) {
    each.row = null;
    each.problem = "";
    try {
      each.picture ??= await patiently(() => pictureOf(each.file));
      this.show();
      each.row = await patiently(() => tried(json, reference, each.file));
      each.problem = each.row.error?.detail ?? "";
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof TypeError)) {
        throw error;
      }
      each.problem = error instanceof Refusal ? error.message : text("offline");
    }
    this.show();
  }

  show() {
    this.pages.replaceChildren(...this.tried.map((each) => this.card(each)));
    const names = [...new Set(this.tried.flatMap(({ row }) => Object.keys(row?.fields ?? {})))];
    this.table.hidden = names.length === 0;
    const head = document.createElement("tr");
    head.append(heading(text("field"), "col"), ...this.tried.map(({ file }) => heading(file.name, "col")));
    this.table.tHead.replaceChildren(head);
    this.table.tBodies[0].replaceChildren(...names.map((name) => this.line(name)));
  }

  card({ file, picture, row, problem }) {
    const card = document.createElement("li");
    const name = document.createElement("strong");
    name.textContent = file.name;
    card.append(name);
    if (problem) {
      const said = document.createElement("p");
      said.className = "problem";
      said.textContent = problem;
      card.append(said);
    }
    if (picture) {
      card.append(drawn(picture, row, text("tried_page", { name: file.name })));
    }
    return card;
  }

  line(name) {
    const line = document.createElement("tr");
    const head = heading("", "row");
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "quiet", textContent: name });
    button.addEventListener("click", () => this.on.look(name));
    head.append(button);
    line.append(head, ...this.tried.map(({ row }) => cell(row && ownField(row, name))));
    return line;
  }
}

function doubtsOf(row) {
  return Object.values(row?.fields ?? {}).filter(({ status }) => status === "review").length;
}

function heading(content, scope) {
  const head = document.createElement("th");
  head.scope = scope;
  head.textContent = content;
  return head;
}

function cell(field) {
  const found = document.createElement("td");
  if (field) {
    found.textContent = valueText(field);
    found.dataset.status = field.status;
    found.title = [looksText(field.reason), field.confidence === null ? "" : sureness(field.confidence)].filter(Boolean).join("; ");
  }
  return found;
}

function valueText({ value, status }) {
  const said = value ?? (status === "blank" ? "–" : "");
  return status === "review" ? `${said} ?`.trim() : said;
}

function drawn({ bitmap, scale }, row, label) {
  const figure = document.createElement("div");
  figure.className = "tried";
  figure.setAttribute("role", "img");
  figure.setAttribute("aria-label", label);
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  const over = document.createElementNS(SVG, "svg");
  over.setAttribute("viewBox", `0 0 ${bitmap.width} ${bitmap.height}`);
  for (const field of Object.values(row?.fields ?? {}).filter(({ place }) => place)) {
    const corners = field.place.map(([x, y]) => [x * scale, y * scale]);
    const box = document.createElementNS(SVG, "polygon");
    box.setAttribute("points", corners.join(" "));
    const said = document.createElementNS(SVG, "text");
    const height = Math.hypot(corners[3][0] - corners[0][0], corners[3][1] - corners[0][1]);
    said.setAttribute("x", String(corners[1][0]));
    said.setAttribute("y", String(corners[1][1] + height / 2));
    said.setAttribute("font-size", String(Math.max(bitmap.width / 60, height * 0.45)));
    said.textContent = valueText(field);
    box.dataset.status = said.dataset.status = field.status;
    over.append(box, said);
  }
  figure.append(canvas, over);
  return figure;
}
