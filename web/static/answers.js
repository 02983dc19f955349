// What a person may say of a row, as the HTTP interface takes it, and the keys that say it.

import { letterOfKey } from "./keys.js";
import { text } from "./texts.js";

export const BLANK = { status: "blank" };
export const NOT_A_DIGIT = { status: "not_a_digit" };
export const TAKEN_BACK = { correction: null };

// reasons of a review: nothing there is one digit
const HOLD_NO_DIGIT = ["cross", "dash", "several", "other"];

const OF_LETTER = { b: BLANK, x: NOT_A_DIGIT };

export function digit(value) {
  return { prediction: value };
}

// The answer that this key gives, or nothing. A held key answers once.
export function answerOfKey(event) {
  if (event.repeat) {
    return null;
  }
  const typed = digitOfKey(event);
  return typed === null ? OF_LETTER[letterOfKey(event)] ?? null : digit(typed);
}

// The answer that the correction of a row holds, or null.
export function answerOf(correction) {
  if (!correction) {
    return null;
  }
  return correction.prediction ? digit(correction.prediction) : { status: correction.status };
}

// Of an answer, or of the correction of a row: a digit as such, or a word.
export function answerText(said) {
  if (said.prediction) {
    return said.prediction;
  }
  if (!said.status) {
    return text("taken_back");
  }
  return text(said.status === "blank" ? "said_blank" : "said_not_a_digit");
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

function digitOfKey(event) {
  if (/^[0-9]$/.test(event.key)) {
    return event.key;
  }
  // French keyboards write digits with Shift only
  const place = /^Digit([0-9])$/.exec(event.code);
  return place && !event.shiftKey ? place[1] : null;
}
