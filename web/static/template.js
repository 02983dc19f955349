// The page on which a template is made: its page is dropped, what looks like a field is proposed and named, tried on
// filled pages, and published.

import { Refusal, call, showProblem } from "./api.js";
import { isSure } from "./confirming.js";
import { all, at } from "./elements.js";
import { chosen, dropped } from "./files.js";
import { drafted, patiently, pictureOf, published } from "./template_calls.js";
import { Details } from "./template_details.js";
import { MOST_BOXES, Past, changed, fromTemplate, furtherCopies, joined, linesOf, takeUp, toTemplate, withField, withQuads, without } from "./template_draft.js";
import { Kept } from "./template_kept.js";
import { FieldList } from "./template_list.js";
import { asName, onPage, setValue, showPage, withPage } from "./template_page.js";
import { rectangle } from "./template_quads.js";
import { Stage } from "./template_stage.js";
import { Trials } from "./template_try.js";
import { text } from "./texts.js";

const CHECK_MS = 400;
const KEEP_MS = 300;
const FIELD = /^fields\[(\d+)\](?:\.(.*))?$/;
const RULE = /^checks\[(\d+)\]/;

const origin = at("template").dataset;
const kept = new Kept(location.pathname);
// `picture` is the Blob of the page, and `file` the one that it came from, while this page is open
let picture = null;
let file = null;
/** @type {any} */
let past = null;
let selected = [];
let faults = [];
/** @type {any} */
let lastCopy = null;
let unkept = false;

const stage = new Stage({ view: at("view"), sheet: at("sheet"), canvas: at("canvas"), svg: at("over") }, {
  select,
  place: (quadsByKey, joins) => past.change(withQuads(past.draft, quadsByKey), joins),
  draw: (quad) => {
    const [draft, key] = withField(past.draft, quad);
    past.change(draft);
    setDrawing(false);
    select([key]);
    list.focus(key);
  },
  undo: () => past.undo(),
});
const list = new FieldList(at("fields"), at("canvas"), {
  select: (keys) => {
    select(keys);
    stage.reveal(keys[0]);
  },
  rename: (key, name, joins) => past.change(changed(past.draft, key, () => ({ name })), joins),
});
const details = new Details((draft, joins) => past.change(draft, joins));
const trials = new Trials({ pages: at("tried"), table: at("tried-table"), state: at("try-state"), again: at("try-again") }, {
  template: () => ({ json: toTemplate(past.draft), reference: picture }),
  look: (name) => {
    const field = past.draft.fields.find((each) => each.name === name);
    if (field) {
      list.focus(field.key);
    }
  },
});

function select(keys) {
  selected = keys;
  show();
}

function show() {
  const { draft } = past;
  selected = selected.filter((key) => draft.fields.some((field) => field.key === key));
  const wrong = new Map();
  for (const { field, message } of faults) {
    const found = FIELD.exec(field);
    const key = found && draft.fields[Number(found[1])]?.key;
    if (key && !wrong.has(key)) {
      wrong.set(key, found[2] && found[2] !== "name" ? `${found[2]}: ${message}` : message);
    }
  }
  stage.show(draft, selected, wrong);
  list.show(draft, selected, wrong);
  details.show(draft, selected);
  at("count").textContent = text("fields", { count: draft.fields.length });
  at("undo").disabled = past.before.length === 0;
  at("redo").disabled = past.after.length === 0;
  for (const name of ["name", "version", "title"]) {
    setValue(at(`template-${name}`), draft[name]);
  }
  showPage(draft);
  setValue(at("rules"), draft.rules);
  setValue(at("lists"), draft.lists);
  at("filled").checked = !draft.page.blank;
  at("seems-filled").hidden ||= draft.page.blank;
  showFaults();
}

// What is wrong with no single field: with checks by their lines, with the rest by its place.
function showFaults() {
  const lines = linesOf(past.draft.rules);
  const ofRules = faults.filter(({ field }) => RULE.test(field));
  at("rule-faults").replaceChildren(...ofRules.map(({ field, message }) => item(text("in_line", { line: String(lines[Number(RULE.exec(field)?.[1])]?.number ?? ""), message }))));
  const others = faults.filter(({ field }) => !FIELD.test(field) && !RULE.test(field));
  at("faults").replaceChildren(...others.map(({ field, message }) => item(field ? `${field}: ${message}` : message)));
  at("faulty").hidden = faults.length === 0;
  at("faulty").textContent = faults.length ? text("faults", { count: faults.length }) : "";
}

