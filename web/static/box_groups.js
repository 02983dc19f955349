// The review of form pages by digit: sheets of the boxes of doubtful fields, over all pages, that the model read alike, and
// of ticks of one value. A field is answered when each of its boxes is. The fields are this tab's alone, as many as one may
// hold of one reason: of some reasons, hardly any field has a value that could be looked at box by box.

import { TAKEN_BACK, answerOfKey } from "./answers.js";
import { showProblem } from "./api.js";
import { Conflicts } from "./conflicts.js";
import { clicked, onKeys, showRestored, showSending, showTally } from "./desk.js";
import { at } from "./elements.js";
import { Holders } from "./holders.js";
import { Holding, MOST_ROWS } from "./holding.js";
import { isUndo } from "./keys.js";
import { Outbox } from "./outbox.js";
import { Sheet } from "./sheet.js";
import { Tally } from "./tally.js";
import { number, text } from "./texts.js";
import { heldValues, keyOf } from "./values.js";

const MOST_ON_A_SHEET = 36;
const LOOK_AGAIN_MS = 4000;
// what others have given back is looked for so often
const START_OVER_MS = 60_000;
// no reason is called so: who asks for it holds nothing, and is told what waits
const NONE = "-";

const job = `/v1/jobs/${at("review").dataset.id}`;
const results = `${job}/results`;
const tally = new Tally();
// doubtful fields, {row, value, reason, boxes, isLater, isOver, isSent, undone}; a box is {row, odd, said, field, verdict}
const fields = [];
// sheets that were confirmed, {boxes, sent, later}, the last one last
const done = [];
let chosen = null;
let shown = [];
// the reason of the fields that are asked for, those of which nothing is left to do here, and how many fields wait
let reason = NONE;
const passed = new Set();
/** @type {number | null} */
let waitingFields = null;

const pictures = {
  // the picture of a box, by the name of its tile
  get: (name) => image(boxes.get(name)),
  thumbnail: ({ index, field }) => image({ row: { address: `${index}/fields/${encodeURIComponent(field)}/image` } }),
};
const boxes = new Map();
const outbox = new Outbox(results, {
  settled: (entry, said) => {
    if (said === TAKEN_BACK) {
      entry.undone = holding.number;
      holding.ask();
    }
  },
  conflict: (entry, said) => {
    entry.isOver = true;
    show();
    conflicts.add(entry, said);
  },
  refused: (_entry, words) => showProblem(words),
  told: (error) => {
    showSending(error, outbox.size);
    if (outbox.size === 0) {
      holding.ask();
    }
  },
});
const conflicts = new Conflicts(pictures, { keepMine: (entry, said) => outbox.put(entry, said), keepTheirs: () => {} });
const sheet = new Sheet(at("sheet"), pictures, { withDigits: true });
const holders = new Holders(`${job}/review`, (holder) => {
  passed.clear();
  holding.takeOver(holder);
});
const holding = new Holding(`${job}/review`, {
  wanted: () => ({ limit: MOST_ROWS, prediction: reason }),
  got: (review, question) => {
    merge(heldValues(review), question);
    const counts = Object.entries(review.waiting).filter(([, count]) => count > 0);
    waitingFields = counts.reduce((sum, [, count]) => sum + count, 0);
    goOn(counts);
    show();
  },
  told: (error) => showSending(error ?? outbox.error, outbox.size),
});

function image({ row }) {
  const found = new Image();
  found.alt = "";
  found.draggable = false;
  found.src = `${results}/${row.address}`;
  return found;
}

// Takes in what is held now; what is not, somebody else has taken, or answered.
function merge(rows, question) {
  const held = new Set(rows.map(keyOf));
  const lost = fields.filter(
    (field) => !field.isSent && !field.isOver && !held.has(keyOf(field.row)) && !outbox.has(field) && !(field.undone >= question),
  );
  if (lost.some(({ isLater }) => !isLater)) {
    at("notice").textContent = text("taken_over_some");
  }
  lost.forEach((field) => (field.isOver = true));
  const known = new Set(fields.filter(({ isOver }) => !isOver).map(({ row }) => keyOf(row)));
  rows.filter((row) => !known.has(keyOf(row)) && !outbox.answers(row)).forEach(take);
}

