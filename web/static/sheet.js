// A sheet of crops: one of them has the focus, arrow keys lead to the others, some of them are marked.

import { answerText } from "./answers.js";
import { isDigit, looksText } from "./reasons.js";
import { sureness, text } from "./texts.js";

const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

export class Sheet {
  /**
   * `changed(entry)` is called when a person marks an entry, or unmarks it. An entry is {row, odd, said}.
   * @param {any} place
   * @param {{get: (row: any, view: string) => HTMLElement}} pictures
   * @param {{changed?: (entry: object) => void, withDigits?: boolean}} [options]
   */
  constructor(place, pictures, { changed = () => {}, withDigits = false } = {}) {
    this.place = place;
    this.pictures = pictures;
    this.changed = changed;
    this.withDigits = withDigits;
    this.entries = [];
    place.addEventListener("click", (event) => {
      const tile = event.target.closest(".crop");
      if (tile) {
        this.toggle(this.tiles.indexOf(tile));
      }
    });
    place.addEventListener("focusin", (event) => this.point(this.tiles.indexOf(event.target)));
  }

  show(entries) {
    this.entries = entries;
    this.tiles = entries.map((entry) => this.tile(entry));
    this.place.replaceChildren(...this.tiles);
    this.tiles.forEach((_, number) => this.paint(number));
    this.point(0);
  }

  // Puts the focus on the tile that has its turn.
  focus() {
    this.tiles[this.turn]?.focus({ preventScroll: false });
  }

  moveTo(entry) {
    this.point(this.entries.indexOf(entry));
    this.focus();
  }

  get current() {
    return this.entries[this.turn] ?? null;
  }

  // Whether the key moved the focus.
  move(key) {
    const columns = this.columns();
    const step = STEPS[key] ?? { ArrowDown: columns, ArrowUp: -columns }[key];
    const next = key === "Home" ? 0 : key === "End" ? this.tiles.length - 1 : this.turn + step;
    if (!this.tiles[next]) {
      return Boolean(step);
    }
    this.point(next);
    this.focus();
    return true;
  }

  toggle(number) {
    const entry = this.entries[number];
    entry.odd = !entry.odd;
    entry.said = null;
    this.paint(number);
    this.changed(entry);
  }

  // What the tile shows, after its entry has changed.
  paint(number) {
    const { odd, said } = this.entries[number];
    const tile = this.tiles[number];
    tile.setAttribute("aria-pressed", String(odd));
    tile.querySelector(".mark").textContent = said ? answerText(said) : odd ? "×" : "";
  }

  paintCurrent() {
    this.paint(this.turn);
  }

  tile({ row }) {
    const tile = document.createElement("button");
    tile.type = "button";
    tile.className = "crop";
    tile.dataset.enter = "";
    tile.dataset.index = row.index;
    const looks = looksText(row.reason);
    const hasDigit = isDigit(row);
    const values = { row: String(row.index), digit: row.prediction, confidence: sureness(row.confidence), looks };
    tile.setAttribute("aria-label", text(hasDigit ? "tile" : "tile_looks", values));
    const mark = document.createElement("span");
    mark.className = "mark";
    tile.append(this.pictures.get(row.index, "thumbnail"), mark);
    if (looks) {
      const note = document.createElement("small");
      note.textContent = looks;
      tile.append(note);
    }
    if (this.withDigits) {
      const read = document.createElement("b");
      read.textContent = row.prediction;
      tile.append(read);
    }
    return tile;
  }

  point(number) {
    this.turn = number;
    this.tiles.forEach((tile, other) => (tile.tabIndex = other === number ? 0 : -1));
  }

  columns() {
    const top = this.tiles[0]?.offsetTop;
    const next = this.tiles.findIndex((tile) => tile.offsetTop !== top);
    return next < 0 ? this.tiles.length : next;
  }
}
