// The page of a job of form pages: its progress, a table of the pages with their fields, and the correction of a field.

import { Refusal, call, read, showProblem } from "./api.js";
import { isSure } from "./confirming.js";
import { CornersDialog } from "./corners.js";
import { all, at } from "./elements.js";
import { asNext, entriesText, isMine } from "./entries.js";
import { notePage, tellCopies, tellSets } from "./page_notes.js";
import { follow, isFinal, isGone } from "./progress.js";
import { looksText } from "./reasons.js";
import { onShortcuts } from "./shortcuts.js";
import { number, showAge, text } from "./texts.js";
import { ownField } from "./values.js";

const AT_ONCE = 100;
const NOT_FOUND = ["page_not_registered", "no_template"];
const DOUBTFUL = new Set(["review", "failed"]);

const id = at("job").dataset.id;
const address = `/v1/jobs/${id}/results`;
const labels = new Map(Object.entries(JSON.parse(at("job").dataset.fields)));
const names = [...labels.keys()];
// the rows that are shown, in their order
const pages = [];
let cursor = null;
let whole = false;
/** @type {any} */
let opened = null;

// nobody who may not answer can place pages
const corners = at("corners") && new CornersDialog(address, (row) => {
  const place = pages.findIndex(({ index }) => index === row.index);
  pages[place] = row;
  at("pages").children[place].replaceWith(lineOf(place));
  showLeft();
  showFound().catch(fail);
});

function isDoubtful(field) {
  return DOUBTFUL.has(field.status) && field.correction === null && !isMine(field);
}

function answerOf(field) {
  return field.correction === null ? asNext(field).value : field.correction.prediction;
}

function cellOf(place, name) {
  const cell = document.createElement("td");
  const field = ownField(pages[place], name);
  if (field) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.dataset.place = place;
    button.dataset.name = name;
    cell.append(button);
    fill(button, field, name);
  }
  return cell;
}

function fill(button, field, name) {
  const value = answerOf(field) ?? "–";
  button.textContent = value;
  button.toggleAttribute("data-doubtful", isDoubtful(field));
  button.toggleAttribute("data-answered", field.correction !== null);
  const title = labels.get(name);
  const said = isDoubtful(field) ? text("field_doubtful", { name: title, value }) : text("field_plain", { name: title, value });
  button.setAttribute("aria-label", said);
}

function lineOf(place) {
  const page = pages[place];
  const line = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  const link = document.createElement("a");
  Object.assign(link, { href: `${address}/${page.index}/image?view=marked`, target: "_blank", textContent: page.name });
  head.title = text("marked_page", { name: page.name });
  head.append(link);
  notePage(head, page, pages);
  line.append(head);
  if (page.error) {
    const cell = document.createElement("td");
    cell.colSpan = Math.max(1, names.length);
    const why = document.createElement("p");
    Object.assign(why, { className: "why", textContent: page.error.detail });
    cell.append(why);
    if (NOT_FOUND.includes(page.error.code) && corners) {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", textContent: text("place_page") });
      button.dataset.lost = place;
      button.setAttribute("aria-label", text("place_page_of", { name: page.name }));
      why.append(" ", button);
    }
    line.append(cell);
  } else {
    line.append(...names.map((name) => cellOf(place, name)));
  }
  return line;
}

// These are looked for when all pages are read: rows that were shown before say nothing of them.
async function showFound() {
  const job = await read(`/v1/jobs/${id}`);
  tellCopies(job);
  tellSets(job, address);
  if (!job.copies && !job.sets) {
    return;
  }
  const shown = pages.length;
  let from = null;
  for (let place = 0; place < shown; ) {
    const found = await read(`${address}?limit=${AT_ONCE}${from === null ? "" : `&cursor=${from}`}`);
    for (const page of found.results.slice(0, shown - place)) {
      Object.assign(pages[place], { copy_of: page.copy_of, form: page.form });
      notePage(at("pages").children[place].firstElementChild, page, pages);
      place += 1;
    }
    from = found.next_cursor;
    if (from === null) {
      break;
    }
  }
}

// Rows from the last one shown on: of a running job those that are there, as many as fill the table.
async function load(most) {
  while (!whole && pages.length < most) {
    const query = cursor === null ? "" : `&cursor=${cursor}`;
    const found = await read(`${address}?limit=${Math.min(AT_ONCE, most - pages.length)}${query}`);
    for (const page of found.results) {
      pages.push(page);
      at("pages").append(lineOf(pages.length - 1));
    }
    whole = found.next_cursor === null;
    const stands = found.next_cursor === cursor || (found.results.length === 0 && !whole);
    cursor = found.next_cursor ?? cursor;
    if (stands) {
      break;
    }
  }
  showLeft();
}

