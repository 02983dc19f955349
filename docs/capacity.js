// The arithmetic of docs/capacity.md, by the figures of docs/scaling.md, and the form there.

// Of one Redis in a running service, in seconds of its thread; what it keeps, in bytes; and of a worker.
export const FIGURES = {
  redisOfChunk: 485e-6,
  redisOfSingle: 330e-6,
  keptOfImage: 23.3,
  keptOfSingle: 2260,
  chunkImages: 1024,
  chunkBytes: 16 * 1024 * 1024,
  firstByte: 0.03,
  bytesASecond: 50e6,
  // a Redis that works for longer than this has no room for peaks, a failure or an upgrade
  redisAtMost: 0.7,
  day: 86400,
};

/**
 * What so many images ask of each part.
 * @param {{images: number, peak: number, bytes: number, milliseconds: number, single: number, days: number}} asked
 *   images a day; how many times the average a peak is; bytes of an image; milliseconds of a worker's processor for
 *   one; the share of images that come alone, 0 to 1; days for which jobs are kept
 * @returns {{average: number, most: number, cores: number, processes: number, redisAverage: number, redisMost: number,
 *   kept: number, memory: number, uploads: number, uploadsMost: number, stored: number, stacks: number}}
 *   images a second; processor cores and, with uploads on storage like S3, processes of workers at the peak; shares of
 *   one Redis; bytes that it keeps, and of its machine; bytes of uploads a second; bytes of them that are kept; stacks
 */
export function capacity({ images, peak, bytes, milliseconds, single, days }) {
  const f = FIGURES;
  const average = images / f.day;
  const most = average * peak;
  const chunk = Math.max(1, Math.min(f.chunkImages, Math.floor(f.chunkBytes / bytes)));
  const seconds = milliseconds / 1000;
  const redis = (each) => ((each * (1 - single)) / chunk) * f.redisOfChunk + each * single * f.redisOfSingle;
  const kept = images * days * ((1 - single) * f.keptOfImage + single * f.keptOfSingle);
  const chunkSeconds = chunk * seconds + f.firstByte + (chunk * bytes) / f.bytesASecond;
  return {
    average,
    most,
    cores: Math.ceil(most * seconds),
    processes: Math.ceil((most / chunk) * chunkSeconds),
    redisAverage: redis(average),
    redisMost: redis(most),
    kept,
    memory: 2 * kept,
    uploads: average * bytes,
    uploadsMost: most * bytes,
    stored: images * days * bytes,
    stacks: Math.max(1, Math.ceil(redis(most) / f.redisAtMost)),
  };
}

/** @param {number} bytes */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${number(bytes / 1000 ** power)} ${units[power]}`;
}

/** @param {number} value */
function number(value) {
  return value.toLocaleString("en", { maximumSignificantDigits: value < 1000 ? 3 : undefined, maximumFractionDigits: 0 });
}

/** @param {number} share */
function percent(share) {
  return share > 0 && share < 0.0001 ? "under 0.01 %" : `${number(100 * share)} %`;
}

/** @param {HTMLFormElement} form */
function show(form) {
  const value = (name) => Number(/** @type {HTMLInputElement} */ (form.elements.namedItem(name)).value);
  const need = capacity({
    images: value("images"),
    peak: value("peak"),
    bytes: 1000 * value("kilobytes"),
    milliseconds: value("milliseconds"),
    single: value("single") / 100,
    days: value("days"),
  });
  const told = {
    images: `${number(need.average)}, ${number(need.most)} at the peak`,
    cores: `cores: ${number(need.cores)}; processes on them with uploads on storage like S3: ${number(need.processes)}`,
    redis: `${percent(need.redisAverage)} on average, ${percent(need.redisMost)} at the peak`,
    memory: `${size(need.kept)} kept; a machine of ${size(need.memory)}, since its file is written again beside it`,
    uploads: `${size(need.uploads)} a second, ${size(need.uploadsMost)} at the peak, on each of three ways`,
    stored: size(need.stored),
    stacks: number(need.stacks),
  };
  for (const [name, text] of Object.entries(told)) {
    const output = document.getElementById(`capacity-${name}`);
    if (output) output.textContent = form.checkValidity() ? text : "";
  }
}

if (typeof document !== "undefined") {
  const form = /** @type {HTMLFormElement | null} */ (document.getElementById("capacity"));
  form?.addEventListener("input", () => show(form));
  form?.addEventListener("submit", (event) => event.preventDefault());
  if (form) show(form);
}
