// The doubtful rows of one review in sheets of what the model read alike: whose sheet is shown, what is on it, and what
// comes next.

import { answerOf, digit, likelyAnswer } from "./answers.js";

const MOST_ON_A_SHEET = 36;

// An entry is {row, group, odd, said, undone}: `odd` is marked as something else than its group, `said` this tab's answer;
// `undone` the number of the question that was the last before its answer was taken back.
export class Sheets {
  // `isOnItsWay(entry)`: its answer has not reached the service, `answers(index)`: that of an earlier page has not; `ask()`: what is wanted has changed; `most`: rows that the
  // service gives at a time.
  constructor({ isOnItsWay, answers, ask, most }) {
    this.isOnItsWay = isOnItsWay;
    this.answers = answers;
    this.ask = ask;
    this.most = most;
    // the digit whose rows are shown, and the digit of which it is known what there is
    this.chosen = null;
    this.known = null;
    this.shown = [];
    this.next = [];
    this.waiting = {};
    // answered since `waiting` was counted, or on their way
    this.recent = [];
    // sheets that were confirmed, {sheet, answers, digit}, the last one last
    this.done = [];
    this.answered = new Set();
    // what was marked and left, by row, with the group that it was in
    this.later = new Map();
    // digits of which there was nothing left for this tab
    this.spent = new Set();
    // the last sheet of a digit is done; the next digit's is fetched meanwhile, and shown when asked for
    this.isPausing = false;
  }

  // What to ask of the service. The first question only finds out how many there are; the service counts what is on its way
  // as unanswered, and takes back what is more than the limit, while the person may already be at its sheet.
  wanted(onTheirWay) {
    const here = Math.max(2 * MOST_ON_A_SHEET, this.shown.length + this.next.length) + this.later.size + onTheirWay;
    return { limit: this.chosen === null ? 1 : Math.min(this.most, here), prediction: this.chosen };
  }

  // Takes in what is held now, as it was `asked` for. Returns whether somebody else has got some of what is shown.
  merge({ results, waiting }, asked, number) {
    this.waiting = waiting;
    this.recent = this.recent.filter((entry) => this.isOnItsWay(entry));
    if (this.chosen === null) {
      this.choose(this.fullest() ?? "0");
      return false;
    }
    if (asked.prediction !== this.chosen) {
      return false;
    }
    this.known = this.chosen;
    const held = new Set(results.map(({ index }) => index));
    const kept = this.shown.filter((entry) => held.has(entry.row.index) || this.isOnItsWay(entry) || entry.undone >= number);
    const onSheet = new Set(kept.map(({ row }) => row.index));
    const isKnown = (index) => this.answered.has(index) || this.later.has(index) || onSheet.has(index) || this.answers(index);
    this.next = results.filter(({ index }) => !isKnown(index)).map((row) => this.entryOf(row));
    if (kept.length < this.shown.length) {
      this.shown = kept;
      return true;
    }
    const isAll = results.length < asked.limit || results.every(({ index }) => this.later.has(index));
    this.goOn(isAll);
    return false;
  }

  // What the model takes for no digit is marked so from the beginning.
  entryOf(row) {
    const likely = likelyAnswer(row);
    const isOdd = !likely?.prediction;
    return { row, group: this.chosen, odd: isOdd, said: isOdd ? likely : null };
  }

  // After an answer of the service; `isAll`: it has no more rows of this digit.
  goOn(isAll) {
    if (this.shown.length || this.next.length) {
      return;
    }
    if (isAll) {
      this.goAhead();
    } else {
      // all that it gave was answered meanwhile
      this.known = null;
      this.ask();
    }
  }

  // To the next digit, where nothing of this one is left, so that its sheet is there when it is asked for.
  goAhead() {
    this.spent.add(this.chosen);
    const following = this.fullest();
    this.isPausing = following !== null;
    if (this.isPausing) {
      this.choose(following);
    }
  }

  choose(value) {
    Object.assign(this, { chosen: value, shown: [], next: [] });
    this.ask();
  }

  // Away from what is shown, to a digit that a person wants to see; null for none.
  turnTo(value) {
    this.spent.clear();
    this.isPausing = false;
    if (value !== null) {
      this.choose(value);
    }
  }

  // Shows the next sheet where none is shown. Returns whether it did.
  turn() {
    if (this.shown.length || !this.next.length || this.isPausing) {
      return false;
    }
    this.shown = this.next.splice(0, MOST_ON_A_SHEET);
    return true;
  }

  // The sheet is looked through: the entries that this answers. Where none is shown, the next digit's comes.
  confirm() {
    if (this.isPausing) {
      this.isPausing = false;
      return [];
    }
    if (!this.shown.length) {
      this.turnTo(this.fullest());
      return [];
    }
    const answers = this.shown.filter(({ odd, said }) => said || !odd);
    this.shown.filter(({ odd, said }) => odd && !said).forEach(({ row, group }) => this.later.set(row.index, group));
    for (const entry of answers) {
      entry.said ??= digit(entry.row.prediction);
      this.answered.add(entry.row.index);
      this.recent.push(entry);
    }
    this.done.push({ sheet: this.shown, answers, digit: this.chosen });
    this.shown = [];
    if (!this.next.length) {
      // whether more of this digit wait, the service says
      this.known = null;
    }
    return answers;
  }

  // The entries of the last sheet whose answers are no more: that sheet is shown again. Null for none.
  undo() {
    const last = this.done.pop();
    if (!last) {
      return null;
    }
    for (const entry of last.answers) {
      this.answered.delete(entry.row.index);
      entry.said = entry.odd ? entry.said : null;
    }
    this.recent = this.recent.filter((entry) => !last.answers.includes(entry));
    last.sheet.forEach(({ row }) => this.later.delete(row.index));
    this.chosen = last.digit;
    this.spent.clear();
    this.isPausing = false;
    this.next = this.shown.concat(this.next).filter(({ group }) => group === this.chosen);
    this.shown = last.sheet;
    return last.answers;
  }

  // What a person says of one entry of the sheet.
  say(entry, said) {
    const isSame = said.prediction === entry.row.prediction;
    entry.odd = !isSame;
    entry.said = isSame ? null : said;
  }

  // Somebody else has the last word on the row: no sheet confirms it, and no undo takes that back.
  overtaken(entry) {
    const others = (entries) => entries.filter((each) => each !== entry);
    entry.said = answerOf(entry.row.correction);
    for (const each of this.done) {
      each.sheet = others(each.sheet);
      each.answers = others(each.answers);
    }
    if (this.shown.includes(entry)) {
      this.shown = others(this.shown);
    }
  }

  // Whether what is left of the chosen digit is still asked for.
  get isAsking() {
    return this.known !== this.chosen && !this.isPausing;
  }

  get left() {
    return Object.values(this.counts()).reduce((sum, count) => sum + count, 0);
  }

  // Rows that wait, by digit.
  counts() {
    const found = { ...this.waiting };
    for (const { group } of this.recent) {
      found[group] = Math.max(0, found[group] - 1);
    }
    return found;
  }

  // The digit of which most rows wait, but for those of which nothing is left here; null for none.
  fullest() {
    const found = Object.entries(this.counts()).filter(([value]) => !this.spent.has(value) && !this.isDone(value));
    return found.length ? found.reduce((best, each) => (each[1] > best[1] ? each : best))[0] : null;
  }

  // Whether nothing of this digit waits but what was marked and left.
  isDone(value) {
    return (this.counts()[value] ?? 0) <= [...this.later.values()].filter((each) => each === value).length;
  }
}
