// What a person may say of a row, as the HTTP interface takes it, and the keys that say it.

import { all } from "./elements.js";
import { letterOfKey, withModifier } from "./keys.js";
import { text } from "./texts.js";

export const BLANK = { status: "blank" };
export const NOT_A_DIGIT = { status: "not_a_digit" };
export const TAKEN_BACK = { correction: null };

// reasons of a review: nothing there is one digit. A field may hold more than one
const HOLD_NO_DIGIT = ["cross", "dash", "several", "other"];
// reasons of a number that was read and may be two, or may have a minus: neither it nor that there is none is likely
const HOLD_MORE = ["dash", "several"];

// what the reader of the job lets a person type: the characters, each a key, and the texts
const { keys, pattern, typedAnswers } = all("[data-keys]")[0].dataset;
const accepted = new RegExp(`^(?:${pattern})$`);

const OF_LETTER = { b: BLANK, x: NOT_A_DIGIT };

export function accepts(value) {
  return accepted.test(value);
}

export function digit(value) {
  return { prediction: value };
}

// The answer that this key gives, or nothing. A held key answers once. Where answers are typed no character is one.
export function answerOfKey(event) {
  if (event.repeat) {
    return null;
  }
  const typed = characterOfKey(event);
  if (typed !== null) {
    return typedAnswers === undefined ? digit(typed) : null;
  }
  return withModifier(event) ? null : OF_LETTER[letterOfKey(event)] ?? null;
}

// The answer that the correction of a row holds, or null.
export function answerOf(correction) {
  if (!correction) {
    return null;
  }
  return correction.prediction ? digit(correction.prediction) : { status: correction.status };
}

/**
 * Of an answer, or of the correction of a row: a digit as such, or a word.
 * @param {{prediction?: string, status?: string}} said
 */
export function answerText(said) {
  if (said.prediction) {
    return said.prediction;
  }
  if (!said.status) {
    return text("taken_back");
  }
  return text(said.status === "blank" ? "said_blank" : "said_not_a_digit");
}

/**
 * The answer with which the model would be right; null where it has none.
 * @returns {{prediction?: string, status?: string} | null}
 */
export function likelyAnswer({ reason, prediction, status, field }) {
  if (reason === "blank" || status === "blank") {
    return BLANK;
  }
  if (field === undefined && typedAnswers !== undefined && prediction !== null && HOLD_MORE.includes(reason)) {
    return null;
  }
  return field === undefined && HOLD_NO_DIGIT.includes(reason) ? NOT_A_DIGIT : prediction === null ? null : digit(prediction);
}

export function saysAsModel(row, said) {
  const { prediction, status } = likelyAnswer(row) ?? {};
  return said.prediction === prediction && said.status === status;
}

// The character that the key types, of those that answers are made of; null for another key.
export function characterOfKey(event) {
  const typed = [event.key, event.key.toUpperCase()].find((key) => key.length === 1 && keys.includes(key));
  if (typed) {
    return typed;
  }
  // French keyboards write digits with Shift only
  const place = /^Digit([0-9])$/.exec(event.code);
  return place && !event.shiftKey && keys.includes(place[1]) ? place[1] : null;
}
