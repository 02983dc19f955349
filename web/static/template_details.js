// What is said of the chosen fields: their kind, boxes, length and place, and what an empty or crossed box means.

import { at } from "./elements.js";
import { MOST_BOXES, asKind, changed, distinct, split } from "./template_draft.js";
import { boundsOf, fitted } from "./template_quads.js";

const SIDES = ["left", "top", "right", "bottom"];
const CHOICES = ["align", "empty", "crossed", "dash", "struck_out", "choose", "blackened"];

export class Details {
  // `change(draft, joins)`: this is how it is to be.
  constructor(change) {
    this.place = at("details");
    this.change = change;
    this.place.addEventListener("change", (event) => this.take(event.target));
    this.place.addEventListener("focusin", () => (this.visit = Symbol("visit")));
  }

  show(draft, selected) {
    this.draft = draft;
    const chosen = draft.fields.filter(({ key }) => selected.includes(key));
    this.place.hidden = chosen.length === 0;
    at("one").hidden = chosen.length !== 1;
    at("join").hidden = chosen.length < 2;
    this.field = chosen.length === 1 ? chosen[0] : null;
    if (this.field) {
      this.fill(this.field);
    }
  }

  fill({ name, kind, quads, options, more }) {
    for (const element of this.place.querySelectorAll("[data-kinds]")) {
      element.hidden = !element.dataset.kinds.split(" ").includes(kind);
    }
    this.set("label", more.label ?? "");
    at("label").placeholder = name;
    this.set("kind", kind);
    this.set("boxes", kind === "number" ? 1 : quads.length);
    this.set("least", more.length?.[0] ?? "");
    this.set("most", more.length?.[1] ?? "");
    this.set("separators", more.separators ?? "");
    this.set("options", options.join(options.some((option) => option.includes(",")) ? " | " : ", "));
    for (const name of CHOICES) {
      this.set(name, more[name] ?? at(name).dataset.usual);
    }
    at("critical").checked = Boolean(more.critical);
    const bounds = boundsOf(quads);
    SIDES.forEach((side) => this.set(side, Math.round(bounds[side])));
  }

  set(id, value) {
    if (document.activeElement !== at(id) || at(id).type === "select-one") {
      at(id).value = value;
    }
  }

  take({ id, value, checked }) {
    const { key } = this.field;
    const say = (change) => this.change(changed(this.draft, key, change), this.visit);
    const number = Number(value);
    if (id === "label") {
      const label = value.trim().replace(/\s+/g, " ");
      say((field) => ({ more: { ...field.more, label: label && label !== field.name ? label : undefined } }));
    } else if (id === "kind") {
      say((field) => asKind(field, value));
    } else if (id === "boxes" && number >= 1 && number <= MOST_BOXES) {
      say((field) => split(field, Math.round(number)));
    } else if (id === "least" || id === "most") {
      say((field) => ({ more: { ...field.more, length: this.length(field) } }));
    } else if (id === "separators") {
      say((field) => ({ more: { ...field.more, separators: value } }));
    } else if (id === "options") {
      const names = value.split(value.includes("|") ? "|" : ",").map((name) => name.trim());
      say((field) => ({ options: distinct(field.options.map((before, place) => names[place] || before)) }));
    } else if (id === "critical") {
      say((field) => ({ more: { ...field.more, critical: checked || undefined } }));
    } else if (CHOICES.includes(id)) {
      say((field) => ({ more: { ...field.more, [id]: value } }));
    } else if (SIDES.includes(id)) {
      this.takeSide(id, number, say);
    }
  }

  // Both are needed, and what is left open is as wide as it can be.
  length({ kind, quads }) {
    const most = kind === "digits" ? quads.length : MOST_BOXES;
    const [least, largest] = [at("least").value, at("most").value];
    return least === "" && largest === "" ? undefined : [Number(least || 0), Number(largest || most)];
  }

  takeSide(side, value, say) {
    const before = boundsOf(this.field.quads);
    const after = { ...before, [side]: value };
    const { width, height } = this.draft.page;
    const isOnPage = after.left >= 0 && after.top >= 0 && after.right <= width && after.bottom <= height;
    if (isOnPage && after.right - after.left >= 4 && after.bottom - after.top >= 4) {
      say((field) => ({ quads: fitted(field.quads, before, after) }));
    } else {
      this.fill(this.field);
    }
  }
}
