// A job followed to its end by server-sent events, over lost connections and restarts of the service.

import { Refusal, read, sleep } from "./api.js";

const MOST_PAUSE_SECONDS = 15;
const FINAL = new Set(["completed", "cancelled", "failed"]);

export function isFinal(job) {
  return FINAL.has(job.state);
}

// Calls `changed(job)` with every news and `lost(error)` while there is none to be had; ends with the final job.
export async function follow(id, { changed, lost }) {
  const address = `/v1/jobs/${id}`;
  for (let pause = 1; ; pause = Math.min(pause * 2, MOST_PAUSE_SECONDS)) {
    const job = await listen(`${address}/events`, {
      changed: (news) => {
        pause = 1;
        changed(news);
      },
      lost,
    });
    // the stream may have ended for good: the job tells, by its state or by being gone
    const now = job ?? (await read(address, { waiting: lost }));
    changed(now);
    if (isFinal(now)) {
      return now;
    }
    await sleep(pause);
  }
}

// The job of the event `done`, or nothing when the browser gives the stream up.
function listen(address, { changed, lost }) {
  return new Promise((resolve) => {
    const source = new EventSource(address);
    const over = (job) => {
      source.close();
      resolve(job);
    };
    source.addEventListener("progress", (event) => changed(JSON.parse(event.data)));
    source.addEventListener("done", (event) => over(JSON.parse(event.data)));
    source.onerror = () => {
      // while it is CONNECTING the browser tries again by itself, and names the last event that it saw
      if (!navigator.onLine) {
        lost(new TypeError("the connection is lost"));
      }
      if (source.readyState === EventSource.CLOSED) {
        over(null);
      }
    };
  });
}

// Images a second and seconds left, from the counts that come in; the first count is where it began to be watched.
export class Pace {
  constructor() {
    this.marks = [];
  }

  mark(done, total) {
    const now = performance.now() / 1000;
    this.marks.push([now, done]);
    // the last ten seconds, so that a pause does not spoil the rate for long
    while (this.marks.length > 2 && this.marks[0][0] < now - 10) {
      this.marks.shift();
    }
    const [then, before] = this.marks[0];
    const rate = now > then ? (done - before) / (now - then) : 0;
    return { rate, left: rate > 0 ? (total - done) / rate : null };
  }
}

export function isGone(error) {
  return error instanceof Refusal && (error.status === 404 || error.status === 410);
}
