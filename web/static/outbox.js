// Answers on their way: sent in the background in the order in which they were given, until the service has them. What
// a page that was closed too early left unsent is sent by the next one.

import { call, passes, sleep, wordsOf } from "./api.js";
import { Unsent } from "./unsent.js";
import { keyOf } from "./values.js";

const MOST_AT_ONCE = 100;
const MOST_PAUSE_SECONDS = 15;

// An entry is {row, …}; `row.revision` and `row.correction` follow what the service says.
export class Outbox {
  // `settled(entry, said)`: the service has it. `conflict(entry, said)`: somebody changed the row meanwhile.
  // `refused(entry, words)`: this row cannot take it. `told(error)`: how the sending goes, null when well.
  constructor(address, { settled, conflict, refused, told }) {
    this.address = address;
    this.on = { settled, conflict, refused, told };
    this.waiting = [];
    this.running = false;
    this.error = null;
    this.unsent = new Unsent(address);
    window.addEventListener("beforeunload", (event) => {
      if (this.waiting.length) {
        event.preventDefault();
      }
    });
    window.addEventListener("online", () => this.send());
  }

  get size() {
    return this.waiting.length;
  }

  has(entry) {
    return this.waiting.some((each) => each.entry === entry);
  }

  // Whether an answer to the row is on its way, be it one of an earlier page: the service still takes it for unanswered.
  answers(row) {
    return this.waiting.some(({ entry, said }) => keyOf(entry.row) === keyOf(row) && said.correction !== null);
  }

  // Sends what earlier pages of this person left unsent, and returns how many answers that is.
  async restore() {
    const left = await this.unsent.all();
    this.waiting.push(...left.map(({ row, said }) => ({ entry: { row, said }, said })));
    this.on.told(this.error);
    this.send();
    return left.length;
  }

  put(entry, said) {
    this.waiting.push({ entry, said });
    this.unsent.keep(entry.row, said);
    this.on.told(this.error);
    this.send();
  }

  async send() {
    if (this.running) {
      return;
    }
    this.running = true;
    let pause = 1;
    while (this.waiting.length) {
      const some = this.batch();
      let answer;
      try {
        answer = await call("PATCH", this.address, { json: { corrections: some.map(correction) }, keepalive: true });
      } catch (error) {
        this.error = error;
        this.on.told(error);
        if (!passes(error)) {
          break;
        }
        await sleep(error.retryAfter || pause);
        pause = Math.min(pause * 2, MOST_PAUSE_SECONDS);
        continue;
      }
      pause = 1;
      this.waiting.splice(0, some.length);
      some.forEach((each, place) => this.settle(each, answer.results[place]));
      this.error = null;
      this.on.told(null);
    }
    this.running = false;
  }

  // The first that wait, up to a second change of one row: it must name the revision that the first one makes.
  batch() {
    const rows = new Set();
    const some = [];
    for (const each of this.waiting.slice(0, MOST_AT_ONCE)) {
      if (rows.has(keyOf(each.entry.row))) {
        break;
      }
      rows.add(keyOf(each.entry.row));
      some.push(each);
    }
    return some;
  }

  settle({ entry, said }, result) {
    entry.row.revision = result.revision;
    entry.row.correction = result.correction;
    const later = this.waiting.findLast((each) => each.entry === entry);
    if (later && !result.error) {
      this.unsent.keep(entry.row, later.said);
    } else {
      this.unsent.drop(entry.row);
    }
    if (!result.error) {
      this.on.settled(entry, said);
    } else if (result.error.code === "row_changed") {
      // what was said of the row after this rests on what never was
      this.waiting = this.waiting.filter((each) => each.entry !== entry);
      this.on.conflict(entry, said);
    } else {
      this.on.refused(entry, wordsOf(result.error));
    }
  }
}

function correction({ entry, said }) {
  const { index, field, revision } = entry.row;
  return { index, ...(field === undefined ? {} : { field }), revision, ...said };
}
