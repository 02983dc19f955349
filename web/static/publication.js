// A model that is being published: its progress, then its report, which comes with the page.

import { read, sleep } from "./api.js";
import { at } from "./elements.js";

const shown = at("publication");

for (;;) {
  const job = await read(`/v1/jobs/${shown.dataset.id}`);
  if (["completed", "failed", "cancelled"].includes(job.state)) {
    location.reload();
    break;
  }
  shown.querySelector("progress").value = job.progress;
  await sleep(2);
}
