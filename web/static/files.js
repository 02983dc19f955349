// Files that somebody drops, pastes or chooses, as a list of {file, name}; names keep their folders. `file` is null
// where it cannot be read.

import { order } from "./texts.js";

export async function dropped(transfer) {
  // entries must be asked for before the event is over
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry?.());
  if (entries.every(Boolean)) {
    return (await Promise.all(entries.map(walk))).flat();
  }
  return chosen(transfer.files);
}

export function chosen(list) {
  return [...list].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
}

export function pasted(transfer, word) {
  return [...transfer.files].map((file) => ({ file, name: file.name === "image.png" ? `${word}.png` : file.name }));
}

// A pile of the service's own, by its address.
export async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) {
    throw new TypeError(`${address} was answered with ${answer.status}`);
  }
  const name = address.split("/").at(-1);
  return [{ file: new File([await answer.blob()], name, { lastModified: 0 }), name }];
}

async function walk(entry) {
  const name = entry.fullPath.replace(/^\//, "");
  try {
    if (entry.isFile) {
      return [{ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), name }];
    }
    const inner = await entriesOf(entry);
    return (await Promise.all(inner.map(walk))).flat();
  } catch {
    // a file or a folder that is gone, or that this browser may not look into
    return [{ file: null, name }];
  }
}

// In the order of their names, which is not that of the device.
async function entriesOf(folder) {
  const reader = folder.createReader();
  const found = [];
  // a reader gives a hundred entries at a time, and none at the end
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) {
      return found.sort((one, other) => order.compare(one.name, other.name));
    }
    found.push(...some);
  }
}
