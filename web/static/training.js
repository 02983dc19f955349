// The page of one training: curves as its epochs end, what it reads at the end, and ways to use it.

import { Refusal, call, read, showProblem, sleep } from "./api.js";
import { isSure } from "./confirming.js";
import { drawCurves, drawReliability } from "./curves.js";
import { at } from "./elements.js";
import { follow, isFinal } from "./progress.js";
import { showImprovement } from "./improvement.js";
import { number, percent, roughly, shortPercent, text } from "./texts.js";

const SIDE = 28;

const { id, description } = at("training").dataset;
const address = `/v1/trainings/${id}`;

function show(training) {
  const { epochs, settings, state, report, improvement } = training;
  at("state").dataset.state = state;
  at("state").textContent = text(`state_${state}`);
  at("done").textContent = text("epochs_done", { done: epochs.length, total: settings.epochs });
  at("progress").value = epochs.length;
  at("progress").hidden = isFinal(training);
  at("stop").hidden = isFinal(training);
  if (training.error) {
    showProblem(training.error.detail);
  }
  if (epochs.length) {
    showEpochs(epochs, settings.epochs);
  }
  at("use").hidden = !epochs.length || !isFinal(training);
  if (report) {
    showReport(report);
  }
  if (improvement) {
    showImprovement(improvement);
  }
}

function showEpochs(epochs, total) {
  const last = epochs.at(-1);
  const series = (figure) => ({ training: epochs.map((each) => each[`training_${figure}`]), validation: epochs.map((each) => each[`validation_${figure}`]) });
  const lastOf = (figure, format) => text("last", { training: format(last[`training_${figure}`]), validation: format(last[`validation_${figure}`]) });
  drawCurves(at("loss"), series("loss"), { total, format: roughly, label: text("curve_loss", { last: lastOf("loss", roughly) }) });
  drawCurves(at("accuracy"), series("accuracy"), { total, format: shortPercent, label: text("curve_accuracy", { last: lastOf("accuracy", shortPercent) }) });
  at("said").textContent = text("epoch_said", { epoch: last.epoch, share: shortPercent(last.validation_accuracy) });
  at("epochs").replaceChildren(
    ...epochs.map((each) =>
      row("td", [number(each.epoch), roughly(each.training_loss), roughly(each.validation_loss), shortPercent(each.training_accuracy), shortPercent(each.validation_accuracy), roughly(each.seconds)]),
    ),
  );
}

function row(cell, values, head) {
  const element = document.createElement("tr");
  if (head !== undefined) {
    element.append(Object.assign(document.createElement("th"), { scope: "row", textContent: head }));
  }
  element.append(...values.map((value) => Object.assign(document.createElement(cell), { textContent: value, ...(cell === "th" ? { scope: "col" } : {}) })));
  return element;
}

function showReport(report) {
  at("report").hidden = false;
  at("test-share").textContent = percent(report.accuracy);
  at("test-of").textContent = text("test_of", { images: report.images });
  at("measured-validation").hidden = report.measured_on === "test";
  at("cut-short").hidden = report.in_time;
  showConfusion(report.confusion);
  at("mistakes").replaceChildren(...report.mistakes.map(mistake));
  const words = report.reliability.map((bin) => text("of_confidence", { images: number(bin.images), confidence: shortPercent(bin.confidence), right: shortPercent(bin.right) }));
  drawReliability(at("reliability"), report.reliability, words.join("; "));
}

function showConfusion(counts) {
  const head = document.createElement("thead");
  const answers = row("th", [...counts.keys()]);
  answers.prepend(document.createElement("td"));
  head.append(answers);
  const body = document.createElement("tbody");
  counts.forEach((found, digit) => {
    const line = row("td", found.map((count) => (count ? number(count) : "·")), String(digit));
    found.forEach((count, answer) => {
      const kind = answer === digit ? "right" : "wrong";
      line.children[answer + 1].classList.toggle(kind, count > 0);
    });
    body.append(line);
  });
  at("confusion").tHead?.remove();
  at("confusion").tBodies[0]?.remove();
  at("confusion").append(head, body);
}

function mistake({ label, answer, confidence, png }) {
  const element = document.createElement("li");
  const words = text("mistake", { label, answer, confidence: shortPercent(confidence) });
  const picture = document.createElement("canvas");
  Object.assign(picture, { width: SIDE, height: SIDE });
  picture.setAttribute("aria-hidden", "true");
  element.append(picture, words);
  draw(picture, png);
  return element;
}

// An address of data would be against the page's policy.
async function draw(picture, png) {
  const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
  picture.getContext("2d").drawImage(await createImageBitmap(new Blob([bytes], { type: "image/png" })), 0, 0);
}

// --- ways to use it

async function publish(event) {
  event.preventDefault();
  showProblem("");
  at("publish-now").disabled = true;
  at("published").textContent = text("publishing");
  try {
    const label = await published(at("model-name").value, at("model-version").value);
    at("published").textContent = text("published", { label });
    at("publish").hidden = true;
    at("uses").hidden = false;
    for (const page of ["draw", "practice"]) {
      at(`use-${page}`).href = `/${page}?model=${encodeURIComponent(label)}`;
    }
    at("use-default").dataset.label = label;
    at("use-draw").focus();
  } catch (error) {
    at("published").textContent = "";
    showProblem(error instanceof TypeError ? text("offline") : error.message);
    at("publish-now").disabled = false;
  }
}

// The label of the model. Raises Refusal, TypeError, or Error where it is refused.
async function published(name, version) {
  const file = await fetch(`${address}/model.keras`);
  const sent = new FormData();
  const card = { name, version, description: description.slice(0, 500), architecture: "trained" };
  sent.append("card", JSON.stringify({ ...card, ...measuredWith(training.improvement) }));
  sent.append("model", await file.blob(), `${name}.keras`);
  let job = await call("POST", "/v1/models", { body: sent });
  while (!isFinal(job)) {
    await sleep(1);
    job = await read(`/v1/jobs/${job.id}`);
  }
  if (job.state !== "completed") {
    throw new Error(job.error?.detail ?? text(`state_${job.state}`));
  }
  return `${name}@${version}`;
}

// An improved model answers as the one before, and is read by its numbers, or a stricter threshold.
function measuredWith(improvement) {
  if (!improvement) {
    return {};
  }
  const { temperature, review_below, doubtful_cut } = improvement;
  return { temperature, review_below, doubtful_cut };
}

async function makeDefault() {
  const { label } = at("use-default").dataset;
  try {
    await call("PUT", "/v1/models/default", { json: { model: label } });
    at("published").textContent = text("default_now", { label });
  } catch (error) {
    showProblem(error instanceof Refusal ? error.message : text("offline"));
  }
}

at("publish").addEventListener("submit", publish);
at("use-default").addEventListener("click", makeDefault);
at("stop").addEventListener("click", async () => {
  if (await isSure(text("confirm_stop_training"), text("stop"))) {
    show(await call("POST", `${address}/cancel`));
  }
});

let training = await read(address);
show(training);
if (!isFinal(training)) {
  let reading = false;
  const again = async () => {
    // events that come while one is read are told by the next
    if (!reading) {
      reading = true;
      training = await read(address).finally(() => (reading = false));
      show(training);
    }
  };
  await follow(id, { changed: again, lost: () => {} });
  show(await read(address));
}
