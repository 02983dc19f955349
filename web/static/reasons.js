// Why a row is to review: what the model takes the picture for.

import { text } from "./texts.js";

// digits that are doubtful as such
const OF_DIGITS = ["unsure", "cut_off"];
const KNOWN = ["cut_off", "cross", "dash", "struck_out", "several", "circled", "other", "blank"];

// In words, as in "looks like a cross"; "" where the model is only unsure of the digit.
export function looksText(reason) {
  if (!reason || reason === "unsure") {
    return "";
  }
  return text(`looks_${KNOWN.includes(reason) ? reason : "other"}`);
}

// Whether the row's confidence, which is that of a digit, says anything.
export function isDigit({ reason }) {
  return !reason || OF_DIGITS.includes(reason);
}
