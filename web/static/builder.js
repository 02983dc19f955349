// The page on which a network is put together: layers in their order, their fields, what each makes, and the start.

import { Refusal, call, randomKey, read, showProblem, sleep } from "./api.js";
import { all, at } from "./elements.js";
import { fillIn, keepNetwork, keptNetwork } from "./kept_network.js";
import { KINDS, newLayer, whole } from "./layers.js";
import { drawNetwork } from "./network.js";
import { number, showAge, text } from "./texts.js";

const TYPING_MS = 150;
const TRAINER_SECONDS = 3;
const SETTINGS = ["epochs", "batch_size", "optimizer", "learning_rate"];

let layers = [];
let networks = [];
/** @type {any} */
let chosen = null;
let asked = 0;
let typing;

function named(layer, place) {
  return text("named", { place: number(place + 1), kind: text(`layer_${layer.type}`) });
}

// --- the list

function showLayers() {
  at("layers").replaceChildren(...layers.map(item));
  at("add").disabled = at("kind").disabled = fixed();
  outline();
}

function fixed() {
  return chosen !== null && chosen.layers.length === 0;
}

function item(layer, place) {
  const element = document.createElement("li");
  element.className = "layer";
  element.draggable = true;
  const head = document.createElement("div");
  head.className = "layer-head";
  const title = document.createElement("strong");
  title.textContent = `${number(place + 1)}. ${text(`layer_${layer.type}`)}`;
  const made = document.createElement("span");
  made.className = "layer-made";
  made.id = `made-${place}`;
  const buttons = document.createElement("span");
  buttons.className = "layer-buttons";
  const [first, last] = [place === 0, place === layers.length - 1];
  buttons.append(button("up", layer, place, !first), button("down", layer, place, !last), button("remove", layer, place, true));
  head.append(title, made, buttons);
  const fields = document.createElement("div");
  fields.className = "layer-fields";
  fields.append(...Object.keys(KINDS[layer.type]).map((name) => field(layer, place, name)));
  const fault = document.createElement("p");
  fault.className = "layer-fault";
  fault.id = `fault-${place}`;
  fault.hidden = true;
  element.append(head, fields, fault);
  takesDrops(element, place);
  return element;
}

function button(what, layer, place, enabled) {
  const element = document.createElement("button");
  Object.assign(element, { type: "button", className: "quiet", textContent: text(what), disabled: !enabled });
  element.dataset.does = what;
  element.setAttribute("aria-label", text(`${what}_named`, { layer: named(layer, place) }));
  element.addEventListener("click", () => (what === "remove" ? remove(place) : move(place, what === "up" ? place - 1 : place + 1, what)));
  return element;
}

function field(layer, place, name) {
  const { choices, most, share } = KINDS[layer.type][name];
  const row = document.createElement("p");
  row.className = "field";
  const label = document.createElement("label");
  label.textContent = text(`field_${name}`);
  const input = document.createElement(choices ? "select" : "input");
  label.htmlFor = input.id = `${name}-${place}`;
  if (choices) {
    const words = { padding: "padding", kind: "kind" }[name];
    input.append(...choices.map((value) => new Option(words ? text(`${words}_${value}`) : value, value)));
  } else {
    Object.assign(input, { type: "number", min: share ? 0.05 : 1, max: share ? 0.95 : most, step: share ? 0.05 : 1 });
  }
  input.value = layer[name];
  input.setAttribute("aria-describedby", `made-${place} fault-${place}`);
  input.addEventListener("input", () => {
    // what is empty or no number is said to be out of range by the service
    layer[name] = choices ? input.value : input.value === "" ? null : Number(input.value);
    changed();
    clearTimeout(typing);
    typing = setTimeout(outline, TYPING_MS);
  });
  row.append(label, input);
  return row;
}

function takesDrops(element, place) {
  element.addEventListener("dragstart", (event) => event.dataTransfer.setData("text/plain", String(place)));
  element.addEventListener("dragover", (event) => {
    event.preventDefault();
    element.classList.add("over");
  });
  element.addEventListener("dragleave", () => element.classList.remove("over"));
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    const from = Number(event.dataTransfer.getData("text/plain"));
    if (Number.isInteger(from) && layers[from]) {
      move(from, place);
    }
  });
}

function move(from, to, pressed) {
  const [layer] = layers.splice(from, 1);
  layers.splice(to, 0, layer);
  changed();
  showLayers();
  const moved = at("layers").children[to];
  const again = pressed && moved.querySelector(`[data-does="${pressed}"]:enabled`);
  (again || moved.querySelector("button:enabled")).focus();
  at("whole").textContent = text("moved", { layer: text(`layer_${layer.type}`), place: number(to + 1) });
}

function remove(place) {
  layers.splice(place, 1);
  changed();
  showLayers();
  (at("layers").children[Math.min(place, layers.length - 1)]?.querySelector('[data-does="remove"]') ?? at("kind")).focus();
}

// It is the network of that name no more.
function changed() {
  if (chosen?.layers.length) {
    chosen = null;
    showPresets();
  }
}

// --- what it makes

async function outline() {
  asked += 1;
  const mine = asked;
  if (fixed()) {
    at("answer").textContent = "";
    at("picture").replaceChildren();
    at("whole").textContent = `${text("whole", { weights: text("weights", { count: chosen.weights }) })} ${text("fixed")}`;
    at("start").disabled = false;
    return;
  }
  try {
    const found = await call("POST", "/v1/networks/outline", { json: { layers } });
    if (mine === asked) {
      showOutline(found);
    }
  } catch (error) {
    tell(error);
  }
}

