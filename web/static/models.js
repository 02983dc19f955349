// The buttons by which an administrator chooses which models jobs get.

import { call } from "./api.js";
import { all, at } from "./elements.js";
import { text } from "./texts.js";

const problem = at("problem");

for (const form of all("form.release")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    problem.hidden = true;
    try {
      await call(form.dataset.method, form.dataset.address, { json: bodyOf(form) });
      location.reload();
    } catch (error) {
      problem.textContent = error.status ? error.message : text("unreachable");
      problem.hidden = false;
      problem.scrollIntoView({ block: "nearest" });
      button.disabled = false;
    }
  });
}

function bodyOf(form) {
  const share = form.elements.share?.value;
  const body = form.dataset.body ? JSON.parse(form.dataset.body) : null;
  return share ? { ...body, share: Number(share) } : body;
}
