// One upload: told in bytes while it goes, and sent again under the same Idempotency-Key when the connection is lost.

import { Refusal, changeHeaders, passes, randomKey, sleep } from "./api.js";

const MOST_ATTEMPTS = 10;

// Gives the job. `told` gets {sent, total} and {retrying: seconds}. Raises Refusal, TypeError, or AbortError when stopped.
export async function send(form, { told, signal }) {
  const key = randomKey();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await post(form, key, told, signal);
    } catch (error) {
      if (attempt === MOST_ATTEMPTS || !passes(error)) {
        throw error;
      }
      const seconds = error.retryAfter || Math.min(2 ** attempt, 30);
      told({ retrying: seconds });
      await sleep(seconds);
      signal.throwIfAborted();
    }
  }
}

// fetch tells nothing of how far an upload is
function post(form, key, told, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    request.open("POST", "/v1/jobs");
    request.responseType = "json";
    for (const [name, value] of Object.entries({ "Idempotency-Key": key, ...changeHeaders() })) {
      request.setRequestHeader(name, value);
    }
    request.upload.onprogress = (event) => told({ sent: event.loaded, total: event.total });
    request.onload = () => {
      if (request.status === 200 || request.status === 202) {
        resolve(request.response);
      } else {
        reject(new Refusal(request.status, request.response ?? {}, Number(request.getResponseHeader("Retry-After"))));
      }
    };
    request.onerror = () => reject(new TypeError("the connection is lost"));
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
    request.onloadend = () => signal.removeEventListener("abort", stop);
    signal.addEventListener("abort", stop);
    request.send(form);
  });
}
