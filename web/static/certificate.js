// The certificate: times in the reader's manner, and paper.

import { at } from "./elements.js";
import { moment } from "./texts.js";

for (const time of document.querySelectorAll("time")) {
  time.textContent = moment(time.dateTime);
}
at("print").addEventListener("click", () => window.print());
