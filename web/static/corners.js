// Where a page lies on its scan, told by dragging its four corners, or by moving them with the arrow keys.

import { Refusal, call } from "./api.js";
import { at } from "./elements.js";
import { text } from "./texts.js";

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const FAR = 10;
// where they are at first, as shares of the picture
const FIRST = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]];

export class CornersDialog {
  // `address` is that of the job's results. `placed(row)`: the page has been read there.
  constructor(address, placed) {
    this.address = address;
    this.placed = placed;
    this.corners = [];
    this.index = null;
    this.dialog = at("corners");
    this.picture = at("corners-picture");
    this.handles = [...this.dialog.querySelectorAll("[data-corner]")];
    this.handles.forEach((handle, place) => this.listen(handle, place));
    this.picture.addEventListener("load", () => this.show());
    at("corners-close").addEventListener("click", () => this.dialog.close());
    at("corners-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
  }

  open({ index, name }) {
    this.index = index;
    this.corners = FIRST.map((corner) => [...corner]);
    at("corners-name").textContent = name;
    this.picture.src = `${this.address}/${index}/image?view=png`;
    this.tell("");
    this.show();
    this.dialog.showModal();
    this.handles[0].focus();
  }

  listen(handle, place) {
    handle.addEventListener("pointerdown", (event) => {
      handle.setPointerCapture(event.pointerId);
      event.preventDefault();
      handle.focus();
    });
    handle.addEventListener("pointermove", (event) => {
      if (handle.hasPointerCapture(event.pointerId)) {
        const { left, top, width, height } = this.picture.getBoundingClientRect();
        this.move(place, (event.clientX - left) / width, (event.clientY - top) / height);
      }
    });
    handle.addEventListener("keydown", (event) => {
      const step = STEPS[event.key];
      if (step) {
        event.preventDefault();
        const { width, height } = this.picture.getBoundingClientRect();
        const far = event.shiftKey ? FAR : 1;
        const [x, y] = this.corners[place];
        this.move(place, x + (step[0] * far) / width, y + (step[1] * far) / height);
      }
    });
  }

  // A corner may lie a little outside of what was scanned.
  move(place, x, y) {
    this.corners[place] = [x, y].map((share) => Math.min(1.1, Math.max(-0.1, share)));
    this.show();
  }

  show() {
    this.handles.forEach((handle, place) => {
      const [x, y] = this.corners[place];
      handle.style.left = `${x * 100}%`;
      handle.style.top = `${y * 100}%`;
    });
    at("corners-shape").setAttribute("points", this.corners.map(([x, y]) => `${x * 100},${y * 100}`).join(" "));
  }

  async send() {
    const { naturalWidth: width, naturalHeight: height } = this.picture;
    const corners = this.corners.map(([x, y]) => [x * width, y * height]);
    const template = at("corners-template")?.value;
    this.tell("");
    at("corners-send").disabled = true;
    at("corners-state").textContent = text("reading_again");
    try {
      const json = { corners, of: [width, height], ...(template ? { template } : {}) };
      const row = await call("PUT", `${this.address}/${this.index}/corners`, { json });
      this.dialog.close();
      this.placed(row);
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof TypeError)) {
        throw error;
      }
      this.tell(error instanceof Refusal ? error.message : text("offline"));
    } finally {
      at("corners-send").disabled = false;
      at("corners-state").textContent = "";
    }
  }

  tell(words) {
    at("corners-problem").textContent = words;
    at("corners-problem").hidden = !words;
  }
}
