// Rows that somebody else has answered meanwhile: what they said, what you said, and which is to hold.

import { TAKEN_BACK, answerText } from "./answers.js";
import { at } from "./elements.js";
import { text } from "./texts.js";
import { titleOf } from "./values.js";

export class Conflicts {
  // `view` shows rows. `keepMine(entry, said)` and `keepTheirs(entry)` are told the choice.
  constructor(view, { keepMine, keepTheirs }) {
    this.view = view;
    this.on = { keepMine, keepTheirs };
    this.section = at("conflicts");
    this.list = at("conflict-list");
  }

  add(entry, said) {
    const item = document.createElement("li");
    const { row } = entry;
    const image = this.view.thumbnail(row);
    const theirs = row.correction ? answerText(row.correction) : text("taken_back");
    const words = document.createElement("p");
    const undoing = said === TAKEN_BACK;
    words.textContent = text(undoing ? "conflict_undo" : "conflict", { row: titleOf(row), mine: answerText(said), theirs });
    const choices = document.createElement("p");
    choices.className = "choices-row";
    choices.append(
      this.choice(item, text("keep_theirs", { answer: theirs }), () => this.on.keepTheirs(entry)),
      this.choice(item, text(undoing ? "undo_theirs" : "keep_mine", { answer: answerText(said) }), () => this.on.keepMine(entry, said)),
    );
    item.append(image, words, choices);
    this.list.append(item);
    this.section.hidden = false;
  }

  choice(item, words, chosen) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = words;
    button.addEventListener("click", () => {
      item.remove();
      this.section.hidden = this.list.children.length === 0;
      at("content").focus();
      chosen();
    });
    return button;
  }
}
