// Rows of a job page by page, as far as they are there.

import { read } from "./api.js";

const PAGE_ROWS = 1000;

export class Loader {
  constructor(address, rows) {
    this.address = address;
    this.rows = rows;
    this.cursor = null;
    this.complete = false;
    this.running = null;
  }

  // Loads what has come since the last time; `grown` is called after each page. A second call joins the first.
  load(grown, waiting) {
    this.running ??= this.pages(grown, waiting).finally(() => {
      this.running = null;
    });
    return this.running;
  }

  async pages(grown, waiting) {
    while (!this.complete) {
      const query = new URLSearchParams({ limit: String(PAGE_ROWS), ...(this.cursor === null ? {} : { cursor: this.cursor }) });
      const page = await read(`${this.address}?${query}`, { waiting });
      this.rows.add(page.results);
      const stays = page.next_cursor === this.cursor;
      this.cursor = page.next_cursor;
      this.complete = page.next_cursor === null;
      grown();
      if (stays || (page.results.length === 0 && !this.complete)) {
        return;
      }
    }
  }
}
