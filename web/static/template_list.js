// The fields of a template as a list of names to type: each with what the page shows there, and what is wrong with it.

import { asName } from "./template_draft.js";
import { boundsOf } from "./template_quads.js";
import { text } from "./texts.js";

const CUT = { width: 288, height: 72 };
// of the height of a field: how much of the page is shown left of it, where its label stands
const LABEL = 4;
const AROUND = 0.5;

export class FieldList {
  // `select(keys)`: this field is looked at. `rename(key, name, joins)`: somebody typed a name.
  constructor(place, canvas, { select, rename }) {
    this.place = place;
    this.canvas = canvas;
    this.on = { select, rename };
    this.lines = new Map();
    place.addEventListener("focusin", (event) => {
      const line = event.target.closest("li");
      this.visit = Symbol("visit");
      event.target.select?.();
      this.on.select([Number(line.dataset.key)]);
    });
    place.addEventListener("input", ({ target, isComposing }) => {
      const name = asName(target.value);
      if (name !== target.value && !isComposing) {
        const caret = target.selectionStart - target.value.length;
        target.value = name;
        target.setSelectionRange(name.length + caret, name.length + caret);
      }
      this.on.rename(Number(target.closest("li").dataset.key), name, this.visit);
    });
    place.addEventListener("keydown", (event) => {
      const step = { Enter: event.shiftKey ? -1 : 1, ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && !event.isComposing) {
        event.preventDefault();
        this.step(event.target.closest("li"), step);
      }
    });
  }

  step(line, by) {
    const next = by > 0 ? line.nextElementSibling : line.previousElementSibling;
    next?.querySelector("input").focus();
  }

  show(draft, selected, faults) {
    const keys = draft.fields.map(({ key }) => key);
    for (const [key, { line }] of this.lines) {
      if (!keys.includes(key)) {
        line.remove();
        this.lines.delete(key);
      }
    }
    draft.fields.forEach((field, place) => {
      const known = this.lines.get(field.key) ?? this.line(field.key);
      if (this.place.children[place] !== known.line) {
        this.place.insertBefore(known.line, this.place.children[place] ?? null);
      }
      this.fill(known, field, place, faults.get(field.key) ?? "");
      const isChosen = selected.includes(field.key);
      if (isChosen && !known.line.classList.contains("chosen")) {
        known.line.scrollIntoView({ block: "nearest" });
      }
      known.line.classList.toggle("chosen", isChosen);
    });
  }

  line(key) {
    const line = document.createElement("li");
    line.dataset.key = key;
    const cut = document.createElement("canvas");
    Object.assign(cut, CUT);
    cut.setAttribute("aria-hidden", "true");
    const input = document.createElement("input");
    Object.assign(input, { maxLength: 64, autocomplete: "off", spellcheck: false });
    input.setAttribute("autocapitalize", "off");
    const kind = document.createElement("small");
    const fault = document.createElement("p");
    fault.className = "fault";
    fault.id = `fault-${key}`;
    input.setAttribute("aria-describedby", fault.id);
    line.append(cut, input, kind, fault);
    const known = { line, cut, input, kind, fault, field: null };
    this.lines.set(key, known);
    return known;
  }

  fill(known, field, place, fault) {
    known.input.setAttribute("aria-label", text("name_of", { number: String(place + 1) }));
    if (asName(known.input.value) !== field.name) {
      known.input.value = field.name;
    }
    known.fault.textContent = fault;
    known.input.setAttribute("aria-invalid", fault ? "true" : "false");
    if (known.field?.quads !== field.quads) {
      this.draw(known.cut, field);
    }
    if (known.field !== field) {
      known.kind.textContent = text(`is_${field.kind}`, { count: field.quads.length });
    }
    known.field = field;
  }

  draw(cut, { quads }) {
    const { left, top, right, bottom } = boundsOf(quads);
    const high = bottom - top;
    const height = high * (1 + 2 * AROUND);
    const most = Math.max(0, left - LABEL * high);
    const width = Math.min(this.canvas.width - most, right - most + AROUND * high);
    const scale = Math.min(cut.height / height, cut.width / width);
    const context = cut.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, cut.width, cut.height);
    const y = (cut.height - height * scale) / 2;
    context.drawImage(this.canvas, most, top - AROUND * high, width, height, 0, y, width * scale, height * scale);
    context.strokeStyle = "#1d5a8e";
    context.lineWidth = 2;
    context.strokeRect((left - most) * scale, y + AROUND * high * scale, (right - left) * scale, high * scale);
  }

  focus(key) {
    this.lines.get(key)?.input.focus();
  }

  get typing() {
    return this.place.contains(document.activeElement);
  }
}
