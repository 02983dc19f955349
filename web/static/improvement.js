// What a model gained that was improved: figures before and after as a table, and what they suggest.

import { at } from "./elements.js";
import { number, percent, shortPercent, text } from "./texts.js";

/**
 * Fill the section of the page with the `improvement` of a training.
 * @param {any} improvement
 */
export function showImprovement(improvement) {
  const { own, reference, mnist } = improvement;
  at("improvement").hidden = false;
  at("suggestion").textContent = text(`suggest_${improvement.suggestion}`);
  at("improvement-rows").textContent = text("improvement_rows", {
    rows: number(improvement.rows),
    scans: number(improvement.scans),
    held: number(improvement.held_out),
    model: improvement.model,
  });
  showThreshold(improvement);
  at("calibrated-alone").hidden = improvement.method !== "calibrated";
  at("nothing-kept").hidden = improvement.method === "calibrated" || improvement.way > 0;
  at("improvement-cut-short").hidden = improvement.in_time;
  const lines = [
    ...linesOf("pictures_own", own),
    ...linesOf("pictures_reference", reference),
    ...(mnist ? linesOf("pictures_mnist", mnist) : []),
  ];
  at("before-after").replaceChildren(...lines);
}

// Reports of earlier releases do not tell it, and a network that was not trained on has none of its own.
function showThreshold({ own, review_below: threshold, review_below_before: before }) {
  at("improvement-threshold").hidden = !own.after || before === undefined;
  if (own.after && before !== undefined) {
    const shown = { threshold: percent(threshold), before: percent(before) };
    at("improvement-threshold").textContent = text(threshold > before ? "threshold_stricter" : "threshold_same", shown);
  }
}

function linesOf(pictures, compared) {
  return Object.entries(compared).map(([when, figures]) => {
    const line = document.createElement("tr");
    const head = Object.assign(document.createElement("th"), { scope: "row", textContent: text(pictures, { images: number(figures.images) }) });
    const wrong = figures.error ? figures.error.wrong : figures.wrong;
    const cells = [text(`when_${when}`), percent(figures.right), shortPercent(figures.accepted), number(wrong), acceptable(figures)];
    line.append(head, ...cells.map((content) => Object.assign(document.createElement("td"), { textContent: content })));
    return line;
  });
}

function acceptable({ acceptable: share, acceptable_low: low, acceptable_high: high }) {
  return share === undefined ? "–" : text("share_between", { share: shortPercent(share), low: shortPercent(low), high: shortPercent(high) });
}