function item(content) {
  const line = document.createElement("li");
  line.textContent = content;
  return line;
}

const timers = {};

function soon(name, act, pause) {
  clearTimeout(timers[name]);
  timers[name] = setTimeout(act, pause);
}

function afterChange() {
  unkept = true;
  show();
  trials.outdated();
  at("published").hidden = true;
  soon("keep", keep, KEEP_MS);
  soon("check", check, CHECK_MS);
}

async function keep() {
  const { draft } = past;
  const done = await kept.put({ draft, picture });
  unkept = unkept && draft !== past.draft;
  at("kept").textContent = text(done ? "kept_here" : "not_kept");
  unkept ||= !done;
}

async function check() {
  const { draft } = past;
  try {
    const found = await call("POST", "/v1/templates/check", { json: toTemplate(draft) });
    if (draft === past.draft) {
      faults = found.errors;
      show();
    }
  } catch (error) {
    tell(error);
  }
}

function tell(error) {
  if (!(error instanceof Refusal || error instanceof TypeError)) {
    throw error;
  }
  showProblem(error instanceof Refusal ? error.message : text("offline"));
}

async function begin(draft, blob) {
  picture = blob;
  at("begin").hidden = true;
  at("editor").hidden = false;
  stage.setPicture(await createImageBitmap(blob));
  past = new Past(draft, afterChange);
  show();
  check();
}

// A page of a file becomes the reference, and what is found on it the fields.
async function open(page = 1) {
  busy(text("finding"));
  showProblem("");
  try {
    const drawn = await patiently(() => pictureOf(file, page));
    const found = await drafted(file, drawn, page, at("begin-filled").checked);
    at("seems-filled").hidden = at("begin-filled").checked || found.page.blank;
    await begin(fromTemplate(found), drawn.blob);
    showPages(drawn.pages, page);
    await keep();
    at("fields").querySelector("input")?.focus();
  } catch (error) {
    tell(error);
  } finally {
    busy("");
  }
}

function showPages(pages, page) {
  at("pages").hidden = !(pages > 1);
  at("page").max = pages ?? 1;
  at("page").value = page;
}

function busy(words) {
  at("busy").textContent = words;
  at("busy").hidden = !words;
}

async function take(files) {
  const [first] = files.filter((each) => each.file).map((each) => each.file);
  if (!first) {
    return;
  }
  if (past) {
    await trials.add(files.filter((each) => each.file).map((each) => each.file));
    return;
  }
  file = first;
  await open();
}

async function publish() {
  const json = toTemplate(past.draft);
  showProblem("");
  at("publish").disabled = true;
  try {
    await published(json, picture);
    clearTimeout(timers.keep);
    await kept.drop();
    unkept = false;
    at("kept").textContent = "";
    const label = `${json.name}@${json.version}`;
    at("published").hidden = false;
    at("published-text").textContent = text("published", { label });
    at("published-read").href = `/?template=${encodeURIComponent(label)}`;
    at("published-read").focus();
  } catch (error) {
    tell(error);
  } finally {
    at("publish").disabled = false;
  }
}

function setDrawing(drawing) {
  stage.setDrawing(drawing);
  at("draw").setAttribute("aria-pressed", drawing);
}

// Without a pointer a field begins in the middle of what is seen, and is moved from there.
function drawHere() {
  const [x, y] = stage.middle();
  const side = Math.max(20, past.draft.page.width / 40);
  const [draft, key] = withField(past.draft, rectangle({ left: x - side, top: y - side, right: x + side, bottom: y + side }));
  past.change(draft);
  select([key]);
  at("view").focus();
}

const remove = () => past.change(without(past.draft, selected));

function copy() {
  const wanted = Math.max(1, Math.round(at("copies").valueAsNumber || 1));
  const made = selected.length ? furtherCopies(past.draft, selected, wanted, lastCopy) : null;
  if (made) {
    lastCopy = made;
    past.change(made.draft);
    select(made.keys);
  } else {
    showProblem(selected.length ? text("no_room") : "");
  }
}

function join() {
  const [draft, key] = joined(past.draft, selected);
  if (draft.fields.find((field) => field.key === key).quads.length > MOST_BOXES) {
    showProblem(text("too_many_boxes", { count: MOST_BOXES }));
    return;
  }
  past.change(draft);
  select([key]);
}

