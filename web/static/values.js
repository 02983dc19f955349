// What a person answers one by one: the rows of plain images, and of form pages their fields, each as a row of its own.

import { asNext } from "./entries.js";

// Of a row or a field among all of a job; the same in the browser's storage.
export function keyOf({ index, field }) {
  return field === undefined ? String(index) : `${index} ${field}`;
}

// What `keyOf` made, as {index, field}.
export function placeOf(key) {
  const [index, field] = key.split(" ");
  return field === undefined ? { index: Number(index) } : { index: Number(index), field };
}

// A field of a page with all that a row has; `page` is the row of the whole page.
export function fieldOf(page, field) {
  const shown = asNext(page.fields[field]);
  return { ...shown, prediction: shown.value, index: page.index, name: page.name, field, page };
}

// The field of a page that is called so; undefined where the page has none. A field may be called as what every object
// has, as `constructor`.
export function ownField(page, name) {
  return page.fields && Object.hasOwn(page.fields, name) ? page.fields[name] : undefined;
}

// What the service has given to review.
export function heldValues({ results, held_fields: held }) {
  if (!held) {
    return results;
  }
  const pages = new Map(results.map((page) => [page.index, page]));
  return held.map(({ index, field }) => fieldOf(pages.get(index), field));
}

// Those of the rows on which a person has the last word.
export function answeredValues(rows) {
  return rows.flatMap((row) => {
    if (!row.fields) {
      return [row];
    }
    return Object.keys(row.fields).filter((field) => row.fields[field].correction).map((field) => fieldOf(row, field));
  });
}

// What a person calls it.
export function titleOf({ index, field, name }) {
  return field === undefined ? String(index) : `${name ?? index}: ${field}`;
}
