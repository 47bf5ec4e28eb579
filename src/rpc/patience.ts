/**
 * Waiting for room: what a full cluster refuses is tried again when it says, for as long as the caller
 * is patient.
 *
 * @module
 */

import { pause } from "./pause.ts";
import { Refusal } from "./status.ts";

/** How long to go on, on a clock that does not jump. */
export class Patience {
  readonly #endMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #random: () => number;
  #pauseMs = PAUSE_MS_MIN;

  /**
   * @param patienceMs 0: none
   * @param random spreads those who were turned away together
   */
  constructor(patienceMs: number, signal?: AbortSignal, random: () => number = Math.random) {
    this.#endMs = performance.now() + patienceMs;
    this.#signal = signal;
    this.#random = random;
  }

  /** Waits before another try; resolves to false, at once, when there is no time for one. */
  async wait(retryAfterMs = 0): Promise<boolean> {
    const pauseMs = Math.max(retryAfterMs, this.#pauseMs) * (1 + this.#random() / 4);
    if (performance.now() + pauseMs > this.#endMs) return false;
    this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSE_MS_MAX);
    await pause(pauseMs, this.#signal);
    return true;
  }

  /** Tries until it is not refused for want of room, or patience ends. */
  async until<Answer>(attempt: () => Promise<Answer>): Promise<Answer> {
    while (true) {
      try {
        return await attempt();
      } catch (failure) {
        const isFull = failure instanceof Refusal && failure.reason === "overloaded" &&
          failure.retryAfterMs !== undefined;
        if (!isFull || !await this.wait(failure.retryAfterMs)) throw failure;
      }
    }
  }
}

const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 10_000;
