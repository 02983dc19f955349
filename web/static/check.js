// The check: a random sample of the accepted rows in sheets, and what it says of all of them.

import { TAKEN_BACK, answerOf, answerOfKey, saysAsModel } from "./answers.js";
import { Refusal, read, showProblem } from "./api.js";
import { Conflicts } from "./conflicts.js";
import { clicked, onKeys, showSending } from "./desk.js";
import { interval } from "./interval.js";
import { Outbox } from "./outbox.js";
import { Pictures } from "./pictures.js";
import { Sheet } from "./sheet.js";
import { percent, text } from "./texts.js";

const at = (id) => document.getElementById(id);
const { id } = at("check").dataset;
const job = `/v1/jobs/${id}`;
const SAMPLE_ROWS = 200;
const SHEET_ROWS = 40;
const SEED = 1;
const MEMORY = `digitmill-check-${id}`;

const pictures = new Pictures(`${job}/results`);
const outbox = new Outbox(`${job}/results`, {
  settled: () => {},
  conflict: (entry, said) => {
    settle(entry, answerOf(entry.row.correction), false);
    conflicts.add(entry, said);
  },
  refused: (entry, error) => showProblem(error.detail),
  told: (error) => showSending(error, outbox.size),
});
const conflicts = new Conflicts(pictures, {
  keepMine: (entry, said) => {
    settle(entry, said === TAKEN_BACK ? null : said, said !== TAKEN_BACK);
    outbox.put(entry, said);
  },
  keepTheirs: () => {},
});
const sheet = new Sheet(at("sheet"), pictures, { changed: unmarkOrMark, withDigits: true });

// sheets of entries, how many of them were seen, and which one is shown
let sheets = [];
let seen = 0;
let turn = 0;
let population = 0;

async function begin() {
  let sample;
  try {
    sample = await read(`${job}/sample?size=${SAMPLE_ROWS}&seed=${SEED}&status=recognized`, { waiting: tellWaiting });
  } catch (error) {
    showProblem(error instanceof Refusal ? error.message : text("offline"));
    return;
  }
  showProblem("");
  const memory = JSON.parse(sessionStorage.getItem(MEMORY) ?? '{"seen": 0, "wrong": []}');
  population = sample.population;
  const entries = sample.results.map((row) => entryOf(row, memory));
  for (let start = 0; start < entries.length; start += SHEET_ROWS) {
    // the eye finds the odd one out among its like; which rows are on the sheet, chance alone has said
    sheets.push(entries.slice(start, start + SHEET_ROWS).sort((one, other) => one.row.prediction - other.row.prediction));
  }
  seen = Math.min(memory.seen, sheets.length);
  turn = Math.min(seen, sheets.length - 1);
  show();
}

function tellWaiting(error) {
  showProblem(error instanceof Refusal ? error.message : text("offline"));
}

function entryOf(row, memory) {
  const said = answerOf(row.correction);
  const corrected = said !== null && !saysAsModel(row, said);
  const odd = corrected || (said === null && memory.wrong.includes(row.index));
  // `sent`: the service has an answer that a click would take back
  return { row, said: corrected ? said : null, sent: corrected, odd };
}

function show() {
  at("row").hidden = sheets.length === 0;
  if (sheets.length) {
    sheet.show(sheets[turn]);
    at("sheet-title").textContent = text("check_sheet", { sheet: turn + 1, sheets: sheets.length });
    at("before").disabled = turn === 0;
    sheet.focus();
    (sheets[turn + 1] ?? []).forEach(({ row }) => pictures.get(row.index, "thumbnail"));
  }
  showResult();
}

function showResult() {
  const entries = sheets.slice(0, seen).flat();
  const total = sheets.flat().length;
  const wrong = entries.filter(({ odd }) => odd).length;
  at("progress").value = total ? entries.length / total : 0;
  const counted = total ? text("checked", { seen: entries.length, total, wrong }) : text("check_empty");
  at("counted").textContent = total && entries.length === total ? `${counted} ${text("check_over")}` : counted;
  if (!entries.length) {
    at("result").textContent = "";
    at("likely").textContent = "";
    return;
  }
  const { low, high } = interval(wrong, entries.length, population);
  const all = entries.length === population;
  at("result").textContent = text(all ? "check_all" : "check_interval", { population, low, high, wrong });
  const share = wrong / entries.length;
  at("likely").textContent = all ? "" : text("check_likely", { likely: Math.round(share * population), share: percent(share) });
  remember();
}

function remember() {
  const wrong = sheets.flat().filter(({ odd, said }) => odd && !said).map(({ row }) => row.index);
  sessionStorage.setItem(MEMORY, JSON.stringify({ seen, wrong }));
}

// A click takes back what was said of the row, too.
function unmarkOrMark(entry) {
  if (entry.sent) {
    entry.sent = false;
    outbox.put(entry, TAKEN_BACK);
  }
  showResult();
}

function say(said) {
  const entry = sheet.current;
  settle(entry, said, true);
  outbox.put(entry, said);
}

// What the row says now; `mine`: by an answer that a click here may take back.
function settle(entry, said, mine) {
  entry.said = said === null || saysAsModel(entry.row, said) ? null : said;
  entry.sent = mine;
  entry.odd = entry.said !== null;
  if (sheets[turn].includes(entry)) {
    sheet.paint(sheets[turn].indexOf(entry));
  }
  showResult();
}

function next() {
  seen = Math.max(seen, turn + 1);
  turn = Math.min(turn + 1, sheets.length - 1);
  show();
}

onKeys((event) => {
  const said = answerOfKey(event);
  if (said && sheets.length) {
    say(said);
    sheet.focus();
  } else if (event.key === "Enter" && !event.repeat && sheets.length) {
    next();
  } else if (!(event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End") || !sheet.move(event.key)) {
    return;
  }
  event.preventDefault();
});

at("confirm").addEventListener("click", (event) => {
  next();
  clicked(event);
});
at("before").addEventListener("click", () => {
  turn -= 1;
  show();
});
begin();
