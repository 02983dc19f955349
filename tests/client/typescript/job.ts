// A whole job over what openapi-typescript makes of the OpenAPI document: URL, key and base64 of an image that shows a 1
import createClient from "openapi-fetch";
import type { components, paths } from "./service.js";

declare const process: { argv: string[] };
type Job = components["schemas"]["Job"];
type Page = components["schemas"]["Page"];
type Row = components["schemas"]["Row"];

const [baseUrl = "", key = "", image = ""] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });

function given<T>(answer: { data?: T | undefined; error?: components["schemas"]["Problem"] | undefined }): T {
  if (answer.data === undefined) {
    throw new Error(`${answer.error?.code}: ${answer.error?.detail}`);
  }
  return answer.data;
}

async function submitted(): Promise<Job> {
  const files = [1, 2, 3].map((number) => ({ name: `${number}.png`, data: image }));
  const body = { files: [...files, { name: "4.png", data: "bm8gaW1hZ2U=" }], options: { review_below: 0.5 } };
  return given(await client.POST("/v1/jobs", { body, headers: { "Content-Type": "application/json" } }));
}

async function ended(job_id: string): Promise<Job> {
  for (;;) {
    const answer = await client.GET("/v1/jobs/{job_id}", { params: { path: { job_id } } });
    const seconds = answer.response.headers.get("Retry-After");
    if (seconds === null) {
      return given(answer);
    }
    await new Promise((done) => setTimeout(done, 1000 * Number(seconds)));
  }
}

async function pageOf(job_id: string, query: { limit: number; cursor?: string }): Promise<Page> {
  const page = given(await client.GET("/v1/jobs/{job_id}/results", { params: { path: { job_id }, query } }));
  if (typeof page === "string" || !("results" in page)) {
    throw new Error("this is no page");
  }
  return page;
}

async function rowsOf(job_id: string): Promise<Row[]> {
  let page = await pageOf(job_id, { limit: 3 });
  const rows = [...page.results];
  while (page.next_cursor !== null) {
    page = await pageOf(job_id, { limit: 3, cursor: page.next_cursor });
    rows.push(...page.results);
  }
  return rows;
}

const job = await ended((await submitted()).id);
const path = { job_id: job.id, index: 1 };
const rows = await rowsOf(job.id);
const change = { params: { path, header: { "If-Match": '"0"' } }, body: { prediction: "4" } };
const corrected = given(await client.PATCH("/v1/jobs/{job_id}/results/{index}", change));
const other = { ...change, body: { prediction: "5" } };
const again = await client.PATCH("/v1/jobs/{job_id}/results/{index}", other);
const table = await client.GET("/v1/jobs/{job_id}/results.csv", {
  params: { path: { job_id: job.id }, query: { final: "true" } },
  parseAs: "text",
});
const removed = await client.DELETE("/v1/jobs/{job_id}", { params: { path: { job_id: job.id } } });
const gone = await client.GET("/v1/jobs/{job_id}", { params: { path: { job_id: job.id } } });

console.log(
  JSON.stringify({
    state: job.state,
    below: job.options.review_below,
    rows: rows.map((row) => [row.name, row.status, row.prediction, row.error?.code ?? null]),
    corrected: corrected.correction?.prediction,
    again: again.error?.code,
    table: table.data,
    removed: removed.response.status,
    gone: gone.error?.code,
  }),
);
