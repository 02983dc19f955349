// Whether a pile was sent before: by the names and sizes of its files, and by what is in some of them.

import { call } from "./api.js";

const LOOKED_INTO = 100;
const END_BYTES = 1 << 16;
const RECENT_JOBS = 100;

// A digest in hex, or nothing where the browser makes none, as over plain HTTP.
export async function digestOf(files) {
  if (!crypto.subtle) {
    return null;
  }
  const step = Math.max(1, Math.ceil(files.length / LOOKED_INTO));
  const parts = files.map(({ file, name }) => `${name} ${file.size}\n`);
  for (let place = 0; place < files.length; place += step) {
    const { file } = files[place];
    parts.push(await file.slice(0, END_BYTES).arrayBuffer(), await file.slice(-END_BYTES).arrayBuffer());
  }
  const found = await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer());
  return [...new Uint8Array(found)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// The last job with this pile among the recent ones; nothing also where that cannot be told.
export async function sentBefore(digest) {
  if (!digest) {
    return null;
  }
  try {
    const { jobs } = await call("GET", `/v1/jobs?limit=${RECENT_JOBS}`);
    return jobs.find(({ metadata }) => metadata.pile === digest);
  } catch {
    return null;
  }
}
