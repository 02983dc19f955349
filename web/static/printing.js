// What is printed: a plain table of the rows that fit the filters, since the grid holds only those in sight.

import { at } from "./elements.js";
import { looksText } from "./reasons.js";
import { STATUSES, answered } from "./rows.js";
import { sureness, text } from "./texts.js";

const MOST_ROWS = 2000;
const COLUMNS = ["index", "name", "status", "prediction", "confidence", "error"];

export function printWith(rows, items) {
  const place = at("printed");
  window.addEventListener("beforeprint", () => place.replaceChildren(table(rows, items())));
  window.addEventListener("afterprint", () => place.replaceChildren());
}

function table(rows, items) {
  const element = document.createElement("table");
  element.createCaption().textContent = text("printed", { shown: Math.min(MOST_ROWS, items.length), total: items.length });
  const heading = element.createTHead().insertRow();
  for (const column of COLUMNS) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = text(`column_${column}`);
    heading.append(cell);
  }
  const body = element.createTBody();
  for (const each of items.subarray(0, MOST_ROWS)) {
    const line = body.insertRow();
    for (const cell of cells(rows, each)) {
      line.insertCell().textContent = cell;
    }
  }
  return element;
}

function cells(rows, place) {
  const verdict = rows.answers.get(place);
  const sure = verdict ? NaN : rows.confidence[place];
  return [
    rows.index[place],
    rows.names[place],
    verdict ? answered(verdict) : text(`status_${STATUSES[rows.status[place]]}`),
    rows.text(place) ?? "",
    Number.isNaN(sure) ? "" : sureness(sure),
    rows.errors.get(place) ?? looksText(rows.reasons.get(place)),
  ];
}
