// Crops of one form beside each other, where the names of the images tell that they are.

import { Refusal, call, sleep } from "./api.js";

// a form has so many fields at most; more rows of one name are a pile
const MOST = 24;
// what stands between the name of a form and that of its field
const SEPARATORS = /[/\\_\-. ]/g;
// pages of one file are no crops
const PAGE = /#\d+$/;
// whoever goes on at once does not look at them
const PAUSE_SECONDS = 0.15;

// Which of `names`, that follow one another, are of one form with the one at `place`: the beginning that they share, and
// their places; none where their names tell of no form. `isWhole`: whether no other names come before these, and behind them.
export function formAround(names, place, isWhole = { before: true, behind: true }) {
  for (const form of formsOf(names[place])) {
    const isOf = (name) => name !== undefined && formsOf(name).includes(form);
    let [first, last] = [place, place];
    while (isOf(names[first - 1])) {
      first -= 1;
    }
    while (isOf(names[last + 1])) {
      last += 1;
    }
    const isBounded = (first > 0 || isWhole.before) && (last < names.length - 1 || isWhole.behind);
    const count = last - first + 1;
    if (isBounded && count > 1 && count <= MOST) {
      return { form, places: Array.from({ length: count }, (_, step) => first + step) };
    }
  }
  return { form: "", places: [] };
}

// What may be the form in a name, the shortest first: a folder, or what has a number in it.
function formsOf(name) {
  if (PAGE.test(name)) {
    return [];
  }
  const ending = name.lastIndexOf(".");
  const forms = [...name.matchAll(SEPARATORS)].filter(({ index }) => index !== ending).map(({ index }) => name.slice(0, index + 1));
  // a word without a number, as in box-1 and box-2, names no form
  return forms.filter((form) => /[/\\]$/.test(form) || (form.length > 2 && /\d/.test(form.split(/[/\\]/).at(-1))));
}

export class Neighbours {
  // `section` is what is filled, `address` that of the job's results, `pictures` gives them.
  constructor(section, address, pictures) {
    this.section = section;
    this.address = address;
    this.pictures = pictures;
    this.index = null;
    this.list = section.querySelector("ul");
    // rows by their index, as far as they were asked for
    this.rows = new Map();
  }

  async show({ index, name }) {
    if (index === this.index) {
      return;
    }
    this.index = index;
    this.section.hidden = true;
    if (formsOf(name).length === 0) {
      return;
    }
    await sleep(PAUSE_SECONDS);
    if (index !== this.index) {
      return;
    }
    const first = Math.max(0, index - MOST);
    let rows;
    try {
      rows = await this.between(first, index + MOST);
    } catch (error) {
      if (error instanceof Refusal || error instanceof TypeError) {
        // the row can be answered without them
        return;
      }
      throw error;
    }
    const place = rows.findIndex((row) => row.index === index);
    // somebody may have gone on meanwhile
    if (index !== this.index || place < 0) {
      return;
    }
    const isWhole = { before: first === 0, behind: rows.length <= index + MOST - first };
    const { form, places } = formAround(rows.map((row) => row.name), place, isWhole);
    this.section.hidden = places.length === 0;
    this.list.replaceChildren(...places.map((each) => this.item(rows[each], form)));
    this.list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }

  // The rows from one index to another, those included.
  async between(first, last) {
    const wanted = Array.from({ length: last - first + 1 }, (_, step) => first + step);
    if (wanted.some((index) => !this.rows.has(index))) {
      const query = new URLSearchParams({ cursor: String(first), limit: String(2 * MOST + 1) });
      const { results } = await call("GET", `${this.address}?${query}`);
      wanted.forEach((index) => this.rows.set(index, null));
      results.forEach((row) => this.rows.set(row.index, row));
    }
    return wanted.map((index) => this.rows.get(index)).filter(Boolean);
  }

  item(row, form) {
    const item = document.createElement("li");
    const read = document.createElement("b");
    const name = document.createElement("small");
    const said = row.correction ?? row;
    read.textContent = said.prediction ?? "–";
    name.textContent = row.name.slice(form.length);
    item.title = row.name;
    if (row.index === this.index) {
      item.setAttribute("aria-current", "true");
    }
    if (row.status !== "failed") {
      item.append(this.pictures.get(row.index, "thumbnail"));
    }
    item.append(read, name);
    return item;
  }
}
