// What the service answers and takes, as docs/integrator.md describes it; times are RFC 3339 in UTC. A later service may
// answer more.

/** Images of a job. `done` is the sum of the four statuses; `skipped` files are no images. */
export interface Counts {
  total: number;
  done: number;
  recognized: number;
  review: number;
  blank: number;
  failed: number;
  skipped: number;
  corrected?: number;
  unanswered?: number;
}

/** Why an image or a whole job failed. */
export interface Failure {
  code: string;
  detail: string;
}

/** The sets of a form; there are 0 where the pages are `loose`, so that it cannot be told which belong together. */
export interface FormSets {
  name: string;
  pages: { page: number; scans: number }[];
  order: "forward" | "reversed" | "loose";
  sets: number;
  incomplete: number;
  missing_pages: number;
  faulty: number;
}

/** What is wrong with so many `sets` from `set` on. `unread` scans may be pages that are missing. */
export interface SetFault {
  form: string;
  set: number;
  sets: number;
  missing: number[];
  doubled: number[];
  in_order: boolean;
  first: SetScan;
  last: SetScan;
  unread: SetScan[];
}

/** The row of a scan. */
export interface SetScan {
  index: number;
  name: string;
}

export interface Job {
  id: string;
  kind: string;
  state: "queued" | "running" | "completed" | "cancelled" | "failed";
  counts: Counts;
  /** From 0 to 1. */
  progress: number;
  options: Record<string, unknown>;
  metadata: Record<string, unknown>;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  expires_at: string | null;
  error: Failure | null;
  /** Of a completed job of form pages: how many were sent before in it, and the first of them. */
  copies?: { pages: number; first: { index: number; of: number; same: "picture" | "writing" }[] };
  /** Of a completed job with templates of several pages of a form: its sets, the pages of one filled-in copy each. */
  sets?: { forms: FormSets[]; faults: SetFault[] };
  /** The first rows, where the submission waited for the end. */
  results?: Row[];
}

/** What a person said of a row. */
export interface Correction {
  prediction: string | null;
  status: "recognized" | "blank" | "not_a_digit";
  by: string;
  at: string;
  /** What the key `by` is called; null where no key is asked, absent from earlier services. */
  by_name?: string | null;
}

/** The answer for one image. */
export interface Row {
  index: number;
  name: string;
  status: "recognized" | "review" | "blank" | "failed";
  prediction: string | null;
  confidence: number | null;
  alternatives: { prediction: string; confidence: number }[];
  error: Failure | null;
  correction: Correction | null;
  revision: number;
  reason: string | null;
  /** Of form pages: the answers by field. */
  fields?: Record<string, any>;
  template?: { name: string; version: string } | null;
  /** Of form pages of a completed job: an earlier row that shows the same page. */
  copy_of?: { index: number; same: "picture" | "writing" };
  /** Of a completed job: which page of a form of several pages this is, and of which set; null where nobody can tell. */
  form?: { name: string; page: number; set: number | null };
}

export interface Page {
  results: Row[];
  next_cursor: string | null;
}

/** Which rows to take. `status` is one status, or several with commas. */
export interface Filters {
  status?: string;
  min_confidence?: number;
  max_confidence?: number;
  corrected?: boolean;
}

/** Of which jobs a registered webhook is told. */
export type JobEvent = "job.completed" | "job.failed" | "job.cancelled" | "job.drifted" | "job.progress";

/** One try to deliver: a `status`, or the `error` that kept the receiver from answering. */
export interface Attempt {
  at: string;
  seconds: number;
  status: number | null;
  error: string | null;
}

/** The way of one event to its receiver. */
export interface Delivery {
  id: string;
  /** Null for a test. */
  job_id: string | null;
  /** The id of a registered webhook; null for the `webhook_url` of a job. */
  webhook: string | null;
  event: JobEvent | "results" | "webhook.test";
  url: string;
  state: "pending" | "delivered" | "gone" | "failed";
  attempts: Attempt[];
  next_attempt_at: string | null;
}

/** A receiver that is told of all jobs of yours. */
export interface Webhook {
  id: string;
  url: string;
  events: JobEvent[];
  description: string;
  enabled: boolean;
  created_at: string;
  last_test: Delivery | null;
}

/** `secret` signs what is sent there. */
export interface WebhookWithSecret extends Webhook {
  secret: string;
}

export interface WebhookChange {
  url?: string;
  events?: JobEvent[];
  description?: string;
  enabled?: boolean;
}

/** Which deliveries to list. States and events are one, or several with commas; `webhook` is an id. */
export interface SoughtDeliveries {
  state?: string;
  event?: string;
  webhook?: string;
  signal?: AbortSignal;
}

/** Which jobs to list or to delete. Times are days (UTC), or times with their zone; `metadata` are pairs that the jobs' hold. */
export interface Sought {
  state?: Job["state"];
  unanswered?: boolean;
  created_after?: string;
  created_before?: string;
  metadata?: Record<string, unknown>;
  signal?: AbortSignal;
}

/** With `final` what people have said stands in the place of the model's answers. */
export interface Table extends Filters {
  final?: boolean;
  bom?: boolean;
  quoting?: "all";
  signal?: AbortSignal;
}

/** What a person says: one of these, of a form page with its `field`. `correction: null` takes back what was said. */
export interface Said {
  prediction?: string;
  status?: "blank" | "not_a_digit";
  correction?: null;
  field?: string;
}

/**
 * A file with the name that its row shall carry. In Node, `await openAsBlob(path)` of `node:fs` is a Blob that is read as
 * it is sent.
 */
export interface Upload {
  name: string;
  data: Blob | ArrayBuffer | Uint8Array<ArrayBuffer> | string;
}

export interface Submission {
  /** Those of the HTTP interface by their names, such as `review_below`. */
  options?: Record<string, unknown>;
  /** 1 to 60: answer only when the job is final, or after so many seconds. */
  wait?: number;
  /**
   * The same key with the same content gives the same job, however often it is sent. Unset: a new one for this call,
   * which covers this call's own repetitions.
   */
  idempotencyKey?: string;
  signal?: AbortSignal;
}
