// The review, one row at a time: the least sure first, an answer with each key.

import { BLANK, NOT_A_DIGIT, TAKEN_BACK, answerOf, answerOfKey, answerText, digit, likelyAnswer, saysAsModel } from "./answers.js";
import { showProblem } from "./api.js";
import { Conflicts } from "./conflicts.js";
import { clicked, onKeys, showSending, showTally } from "./desk.js";
import { Holding } from "./holding.js";
import { letterOfKey } from "./keys.js";
import { Outbox } from "./outbox.js";
import { Pictures } from "./pictures.js";
import { Pile } from "./pile.js";
import { isDigit, looksText } from "./reasons.js";
import { shortPercent, sureness, text } from "./texts.js";
import { Tally } from "./tally.js";

const at = (id) => document.getElementById(id);
const job = `/v1/jobs/${at("review").dataset.id}`;
const VIEWS = ["png", "normalised"];
const PREFETCHED = 12;
const KEPT = 60;
const LOOK_AGAIN_MS = 4000;

// what was on its way while the service counted may be in its count or not
let miscounted = false;

const pictures = new Pictures(`${job}/results`);
const tally = new Tally();
const outbox = new Outbox(`${job}/results`, {
  settled: (entry, said) => {
    miscounted ||= holding.asking !== null;
    if (said === TAKEN_BACK) {
      entry.undone = holding.number;
      holding.ask();
    }
  },
  conflict: (entry, said) => {
    miscounted = true;
    pile.overtaken(entry, answerOf(entry.row.correction));
    conflicts.add(entry, said);
    show();
  },
  refused: (entry, error) => showProblem(error.detail),
  told: (error) => {
    showSending(error, outbox.size);
    if (outbox.size === 0 && (miscounted || pile.isShort())) {
      miscounted = false;
      holding.ask();
    }
  },
});
const pile = new Pile((entry) => outbox.has(entry));
const conflicts = new Conflicts(pictures, {
  keepMine: (entry, said) => {
    entry.said = said === TAKEN_BACK ? null : said;
    outbox.put(entry, said);
  },
  keepTheirs: () => {},
});
const holding = new Holding(`${job}/review`, {
  wanted: () => ({ limit: pile.limit(outbox.size) }),
  got: (review, number) => {
    const waiting = Object.values(review.waiting).reduce((sum, count) => sum + count, 0);
    miscounted ||= outbox.size > 0;
    const lost = pile.merge(review.results, waiting, number);
    at("notice").textContent = lost ? text(lost.undone === undefined ? "taken_over" : "waits_again") : "";
    show();
  },
  told: (error) => showSending(error ?? outbox.error, outbox.size),
});

function answer(said) {
  if (!pile.current) {
    return;
  }
  const entry = pile.answer(said);
  tally.add(!saysAsModel(entry.row, said));
  outbox.put(entry, said);
  show();
  if (pile.isShort()) {
    holding.ask();
  }
}

function undo() {
  const last = pile.undo();
  if (last) {
    tally.takeBack();
    outbox.put(last.entry, last.before ?? TAKEN_BACK);
    show();
  }
}

function move(by) {
  pile.move(by);
  show();
  if (pile.isShort()) {
    holding.ask();
  }
}

function show() {
  const entry = pile.current;
  at("row").hidden = !entry;
  at("nothing").hidden = Boolean(entry);
  at("undo").disabled = pile.answered.length === 0;
  showTally(tally, pile.left);
  if (entry) {
    showRow(entry);
  } else {
    at("nothing-text").textContent = pile.left > 0 ? text("with_others", { count: pile.left }) : text("nothing_left");
    at("finished").hidden = pile.left > 0;
  }
  prefetch();
}

let shown = null;

function showRow(entry) {
  const { row, said } = entry;
  if (shown !== row.index) {
    shown = row.index;
    at("picture").replaceChildren(pictures.get(row.index, "png"));
    at("seen").replaceChildren(pictures.get(row.index, "normalised"));
  }
  at("name").textContent = row.name;
  showGuess(row);
  at("said").textContent = said ? text("you_said", { answer: answerText(said) }) : "";
  at("spoken").textContent = spokenThought(row);
  const guesses = [row, ...row.alternatives];
  at("guesses").replaceChildren(...guesses.map(guessLine));
}

// The likeliest answer, which is that of the main button: a digit, or that there is none.
function showGuess(row) {
  const { prediction, status } = likelyAnswer(row);
  at("guess").textContent = prediction ?? "";
  at("guess").hidden = !prediction;
  at("sure").textContent = thought(row);
  at("confirm-digit").textContent = row.prediction;
  at("confirm-is").hidden = !prediction;
  at("confirm-blank").hidden = status !== BLANK.status;
  at("confirm-none").hidden = status !== NOT_A_DIGIT.status;
}

// What the model thinks of the row, behind the digit.
function thought(row) {
  const sure = text("sure", { confidence: sureness(row.confidence) });
  return [looksText(row.reason), isDigit(row) ? sure : ""].filter(Boolean).join("; ");
}

// The same as a sentence to be read out.
function spokenThought(row) {
  const looks = looksText(row.reason);
  const values = { row: String(row.index), digit: row.prediction, confidence: sureness(row.confidence), looks };
  return [looks && text("spoken_looks", values), isDigit(row) && text("spoken_row", values)].filter(Boolean).join(" ");
}

function guessLine({ prediction, confidence }) {
  const line = document.createElement("li");
  const meter = document.createElement("meter");
  meter.value = confidence;
  meter.setAttribute("aria-label", prediction);
  line.append(prediction, meter, shortPercent(confidence));
  return line;
}

function prefetch() {
  for (const { row } of pile.ahead().slice(0, PREFETCHED)) {
    VIEWS.forEach((view) => pictures.get(row.index, view));
  }
  const old = pile.entries[pile.place - KEPT];
  if (old) {
    pictures.drop(old.row.index, VIEWS);
  }
}

const OF_KEY = {
  Enter: () => pile.current && answer(likelyAnswer(pile.current.row)),
  ArrowRight: () => move(1),
  ArrowLeft: () => move(-1),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
};

onKeys((event) => {
  const said = answerOfKey(event);
  const act = said ? () => answer(said) : letterOfKey(event) === "u" ? undo : OF_KEY[event.key];
  if (act && !(event.repeat && !event.key.startsWith("Arrow"))) {
    event.preventDefault();
    act();
  }
});

at("keypad").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) {
    return;
  }
  const { says } = button.dataset;
  const acts = { confirm: OF_KEY.Enter, blank: () => answer(BLANK), none: () => answer(NOT_A_DIGIT), undo, before: () => move(-1), after: () => move(1) };
  (acts[says] ?? (() => answer(digit(says))))();
  clicked(event);
});

setInterval(() => showTally(tally, pile.left), 1000);
setInterval(() => {
  if (!pile.current && document.visibilityState === "visible") {
    holding.ask();
  }
}, LOOK_AGAIN_MS);
holding.ask();
