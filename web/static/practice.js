// Practice: a sum, a box for each digit of its answer, and the next sum when the answer is right.

import { Refusal, showProblem } from "./api.js";
import { at } from "./elements.js";
import { Pad } from "./pad.js";
import { readDrawing } from "./reading.js";
import { newSum } from "./sums.js";
import { text } from "./texts.js";

const BOXES = 2;
const SHOWN_MS = 1200;
// a digit may take a second stroke: a wrong answer is told a little later than a right one
const PATIENCE_MS = 1500;

let sum;
let boxes = [];
let failed = false;
let right = 0;
let count = 0;
let patience;
let turning;

function begin() {
  clearTimeout(turning);
  clearTimeout(patience);
  sum = newSum();
  failed = false;
  // the answer's length is not given away
  boxes = Array.from({ length: BOXES }, (_, number) => box(number, BOXES));
  at("sum").textContent = `${sum.words} =`;
  at("boxes").replaceChildren(...boxes.map(({ element }) => element));
  at("said").textContent = "";
  boxes[0].pad.canvas.focus({ preventScroll: true });
}

function box(number, digits) {
  const element = document.createElement("div");
  element.className = "box";
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { className: "pad", width: 280, height: 280, tabIndex: 0 });
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", text("box", { place: number + 1, places: digits }));
  canvas.setAttribute("aria-describedby", "pad-keys");
  const line = document.createElement("p");
  const read = document.createElement("span");
  const clear = document.createElement("button");
  Object.assign(clear, { type: "button", className: "quiet", textContent: "×" });
  clear.setAttribute("aria-label", text("clear_box", { place: number + 1 }));
  line.append(read, clear);
  element.append(canvas, line);
  const made = { element, read, row: null, reading: new AbortController() };
  made.pad = new Pad(canvas, { ended: () => ask(made), cleared: () => forget(made) });
  clear.addEventListener("click", () => made.pad.clear());
  return made;
}

function forget(made) {
  made.reading.abort();
  made.row = null;
  made.read.textContent = "";
  clearTimeout(patience);
}

async function ask(made) {
  forget(made);
  made.reading = new AbortController();
  const { signal } = made.reading;
  made.read.textContent = text("reading");
  try {
    const row = await readDrawing(await made.pad.png(), { model: at("model").value, signal });
    if (!signal.aborted) {
      showProblem(row ? "" : text("too_busy"));
      made.row = row;
      made.read.textContent = row?.prediction ? text("read_as", { answer: row.prediction }) : "";
      judge();
    }
  } catch (error) {
    if (!signal.aborted) {
      made.read.textContent = "";
      showProblem(error instanceof Refusal ? error.message : text("offline"));
    }
  }
}

function judge() {
  const drawn = boxes.filter(({ pad }) => !pad.isEmpty);
  if (!sum || !drawn.every(({ row }) => row?.prediction)) {
    return;
  }
  const answer = drawn.map(({ row }) => row.prediction).join("");
  if (answer === String(sum.answer)) {
    count += 1;
    right += failed ? 0 : 1;
    at("said").textContent = text("right", { sum: `${sum.words} = ${answer}` });
    showScore();
    sum = null;
    turning = setTimeout(begin, SHOWN_MS);
  } else if (answer.length === BOXES || !String(sum.answer).startsWith(answer)) {
    patience = setTimeout(() => tellWrong(answer), PATIENCE_MS);
  }
}

function tellWrong(answer) {
  const isHard = boxes.some(({ row }) => row?.status === "review");
  failed ||= !isHard;
  at("said").textContent = isHard ? text("unsure") : text("wrong", { answer });
}

function showScore() {
  at("score").textContent = text("score", { right, count });
}

at("clear").addEventListener("click", () => {
  boxes.forEach(({ pad }) => pad.clear());
  boxes[0].pad.canvas.focus({ preventScroll: true });
});
at("skip").addEventListener("click", () => {
  // a sum that was given up counts, and is not right
  count += sum ? 1 : 0;
  showScore();
  begin();
});
begin();
