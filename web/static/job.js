// The page of one job: its progress, then its rows.

import { Refusal, call, showProblem } from "./api.js";
import { Detail } from "./detail.js";
import { Failures } from "./failures.js";
import { Grid } from "./grid.js";
import { Histogram } from "./histogram.js";
import { Loader } from "./loading.js";
import { printWith } from "./printing.js";
import { Pace, follow, isFinal, isGone } from "./progress.js";
import { isDigit, looksText } from "./reasons.js";
import { NONE, Rows, STATUSES, answered } from "./rows.js";
import { onShortcuts } from "./shortcuts.js";
import { duration, number, roughly, showAge, sureness, text } from "./texts.js";

const SPEAK_MS = 5000;
const REFRESH_MS = 400;
const ANSWERED = "answered";

const at = (id) => document.getElementById(id);
const id = at("job").dataset.id;
const address = `/v1/jobs/${id}/results`;
const total = Number(at("progress-bar").max);

const rows = new Rows(total);
const loader = new Loader(address, rows);
const histogram = new Histogram(rows, Number(at("histogram").dataset.threshold));
const pace = new Pace();
let shown = new Uint32Array(0);
let ended = false;
let spokenAt = 0;
let refreshedAt = 0;

const grid = new Grid(at("grid"), { build, fill, picture, open: (position) => detail.open(position) });
const failures = new Failures(`/v1/jobs/${id}`, rows.errors);
const detail = new Detail(address, rows, { items: () => shown, closed: (position) => grid.focus(position) });

function build(tile) {
  const image = new Image();
  image.alt = "";
  tile.append(image, ...["b", "small", "small"].map((name) => document.createElement(name)));
}

function fill(tile, place) {
  const [image, read, sure, name] = tile.children;
  const status = STATUSES[rows.status[place]];
  const digit = rows.digit[place];
  const said = saidOf(place);
  // a picture that is still on its way is no longer wanted
  image.removeAttribute("src");
  tile.dataset.status = rows.answers.has(place) ? ANSWERED : status;
  read.textContent = digit === NONE ? "–" : digit;
  sure.textContent = said;
  name.textContent = rows.names[place];
  tile.setAttribute("aria-label", text("tile", { name: rows.names[place], answer: spoken(place) }));
  tile.title = rows.names[place];
}

// What stands below the digit.
function saidOf(place) {
  const verdict = rows.answers.get(place);
  if (verdict) {
    return answered(verdict);
  }
  if (rows.digit[place] === NONE) {
    return text(`status_${STATUSES[rows.status[place]]}`);
  }
  const reason = rows.reasons.get(place);
  return isDigit({ reason }) ? sureness(rows.confidence[place]) : looksText(reason);
}

function spoken(place) {
  const said = saidOf(place);
  const prediction = String(rows.digit[place]);
  if (rows.digit[place] === NONE) {
    return said;
  }
  if (rows.answers.has(place)) {
    return `${prediction}, ${said}`;
  }
  const answer = isDigit({ reason: rows.reasons.get(place) })
    ? text("answer_sure", { prediction, confidence: said })
    : `${prediction}, ${said}`;
  return `${answer}, ${text(`status_${STATUSES[rows.status[place]]}`)}`;
}

function picture(tile, place) {
  if (STATUSES[rows.status[place]] !== "failed") {
    tile.firstChild.src = `${address}/${rows.index[place]}/image?view=thumbnail`;
  }
}

function choices() {
  const share = (field) => (field.value === "" || !field.validity.valid ? null : Number(field.value) / 100);
  const status = at("filter-status").value;
  const digit = at("filter-digit").value;
  return {
    status: status === "" || status === ANSWERED ? null : STATUSES.indexOf(status),
    answered: status === ANSWERED,
    digit: digit === "" ? null : Number(digit),
    low: share(at("filter-low")),
    high: share(at("filter-high")),
    name: at("filter-name").value,
    sort: at("sort").value,
  };
}

function showRows() {
  shown = rows.select(choices());
  grid.show(shown);
  const loading = loader.complete || !ended ? "" : ` ${text("loading", { loaded: rows.length, total })}`;
  const count = shown.length === rows.length ? text("shown_all", { count: shown.length }) : text("shown", { shown: shown.length, total: rows.length });
  at("shown").textContent = (shown.length === 0 && rows.length > 0 ? text("no_rows") : count) + loading;
}

function showJob(job) {
  ended = isFinal(job);
  showProblem(job.error?.detail ?? "");
  at("state").dataset.state = job.state;
  at("state").textContent = text(`state_${job.state}`);
  at("cancel").hidden = isFinal(job);
  at("progress").hidden = isFinal(job);
  at("downloads").hidden = !isFinal(job);
  at("failed").hidden = !isFinal(job) || job.counts.failed === 0;
  at("answered").hidden = job.counts.corrected === 0;
  for (const element of document.querySelectorAll("[data-count]")) {
    element.textContent = number(job.counts[element.dataset.count]);
  }
  at("took").textContent = tookOf(job);
  showProgress(job);
}

function tookOf(job) {
  if (!isFinal(job) || !job.started_at || job.counts.done === 0) {
    return "";
  }
  const seconds = (new Date(job.finished_at) - new Date(job.started_at)) / 1000;
  return text("took", { time: duration(seconds), rate: roughly(job.counts.done / Math.max(seconds, 0.001)) });
}

function showProgress(job) {
  const { done } = job.counts;
  const { rate, left } = pace.mark(done, total);
  at("progress-bar").value = done;
  at("progress-text").textContent = text("progress_text", { done, total });
  at("progress-rate").textContent = left === null ? text("left_unknown") : text("running_detail", { rate: roughly(rate), left: duration(left) });
  const now = performance.now();
  // who listens wants to hear how it goes, and not every number
  if (isFinal(job) || now - spokenAt > SPEAK_MS) {
    at("spoken").textContent = `${text(`state_${job.state}`)}. ${text("progress_text", { done, total })}`;
    spokenAt = now;
  }
}

function lost(error) {
  at("progress-rate").textContent = error instanceof Refusal ? error.message : text("offline");
}

function refresh() {
  refreshedAt = performance.now();
  histogram.count();
  failures.show();
  showRows();
}

function grown() {
  if (performance.now() - refreshedAt > REFRESH_MS) {
    refresh();
  }
}

function load() {
  return loader.load(grown, lost).then(refresh);
}

async function run() {
  try {
    await follow(id, {
      changed: (job) => {
        showJob(job);
        load().catch(fail);
      },
      lost,
    });
    // once more, as the last call may have begun before the last rows were there
    await load();
    await load();
  } catch (error) {
    fail(error);
  }
}

function fail(error) {
  if (!(error instanceof Refusal)) {
    throw error;
  }
  showProblem(isGone(error) ? text("expired") : error.message);
}

at("cancel").addEventListener("click", async () => {
  try {
    showJob(await call("POST", `/v1/jobs/${id}/cancel`));
  } catch (error) {
    showProblem(error instanceof Refusal ? error.message : text("offline"));
  }
});
at("show-below").addEventListener("click", () => {
  at("filters").reset();
  at("filter-high").value = String(Number((histogram.value * 100).toPrecision(8)));
  at("sort").value = "doubtful";
  showRows();
  at("rows-title").scrollIntoView();
});
at("filters").addEventListener("input", showRows);
at("filters").addEventListener("submit", (event) => event.preventDefault());
at("filters").addEventListener("reset", () => setTimeout(showRows));
document.querySelectorAll("time").forEach(showAge);
printWith(rows, () => shown);
onShortcuts();
run();
