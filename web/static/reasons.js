// Why a row is to review: what the model takes the picture for, and the answer that follows from it.

import { BLANK, NOT_A_DIGIT, digit } from "./answers.js";
import { sureness, text } from "./texts.js";

// nor one digit alone
const HOLD_NO_DIGIT = ["cross", "dash", "several", "other"];
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

// The answer with which the model would be right.
export function likelyAnswer({ reason, prediction }) {
  if (reason === "blank") {
    return BLANK;
  }
  return HOLD_NO_DIGIT.includes(reason) ? NOT_A_DIGIT : digit(prediction);
}

export function saysAsModel(row, said) {
  const { prediction, status } = likelyAnswer(row);
  return said.prediction === prediction && said.status === status;
}

// What the model thinks of the row, behind the digit.
export function thought(row) {
  const sure = text("sure", { confidence: sureness(row.confidence) });
  return [looksText(row.reason), isDigit(row) ? sure : ""].filter(Boolean).join("; ");
}

// The same as a sentence to be read out.
export function spokenThought(row) {
  const looks = looksText(row.reason);
  const values = { row: String(row.index), digit: row.prediction, confidence: sureness(row.confidence), looks };
  return [looks ? text("spoken_looks", values) : "", isDigit(row) ? text("spoken_row", values) : ""].filter(Boolean).join(" ");
}
