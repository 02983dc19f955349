// Letters that press the links and buttons with their `data-key`, from page to page of a job.

import { all, at } from "./elements.js";
import { isUndo, letterOfKey, withModifier } from "./keys.js";

const IN_USE = "dialog, input, select, textarea";

// Letters work while the focus is in the content of the page, and not in a field or a dialog (WCAG 2.1.4).
export function isForPage(event) {
  return (isUndo(event) || !withModifier(event)) && !event.target.closest(IN_USE);
}

export function onShortcuts() {
  const content = at("content");
  content.addEventListener("keydown", (event) => {
    const letter = letterOfKey(event);
    if (isForPage(event) && !event.repeat && /^[a-z]$/.test(letter)) {
      all(`[data-key="${letter}"]`, content).find((element) => element.checkVisibility())?.click();
    }
  });
  content.focus({ preventScroll: true });
}
