// Why a row is to review: what the model takes the picture for.

import { text } from "./texts.js";

// digits that are doubtful as such
const OF_DIGITS = ["unsure", "cut_off"];
const KNOWN = [
  "cut_off", "cross", "dash", "struck_out", "several", "circled", "other", "blank", "length", "gap", "displaced", "unread",
  "check", "critical",
];

// In words, as in "looks like a cross"; "" where the model is only unsure of the digit.
export function looksText(reason) {
  if (!reason || reason === "unsure") {
    return "";
  }
  return text(`looks_${KNOWN.includes(reason) ? reason : "other"}`);
}

// What the picture may be, likeliest first, as {label, share}: where the model sees no digit, that comes before the digits,
// with what these leave of the whole.
export function guessesOf(row) {
  const digits = [row, ...row.alternatives].filter(({ prediction }) => prediction !== null).map(({ prediction, confidence }) => ({ label: prediction, share: confidence }));
  if (isDigit(row)) {
    return digits;
  }
  const rest = 1 - digits.reduce((sum, { share }) => sum + share, 0);
  return [{ label: looksText(row.reason), share: Math.max(0, rest), isKind: true }, ...digits];
}

// Whether the row's confidence, which is that of a digit, says anything.
export function isDigit({ reason }) {
  return !reason || OF_DIGITS.includes(reason);
}
