// The review page by page, for who wants to read whole forms: the page, and beside it all of its fields to type into.

import { Refusal, call, showProblem } from "./api.js";
import { answerOf, answerText } from "./answers.js";
import { onKeys, showTally } from "./desk.js";
import { at } from "./elements.js";
import { asNext, entriesOf, entriesText, isMine } from "./entries.js";
import { PageTemplates, keepRoom, marked } from "./page_templates.js";
import { looksText } from "./reasons.js";
import { Tally } from "./tally.js";
import { text } from "./texts.js";

const AT_ONCE = 20;

const results = `/v1/jobs/${at("review").dataset.id}/results`;
const templates = new PageTemplates(JSON.parse(at("review").dataset.templates));
const tally = new Tally();
// the pages that have doubtful fields, in their order, as far as they are loaded
const pages = [];
let cursor = null;
let whole = false;
let place = 0;

async function load() {
  const query = new URLSearchParams({ status: "review", limit: String(AT_ONCE) });
  if (cursor !== null) {
    query.set("cursor", cursor);
  }
  const found = await call("GET", `${results}?${query}`);
  pages.push(...found.results);
  whole = found.next_cursor === null || (found.next_cursor === cursor && found.results.length === 0);
  cursor = found.next_cursor ?? cursor;
}

function isDoubtful(field) {
  const { status, correction } = field;
  return correction === null && (status === "review" || status === "failed") && !isMine(field);
}

function doubtsOf(page) {
  return Object.values(page.fields).filter(isDoubtful).length;
}

async function go(to) {
  try {
    while (to >= pages.length && !whole) {
      await load();
    }
  } catch (error) {
    tell(error);
    return;
  }
  place = Math.max(0, Math.min(to, pages.length));
  show();
}

// The next page on which something is doubtful.
async function goOn() {
  let next = place + 1;
  while (next < pages.length && doubtsOf(pages[next]) === 0) {
    next += 1;
  }
  await go(next);
}

function show() {
  const page = pages[place];
  at("row").hidden = !page;
  at("nothing").hidden = Boolean(page);
  showLeft();
  if (!page) {
    at("nothing-text").textContent = text("no_page_left");
    return;
  }
  const image = new Image();
  image.alt = "";
  image.src = `${results}/${page.index}/image?view=registered`;
  keepRoom(at("page-picture"), templates.of(page).page);
  at("page-picture").replaceChildren(image);
  at("name").textContent = page.name;
  const { form } = page;
  at("set").textContent = form?.set ? text("set_place", { form: form.name, number: form.set, page: form.page }) : "";
  at("marked").href = `${results}/${page.index}/image?view=marked`;
  // it shows what was read
  at("marked").hidden = Object.values(page.fields).some((field) => entriesOf(field).length > 0);
  at("checks").replaceChildren(...page.checks.filter(({ holds }) => holds === false).map(failed));
  at("page-fields").replaceChildren(...Object.keys(page.fields).map((name) => line(page, name)));
  (at("page-fields").querySelector("[data-doubtful] input") ?? at("page-fields").querySelector("input"))?.focus();
}

function showLeft() {
  showTally(tally, pages.reduce((sum, page) => sum + doubtsOf(page), 0));
}

function failed({ rule }) {
  const item = document.createElement("li");
  const code = document.createElement("code");
  code.textContent = rule;
  item.dataset.holds = "false";
  item.append(text("check_fails"), " ", code);
  return item;
}

function line(page, name) {
  const item = document.createElement("li");
  const label = document.createElement("label");
  const input = document.createElement("input");
  const why = document.createElement("small");
  item.dataset.field = name;
  label.textContent = templates.of(page).fields.get(name).label ?? name;
  input.id = `field-${name}`;
  label.htmlFor = input.id;
  Object.assign(input, { autocomplete: "off", spellcheck: false, maxLength: 1000 });
  why.id = `why-${name}`;
  input.setAttribute("aria-describedby", why.id);
  item.append(label, input, why);
  fill(item, page.fields[name]);
  return item;
}

function fill(item, field) {
  const said = answerOf(field.correction);
  item.toggleAttribute("data-doubtful", isDoubtful(field));
  item.toggleAttribute("data-answered", said !== null);
  item.querySelector("input").value = (said ? said.prediction : asNext(field).value) ?? "";
  item.querySelector("small").textContent =
    entriesText(field, answerText) || (isDoubtful(field) ? looksText(field.reason) || text("doubtful") : "");
}

function mark(item) {
  const page = pages[place];
  const { page: size, fields } = templates.of(page);
  at("page-picture").querySelector("svg")?.remove();
  at("page-picture").append(marked(size, fields.get(item.dataset.field).quads));
}

async function save(item) {
  const page = pages[place];
  const name = item.dataset.field;
  const field = page.fields[name];
  const input = item.querySelector("input");
  const typed = input.value.trim();
  if (typed && !templates.of(page).fields.get(name).accepts(typed)) {
    input.setCustomValidity(text("not_accepted"));
    input.reportValidity();
    return;
  }
  const before = (answerOf(field.correction)?.prediction ?? (field.correction ? "" : asNext(field).value)) ?? "";
  if (isDoubtful(field) || typed !== before) {
    const json = { field: name, ...(typed ? { prediction: typed } : { status: "blank" }) };
    try {
      const row = await call("PATCH", `${results}/${page.index}`, { json, headers: { "If-Match": `"${field.revision}"` } });
      tally.add(typed !== (field.value ?? ""));
      page.fields = row.fields;
      fill(item, page.fields[name]);
      showProblem("");
      showLeft();
    } catch (error) {
      await refused(error, page, item);
      return;
    }
  }
  await next(item);
}

// To the next doubtful field of the page, or the next page.
async function next(item) {
  const items = [...at("page-fields").children];
  const following = items.slice(items.indexOf(item) + 1).find((each) => each.hasAttribute("data-doubtful"));
  const left = following ?? items.find((each) => each.hasAttribute("data-doubtful"));
  if (left) {
    left.querySelector("input").focus();
  } else {
    await goOn();
  }
}

// Somebody else may have been faster: then their answer is shown, and can be changed.
async function refused(error, page, item) {
  tell(error);
  if (error instanceof Refusal && error.code === "row_changed") {
    const row = await call("GET", `${results}/${page.index}`);
    page.fields = row.fields;
    fill(item, page.fields[item.dataset.field]);
  }
}

function tell(error) {
  if (!(error instanceof Refusal || error instanceof TypeError)) {
    throw error;
  }
  showProblem(error instanceof Refusal ? error.message : text("offline"));
}

at("page-fields").addEventListener("focusin", (event) => {
  event.target.select?.();
  mark(event.target.closest("li"));
});
at("page-fields").addEventListener("input", (event) => event.target.setCustomValidity(""));
at("page-fields").addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const item = event.target.closest("li");
  if (event.key === "Enter" && !event.repeat && !event.isComposing) {
    save(item);
  } else if (step) {
    (step > 0 ? item.nextElementSibling : item.previousElementSibling)?.querySelector("input").focus();
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
});
at("before").addEventListener("click", () => go(place - 1));
at("after").addEventListener("click", () => go(place + 1));
onKeys((event) => {
  const step = { PageDown: 1, PageUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    go(place + step);
  }
});
templates.ready.then(() => go(0)).catch(tell);
