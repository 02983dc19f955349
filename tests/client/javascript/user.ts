// A program in TypeScript that uses the client: its types are what is tested.

import { Digitmill, DigitmillError } from "../../../clients/js/digitmill.js";
import type { Row } from "../../../clients/js/documents.js";

export async function doubtful(client: Digitmill, scans: File[]): Promise<Row[]> {
  const job = await client.wait((await client.submit(scans, { options: { review_below: 0.9 } })).id);
  const rows: Row[] = [];
  for await (const row of client.results(job.id, { status: "review" })) {
    rows.push(row);
  }
  return rows;
}

export async function exists(client: Digitmill, id: string): Promise<boolean> {
  try {
    return (await client.job(id)).counts.total > 0;
  } catch (error) {
    if (error instanceof DigitmillError && error.code === "not_found") {
      return false;
    }
    throw error;
  }
}

// @ts-expect-error a state that no job has
export const wrong = new Digitmill("http://127.0.0.1:8000").jobs({ state: "paused" });

// @ts-expect-error a filter is needed
export const all = new Digitmill("http://127.0.0.1:8000").deleteJobs();

// @ts-expect-error an event that there is not
export const lost = new Digitmill("http://127.0.0.1:8000").addWebhook("https://hooks.example/", { events: ["job.lost"] });
