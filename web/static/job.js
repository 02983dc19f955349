// The page of one job: its progress, then its rows.

import { Refusal, call, showProblem } from "./api.js";
import { isSure } from "./confirming.js";
import { Detail } from "./detail.js";
import { all, at } from "./elements.js";
import { Failures } from "./failures.js";
import { Grid } from "./grid.js";
import { Histogram } from "./histogram.js";
import { withModifier } from "./keys.js";
import { Loader } from "./loading.js";
import { printWith } from "./printing.js";
import { Pace, follow, isFinal, isGone, partlyText } from "./progress.js";
import { isDigit, looksText } from "./reasons.js";
import { Rows, STATUSES, answered } from "./rows.js";
import { onShortcuts } from "./shortcuts.js";
import { duration, keptText, moment, nameOf, number, percent, roughly, showAge, sureness, text } from "./texts.js";

const LETTERS_AT_THE_END = 8;
const SPEAK_MS = 5000;
const REFRESH_MS = 400;
// from this time before its end on a job that expires says so aloud
const DAY_MS = 24 * 3600 * 1000;
const ANSWERED = "answered";
// the fields of the filters, by their names in the address of the page
const FILTERS = { status: "filter-status", read: "filter-digit", low: "filter-low", high: "filter-high", name: "filter-name", sort: "sort" };
const UNSORTED = "index";

const id = at("job").dataset.id;
const address = `/v1/jobs/${id}/results`;
const total = Number(at("progress-bar").max);

const rows = new Rows(total, Number(at("histogram").dataset.raised));
const loader = new Loader(address, rows);
const pace = new Pace();
let shown = new Uint32Array(0);
// what the page came with; from then on what the service says
let ended = !at("downloads").hidden;
let spokenAt = 0;
let refreshedAt = 0;

const histogram = new Histogram(rows, Number(at("histogram").dataset.threshold), showReviewBelow);

const grid = new Grid(at("grid"), { build, fill, picture, open: (position) => detail.open(position) });
const failures = new Failures(`/v1/jobs/${id}`, rows.errors);
const detail = new Detail(address, rows, {
  items: () => shown,
  changed: (place) => grid.refresh(place),
  stored: showCounts,
  closed: (position) => {
    showRows();
    grid.focus(position);
  },
});

function build(tile) {
  const image = new Image();
  image.alt = "";
  tile.append(image, ...["b", "small", "small"].map((name) => document.createElement(name)));
  tile.lastChild.append(document.createElement("span"), document.createElement("span"));
}

// Of a long name the middle is left out: pages of one file differ at its end.
function fillName(name, letters) {
  const end = Math.max(letters.length - LETTERS_AT_THE_END, 0);
  name.firstChild.textContent = letters.slice(0, end).join("");
  name.lastChild.textContent = letters.slice(end).join("");
}

function fill(tile, place) {
  const [image, read, sure, name] = tile.children;
  const status = STATUSES[rows.status[place]];
  const said = saidOf(place);
  // a picture that is still on its way is no longer wanted
  image.removeAttribute("src");
  tile.dataset.status = rows.answers.has(place) ? ANSWERED : status;
  read.textContent = rows.text(place) ?? "–";
  sure.textContent = said;
  fillName(name, [...rows.names[place]]);
  tile.setAttribute("aria-label", text("tile", { name: rows.names[place], answer: spoken(place) }));
  tile.title = rows.names[place];
}

// What stands below what was read.
function saidOf(place) {
  const verdict = rows.answers.get(place);
  if (verdict) {
    return answered(verdict);
  }
  if (rows.text(place) === null) {
    return text(`status_${STATUSES[rows.status[place]]}`);
  }
  const reason = rows.reasons.get(place);
  return isDigit({ reason }) ? sureness(rows.confidence[place]) : looksText(reason);
}

