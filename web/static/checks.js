// What the service would refuse or fail, told before anything is sent. It looks at the first bytes as the service does.

import { bytes, text } from "./texts.js";

const HEAD_BYTES = 264;
const ZIP_END_BYTES = 66000;
const AT_A_TIME = 64;

// Sorts files into {good, bad: [{name, reason}], litter: their names}. limits.litter is the service's own pattern.
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
    head = await bytesOf(file.slice(0, HEAD_BYTES));
    if (beginsWith(head, "PK\x03\x04") || beginsWith(head, "PK\x05\x06")) {
      return (await hasEnd(file)) ? "" : text("bad_zip");
    }
  } catch {
    return text("bad_unreadable");
  }
  const fault = faultOfKind(head);
  if (!fault && file.size > limits.maxMemberBytes) {
    return text("bad_too_large", { bytes: bytes(file.size), most: bytes(limits.maxMemberBytes) });
  }
  return fault;
}

function faultOfKind(head) {
  const begins = (text) => beginsWith(head, text);
  const isImage =
    /^ftyp(hei[cxms]|m[is]f1|avi[fs])/.test(String.fromCharCode(...head.subarray(4, 12))) ||
    ["\0\0\0\x0cjP  ", "\xff\x4f\xff\x51", "\x89PNG", "\xff\xd8\xff", "GIF8", "BM", "II*\0", "MM\0*", "II+\0", "MM\0+"].some(begins) ||
    (begins("RIFF") && beginsWith(head.subarray(8), "WEBP")) ||
    /^P[1-6][\s#]/.test(String.fromCharCode(...head.subarray(0, 3)));
  if (isImage) {
    return "";
  }
  if (begins("%PDF")) {
    return text("bad_pdf");
  }
  const isArchive = ["7z\xbc\xaf", "Rar!", "\x1f\x8b", "BZh", "\xfd7zXZ"].some(begins) || beginsWith(head.subarray(257), "ustar");
  return isArchive ? text("bad_archive") : text("bad_not_image");
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
