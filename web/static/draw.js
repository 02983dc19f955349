// The page on which a digit is drawn: what the model makes of it, in bars, as each stroke ends.

import { Refusal, showProblem } from "./api.js";
import { at } from "./elements.js";
import { Pad } from "./pad.js";
import { readDrawing } from "./reading.js";
import { guessesOf, isDigit, looksText } from "./reasons.js";
import { shortPercent, sureness, text } from "./texts.js";

let reading = new AbortController();

const pad = new Pad(at("pad"), { ended: ask, cleared: () => show(null) });

async function ask() {
  reading.abort();
  reading = new AbortController();
  const { signal } = reading;
  try {
    const row = await readDrawing(await pad.png(), { model: at("model").value, signal });
    if (!signal.aborted) {
      showProblem(row ? "" : text("too_busy"));
      show(row);
    }
  } catch (error) {
    if (!signal.aborted) {
      showProblem(error instanceof Refusal ? error.message : text("offline"));
    }
  }
}

function show(row) {
  if (!row) {
    reading.abort();
  }
  const guesses = row?.prediction ? [row, ...row.alternatives] : [];
  const shares = Object.fromEntries(guesses.map(({ prediction, confidence }) => [prediction, confidence]));
  for (let digit = 0; digit < 10; digit += 1) {
    const share = shares[digit] ?? 0;
    at(`bar-${digit}`).value = share;
    at(`share-${digit}`).textContent = guesses.length ? shortPercent(share) : "";
    at(`bar-${digit}`).parentElement.classList.toggle("best", row?.prediction === String(digit) && isDigit(row));
  }
  showKind(row?.prediction && !isDigit(row) ? guessesOf(row)[0] : null);
  at("said").textContent = words(row);
}

// What the drawing may be instead of a digit, and how surely.
function showKind(kind) {
  at("kind").hidden = !kind;
  at("kind-name").textContent = kind?.label ?? "";
  at("kind-bar").value = kind?.share ?? 0;
  at("kind-bar").setAttribute("aria-label", kind?.label ?? "");
  at("kind-share").textContent = kind ? shortPercent(kind.share) : "";
}

function words(row) {
  if (!row?.prediction) {
    return row?.error?.detail ?? text("said_blank");
  }
  if (!isDigit(row)) {
    return text("said_looks", { looks: looksText(row.reason) });
  }
  const values = { digit: row.prediction, confidence: sureness(row.confidence) };
  return row.status === "review" ? text("said_unsure", values) : text("said_sure", values);
}

at("clear").addEventListener("click", () => pad.clear());
at("model").addEventListener("change", () => !pad.isEmpty && ask());
