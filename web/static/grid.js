// A grid of tiles of which only those in sight exist, whatever their number. Follows the ARIA grid pattern:
// one tile can be reached by Tab, arrow keys move from tile to tile.

// in rem, as everything on the page
const TILE_WIDTH = 6.75;
const TILE_HEIGHT = 10.5;
const GAP = 0.5;
const SPARE_ROWS = 2;
// browsers place nothing further down than some 17 million pixels; what is higher is scrolled in larger steps
const MOST_HEIGHT = 10_000_000;
const PICTURE_PAUSE_MS = 80;
const BORDERS = 2;

export class Grid {
  // `fill(tile, item)` writes a tile, `picture(tile, item)` gives it its picture once scrolling rests, `open(position)`.
  constructor(element, { fill, picture, open }) {
    Object.assign(this, { element, fill, picture, open });
    this.items = new Uint32Array(0);
    this.active = 0;
    this.lines = new Map();
    this.rest = document.createElement("div");
    this.rest.className = "grid-rest";
    this.rest.setAttribute("role", "presentation");
    this.element.append(this.rest);
    element.addEventListener("scroll", () => this.draw(), { passive: true });
    element.addEventListener("keydown", (event) => this.key(event));
    element.addEventListener("click", (event) => this.click(event));
    element.addEventListener("focus", () => this.focus(this.active));
    new ResizeObserver(() => this.measure()).observe(element);
  }

  show(items) {
    const before = this.items;
    this.items = items;
    this.active = Math.min(this.active, Math.max(0, items.length - 1));
    // tiles in sight stay where more rows come in below them
    for (const [line, element] of this.lines) {
      const tiles = [...element.children];
      const begin = line * this.columns;
      const expected = Math.max(0, Math.min(items.length - begin, this.columns));
      if (tiles.length !== expected || tiles.some((_, place) => items[begin + place] !== before[begin + place])) {
        element.remove();
        this.lines.delete(line);
      }
    }
    this.measure();
  }

  measure() {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.gap = GAP * rem;
    this.pitch = (TILE_HEIGHT + GAP) * rem;
    const columns = Math.max(1, Math.floor((this.element.clientWidth - this.gap) / ((TILE_WIDTH + GAP) * rem)));
    if (columns !== this.columns) {
      this.columns = columns;
      this.clear();
    }
    this.count = Math.ceil(this.items.length / columns);
    this.whole = this.count * this.pitch + this.gap;
    this.element.style.setProperty("--whole", `${this.whole + BORDERS}px`);
    const height = Math.min(this.whole, MOST_HEIGHT);
    this.rest.style.height = `${height}px`;
    const view = this.element.clientHeight;
    this.stretch = height > view ? (this.whole - view) / (height - view) : 1;
    this.element.setAttribute("aria-rowcount", this.count);
    this.element.setAttribute("aria-colcount", columns);
    this.draw();
  }

  draw() {
    const view = this.element.clientHeight;
    const top = this.element.scrollTop * this.stretch;
    const first = Math.max(0, Math.floor(top / this.pitch) - SPARE_ROWS);
    const last = Math.min(this.count - 1, Math.ceil((top + view) / this.pitch) + SPARE_ROWS);
    for (const [line, element] of this.lines) {
      if (line < first || line > last) {
        element.remove();
        this.lines.delete(line);
      }
    }
    for (let line = first; line <= last; line += 1) {
      if (!this.lines.has(line)) {
        this.lines.set(line, this.makeLine(line));
      }
      const offset = line * this.pitch + this.gap - top + this.element.scrollTop;
      this.lines.get(line).style.transform = `translateY(${offset}px)`;
    }
    clearTimeout(this.pausing);
    this.pausing = setTimeout(() => this.drawPictures(), PICTURE_PAUSE_MS);
  }

  makeLine(line) {
    const element = document.createElement("div");
    element.className = "grid-row";
    element.setAttribute("role", "row");
    element.setAttribute("aria-rowindex", line + 1);
    element.style.height = `${this.pitch - this.gap}px`;
    const end = Math.min(this.items.length, (line + 1) * this.columns);
    for (let position = line * this.columns; position < end; position += 1) {
      element.append(this.makeTile(position));
    }
    // in the order of the rows, for who reads the document and does not see it
    const next = [...this.lines].filter(([other]) => other > line).sort(([a], [b]) => a - b)[0];
    this.element.insertBefore(element, next ? next[1] : null);
    return element;
  }

  makeTile(position) {
    const tile = document.createElement("div");
    tile.className = "tile";
    tile.setAttribute("role", "gridcell");
    tile.setAttribute("aria-colindex", (position % this.columns) + 1);
    tile.style.width = `${(this.element.clientWidth - this.gap) / this.columns - this.gap}px`;
    tile.dataset.position = position;
    tile.tabIndex = position === this.active ? 0 : -1;
    this.fill(tile, this.items[position]);
    return tile;
  }

  drawPictures() {
    for (const tile of this.element.querySelectorAll(".tile:not([data-pictured])")) {
      tile.dataset.pictured = "";
      this.picture(tile, this.items[Number(tile.dataset.position)]);
    }
  }

  clear() {
    for (const element of this.lines.values()) {
      element.remove();
    }
    this.lines.clear();
  }

  tile(position) {
    return this.element.querySelector(`.tile[data-position="${position}"]`);
  }

  focus(position) {
    if (this.items.length === 0) {
      return;
    }
    this.tile(this.active)?.setAttribute("tabindex", "-1");
    this.active = Math.max(0, Math.min(position, this.items.length - 1));
    this.reveal(Math.floor(this.active / this.columns));
    const tile = this.tile(this.active);
    tile.tabIndex = 0;
    tile.focus({ preventScroll: true });
  }

  reveal(line) {
    const top = line * this.pitch;
    const bottom = top + this.pitch + this.gap;
    const view = this.element.clientHeight;
    const now = this.element.scrollTop * this.stretch;
    if (top < now) {
      this.element.scrollTop = top / this.stretch;
    } else if (bottom > now + view) {
      this.element.scrollTop = (bottom - view) / this.stretch;
    }
    this.draw();
  }

  key(event) {
    const screen = Math.max(1, Math.floor(this.element.clientHeight / this.pitch)) * this.columns;
    const steps = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns,
      PageUp: -screen, PageDown: screen, Home: -this.items.length, End: this.items.length,
    };
    if (event.key in steps) {
      this.focus(this.active + steps[event.key]);
    } else if ((event.key === "Enter" || event.key === " ") && this.items.length) {
      this.open(this.active);
    } else {
      return;
    }
    event.preventDefault();
  }

  click(event) {
    const tile = event.target.closest(".tile");
    if (tile) {
      this.focus(Number(tile.dataset.position));
      this.open(this.active);
    }
  }
}
