// The start page: gather files, name the bad ones, send the good ones, and go to their job.

import { Refusal, showProblem } from "./api.js";
import { refusalOf, sizeOf, sort } from "./checks.js";
import { chosen, dropped, pasted } from "./files.js";
import { send } from "./sending.js";
import { bytes, duration, text } from "./texts.js";

const MOST_NAMED = 200;

const at = (id) => document.getElementById(id);
const form = at("upload");
const limits = {
  maxFiles: Number(form.dataset.maxFiles),
  maxUploadBytes: Number(form.dataset.maxUploadBytes),
  maxMemberBytes: Number(form.dataset.maxMemberBytes),
  litter: form.dataset.litter,
};

let good = [];
let bad = [];
let litter = [];
let turn = Promise.resolve();

function add(finding, { leadOn = false } = {}) {
  // one after the other, so that two drops do not mix
  turn = turn.then(async () => {
    at("chosen").hidden = false;
    at("chosen-text").textContent = text("reading");
    const sorted = await sort(await finding, limits);
    good = good.concat(sorted.good);
    bad = bad.concat(sorted.bad);
    litter = litter.concat(sorted.litter);
    show();
    if (leadOn && !at("send").disabled) {
      at("send").focus();
    }
  });
}

function show() {
  const refusal = refusalOf(good, limits);
  at("chosen").hidden = good.length + bad.length + litter.length === 0;
  at("chosen-text").textContent = good.length
    ? text("chosen", { files: text("files", { count: good.length }), bytes: bytes(sizeOf(good)) })
    : text("nothing");
  at("refusal").textContent = refusal;
  at("refusal").hidden = !refusal;
  at("bad").hidden = bad.length === 0;
  at("bad-text").textContent = bad.length ? text("left_out", { count: bad.length }) : "";
  at("bad-list").replaceChildren(...lines(bad, badLine));
  at("litter").hidden = litter.length === 0;
  at("litter-text").textContent = litter.length ? text("litter", { count: litter.length }) : "";
  at("litter-list").replaceChildren(...lines(litter, line));
  at("send").disabled = good.length === 0 || refusal !== "";
}

function lines(all, made) {
  return [...all.slice(0, MOST_NAMED).map((each) => made(each)), ...(all.length > MOST_NAMED ? [line("…")] : [])];
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

function options() {
  const found = { polarity: form.elements.polarity.value, metadata: { label: label().slice(0, 500) } };
  if (form.elements.threshold.value === "own") {
    found.review_below = Number(at("threshold-value").value) / 100;
  }
  if (at("model")?.value) {
    found.model = at("model").value;
  }
  return found;
}

function body() {
  const parts = new FormData();
  parts.append("options", new Blob([JSON.stringify(options())], { type: "application/json" }));
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
    const job = await send(body(), { told: (news) => tell(news, began), signal: stopping.signal });
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
  if (event.clipboardData.files.length) {
    add(pasted(event.clipboardData, text("pasted")), { leadOn: true });
  }
});
at("clear").addEventListener("click", () => {
  [good, bad, litter] = [[], [], []];
  show();
});
at("threshold-value").addEventListener("focus", () => {
  at("threshold-own").checked = true;
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
