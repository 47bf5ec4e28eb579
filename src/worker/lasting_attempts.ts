/**
 * Attempts that outlast the turn of the event loop in which they began. Only for those is a timer set that
 * ends them when their time is over, and only of those is the master told that they have started: most of
 * what runs inline is over by then, and its end says all.
 *
 * @module
 */

import type { RunningAttempt } from "./running_attempt.ts";

/** A timer set for longer, some 24 days, would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** One attempt, as far as it lasts. */
class LastingAttempt {
  readonly attempt: RunningAttempt;
  readonly #startedMs: number;
  readonly #timerMsMax: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  constructor(attempt: RunningAttempt, startedMs: number, timerMsMax: number) {
    this.attempt = attempt;
    this.#startedMs = startedMs;
    this.#timerMsMax = timerMsMax;
  }

  /** It has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Stops the attempt when its time is over, if it has any. */
  watch(): void {
    const { timeoutMs } = this.attempt.job;
    if (timeoutMs <= 0) return;
    const leftMs = timeoutMs - (performance.now() - this.#startedMs);
    if (leftMs > this.#timerMsMax) {
      this.#timer = setTimeout(() => this.watch(), this.#timerMsMax);
      return;
    }
    this.#timer = setTimeout(
      () => this.attempt.stop("timeout", `timed out after ${timeoutMs} ms`),
      Math.max(0, leftMs),
    );
  }

  /** The attempt has ended. */
  end(): void {
    this.#isOver = true;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
  }
}

/** Those of a worker. */
export class LastingAttempts {
  readonly #onLasting: (attempt: RunningAttempt) => void;
  readonly #timerMsMax: number;
  /** Begun in this turn. */
  #begun: LastingAttempt[] = [];

  /** @param onLasting told of each that outlasts its first turn */
  constructor(onLasting: (attempt: RunningAttempt) => void, timerMsMax = TIMER_MS_MAX) {
    this.#onLasting = onLasting;
    this.#timerMsMax = timerMsMax;
  }

  /** @param startedMs on the clock of `performance.now()` */
  begin(attempt: RunningAttempt, startedMs: number): LastingAttempt {
    if (this.#begun.length === 0) setImmediate(() => this.#turnIsOver());
    const lasting = new LastingAttempt(attempt, startedMs, this.#timerMsMax);
    this.#begun.push(lasting);
    return lasting;
  }

  #turnIsOver(): void {
    const begun = this.#begun;
    this.#begun = [];
    for (const lasting of begun) {
      if (lasting.isOver) continue;
      lasting.watch();
      this.#onLasting(lasting.attempt);
    }
  }
}
