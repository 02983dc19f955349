// A client of Digitmill's HTTP interface, for browsers and for Node 18 and later. It depends on nothing.

/** @import { Delivery, Filters, Job, Page, Row, Said, Sought, SoughtDeliveries } from "./documents.js" */
/** @import { Submission, Table, Upload, Webhook, WebhookChange, WebhookWithSecret } from "./documents.js" */

import { blocks, DigitmillError, json, nothing, sleep, stopper, Transport, whole } from "./transport.js";

export { DigitmillError };

const FRUITLESS_POLLS = 5;
const FINAL = new Set(["completed", "cancelled", "failed"]);

/** Whether a job has come to its end. @param {Job} job */
export function isFinal(job) {
  return FINAL.has(job.state);
}

/** A connection to one service. Calls are tried again while it is busy or cannot be reached, for some seconds. */
export class Digitmill {
  #service;

  /**
   * @param {string} url such as "http://127.0.0.1:8000"
   * @param {{key?: string, timeout?: number}} [settings] `timeout` is seconds of silence after which a connection counts
   *   as lost; of an upload only the submission's own `signal` says so
   */
  constructor(url, { key, timeout = 30 } = {}) {
    this.#service = new Transport(url, key, timeout);
  }

  /**
   * Upload images and zips as one job.
   * @param {(File | Upload)[]} files
   * @param {Submission} [submission]
   * @returns {Promise<Job>}
   */
  async submit(files, { options, wait, idempotencyKey, signal } = {}) {
    const body = new FormData();
    if (options) {
      body.append("options", JSON.stringify(options));
    }
    for (const file of files) {
      const data = "data" in file ? file.data : file;
      body.append("files", data instanceof Blob ? data : new Blob([data]), file.name);
    }
    const headers = submissionHeaders(idempotencyKey, wait);
    return this.#service.ask("POST", "/v1/jobs", json, { body, headers, signal, patient: true });
  }

  /**
   * Let the service fetch images from where they lie: `s3://bucket/path`, or addresses that begin with `https://`.
   * @param {string | string[]} source
   * @param {Submission} [submission]
   * @returns {Promise<Job>}
   */
  async submitSource(source, { options, wait, idempotencyKey, signal } = {}) {
    const headers = submissionHeaders(idempotencyKey, wait);
    return this.#service.ask("POST", "/v1/jobs", json, { json: { source, options: options ?? {} }, headers, signal, patient: true });
  }

  /** @param {string} id @param {{signal?: AbortSignal}} [stoppable] @returns {Promise<Job>} */
  async job(id, { signal } = {}) {
    return this.#service.ask("GET", jobPath(id), json, { signal });
  }

  /**
   * Your jobs, newest first, fetched page by page as they are asked for.
   * @param {Sought} [wanted]
   * @returns {AsyncGenerator<Job, void, void>}
   */
  async *jobs({ signal, metadata, ...filters } = {}) {
    const sought = { ...filters, metadata: metadata && JSON.stringify(metadata) };
    for (let cursor; cursor !== null; ) {
      /** @type {{jobs: Job[], next_cursor: string | null}} */
      const page = await this.#service.ask("GET", "/v1/jobs", json, { query: { ...sought, cursor }, signal });
      yield* page.jobs;
      cursor = page.next_cursor;
    }
  }

  /**
   * Follow a job until it is completed, cancelled or failed: by its events while they come, else by asking.
   * @param {string} id
   * @param {{onProgress?: (job: Job) => void, timeout?: number, signal?: AbortSignal}} [waiting] `timeout` is seconds
   *   after which it ends with `wait_timeout`; the job goes on
   * @returns {Promise<Job>}
   */
  async wait(id, { onProgress = () => {}, timeout, signal } = {}) {
    const stop = stopper(signal);
    const timer = timeout === undefined ? undefined : setTimeout(stop.stop, timeout * 1000);
    try {
      return await this.#follow(id, onProgress, stop.signal);
    } catch (error) {
      if (stop.signal.aborted && !signal?.aborted) {
        throw new DigitmillError("wait_timeout", `Job ${id} is not done after ${timeout} s; it goes on, so wait again.`);
      }
      throw error;
    } finally {
      clearTimeout(timer);
      stop.release();
    }
  }

  /**
   * One page of rows, also while the job runs.
   * @param {string} id
   * @param {Filters & {limit?: number, cursor?: string, signal?: AbortSignal}} [wanted]
   * @returns {Promise<Page>}
   */
  async page(id, { signal, ...query } = {}) {
    return this.#service.ask("GET", `${jobPath(id)}/results`, json, { query, signal });
  }

  /**
   * All rows that there are, page by page, in upload order. Of a running job the rows so far.
   * @param {string} id
   * @param {Filters & {limit?: number, signal?: AbortSignal}} [wanted] `limit` is the most rows a call
   * @returns {AsyncGenerator<Row, void, void>}
   */
  async *results(id, { limit = 1000, ...wanted } = {}) {
    /** @type {string | undefined} */
    let before;
    for (let cursor = before; ; before = cursor) {
      const page = await this.page(id, { ...wanted, limit, cursor });
      yield* page.results;
      cursor = page.next_cursor ?? undefined;
      // the cursor of a running job stays before the first image without a row
      if (cursor === undefined || cursor === before) {
        return;
      }
    }
  }

