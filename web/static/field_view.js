// A field of a form page in the review: its cut-out large, the page beside it with the field marked, what else it may be,
// and what the checks say of it.

import { answerText, likelyAnswer } from "./answers.js";
import { at } from "./elements.js";
import { entriesOf, entriesText } from "./entries.js";
import { PageTemplates, keepRoom, marked } from "./page_templates.js";
import { looksText } from "./reasons.js";
import { shortPercent, sureness, text } from "./texts.js";
import { keyOf } from "./values.js";

export class FieldView {
  // `address` is that of the job's results. `say(said)`: somebody chose one of the alternatives. Wait for `ready`.
  constructor(address, say) {
    this.address = address;
    this.templates = new PageTemplates(JSON.parse(at("review").dataset.templates));
    this.images = new Map();
    this.shown = null;
    this.ready = this.templates.ready;
    at("guesses").addEventListener("click", (event) => {
      const chosen = event.target.closest("button");
      if (chosen) {
        say({ prediction: chosen.value });
      }
    });
    at("enlarge").addEventListener("click", () => {
      at("whole").showModal();
      at("whole").querySelector("polygon")?.scrollIntoView({ block: "center", inline: "center" });
    });
    at("whole-close").addEventListener("click", () => at("whole").close());
  }

  show(row) {
    const key = keyOf(row);
    const fresh = this.shown !== key;
    this.shown = key;
    at("row-question").textContent = this.how(row).label ?? row.field;
    at("name").textContent = row.name;
    at("marked").href = `${this.address}/${row.index}/image?view=marked`;
    // it shows what was read
    at("marked").hidden = entriesOf(row).length > 0;
    const likely = likelyAnswer(row);
    at("guess").textContent = likely?.prediction ?? "";
    at("guess").hidden = !likely?.prediction;
    const sure = row.confidence === null || row.prediction === null ? "" : text("sure", { confidence: sureness(row.confidence) });
    at("sure").textContent = entriesText(row, answerText) || [looksText(row.reason), sure].filter(Boolean).join("; ");
    at("spoken").textContent = [at("row-question").textContent, row.prediction, at("sure").textContent].filter(Boolean).join(", ");
    const said = new Set([row.prediction, ...row.alternatives.map(({ prediction }) => prediction)]);
    const others = Object.keys(this.how(row).options ?? {}).filter((option) => !said.has(option));
    at("guesses").replaceChildren(...row.alternatives.map(alternative), ...others.map((prediction) => alternative({ prediction, confidence: undefined })));
    at("checks").replaceChildren(...(row.page?.checks ?? []).filter(({ rule }) => names(rule, row.field)).map(checkLine));
    if (!fresh) {
      return;
    }
    at("picture").replaceChildren(this.image(`${row.index}/fields/${row.field}/image`));
    const { page, fields } = this.templates.of(row.page);
    for (const place of [at("beside"), at("whole-page")]) {
      keepRoom(place, page);
      place.replaceChildren(this.image(`${row.index}/image?view=registered`).cloneNode(), marked(page, fields.get(row.field).quads));
    }
  }

  // What the field accepts, and whether letters are typed there.
  how(row) {
    return this.templates.of(row.page).fields.get(row.field);
  }

  image(path) {
    const found = this.images.get(path) ?? new Image();
    if (!this.images.has(path)) {
      found.alt = "";
      found.draggable = false;
      found.src = `${this.address}/${path}`;
      this.images.set(path, found);
    }
    return found;
  }

  prefetch(coming, old) {
    for (const { index, field } of coming) {
      this.image(`${index}/fields/${field}/image`);
      this.image(`${index}/image?view=registered`);
    }
    if (old) {
      this.images.delete(`${old.index}/fields/${old.field}/image`);
    }
  }

  thumbnail({ index, field }) {
    const image = new Image();
    image.alt = "";
    image.src = `${this.address}/${index}/fields/${field}/image`;
    return image;
  }
}

function alternative({ prediction, confidence }) {
  const line = document.createElement("li");
  const button = document.createElement("button");
  Object.assign(button, { type: "button", value: prediction, textContent: prediction });
  line.append(button, confidence === undefined ? "" : ` ${shortPercent(confidence)}`);
  return line;
}

function names(rule, field) {
  return new RegExp(`(?<![A-Za-z0-9_])${field}(?![A-Za-z0-9_])`).test(rule);
}

function checkLine({ rule, holds }) {
  const line = document.createElement("li");
  line.dataset.holds = holds;
  const code = document.createElement("code");
  code.textContent = rule;
  line.append(text(holds === null ? "check_open" : holds ? "check_holds" : "check_fails"), " ", code);
  return line;
}
