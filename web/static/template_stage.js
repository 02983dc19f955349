// The page with its fields drawn over it: choosing, drawing, moving and resizing them by mouse, touch and keys.

import { boundsOf, fitted, moved, rectangle, roomFor } from "./template_quads.js";

const SVG = "http://www.w3.org/2000/svg";
const HANDLES = { nw: [0, 0], n: [0.5, 0], ne: [1, 0], e: [1, 0.5], se: [1, 1], s: [0.5, 1], sw: [0, 1], w: [0, 0.5] };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LEAST = 6;
const ROOM = 40;
const FAR = 10;
const ZOOM = 1.25;
const [LEAST_SCALE, MOST_SCALE] = [0.1, 3];

export class Stage {
  // `select(keys)`: these are chosen. `place(quadsByKey, joins)`: so they lie now. `draw(quad)`: somebody drew this.
  // `undo()`: what was placed last was none.
  constructor({ view, sheet, canvas, svg }, { select, place, draw, undo }) {
    this.view = view;
    this.sheet = sheet;
    this.canvas = canvas;
    this.svg = svg;
    this.scale = 1;
    this.groups = new Map();
    this.selected = [];
    this.drawing = false;
    /** @type {any} */
    this.gesture = null;
    this.on = { select, place, draw, undo };
    this.handles = Object.keys(HANDLES).map((name) => this.handle(name));
    this.frame = made("polygon", { class: "drawn" });
    svg.addEventListener("pointerdown", (event) => this.begin(event));
    svg.addEventListener("pointermove", (event) => this.go(event));
    svg.addEventListener("pointerup", (event) => this.end(event));
    svg.addEventListener("pointercancel", () => this.cancel());
    view.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  setPicture(bitmap) {
    this.canvas.width = bitmap.width;
    this.canvas.height = bitmap.height;
    this.canvas.getContext("2d").drawImage(bitmap, 0, 0);
    this.svg.setAttribute("viewBox", `0 0 ${bitmap.width} ${bitmap.height}`);
    this.fit();
  }

  fit() {
    this.zoomTo(this.view.clientWidth / this.canvas.width);
  }

  // The point of the page in the middle of the view stays there.
  zoomTo(scale) {
    const { view, canvas } = this;
    const [x, y] = this.middle();
    this.scale = Math.min(MOST_SCALE, Math.max(LEAST_SCALE, scale));
    this.sheet.style.width = `${canvas.width * this.scale}px`;
    this.sheet.style.height = `${canvas.height * this.scale}px`;
    this.svg.style.setProperty("--unit", 1 / this.scale);
    view.scrollTo(x * this.scale - view.clientWidth / 2, y * this.scale - view.clientHeight / 2);
    this.showHandles();
  }

  zoomBy(steps) {
    this.zoomTo(this.scale * ZOOM ** steps);
  }

  wheel(event) {
    if (event.ctrlKey) {
      event.preventDefault();
      this.zoomBy(event.deltaY < 0 ? 1 : -1);
    }
  }

  middle() {
    const { view } = this;
    return [(view.scrollLeft + view.clientWidth / 2) / this.scale, (view.scrollTop + view.clientHeight / 2) / this.scale];
  }

  show(draft, selected, faulty) {
    this.draft = draft;
    this.selected = selected;
    const keys = new Set(draft.fields.map(({ key }) => key));
    for (const [key, { group }] of this.groups) {
      if (!keys.has(key)) {
        group.remove();
        this.groups.delete(key);
      }
    }
    for (const field of draft.fields) {
      const known = this.groups.get(field.key) ?? this.group(field.key);
      if (known.field !== field) {
        this.fill(known, field);
      }
      known.group.classList.toggle("selected", selected.includes(field.key));
      known.group.classList.toggle("faulty", faulty.has(field.key));
    }
    this.showHandles();
  }

  // Of the only field that is chosen.
  showHandles() {
    const chosen = this.draft?.fields.filter(({ key }) => this.selected.includes(key)) ?? [];
    const one = chosen.length === 1 ? boundsOf(chosen[0].quads) : null;
    for (const handle of this.handles) {
      handle.remove();
      const [across, down] = HANDLES[handle.dataset.handle];
      // of a small field those at its sides would hide it
      const hides = one && ((across === 0.5 && (one.right - one.left) * this.scale < ROOM) || (down === 0.5 && (one.bottom - one.top) * this.scale < ROOM));
      if (one && !hides) {
        handle.setAttribute("cx", one.left + across * (one.right - one.left));
        handle.setAttribute("cy", one.top + down * (one.bottom - one.top));
        this.svg.append(handle);
      }
    }
  }

  group(key) {
    const group = made("g", {});
    group.dataset.key = key;
    this.svg.append(group);
    const known = { group, field: null };
    this.groups.set(key, known);
    return known;
  }

  fill(known, field) {
    const { left, top } = boundsOf(field.quads);
    known.field = field;
    known.group.dataset.kind = field.kind;
    const name = made("text", { x: left, y: top });
    name.textContent = field.name;
    const shapes = field.quads.map((quad) => made("polygon", { points: quad.join(" ") }));
    const letters = field.options.map((option, place) => letterOf(option, field.quads[place]));
    known.group.replaceChildren(...shapes, ...letters, name);
  }

  handle(name) {
    const handle = made("circle", { class: "handle" });
    handle.dataset.handle = name;
    return handle;
  }

  // Brings these fields into the view, as large as they can be read.
  reveal(key) {
    const field = this.draft.fields.find((each) => each.key === key);
    if (!field) {
      return;
    }
    const { left, top, right, bottom } = boundsOf(field.quads);
    const { view, scale } = this;
    const inView = left * scale >= view.scrollLeft && right * scale <= view.scrollLeft + view.clientWidth
      && top * scale >= view.scrollTop + 20 && bottom * scale <= view.scrollTop + view.clientHeight;
    if (!inView) {
      view.scrollTo(((left + right) / 2) * scale - view.clientWidth / 2, ((top + bottom) / 2) * scale - view.clientHeight / 2);
    }
  }

  setDrawing(drawing) {
    this.drawing = drawing;
    this.sheet.classList.toggle("drawing", drawing);
  }

  pointOf(event) {
    const { left, top } = this.svg.getBoundingClientRect();
    return [(event.clientX - left) / this.scale, (event.clientY - top) / this.scale];
  }

  begin(event) {
    if (event.button !== 0 || !this.draft) {
      return;
    }
    const joins = Symbol("gesture");
    const [x, y] = this.pointOf(event);
    const handle = event.target.closest("[data-handle]")?.dataset.handle;
    const key = Number(event.target.closest("[data-key]")?.dataset.key) || null;
    if (handle) {
      this.gesture = { kind: "resize", handle, x, y, joins, from: this.quadsOf(this.selected) };
    } else if (key !== null && !this.drawing) {
      const wasSelected = this.selected.includes(key);
      if (event.shiftKey || event.ctrlKey || event.metaKey) {
        this.on.select(wasSelected ? this.selected.filter((each) => each !== key) : [...this.selected, key]);
        return;
      }
      if (!wasSelected) {
        this.on.select([key]);
      }
      // a finger on what is not chosen yet may be about to scroll
      this.gesture = wasSelected || event.pointerType === "mouse" ? { kind: "move", x, y, joins, from: this.quadsOf(this.selected) } : null;
    } else if (this.drawing || event.pointerType === "mouse") {
      this.gesture = { kind: "draw", x, y };
    } else {
      this.on.select([]);
    }
    if (this.gesture) {
      this.view.focus({ preventScroll: true });
      this.svg.setPointerCapture(event.pointerId);
      event.preventDefault();
    }
  }

  quadsOf(keys) {
    return new Map(this.draft.fields.filter(({ key }) => keys.includes(key)).map(({ key, quads }) => [key, quads]));
  }

  go(event) {
    const { gesture } = this;
    if (!gesture) {
      return;
    }
    const [x, y] = this.pointOf(event);
    const [dx, dy] = [x - gesture.x, y - gesture.y];
    // a hand that only clicks trembles
    gesture.far ||= Math.hypot(dx, dy) * this.scale > 3;
    if (!gesture.far) {
      return;
    }
    if (gesture.kind === "draw") {
      gesture.quad = rectangle(this.onPage({ left: Math.min(x, gesture.x), right: Math.max(x, gesture.x), top: Math.min(y, gesture.y), bottom: Math.max(y, gesture.y) }));
      this.frame.setAttribute("points", gesture.quad.join(" "));
      this.svg.append(this.frame);
    } else if (gesture.kind === "move") {
      this.shift(gesture.from, dx, dy, gesture.joins);
    } else {
      this.resize(gesture, dx, dy);
    }
  }

  shift(from, dx, dy, joins) {
    const [across, down] = roomFor(boundsOf([...from.values()].flat()), this.draft.page, dx, dy);
    this.on.place(new Map([...from].map(([key, quads]) => [key, moved(quads, across, down)])), joins);
  }

  resize({ handle, from, joins }, dx, dy) {
    const [[key, quads]] = from;
    const before = boundsOf(quads);
    const after = { ...before };
    const [across, down] = HANDLES[handle];
    if (across !== 0.5) {
      const side = across ? "right" : "left";
      after[side] = across ? Math.max(before.left + LEAST, before.right + dx) : Math.min(before.right - LEAST, before.left + dx);
    }
    if (down !== 0.5) {
      const side = down ? "bottom" : "top";
      after[side] = down ? Math.max(before.top + LEAST, before.bottom + dy) : Math.min(before.bottom - LEAST, before.top + dy);
    }
    this.on.place(new Map([[key, fitted(quads, before, this.onPage(after))]]), joins);
  }

  onPage({ left, top, right, bottom }) {
    const { width, height } = this.draft.page;
    return { left: Math.max(0, left), top: Math.max(0, top), right: Math.min(width, right), bottom: Math.min(height, bottom) };
  }

  end(event) {
    const { gesture } = this;
    this.gesture = null;
    this.frame.remove();
    if (!gesture) {
      return;
    }
    this.svg.releasePointerCapture(event.pointerId);
    if (gesture.kind === "draw") {
      const drawn = gesture.quad && boundsOf([gesture.quad]);
      if (drawn && drawn.right - drawn.left >= LEAST && drawn.bottom - drawn.top >= LEAST) {
        this.on.draw(gesture.quad);
      } else {
        this.on.select([]);
      }
    }
  }

  // The browser took the finger for a scroll.
  cancel() {
    const { gesture } = this;
    this.gesture = null;
    this.frame.remove();
    if (gesture?.far && gesture.kind !== "draw") {
      this.on.undo();
    }
  }

  // Whether the key meant something: arrows move what is chosen, with Alt they make it larger or smaller.
  key(event) {
    const arrow = ARROWS[event.key];
    if (!arrow || !this.selected.length) {
      return false;
    }
    const step = event.shiftKey ? FAR : 1;
    const [dx, dy] = arrow.map((part) => part * step);
    const from = this.quadsOf(this.selected);
    const joins = `${event.altKey ? "size" : "move"} ${this.selected.join(" ")}`;
    if (event.altKey && from.size === 1) {
      this.resize({ handle: "se", from, joins }, dx, dy);
    } else if (!event.altKey) {
      this.shift(from, dx, dy, joins);
    }
    return true;
  }
}

function letterOf(option, quad) {
  const { left, right, bottom } = boundsOf([quad]);
  const letter = made("text", { x: (left + right) / 2, y: bottom, class: "option" });
  letter.textContent = option;
  return letter;
}

function made(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) {
    element.setAttribute(attribute, value);
  }
  return element;
}
