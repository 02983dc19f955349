// What the pages of the review share: keys, the dialog that lists them, and how the work gets on.

import { Refusal, showProblem } from "./api.js";
import { at } from "./elements.js";
import { isForPage, onShortcuts } from "./shortcuts.js";
import { number, shortPercent, text } from "./texts.js";

export function onKeys(handle) {
  at("content").addEventListener("keydown", (event) => {
    if (!isForPage(event)) {
      return;
    }
    if (event.key === "?") {
      event.preventDefault();
      at("keys").showModal();
    } else if (!(event.key === "Enter" && event.target.closest("a, summary, button:not([data-enter])"))) {
      handle(event);
    }
  });
  at("show-keys").addEventListener("click", () => at("keys").showModal());
  at("close-keys").addEventListener("click", () => at("keys").close());
  onShortcuts();
}

// A mouse leaves the focus on what it clicked, where Enter would say the same of the next row.
export function clicked(event) {
  if (event.detail > 0) {
    at("content").focus({ preventScroll: true });
  }
}

export function showTally(tally, left) {
  const pace = tally.aMinute();
  const changed = tally.shareChanged();
  at("left").textContent = number(left);
  at("pace").textContent = pace === null ? "–" : number(pace);
  at("changed").textContent = changed === null ? "–" : shortPercent(changed);
}

// Sends what an earlier page left unsent, and says so. Returns how many answers that is.
export async function showRestored(outbox) {
  const count = await outbox.restore();
  if (count) {
    at("restored").textContent = text("restored", { count });
  }
  return count;
}

// How the answers are on their way, in words, and as a problem where they cannot go.
export function showSending(error, count) {
  const problem = error instanceof Refusal;
  showProblem(problem ? error.message : error ? text("offline") : "");
  at("sending").textContent = count === 0 ? text("all_sent") : text("on_their_way", { count });
}
