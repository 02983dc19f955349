// The failed images of a job: why they failed, and sending them through again.

import { Refusal, call, randomKey, showProblem } from "./api.js";
import { at } from "./elements.js";
import { number, text } from "./texts.js";

// reasons that lay with the service, and may have passed
const PASSING = new Set(["processing_failed", "poison_image"]);

export class Failures {
  // `job` is the address of the job, `errors` the codes of its failed rows by place.
  constructor(job, errors) {
    this.errors = errors;
    this.key = null;
    at("retry").addEventListener("click", () => this.retry(job));
  }

  show() {
    const counts = new Map();
    for (const code of this.errors.values()) {
      counts.set(code, (counts.get(code) ?? 0) + 1);
    }
    const lines = [...counts].sort(([, one], [, other]) => other - one);
    at("failed-reasons").replaceChildren(...lines.map(([code, count]) => line(number(count), text(`reason_${code}`))));
    const passing = lines.filter(([code]) => PASSING.has(code)).reduce((sum, [, count]) => sum + count, 0);
    at("failed-hope").textContent = passing ? text("retry_may_help", { count: passing }) : text("retry_hardly_helps");
  }

  async retry(job) {
    at("retry").disabled = true;
    this.key ??= randomKey();
    try {
      const again = await call("POST", `${job}/retry`, { headers: { "Idempotency-Key": this.key } });
      window.location.assign(`/jobs/${again.id}`);
    } catch (error) {
      showProblem(error instanceof Refusal ? error.message : text("unreachable"));
      at("retry").disabled = false;
      at("retry").focus();
    }
  }
}

function line(count, reason) {
  const item = document.createElement("li");
  const strong = document.createElement("strong");
  strong.textContent = count;
  item.append(strong, reason);
  return item;
}
