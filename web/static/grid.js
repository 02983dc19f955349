// A grid of tiles of which only those in sight exist, whatever their number. Follows the ARIA grid pattern:
// one tile can be reached by Tab, arrow keys move from tile to tile.

// in rem, as everything on the page
const TILE_WIDTH = 6.75;
const TILE_HEIGHT = 10.5;
const GAP = 0.5;
const SPARE_LINES = 2;
// browsers place nothing further down than some 17 million pixels; what is higher is scrolled in larger steps
const MOST_HEIGHT = 10_000_000;
// a line that is in sight for less is not worth its pictures
const PICTURE_PAUSE_MS = 80;
const BORDERS = 2;

export class Grid {
  // `build(tile)` makes what is in a tile, `fill(tile, item)` writes it, over what was written for another item,
  // `picture(tile, item)` gives it its picture once it stays in sight, `open(position)`.
  constructor(element, { build, fill, picture, open }) {
    this.element = element;
    this.build = build;
    this.fill = fill;
    this.picture = picture;
    this.open = open;
    this.items = new Uint32Array(0);
    this.active = 0;
    // what was laid out: the height in sight, the space between tiles, that from line to line, and tiles of a line
    this.view = 0;
    this.gap = 0;
    this.pitch = 0;
    this.columns = 0;
    // lines, the height of them all, and how much further a step of the scroll bar leads
    this.count = 0;
    this.whole = 0;
    this.stretch = 1;
    // the lines that exist, in the order of the document: {element, number, writtenAt, pictured}
    this.lines = [];
    this.rest = document.createElement("div");
    this.rest.className = "grid-rest";
    this.rest.setAttribute("role", "presentation");
    this.element.append(this.rest);
    element.addEventListener("scroll", () => this.draw(), { passive: true });
    element.addEventListener("keydown", (event) => this.key(event));
    element.addEventListener("click", (event) => this.click(event));
    element.addEventListener("focusin", ({ target }) => target.matches(".tile") && this.point(Number(target.dataset.position)));
    element.addEventListener("focus", () => this.keepsFocus || this.focus(this.active));
    new ResizeObserver(() => this.measure()).observe(element);
  }

  show(items) {
    const before = this.items;
    this.items = items;
    this.active = Math.min(this.active, Math.max(0, items.length - 1));
    // tiles in sight stay where more rows come in below them
    for (const line of this.lines) {
      const begin = line.number * this.columns;
      const expected = Math.max(0, Math.min(items.length - begin, this.columns));
      const tiles = [...line.element.children];
      if (tiles.length !== expected || tiles.some((_, place) => items[begin + place] !== before[begin + place])) {
        line.number = null;
      }
    }
    this.measure();
  }

  // Reads what the browser has laid out; `draw` goes by it, since asking costs a layout of everything each time.
  measure() {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const width = this.element.clientWidth;
    this.view = this.element.clientHeight;
    this.gap = GAP * rem;
    this.pitch = (TILE_HEIGHT + GAP) * rem;
    const columns = Math.max(1, Math.floor((width - this.gap) / ((TILE_WIDTH + GAP) * rem)));
    if (columns !== this.columns) {
      this.columns = columns;
      this.lines.forEach((line) => (line.number = null));
    }
    this.count = Math.ceil(this.items.length / columns);
    this.whole = this.count * this.pitch + this.gap;
    const height = Math.min(this.whole, MOST_HEIGHT);
    this.rest.style.height = `${height}px`;
    this.stretch = height > this.view ? (this.whole - this.view) / (height - this.view) : 1;
    this.element.style.setProperty("--whole", `${this.whole + BORDERS}px`);
    this.element.style.setProperty("--tile-width", `${(width - this.gap) / columns - this.gap}px`);
    this.element.style.setProperty("--tile-height", `${this.pitch - this.gap}px`);
    this.element.setAttribute("aria-rowcount", this.count);
    this.element.setAttribute("aria-colcount", columns);
    this.draw();
  }

  // Writes this item's tile again, where it exists.
  refresh(item) {
    for (const { element } of this.lines) {
      const tile = [...element.children].find(({ dataset }) => this.items[dataset.position] === item);
      if (tile) {
        this.fill(tile, item);
        this.picture(tile, item);
      }
    }
  }

  draw() {
    const { scrollTop } = this.element;
    const top = scrollTop * this.stretch;
    const first = Math.max(0, Math.floor(top / this.pitch) - SPARE_LINES);
    const last = Math.min(this.count - 1, Math.ceil((top + this.view) / this.pitch) + SPARE_LINES);
    const focused = this.element.contains(document.activeElement);
    this.turn(first, Math.max(0, last - first + 1));
    for (const { element, number } of this.lines) {
      element.style.transform = `translateY(${number * this.pitch + this.gap - top + scrollTop}px)`;
    }
    const inSight = Boolean(this.tile(this.active));
    // where the tile that Tab would reach is out of sight, the grid stands for it
    this.element.tabIndex = inSight ? -1 : 0;
    if (focused && !inSight) {
      this.keepFocus();
    }
    this.soonPictures();
  }

