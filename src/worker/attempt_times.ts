/**
 * The time that attempts have. A timer is set for those alone that outlast the turn of the event loop in
 * which they began: most of those that run inline never need one.
 *
 * @module
 */

import type { RunningAttempt } from "./running_attempt.ts";

/** A timer set for longer would fire at once; no attempt runs for 24 days. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** One attempt's. */
export class AttemptTime {
  readonly #attempt: RunningAttempt;
  readonly #startedMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  constructor(attempt: RunningAttempt, startedMs: number) {
    this.#attempt = attempt;
    this.#startedMs = startedMs;
  }

  /** Stops the attempt when its time is over, if it has not ended. */
  watch(): void {
    if (this.#isOver) return;
    const { timeoutMs } = this.#attempt.job;
    const leftMs = timeoutMs - (performance.now() - this.#startedMs);
    this.#timer = setTimeout(
      () => this.#attempt.stop("timeout", `timed out after ${timeoutMs} ms`),
      Math.max(0, Math.min(leftMs, TIMER_MS_MAX)),
    );
  }

  /** The attempt has ended. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }
}

/** Those of all attempts. */
export class AttemptTimes {
  /** Begun in this turn. */
  #begun: AttemptTime[] = [];

  /** @param startedMs on the clock of `performance.now()` */
  begin(attempt: RunningAttempt, startedMs: number): AttemptTime {
    if (this.#begun.length === 0) {
      setImmediate(() => {
        const begun = this.#begun;
        this.#begun = [];
        for (const time of begun) time.watch();
      });
    }
    const time = new AttemptTime(attempt, startedMs);
    this.#begun.push(time);
    return time;
  }
}
