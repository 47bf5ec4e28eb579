/** Simulated time: events in order of their time, and of their making when times are equal. */

import { Random } from "./random.ts";

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** One run's clock, chance and trace. */
export class World {
  readonly random: Random;
  nowMs = 0;
  events = 0;
  /** The last lines of the trace, for a failing seed. */
  readonly recent: string[] = [];
  #heap: Event[] = [];
  #order = 0;
  #hashLow = 0x811c9dc5;
  #hashHigh = 0x1000193;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  /** Runs `run` after `delayMs` of simulated time. */
  after(delayMs: number, run: () => void): void {
    this.#push({ atMs: this.nowMs + delayMs, order: this.#order++, run });
  }

  /** Runs the next event, if there is one before `untilMs`. */
  step(untilMs: number): boolean {
    const next = this.#heap[0];
    if (next === undefined || next.atMs > untilMs) {
      this.nowMs = Math.max(this.nowMs, untilMs);
      return false;
    }
    this.#pop();
    this.nowMs = next.atMs;
    this.events++;
    next.run();
    return true;
  }

  /** Runs all events up to `untilMs`. */
  runUntil(untilMs: number): void {
    while (this.step(untilMs));
  }

  /** A line of the trace. Two runs are the same if their traces are. */
  trace(line: string): void {
    const text = `${this.nowMs.toFixed(3)} ${line}`;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      this.#hashLow = Math.imul(this.#hashLow ^ code, 0x01000193);
      this.#hashHigh = Math.imul(this.#hashHigh ^ code, 0x85ebca6b) + 1 | 0;
    }
    this.recent.push(text);
    if (this.recent.length > 4000) this.recent.splice(0, 2000);
  }

  /** Of the trace so far. */
  get traceHash(): string {
    const digits = (value: number) => (value >>> 0).toString(16).padStart(8, "0");
    return digits(this.#hashHigh) + digits(this.#hashLow);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    heap.push(event);
    let at = heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent])) break;
      heap[at] = heap[parent] ?? event;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    while (true) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && before(right, heap[child])) child++;
      const candidate = heap[child];
      if (candidate === undefined || !before(candidate, last)) break;
      heap[at] = candidate;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Event, b: Event | undefined): boolean {
  if (b === undefined) return true;
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
