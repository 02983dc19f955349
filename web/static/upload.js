// The start page: gather files, name the bad ones, send the good ones, and go to their job.

import { Refusal, showProblem } from "./api.js";
import { refusalOf, sizeOf, sort } from "./checks.js";
import { at } from "./elements.js";
import { chosen, dropped, fetched, pasted } from "./files.js";
import { digestOf, sentBefore } from "./piles.js";
import { send } from "./sending.js";
import { bytes, duration, moment, percent, shortPercent, text } from "./texts.js";

const MOST_NAMED = 200;

const form = at("upload");
const limits = {
  maxFiles: Number(form.dataset.maxFiles),
  maxUploadBytes: Number(form.dataset.maxUploadBytes),
  maxMemberBytes: Number(form.dataset.maxMemberBytes),
  litter: form.dataset.litter,
  signatures: JSON.parse(form.dataset.signatures),
};

let good = [];
let bad = [];
let litter = [];
let turn = Promise.resolve();
// of the good files, or null where it cannot be told
/** @type {Promise<string | null>} */
let digest = Promise.resolve(null);

function add(finding, { leadOn = false } = {}) {
  // one after the other, so that two drops do not mix
  turn = turn.then(async () => {
    at("chosen").hidden = false;
    at("chosen-text").textContent = text("reading");
    const sorted = await sort(await finding, limits);
    const known = new Set(good.map(identity));
    good = good.concat(sorted.good.filter((each) => !known.has(identity(each))));
    const twice = sorted.good.filter((each) => known.has(identity(each)));
    bad = bad.concat(twice.map(({ name }) => ({ name, reason: text("bad_twice") })));
    bad = bad.concat(sorted.bad);
    litter = litter.concat(sorted.litter);
    show();
    if (leadOn && !at("send").disabled) {
      at("send").focus();
    }
  });
}

function identity({ file, name }) {
  return `${name} ${file.size} ${file.lastModified}`;
}

function show() {
  const refusal = refusalOf(good, limits);
  at("chosen").hidden = good.length + bad.length + litter.length === 0;
  at("chosen-text").textContent = good.length
    ? text("chosen", { files: text("files", { count: good.length }), bytes: bytes(sizeOf(good)) })
    : text("nothing");
  at("good").hidden = good.length === 0;
  at("good-text").textContent = text("files", { count: good.length });
  at("good-list").replaceChildren(...lines(good, goodLine));
  at("label").placeholder = good.length ? label() : "";
  at("refusal").textContent = refusal;
  at("refusal").hidden = !refusal;
  at("bad").hidden = bad.length === 0;
  at("bad-text").textContent = bad.length ? text("left_out", { count: bad.length }) : "";
  at("bad-list").replaceChildren(...lines(bad, badLine));
  at("litter").hidden = litter.length === 0;
  at("litter-text").textContent = litter.length ? text("litter", { count: litter.length }) : "";
  at("litter-list").replaceChildren(...lines(litter, line));
  at("send").disabled = good.length === 0 || refusal !== "";
  tellAgain();
}

// Says where the same pile was sent before.
async function tellAgain() {
  at("again").hidden = true;
  const mine = good.length && !at("send").disabled ? digestOf(good).catch(() => null) : Promise.resolve(null);
  digest = mine;
  const before = await sentBefore(await mine);
  if (before && digest === mine) {
    at("again").hidden = false;
    at("again-text").textContent = text("sent_before", { time: moment(before.created_at) });
    at("again-job").href = `/jobs/${before.id}`;
    at("again-job").textContent = before.metadata.label ?? before.id;
  }
}

function lines(all, made) {
  return [...all.slice(0, MOST_NAMED).map((each) => made(each)), ...(all.length > MOST_NAMED ? [line("…")] : [])];
}

function goodLine(entry) {
  const item = line("");
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "quiet", textContent: "×" });
  button.setAttribute("aria-label", text("remove", { name: entry.name }));
  button.addEventListener("click", () => {
    good = good.filter((each) => each !== entry);
    show();
    (at("good-list").querySelector("button") ?? at("drop-title")).focus();
  });
  item.append(entry.name, " ", bytes(entry.file.size), button);
  return item;
}

function badLine({ name, reason }) {
  const item = line("");
  const strong = document.createElement("strong");
  strong.textContent = name;
  item.append(strong, ` ${reason}`);
  return item;
}

function line(content) {
  const item = document.createElement("li");
  item.textContent = content;
  return item;
}

// What the list of jobs calls this one: its folder, or its first file.
function label() {
  const first = good[0].name;
  const folder = first.split("/")[0];
  if (folder !== first && good.every(({ name }) => name.startsWith(`${folder}/`))) {
    return folder;
  }
  return good.length > 1 ? text("label_more", { name: first, count: good.length - 1 }) : first;
}

