// What is told of the pages of a job once all are read: those that were sent twice, and forms of which pages are missing.

import { at } from "./elements.js";
import { text } from "./texts.js";

// Where the scans stand in a sentence: it is split there.
const SCANS = "\u0000";

// Puts into the head of a page's line what is known of it; the row of which it is a copy is shown above it.
export function notePage(head, { copy_of: copy, form }, pages) {
  if (copy && !head.querySelector(".copy")) {
    head.append(" ", small("copy", text(`copy_${copy.same}`, { name: pages[copy.index].name })));
  }
  if (form?.set) {
    head.querySelector(".set")?.remove();
    head.append(" ", small("set", text("set_place", { form: form.name, number: form.set, page: form.page })));
  }
}

function small(className, textContent) {
  return Object.assign(document.createElement("small"), { className, textContent });
}

export function tellCopies({ copies }) {
  at("copies").textContent = copies ? text("copies_told", { count: copies.pages }) : "";
  at("copies").hidden = !copies;
}

// `address` is that of the rows, whose pictures are linked.
export function tellSets({ sets }, address) {
  at("sets").hidden = !sets;
  if (!sets) {
    return;
  }
  at("sets-told").textContent = sets.forms.flatMap(sentencesOf).join(" ");
  const left = sets.forms.reduce((sum, form) => sum + form.faulty, 0) - sets.faults.reduce((sum, fault) => sum + fault.sets, 0);
  const lines = sets.faults.map((fault) => lineOf(fault, address));
  if (left > 0) {
    lines.push(Object.assign(document.createElement("li"), { textContent: text("sets_more", { count: left }) }));
  }
  at("set-faults").replaceChildren(...lines);
}

function sentencesOf({ name, pages, order, sets, faulty }) {
  if (order === "loose") {
    const scans = pages.map((each) => text("page_times", { page: each.page, count: each.scans })).join(", ");
    return [text("sets_loose", { form: name, scans })];
  }
  const found = order === "reversed" ? [text("sets_reversed", { form: name })] : [];
  const told = faulty ? text("sets_faulty", { form: name, faulty, count: sets }) : text("sets_whole", { form: name, count: sets });
  return [told, ...found];
}

function lineOf({ form, set, sets, missing, doubled, in_order: inOrder, first, last, unread }, address) {
  const parts = [
    ...(missing.length ? [text("sets_missing", { count: missing.length, pages: missing.join(", ") })] : []),
    ...(doubled.length ? [text("sets_doubled", { count: doubled.length, pages: doubled.join(", ") })] : []),
    ...(inOrder ? [] : [text("sets_disorder")]),
  ];
  const named = { form, number: set, last: set + sets - 1, scans: SCANS, what: parts.join("; ") };
  const line = document.createElement("li");
  const outermost = first.index === last.index ? [first] : [first, last];
  line.append(...sentence(text(sets > 1 ? "sets_fault" : "set_fault", named), outermost, " – ", address));
  if (unread.length) {
    line.append(" ", ...sentence(text("sets_unread", { count: unread.length, scans: SCANS }), unread, ", ", address));
  }
  return line;
}

// The words with links to the scans in their place.
function sentence(words, scans, between, address) {
  const [before, after] = words.split(SCANS);
  const links = scans.flatMap(({ index, name }) => {
    const link = document.createElement("a");
    Object.assign(link, { href: `${address}/${index}/image?view=marked`, target: "_blank", textContent: name });
    return [between, link];
  });
  return [before, ...links.slice(1), after];
}
