// Doubtful rows that nobody else gets while this tab holds them.

import { call, passes, sleep } from "./api.js";
import { Asking } from "./asking.js";
import { reviewer } from "./reviewer.js";

const HOLD_SECONDS = 60;
const RENEW_MS = 20_000;
const IDLE_MS = 180_000;
export const MOST_ROWS = 100;
const PAUSE_SECONDS = 3;

export class Holding extends Asking {
  // `wanted()`: {limit, prediction}. `got(review, number)`: what the service gave, `number` being what `begin`
  // returned. `told(error)`: that it does not go, and null when it goes again.
  constructor(address, { wanted, got, told }) {
    super();
    this.address = address;
    this.on = { wanted, got, told };
    this.number = 0;
    this.failing = false;
    this.active = performance.now();
    setInterval(() => this.renew(), RENEW_MS);
    document.addEventListener("visibilitychange", () => this.renew());
    // who comes back after a while finds out at once what others have taken over
    document.addEventListener("keydown", () => this.touch(), { capture: true });
    document.addEventListener("pointerdown", () => this.touch(), { capture: true });
  }

  touch() {
    const idle = performance.now() - this.active > IDLE_MS;
    this.active = performance.now();
    if (idle) {
      this.ask();
    }
  }

  renew() {
    if (document.visibilityState === "visible" && performance.now() - this.active < IDLE_MS) {
      this.ask();
    }
  }

  // Ask for what this holder holds, too, who is then told that somebody has taken it.
  takeOver(holder) {
    this.from = holder;
    this.ask();
  }

  async askUntilAnswered() {
    for (;;) {
      this.number += 1;
      const number = this.number;
      const { limit, prediction } = this.on.wanted();
      const from = this.from;
      const json = {
        reviewer,
        seconds: HOLD_SECONDS,
        limit: Math.min(limit, MOST_ROWS),
        ...(prediction ? { prediction } : {}),
        ...(from ? { take_over: from } : {}),
      };
      let review;
      try {
        review = await call("POST", this.address, { json });
      } catch (error) {
        this.failing = true;
        this.on.told(error);
        if (!passes(error)) {
          return;
        }
        await sleep(error.retryAfter || PAUSE_SECONDS);
        continue;
      }
      if (this.failing) {
        this.failing = false;
        this.on.told(null);
      }
      this.from = this.from === from ? null : this.from;
      this.on.got(review, number);
      return;
    }
  }
}
