// All rows of a job in columns of plain numbers, so that a hundred thousand of them are filtered and sorted at once.

import { order, text } from "./texts.js";

export const STATUSES = ["recognized", "review", "blank", "failed"];
export const NONE = 255;

// That a person has answered, with the answer where it is no digit.
export function answered(verdict) {
  return verdict === "recognized" ? text("answered") : `${text(`verdict_${verdict}`)}, ${text("answered")}`;
}

export class Rows {
  constructor(total) {
    this.length = 0;
    this.index = new Uint32Array(total);
    this.status = new Uint8Array(total);
    this.digit = new Uint8Array(total).fill(NONE);
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
      this.status[place] = STATUSES.indexOf(row.status);
      const { prediction } = row.correction ?? row;
      this.digit[place] = prediction === null ? NONE : Number(prediction);
      this.confidence[place] = row.confidence ?? NaN;
      this.names.push(row.name);
      if (row.error) {
        this.errors.set(place, row.error.code);
      }
      if (row.reason) {
        this.reasons.set(place, row.reason);
      }
      if (row.correction) {
        this.answers.set(place, row.correction.status);
      }
      this.length += 1;
    }
  }

  // Places of the rows that the choices keep, in their order: {status, answered, digit, low, high, name, sort}.
  select({ status, answered, digit, low, high, name, sort }) {
    const wanted = name.toLocaleLowerCase();
    const found = new Uint32Array(this.length);
    let count = 0;
    for (let place = 0; place < this.length; place += 1) {
      const sure = this.confidence[place];
      if (
        (status === null || this.status[place] === status) &&
        (!answered || this.answers.has(place)) &&
        (digit === null || this.digit[place] === digit) &&
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
    const { confidence, digit } = this;
    const value = (place, missing) => (Number.isNaN(confidence[place]) ? missing : confidence[place]);
    const orders = {
      doubtful: (a, b) => value(a, 2) - value(b, 2) || a - b,
      sure: (a, b) => value(b, -1) - value(a, -1) || a - b,
      digit: (a, b) => digit[a] - digit[b] || value(a, 2) - value(b, 2) || a - b,
      name: (a, b) => ranks[a] - ranks[b],
    };
    const ranks = sort === "name" ? this.ranks() : null;
    return sort in orders ? places.sort(orders[sort]) : places;
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
