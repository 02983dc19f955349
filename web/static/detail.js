// One row opened: its picture as uploaded, what the model saw, and its best guesses.

import { Refusal, call } from "./api.js";
import { looksText } from "./reasons.js";
import { moment, nameOf, sureness, text } from "./texts.js";

const at = (id) => document.getElementById(id);
const MOST_GUESSES = 3;

export class Detail {
  // `items()` are the places that are shown, `closed(position)` is told where it was left.
  constructor(address, rows, { items, closed }) {
    Object.assign(this, { address, rows, items });
    this.dialog = at("row");
    this.dialog.addEventListener("close", () => closed(this.position));
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    at("row-close").addEventListener("click", () => this.dialog.close());
    at("row-before").addEventListener("click", () => this.open(this.position - 1));
    at("row-after").addEventListener("click", () => this.open(this.position + 1));
    for (const id of ["row-picture", "row-seen"]) {
      // a failed image has no picture, and a blank one was never seen by the model
      at(id).addEventListener("error", () => {
        at(id).parentElement.hidden = true;
      });
    }
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) {
      event.preventDefault();
      this.open(this.position + step);
    }
  }

  async open(position) {
    const items = this.items();
    if (position < 0 || position >= items.length) {
      return;
    }
    this.position = position;
    const place = items[position];
    const index = this.rows.index[place];
    const here = `${this.address}/${index}`;
    at("row-title").textContent = this.rows.names[place];
    at("row-place").textContent = text("position", { row: index, position: position + 1, total: items.length });
    at("row-before").disabled = position === 0;
    at("row-after").disabled = position === items.length - 1;
    at("row-download").href = `${here}/image`;
    at("row-answer").replaceChildren();
    const status = this.rows.status[place];
    show("row-picture", status < 3 ? `${here}/image?view=png` : null);
    show("row-seen", status < 2 ? `${here}/image?view=normalised` : null);
    if (!this.dialog.open) {
      this.dialog.showModal();
    } else if (!this.dialog.contains(document.activeElement)) {
      // the button that was pressed has just been switched off, and keys would go nowhere
      at("row-close").focus();
    }
    await this.answer(here, position);
  }

  async answer(here, position) {
    try {
      const row = await call("GET", here);
      // somebody may have gone on meanwhile
      if (position === this.position) {
        at("row-answer").replaceChildren(...said(row));
      }
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof TypeError)) {
        throw error;
      }
      at("row-answer").replaceChildren(paragraph(error instanceof Refusal ? error.message : text("offline")));
    }
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

function said(row) {
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
    parts.push(guesses([{ prediction: row.prediction, confidence: row.confidence }, ...row.alternatives]));
  }
  if (row.correction) {
    parts.push(paragraph(correctedText(row.correction)));
  }
  return parts;
}

function correctedText({ prediction, status, by, at: time }) {
  const values = { answer: prediction ?? text(`verdict_${status}`), name: nameOf(by), time: moment(time) };
  return text(values.name ? "corrected_by" : "corrected", values);
}

function guesses(list) {
  const table = document.createElement("table");
  table.className = "guesses";
  for (const { prediction, confidence } of list.slice(0, MOST_GUESSES)) {
    const line = table.insertRow();
    const digit = document.createElement("th");
    digit.scope = "row";
    digit.textContent = prediction;
    line.append(digit);
    line.insertCell().textContent = sureness(confidence);
    const meter = document.createElement("meter");
    meter.value = confidence;
    meter.setAttribute("aria-label", `${prediction}: ${sureness(confidence)}`);
    line.insertCell().append(meter);
  }
  return table;
}

function paragraph(content) {
  const element = document.createElement("p");
  element.textContent = content;
  return element;
}

