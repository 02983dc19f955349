// A template that is being made: from and to the JSON of the service, and every change of it. A draft is never changed in
// place: each change returns another, so that all of them can be undone.
//
// Its fields are {key, name, kind, quads, options, …}: the boxes of digits, the options of a mark by their names, or one
// quad. `key` is a number that stays; what else a field of its kind may say stands in `more`.

import { boundsOf, cellsOf, moved, outlineOf } from "./template_quads.js";

const OWN = new Set(["name", "kind", "quad", "grid", "boxes", "options"]);
const MORE = {
  digits: ["label", "length", "align", "empty", "crossed", "dash", "struck_out", "critical"],
  number: ["label", "length", "separators", "empty", "crossed", "dash", "struck_out", "critical"],
  mark: ["label", "choose", "blackened", "critical"],
  code: ["label"],
  picture: ["label"],
};
const WIDE = 1.6;
const APART = 1.2;
const MOST_LETTERS = 26;
export const MOST_BOXES = 32;
let lastKey = 0;

export function fromTemplate(document) {
  return {
    name: document.name,
    version: document.version,
    title: document.title ?? "",
    page: document.page,
    registration: document.registration ?? { method: "auto", markers: [] },
    fields: document.fields.map(fromField),
    rules: (document.checks ?? []).map(({ rule }) => rule).join("\n"),
    lists: Object.entries(document.lists ?? {}).map(([name, values]) => `${name}: ${values.join(", ")}`).join("\n"),
  };
}

export function toTemplate({ name, version, title, page, registration, fields, rules, lists }) {
  const named = Object.fromEntries(linesOf(lists).map(({ line }) => listOf(line)));
  const found = { name, version, title, page, registration, fields: fields.map(toField) };
  return { ...found, checks: linesOf(rules).map(({ line }) => ({ rule: line })), lists: named };
}

// Lines that are not empty, with their numbers from 1.
export function linesOf(text) {
  return text.split("\n").map((line, place) => ({ line: line.trim(), number: place + 1 })).filter(({ line }) => line);
}

function listOf(line) {
  const [name, ...rest] = line.split(":");
  return [name.trim(), rest.join(":").split(",").map((value) => value.trim()).filter(Boolean)];
}

function fromField(field) {
  const more = Object.fromEntries(Object.entries(field).filter(([name]) => !OWN.has(name)));
  const quads = field.grid ? cellsOf(field.grid.quad, field.grid.cells) : field.boxes ?? (field.options ? Object.values(field.options) : [field.quad]);
  return made(field.name, field.kind, quads, field.options ? Object.keys(field.options) : [], more);
}

function toField({ name, kind, quads, options, more }) {
  const said = Object.fromEntries(MORE[kind].filter((each) => more[each] !== undefined).map((each) => [each, more[each]]));
  if (kind === "digits") {
    return { name, kind, boxes: quads, ...said };
  }
  if (kind === "mark") {
    return { name, kind, options: Object.fromEntries(quads.map((quad, place) => [options[place], quad])), ...said };
  }
  return { name, kind, quad: quads[0], ...said };
}

function made(name, kind, quads, options = [], more = {}) {
  lastKey += 1;
  return { key: lastKey, name, kind, quads, options, more };
}

// After a draft came out of the browser's storage: its keys are not given again.
export function takeUp(draft) {
  lastKey = Math.max(lastKey, ...draft.fields.map(({ key }) => key));
  return draft;
}

export function changed(draft, key, change) {
  return { ...draft, fields: draft.fields.map((field) => (field.key === key ? { ...field, ...change(field) } : field)) };
}

export function without(draft, keys) {
  return { ...draft, fields: draft.fields.filter(({ key }) => !keys.includes(key)) };
}

// A field in this quad, where it is read: before the first whose top lies below its middle. Returns [draft, key].
export function withField(draft, quad) {
  const { left, top, right, bottom } = boundsOf([quad]);
  const kind = right - left > WIDE * (bottom - top) ? "number" : "digits";
  const field = made(free("field1", namesOf(draft.fields)), kind, [quad]);
  const below = draft.fields.findIndex((each) => boundsOf(each.quads).top > (top + bottom) / 2);
  const place = below < 0 ? draft.fields.length : below;
  return [{ ...draft, fields: draft.fields.toSpliced(place, 0, field) }, field.key];
}

export function withQuads(draft, quadsByKey) {
  return { ...draft, fields: draft.fields.map((field) => (quadsByKey.has(field.key) ? { ...field, quads: quadsByKey.get(field.key) } : field)) };
}

// The same place as a field of another kind, called as before.
export function asKind(field, kind) {
  if (kind === field.kind) {
    return field;
  }
  const boxes = kind === "digits" || kind === "mark";
  const quads = boxes ? field.quads : [outlineOf(field.quads)];
  const { label, critical } = field.more;
  const choice = kind === "mark" ? { choose: quads.length > 1 ? "one" : "any" } : {};
  return { kind, quads, options: kind === "mark" ? letters(quads.length) : [], more: { label, critical, ...choice } };
}

