// The page of webhooks: what is registered, each with its buttons, and the last deliveries.

import { Refusal, call, passes, showProblem, sleep } from "./api.js";
import { isSure } from "./confirming.js";
import { all, at } from "./elements.js";
import { moment, text } from "./texts.js";

const SHOWN = 20;
const TEST_SECONDS = 60;
// the dots before the states of jobs, which say the same
const DOTS = { pending: "queued", delivered: "completed", failed: "failed", gone: "failed" };

/** @type {Map<string, any>} the cards by id */
const cards = new Map();
const busy = new Set();

function say(words) {
  at("said").textContent = words;
}

// Does what somebody asked for, once at a time; what goes wrong is told. The button stays on, for the focus is on it.
async function doing(button, action) {
  if (busy.has(button)) {
    return;
  }
  busy.add(button);
  showProblem("");
  say("");
  try {
    await action();
  } catch (error) {
    tell(error);
  } finally {
    busy.delete(button);
  }
}

function tell(error) {
  if (!(error instanceof Refusal || error instanceof TypeError)) {
    throw error;
  }
  showProblem(error instanceof Refusal ? error.message : text("offline"));
  at("problem").scrollIntoView({ block: "nearest" });
}

function outcome({ attempts }) {
  const last = attempts.at(-1);
  if (!last) {
    return text("not_sent");
  }
  return last.status === null ? (last.error ?? "–") : text("answered", { status: String(last.status) });
}

function chosen(form) {
  return all('[name="event"]:checked', form).map((box) => box.value);
}

// An address in sentences: the host tells enough, and a path may be long.
function named({ url, description }) {
  return description || url;
}

function card(hook) {
  const element = at("webhook").content.firstElementChild.cloneNode(true);
  const heading = element.querySelector(".address");
  heading.id = `address-${hook.id}`;
  for (const each of all("button, summary", element)) {
    each.setAttribute("aria-describedby", heading.id);
  }
  const known = { element, hook };
  const actions = { test: tryOut, renew, toggle, remove };
  for (const button of all("[data-do]", element)) {
    button.addEventListener("click", () => doing(button, () => actions[button.dataset.do](known)));
  }
  const form = element.querySelector("form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    doing(form.querySelector("button"), () => choose(known, form));
  });
  cards.set(hook.id, known);
  at("webhooks").append(element);
  show(known, hook);
}

function show(known, hook) {
  known.hook = hook;
  const { element } = known;
  element.querySelector(".address").textContent = hook.url;
  element.querySelector(".note").textContent = hook.description;
  const state = element.querySelector(".state");
  state.dataset.state = hook.enabled ? "completed" : "cancelled";
  state.textContent = text(hook.enabled ? "is_on" : "is_off");
  element.querySelector(".told").textContent = text("told_of", { events: hook.events.map((each) => text(each)).join(" · ") });
  element.querySelector('[data-do="toggle"]').textContent = text(hook.enabled ? "switch_off" : "switch_on");
  for (const box of all('[name="event"]', element)) {
    box.checked = hook.events.includes(box.value);
  }
  showTest(known, hook.last_test);
}

function showTest({ element }, test) {
  element.querySelector(".tested").textContent = test ? text("last_test", { outcome: outcome(test) }) : "";
}

function showNone() {
  at("none").hidden = cards.size > 0;
}

// The secret, until somebody says that it is kept: nothing can show it again.
function showSecret({ url, secret }) {
  at("secret-of").textContent = text("secret_of", { url });
  at("secret-text").value = secret;
  at("secret").hidden = false;
  at("secret-of").focus();
}

async function add() {
  const events = chosen(at("add"));
  const url = at("address").value.trim();
  if (!events.length) {
    showProblem(text("no_events"));
    return;
  }
  const hook = await call("POST", "/v1/webhooks", { json: { url, events, description: at("note").value.trim() } });
  card(hook);
  showNone();
  at("add").reset();
  say(text("added"));
  showSecret(hook);
}

async function tryOut(known) {
  const { id } = known.hook;
  const place = known.element.querySelector(".tested");
  place.textContent = text("testing");
  await call("POST", `/v1/webhooks/${id}/test`);
  for (const end = Date.now() + TEST_SECONDS * 1000; Date.now() < end; ) {
    const { last_test: test } = await call("GET", `/v1/webhooks/${id}`);
    if (test && test.state !== "pending") {
      showTest(known, test);
      return;
    }
    await sleep(1);
  }
  place.textContent = text("test_late");
}

async function renew({ hook }) {
  if (await isSure(text("confirm_renew", { url: named(hook) }), text("renew"))) {
    showSecret(await call("POST", `/v1/webhooks/${hook.id}/secret`, { json: { overlap: 7 * 86400 } }));
  }
}

async function toggle(known) {
  show(known, await change(known, { enabled: !known.hook.enabled }));
}

async function choose(known, form) {
  const events = chosen(form);
  if (!events.length) {
    showProblem(text("no_events"));
    return;
  }
  show(known, await change(known, { events }));
  say(text("saved", { url: named(known.hook) }));
}

function change({ hook }, what) {
  return call("PATCH", `/v1/webhooks/${hook.id}`, { json: what });
}

async function remove({ hook, element }) {
  if (await isSure(text("confirm_remove", { url: named(hook) }), text("remove"))) {
    await call("DELETE", `/v1/webhooks/${hook.id}`);
    cards.delete(hook.id);
    element.remove();
    showNone();
    say(text("removed", { url: named(hook) }));
    at("address").focus();
  }
}

function row(delivery) {
  const element = at("delivery").content.firstElementChild.cloneNode(true);
  const link = element.querySelector("a");
  link.href = `/jobs/${delivery.job_id}`;
  link.textContent = delivery.job_id.slice(-6);
  const put = (part, words) => {
    element.querySelector(`[data-part="${part}"]`).textContent = words;
  };
  put("event", text(delivery.event));
  put("to", delivery.url || "–");
  const last = delivery.attempts.at(-1);
  const due = delivery.next_attempt_at;
  const told = [last && moment(last.at), outcome(delivery), last && due && text("again_at", { time: moment(due) })];
  put("attempt", told.filter(Boolean).join(" · "));
  const state = element.querySelector(".state");
  state.dataset.state = DOTS[delivery.state];
  state.textContent = text(`sent_${delivery.state}`);
  return element;
}

async function showDeliveries() {
  const query = new URLSearchParams({ limit: String(SHOWN), ...(at("state").value ? { state: at("state").value } : {}) });
  const { deliveries } = await call("GET", `/v1/deliveries?${query}`);
  at("deliveries").replaceChildren(...deliveries.slice(0, SHOWN).map(row));
  at("sent-table").hidden = !deliveries.length;
  at("nothing").hidden = deliveries.length > 0;
}

async function begin() {
  for (;;) {
    try {
      const { webhooks } = await call("GET", "/v1/webhooks");
      webhooks.forEach(card);
      showNone();
      await showDeliveries();
      return;
    } catch (error) {
      tell(error);
      if (!passes(error) || cards.size) {
        return;
      }
      await sleep(5);
    }
  }
}

at("add").addEventListener("submit", (event) => {
  event.preventDefault();
  doing(at("add").querySelector('[type="submit"]'), add);
});
at("secret-text").addEventListener("focus", () => at("secret-text").select());
at("secret-kept").addEventListener("click", () => {
  at("secret").hidden = true;
  at("secret-text").value = "";
  at("address").focus();
});
at("refresh").addEventListener("click", () => doing(at("refresh"), showDeliveries));
at("state").addEventListener("change", () => showDeliveries().catch(tell));
begin();
