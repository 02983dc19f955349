// One row opened: its picture as uploaded, what the model saw, its best guesses, and what people say of it. Any row can be
// answered here, and every answer be changed.

import { Refusal, call } from "./api.js";
import { TAKEN_BACK, answerOf, answerText } from "./answers.js";
import { Editor } from "./editor.js";
import { at } from "./elements.js";
import { History } from "./history.js";
import { isUndo, letterOfKey, withModifier } from "./keys.js";
import { Outbox } from "./outbox.js";
import { guessesOf, looksText } from "./reasons.js";
import { sureness, text } from "./texts.js";

const MOST_GUESSES = 3;

export class Detail {
  // `items()` are the places that are shown; `changed(place)` is told that a row has another answer, `stored()` that the
  // service has all of them, `closed(position)` where the window was left.
  constructor(address, rows, { items, changed, stored, closed }) {
    this.address = address;
    this.rows = rows;
    this.on = { items, changed, stored, closed };
    // entries by place, {row, place, said}: `said` is the answer that holds, null for the model's own
    this.entries = new Map();
    this.entry = null;
    // the answers given here, {entry, before}, the last one last
    this.given = [];
    this.dialog = at("row");
    this.outbox = new Outbox(address, {
      settled: (entry) => this.settled(entry),
      conflict: (entry, said) => this.overtaken(entry, said),
      refused: (_entry, words) => this.tell(words),
      told: (error) => this.told(error),
    });
    this.history = new History(at("row-history"), address);
    this.editor = at("keypad") && new Editor(at("keypad"), {
      say: (said) => this.say(said), undo: () => this.takeBack(), step: (by) => this.open(this.position + by),
    });
    this.listen();
  }

  listen() {
    const { dialog } = this;
    dialog.addEventListener("close", () => this.on.closed(this.position));
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("keydown", (event) => this.key(event));
    at("row-close").addEventListener("click", () => dialog.close());
    at("row-before").addEventListener("click", () => this.open(this.position - 1));
    at("row-after").addEventListener("click", () => this.open(this.position + 1));
    document.addEventListener("keydown", (/** @type {any} */ event) => {
      if (isUndo(event) && letterOfKey(event) === "z" && !event.target.closest("input") && this.given.length) {
        event.preventDefault();
        this.undo();
      }
    });
    for (const id of ["row-picture", "row-seen"]) {
      // a failed image has no picture, and a blank one was never seen by the model
      at(id).addEventListener("error", () => {
        at(id).parentElement.hidden = true;
      });
    }
  }

  // Sends what earlier pages left unsent, and returns how many answers that is.
  restore() {
    return this.outbox.restore();
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const onButton = event.key === "Enter" && event.target.closest("a, summary, button");
    // up and down scroll the window
    const scrolls = event.key === "ArrowUp" || event.key === "ArrowDown";
    if (withModifier(event) || event.target.closest("input") || onButton || scrolls) {
      return;
    }
    if (step) {
      event.preventDefault();
      this.open(this.position + step);
    } else {
      this.editor?.key(event);
    }
  }

  async open(position) {
    if (!this.dialog.open) {
      // rows that no longer fit the filters, once they are answered, stay here until the window is closed
      this.items = this.on.items();
    }
    const { items } = this;
    if (position < 0 || position >= items.length) {
      return;
    }
    this.position = position;
    this.entry = null;
    const place = items[position];
    const index = this.rows.index[place];
    const here = `${this.address}/${index}`;
    at("row-title").textContent = this.rows.names[place];
    at("row-place").textContent = text("position", { row: index, position: position + 1, total: items.length });
    at("row-before").disabled = position === 0;
    at("row-after").disabled = position === items.length - 1;
    at("row-download").href = `${here}/image`;
    at("row-answer").replaceChildren();
    at("row-said").textContent = "";
    this.tell("");
    const status = this.rows.status[place];
    show("row-picture", status < 3 ? `${here}/image?view=png` : null);
    // a model of numbers sees no one picture
    const sawOne = !("typedAnswers" in at("job").dataset);
    show("row-seen", status < 2 && sawOne ? `${here}/image?view=normalised` : null);
    if (!this.dialog.open) {
      this.dialog.showModal();
    } else if (!this.dialog.contains(document.activeElement)) {
      // the button that was pressed has just been switched off, and keys would go nowhere
      at("row-title").focus();
    }
    await this.load(here, place, position);
  }

