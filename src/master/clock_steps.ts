/**
 * How much of the time that the cluster's clock shows did not pass: by how much it was put forward while this
 * leader ruled, or stood still while its machine slept. What an attempt may take is a span of time, and
 * its worker measures it by a clock that only goes on; by the other one all attempts that run would be
 * overdue when the clock of a single master is put right. (Of three masters, the median is what counts.)
 *
 * @module
 */

export interface ClockStepsOptions {
  /** The cluster's clock. */
  readonly now: () => number;
  /** A clock that only goes on, in ms. */
  readonly monotonic: () => number;
}

/** What is less is within the patience that attempts get anyway, in ms. */
const STEP_MS_MIN = 500;
/** Steps that are remembered; of more the oldest become one. */
const STEPS_MAX = 64;

interface Step {
  /** The time that was shown right before it. */
  readonly atMs: number;
  readonly byMs: number;
}

export class ClockSteps {
  readonly #options: ClockStepsOptions;
  readonly #steps: Step[] = [];
  #looked: { readonly clockMs: number; readonly monotonicMs: number };

  constructor(options: ClockStepsOptions) {
    this.#options = options;
    this.#looked = { clockMs: options.now(), monotonicMs: options.monotonic() };
  }

  /** To be called often: what lies between two looks counts as one step, if it is one. */
  look(): void {
    const looked = { clockMs: this.#options.now(), monotonicMs: this.#options.monotonic() };
    const elapsedMs = looked.monotonicMs - this.#looked.monotonicMs;
    const atMs = this.#looked.clockMs + elapsedMs;
    this.#looked = looked;
    const byMs = looked.clockMs - atMs;
    if (byMs < STEP_MS_MIN) return;
    this.#steps.push({ atMs, byMs });
    if (this.#steps.length <= STEPS_MAX) return;
    const [first, second] = this.#steps;
    this.#steps.splice(0, 2, { atMs: second!.atMs, byMs: first!.byMs + second!.byMs });
  }

  /** How much of the time since then, by the cluster's clock, did not pass. */
  skippedSince(sinceMs: number): number {
    let skippedMs = 0;
    for (const { atMs, byMs } of this.#steps) if (atMs >= sinceMs) skippedMs += byMs;
    return skippedMs;
  }
}
