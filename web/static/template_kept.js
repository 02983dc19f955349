// A template that is being made, kept in the browser's own storage until it is published: by person, and by the address
// of its page.

import { meta } from "./elements.js";

const NAME = "digitmill-templates";
const STORE = "drafts";
const person = meta("person");

function opened() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open(NAME, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE);
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

async function inStore(mode, ask) {
  let database;
  try {
    database = await opened();
    return await new Promise((resolve, reject) => {
      const asked = ask(database.transaction(STORE, mode).objectStore(STORE));
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
  } finally {
    database?.close();
  }
}

// What is kept is {draft, picture, pages}, `picture` being the Blob of its page.
export class Kept {
  constructor(address) {
    this.key = `${person} ${address}`;
    this.last = Promise.resolve(true);
  }

  // Null where nothing is kept, or the browser keeps nothing.
  async found() {
    try {
      return (await inStore("readonly", (store) => store.get(this.key))) ?? null;
    } catch {
      return null;
    }
  }

  // Returns whether it is kept.
  async put(value) {
    return this.inTurn((store) => store.put(value, this.key));
  }

  async drop() {
    return this.inTurn((store) => store.delete(this.key));
  }

  inTurn(ask) {
    const done = this.last.then(() => inStore("readwrite", ask)).then(() => true, () => false);
    this.last = done;
    return done;
  }
}
