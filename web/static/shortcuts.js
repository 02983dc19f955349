// Letters that press the links and buttons with their `data-key`, from page to page of a job.

import { letterOfKey, withModifier } from "./keys.js";

const IN_USE = "dialog, input, select, textarea";

// Letters work while the focus is in the content of the page, and not in a field or a dialog (WCAG 2.1.4).
export function isForPage(event) {
  return !withModifier(event) && !event.target.closest(IN_USE);
}

export function onShortcuts() {
  const content = document.getElementById("content");
  content.addEventListener("keydown", (event) => {
    const letter = letterOfKey(event);
    if (isForPage(event) && !event.repeat && /^[a-z]$/.test(letter)) {
      [...content.querySelectorAll(`[data-key="${letter}"]`)].find((element) => element.checkVisibility())?.click();
    }
  });
  content.focus({ preventScroll: true });
}
