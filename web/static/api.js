// Calls of the HTTP interface. A browser that is signed in shows the token of its page with every change.

import { meta } from "./elements.js";
import { known, text } from "./texts.js";

const csrf = meta("csrf-token");
const MOST_PATIENCE_SECONDS = 60;

export class Refusal extends Error {
  constructor(status, problem, retryAfter) {
    super(status === 401 ? text("signed_out") : wordsOf(problem));
    this.status = status;
    this.code = problem.code;
    this.retryAfter = retryAfter;
  }
}

// What a problem says. The interface's sentence is English; in other languages the page's own stands before it.
export function wordsOf({ code, detail }) {
  if (!detail) {
    return text("unreachable");
  }
  const own = known(`refused_${code}`);
  return own ? `${own} (${detail})` : detail;
}

/** @returns {Record<string, string>} */
export function changeHeaders() {
  return csrf ? { "X-CSRF-Token": csrf } : {};
}

/**
 * The JSON that is answered, or null where nothing is; `json` or `body` is what is sent. Raises Refusal, or TypeError
 * where nobody answers.
 * @param {string} method
 * @param {string} address
 * @param {{json?: object, body?: BodyInit, headers?: Record<string, string>, keepalive?: boolean, signal?: AbortSignal}} [options]
 */
export async function call(method, address, { json, body, headers, keepalive, signal } = {}) {
  /** @type {Record<string, string>} */
  const sent = {
    Accept: "application/json",
    ...(method === "GET" ? {} : changeHeaders()),
    ...(json ? { "Content-Type": "application/json" } : {}),
    ...headers,
  };
  const content = json ? JSON.stringify(json) : body;
  const response = await fetch(address, { method, headers: sent, body: content, keepalive, signal });
  if (!response.ok) {
    throw new Refusal(response.status, await problemOf(response), Number(response.headers.get("Retry-After")));
  }
  return response.status === 204 ? null : response.json();
}

/**
 * The same for reading, and again while the connection is lost or the service has too much to do.
 * `waiting` is told the error of each attempt that failed.
 * @param {string} address
 * @param {{signal?: AbortSignal, waiting?: (error: Error) => void}} [options]
 */
export async function read(address, { signal, waiting = () => {} } = {}) {
  for (let pause = 1; ; pause = Math.min(pause * 2, MOST_PATIENCE_SECONDS)) {
    try {
      return await call("GET", address, { signal });
    } catch (error) {
      if (!passes(error)) {
        throw error;
      }
      waiting(error);
      await sleep(error.retryAfter || pause);
    }
  }
}

// Whether the same call may well succeed a little later.
export function passes(error) {
  return error instanceof Refusal ? error.status === 429 || error.status >= 502 : error instanceof TypeError;
}

// So many seconds, or less when the connection comes back.
export function sleep(seconds) {
  return /** @type {Promise<void>} */ (new Promise((resolve) => {
    const timer = setTimeout(done, seconds * 1000);
    window.addEventListener("online", done);
    function done() {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    }
  }));
}

// crypto.randomUUID is missing where a page comes without TLS
export function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function showProblem(message) {
  const place = /** @type {HTMLElement} */ (document.getElementById("problem"));
  place.textContent = message;
  place.hidden = !message;
}

async function problemOf(response) {
  const isProblem = response.headers.get("Content-Type")?.startsWith("application/problem+json");
  return isProblem ? response.json() : {};
}
