// One whole use of the client, the same in Node and in a browser; the test tells the worker when to work.

import { Digitmill, DigitmillError, isFinal } from "../../../clients/js/digitmill.js";

/**
 * @param {string} url
 * @param {string} key
 * @param {{name: string, data: Blob}[]} files the last of them is no image
 * @param {() => Promise<void>} work lets the worker begin
 */
export async function scenario(url, key, files, work) {
  const client = new Digitmill(url, { key });
  const stopped = await client.cancel((await client.submit(files)).id);
  const job = await client.submit(files, { options: { metadata: { batch: "A7" } }, idempotencyKey: `once-${stopped.id}` });
  const again = await client.submit(files, { options: { metadata: { batch: "A7" } }, idempotencyKey: `once-${stopped.id}` });
  const early = await codeOf(client.wait(job.id, { timeout: 0.2 }));
  /** @type {string[]} */
  const states = [job.state];
  const waited = client.wait(job.id, { onProgress: (now) => states.push(now.state) });
  await work();
  const done = await waited;

  /** @type {import("../../../clients/js/documents.js").Row[]} */
  const rows = [];
  for await (const row of client.results(job.id, { limit: 1 })) {
    rows.push(row);
  }
  const corrected = await client.correct(job.id, 0, { prediction: "4" });
  const conflict = await codeOf(client.correct(job.id, 0, { prediction: "5" }));
  const table = await client.csv(job.id, { final: true });
  const lines = await (await client.download(job.id, "ndjson")).text();
  const picture = await client.image(job.id, 0, { view: "thumbnail" });
  const ids = [];
  for await (const { id } of client.jobs({ metadata: { batch: "A7" } })) {
    ids.push(id);
  }
  await client.delete(job.id);
  return {
    cancelled: stopped.state,
    same: again.id === job.id,
    early,
    final: isFinal(done),
    state: done.state,
    done: done.counts.done,
    progressed: states.includes("completed"),
    batch: done.metadata.batch,
    rows: rows.map(({ name, status, error }) => [name, status, error?.code ?? null]),
    corrected: [corrected.correction?.prediction, corrected.revision],
    conflict,
    table,
    lines: lines.trim().split("\n").length,
    picture: picture.type,
    listed: ids.length === 1 && ids[0] === job.id,
    deleted: await codeOf(client.job(job.id)),
    unauthorized: await codeOf(new Digitmill(url, { key: "dm_nobody_knows" }).job(job.id)),
    mistaken: await fieldsOf(client.submit(files, { options: { review_below: 2 } })),
  };
}

/**
 * A receiver is registered, told of a job, tried, given another secret and removed; jobs are deleted by a filter.
 * @param {string} url
 * @param {string} key
 * @param {string} address of a receiver that answers 204
 * @param {{name: string, data: Blob}[]} files
 */
export async function telling(url, key, address, files) {
  const client = new Digitmill(url, { key });
  const hook = await client.addWebhook(address, { events: ["job.completed"], description: "the ward" });
  const job = await client.wait((await client.submit(files, { options: { metadata: { batch: "told" } } })).id);
  await until(async () => (await client.deliveries(job.id)).some(({ state }) => state === "delivered"));
  /** @type {import("../../../clients/js/documents.js").Delivery[]} */
  const sent = [];
  for await (const delivery of client.allDeliveries({ webhook: hook.id })) {
    sent.push(delivery);
  }
  const begun = await client.testWebhook(hook.id);
  await until(async () => (await client.webhook(hook.id)).last_test?.state === "delivered");
  const again = await client.redeliver(job.id, sent[0].id);
  const renewed = await client.renewWebhookSecret(hook.id, { overlap: 0 });
  const changed = await client.changeWebhook(hook.id, { events: ["job.failed"], enabled: false });
  const said = {
    listed: (await client.webhooks()).map(({ id, description }) => [id === hook.id, description]),
    sent: sent.map(({ job_id, event, attempts }) => [job_id === job.id, event, attempts.map(({ status }) => status)]),
    begun: [begun.event, begun.job_id],
    again: again.id === sent[0].id,
    renewed: [hook.secret, renewed.secret].every((secret) => secret.startsWith("whsec_")) && hook.secret !== renewed.secret,
    changed: [changed.events, changed.enabled, changed.description],
    twice: await codeOf(client.addWebhook(address)),
    removed: await codeOf(client.removeWebhook(hook.id).then(() => client.webhook(hook.id))),
    all: await codeOf(client.deleteJobs({})),
    nothing: await client.deleteJobs({ metadata: { batch: "nobody's" } }),
    gone: (await client.deleteJobs({ metadata: { batch: "told" }, created_after: "2020-01-01" })).map((id) => id === job.id),
  };
  return { ...said, left: await codeOf(client.job(job.id)) };
}

/** @param {() => Promise<boolean>} holds */
async function until(holds) {
  for (const end = Date.now() + 60_000; !(await holds()); ) {
    if (Date.now() > end) {
      throw new Error("it did not happen in time");
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** @param {Promise<unknown>} call */
async function codeOf(call) {
  return (await refused(call)).code;
}

/** @param {Promise<unknown>} call */
async function fieldsOf(call) {
  return (await refused(call)).errors.map((error) => error.field);
}

/** @param {Promise<unknown>} call @returns {Promise<DigitmillError>} */
async function refused(call) {
  try {
    await call;
  } catch (error) {
    if (error instanceof DigitmillError) {
      return error;
    }
    throw error;
  }
  throw new Error("the call was not refused");
}
