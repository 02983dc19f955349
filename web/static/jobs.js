// The list of jobs, which follows what becomes of them: asked for as a whole every few seconds while somebody can see it,
// it writes only what has changed, so that focus, selection and marks stay. Jobs can be stopped and deleted.

import { Refusal, call, passes, showProblem, sleep } from "./api.js";
import { isSure } from "./confirming.js";
import { all, at } from "./elements.js";
import { isFinal, partlyText } from "./progress.js";
import { keptText, number, showAge, text } from "./texts.js";

const OPEN_SECONDS = 2;
const QUIET_SECONDS = 5;
// so many that were sent since may come before those of the page
const NEW_JOBS = 20;

const lines = all("[data-job]");

function put(element, words) {
  if (element.textContent !== words) {
    element.textContent = words;
  }
}

function show(line, job) {
  const state = line.querySelector(".state");
  state.dataset.state = job.state;
  put(state, text(`state_${job.state}`));
  const bar = line.querySelector("progress");
  bar.value = job.counts.done;
  bar.hidden = isFinal(job);
  put(line.querySelector(".partly"), partlyText(job));
  Object.assign(line.querySelector(".partly").dataset, { done: job.counts.done, total: job.counts.total });
  Object.assign(line.querySelector(".left").dataset, { unanswered: job.counts.unanswered, review: job.counts.review });
  line.dataset.failed = job.counts.failed;
  put(line.querySelector(".kept"), keptText(job.expires_at));
  showButtons(line, isFinal(job));
  put(line.querySelector(".left"), leftText(job.counts));
  for (const cell of all("[data-count]", line)) {
    put(cell, number(job.counts[cell.dataset.count]));
  }
}

// Of a job that is over there is nothing to stop; who was about to finds the focus beside the button that goes.
function showButtons(line, final) {
  const stop = line.querySelector('[data-do="cancel"]');
  if (final && document.activeElement === stop) {
    line.querySelector('[data-do="delete"]').focus();
  }
  stop.hidden = final;
}

// How many rows wait for a person, and of how many, once some are answered.
function leftText({ review, unanswered }) {
  return unanswered < review ? text("left_of", { left: unanswered, total: review }) : number(review);
}

// Looks at all jobs of the page again and again. Of jobs that were sent since it was opened the newest page tells.
async function watch() {
  const before = new URLSearchParams(window.location.search).get("before");
  const query = new URLSearchParams({ limit: String(lines.length + NEW_JOBS), ...(before ? { cursor: before } : {}) });
  for (let away = false; ; ) {
    await sleep(lines.some((line) => !isFinal(factsOf(line))) ? OPEN_SECONDS : QUIET_SECONDS);
    if (document.visibilityState !== "visible") {
      continue;
    }
    try {
      const { jobs } = await call("GET", `/v1/jobs?${query}`);
      const found = new Map(jobs.map((job) => [job.id, job]));
      lines.filter((line) => found.has(line.dataset.job)).forEach((line) => show(line, found.get(line.dataset.job)));
      narrow();
      at("news").hidden = Boolean(before) || !jobs.length || jobs[0].id <= lines[0].dataset.job;
      if (away) {
        showProblem("");
      }
      away = false;
    } catch (error) {
      away = true;
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
    const { label } = line.dataset;
    if (what === "cancel" && (await isSure(text("confirm_stop", { label }), text("stop")))) {
      show(line, await call("POST", `${address}/cancel`));
    } else if (what === "delete" && (await isSure(text("confirm_delete", { label }), text("delete")))) {
      await call("DELETE", address);
      window.location.reload();
    }
  } catch (error) {
    showProblem(error instanceof Refusal ? error.message : text("offline"));
  }
}

const FILTERS = { name: "filter-name", state: "filter-state" };

const KINDS = {
  "": () => true,
  open: ({ state }) => !isFinal({ state }),
  left: ({ left }) => left > 0,
  failed: ({ failed }) => failed > 0,
  partly: ({ state, done, total }) => isFinal({ state }) && done < total,
};

// What a line says of its job, for the filters.
function factsOf(line) {
  const { done, total } = line.querySelector(".partly").dataset;
  const { unanswered } = line.querySelector(".left").dataset;
  const { state } = line.querySelector(".state").dataset;
  return { state, left: Number(unanswered), failed: Number(line.dataset.failed), done: Number(done), total: Number(total) };
}

// Shows the lines that fit the filters, and the one that somebody is in.
function narrow() {
  const wanted = at("filter-name").value.trim().toLocaleLowerCase();
  const kind = KINDS[at("filter-state").value] ?? KINDS[""];
  for (const line of lines) {
    const named = `${line.dataset.label} ${line.dataset.job}`.toLocaleLowerCase().includes(wanted);
    line.hidden = !(named && kind(factsOf(line))) && !line.contains(document.activeElement);
  }
  const shown = lines.filter((line) => !line.hidden).length;
  put(at("shown"), shown < lines.length ? text("shown_jobs", { shown, total: lines.length }) : "");
  showMarked();
}

function filter() {
  narrow();
  const chosen = Object.entries(FILTERS).map(([name, field]) => [name, at(field).value]);
  const query = new URLSearchParams(window.location.search);
  chosen.forEach(([name, value]) => (value ? query.set(name, value) : query.delete(name)));
  window.history.replaceState(null, "", query.toString() ? `?${query}` : window.location.pathname);
}

// Those that are marked and shown: what is out of sight is never deleted.
function marked() {
  return lines.filter((line) => !line.hidden && line.querySelector(".marked").checked);
}

function showMarked() {
  at("delete-chosen").disabled = marked().length === 0;
  at("mark-all").checked = marked().length > 0 && lines.every((line) => line.hidden || line.querySelector(".marked").checked);
}

async function deleteMarked() {
  const chosen = marked();
  if (!(await isSure(text("confirm_delete_many", { count: chosen.length }), text("delete")))) {
    return;
  }
  try {
    for (const line of chosen) {
      await call("DELETE", `/v1/jobs/${line.dataset.job}`);
    }
    window.location.reload();
  } catch (error) {
    showProblem(error instanceof Refusal ? error.message : text("offline"));
  }
}

for (const line of lines) {
  const state = line.querySelector(".state");
  state.textContent = text(`state_${state.dataset.state}`);
  const partly = line.querySelector(".partly");
  const { done, total } = partly.dataset;
  partly.textContent = partlyText({ state: state.dataset.state, counts: { done: Number(done), total: Number(total) } });
  const kept = line.querySelector(".kept");
  kept.textContent = keptText(kept.dataset.until);
  const left = line.querySelector(".left");
  left.textContent = leftText({ review: Number(left.dataset.review), unanswered: Number(left.dataset.unanswered) });
  for (const cell of all("[data-count]", line)) {
    cell.textContent = number(Number(cell.textContent));
  }
  for (const button of all("[data-do]", line)) {
    button.addEventListener("click", () => act(line, button.dataset.do));
  }
}
all("time").forEach(showAge);
if (lines.length) {
  const query = new URLSearchParams(window.location.search);
  Object.entries(FILTERS).forEach(([name, field]) => (at(field).value = query.get(name) ?? ""));
  at("filters").addEventListener("input", filter);
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("delete-chosen").addEventListener("click", deleteMarked);
  at("mark-all").addEventListener("change", ({ currentTarget }) => {
    lines.filter((line) => !line.hidden).forEach((line) => (line.querySelector(".marked").checked = currentTarget.checked));
    showMarked();
  });
  lines.forEach((line) => line.addEventListener("change", showMarked));
  filter();
  watch();
}
