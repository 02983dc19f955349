// Asks before something is done that cannot be undone.

import { at } from "./elements.js";

const dialog = at("confirm");

// Whether the person agrees to `question`; the button that does says `agreed`.
export function isSure(question, agreed) {
  at("confirm-text").textContent = question;
  dialog.querySelector('[value="agree"]').textContent = agreed;
  dialog.returnValue = "keep";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "agree"), { once: true });
  });
}
