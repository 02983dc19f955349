// A template that is being made, kept in the browser's own storage until it is published: by person, by the address of
// its page, and by tab, so that two tabs do not write over each other's. What a closed tab has left is taken up by the
// next one that is opened at the same address.

import { randomKey } from "./api.js";
import { meta } from "./elements.js";

const NAME = "digitmill-templates";
const STORE = "drafts";
const TAB = "digitmill-tab";
const ANSWERED_MS = 300;
const person = meta("person");
const channel = new BroadcastChannel(NAME);
let tab = sessionStorage.getItem(TAB);
const isNew = tab === null;

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

function nameTab() {
  const name = randomKey();
  tab = name;
  sessionStorage.setItem(TAB, name);
}

// The other tabs that are open at pages of this kind, by their names.
function others() {
  return new Promise((resolve) => {
    const names = new Set();
    const hear = ({ data }) => data.name && names.add(data.name);
    channel.addEventListener("message", hear);
    channel.postMessage({ asks: true });
    setTimeout(() => {
      channel.removeEventListener("message", hear);
      resolve(names);
    }, ANSWERED_MS);
  });
}

// What is kept is {draft, picture, at}, `picture` being the Blob of its page, `at` the time in milliseconds.
export class Kept {
  constructor(address) {
    this.place = `${person} ${address}`;
    this.last = Promise.resolve(true);
  }

  get key() {
    return `${this.place} ${tab}`;
  }

  // Null where nothing is kept, or the browser keeps nothing.
  async found() {
    const open = await others();
    const from = tab;
    if (from === null || open.has(from)) {
      // a tab that was duplicated has the name of the other, and goes on with a draft of its own
      nameTab();
    }
    channel.addEventListener("message", ({ data }) => data.asks && channel.postMessage({ name: tab }));
    try {
      const left = isNew ? await this.left(open) : null;
      if (left) {
        await this.put(left.value);
        await this.inTurn((store) => store.delete(left.key));
        return left.value;
      }
      return from === null ? null : ((await inStore("readonly", (store) => store.get(`${this.place} ${from}`))) ?? null);
    } catch {
      return null;
    }
  }

  // The last draft of those whose tabs are closed, {key, value}.
  async left(open) {
    const keys = await inStore("readonly", (store) => store.getAllKeys());
    const free = keys.filter((key) => key === this.place || (key.startsWith(`${this.place} `) && !open.has(key.slice(this.place.length + 1))));
    const values = await Promise.all(free.map((key) => inStore("readonly", (store) => store.get(key))));
    const all = values.map((value, number) => ({ key: free[number], value })).filter((one) => one.value);
    return all.sort((one, other) => (other.value.at ?? 0) - (one.value.at ?? 0))[0] ?? null;
  }

  // Returns whether it is kept.
  async put(value) {
    return this.inTurn((store) => store.put({ ...value, at: Date.now() }, this.key));
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
