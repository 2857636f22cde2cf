// A property's own rhythm: how often it usually reports, so that silence can be told from calm.
// A light that is switched three times a day has no rhythm and is never late.

const REPORTS_MIN = 5;
const LATE_FACTOR = 3;
const LATE_FLOOR_S = 20;
const WEIGHT = 0.25;

export class Rhythm {
  #last: number | null = null;
  #mean = 0;
  #spread = 0;
  #count = 0;

  /** Called for each live report, with its time in seconds. */
  beat(at: number): void {
    if (this.#last !== null && at > this.#last) {
      const gap = at - this.#last;
      if (this.#count === 0) this.#mean = gap;
      this.#spread += WEIGHT * (Math.abs(gap - this.#mean) - this.#spread);
      this.#mean += WEIGHT * (gap - this.#mean);
      this.#count += 1;
    }
    this.#last = at;
  }

  /** The silence in seconds from which the value counts as stale; null when there is no rhythm. */
  get lateAfter(): number | null {
    if (this.#count < REPORTS_MIN || this.#spread > this.#mean / 2) return null;
    return Math.max(LATE_FLOOR_S, this.#mean * LATE_FACTOR);
  }
}
