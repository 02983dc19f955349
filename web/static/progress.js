// A job followed to its end by server-sent events, over lost connections and restarts of the service.

import { Refusal, read, sleep } from "./api.js";
import { text } from "./texts.js";

const MOST_PAUSE_SECONDS = 15;
const FINAL = new Set(["completed", "cancelled", "failed"]);

export function isFinal(job) {
  return FINAL.has(job.state);
}

// Of a job that ended before all of it was read, how far it came; else nothing.
export function partlyText({ state, counts: { done, total } }) {
  return isFinal({ state }) && done < total ? text("partly", { done, total }) : "";
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
    // the job tells whether the stream has ended for good, by its state or by being gone
    const now = job ?? (await read(address, { waiting: lost }));
    changed(now);
    if (isFinal(now)) {
      return now;
    }
    await sleep(pause);
  }
}

// The job of the event `done`, or nothing when the stream has broken for good.
function listen(address, { changed, lost }) {
  return new Promise((resolve) => {
    const source = new EventSource(address);
    const away = new AbortController();
    const over = (job) => {
      source.close();
      away.abort();
      resolve(job);
    };
    // a stream that a lost network has cut may look open for minutes
    window.addEventListener("offline", () => lost(new TypeError("the network is away")), { signal: away.signal });
    window.addEventListener("online", () => over(null), { signal: away.signal });
    source.addEventListener("progress", (event) => changed(JSON.parse(event.data)));
    source.addEventListener("done", (event) => over(JSON.parse(event.data)));
    source.onerror = () => {
      // while it is CONNECTING the browser tries again by itself, and names the last event that it saw
      lost(new TypeError("the connection is lost"));
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
