// What was put together on the page of networks, for as long as its tab is open: it is there again after a reload, and for
// who comes back from a training to change it.

import { at } from "./elements.js";

const KEY = "digitmill.network";
const FIELDS = ["epochs", "batch_size", "optimizer", "learning_rate", "images", "name"];
const TICKS = ["augmentation", "mnist"];

// The layers, and the name of the network that they are, where it is a known one.
export function keepNetwork(layers, known) {
  const values = Object.fromEntries(FIELDS.map((id) => [id, at(id).value]));
  const ticks = Object.fromEntries(TICKS.map((id) => [id, at(id).checked]));
  sessionStorage.setItem(KEY, JSON.stringify({ layers, known, values, ticks }));
}

// The same, {layers, known, values, ticks}, or null.
export function keptNetwork() {
  return JSON.parse(sessionStorage.getItem(KEY) ?? "null");
}

export function fillIn({ values, ticks }) {
  for (const [id, value] of Object.entries(values)) {
    at(id).value = value;
  }
  for (const [id, checked] of Object.entries(ticks)) {
    at(id).checked = checked;
  }
}
