/** The time as relative times need it: now and then. */
class Clock {
  #seconds = $state(Date.now() / 1000);

  constructor() {
    setInterval(() => (this.#seconds = Date.now() / 1000), 20_000);
  }

  /** Unix seconds. */
  get seconds(): number {
    // What just came from the disk may be newer than the last tick.
    return Math.max(this.#seconds, 0);
  }
}

export const clock = new Clock();
