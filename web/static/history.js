// Who said what of a row.

import { Refusal, call } from "./api.js";
import { answerText } from "./answers.js";
import { moment, nameOf, text } from "./texts.js";
import { keyOf } from "./values.js";

export class History {
  // `list` is the element that is filled, `address` that of the job's results.
  constructor(list, address) {
    this.list = list;
    this.address = address;
    this.key = null;
  }

  // Of a row that nobody ever changed there is none.
  async show(row) {
    const { index, field, revision } = row;
    const key = keyOf(row);
    this.list.hidden = this.list.hidden || key !== this.key || revision === 0;
    this.key = key;
    if (revision === 0) {
      return;
    }
    let found;
    try {
      found = await call("GET", `${this.address}/${index}/history${field === undefined ? "" : `?field=${field}`}`);
    } catch (error) {
      if (error instanceof Refusal || error instanceof TypeError) {
        return;
      }
      throw error;
    }
    // somebody may have gone on meanwhile
    if (this.key === key) {
      this.list.replaceChildren(...found.history.map(line));
      this.list.hidden = false;
    }
  }
}

function line({ after, by, at, hidden }) {
  const item = document.createElement("li");
  const name = nameOf(by);
  const values = { name, answer: after && answerText(after), time: moment(at) };
  if (hidden) {
    item.textContent = text(name ? "entered_by" : "entered", values);
  } else {
    item.textContent = after
      ? text(name ? "corrected_by" : "corrected", values)
      : text(name ? "took_back_by" : "took_back", values);
  }
  return item;
}
