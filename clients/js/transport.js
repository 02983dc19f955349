// One way to ask the service: again where that helps, with every failure a DigitmillError.

const ATTEMPTS = 6;
const LONGEST_PAUSE_SECONDS = 60;
const BUSY = new Set([429, 502, 503, 504]);

/** Every failure of a call, but for one that its `signal` stopped. */
export class DigitmillError extends Error {
  /**
   * @param {string} code the service's own, or `unreachable`, `wait_timeout` or `unexpected_answer`
   * @param {string} detail a sentence for people
   * @param {{status?: number, errors?: {field: string, message: string}[], retryAfter?: number, cause?: unknown}} [more]
   */
  constructor(code, detail, { status, errors = [], retryAfter, cause } = {}) {
    super(detail, { cause });
    this.name = "DigitmillError";
    this.code = code;
    /** HTTP's, or undefined where no answer came. */
    this.status = status;
    /** What is wrong with which field of the request. */
    this.errors = errors;
    /** Seconds after which the service wants to be asked again. */
    this.retryAfter = retryAfter;
  }

  /** Whether the same call may well succeed a little later. */
  get passes() {
    return this.code === "unreachable" || BUSY.has(this.status ?? 0);
  }
}

export class Transport {
  #url;
  #key;

  /** @param {string} url @param {string | undefined} key @param {number} timeout seconds */
  constructor(url, key, timeout) {
    this.#url = url.replace(/\/+$/, "");
    this.#key = key;
    this.timeout = timeout;
  }

  /** @template T @param {string} method @param {string} path @param {Reader<T>} read @param {Call} [call] @returns {Promise<T>} */
  async ask(method, path, read, call = {}) {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.once(method, path, read, call);
      } catch (error) {
        // the answer to an earlier attempt may have been lost on its way
        if (method === "DELETE" && attempt > 1 && error instanceof DigitmillError && error.status === 404) {
          return read(new Response(null, { status: 204 }));
        }
        const pause = pauseAfter(error, attempt);
        if (call.signal?.aborted || pause === undefined || attempt === ATTEMPTS || pause > LONGEST_PAUSE_SECONDS) {
          throw error;
        }
        await sleep(pause, call.signal);
      }
    }
  }

  /** @template T @param {string} method @param {string} path @param {Reader<T>} read @param {Call} call @returns {Promise<T>} */
  async once(method, path, read, call) {
    const stop = stopper(call.signal);
    const timer = call.patient ? undefined : setTimeout(stop.stop, this.timeout * 1000);
    try {
      const response = await fetch(this.#url + path + queryOf(call.query), {
        method,
        headers: {
          Accept: "*/*",
          ...(this.#key === undefined ? {} : { Authorization: `Bearer ${this.#key}` }),
          ...(call.json === undefined ? {} : { "Content-Type": "application/json" }),
          ...call.headers,
        },
        body: call.json === undefined ? call.body : JSON.stringify(call.json),
        signal: stop.signal,
      });
      if (!response.ok) {
        throw await refusal(response);
      }
      return await read(response);
    } catch (error) {
      throw call.signal?.aborted ? error : this.#explained(error);
    } finally {
      clearTimeout(timer);
      if (read !== whole) {
        stop.release();
      }
    }
  }

  /** @param {unknown} error */
  #explained(error) {
    if (error instanceof DigitmillError) {
      return error;
    }
    if (error instanceof SyntaxError) {
      return new DigitmillError("unexpected_answer", `What answers at ${this.#url} is not Digitmill.`, { cause: error });
    }
    return new DigitmillError("unreachable", `${this.#url} cannot be reached, or was silent for too long.`, { cause: error });
  }
}

/**
 * @typedef {object} Call
 * @property {Record<string, unknown>} [query]
 * @property {unknown} [json]
 * @property {BodyInit} [body]
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 * @property {boolean} [patient] the answer may take as long as it takes
 */

/** @template T @typedef {(response: Response) => T | Promise<T>} Reader */

/** @type {Reader<any>} */
export const json = (response) => response.json();

/** The caller reads the body, and its signal still stops that. @type {Reader<Response>} */
export const whole = (response) => response;

/** @type {Reader<void>} */
export const nothing = () => {};

/** @param {Record<string, unknown>} [query] */
function queryOf(query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
}

/** Seconds after which the same call may succeed; undefined where it will not. @param {unknown} error @param {number} attempt */
function pauseAfter(error, attempt) {
  if (!(error instanceof DigitmillError) || !error.passes) {
    return undefined;
  }
  return error.retryAfter ?? Math.min(0.2 * 2 ** (attempt - 1), 10) + Math.random() / 2;
}

/** @param {Response} response @returns {Promise<DigitmillError>} */
async function refusal(response) {
  /** @type {any} */
  const problem = await response.json().catch(() => ({}));
  const seconds = Number.parseFloat(response.headers.get("Retry-After") ?? "");
  return new DigitmillError(
    problem.code ?? "unexpected_answer",
    problem.detail ?? `${response.url} answered ${response.status} ${response.statusText}`.trim(),
    { status: response.status, errors: problem.errors, retryAfter: Number.isNaN(seconds) ? undefined : Math.max(seconds, 0) },
  );
}

/** A signal of its own that ends with `given`; `AbortSignal.any` is not in Node 18. @param {AbortSignal} [given] */
export function stopper(given) {
  const own = new AbortController();
  const stop = () => own.abort(given?.reason);
  if (given?.aborted) {
    stop();
  }
  given?.addEventListener("abort", stop);
  return { signal: own.signal, stop, release: () => given?.removeEventListener("abort", stop) };
}

/** @param {number} seconds @param {AbortSignal} [signal] @returns {Promise<void>} */
export function sleep(seconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, seconds * 1000);
    signal?.addEventListener("abort", stop);
  });
}

/**
 * The lines of a stream of events, block by block.
 * @param {ReadableStream<Uint8Array>} body
 * @param {number} patience seconds of silence after which it counts as lost
 */
export async function* blocks(body, patience) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await heard(reader, patience);
      if (done) {
        return;
      }
      const parts = (rest + decoder.decode(value, { stream: true })).replace(/\r\n/g, "\n").split("\n\n");
      rest = parts.pop() ?? "";
      for (const part of parts) {
        yield part.split("\n");
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** @param {ReadableStreamDefaultReader<Uint8Array>} reader @param {number} patience */
async function heard(reader, patience) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {Promise<{done: true, value: undefined}>} */
  const silence = new Promise((resolve) => {
    timer = setTimeout(() => resolve({ done: true, value: undefined }), patience * 1000);
  });
  try {
    return await Promise.race([reader.read(), silence]);
  } finally {
    clearTimeout(timer);
  }
}
