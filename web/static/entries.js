// What people have entered of a critical field, which two enter without each other, and a third decides where they differ.

import { meta } from "./elements.js";
import { nameOf, text } from "./texts.js";

const person = meta("person");

// Those of a field that nobody has settled; [] of one that one person answers.
export function entriesOf({ entries }) {
  return entries ?? [];
}

// Whether another person must go on, since this one has said what there was to say.
export function isMine(field) {
  return entriesOf(field).some(({ by }) => by === person);
}

// The field as the next person is to see it: without what the model read, and with what others entered once two have.
export function asNext(field) {
  const entries = entriesOf(field);
  if (entries.length === 0) {
    return field;
  }
  const said = [...new Set(entries.map(({ prediction }) => prediction).filter((prediction) => prediction !== null))];
  const alternatives = said.map((prediction) => ({ prediction, confidence: undefined }));
  return { ...field, value: null, confidence: null, reason: "critical", alternatives, characters: [] };
}

// What to tell the next person; "" where nobody has entered the field. `answer(entry)` is an entry in words.
export function entriesText(field, answer) {
  const [one, other] = entriesOf(field);
  if (isMine(field)) {
    return text("waits_for_another");
  }
  if (!other) {
    return one ? text("second_entry") : "";
  }
  const [name, second] = [one, other].map(({ by }) => nameOf(by) ?? by);
  return text("entries_differ", { name, said: answer(one), other: second, says: answer(other) });
}
