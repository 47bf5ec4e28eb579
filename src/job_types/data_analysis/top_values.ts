/**
 * The most frequent of many values, in the memory of the few.
 *
 * @module
 */

import type { StoredValue } from "./cells.ts";

/** A value and how often it occurs. */
export interface Frequency<Value> {
  readonly value: Value;
  readonly count: number;
}

/** Keeps the `size` most frequent values; of equally frequent ones the lesser. */
export class TopValues<Value extends StoredValue> {
  readonly #size: number;
  #best: Frequency<Value>[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  /** Each value must be added once. */
  add(value: Value, count: number): void {
    if (this.#size === 0) return;
    const added = { value, count };
    const last = this.#best[this.#size - 1];
    if (last !== undefined && compareFrequency(added, last) >= 0) return;
    let at = this.#best.length;
    while (at > 0 && compareFrequency(added, this.#best[at - 1]!) < 0) at--;
    this.#best.splice(at, 0, added);
    if (this.#best.length > this.#size) this.#best.pop();
  }

  /** Most frequent first. */
  list(): readonly Frequency<Value>[] {
    return this.#best;
  }
}

function compareFrequency(a: Frequency<StoredValue>, b: Frequency<StoredValue>): number {
  return b.count - a.count || compareText(a.value, b.value);
}

/** Numbers by size, texts by code point as SQLite does it (JavaScript compares UTF-16 units). */
export function compareText(a: StoredValue, b: StoredValue): number {
  if (typeof a === "string" && typeof b === "string") {
    for (let at = 0; at < a.length && at < b.length; at++) {
      const [unitOfA, unitOfB] = [a.charCodeAt(at), b.charCodeAt(at)];
      if (unitOfA === unitOfB) continue;
      // Surrogates stand for code points beyond all that a single unit can be.
      const [isHighA, isHighB] = [isSurrogate(unitOfA), isSurrogate(unitOfB)];
      return isHighA === isHighB ? unitOfA - unitOfB : isHighA ? 1 : -1;
    }
    return a.length - b.length;
  }
  return a === b || a === null || b === null ? 0 : a < b ? -1 : 1;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}
