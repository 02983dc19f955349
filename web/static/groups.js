// The review by digit: a sheet of crops that the model read alike; the odd ones out are marked, the rest is confirmed.

import { TAKEN_BACK, answerOfKey, saysAsModel } from "./answers.js";
import { showProblem } from "./api.js";
import { Conflicts } from "./conflicts.js";
import { clicked, onKeys, showRestored, showSending, showTally } from "./desk.js";
import { at } from "./elements.js";
import { Holders } from "./holders.js";
import { Holding, MOST_ROWS } from "./holding.js";
import { isUndo } from "./keys.js";
import { Outbox } from "./outbox.js";
import { Pictures } from "./pictures.js";
import { Sheet } from "./sheet.js";
import { Sheets } from "./sheets.js";
import { number, text } from "./texts.js";
import { Tally } from "./tally.js";

const job = `/v1/jobs/${at("review").dataset.id}`;
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
    sheets.overtaken(entry);
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
const conflicts = new Conflicts(pictures, {
  keepMine: (entry, said) => outbox.put(entry, said),
  keepTheirs: () => {},
});
const sheets = new Sheets({
  isOnItsWay: (entry) => outbox.has(entry),
  answers: (index) => outbox.answers({ index }),
  ask: () => holding.ask(),
  most: MOST_ROWS,
});
// where answers are typed, those of a sheet are not all the same
const sheet = new Sheet(at("sheet"), pictures, { withDigits: at("review").dataset.typedAnswers !== undefined });
const holders = new Holders(`${job}/review`, (holder) => {
  sheets.spent.clear();
  holding.takeOver(holder);
});
const holding = new Holding(`${job}/review`, {
  wanted: () => {
    asked = sheets.wanted(outbox.size);
    return asked;
  },
  got: (review, questions) => {
    if (sheets.merge(review, asked, questions)) {
      at("notice").textContent = text("taken_over_some");
    }
    sheets.next.forEach(({ row }) => pictures.get(row.index, "thumbnail"));
    show();
  },
  told: (error) => showSending(error ?? outbox.error, outbox.size),
});

// what was last asked for, and the entries whose tiles are on the page
/** @type {any} */
let asked = null;
let drawn = sheets.shown;

function show() {
  const { chosen } = sheets;
  const hasTurned = sheets.turn();
  const { shown, left } = sheets;
  at("row").hidden = shown.length === 0;
  at("nothing").hidden = shown.length > 0 || sheets.isAsking;
  at("undo").disabled = sheets.done.length === 0;
  at("later").textContent = sheets.later.size ? text("left_for_later", { count: sheets.later.size }) : "";
  if (shown.length) {
    at("sheet-title").textContent = text("sheet", { count: shown.length, digit: chosen });
  } else {
    showNothing();
  }
  if (shown !== drawn) {
    drawn = shown;
    sheet.show(shown);
    sheet.focus();
  }
  if (hasTurned) {
    at("spoken").textContent = text("sheet", { count: shown.length, digit: chosen });
  }
  showDigits();
  showTally(tally, left);
}

function showNothing() {
  // the tile that had the focus is gone
  at("content").focus({ preventScroll: true });
  at("nothing-text").textContent = over();
  at("finished").hidden = sheets.left > 0;
  at("unfinished").hidden = sheets.left === 0;
  if (sheets.left > 0 && !sheets.isPausing) {
    holders.show();
  } else {
    holders.hide();
  }
}

function over() {
  const count = sheets.left;
  if (count === 0) {
    return text("nothing_left");
  }
  return sheets.isPausing ? text("group_over", { count, digit: sheets.chosen }) : text("groups_over", { count });
}

function showDigits() {
  const found = sheets.counts();
  for (const button of at("digits").children) {
    const value = button.dataset.digit;
    button.querySelector("small").textContent = number(found[value] ?? 0);
    button.disabled = !found[value] && value !== sheets.chosen;
    button.setAttribute("aria-pressed", String(value === sheets.chosen));
  }
}

function confirm() {
  const wasShown = sheets.shown.length > 0;
  const answers = sheets.confirm();
  for (const entry of answers) {
    tally.add(!saysAsModel(entry.row, entry.said));
    outbox.put(entry, entry.said);
  }
  if (wasShown) {
    at("notice").textContent = text("sheet_done", { count: answers.length });
    holding.ask();
  }
  show();
}

function undo() {
  for (const entry of sheets.undo() ?? []) {
    tally.takeBack();
    outbox.put(entry, TAKEN_BACK);
  }
  show();
}

onKeys((event) => {
  const said = answerOfKey(event);
  if (said && sheets.shown.length) {
    sheets.say(sheet.current, said);
    sheet.paintCurrent();
    sheet.focus();
  } else if (isUndo(event) && !event.repeat) {
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
    sheets.turnTo(button.dataset.digit);
    show();
  }
});
setInterval(() => showTally(tally, sheets.left), 1000);
setInterval(() => {
  if (!sheets.shown.length && document.visibilityState === "visible") {
    holding.ask();
  }
}, LOOK_AGAIN_MS);
await showRestored(outbox);
holding.ask();
