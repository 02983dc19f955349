// The queue of the review over all jobs. Who comes back to it sees what is left by then.

import { all } from "./elements.js";
import { onShortcuts } from "./shortcuts.js";
import { keptText, text } from "./texts.js";

for (const state of all(".state")) {
  state.textContent = text(`state_${state.dataset.state}`);
}
for (const kept of all(".kept")) {
  kept.textContent = keptText(kept.dataset.until);
}
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") {
    window.location.reload();
  }
});
onShortcuts();
