// All rows of a job in columns of plain numbers, texts by a code, so that a hundred thousand of them are filtered and sorted at once.

import { order, text } from "./texts.js";

export const STATUSES = ["recognized", "review", "blank", "failed"];
const RECOGNIZED = STATUSES.indexOf("recognized");
const REVIEW = STATUSES.indexOf("review");

// That a person has answered, with the answer where it is no digit.
export function answered(verdict) {
  return verdict === "recognized" ? text("answered") : `${text(`verdict_${verdict}`)}, ${text("answered")}`;
}

export class Rows {
  // Rows less sure than `below`, a threshold that somebody has raised, are to review, whatever the model's status.
  constructor(total, below = 0) {
    this.below = below;
    this.length = 0;
    this.index = new Uint32Array(total);
    this.status = new Uint8Array(total);
    // what was read, by its place in texts: as it is, with leading zeros; 0 where nothing was
    this.code = new Uint32Array(total);
    // the same of the model alone
    this.own = new Uint32Array(total);
    this.texts = /** @type {(string | null)[]} */ ([null]);
    this.codes = /** @type {Map<string | null, number>} */ (new Map([[null, 0]]));
    this.confidence = new Float64Array(total).fill(NaN);
    this.names = [];
    this.errors = new Map();
    // why rows are to review, by place
    this.reasons = new Map();
    // what people said, by place: it stands in the place of the model's digit
    this.answers = new Map();
  }

  add(documents) {
    for (const row of documents) {
      const place = this.length;
      this.index[place] = row.index;
      const isBelow = row.status === "recognized" && row.confidence < this.below;
      this.status[place] = isBelow ? REVIEW : STATUSES.indexOf(row.status);
      this.own[place] = this.code[place] = this.codeOf(row.prediction);
      this.confidence[place] = row.confidence ?? NaN;
      this.names.push(row.name);
      if (row.error) {
        this.errors.set(place, row.error.code);
      }
      if (row.reason) {
        this.reasons.set(place, row.reason);
      }
      this.answer(place, row.correction);
      this.length += 1;
    }
  }

  // What a person says of the row from now on, {prediction, status}; null: the model's own answer holds.
  answer(place, said) {
    if (said) {
      this.answers.set(place, said.status ?? "recognized");
      this.code[place] = this.codeOf(said.prediction ?? null);
    } else {
      this.answers.delete(place);
      this.code[place] = this.own[place];
    }
  }

  // How many rows would wait for a person with this threshold.
  toReview(below) {
    let count = 0;
    for (let place = 0; place < this.length; place += 1) {
      const isUnsure = this.status[place] === REVIEW || (this.status[place] === RECOGNIZED && this.confidence[place] < below);
      count += isUnsure && !this.answers.has(place) ? 1 : 0;
    }
    return count;
  }

  codeOf(text) {
    if (!this.codes.has(text)) {
      this.codes.set(text, this.texts.length);
      this.texts.push(text);
    }
    return Number(this.codes.get(text));
  }

  // What was read, or null.
  text(place) {
    return this.texts[this.code[place]];
  }

  // Places of the rows that the choices keep, in their order: {status, answered, read, low, high, name, sort}.
  select({ status, answered, read, low, high, name, sort }) {
    const code = read === null ? null : this.codes.get(read) ?? -1;
    const wanted = name.toLocaleLowerCase();
    const found = new Uint32Array(this.length);
    let count = 0;
    for (let place = 0; place < this.length; place += 1) {
      const sure = this.confidence[place];
      if (
        (status === null || this.status[place] === status) &&
        // what a person has answered is to review no longer
        (status !== REVIEW || !this.answers.has(place)) &&
        (!answered || this.answers.has(place)) &&
        (code === null || this.code[place] === code) &&
        // a row without a confidence lies within no bounds
        (low === null || sure >= low) &&
        (high === null || sure < high) &&
        (wanted === "" || this.names[place].toLocaleLowerCase().includes(wanted))
      ) {
        found[count] = place;
        count += 1;
      }
    }
    return this.sorted(found.subarray(0, count), sort);
  }

  sorted(places, sort) {
    const { confidence, code } = this;
    const value = (place, missing) => (Number.isNaN(confidence[place]) ? missing : confidence[place]);
    const orders = {
      doubtful: (a, b) => value(a, 2) - value(b, 2) || a - b,
      sure: (a, b) => value(b, -1) - value(a, -1) || a - b,
      read: (a, b) => readRanks[code[a]] - readRanks[code[b]] || value(a, 2) - value(b, 2) || a - b,
      name: (a, b) => ranks[a] - ranks[b],
    };
    const ranks = sort === "name" ? this.ranks() : new Uint32Array();
    const readRanks = sort === "read" ? this.readRanks() : new Uint32Array();
    return sort in orders ? places.sort(orders[sort]) : places;
  }

  // The rank of each text by its code; nothing comes last.
  readRanks() {
    const ranks = new Uint32Array(this.texts.length).fill(this.texts.length);
    const known = /** @type {string[]} */ (this.texts.slice(1)).sort(order.compare);
    known.forEach((read, rank) => {
      ranks[Number(this.codes.get(read))] = rank;
    });
    return ranks;
  }

  // The place of each row by its name: comparing names is slow, so it is done once.
  ranks() {
    if (this.ranked?.length !== this.length) {
      const places = Uint32Array.from({ length: this.length }, (_, place) => place);
      places.sort((a, b) => order.compare(this.names[a], this.names[b]) || a - b);
      this.ranked = new Uint32Array(this.length);
      places.forEach((place, rank) => {
        this.ranked[place] = rank;
      });
    }
    return this.ranked;
  }
}
