// Answers that the service does not have yet, kept in the browser's own storage until it has them: by job, and by the
// person who gave them, so that nobody sends what somebody else said.
//
// They lie in IndexedDB, written through to the disk: what a browser keeps in localStorage it writes seconds later, and a
// crash takes it along. What is not on the disk yet when a page is left goes to localStorage, which takes it at once.

import { meta } from "./elements.js";
import { keyOf, placeOf } from "./values.js";

const DATABASE = "digitmill";
const ANSWERS = "answers";
const LEFT = "digitmill-answer ";
const person = meta("person");

export class Unsent {
  constructor(address) {
    this.prefix = `${person} ${address} `;
    this.database = opened();
    // what is not on the disk yet, by its key
    this.pending = new Map();
    window.addEventListener("pagehide", () => this.leave());
  }

  // The last answer to a row stands for all before it; `revision` is the row's that the service told last.
  keep(row, said) {
    this.put(this.prefix + keyOf(row), { revision: row.revision, said });
  }

  drop(row) {
    const key = this.prefix + keyOf(row);
    this.pending.delete(key);
    this.change((answers) => answers.delete(key));
  }

  // As {row, said}, in the order of the rows.
  async all() {
    const found = await this.stored();
    for (const name of Object.keys(localStorage).filter((each) => each.startsWith(LEFT + this.prefix))) {
      const key = name.slice(LEFT.length);
      found.set(key, JSON.parse(localStorage.getItem(name) ?? "null"));
      this.put(key, found.get(key));
      localStorage.removeItem(name);
    }
    const entries = [...found].map(([key, { revision, said }]) => {
      return { row: { ...placeOf(key.slice(this.prefix.length)), revision, correction: null }, said };
    });
    return entries.sort((one, other) => one.row.index - other.row.index);
  }

  // What is on the disk, by its key.
  async stored() {
    const found = new Map();
    const database = await this.database;
    if (database) {
      const range = IDBKeyRange.bound(this.prefix, `${this.prefix}\uffff`);
      await new Promise((resolve) => {
        const reading = database.transaction(ANSWERS);
        reading.oncomplete = reading.onabort = resolve;
        reading.objectStore(ANSWERS).openCursor(range).onsuccess = ({ target }) => {
          if (target.result) {
            found.set(target.result.key, target.result.value);
            target.result.continue();
          }
        };
      });
    }
    return found;
  }

  async put(key, value) {
    this.pending.set(key, value);
    const isStored = await this.change((answers) => answers.put(value, key));
    if (isStored && this.pending.get(key) === value) {
      this.pending.delete(key);
    }
  }

  // Whether the change is on the disk. A browser without storage, or without room in it, still has the answer in memory, and
  // asks before it leaves.
  async change(made) {
    const database = await this.database;
    if (!database) {
      return false;
    }
    const transaction = database.transaction(ANSWERS, "readwrite", { durability: "strict" });
    made(transaction.objectStore(ANSWERS));
    transaction.commit();
    return new Promise((resolve) => {
      transaction.oncomplete = () => resolve(true);
      transaction.onabort = () => resolve(false);
    });
  }

  leave() {
    for (const [key, value] of this.pending) {
      try {
        localStorage.setItem(LEFT + key, JSON.stringify(value));
      } catch {
        // no room, or no storage: the person was asked before the page was left
      }
    }
  }
}

// The database, or null where the browser gives none.
function opened() {
  return new Promise((resolve) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(ANSWERS);
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => resolve(null);
  });
}