let wanted = AT_ONCE;
let loading = Promise.resolve();

function loadMore() {
  loading = loading.then(() => load(wanted)).catch(fail);
  return loading;
}

function doubts() {
  return all("button[data-doubtful]", at("pages"));
}

function showLeft() {
  const left = doubts().length;
  at("left").textContent = text("fields_left", { count: left });
  at("next-doubtful").hidden = left === 0;
  at("more").hidden = whole || pages.length < wanted;
}

function showJob(job) {
  showProblem(job.error?.detail ?? "");
  at("state").dataset.state = job.state;
  at("state").textContent = text(`state_${job.state}`);
  at("cancel").hidden = isFinal(job);
  at("progress").hidden = isFinal(job);
  at("downloads").hidden = !isFinal(job);
  for (const element of all("[data-count]")) {
    element.textContent = number(job.counts[element.dataset.count]);
  }
  at("progress-bar").value = job.counts.done;
  at("progress-text").textContent = text("progress_text", { done: job.counts.done, total: job.counts.total });
  if (isFinal(job)) {
    at("spoken").textContent = text(`state_${job.state}`);
  }
}

function open(button) {
  const { place, name } = button.dataset;
  const page = pages[place];
  const field = page.fields[name];
  opened = { button, page, name };
  at("field-title").textContent = labels.get(name);
  at("field-place").textContent = page.name;
  at("field-picture").src = `${address}/${page.index}/fields/${encodeURIComponent(name)}/image`;
  at("field-reason").textContent = entriesText(field, ({ prediction }) => prediction ?? "–") || looksText(field.reason);
  at("field-value").value = answerOf(field) ?? "";
  tell("");
  if (!at("field").open) {
    at("field").showModal();
  }
  at("field-value").select();
}

function tell(words) {
  at("field-problem").textContent = words;
  at("field-problem").hidden = !words;
}

function openNext(after) {
  const left = doubts();
  const buttons = all("button[data-name]", at("pages"));
  const from = after ? buttons.indexOf(after) : -1;
  const next = left.find((button) => buttons.indexOf(button) > from) ?? left[0];
  if (next && next !== after) {
    open(next);
  } else {
    at("field").close();
  }
}

async function say(change) {
  const { button, page, name } = opened;
  const headers = { "If-Match": `"${page.fields[name].revision}"` };
  try {
    const row = await call("PATCH", `${address}/${page.index}`, { json: { field: name, ...change }, headers });
    page.fields = row.fields;
    fill(button, row.fields[name], name);
    showLeft();
    openNext(button);
  } catch (error) {
    tell(error instanceof Refusal ? error.message : text("offline"));
  }
}

function fail(error) {
  if (!(error instanceof Refusal)) {
    throw error;
  }
  showProblem(isGone(error) ? text("expired") : error.message);
}

async function run() {
  try {
    await follow(id, {
      changed: (job) => {
        showJob(job);
        loadMore();
      },
      lost: () => {},
    });
    await loadMore();
    await showFound();
  } catch (error) {
    fail(error);
  }
}

at("pages").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.lost) {
    corners.open(pages[button.dataset.lost]);
  } else if (button) {
    open(button);
  }
});
at("next-doubtful").addEventListener("click", () => openNext(null));
at("more").addEventListener("click", () => {
  wanted += AT_ONCE;
  loadMore();
});
at("field-close").addEventListener("click", () => at("field").close());
at("field-skip").addEventListener("click", () => openNext(opened.button));
at("field-empty").addEventListener("click", () => say({ status: "blank" }));
at("field-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const value = at("field-value").value.trim();
  say(value === "" ? { status: "blank" } : { prediction: value });
});
at("field").addEventListener("close", () => opened?.button.focus());
at("cancel").addEventListener("click", async () => {
  if (!(await isSure(text("confirm_stop", { label: at("job").dataset.label }), text("stop")))) {
    return;
  }
  try {
    showJob(await call("POST", `/v1/jobs/${id}/cancel`));
  } catch (error) {
    showProblem(error instanceof Refusal ? error.message : text("offline"));
  }
});
all("time").forEach(showAge);
onShortcuts();
run();