function showOutline(found) {
  layers.forEach((_layer, place) => {
    const made = found.layers[place];
    const shape = made?.shape?.map(number).join(" × ");
    const weights = made?.weights ? ` · ${text("weights", { count: made.weights })}` : "";
    at(`made-${place}`).textContent = shape ? text("shape", { shape }) + weights : "";
    const fault = at(`fault-${place}`);
    fault.hidden = !made?.error;
    fault.textContent = made?.error ?? "";
    fault.closest("li").classList.toggle("faulty", Boolean(made?.error));
    for (const input of fault.closest("li").querySelectorAll("input, select")) {
      input.setAttribute("aria-invalid", String(Boolean(made?.error) && (!made.field || input.id === `${made.field}-${place}`)));
    }
  });
  const shapes = layers.map((_, place) => found.layers[place]?.shape ?? null);
  const names = layers.map((layer) => text(`layer_${layer.type}`));
  at("picture").replaceChildren(drawNetwork([...shapes, ...(found.error ? [] : [[10]])], names));
  at("answer").textContent = found.answer ? `· ${text("weights", { count: found.answer.weights })}` : "";
  const weights = text("whole", { weights: text("weights", { count: found.weights }) });
  at("whole").textContent = !layers.length ? text("no_layers") : found.error ? text("not_built") : weights;
  at("start").disabled = Boolean(found.error);
}

// --- networks to begin with

function showPresets() {
  const buttons = networks.map((network) => {
    const element = document.createElement("button");
    Object.assign(element, { type: "button", textContent: network.title });
    element.setAttribute("aria-pressed", String(network === chosen));
    element.addEventListener("click", () => {
      choose(network);
      at("presets").children[networks.indexOf(network)].focus();
    });
    return element;
  });
  at("presets").replaceChildren(...buttons);
}

function choose(network) {
  chosen = network;
  layers = network.layers.map(whole);
  for (const name of SETTINGS) {
    at(name).value = network[name];
  }
  at("augmentation").checked = network.augmentation;
  showPresets();
  showLayers();
}

function takeUp(kept) {
  fillIn(kept);
  if (!kept.known) {
    layers = kept.layers;
    changed();
    showLayers();
  }
}

// --- the start

async function start(event) {
  event.preventDefault();
  showProblem("");
  at("start").disabled = true;
  try {
    at("whole").textContent = text("starting");
    const training = await call("POST", "/v1/trainings", { body: form(), headers: { "Idempotency-Key": randomKey() } });
    location.assign(`/train/${training.id}`);
  } catch (error) {
    tell(error);
    at("start").disabled = false;
    at("whole").textContent = "";
  }
}

async function improve(event) {
  event.preventDefault();
  const jobs = all("#improve input:checked").map((input) => input.value);
  at("improve-start").disabled = true;
  try {
    const training = await call("POST", "/v1/trainings", { json: { improve: true, jobs }, headers: { "Idempotency-Key": randomKey() } });
    location.assign(`/train/${training.id}`);
  } catch (error) {
    const problem = at("improve-problem");
    problem.textContent = error instanceof Refusal ? error.message : text("offline");
    problem.hidden = false;
    at("improve-start").disabled = false;
  }
}

function form() {
  const wish = {
    name: at("name").value || "my-network",
    ...(fixed() ? { architecture: chosen.name } : { layers }),
    epochs: Number(at("epochs").value),
    batch_size: Number(at("batch_size").value),
    optimizer: at("optimizer").value,
    learning_rate: Number(at("learning_rate").value),
    augmentation: at("augmentation").checked,
    mnist: at("mnist").checked,
    ...(at("images").value ? { images: Number(at("images").value) } : {}),
  };
  const sent = new FormData();
  sent.append("training", JSON.stringify(wish));
  for (const file of at("data").files) {
    sent.append("data", file);
  }
  return sent;
}

function tell(error) {
  showProblem(error instanceof Refusal ? error.message : text("offline"));
}

// Somebody may start one while the page is open.
async function awaitTrainer(notice) {
  for (let trainers = 0; !trainers; ) {
    await sleep(TRAINER_SECONDS);
    ({ trainers } = await read("/v1/trainings?limit=1"));
  }
  notice.remove();
}

at("kind").append(...Object.keys(KINDS).map((type) => new Option(text(`layer_${type}`), type)));
at("add").addEventListener("click", () => {
  layers.push(newLayer(at("kind").value));
  changed();
  showLayers();
  (at("layers").lastChild.querySelector("input, select") ?? at("add")).focus();
});
at("builder").addEventListener("submit", start);
at("improve")?.addEventListener("submit", improve);
document.querySelectorAll("time").forEach(showAge);
for (const state of all(".state")) {
  state.textContent = text(`state_${state.dataset.state}`);
}
if (at("no-trainer")) {
  awaitTrainer(at("no-trainer")).catch(tell);
}
try {
  ({ networks } = await call("GET", "/v1/networks"));
  const kept = keptNetwork();
  choose(networks.find(({ name }) => name === (kept?.known ?? "conv5-bn")) ?? networks[0]);
  if (kept) {
    takeUp(kept);
  }
  window.addEventListener("pagehide", () => keepNetwork(layers, chosen?.name));
} catch (error) {
  tell(error);
}
