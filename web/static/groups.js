// The review by digit: a sheet of crops that the model read alike; the odd ones out are marked, the rest is confirmed.

import { TAKEN_BACK, answerOf, answerOfKey, digit, likelyAnswer, saysAsModel } from "./answers.js";
import { showProblem } from "./api.js";
import { Conflicts } from "./conflicts.js";
import { clicked, onKeys, showSending, showTally } from "./desk.js";
import { Holding, MOST_ROWS } from "./holding.js";
import { letterOfKey } from "./keys.js";
import { Outbox } from "./outbox.js";
import { Pictures } from "./pictures.js";
import { Sheet } from "./sheet.js";
import { number, text } from "./texts.js";
import { Tally } from "./tally.js";

const at = (id) => document.getElementById(id);
const job = `/v1/jobs/${at("review").dataset.id}`;
const MOST_ON_A_SHEET = 36;
const LOOK_AGAIN_MS = 4000;

const pictures = new Pictures(`${job}/results`);
const tally = new Tally();
const outbox = new Outbox(`${job}/results`, {
  settled: (entry, said) => {
    if (said === TAKEN_BACK) {
      entry.undone = holding.number;
      holding.ask();
    }
  },
  conflict: (entry, said) => {
    overtaken(entry);
    conflicts.add(entry, said);
  },
  refused: (entry, error) => showProblem(error.detail),
  told: (error) => {
    showSending(error, outbox.size);
    if (outbox.size === 0) {
      holding.ask();
    }
  },
});
const conflicts = new Conflicts(pictures, {
  keepMine: (entry, said) => outbox.put(entry, said),
  keepTheirs: () => {},
});
const sheet = new Sheet(at("sheet"), pictures);
const holding = new Holding(`${job}/review`, {
  wanted: () => {
    // the first question only finds out how many there are; the service counts what is on its way as unanswered, and
    // takes back what is more than the limit, while the person may already be at its sheet
    const here = Math.max(2 * MOST_ON_A_SHEET, shown.length + next.length) + later.size + outbox.size;
    const limit = chosen === null ? 1 : Math.min(MOST_ROWS, here);
    asked = { limit, prediction: chosen };
    return asked;
  },
  got: take,
  told: (error) => showSending(error ?? outbox.error, outbox.size),
});

// the digit whose rows are shown, what was last asked for, and the digit of which it is known what there is
let chosen = null;
let asked = null;
let known = null;
let shown = [];
let next = [];
let waiting = {};
// answered since `waiting` was counted, or on their way
let recent = [];
const done = [];
const answered = new Set();
// what was marked and left, by row, with the digit that it was read as
const later = new Map();
// digits of which there was nothing left for this tab
const spent = new Set();
// the last sheet of a digit is done; the next digit's is fetched meanwhile, and shown when asked for
let pausing = false;

function take(review, number) {
  waiting = review.waiting;
  recent = recent.filter((entry) => outbox.has(entry));
  if (chosen === null) {
    choose(fullest() ?? "0");
    return;
  }
  if (asked.prediction !== chosen) {
    return;
  }
  known = chosen;
  const rows = review.results;
  const held = new Set(rows.map(({ index }) => index));
  const kept = shown.filter((entry) => held.has(entry.row.index) || outbox.has(entry) || entry.undone >= number);
  const onSheet = new Set(kept.map(({ row }) => row.index));
  const fresh = rows.filter(({ index }) => !answered.has(index) && !later.has(index) && !onSheet.has(index));
  next = fresh.map(entryOf);
  next.forEach(({ row }) => pictures.get(row.index, "thumbnail"));
  if (kept.length < shown.length) {
    at("notice").textContent = text("taken_over_some");
    present(kept);
  } else {
    const isAll = rows.length < asked.limit || rows.every(({ index }) => later.has(index));
    goOn(isAll);
  }
}

// What the model takes for no digit is marked so from the beginning.
function entryOf(row) {
  const likely = likelyAnswer(row);
  return likely.prediction ? { row, odd: false, said: null } : { row, odd: true, said: likely };
}

// After an answer of the service; `isAll`: it has no more rows of this digit.
function goOn(isAll) {
  if (shown.length || next.length) {
    show();
  } else if (isAll) {
    goAhead();
  } else {
    // all that it gave was answered meanwhile
    known = null;
    holding.ask();
  }
}

// To the next digit, where nothing of this one is left, so that its sheet is there when it is asked for.
function goAhead() {
  spent.add(chosen);
  const following = fullest();
  pausing = following !== null;
  if (pausing) {
    choose(following);
  } else {
    show();
  }
}

// Somebody else has the last word on the row: no sheet confirms it, and no undo takes that back.
function overtaken(entry) {
  const others = (entries) => entries.filter((each) => each !== entry);
  entry.said = answerOf(entry.row.correction);
  for (const each of done) {
    each.sheet = others(each.sheet);
    each.answers = others(each.answers);
  }
  if (shown.includes(entry)) {
    present(others(shown));
  }
}

