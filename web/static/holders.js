// Who else has rows of the job on the screen, and taking them over from somebody who has gone home.

import { Refusal, call } from "./api.js";
import { at, meta } from "./elements.js";
import { reviewer } from "./reviewer.js";
import { nameOf, text } from "./texts.js";

const person = meta("person");

export class Holders {
  // `address` is that of the review; `takeOver(holder)` asks for what they hold.
  constructor(address, takeOver) {
    this.address = address;
    this.takeOver = takeOver;
    this.list = at("holders");
  }

  hide() {
    this.list.hidden = true;
  }

  async show() {
    let found;
    try {
      found = await call("GET", this.address);
    } catch (error) {
      if (error instanceof Refusal || error instanceof TypeError) {
        return;
      }
      throw error;
    }
    const others = found.holders.filter(({ holder }) => !holder.endsWith(`/${reviewer}`));
    this.list.hidden = others.length === 0;
    // a button under somebody's finger stays
    const told = JSON.stringify(others.map(({ holder, rows }) => [holder, rows]));
    if (told !== this.told) {
      this.told = told;
      this.list.replaceChildren(...others.map((each) => this.line(each)));
    }
  }

  line({ holder, by, rows }) {
    const name = person && by === person ? text("holder_own") : nameOf(by) ?? text("holder_unnamed");
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text("take_over");
    button.setAttribute("aria-label", text("take_over_from", { name }));
    button.addEventListener("click", () => {
      // where keys answer: the button goes with the list
      at("content").focus({ preventScroll: true });
      this.takeOver(holder);
    });
    item.append(text("holds", { name, rows: text("rows_held", { count: rows }) }), " ", button);
    return item;
  }
}
