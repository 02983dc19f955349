import type { Delivery, Filters, Job, Page, Row, Said, Sought, SoughtDeliveries } from "./documents.js";
import type { Submission, Table, Upload, Webhook, WebhookChange, WebhookWithSecret } from "./documents.js";
/** @import { Delivery, Filters, Job, Page, Row, Said, Sought, SoughtDeliveries } from "./documents.js" */
/** @import { Submission, Table, Upload, Webhook, WebhookChange, WebhookWithSecret } from "./documents.js" */
import { DigitmillError } from "./transport.js";
export { DigitmillError };
/** Whether a job has come to its end. @param {Job} job */
export declare function isFinal(job: Job): boolean;
/** A connection to one service. Calls are tried again while it is busy or cannot be reached, for some seconds. */
export declare class Digitmill {
    #private;
    /**
     * @param {string} url such as "http://127.0.0.1:8000"
     * @param {{key?: string, timeout?: number}} [settings] `timeout` is seconds of silence after which a connection counts
     *   as lost; of an upload only the submission's own `signal` says so
     */
    constructor(url: string, { key, timeout }?: {
        key?: string;
        timeout?: number;
    });
    /**
     * Upload images and zips as one job.
     * @param {(File | Upload)[]} files
     * @param {Submission} [submission]
     * @returns {Promise<Job>}
     */
    submit(files: (File | Upload)[], { options, wait, idempotencyKey, signal }?: Submission): Promise<Job>;
    /**
     * Let the service fetch images from where they lie: `s3://bucket/path`, or addresses that begin with `https://`.
     * @param {string | string[]} source
     * @param {Submission} [submission]
     * @returns {Promise<Job>}
     */
    submitSource(source: string | string[], { options, wait, idempotencyKey, signal }?: Submission): Promise<Job>;
    /** @param {string} id @param {{signal?: AbortSignal}} [stoppable] @returns {Promise<Job>} */
    job(id: string, { signal }?: {
        signal?: AbortSignal;
    }): Promise<Job>;
    /**
     * Your jobs, newest first, fetched page by page as they are asked for.
     * @param {Sought} [wanted]
     * @returns {AsyncGenerator<Job, void, void>}
     */
    jobs({ signal, metadata, ...filters }?: Sought): AsyncGenerator<Job, void, void>;
    /**
     * Follow a job until it is completed, cancelled or failed: by its events while they come, else by asking.
     * @param {string} id
     * @param {{onProgress?: (job: Job) => void, timeout?: number, signal?: AbortSignal}} [waiting] `timeout` is seconds
     *   after which it ends with `wait_timeout`; the job goes on
     * @returns {Promise<Job>}
     */
    wait(id: string, { onProgress, timeout, signal }?: {
        onProgress?: (job: Job) => void;
        timeout?: number;
        signal?: AbortSignal;
    }): Promise<Job>;
    /**
     * One page of rows, also while the job runs.
     * @param {string} id
     * @param {Filters & {limit?: number, cursor?: string, signal?: AbortSignal}} [wanted]
     * @returns {Promise<Page>}
     */
    page(id: string, { signal, ...query }?: Filters & {
        limit?: number;
        cursor?: string;
        signal?: AbortSignal;
    }): Promise<Page>;
    /**
     * All rows that there are, page by page, in upload order. Of a running job the rows so far.
     * @param {string} id
     * @param {Filters & {limit?: number, signal?: AbortSignal}} [wanted] `limit` is the most rows a call
     * @returns {AsyncGenerator<Row, void, void>}
     */
    results(id: string, { limit, ...wanted }?: Filters & {
        limit?: number;
        signal?: AbortSignal;
    }): AsyncGenerator<Row, void, void>;
    /** @param {string} id @param {number} index @param {{signal?: AbortSignal}} [stoppable] @returns {Promise<Row>} */
    row(id: string, index: number, { signal }?: {
        signal?: AbortSignal;
    }): Promise<Row>;
    /**
     * Say what an image shows: a digit or a number as `prediction`, or `status` "blank" or "not_a_digit"; `correction`
     * null takes back what was said. Ends with `row_changed` where somebody changed the row after `revision`.
     * @param {string} id
     * @param {number} index
     * @param {Said} said
     * @param {{revision?: number, signal?: AbortSignal}} [seen] the row's (or of a form page, the field's) as you saw it
     * @returns {Promise<Row>}
     */
    correct(id: string, index: number, said: Said, { revision, signal }?: {
        revision?: number;
        signal?: AbortSignal;
    }): Promise<Row>;
    /** Stop a job within one chunk; rows that are done stay. @param {string} id @returns {Promise<Job>} */
    cancel(id: string): Promise<Job>;
    /** Let a cancelled job go on with what is unread. @param {string} id @returns {Promise<Job>} */
    resume(id: string): Promise<Job>;
    /**
     * Have the failed images of a final job tried again, as a new job of those images alone.
     * @param {string} id
     * @param {{idempotencyKey?: string}} [submission]
     * @returns {Promise<Job>}
     */
    retry(id: string, { idempotencyKey }?: {
        idempotencyKey?: string;
    }): Promise<Job>;
    /** Remove the rows, the record and the upload. @param {string} id @returns {Promise<void>} */
    delete(id: string): Promise<void>;
    /**
     * Remove what `jobs` finds by the same filters, of which one must be given. Open ones are left, unless `state` names
     * theirs: those are cancelled first.
     * @param {Sought} wanted
     * @returns {Promise<string[]>} the ids of what is gone
     */
    deleteJobs({ signal, metadata, ...filters }: Sought): Promise<string[]>;
    /** Your registered webhooks, oldest first. @returns {Promise<Webhook[]>} */
    webhooks(): Promise<Webhook[]>;
    /** @param {string} id @returns {Promise<Webhook>} */
    webhook(id: string): Promise<Webhook>;
    /**
     * Register a receiver for all jobs of yours: without `events`, of those that are final. Keep its `secret`, which is
     * told this once. Ends with `conflict` where the address is registered already, which it is too where the answer to an
     * earlier try of this call was lost.
     * @param {string} url
     * @param {{events?: Webhook["events"], description?: string}} [wanted]
     * @returns {Promise<WebhookWithSecret>}
     */
    addWebhook(url: string, { events, description }?: {
        events?: Webhook["events"];
        description?: string;
    }): Promise<WebhookWithSecret>;
    /**
     * Change what is given, and leave the rest; `enabled: false` has nothing sent there.
     * @param {string} id
     * @param {WebhookChange} change
     * @returns {Promise<Webhook>}
     */
    changeWebhook(id: string, change: WebhookChange): Promise<Webhook>;
    /** Remove it; what waits to be sent there is not sent. @param {string} id @returns {Promise<void>} */
    removeWebhook(id: string): Promise<void>;
    /**
     * Give it a new `secret`, which is told this once.
     * @param {string} id
     * @param {{overlap?: number}} [wanted] seconds for which the old one signs too; unset: seven days
     * @returns {Promise<WebhookWithSecret>}
     */
    renewWebhookSecret(id: string, { overlap }?: {
        overlap?: number;
    }): Promise<WebhookWithSecret>;
    /**
     * Have a test event sent there, once, whatever it is told of; what is answered is pending.
     * @param {string} id
     * @returns {Promise<Delivery>} `last_test` of the webhook then tells what came of it
     */
    testWebhook(id: string): Promise<Delivery>;
    /**
     * What was sent of all your jobs, those of the newest first, fetched page by page as they are asked for.
     * @param {SoughtDeliveries} [wanted]
     * @returns {AsyncGenerator<Delivery, void, void>}
     */
    allDeliveries({ signal, ...sought }?: SoughtDeliveries): AsyncGenerator<Delivery, void, void>;
    /** What became of the job's webhooks. @param {string} id @returns {Promise<Delivery[]>} */
    deliveries(id: string): Promise<Delivery[]>;
    /** Have a webhook sent once more. @param {string} id @param {string} delivery @returns {Promise<Delivery>} */
    redeliver(id: string, delivery: string): Promise<Delivery>;
    /**
     * The rows as a table. The answer's body is a stream that goes on until the job is final.
     * @param {string} id
     * @param {"csv" | "ndjson" | "xlsx"} format
     * @param {Table} [wanted]
     * @returns {Promise<Response>}
     */
    download(id: string, format: "csv" | "ndjson" | "xlsx", { signal, ...query }?: Table): Promise<Response>;
    /**
     * The rows as the text of a CSV, when the job is final.
     * @param {string} id
     * @param {Table} [wanted]
     * @returns {Promise<string>}
     */
    csv(id: string, wanted?: Table): Promise<string>;
    /**
     * The image as uploaded, or as a picture for a page: `png`, `thumbnail`, or `normalised`, which the model saw.
     * @param {string} id
     * @param {number} index
     * @param {{view?: "png" | "thumbnail" | "normalised", signal?: AbortSignal}} [wanted]
     * @returns {Promise<Blob>}
     */
    image(id: string, index: number, { view, signal }?: {
        view?: "png" | "thumbnail" | "normalised";
        signal?: AbortSignal;
    }): Promise<Blob>;
}
