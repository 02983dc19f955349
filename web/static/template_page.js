// Which page of which form a template reads: the inputs for it on the page on which the template is made.

import { all, at } from "./elements.js";

const NUMBERS = { of: at("page-of"), number: at("page-number") };
const form = at("page-form");

export function asName(typed) {
  return typed.trimStart().toLowerCase().replace(/[\s_]+/g, "-");
}

export function withPage(draft, parts) {
  return { ...draft, page: { ...draft.page, ...parts } };
}

// The cursor of who types there stays where it is.
export function setValue(input, value) {
  if (input.value !== value) {
    input.value = value;
  }
}

export function showPage({ page }) {
  for (const [part, input] of Object.entries(NUMBERS)) {
    // it is emptied by who types another number
    if (input.value !== "" || input !== document.activeElement) {
      setValue(input, String(page[part] ?? 1));
    }
  }
  setValue(form, page.form ?? "");
  for (const element of all("[data-of-several]")) {
    element.hidden = (page.of ?? 1) === 1;
  }
}

// `change(parts, joins)` takes what somebody has said of the page.
export function onPage(change) {
  form.addEventListener("input", () => change({ form: asName(form.value) || undefined }, form.id));
  for (const [part, input] of Object.entries(NUMBERS)) {
    const said = () => Math.max(1, Math.round(input.valueAsNumber || 1));
    input.addEventListener("input", () => change({ [part]: said() }, input.id));
    input.addEventListener("blur", () => setValue(input, String(said())));
  }
}
