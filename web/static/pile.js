// The rows of one review in the order in which this tab was given them, and the place at which it is.

import { answerOf } from "./answers.js";
import { keyOf } from "./values.js";

const AHEAD = 24;
const REFILL_BELOW = 14;

// An entry is {row, said, undone}: `said` is this tab's answer, null before it; `undone` the number of the question that
// was the last before its answer was taken back.
export class Pile {
  constructor(isOnItsWay) {
    this.isOnItsWay = isOnItsWay;
    this.entries = [];
    this.place = 0;
    this.left = 0;
    this.answered = [];
  }

  get current() {
    return this.entries[this.place] ?? null;
  }

  // Unanswered entries from the present one on.
  ahead() {
    return this.entries.slice(this.place).filter((entry) => !entry.said);
  }

  unanswered() {
    return this.entries.filter((entry) => !entry.said);
  }

  isShort() {
    return this.ahead().length < REFILL_BELOW;
  }

  // How many rows to hold, those included that the service will still take for unanswered.
  limit(onTheirWay) {
    return Math.max(this.unanswered().length, this.unanswered().length - this.ahead().length + AHEAD) + onTheirWay;
  }

  // Takes in what is held now. Returns the present entry where it is held no longer, else null.
  merge(rows, waiting, number) {
    const held = new Set(rows.map(keyOf));
    const known = new Set(this.entries.map((entry) => keyOf(entry.row)));
    const before = this.current;
    const isLost = (entry) =>
      !entry.said && !held.has(keyOf(entry.row)) && !this.isOnItsWay(entry) && !(entry.undone >= number);
    const lost = before !== null && isLost(before) ? before : null;
    const keptBefore = this.entries.slice(0, this.place).filter((entry) => !isLost(entry)).length;
    this.entries = this.entries.filter((entry) => !isLost(entry));
    this.place = keptBefore;
    for (const row of rows) {
      if (!known.has(keyOf(row))) {
        this.entries.push({ row, said: null });
      }
    }
    const unsent = this.entries.filter((entry) => entry.said && this.isOnItsWay(entry)).length;
    this.left = Math.max(0, waiting - unsent);
    this.settlePlace();
    return lost;
  }

  // Takes in rows that were answered before, which come before all others. Those that are here already stay where they are.
  prepend(rows) {
    const known = new Set(this.entries.map((entry) => keyOf(entry.row)));
    const fresh = rows.filter((row) => !known.has(keyOf(row))).map((row) => ({ row, said: answerOf(row.correction) }));
    this.entries.unshift(...fresh);
    this.place += fresh.length;
  }

  answer(said) {
    const entry = this.current;
    this.answered.push({ entry, before: entry.said });
    if (!entry.said) {
      this.left = Math.max(0, this.left - 1);
    }
    entry.said = said;
    this.place += 1;
    this.toUnanswered();
    return entry;
  }

  // The entry whose last answer is no more, with what was said before: null where it was the first. Null for none.
  undo() {
    const last = this.answered.pop();
    if (!last) {
      return null;
    }
    last.entry.said = last.before;
    if (!last.before) {
      this.left += 1;
    }
    this.place = this.entries.indexOf(last.entry);
    return last;
  }

  // Somebody else has the last word on the row, `said`. This tab's answer never held, so it cannot be undone either.
  overtaken(entry, said) {
    this.answered = this.answered.filter((each) => each.entry !== entry);
    entry.said = said;
    if (said && this.current === entry) {
      this.toUnanswered();
    }
  }

  move(by) {
    this.place = Math.max(0, Math.min(this.entries.length, this.place + by));
    this.settlePlace();
  }

  // At the end, back to what was passed over.
  settlePlace() {
    if (!this.current) {
      this.toUnanswered();
    }
  }

  toUnanswered() {
    const next = this.entries.findIndex((entry, place) => place >= this.place && !entry.said);
    const first = this.entries.findIndex((entry) => !entry.said);
    this.place = next >= 0 ? next : first >= 0 ? first : this.entries.length;
  }
}