  /** @param {string} id @param {number} index @param {{signal?: AbortSignal}} [stoppable] @returns {Promise<Row>} */
  async row(id, index, { signal } = {}) {
    return this.#service.ask("GET", `${jobPath(id)}/results/${index}`, json, { signal });
  }

  /**
   * Say what an image shows: a digit or a number as `prediction`, or `status` "blank" or "not_a_digit"; `correction`
   * null takes back what was said. Ends with `row_changed` where somebody changed the row after `revision`.
   * @param {string} id
   * @param {number} index
   * @param {Said} said
   * @param {{revision?: number, signal?: AbortSignal}} [seen] the row's (or of a form page, the field's) as you saw it
   * @returns {Promise<Row>}
   */
  async correct(id, index, said, { revision = 0, signal } = {}) {
    const headers = { "If-Match": `"${revision}"` };
    return this.#service.ask("PATCH", `${jobPath(id)}/results/${index}`, json, { json: said, headers, signal });
  }

  /** Stop a job within one chunk; rows that are done stay. @param {string} id @returns {Promise<Job>} */
  async cancel(id) {
    return this.#service.ask("POST", `${jobPath(id)}/cancel`, json);
  }

  /** Let a cancelled job go on with what is unread. @param {string} id @returns {Promise<Job>} */
  async resume(id) {
    return this.#service.ask("POST", `${jobPath(id)}/resume`, json);
  }

  /**
   * Have the failed images of a final job tried again, as a new job of those images alone.
   * @param {string} id
   * @param {{idempotencyKey?: string}} [submission]
   * @returns {Promise<Job>}
   */
  async retry(id, { idempotencyKey } = {}) {
    return this.#service.ask("POST", `${jobPath(id)}/retry`, json, { headers: submissionHeaders(idempotencyKey) });
  }

  /** Remove the rows, the record and the upload. @param {string} id @returns {Promise<void>} */
  async delete(id) {
    await this.#service.ask("DELETE", jobPath(id), nothing);
  }

  /**
   * Remove what `jobs` finds by the same filters, of which one must be given. Open ones are left, unless `state` names
   * theirs: those are cancelled first.
   * @param {Sought} wanted
   * @returns {Promise<string[]>} the ids of what is gone
   */
  async deleteJobs({ signal, metadata, ...filters }) {
    const sought = { ...filters, metadata: metadata && JSON.stringify(metadata) };
    /** @type {string[]} */
    const gone = [];
    for (let cursor; cursor !== null; ) {
      /** @type {{deleted: string[], next_cursor: string | null}} */
      const page = await this.#service.ask("DELETE", "/v1/jobs", json, { query: { ...sought, cursor }, signal });
      gone.push(...page.deleted);
      cursor = page.next_cursor;
    }
    return gone;
  }

