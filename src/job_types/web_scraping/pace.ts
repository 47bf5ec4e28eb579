/**
 * How fast a crawl may ask.
 *
 * @module
 */

import { pause } from "../pause.ts";

/** Keeps the starts of requests to one origin apart, whoever makes them. */
export class Pace {
  readonly #delayMs: number;
  readonly #signal: AbortSignal;
  /** By origin: when the next request may start, by the process's own clock. */
  readonly #freeAtMs = new Map<string, number>();

  constructor(delayMs: number, signal: AbortSignal) {
    this.#delayMs = delayMs;
    this.#signal = signal;
  }

  /**
   * Resolves when a request to the URL's origin may start, and counts it as started. Those who wait
   * together go one after the other.
   *
   * @param wishMs the delay that the origin itself asks for.
   */
  async wait({ origin }: URL, wishMs: number): Promise<void> {
    const nowMs = performance.now();
    const startMs = Math.max(nowMs, this.#freeAtMs.get(origin) ?? 0);
    this.#freeAtMs.set(origin, startMs + Math.max(this.#delayMs, wishMs));
    if (startMs > nowMs) await pause(startMs - nowMs, this.#signal);
    this.#signal.throwIfAborted();
  }

  /** Lets nobody ask the URL's origin for so long, in ms from now. */
  holdOff({ origin }: URL, ms: number): void {
    const untilMs = performance.now() + ms;
    this.#freeAtMs.set(origin, Math.max(untilMs, this.#freeAtMs.get(origin) ?? 0));
  }
}
