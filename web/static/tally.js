// How a person gets on: answers a minute, and how many of them differ from the model's.

const WINDOW_MS = 60_000;
const LEAST_MS = 5000;

export class Tally {
  constructor() {
    this.answers = [];
  }

  add(changed) {
    this.answers.push({ at: performance.now(), changed });
  }

  takeBack() {
    this.answers.pop();
  }

  // Over the last minute, or since the first answer; null where that is too short to tell.
  aMinute() {
    if (!this.answers.length) {
      return null;
    }
    const now = performance.now();
    const span = Math.min(WINDOW_MS, now - this.answers[0].at);
    const counted = this.answers.filter(({ at }) => at >= now - WINDOW_MS).length;
    return span < LEAST_MS ? null : (counted * 60_000) / span;
  }

  // 0 to 1; null before the first answer.
  shareChanged() {
    const changed = this.answers.filter((answer) => answer.changed).length;
    return this.answers.length ? changed / this.answers.length : null;
  }
}
