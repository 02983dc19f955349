// The list of jobs: open ones are looked at every few seconds, and jobs can be stopped and deleted.

import { Refusal, call, passes, showProblem, sleep } from "./api.js";
import { isFinal } from "./progress.js";
import { number, showAge, text } from "./texts.js";

const LOOK_SECONDS = 2;

const confirming = document.getElementById("confirm");
const lines = [...document.querySelectorAll("[data-job]")];

function show(line, job) {
  const state = line.querySelector(".state");
  state.dataset.state = job.state;
  state.textContent = text(`state_${job.state}`);
  const bar = line.querySelector("progress");
  bar.value = job.counts.done;
  bar.hidden = isFinal(job);
  line.querySelector('[data-do="cancel"]').hidden = isFinal(job);
  for (const cell of line.querySelectorAll("[data-count]")) {
    cell.textContent = number(job.counts[cell.dataset.count]);
  }
}

async function watch(line) {
  while (line.isConnected && !isFinal({ state: line.querySelector(".state").dataset.state })) {
    await sleep(LOOK_SECONDS);
    try {
      show(line, await call("GET", `/v1/jobs/${line.dataset.job}`));
      showProblem("");
    } catch (error) {
      showProblem(error instanceof Refusal ? error.message : text("offline"));
      if (!passes(error)) {
        return;
      }
    }
  }
}

async function act(line, what) {
  const address = `/v1/jobs/${line.dataset.job}`;
  try {
    if (what === "cancel") {
      show(line, await call("POST", `${address}/cancel`));
    } else if (await isSure(line)) {
      await call("DELETE", address);
      window.location.reload();
    }
  } catch (error) {
    showProblem(error instanceof Refusal ? error.message : text("offline"));
  }
}

function isSure(line) {
  document.getElementById("confirm-text").textContent = text("confirm_delete", { label: line.dataset.label });
  confirming.returnValue = "keep";
  confirming.showModal();
  return new Promise((resolve) => {
    confirming.addEventListener("close", () => resolve(confirming.returnValue === "delete"), { once: true });
  });
}

for (const line of lines) {
  const state = line.querySelector(".state");
  state.textContent = text(`state_${state.dataset.state}`);
  for (const cell of line.querySelectorAll("[data-count]")) {
    cell.textContent = number(Number(cell.textContent));
  }
  for (const button of line.querySelectorAll("[data-do]")) {
    button.addEventListener("click", () => act(line, button.dataset.do));
  }
  watch(line);
}
document.querySelectorAll("time").forEach(showAge);