  /** Your registered webhooks, oldest first. @returns {Promise<Webhook[]>} */
  async webhooks() {
    return (await this.#service.ask("GET", "/v1/webhooks", json)).webhooks;
  }

  /** @param {string} id @returns {Promise<Webhook>} */
  async webhook(id) {
    return this.#service.ask("GET", webhookPath(id), json);
  }

  /**
   * Register a receiver for all jobs of yours: without `events`, of those that are final. Keep its `secret`, which is
   * told this once. Ends with `conflict` where the address is registered already, which it is too where the answer to an
   * earlier try of this call was lost.
   * @param {string} url
   * @param {{events?: Webhook["events"], description?: string}} [wanted]
   * @returns {Promise<WebhookWithSecret>}
   */
  async addWebhook(url, { events, description } = {}) {
    return this.#service.ask("POST", "/v1/webhooks", json, { json: { url, events, description } });
  }

  /**
   * Change what is given, and leave the rest; `enabled: false` has nothing sent there.
   * @param {string} id
   * @param {WebhookChange} change
   * @returns {Promise<Webhook>}
   */
  async changeWebhook(id, change) {
    return this.#service.ask("PATCH", webhookPath(id), json, { json: change });
  }

  /** Remove it; what waits to be sent there is not sent. @param {string} id @returns {Promise<void>} */
  async removeWebhook(id) {
    await this.#service.ask("DELETE", webhookPath(id), nothing);
  }

  /**
   * Give it a new `secret`, which is told this once.
   * @param {string} id
   * @param {{overlap?: number}} [wanted] seconds for which the old one signs too; unset: seven days
   * @returns {Promise<WebhookWithSecret>}
   */
  async renewWebhookSecret(id, { overlap } = {}) {
    return this.#service.ask("POST", `${webhookPath(id)}/secret`, json, { json: { overlap } });
  }

  /**
   * Have a test event sent there, once, whatever it is told of; what is answered is pending.
   * @param {string} id
   * @returns {Promise<Delivery>} `last_test` of the webhook then tells what came of it
   */
  async testWebhook(id) {
    return this.#service.ask("POST", `${webhookPath(id)}/test`, json);
  }

  /**
   * What was sent of all your jobs, those of the newest first, fetched page by page as they are asked for.
   * @param {SoughtDeliveries} [wanted]
   * @returns {AsyncGenerator<Delivery, void, void>}
   */
  async *allDeliveries({ signal, ...sought } = {}) {
    for (let cursor; cursor !== null; ) {
      /** @type {{deliveries: Delivery[], next_cursor: string | null}} */
      const page = await this.#service.ask("GET", "/v1/deliveries", json, { query: { ...sought, cursor }, signal });
      yield* page.deliveries;
      cursor = page.next_cursor;
    }
  }

  /** What became of the job's webhooks. @param {string} id @returns {Promise<Delivery[]>} */
  async deliveries(id) {
    return (await this.#service.ask("GET", `${jobPath(id)}/deliveries`, json)).deliveries;
  }

  /** Have a webhook sent once more. @param {string} id @param {string} delivery @returns {Promise<Delivery>} */
  async redeliver(id, delivery) {
    return this.#service.ask("POST", `${jobPath(id)}/deliveries/${encodeURIComponent(delivery)}/redeliver`, json);
  }

  /**
   * The rows as a table. The answer's body is a stream that goes on until the job is final.
   * @param {string} id
   * @param {"csv" | "ndjson" | "xlsx"} format
   * @param {Table} [wanted]
   * @returns {Promise<Response>}
   */
  download(id, format, { signal, ...query } = {}) {
    return this.#service.ask("GET", `${jobPath(id)}/results`, whole, { query: { ...query, format }, signal, patient: true });
  }

  /**
   * The rows as the text of a CSV, when the job is final.
   * @param {string} id
   * @param {Table} [wanted]
   * @returns {Promise<string>}
   */
  async csv(id, wanted = {}) {
    const { signal, ...query } = wanted;
    const call = { query: { ...query, format: "csv" }, signal, patient: true };
    return this.#service.ask("GET", `${jobPath(id)}/results`, (response) => response.text(), call);
  }

  /**
   * The image as uploaded, or as a picture for a page: `png`, `thumbnail`, or `normalised`, which the model saw.
   * @param {string} id
   * @param {number} index
   * @param {{view?: "png" | "thumbnail" | "normalised", signal?: AbortSignal}} [wanted]
   * @returns {Promise<Blob>}
   */
  async image(id, index, { view, signal } = {}) {
    const path = `${jobPath(id)}/results/${index}/image`;
    return this.#service.ask("GET", path, (response) => response.blob(), { query: { view }, signal });
  }

  /** @param {string} id @param {(job: Job) => void} onProgress @param {AbortSignal} signal @returns {Promise<Job>} */
  async #follow(id, onProgress, signal) {
    let job = await this.job(id, { signal });
    onProgress(job);
    for (let fruitless = 0; !isFinal(job); ) {
      try {
        for await (job of this.#events(id, signal)) {
          fruitless = 0;
          onProgress(job);
        }
      } catch (error) {
        if (signal.aborted || !(error instanceof DigitmillError)) {
          throw error;
        }
      }
      if (isFinal(job)) {
        break;
      }
      // the stream broke off, or something between here and the service lets none through
      try {
        await sleep(1, signal);
        job = await this.job(id, { signal });
        fruitless = 0;
        onProgress(job);
      } catch (error) {
        if (signal.aborted || !(error instanceof DigitmillError && error.passes) || ++fruitless === FRUITLESS_POLLS) {
          throw error;
        }
      }
    }
    return job;
  }

  /** @param {string} id @param {AbortSignal} signal @returns {AsyncGenerator<Job, void, void>} */
  async *#events(id, signal) {
    const headers = { Accept: "text/event-stream" };
    const response = await this.#service.once("GET", `${jobPath(id)}/events`, whole, { headers, signal });
    if (!response.body || !response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
      return;
    }
    for await (const block of blocks(response.body, this.#service.timeout)) {
      const data = block.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart());
      if (data.length) {
        yield JSON.parse(data.join("\n"));
      }
    }
  }
}

/** @param {string} id */
function jobPath(id) {
  return `/v1/jobs/${encodeURIComponent(id)}`;
}

/** @param {string} id */
function webhookPath(id) {
  return `/v1/webhooks/${encodeURIComponent(id)}`;
}

/** @param {string} [key] @param {number} [wait] @returns {Record<string, string>} */
function submissionHeaders(key = newKey(), wait) {
  return { "Idempotency-Key": key, ...(wait === undefined ? {} : { Prefer: `wait=${wait}` }) };
}

// It has to be another one each time, and need not be hard to guess: Node 18 and pages without TLS have no randomUUID.
function newKey() {
  const number = () => Math.random().toString(36).slice(2);
  return globalThis.crypto?.randomUUID?.() ?? `${Date.now().toString(36)}-${number()}${number()}`;
}
