// The calls of the service about templates. All raise Refusal, or TypeError where nobody answers.

import { Refusal, call, changeHeaders, passes, sleep } from "./api.js";

const MOST_TRIES = 4;
const WRITTEN = ["digits", "number"];
const OCTETS = { "Content-Type": "application/octet-stream" };

// A page as a browser draws it, whatever its format: {blob, bitmap, scale, pages}, `scale` being its pixels for each of
// those that are decoded, `pages` how many the file has, where that is known.
export async function pictureOf(file, page = 1) {
  const address = `/v1/templates/picture?page=${page}`;
  const response = await fetch(address, { method: "POST", headers: { ...OCTETS, ...changeHeaders() }, body: file });
  if (!response.ok) {
    throw new Refusal(response.status, await response.json().catch(() => ({})), Number(response.headers.get("Retry-After")));
  }
  const blob = await response.blob();
  return {
    blob,
    bitmap: await createImageBitmap(blob),
    scale: Number(response.headers.get("Digitmill-Scale")),
    pages: Number(response.headers.get("Digitmill-Pages")) || null,
  };
}

// What the service proposes for this page, in pixels of its picture. Of one that a person takes for blank the service
// looks whether it is.
export async function drafted(file, drawn, page, filled) {
  const query = new URLSearchParams({ page, name: nameOf(file), ...(filled && { blank: false }) });
  const found = await patiently(() => call("POST", `/v1/templates/draft?${query}`, { body: file, headers: OCTETS }));
  // where there is no box to tell, the person does
  found.page.blank ||= !filled && !found.fields.some(({ kind }) => WRITTEN.includes(kind));
  return scaled(found, drawn);
}

function nameOf(file) {
  const stem = file.name.replace(/\.[^.]*$/, "").toLowerCase();
  return stem.replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 64) || "form";
}

// A draft is in pixels of the page as it is decoded, and the picture may be smaller.
function scaled(document, { bitmap, scale }) {
  const shrink = (value) => (Array.isArray(value) ? value.map(shrink) : value * scale);
  const field = ({ quad, grid, boxes, options, ...rest }) => ({
    ...rest,
    ...(quad && { quad: shrink(quad) }),
    ...(grid && { grid: { ...grid, quad: shrink(grid.quad) } }),
    ...(boxes && { boxes: shrink(boxes) }),
    ...(options && { options: Object.fromEntries(Object.entries(options).map(([name, corners]) => [name, shrink(corners)])) }),
  });
  const page = { ...document.page, width: bitmap.width, height: bitmap.height, dpi: document.page.dpi * scale };
  return { ...document, page, fields: document.fields.map(field) };
}

export async function published(template, reference) {
  return call("POST", "/v1/templates", { body: parts({ template, reference }) });
}

// The row of the page by a template that may not be published.
export async function tried(template, reference, page) {
  return call("POST", "/v1/templates/try", { body: parts({ template, reference, page }) });
}

function parts({ template, ...files }) {
  const body = new FormData();
  body.append("template", new Blob([JSON.stringify(template)], { type: "application/json" }));
  for (const [name, file] of Object.entries(files)) {
    body.append(name, file, name);
  }
  return body;
}

// The same call again while the service has too much to do.
export async function patiently(ask) {
  for (let times = 1; ; times += 1) {
    try {
      return await ask();
    } catch (error) {
      if (times >= MOST_TRIES || !passes(error)) {
        throw error;
      }
      await sleep(error.retryAfter || times);
    }
  }
}