function options(pile) {
  const name = at("label").value.trim() || label();
  const found = { polarity: form.elements.polarity.value, metadata: { label: name.slice(0, 500), ...(pile ? { pile } : {}) } };
  if (form.elements.threshold.value === "own") {
    found.review_below = Number(at("threshold-value").value) / 100;
  }
  if (form.elements.read.value !== "digit") {
    found.read = form.elements.read.value;
  }
  if (found.read === "form" && at("template")) {
    found.template = at("template").value.split(",");
  }
  if (at("model")?.value) {
    found.model = at("model").value;
  }
  return found;
}

function body(pile) {
  const parts = new FormData();
  parts.append("options", new Blob([JSON.stringify(options(pile))], { type: "application/json" }));
  for (const { file, name } of good) {
    parts.append("files", file, name);
  }
  return parts;
}

async function submit() {
  const stopping = new AbortController();
  const began = performance.now();
  at("stop").onclick = () => stopping.abort();
  busy(true);
  showProblem("");
  try {
    const job = await send(body(await digest), { told: (news) => tell(news, began), signal: stopping.signal });
    window.removeEventListener("beforeunload", warn);
    window.location.assign(`/jobs/${job.id}`);
  } catch (error) {
    busy(false);
    const stopped = error.name === "AbortError";
    showProblem(stopped ? text("cancelled") : error instanceof Refusal ? error.message : text("offline"));
  }
}

function tell({ sent, total, retrying }, began) {
  if (retrying) {
    at("sending-text").textContent = text("retrying", { seconds: duration(retrying) });
    return;
  }
  at("sending-bar").value = sent / total;
  const rate = sent / ((performance.now() - began) / 1000);
  at("sending-text").textContent =
    sent === total
      ? text("storing")
      : text("sending", { sent: bytes(sent), total: bytes(total), rate: bytes(rate), left: duration((total - sent) / rate) });
}

function busy(sending) {
  form.hidden = sending;
  at("sending").hidden = !sending;
  const change = sending ? window.addEventListener : window.removeEventListener;
  change("beforeunload", warn);
  at(sending ? "stop" : "send").focus();
}

function warn(event) {
  event.preventDefault();
}

for (const button of form.querySelectorAll("[data-open]")) {
  button.addEventListener("click", () => at(button.dataset.open).click());
}
for (const id of ["files", "folder", "camera"]) {
  at(id).addEventListener("change", () => {
    add(chosen(at(id).files));
    at(id).value = "";
  });
}
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    at("drop").classList.toggle("over", kind === "dragenter" || kind === "dragover");
  });
}
document.addEventListener("drop", (event) => add(dropped(event.dataTransfer), { leadOn: true }));
document.addEventListener("paste", (event) => {
  if (event.clipboardData?.files.length) {
    add(pasted(event.clipboardData, text("pasted")), { leadOn: true });
  }
});
at("try").addEventListener("click", async () => {
  const samples = JSON.parse(at("try").dataset.samples);
  try {
    add(await fetched(`/samples/${samples[form.elements.read.value]}`), { leadOn: true });
    showProblem("");
  } catch {
    showProblem(text("no_sample"));
  }
});
at("clear").addEventListener("click", () => {
  [good, bad, litter] = [[], [], []];
  at("label").value = "";
  show();
});
// No number is no choice, and one below the model's own lets digits pass that are often wrong: it is said how often.
function checkThreshold() {
  const field = at("threshold-value");
  const own = form.elements.threshold.value === "own";
  field.required = own;
  const value = field.valueAsNumber;
  const low = own && field.validity.valid && value < advised();
  at("threshold-warning").textContent = low ? text("threshold_low", { threshold: percent(value / 100), wrong: shortPercent(1 - value / 100) }) : "";
}

// What the usual model of the chosen kind advises, in per cent.
function advised() {
  return Number(form.querySelector(`[data-advised][data-read="${form.elements.read.value}"]`).dataset.advised);
}

function showRead() {
  for (const element of form.querySelectorAll("[data-read]")) {
    element.hidden = element.dataset.read !== form.elements.read.value;
  }
  const model = at("model");
  if (model) {
    model.closest("p").hidden = form.elements.read.value === "form";
    model.selectedIndex = [...model.options].findIndex((option) => !option.hidden);
  }
  if (form.elements.threshold.value !== "own") {
    at("threshold-value").value = advised();
  }
  checkThreshold();
}

showRead();
form.addEventListener("input", checkThreshold);
form.addEventListener("change", (event) => event.target.name === "read" && showRead());
at("threshold-value").addEventListener("focus", () => {
  at("threshold-own").checked = true;
  checkThreshold();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
