/**
 * How many streams each caller has open. They last as long as their callers wish, so that no limit of
 * calls a second bounds what they hold.
 *
 * @module
 */

import { Refusal } from "./status.ts";

/** After so long one may have ended, in ms. */
const RETRY_AFTER_MS = 2_000;

export class StreamCount {
  readonly #max: number;
  readonly #ofCaller = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Counts one more; returns how to count it no more.
   *
   * @param who as who counts knows the caller
   * @param name for the message
   * @throws Refusal `overloaded` when there are as many as there may be
   */
  enter(who: string, name: string): () => void {
    const open = this.#ofCaller.get(who) ?? 0;
    if (open >= this.#max) {
      throw new Refusal(
        "overloaded",
        `"${name}" has ${open} streams open here, and may have no more (four times ` +
          "security.connections.max_streams): close one, or ask again",
        { retryAfterMs: RETRY_AFTER_MS },
      );
    }
    this.#ofCaller.set(who, open + 1);
    return () => {
      const left = (this.#ofCaller.get(who) ?? 1) - 1;
      if (left > 0) this.#ofCaller.set(who, left);
      else this.#ofCaller.delete(who);
    };
  }
}
