// Rows that teach a model most when they are answered, the most useful first. Nobody holds them: of two people who answer
// the same row, the second is told so.

import { call, passes, sleep } from "./api.js";
import { Asking } from "./asking.js";
import { keyOf } from "./values.js";

const ROWS = 50;
const PAUSE_SECONDS = 3;

export class Useful extends Asking {
  // As of `Holding`. `got(review, number)`: all rows that were given so far, whose order may be another at each question.
  constructor(address, { got, told }) {
    super();
    this.address = address;
    this.on = { got, told };
    this.number = 0;
    this.given = new Map();
  }

  takeOver() {}

  async askUntilAnswered() {
    for (let failing = false; ; failing = true) {
      this.number += 1;
      const number = this.number;
      let sample;
      try {
        sample = await call("GET", `${this.address}?size=${ROWS}`);
      } catch (error) {
        this.on.told(error);
        if (!passes(error)) {
          return;
        }
        await sleep(error.retryAfter || PAUSE_SECONDS);
        continue;
      }
      if (failing) {
        this.on.told(null);
      }
      if (sample.results.length === sample.population) {
        // what is not among all that are left, somebody has answered
        this.given.clear();
      }
      sample.results.forEach((row) => this.given.set(keyOf(row), row));
      this.on.got({ results: [...this.given.values()], waiting: { all: sample.population } }, number);
      return;
    }
  }
}
