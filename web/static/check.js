// The check: a random sample of the accepted rows in sheets, and what it says of all of them.

import { TAKEN_BACK, answerOf, answerOfKey, saysAsModel } from "./answers.js";
import { Refusal, call, read, showProblem } from "./api.js";
import { Conflicts } from "./conflicts.js";
import { clicked, onKeys, showRestored, showSending } from "./desk.js";
import { at } from "./elements.js";
import { interval } from "./interval.js";
import { isUndo } from "./keys.js";
import { Outbox } from "./outbox.js";
import { Pictures } from "./pictures.js";
import { Sheet } from "./sheet.js";
import { percent, text } from "./texts.js";

const { id } = at("check").dataset;
const job = `/v1/jobs/${id}`;
const SAMPLE_ROWS = 200;
const SHEET_ROWS = 40;
const SEED = 1;
// a key that may only read looks at the sample all the same
const FORBIDDEN = 403;
const MEMORY = `digitmill-check-${id}`;

const pictures = new Pictures(`${job}/results`);
const outbox = new Outbox(`${job}/results`, {
  settled: () => {},
  conflict: (entry, said) => {
    given = given.filter((each) => each.entry !== entry);
    settle(entry, answerOf(entry.row.correction), false);
    conflicts.add(entry, said);
  },
  refused: (_entry, words) => showProblem(words),
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
const sheets = [];
let seen = 0;
let turn = 0;
let population = 0;
// answers given on this page, {entry, before}, the last one last
let given = [];
// what was told to the service, or is on its way to it
let noting = Promise.resolve();
let noted = "";

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
  // `told` is what the service has of people; `sent`: a click would take that back
  return { row, said: corrected ? said : null, told: said, sent: corrected, odd };
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
  note(entries.length, wrong);
}

// Tells the service what was found, for the certificate; the last word counts.
function note(looked, wrong) {
  const found = { seen: looked, wrong };
  if (JSON.stringify(found) === noted) {
    return;
  }
  noted = JSON.stringify(found);
  noting = noting
    .then(() => call("PUT", `${job}/check`, { json: found, keepalive: true }))
    .then(() => {
      at("noted").hidden = false;
    })
    .catch((error) => {
      noted = "";
      if (error.status === FORBIDDEN) {
        return;
      }
      showProblem(error instanceof Refusal ? error.message : text("offline"));
    });
}

function remember() {
  const wrong = sheets.flat().filter(({ odd, said }) => odd && !said).map(({ row }) => row.index);
  sessionStorage.setItem(MEMORY, JSON.stringify({ seen, wrong }));
}

// A click takes back what was said of the row, too.
function unmarkOrMark(entry) {
  if (entry.sent) {
    entry.sent = false;
    entry.told = null;
    outbox.put(entry, TAKEN_BACK);
  }
  showResult();
}

function say(said) {
  const entry = sheet.current;
  given.push({ entry, before: entry.told });
  settle(entry, said, true);
  outbox.put(entry, said);
}

// Takes the last answer back, and shows its row.
function undo() {
  const last = given.pop();
  if (!last) {
    return;
  }
  const { entry, before } = last;
  settle(entry, before, before !== null && !saysAsModel(entry.row, before));
  outbox.put(entry, before ?? TAKEN_BACK);
  turn = sheets.findIndex((entries) => entries.includes(entry));
  show();
  sheet.moveTo(entry);
}

// What the row says now; `mine`: by an answer that a click here may take back.
function settle(entry, said, mine) {
  entry.told = said;
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
  } else if (isUndo(event) && !event.repeat) {
    undo();
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
await showRestored(outbox);
begin();
