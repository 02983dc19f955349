// Answers to one row, by buttons and by keys: the same wherever a row is shown. Where a key is no whole answer, as with
// numbers, the text stands in a field, with what the model read in it, and Enter says it.

import { BLANK, NOT_A_DIGIT, accepts, answerOfKey, characterOfKey, digit, likelyAnswer } from "./answers.js";
import { isUndo, letterOfKey } from "./keys.js";
import { text } from "./texts.js";
import { keyOf } from "./values.js";

// a touch screen's would cover the picture
const HAS_KEYBOARD = window.matchMedia("(pointer: fine)");
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

export class Editor {
  // `say(said)`, `undo(event)`, which has no event where a button was pressed, and `step(by)` are told what to do.
  constructor(place, { say, undo, step }) {
    this.on = { say, undo, step };
    this.place = place;
    this.main = place.querySelector('[data-says="confirm"]');
    this.field = place.querySelector("[data-typed]");
    this.likely = null;
    place.addEventListener("click", (event) => this.click(event));
    this.field?.addEventListener("keydown", (event) => this.keyInField(event));
    this.field?.addEventListener("input", () => this.field.setCustomValidity(""));
  }

  // Shows the row that is to be answered, and `said`, the answer that holds, null for the model's own. `how` says of a field
  // of a page what it `accepts`, and whether `letters` are typed there: B and X are then no answers.
  show(row, said, canUndo, how = /** @type {any} */ (null)) {
    this.how = how;
    this.likely = likelyAnswer(row);
    this.main.firstElementChild.textContent = this.likely ? mainText(this.likely) : this.field ? text("confirm_typed") : "";
    this.place.classList.toggle("letters", Boolean(how?.letters));
    this.main.hidden = !this.likely && !this.field;
    this.place.querySelector('[data-says="undo"]').disabled = !canUndo;
    // what is being typed stays where the same row is shown again, as when others come in behind it
    const shown = `${keyOf(row)} ${said?.prediction ?? said?.status}`;
    if (this.field && shown !== this.shown) {
      this.shown = shown;
      this.field.value = (said ?? this.likely)?.prediction ?? "";
      this.field.setCustomValidity("");
      this.field.inputMode = how?.letters ? "text" : "decimal";
      if (how && HAS_KEYBOARD.matches && !document.querySelector("dialog[open]")) {
        this.field.focus({ preventScroll: true });
      }
      if (document.activeElement === this.field) {
        this.field.select();
      }
    }
  }

  // Whether the key, pressed outside the field, meant something.
  key(event) {
    const said = answerOfKey(event);
    const step = STEPS[event.key];
    if (said) {
      this.on.say(said);
    } else if (isUndo(event) && !event.repeat) {
      this.on.undo(event);
    } else if (event.key === "Enter" && !event.repeat) {
      this.confirm();
    } else if (step) {
      this.on.step(step);
    } else {
      if (this.field && characterOfKey(event) !== null) {
        // what is typed goes into the field, in the place of what stands there
        this.field.focus();
        this.field.select();
      }
      return false;
    }
    event.preventDefault();
    return true;
  }

  keyInField(event) {
    const vertical = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const said = this.how?.letters ? null : answerOfKey(event);
    if (event.key === "Enter" && !event.repeat) {
      this.confirm();
    } else if (vertical) {
      this.on.step(vertical);
    } else if (said) {
      this.on.say(said);
    } else if (letterOfKey(event) === "u" && !this.how?.letters && isUndo(event) && !event.repeat) {
      this.on.undo(event);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  // What the main button says, or what stands in the field.
  confirm() {
    const typed = this.field?.value.trim();
    if (!typed && this.likely) {
      this.on.say(this.likely);
    } else if (!typed && !this.field) {
      return;
    } else if (typed && (this.how?.accepts ?? accepts)(typed)) {
      this.on.say(digit(typed));
    } else {
      this.field.setCustomValidity(text("not_accepted"));
      this.field.reportValidity();
    }
  }

  click(event) {
    const button = event.target.closest("button");
    if (!button) {
      return;
    }
    const { says } = button.dataset;
    const acts = {
      confirm: () => this.confirm(), undo: () => this.on.undo(null),
      blank: () => this.on.say(BLANK), none: () => this.on.say(NOT_A_DIGIT),
      before: () => this.on.step(-1), after: () => this.on.step(1),
    };
    (acts[says] ?? (() => this.type(says)))();
  }

  type(key) {
    if (this.field) {
      this.field.setRangeText(key, this.field.selectionStart, this.field.selectionEnd, "end");
    } else {
      this.on.say(digit(key));
    }
  }
}

/** @param {{prediction?: string, status?: string}} likely */
function mainText({ prediction, status }) {
  return prediction ? text("confirm_is", { answer: prediction }) : text(`confirm_${status}`);
}
