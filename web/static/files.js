// Files that somebody drops, pastes or chooses, as a list of {file, name}; names keep their folders.

export async function dropped(transfer) {
  // entries must be asked for before the event is over
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry?.());
  if (entries.every(Boolean)) {
    const found = [];
    for (const entry of entries) {
      await walk(entry, found);
    }
    return found;
  }
  return chosen(transfer.files);
}

export function chosen(list) {
  return [...list].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
}

export function pasted(transfer, word) {
  return [...transfer.files].map((file) => ({ file, name: file.name === "image.png" ? `${word}.png` : file.name }));
}

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject)).catch(() => null);
    found.push({ file, name: entry.fullPath.replace(/^\//, "") });
    return;
  }
  const reader = entry.createReader();
  // a reader gives a hundred entries at a time
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) {
      return;
    }
    for (const inner of entries) {
      await walk(inner, found);
    }
  }
}