// Where nothing of this reason is left to do here, on to the next: first those of which most wait.
function goOn(counts) {
  if (waiting().length || outbox.size) {
    return;
  }
  passed.add(reason);
  const next = counts.filter(([name]) => !passed.has(name)).sort((one, other) => other[1] - one[1])[0]?.[0] ?? NONE;
  if (next !== reason) {
    reason = next;
    holding.ask();
  }
}

function take(row) {
  const entry = { row, value: row.value, reason, boxes: [], isLater: row.value === null, isOver: false, isSent: false };
  entry.boxes = row.value === null ? [] : parts(row).map((part) => box(entry, part));
  fields.push(entry);
}

// Its digits, or the whole field where they do not make its value.
function parts({ index, field, value, characters, confidence }) {
  const address = `${index}/fields/${encodeURIComponent(field)}/image`;
  const title = `${index}, ${field}`;
  if (characters.length === 0 || characters.length !== value.length) {
    return [{ title, prediction: value, confidence: confidence ?? 0, address }];
  }
  return characters.map(({ guesses }, place) => ({
    title: `${title}, ${place + 1}`,
    prediction: value[place],
    confidence: guesses[0]?.confidence ?? 0,
    address: `${address}?character=${place}`,
  }));
}

function box(field, { title, prediction, confidence, address }) {
  const made = { row: { index: title, prediction, confidence, reason: null, address }, odd: false, said: null, field, verdict: null };
  boxes.set(title, made);
  return made;
}

function waiting() {
  return fields.filter(({ isLater, isOver }) => !isLater && !isOver).flatMap((field) => field.boxes.filter(({ verdict }) => verdict === null));
}

// What waits, by what the model read: digits first, then what is longer.
function groups() {
  const found = new Map();
  for (const { row } of waiting()) {
    found.set(row.prediction, (found.get(row.prediction) ?? 0) + 1);
  }
  return new Map([...found].sort(([one], [other]) => one.length - other.length || (one < other ? -1 : 1)));
}

function show() {
  const found = groups();
  const kept = shown.filter(({ field }) => !field.isOver);
  if (kept.length && kept.length < shown.length) {
    sheet.show(kept);
    sheet.focus();
  }
  shown = kept;
  if (shown.length === 0) {
    if (!found.has(chosen)) {
      // the one of which most wait
      chosen = [...found].sort((one, other) => other[1] - one[1])[0]?.[0] ?? null;
    }
    const some = waiting().filter(({ row }) => row.prediction === chosen);
    // the odd ones first
    shown = some.sort((one, other) => one.row.confidence - other.row.confidence).slice(0, MOST_ON_A_SHEET);
    sheet.show(shown);
    if (shown.length === 0) {
      // the tile that had the focus is gone
      at("content").focus({ preventScroll: true });
    } else {
      at("row").hidden = false;
      sheet.focus();
      at("spoken").textContent = text("sheet", { count: shown.length, digit: chosen });
    }
  }
  at("row").hidden = shown.length === 0;
  // until all reasons are looked through
  at("nothing").hidden = shown.length > 0 || waitingFields === null || reason !== NONE;
  at("undo").disabled = done.length === 0;
  if (shown.length) {
    at("sheet-title").textContent = text("sheet", { count: shown.length, digit: chosen });
  } else {
    showNothing();
  }
  const later = fields.filter(({ isLater, isOver, value }) => isLater && !isOver && value !== null).length;
  at("later").textContent = later ? text("fields_for_later", { count: later }) : "";
  showDigits([...found]);
  showTally(tally, left());
}

function showNothing() {
  const count = left();
  at("nothing-text").textContent = count ? text("fields_for_later", { count }) : text("nothing_left");
  if (count) {
    holders.show();
  } else {
    holders.hide();
  }
}

