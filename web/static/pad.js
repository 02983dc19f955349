// A box to draw in: with a mouse, a pen or a finger, or with the arrow keys and the space bar.

import { at } from "./elements.js";
import { text } from "./texts.js";

const PEN_SHARE = 0.075;
const STEP_SHARE = 0.05;
const SMALL_STEP_SHARE = 0.0125;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Pad {
  // `ended()`: a stroke has ended. `cleared()`: nothing is drawn any more.
  constructor(canvas, { ended, cleared }) {
    this.canvas = canvas;
    this.side = canvas.width;
    this.on = { ended, cleared };
    // a stroke is a list of [x, y] in pixels of the canvas
    this.strokes = [];
    this.stroke = /** @type {any} */ (null);
    this.pen = [this.side / 2, this.side / 2];
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.follow(event));
    canvas.addEventListener("pointerup", (event) => this.lift(event));
    canvas.addEventListener("pointercancel", (event) => this.lift(event));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => this.draw());
    canvas.addEventListener("blur", () => this.draw());
    this.draw();
  }

  get isEmpty() {
    return this.strokes.length === 0;
  }

  clear() {
    this.strokes = [];
    this.stroke = null;
    this.draw();
    this.on.cleared();
  }

  // The drawing as a PNG, dark on light, without the mark of the keyboard's pen.
  png() {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = this.side;
    paint(canvas, this.strokes);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }

  begin(event) {
    if (event.button !== 0 || this.pointer !== undefined) {
      return;
    }
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.withKeys = false;
    this.putDown(this.placeOf(event));
  }

  follow(event) {
    if (event.pointerId !== this.pointer) {
      return;
    }
    for (const each of event.getCoalescedEvents?.() ?? [event]) {
      this.stroke.push(this.placeOf(each));
    }
    this.draw();
  }

  lift(event) {
    if (event.pointerId === this.pointer) {
      this.pointer = undefined;
      this.putUp();
    }
  }

  key(event) {
    const move = MOVES[event.key];
    if (move) {
      const step = this.side * (event.shiftKey ? SMALL_STEP_SHARE : STEP_SHARE);
      this.pen = this.pen.map((at, axis) => Math.max(0, Math.min(this.side, at + move[axis] * step)));
      this.stroke?.push(this.pen);
    } else if (event.key === " " && !event.repeat) {
      this.toggle();
    } else if (event.key === "Escape" || event.key === "Delete" || event.key === "Backspace") {
      this.clear();
    } else {
      return;
    }
    event.preventDefault();
    this.withKeys = true;
    this.draw();
  }

  toggle() {
    if (this.stroke) {
      this.putUp();
    } else {
      this.putDown(this.pen);
    }
    at("pen").textContent = text(this.stroke ? "pen_down" : "pen_up");
  }

  putDown(place) {
    this.stroke = [place];
    this.strokes.push(this.stroke);
    this.draw();
  }

  putUp() {
    if (this.stroke) {
      this.stroke = null;
      this.draw();
      this.on.ended();
    }
  }

  placeOf(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * this.side, ((event.clientY - box.top) / box.height) * this.side];
  }

  draw() {
    paint(this.canvas, this.strokes);
    if (this.withKeys && document.activeElement === this.canvas) {
      const context = this.canvas.getContext("2d");
      context.beginPath();
      context.arc(...this.pen, this.side * PEN_SHARE, 0, 2 * Math.PI);
      context.lineWidth = 2;
      context.strokeStyle = this.stroke ? "#1d5a8e" : "#7d8790";
      context.stroke();
    }
  }
}

function paint(canvas, strokes) {
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.lineWidth = canvas.width * PEN_SHARE;
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = "#111";
  for (const [start, ...rest] of strokes) {
    context.beginPath();
    context.moveTo(...start);
    // a dot is a line to where it begins
    for (const place of rest.length ? rest : [start]) {
      context.lineTo(...place);
    }
    context.stroke();
  }
}
