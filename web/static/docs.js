// The documentation for programs: the examples with one's own key in them, and a button to copy each.

import { all, at } from "./elements.js";

const PLACEHOLDER = "YOUR-KEY";
// what may stand in a key: anything else would be read as a part of the program
const KEY = /^[\w.~+/=-]*$/;

const field = at("example-key");
const examples = all(".example").map((element) => ({ element, code: element.textContent }));

field.addEventListener("input", () => {
  const key = field.value.trim();
  field.setCustomValidity(KEY.test(key) ? "" : "A key has letters, digits and . _ ~ + / = - alone.");
  field.reportValidity();
  for (const { element, code } of examples) {
    element.textContent = key && KEY.test(key) ? code.replaceAll(PLACEHOLDER, key) : code;
  }
});

for (const button of all("[data-copies]")) {
  button.addEventListener("click", async () => {
    const element = at(button.dataset.copies);
    let said = "Copied.";
    try {
      // missing where the page comes without TLS from another machine
      await navigator.clipboard.writeText(element.textContent);
    } catch {
      window.getSelection()?.selectAllChildren(element);
      said = "Selected: copy it with Ctrl+C.";
    }
    at("copied").textContent = said;
  });
}