function showDigits(found) {
  // a button that has the focus stays
  const told = JSON.stringify([chosen, found]);
  if (at("digits").dataset.told !== told) {
    at("digits").dataset.told = told;
    at("digits").replaceChildren(...found.map(([value, count]) => button(value, count)));
  }
}

function button(value, count) {
  const made = document.createElement("button");
  const name = document.createElement("b");
  const many = document.createElement("small");
  Object.assign(made, { type: "button" });
  made.dataset.digit = name.textContent = value;
  many.textContent = number(count);
  made.setAttribute("aria-pressed", String(value === chosen));
  made.append(name, " ", many);
  return made;
}

// Fields that wait, on anybody's screen, without those that are answered here already.
function left() {
  return Math.max(0, (waitingFields ?? 0) - fields.filter((field) => field.isSent && outbox.has(field)).length);
}

function confirm() {
  if (!shown.length) {
    return;
  }
  const sent = new Set();
  const later = new Set();
  for (const each of shown) {
    // what is marked, and no digit, is for the review that shows the whole field
    each.verdict = each.said?.prediction ?? (each.odd ? null : each.row.prediction);
    (each.verdict === null ? later : sent).add(each.field);
  }
  later.forEach((field) => (field.isLater = true));
  const answered = [...sent].filter((field) => field.boxes.every(({ verdict }) => verdict !== null));
  for (const field of answered) {
    const prediction = field.boxes.map(({ verdict }) => verdict).join("");
    tally.add(prediction !== field.value);
    field.isSent = true;
    outbox.put(field, { prediction });
  }
  done.push({ boxes: shown, sent: answered, later: [...later] });
  at("notice").textContent = text("boxes_done", { count: shown.length });
  shown = [];
  show();
  holding.ask();
}

function undo() {
  const last = done.pop();
  if (!last) {
    return;
  }
  last.boxes.forEach((each) => (each.verdict = null));
  last.later.forEach((field) => (field.isLater = false));
  reason = last.boxes[0].field.reason;
  passed.delete(reason);
  for (const field of last.sent.filter(({ isOver }) => !isOver)) {
    tally.takeBack();
    field.isSent = false;
    outbox.put(field, TAKEN_BACK);
  }
  shown = last.boxes.filter(({ field }) => !field.isOver);
  chosen = shown[0]?.row.prediction ?? chosen;
  sheet.show(shown);
  show();
  if (shown.length) {
    sheet.focus();
  }
}

function say(said) {
  const current = sheet.current;
  if (current && (said.prediction || said.status)) {
    current.odd = said.prediction !== current.row.prediction;
    current.said = current.odd && said.prediction ? said : null;
    sheet.paintCurrent();
    sheet.focus();
  }
}

onKeys((event) => {
  const typed = /^[0-9]$/.test(event.key) && shown[0]?.row.prediction.length === 1 ? { prediction: event.key } : answerOfKey(event);
  if (typed && shown.length) {
    say(typed);
  } else if (isUndo(event) && !event.repeat) {
    undo();
  } else if (event.key === "Enter" && !event.repeat) {
    confirm();
  } else if (!(event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End") || !shown.length || !sheet.move(event.key)) {
    return;
  }
  event.preventDefault();
});
at("confirm").addEventListener("click", (event) => {
  confirm();
  clicked(event);
});
at("undo").addEventListener("click", (event) => {
  undo();
  clicked(event);
});
at("digits").addEventListener("click", (event) => {
  const pressed = event.target.closest("button");
  if (pressed) {
    chosen = pressed.dataset.digit;
    shown = [];
    show();
  }
});
setInterval(() => showTally(tally, left()), 1000);
setInterval(() => {
  if (!shown.length && document.visibilityState === "visible") {
    holding.ask();
  }
}, LOOK_AGAIN_MS);
setInterval(() => passed.clear(), START_OVER_MS);
await showRestored(outbox);
holding.ask();