// In so many boxes of equal size where it stands; a number becomes one of digits.
export function split(field, count) {
  const outline = outlineOf(field.quads);
  const { left, top, right, bottom } = boundsOf([outline]);
  const down = field.kind === "mark" && bottom - top > right - left;
  const quads = cellsOf(outline, count, down);
  const kept = distinct(Array.from(letters(count), (letter, place) => field.options[place] ?? letter));
  return field.kind === "mark" ? { quads, options: kept } : { kind: "digits", quads, options: [], more: { ...field.more, separators: undefined, length: undefined } };
}

// These fields as one, in the order of reading, with the name and the kind of the first. Returns [draft, key].
export function joined(draft, keys) {
  const fields = draft.fields.filter(({ key }) => keys.includes(key));
  const [first] = fields;
  const boxed = first.kind === "digits" || first.kind === "mark";
  const all = inOrder(fields.flatMap(({ quads }) => quads));
  const quads = boxed ? all : [outlineOf(all)];
  const options = first.kind === "mark" ? letters(quads.length) : [];
  return [changed(without(draft, keys.slice().filter((key) => key !== first.key)), first.key, () => ({ quads, options, more: { ...first.more, length: undefined } })), first.key];
}

function inOrder(quads) {
  const { left, top, right, bottom } = boundsOf(quads);
  const across = right - left >= bottom - top;
  const place = (quad) => (across ? boundsOf([quad]).left : boundsOf([quad]).top);
  return quads.toSorted((one, other) => place(one) - place(other));
}

// Up to so many copies of these fields, as the page has room for: as far from each other as the fields are from those that
// they were copied of, where they are what `last` returned, or else right below. Null where there is no room at all.
export function furtherCopies(draft, keys, wanted, last) {
  const around = (fields, chosen) => boundsOf(fields.filter(({ key }) => chosen.includes(key)).flatMap(({ quads }) => quads));
  const bounds = around(draft.fields, keys);
  const before = last?.keys.join() === keys.join() ? last.from : null;
  const [dx, dy] = before ? [bounds.left - before.left, bounds.top - before.top] : [0, (bounds.bottom - bounds.top) * APART];
  const { width, height } = draft.page;
  const fits = (count) => bounds.left + dx * count >= 0 && bounds.right + dx * count <= width && bounds.top + dy * count >= 0 && bounds.bottom + dy * count <= height;
  let count = wanted;
  while (count > 0 && !fits(count)) {
    count -= 1;
  }
  if (count === 0) {
    return null;
  }
  const [made, copies] = copied(draft, keys, count, dx, dy);
  const end = around(made.fields, copies);
  return { draft: made, keys: copies, from: { left: end.left - dx, top: end.top - dy } };
}

// Copies of these fields, so many times, each so far from the one before. Returns [draft, keys of the last copies].
function copied(draft, keys, count, dx, dy) {
  const fields = [...draft.fields];
  let last = [];
  for (let step = 1; step <= count; step += 1) {
    last = draft.fields.filter(({ key }) => keys.includes(key)).map((field) => {
      const label = field.more.label && free(field.more.label, fields.map(({ more }) => more.label));
      const copy = made(free(field.name, namesOf(fields)), field.kind, moved(field.quads, step * dx, step * dy), field.options, { ...field.more, label });
      fields.push(copy);
      return copy.key;
    });
  }
  return [{ ...draft, fields }, last];
}

function namesOf(fields) {
  return fields.map(({ name }) => name);
}

// male2 follows male, and row8 row7: the number at its end goes up until nobody has it.
export function free(name, others) {
  const taken = new Set(others);
  const [, stem, digits] = /** @type {string[]} */ (/^(.*?)(\d*)$/.exec(name));
  let [found, number] = [name, Number(digits || 1)];
  while (taken.has(found)) {
    number += 1;
    found = `${stem}${String(number).padStart(digits.length, "0")}`;
  }
  return found;
}

// Each once: of two boxes of one name the template would have the last alone.
export function distinct(names) {
  const found = [];
  for (const name of names) {
    found.push(free(name, found));
  }
  return found;
}

function letters(count) {
  return Array.from({ length: count }, (_, place) => (place < MOST_LETTERS ? String.fromCharCode(65 + place) : `A${place + 1}`));
}

// Names have letters, digits and _ alone; what people type between is brought to that.
export function asName(typed) {
  return typed.trimStart().replace(/[\s.\-/]+/g, "_");
}

// Every draft that there was, and the way back and forth between them.
export class Past {
  // `told()` is called after each change.
  constructor(draft, told) {
    this.draft = draft;
    this.told = told;
    this.before = [];
    this.after = [];
    this.joins = null;
  }

  // Changes that name the same `joins`, one after the other, are taken back as one.
  change(draft, joins = null) {
    if (draft === this.draft) {
      return;
    }
    if (joins === null || joins !== this.joins) {
      this.before.push(this.draft);
    }
    this.joins = joins;
    this.after = [];
    this.draft = draft;
    this.told();
  }

  undo() {
    this.step(this.before, this.after);
  }

  redo() {
    this.step(this.after, this.before);
  }

  step(from, to) {
    if (from.length) {
      to.push(this.draft);
      this.draft = from.pop();
      this.joins = null;
      this.told();
    }
  }
}