  // So many lines from the first one on. Those that left the sight at one end are written again at the other: that
  // is quicker than new ones.
  turn(first, count) {
    const { lines } = this;
    const shift = lines.length ? first - this.first : 0;
    this.first = first;
    if (shift > 0 && shift < lines.length) {
      const moved = lines.splice(0, shift);
      lines.push(...moved);
      this.element.append(...moved.map(({ element }) => element));
    } else if (shift < 0 && -shift < lines.length) {
      const moved = lines.splice(shift);
      lines.unshift(...moved);
      this.rest.after(...moved.map(({ element }) => element));
    }
    while (lines.length > count) {
      lines.pop().element.remove();
    }
    while (lines.length < count) {
      lines.push(this.makeLine());
    }
    lines.forEach((line, place) => line.number === first + place || this.write(line, first + place));
  }

  makeLine() {
    const element = document.createElement("div");
    element.className = "grid-row";
    element.setAttribute("role", "row");
    this.element.append(element);
    return { element, number: null };
  }

  write(line, number) {
    Object.assign(line, { number, writtenAt: performance.now(), pictured: false });
    const { element } = line;
    const begin = number * this.columns;
    const count = Math.min(this.items.length - begin, this.columns);
    element.setAttribute("aria-rowindex", number + 1);
    while (element.children.length > count) {
      element.lastChild.remove();
    }
    while (element.children.length < count) {
      element.append(this.makeTile(element.children.length));
    }
    [...element.children].forEach((tile, place) => {
      tile.dataset.position = begin + place;
      tile.tabIndex = begin + place === this.active ? 0 : -1;
      this.fill(tile, this.items[begin + place]);
    });
  }

  makeTile(column) {
    const tile = document.createElement("div");
    tile.className = "tile";
    tile.setAttribute("role", "gridcell");
    tile.setAttribute("aria-colindex", column + 1);
    this.build(tile);
    return tile;
  }

  soonPictures(pause = PICTURE_PAUSE_MS) {
    this.pausing ??= setTimeout(() => {
      this.pausing = null;
      this.drawPictures();
    }, pause);
  }

  // One line at a time, so that scrolling never waits for pictures; those in sight before the spare ones.
  drawPictures() {
    const now = performance.now();
    const waiting = this.lines.filter(({ pictured }) => !pictured);
    const ready = waiting.filter(({ writtenAt }) => now - writtenAt >= PICTURE_PAUSE_MS);
    const line = ready.find(({ number }) => this.isInSight(number)) ?? ready[0];
    if (line) {
      line.pictured = true;
      [...line.element.children].forEach((tile) => this.picture(tile, this.items[Number(tile.dataset.position)]));
    }
    if (waiting.length > (line ? 1 : 0)) {
      this.soonPictures(line ? 0 : PICTURE_PAUSE_MS);
    }
  }

  isInSight(number) {
    const top = number * this.pitch - this.element.scrollTop * this.stretch;
    return top > -this.pitch && top < this.view;
  }

  tile(position) {
    const line = this.lines[Math.floor(position / this.columns) - this.first];
    return line?.element.children[position % this.columns];
  }

  // The tile with the focus has been scrolled out of sight: keys go on from there, and lead back.
  keepFocus() {
    this.keepsFocus = true;
    this.element.focus({ preventScroll: true });
    this.keepsFocus = false;
  }

  focus(position) {
    if (this.items.length === 0) {
      return;
    }
    this.point(Math.max(0, Math.min(position, this.items.length - 1)));
    this.reveal(Math.floor(this.active / this.columns));
    this.tile(this.active).focus({ preventScroll: true });
  }

  // From now on Tab reaches the tile at this position.
  point(position) {
    this.tile(this.active)?.setAttribute("tabindex", "-1");
    this.active = position;
    this.tile(position)?.setAttribute("tabindex", "0");
  }

  reveal(line) {
    const top = line * this.pitch;
    const bottom = top + this.pitch + this.gap;
    const { view } = this;
    const now = this.element.scrollTop * this.stretch;
    if (top < now) {
      this.element.scrollTop = top / this.stretch;
    } else if (bottom > now + view) {
      this.element.scrollTop = (bottom - view) / this.stretch;
    }
    this.draw();
  }

  key(event) {
    const screen = Math.max(1, Math.floor(this.view / this.pitch)) * this.columns;
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
