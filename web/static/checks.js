// What the service would refuse or fail, told before anything is sent. It looks at the first bytes as the service does.

import { bytes, text } from "./texts.js";

const HEAD_BYTES = 4096;
const ZIP_END_BYTES = 66000;
// zips inside, with no scans
const DOCUMENTS = /\.(docx|xlsx|pptx|od[tsp]|jar|apk|epub)$/i;
const DOCUMENT_PARTS = /\[Content_Types\]\.xml|mimetypeapplication\//;
const AT_A_TIME = 64;

// Sorts files into {good, bad: [{name, reason}], litter: their names}. limits.litter and limits.signatures are the
// service's own patterns.
export async function sort(files, limits) {
  const pattern = new RegExp(limits.litter, "i");
  const wanted = [];
  const litter = [];
  for (const file of files) {
    (pattern.test(file.name) ? litter : wanted).push(file);
  }
  const good = [];
  const bad = [];
  for (let begin = 0; begin < wanted.length; begin += AT_A_TIME) {
    const some = wanted.slice(begin, begin + AT_A_TIME);
    const reasons = await Promise.all(some.map(({ file }) => faultOf(file, limits)));
    some.forEach((each, place) => (reasons[place] ? bad.push({ name: each.name, reason: reasons[place] }) : good.push(each)));
  }
  return { good, bad, litter: litter.map(({ name }) => name) };
}

// Why these files together cannot be sent, or nothing.
export function refusalOf(files, limits) {
  const total = sizeOf(files);
  if (files.length > limits.maxFiles) {
    return text("too_many_files", { count: files.length, most: limits.maxFiles });
  }
  return total > limits.maxUploadBytes ? text("too_many_bytes", { bytes: bytes(total), most: bytes(limits.maxUploadBytes) }) : "";
}

export function sizeOf(files) {
  return files.reduce((sum, { file }) => sum + file.size, 0);
}

async function faultOf(file, limits) {
  if (!file) {
    return text("bad_unreadable");
  }
  if (file.size === 0) {
    return text("bad_empty");
  }
  let head;
  try {
    head = String.fromCharCode(...(await bytesOf(file.slice(0, HEAD_BYTES))));
    if (DOCUMENTS.test(file.name) || (head.startsWith("PK") && DOCUMENT_PARTS.test(head))) {
      return text("bad_document");
    }
    if (head.startsWith("PK\x03\x04") || head.startsWith("PK\x05\x06")) {
      return (await hasEnd(file)) ? "" : text("bad_zip");
    }
  } catch {
    return text("bad_unreadable");
  }
  const { formats, archives, others } = limits.signatures;
  const begins = (signature) => new RegExp(`^(?:${signature})`, "s").test(head);
  if (formats.some(begins)) {
    return tooLarge(file, limits);
  }
  if (begins(archives)) {
    return "";
  }
  return begins(others) ? text("bad_archive") : text("bad_not_image");
}

function tooLarge(file, limits) {
  if (file.size > limits.maxMemberBytes) {
    return text("bad_too_large", { bytes: bytes(file.size), most: bytes(limits.maxMemberBytes) });
  }
  return "";
}

async function hasEnd(file) {
  const tail = await bytesOf(file.slice(Math.max(0, file.size - ZIP_END_BYTES)));
  for (let place = tail.length - 22; place >= 0; place -= 1) {
    if (tail[place] === 0x50 && beginsWith(tail.subarray(place), "PK\x05\x06")) {
      return true;
    }
  }
  return false;
}

async function bytesOf(blob) {
  return new Uint8Array(await blob.arrayBuffer());
}

function beginsWith(head, signature) {
  return head.length >= signature.length && [...signature].every((letter, place) => head[place] === letter.charCodeAt(0));
}