function present(entries) {
  shown = entries;
  sheet.show(shown);
  show();
  if (shown.length) {
    sheet.focus();
  }
}

function show() {
  if (!shown.length && next.length && !pausing) {
    const some = next.splice(0, MOST_ON_A_SHEET);
    present(some);
    at("spoken").textContent = text("sheet", { count: some.length, digit: chosen });
    return;
  }
  at("row").hidden = shown.length === 0;
  at("nothing").hidden = shown.length > 0 || (known !== chosen && !pausing);
  at("undo").disabled = done.length === 0;
  at("later").textContent = later.size ? text("left_for_later", { count: later.size }) : "";
  if (shown.length) {
    at("sheet-title").textContent = text("sheet", { count: shown.length, digit: chosen });
  } else {
    // the tile that had the focus is gone
    at("content").focus({ preventScroll: true });
    at("nothing-text").textContent = over();
  }
  showDigits();
  showTally(tally, left());
}

function over() {
  const count = left();
  if (count === 0) {
    return text("nothing_left");
  }
  return pausing ? text("group_over", { count, digit: chosen }) : text("groups_over", { count });
}

function left() {
  return Object.values(counts()).reduce((sum, count) => sum + count, 0);
}

// Rows that wait, by digit.
function counts() {
  const found = { ...waiting };
  for (const { row } of recent) {
    found[row.prediction] = Math.max(0, found[row.prediction] - 1);
  }
  return found;
}

function showDigits() {
  const found = counts();
  for (const button of at("digits").children) {
    const value = button.dataset.digit;
    button.querySelector("small").textContent = number(found[value] ?? 0);
    button.disabled = !found[value] && value !== chosen;
    button.setAttribute("aria-pressed", String(value === chosen));
  }
}

// Whether nothing of this digit waits but what was marked and left.
function isDone(value) {
  return (counts()[value] ?? 0) <= [...later.values()].filter((each) => each === value).length;
}

// The digit of which most rows wait, but for those of which nothing is left here; null for none.
function fullest() {
  const found = Object.entries(counts()).filter(([value]) => !spent.has(value) && !isDone(value));
  return found.length ? found.reduce((best, each) => (each[1] > best[1] ? each : best))[0] : null;
}

function choose(value) {
  chosen = value;
  shown = [];
  next = [];
  holding.ask();
  show();
}

// Away from what is shown, to a digit that a person wants to see.
function turnTo(value) {
  spent.clear();
  pausing = false;
  if (value !== null) {
    choose(value);
  }
}

function confirm() {
  if (pausing) {
    pausing = false;
    show();
    return;
  }
  if (!shown.length) {
    spent.clear();
    turnTo(fullest());
    return;
  }
  const answers = shown.filter(({ odd, said }) => said || !odd);
  shown.filter(({ odd, said }) => odd && !said).forEach(({ row }) => later.set(row.index, row.prediction));
  for (const entry of answers) {
    entry.said ??= digit(entry.row.prediction);
    answered.add(entry.row.index);
    recent.push(entry);
    tally.add(!saysAsModel(entry.row, entry.said));
    outbox.put(entry, entry.said);
  }
  done.push({ sheet: shown, answers, digit: chosen });
  at("notice").textContent = text("sheet_done", { count: answers.length });
  shown = [];
  if (!next.length) {
    // whether more of this digit wait, the service says
    known = null;
  }
  show();
  holding.ask();
}

function undo() {
  const last = done.pop();
  if (!last) {
    return;
  }
  for (const entry of last.answers) {
    answered.delete(entry.row.index);
    tally.takeBack();
    outbox.put(entry, TAKEN_BACK);
    recent = recent.filter((each) => each !== entry);
    entry.said = entry.odd ? entry.said : null;
  }
  last.sheet.forEach(({ row }) => later.delete(row.index));
  chosen = last.digit;
  spent.clear();
  pausing = false;
  next = shown.concat(next).filter(({ row }) => row.prediction === chosen);
  present(last.sheet);
}

function say(said) {
  const entry = sheet.current;
  const same = said.prediction === entry.row.prediction;
  entry.odd = !same;
  entry.said = same ? null : said;
  sheet.paintCurrent();
}

onKeys((event) => {
  const said = answerOfKey(event);
  if (said && shown.length) {
    say(said);
    sheet.focus();
  } else if (letterOfKey(event) === "u" && !event.repeat) {
    undo();
  } else if (event.key === "Enter" && !event.repeat) {
    confirm();
  } else if (!(event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End") || !sheet.move(event.key)) {
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
  const button = event.target.closest("button");
  if (button) {
    turnTo(button.dataset.digit);
  }
});
setInterval(() => showTally(tally, left()), 1000);
setInterval(() => {
  if (!shown.length && document.visibilityState === "visible") {
    holding.ask();
  }
}, LOOK_AGAIN_MS);
holding.ask();