function spoken(place) {
  const said = saidOf(place);
  const prediction = rows.text(place);
  if (prediction === null) {
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
  const read = at("filter-digit").value;
  return {
    status: status === "" || status === ANSWERED ? null : STATUSES.indexOf(status),
    answered: status === ANSWERED,
    read: read === "" ? null : read,
    low: share(at("filter-low")),
    high: share(at("filter-high")),
    name: at("filter-name").value,
    sort: at("sort").value,
  };
}

function showRows() {
  shown = rows.select(choices());
  grid.show(shown);
  at("shown").textContent = shownText();
  at("grid").setAttribute("aria-busy", String(isLoading()));
}

// Whether the service has rows that are not here yet.
function isLoading() {
  return ended && !loader.complete;
}

function shownText() {
  const loading = isLoading() ? text("loading", { loaded: rows.length, total }) : "";
  if (rows.length === 0 && loading) {
    return loading;
  }
  const isAll = shown.length === rows.length;
  const count = isAll ? text("shown_all", { count: shown.length }) : text("shown", { shown: shown.length, total: rows.length });
  return `${shown.length === 0 && rows.length > 0 ? text("no_rows") : count} ${loading}`.trim();
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
  // one main action: what is doubtful, and then the table
  at("to-review").classList.toggle("primary", job.counts.unanswered > 0);
  at("to-table").classList.toggle("primary", ended && job.counts.unanswered === 0);
  const raised = job.raised?.rows ?? 0;
  const counts = { ...job.counts, recognized: job.counts.recognized - raised };
  for (const element of all("[data-count]")) {
    element.textContent = number(counts[element.dataset.count]);
  }
  showRaised(job.raised);
  const { review, unanswered } = job.counts;
  const doubtful = review + raised;
  at("review-of").textContent = unanswered < doubtful ? text("of_all", { count: doubtful }) : "";
  at("took").textContent = tookOf(job);
  at("kept").textContent = keptText(job.expires_at);
  showKeeping(job);
  at("resume").hidden = job.state !== "cancelled";
  tell("early", partlyText(job) && text("ended_early", job.counts));
  const soon = job.expires_at && Date.parse(job.expires_at) - Date.now() < DAY_MS;
  tell("soon", soon ? text("expires_soon", { until: moment(new Date(job.expires_at)) }) : "");
  showProgress(job);
}

// Where it would be kept longer than it is.
function showKeeping({ expires_at: until }) {
  const button = at("keep");
  if (button) {
    const later = Date.now() + Number(button.dataset.seconds) * 1000;
    button.hidden = !until || Date.parse(until) > later - DAY_MS;
  }
}

// The numbers of the job as they are once people's answers are stored.
async function showCounts() {
  try {
    showJob(await call("GET", `/v1/jobs/${id}`));
  } catch (error) {
    fail(error);
  }
}

// Who has let more rows wait for a person than the model did, and when.
function showRaised(raised) {
  const values = raised && { threshold: percent(raised.below), name: nameOf(raised.by), time: moment(raised.at) };
  at("raised").textContent = raised ? text(values.name ? "raised_by" : "raised", values) : "";
}

// Offers the review of what lies below the line, where that is more than is to review anyway.
function showReviewBelow({ value, own }) {
  const button = at("review-below");
  if (button) {
    const count = rows.toReview(value);
    button.hidden = value <= own || count === rows.toReview(own) || !ended;
    button.textContent = text("review_these", { count });
  }
}

function tell(place, words) {
  at(place).textContent = words;
  at(place).hidden = !words;
}

function tookOf(job) {
  if (!isFinal(job) || !job.started_at || job.counts.done === 0) {
    return "";
  }
  const seconds = (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000;
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
  if (error instanceof TypeError) {
    lost(error);
    return;
  }
  if (!(error instanceof Refusal)) {
    throw error;
  }
  showProblem(isGone(error) ? text("expired") : error.message);
}

at("cancel").addEventListener("click", async () => {
  if (!(await isSure(text("confirm_stop", { label: at("job").dataset.label }), text("stop")))) {
    return;
  }
  await change(async () => showJob(await call("POST", `/v1/jobs/${id}/cancel`)));
});
at("resume").addEventListener("click", () =>
  change(async () => {
    await call("POST", `/v1/jobs/${id}/resume`);
    window.location.reload();
  }),
);
at("keep")?.addEventListener("click", ({ currentTarget }) =>
  change(async () => {
    showJob(await call("PATCH", `/v1/jobs/${id}`, { json: { expires_in: Number(currentTarget.dataset.seconds) } }));
  }),
);

async function change(made) {
  try {
    await made();
  } catch (error) {
    showProblem(error instanceof Refusal ? error.message : text("offline"));
  }
}

at("show-below").addEventListener("click", () => {
  at("filters").reset();
  at("filter-high").value = String(Number((histogram.value * 100).toPrecision(8)));
  at("sort").value = "doubtful";
  filtered();
  at("rows-title").scrollIntoView();
});
at("review-below")?.addEventListener("click", () =>
  change(async () => {
    await call("PATCH", `/v1/jobs/${id}/review`, { json: { below: histogram.value } });
    window.location.assign(`/jobs/${id}/review`);
  }),
);
at("counts").addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (link && !withModifier(event)) {
    event.preventDefault();
    filterBy(new URL(link.href).searchParams);
    at("rows-title").scrollIntoView();
    at("filter-status").focus({ preventScroll: true });
  }
});
at("filters").addEventListener("input", filtered);
at("filters").addEventListener("submit", (event) => event.preventDefault());
at("filters").addEventListener("reset", () => setTimeout(filtered));

// Writes the filters into the address of the page, so that a reload or a link has them too.
function filtered() {
  const chosen = Object.entries(FILTERS).map(([name, field]) => [name, at(field).value]);
  const query = new URLSearchParams(chosen.filter(([, value]) => value !== "" && value !== UNSORTED)).toString();
  window.history.replaceState(null, "", query ? `?${query}` : window.location.pathname);
  showRows();
}

function filterBy(query) {
  at("filters").reset();
  for (const [name, field] of Object.entries(FILTERS)) {
    if (query.has(name)) {
      at(field).value = query.get(name);
    }
  }
  filtered();
}

all("time").forEach(showAge);
printWith(rows, () => shown);
onShortcuts();
filterBy(new URLSearchParams(window.location.search));
run();
const restored = await detail.restore();
at("restored").textContent = restored ? text("restored", { count: restored }) : "";
