// One drawing read by the service: a job of one image, waited for, and deleted when it is read.

import { call, sleep } from "./api.js";

const WAIT_SECONDS = 10;
const MOST_ROUNDS = 3;
const KEPT_SECONDS = 300;

// The row, with all alternatives; null where the service has no time. Raises Refusal, TypeError or AbortError.
export async function readDrawing(png, { model, signal }) {
  const query = new URLSearchParams({
    name: "drawing.png",
    model,
    polarity: "dark_on_light",
    alternatives: "9",
    // a drawing is no form: it may be doubted less
    review_below: "0.8",
    expires_in: String(KEPT_SECONDS),
  });
  const headers = { "Content-Type": "image/png", Prefer: `wait=${WAIT_SECONDS}` };
  const job = await call("POST", `/v1/jobs?${query}`, { body: png, headers, signal });
  try {
    return job.results?.[0] ?? (await rowOf(job, signal));
  } finally {
    // what is left over expires soon by itself
    call("DELETE", job.links.self).catch(() => {});
  }
}

async function rowOf(job, signal) {
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    await sleep(1);
    const page = await call("GET", `${job.links.results}?limit=1`, { signal });
    if (page.results.length) {
      return page.results[0];
    }
  }
  return null;
}
