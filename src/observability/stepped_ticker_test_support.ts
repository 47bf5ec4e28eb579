import type { Ticker } from "./ticker.ts";

/** Time that passes when a test says so. Each step calls everyone who waits, once. */
export class SteppedTicker implements Ticker {
  readonly #works = new Set<() => void>();
  #nowMs = 1_000;

  get isIdle(): boolean {
    return this.#works.size === 0;
  }

  every(_intervalMs: number, work: () => void): () => void {
    this.#works.add(work);
    return () => void this.#works.delete(work);
  }

  now(): number {
    return this.#nowMs;
  }

  step(byMs: number): void {
    this.#nowMs += byMs;
    for (const work of this.#works) work();
  }
}
