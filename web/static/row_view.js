// A row of the review as it is seen: its picture, what the model makes of it, and how sure that is.

import { likelyAnswer } from "./answers.js";
import { at } from "./elements.js";
import { Neighbours } from "./neighbours.js";
import { Pictures } from "./pictures.js";
import { guessesOf, isDigit, looksText } from "./reasons.js";
import { shortPercent, sureness, text } from "./texts.js";

export class RowView {
  constructor(address) {
    this.pictures = new Pictures(address);
    // a model of numbers sees no one picture
    this.views = at("seen") ? ["png", "normalised"] : ["png"];
    this.neighbours = new Neighbours(at("neighbours"), address, this.pictures);
    this.shown = null;
    this.ready = Promise.resolve();
  }

  // A row is answered as its reader says.
  how() {
    return null;
  }

  show(row) {
    if (this.shown !== row.index) {
      this.shown = row.index;
      at("picture").replaceChildren(this.pictures.get(row.index, "png"));
      at("seen")?.replaceChildren(this.pictures.get(row.index, "normalised"));
    }
    at("name").textContent = row.name;
    showGuess(row);
    at("spoken").textContent = spokenThought(row);
    at("guesses").replaceChildren(...guessesOf(row).map(guessLine));
    this.neighbours.show(row);
  }

  // Rows that are coming, and one that is over.
  prefetch(coming, old) {
    for (const { index } of coming) {
      this.views.forEach((view) => this.pictures.get(index, view));
    }
    if (old) {
      this.pictures.drop(old.index, this.views);
    }
  }

  thumbnail(row) {
    return this.pictures.thumbnail(row);
  }
}

// The likeliest answer: a digit, or that there is none.
function showGuess(row) {
  const likely = likelyAnswer(row);
  at("guess").textContent = likely?.prediction ?? "";
  at("guess").hidden = !likely?.prediction;
  at("sure").textContent = thought(row);
}

// What the model thinks of the row, behind the digit.
function thought(row) {
  const sure = text("sure", { confidence: sureness(row.confidence) });
  return [looksText(row.reason), isDigit(row) && row.prediction !== null ? sure : ""].filter(Boolean).join("; ");
}

// The same as a sentence to be read out.
function spokenThought(row) {
  const looks = looksText(row.reason);
  const values = { row: String(row.index), digit: row.prediction, confidence: sureness(row.confidence), looks };
  return [looks && text("spoken_looks", values), isDigit(row) && row.prediction !== null && text("spoken_row", values)].filter(Boolean).join(" ");
}

/** @param {{label: any, share: any, isKind?: boolean}} guess */
function guessLine({ label, share, isKind }) {
  const line = document.createElement("li");
  const meter = document.createElement("meter");
  line.className = isKind ? "kind" : "";
  meter.value = share;
  meter.setAttribute("aria-label", label);
  line.append(label, meter, shortPercent(share));
  return line;
}