function step(by) {
  const { fields } = past.draft;
  const place = fields.findIndex(({ key }) => key === selected[0]);
  const next = fields[Math.max(0, Math.min(fields.length - 1, place + by))];
  if (next) {
    select([next.key]);
    stage.reveal(next.key);
  }
}

const ACTS = {
  undo: () => past.undo(), redo: () => past.redo(), draw: () => setDrawing(!stage.drawing), larger: () => stage.zoomBy(1), smaller: () => stage.zoomBy(-1),
  fit: () => stage.fit(), delete: remove, copy, join, publish, "draw-here": drawHere,
};

function keyInView(event) {
  const act = {
    Delete: remove, Backspace: remove, n: () => step(1), p: () => step(-1), d: drawHere, "+": ACTS.larger, "-": ACTS.smaller, 0: ACTS.fit,
    Escape: () => (stage.drawing ? setDrawing(false) : select([])), Enter: () => list.focus(selected[0]),
  }[event.key];
  if (act && !event.ctrlKey && !event.metaKey) {
    act();
  } else if (!stage.key(event)) {
    return;
  }
  event.preventDefault();
}

function keyAnywhere(event) {
  if (!past || !(event.ctrlKey || event.metaKey) || event.altKey || event.target.closest("textarea, dialog")) {
    return;
  }
  const key = event.key.toLowerCase();
  const act = key === "z" ? (event.shiftKey ? ACTS.redo : ACTS.undo) : { y: ACTS.redo, d: copy }[key];
  if (act) {
    event.preventDefault();
    act();
  }
}

function typed(id, change) {
  at(id).addEventListener("input", () => past.change(change(at(id).value), id));
}

async function start() {
  const found = await kept.found();
  if (found) {
    await begin(takeUp(found.draft), found.picture);
    at("kept").textContent = text("went_on");
    at("anew").hidden = false;
  } else if (origin.name) {
    const address = `/v1/templates/${origin.name}/${origin.version}`;
    const [document, response] = await Promise.all([call("GET", address), fetch(`${address}/reference`)]);
    await begin(fromTemplate({ ...document, version: origin.next }), await response.blob());
  }
  if (!past) {
    at("begin").hidden = false;
  }
}

for (const button of all("[data-act]")) {
  button.addEventListener("click", () => ACTS[button.dataset.act]());
}
at("view").addEventListener("keydown", keyInView);
document.addEventListener("keydown", keyAnywhere);
typed("rules", (rules) => ({ ...past.draft, rules }));
typed("lists", (lists) => ({ ...past.draft, lists }));
typed("template-title", (title) => ({ ...past.draft, title }));
typed("template-version", (version) => ({ ...past.draft, version: version.trim() }));
typed("template-name", (name) => ({ ...past.draft, name: asName(name) }));
onPage((parts, joins) => past.change(withPage(past.draft, parts), joins));
at("filled").addEventListener("change", () => past.change(withPage(past.draft, { blank: !at("filled").checked })));
at("page").addEventListener("change", async () => {
  if (await isSure(text("confirm_anew"), text("begin_anew"))) {
    await open(at("page").valueAsNumber);
  }
});
at("anew").addEventListener("click", async () => {
  if (await isSure(text("confirm_anew"), text("begin_anew"))) {
    await kept.drop();
    unkept = false;
    location.reload();
  }
});
for (const id of ["file", "camera", "try-file"]) {
  at(id).addEventListener("change", () => {
    const files = chosen(at(id).files);
    at(id).value = "";
    take(files);
  });
}
for (const button of all("[data-open]")) {
  button.addEventListener("click", () => at(button.dataset.open).click());
}
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.toggle("over", kind === "dragenter" || kind === "dragover");
  });
}
document.addEventListener("drop", async (event) => take(await dropped(event.dataTransfer)));
document.addEventListener("paste", (event) => {
  if (event.clipboardData?.files.length) {
    take(chosen(event.clipboardData.files));
  }
});
window.addEventListener("pagehide", keepNow);
document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && keepNow());
window.addEventListener("beforeunload", (event) => {
  if (unkept) {
    keepNow();
    event.preventDefault();
  }
});

function keepNow() {
  if (past && unkept) {
    clearTimeout(timers.keep);
    keep();
  }
}

start().catch(tell);
