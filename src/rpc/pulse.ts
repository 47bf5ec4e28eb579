/**
 * Tells a master that is slow from one that is gone. A process that is frozen, or behind a cable that
 * is cut, closes nothing and answers nothing, and a call to it would wait for its whole deadline. So
 * when nothing at all has been heard from a master for a while, it is asked something that costs it
 * nothing; only if that is not answered either is it given up.
 *
 * @module
 */

import { clearTimeout, setTimeout } from "node:timers";
import { Refusal } from "./status.ts";

export interface PulseOptions {
  /** How the master is named in what its callers are told. */
  readonly address: string;
  /** Silence after which it is asked, in ms. */
  readonly silenceMs: number;
  /** Asks it whether it lives; rejects when it does not answer in time. */
  readonly probe: () => Promise<void>;
}

/** One master, as those who wait for its answers see it. */
export class Pulse {
  readonly #options: PulseOptions;
  readonly #waiting = new Set<(why: Refusal) => void>();
  #heardMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: PulseOptions) {
    this.#options = options;
  }

  /** It said something, whatever it was. */
  heard(): void {
    this.#heardMs = performance.now();
  }

  /**
   * Calls `onGone` once, should the master be gone before the returned function is called, which
   * ends the watch.
   */
  watch(onGone: (why: Refusal) => void): () => void {
    if (this.#waiting.size === 0) this.heard(); // silence counts from when an answer is due
    this.#waiting.add(onGone);
    this.#timer ??= this.#checkAfter(this.#options.silenceMs);
    return () => this.#waiting.delete(onGone);
  }

  /** The connection is given up: whoever waits is told. */
  end(why: Refusal): void {
    clearTimeout(this.#timer);
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const onGone of waiting) onGone(why);
  }

  #checkAfter(ms: number): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => this.#check(), ms);
    timer.unref(); // nobody's program lives on for this
    return timer;
  }

  #check(): void {
    this.#timer = undefined;
    if (this.#waiting.size === 0) return;
    const { silenceMs } = this.#options;
    const silentMs = performance.now() - this.#heardMs;
    if (silentMs < silenceMs) this.#timer = this.#checkAfter(silenceMs - silentMs);
    else this.#ask(this.#heardMs);
  }

  #ask(heardMs: number): void {
    const { address, probe, silenceMs } = this.#options;
    const timer = this.#checkAfter(2 ** 31 - 1); // holds the place until the answer
    this.#timer = timer;
    const goOn = () => {
      clearTimeout(timer);
      if (this.#timer === timer) this.#timer = this.#checkAfter(silenceMs);
    };
    probe().then(() => {
      this.heard();
      goOn();
    }, () => {
      const isGone = this.#heardMs === heardMs;
      goOn();
      if (isGone) this.end(new Refusal("unavailable", `${address} has fallen silent`));
    });
  }
}
