// A question that is asked one at a time: who asks meanwhile is asked for again when the present one is answered.

export class Asking {
  constructor() {
    /** @type {Promise<void> | null} */
    this.asking = null;
    this.again = false;
  }

  // Ask until there is an answer. What is made of this class says how.
  async askUntilAnswered() {}

  // Ask now, or again when the present question is answered.
  ask() {
    if (this.asking) {
      this.again = true;
      return this.asking;
    }
    this.asking = this.askUntilAnswered().finally(() => {
      this.asking = null;
      if (this.again) {
        this.again = false;
        this.ask();
      }
    });
    return this.asking;
  }
}
