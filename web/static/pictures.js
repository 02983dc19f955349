// Pictures of rows, loaded and decoded before they are looked at.

const RETRY_MS = 3000;
const MOST_RETRIES = 5;

export class Pictures {
  // `address` is that of the job's results.
  constructor(address) {
    this.address = address;
    this.loaded = new Map();
  }

  // The picture's element, which shows it as soon as it is there. The same element each time.
  get(index, view) {
    const key = `${index} ${view}`;
    const found = this.loaded.get(key) ?? this.load(index, view);
    this.loaded.set(key, found);
    return found;
  }

  // One of its own each time.
  thumbnail({ index }) {
    return this.load(index, "thumbnail");
  }

  drop(index, views) {
    for (const view of views) {
      this.loaded.delete(`${index} ${view}`);
    }
  }

  load(index, view) {
    const image = new Image();
    const source = `${this.address}/${index}/image?view=${view}`;
    let failures = 0;
    image.alt = "";
    image.draggable = false;
    image.addEventListener("error", () => {
      failures += 1;
      if (failures < MOST_RETRIES) {
        setTimeout(() => (image.src = source), RETRY_MS * failures);
      }
    });
    image.src = source;
    // an error is seen by the listener
    image.decode().catch(() => {});
    return image;
  }
}
