// Rows by confidence, and a threshold that can be drawn over them. The axis is that of doubt, log10(1 / (1 - confidence)):
// most rows lie above 0.99, and that is where the choice is made.

import { at } from "./elements.js";
import { number, percent, text } from "./texts.js";

const STEPS = 400;
const NINES = 4;
const BARS = 80;
const HEIGHT = 40;
const TICKS = [0, 0.9, 0.99, 0.999, 0.9999];
const SVG = "http://www.w3.org/2000/svg";

function placeOf(confidence) {
  return Math.min(1, -Math.log10(Math.max(1 - confidence, 10 ** -NINES)) / NINES);
}

function confidenceAt(place) {
  return 1 - 10 ** (-place * NINES);
}

export class Histogram {
  // `drawn(histogram)` is called when the line or the rows are others.
  constructor(rows, own, drawn) {
    this.drawn = drawn;
    this.rows = rows;
    this.own = own;
    this.value = own;
    this.sure = new Float64Array();
    this.slider = at("threshold");
    this.slider.max = STEPS;
    this.slider.value = Math.round(placeOf(own) * STEPS);
    this.slider.addEventListener("input", () => {
      this.value = confidenceAt(Number(this.slider.value) / STEPS);
      this.draw();
    });
    at("own-threshold").addEventListener("click", () => {
      this.value = own;
      this.slider.value = Math.round(placeOf(own) * STEPS);
      this.draw();
    });
    this.bars = Array.from({ length: BARS }, (_, bar) => this.makeBar(bar));
    at("ticks").replaceChildren(...TICKS.map(makeTick));
    this.count();
  }

  makeBar(bar) {
    const element = document.createElementNS(SVG, "rect");
    element.setAttribute("x", String((bar * 100) / BARS + 0.1));
    element.setAttribute("width", String(100 / BARS - 0.2));
    at("bars").append(element);
    return element;
  }

  // Takes in the rows that are there by now.
  count() {
    const { confidence, length } = this.rows;
    const counts = new Uint32Array(BARS);
    const sure = [];
    for (let place = 0; place < length; place += 1) {
      if (!Number.isNaN(confidence[place])) {
        counts[Math.min(BARS - 1, Math.floor(placeOf(confidence[place]) * BARS))] += 1;
        sure.push(confidence[place]);
      }
    }
    this.sure = Float64Array.from(sure).sort();
    const most = Math.log1p(Math.max(1, ...counts));
    counts.forEach((count, bar) => {
      const height = (Math.log1p(count) / most) * HEIGHT;
      this.bars[bar].setAttribute("y", String(HEIGHT - height));
      this.bars[bar].setAttribute("height", String(height));
    });
    this.draw();
  }

  // How many rows are less sure than the threshold.
  below() {
    let [low, high] = [0, this.sure.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.sure[middle] < this.value) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  draw() {
    const count = this.below();
    const total = this.rows.length;
    const place = placeOf(this.value);
    this.bars.forEach((bar, number) => bar.setAttribute("class", (number + 0.5) / BARS < place ? "bar-below" : "bar-above"));
    const threshold = percent(this.value);
    this.slider.setAttribute("aria-valuetext", text("threshold_value", { threshold, count, total }));
    const share = total ? percent(count / total) : percent(0);
    const said = text("threshold_share", { count: number(count), total: number(total), share, threshold });
    at("threshold-text").textContent = this.value === this.own ? `${said}. ${text("threshold_own")}` : `${said}.`;
    at("own-threshold").hidden = this.value === this.own;
    at("show-below").disabled = count === 0;
    this.drawn(this);
  }
}

function makeTick(confidence) {
  const element = document.createElement("span");
  // in a narrow window there is room for one sign
  element.textContent = confidence === TICKS.at(-1) ? percent(confidence) : percent(confidence).replace(" %", "");
  element.style.left = `${placeOf(confidence) * 100}%`;
  return element;
}
