// The page's texts in the reader's language, and numbers, times and sizes as that language writes them.

import { at } from "./elements.js";

const language = document.documentElement.lang;
const texts = JSON.parse(at("texts").textContent);
const people = JSON.parse(at("people").textContent);
const plurals = new Intl.PluralRules(language);
const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const rough = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });
const ALMOST = 0.9999;
// by the most digits behind the point: making a format takes longer than a hundred numbers
const shares = [0, 1, 2, 3, 4].map((digits) => new Intl.NumberFormat(language, { maximumFractionDigits: digits }));
const tenths = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const ages = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const moments = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

/** @type {{unit: Intl.RelativeTimeFormatUnit, length: number}[]} */
const UNITS = [
  { unit: "day", length: 86400 },
  { unit: "hour", length: 3600 },
  { unit: "minute", length: 60 },
  { unit: "second", length: 1 },
];

export const order = new Intl.Collator(language, { numeric: true });

// The text of this name, with values for its {gaps}. Of a text with a number in it, `count` chooses the form.
export function text(name, values = {}) {
  const found = texts[name];
  const form = typeof found === "string" ? found : found[plurals.select(values.count)];
  return form.replace(/\{(\w+)\}/g, (_, gap) => (typeof values[gap] === "number" ? whole.format(values[gap]) : values[gap]));
}

// The text of this name, or undefined where the page has none.
export function known(name) {
  return texts[name];
}

// The name of the key with this id; undefined where no key is asked.
export function nameOf(key) {
  return people[key];
}

export function moment(time) {
  return moments.format(new Date(time));
}

export function number(value) {
  return whole.format(value);
}

export function roughly(value) {
  return rough.format(value);
}

// A share, with as many digits as it needs to differ from its neighbours near 0 and 1.
export function percent(share) {
  const rest = Math.min(share, 1 - share);
  const digits = rest <= 0 ? 0 : Math.max(0, Math.min(4, 2 - Math.floor(Math.log10(rest * 100) + 1e-9)));
  return `${shares[digits].format(share * 100)} %`;
}

// A confidence: what lies beyond the last figure that means anything is said to be more than that.
export function sureness(confidence) {
  return confidence > ALMOST ? text("over", { value: percent(ALMOST) }) : `${shares[2].format(confidence * 100)} %`;
}

// The same to a tenth, for lists in which the eye compares.
export function shortPercent(share) {
  return `${tenths.format(share * 100)} %`;
}

export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${rough.format(value)} ${units[unit]}`;
}

export function duration(seconds) {
  if (seconds < 100) {
    return text("seconds", { count: Math.max(1, Math.round(seconds)) });
  }
  return seconds < 5400
    ? text("minutes", { count: Math.round(seconds / 60) })
    : text("hours", { count: Math.round(seconds / 3600) });
}

// Until when the rows of a job are kept: nothing where that is not settled yet.
export function keptText(until) {
  return until ? text("kept", { until: moment(new Date(until)) }) : "";
}

// How long ago `time` was, in an element that tells the exact moment when pointed at.
export function showAge(element) {
  const then = new Date(element.dateTime);
  const seconds = (Date.now() - then.getTime()) / 1000;
  const { unit, length } = UNITS.find((each) => seconds >= each.length) ?? UNITS[UNITS.length - 1];
  element.textContent = ages.format(-Math.round(seconds / length), unit);
  element.title = moment(then);
}
