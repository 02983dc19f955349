// The review, one row or field of a page at a time: the least sure first, or the most useful; an answer with each key.

import { TAKEN_BACK, answerOf, answerText, saysAsModel } from "./answers.js";
import { Refusal, call, showProblem } from "./api.js";
import { Conflicts } from "./conflicts.js";
import { clicked, onKeys, showRestored, showSending, showTally } from "./desk.js";
import { Editor } from "./editor.js";
import { at } from "./elements.js";
import { FieldView } from "./field_view.js";
import { History } from "./history.js";
import { Holders } from "./holders.js";
import { Holding } from "./holding.js";
import { Outbox } from "./outbox.js";
import { Pile } from "./pile.js";
import { RowView } from "./row_view.js";
import { Tally } from "./tally.js";
import { text } from "./texts.js";
import { Useful } from "./useful.js";
import { answeredValues, heldValues } from "./values.js";

const job = `/v1/jobs/${at("review").dataset.id}`;
const PREFETCHED = 12;
const KEPT = 60;
const LOOK_AGAIN_MS = 4000;
const PAGE_ROWS = 1000;

// what was on its way while the service counted may be in its count or not
let miscounted = false;
// whether the answers given before this page was opened are in the pile
let lookedBack = false;

const view = at("beside") ? new FieldView(`${job}/results`, (said) => answer(said)) : new RowView(`${job}/results`);
const tally = new Tally();
const outbox = new Outbox(`${job}/results`, {
  settled: (entry, said) => {
    miscounted ||= holding.asking !== null;
    // who went back to it before it was stored sees it among what was said
    if (entry === pile.current) {
      history.show(entry.row);
    }
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
  refused: (_entry, words) => showProblem(words),
  told: (error) => {
    showSending(error, outbox.size);
    if (outbox.size === 0 && (miscounted || pile.isShort())) {
      miscounted = false;
      holding.ask();
    }
  },
});
const pile = new Pile((entry) => outbox.has(entry));
const conflicts = new Conflicts(view, {
  keepMine: (entry, said) => {
    entry.said = said === TAKEN_BACK ? null : said;
    outbox.put(entry, said);
  },
  keepTheirs: () => {},
});
const given = {
  wanted: () => ({ limit: pile.limit(outbox.size) }),
  got: (review, number) => {
    const waiting = Object.values(review.waiting).reduce((sum, count) => sum + count, 0);
    miscounted ||= outbox.size > 0;
    const unanswered = heldValues(review).filter((row) => !outbox.answers(row));
    const lost = pile.merge(unanswered, waiting, number);
    at("notice").textContent = lost ? text(lost.undone === undefined ? "taken_over" : "waits_again") : "";
    show();
  },
  told: (error) => showSending(error ?? outbox.error, outbox.size),
};
const holding = at("review").dataset.order === "useful" ? new Useful(`${job}/next`, given) : new Holding(`${job}/review`, given);

const holders = new Holders(`${job}/review`, (holder) => holding.takeOver(holder));

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

async function move(by) {
  if (by < 0 && pile.place === 0 && !lookedBack) {
    await lookBack();
  }
  pile.move(by);
  show();
  if (pile.isShort()) {
    holding.ask();
  }
}

// Puts what was answered before this page was opened before its first row, the last answer nearest.
async function lookBack() {
  lookedBack = true;
  try {
    const rows = answeredValues(await answeredRows());
    pile.prepend(rows.sort((one, other) => one.correction.at.localeCompare(other.correction.at)));
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof TypeError)) {
      throw error;
    }
    lookedBack = false;
    showProblem(error instanceof Refusal ? error.message : text("offline"));
  }
}

async function answeredRows() {
  const rows = [];
  let cursor = null;
  do {
    const query = new URLSearchParams({ corrected: "true", limit: String(PAGE_ROWS) });
    if (cursor !== null) {
      query.set("cursor", cursor);
    }
    const page = await call("GET", `${job}/results?${query}`);
    rows.push(...page.results);
    // of a job that goes on, the last page leads to itself
    cursor = page.next_cursor === cursor ? null : page.next_cursor;
  } while (cursor !== null);
  return rows;
}

function show() {
  const entry = pile.current;
  at("row").hidden = !entry;
  at("nothing").hidden = Boolean(entry);
  showTally(tally, pile.left);
  if (entry) {
    showRow(entry);
  } else {
    at("nothing-text").textContent = pile.left > 0 ? text("left_elsewhere", { count: pile.left }) : text("nothing_left");
    at("finished").hidden = pile.left > 0;
    pile.left > 0 ? holders.show() : holders.hide();
  }
  prefetch();
}

const editor = new Editor(at("keypad"), { say: answer, undo, step: move });
const history = new History(at("history"), `${job}/results`);

function showRow(entry) {
  const { row, said } = entry;
  view.show(row);
  at("said").textContent = said ? text("you_said", { answer: answerText(said) }) : "";
  editor.show(row, said, pile.answered.length > 0, view.how(row));
  history.show(row);
}

function prefetch() {
  view.prefetch(pile.ahead().slice(0, PREFETCHED).map(({ row }) => row), pile.entries[pile.place - KEPT]?.row);
}

onKeys((event) => editor.key(event));
at("keypad").addEventListener("click", clicked);

setInterval(() => showTally(tally, pile.left), 1000);
setInterval(() => {
  if (!pile.current && document.visibilityState === "visible") {
    holding.ask();
  }
}, LOOK_AGAIN_MS);
// what was left unsent may be among what the service gives out until it has it
miscounted = (await showRestored(outbox)) > 0;
try {
  await view.ready;
  holding.ask();
} catch (error) {
  if (!(error instanceof Refusal)) {
    throw error;
  }
  showProblem(error.message);
}