  async load(here, place, position) {
    const known = this.entries.get(place);
    try {
      // what is on its way, the service does not know yet
      const isAhead = known && this.outbox.has(known);
      const row = isAhead ? known.row : await call("GET", here);
      const entry = Object.assign(known ?? { place }, { row }, isAhead ? {} : { said: answerOf(row.correction) });
      this.entries.set(place, entry);
      // somebody may have gone on meanwhile
      if (position === this.position) {
        this.entry = entry;
        this.show();
      }
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof TypeError)) {
        throw error;
      }
      at("row-answer").replaceChildren(paragraph(error instanceof Refusal ? error.message : text("offline")));
    }
  }

  show() {
    const { row, said, place } = this.entry;
    at("row-answer").replaceChildren(...modelsAnswer(row));
    at("row-said").textContent = said ? text("stands", { answer: answerText(said) }) : "";
    this.editor?.show(row, said, Boolean(said) || this.given.some(({ entry }) => entry.place === place));
    this.history.show(row);
  }

  say(said) {
    if (this.entry) {
      this.given.push({ entry: this.entry, before: this.entry.said });
      this.put(this.entry, said);
    }
  }

  // Takes the last answer to this row back: to what was said before, or to the model's own answer.
  takeBack() {
    const last = this.given.findLast(({ entry }) => entry === this.entry);
    if (last) {
      this.given = this.given.filter((each) => each !== last);
      this.put(this.entry, last.before ?? TAKEN_BACK);
    } else if (this.entry?.said) {
      this.say(TAKEN_BACK);
    }
  }

  // Takes the last answer of this page back, whichever row it was, and shows that row.
  undo() {
    const { entry, before } = this.given.pop();
    this.put(entry, before ?? TAKEN_BACK);
    const items = this.dialog.open ? this.items : this.on.items();
    const position = items.indexOf(entry.place);
    if (entry !== this.entry && position >= 0) {
      this.open(position);
    }
  }

  put(entry, said) {
    this.holds(entry, said === TAKEN_BACK ? null : said);
    this.outbox.put(entry, said);
  }

  // What holds of the row from now on.
  holds(entry, said) {
    entry.said = said;
    this.rows.answer(entry.place, said);
    this.on.changed(entry.place);
    if (entry === this.entry) {
      this.show();
    }
  }

  settled(entry) {
    this.isSent = true;
    if (entry === this.entry) {
      this.history.show(entry.row);
    }
  }

  overtaken(entry, said) {
    this.given = this.given.filter((each) => each.entry !== entry);
    // an answer of an earlier page has no place here
    if (entry.place !== undefined) {
      this.holds(entry, answerOf(entry.row.correction));
    }
    const theirs = entry.row.correction ? answerText(entry.row.correction) : text("taken_back");
    this.tell(text("overtaken", { row: String(entry.row.index), mine: answerText(said), theirs }));
  }

  told(error) {
    const waiting = this.outbox.size;
    at("row-sending").textContent = waiting ? text("on_their_way", { count: waiting }) : this.isSent ? text("all_sent") : "";
    if (error) {
      this.tell(error instanceof Refusal ? error.message : text("offline"));
    } else if (!waiting && this.isSent) {
      this.on.stored();
    }
  }

  tell(words) {
    at("row-problem").textContent = words;
    at("row-problem").hidden = !words;
  }
}

function show(id, address) {
  at(id).parentElement.hidden = address === null;
  if (address === null) {
    at(id).removeAttribute("src");
  } else {
    at(id).src = address;
  }
}

function modelsAnswer(row) {
  const status = paragraph([text(`status_${row.status}`), looksText(row.reason)].filter(Boolean).join(": "));
  status.className = "row-status";
  status.dataset.status = row.status;
  const parts = [status];
  if (row.error) {
    const detail = paragraph(row.error.detail);
    detail.className = "hint";
    parts.push(paragraph(text(`reason_${row.error.code}`)), detail);
  }
  if (row.prediction !== null) {
    parts.push(guesses(guessesOf(row)));
  }
  return parts;
}

function guesses(list) {
  const table = document.createElement("table");
  table.className = "guesses";
  for (const { label, share } of list.slice(0, MOST_GUESSES)) {
    const line = table.insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = label;
    line.append(head);
    line.insertCell().textContent = sureness(share);
    const meter = document.createElement("meter");
    meter.value = share;
    meter.setAttribute("aria-label", `${label}: ${sureness(share)}`);
    line.insertCell().append(meter);
  }
  return table;
}

function paragraph(content) {
  const element = document.createElement("p");
  element.textContent = content;
  return element;
}
