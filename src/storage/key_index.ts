/**
 * Which rows may hold an idempotency key, by its hash. Every submission asks for its key, and nearly
 * every answer is "nobody has it": so the question is answered from memory, and an index in the file,
 * which would be a third of what it costs to write a key, is not kept.
 *
 * 8 bytes a slot, side by side since each look is a miss of the processor's cache; at most two slots in
 * three of them taken: 16 MB for a million keys.
 */

import { hash32 } from "../jobs/mod.ts";

const SLOTS_MIN = 1_024;
/** Numbers from the first that may be in a table on that it can hold. */
const SPAN_MAX = 2 ** 32 - 1;

export class KeyIndex {
  /** Of each slot the hash, and the row's number less `#base`; 0: the slot is free. */
  #slots = new Uint32Array(2 * SLOTS_MIN);
  /** Below the numbers of all rows that are in it and not gone. */
  #base = 0;
  #taken = 0;
  /** Rows up to this one are gone. */
  #goneThrough = 0;

  /** The row `seq`, above 0, holds `key`. */
  add(key: string, seq: number): void {
    if (seq <= this.#goneThrough) return;
    const isFull = 3 * (this.#taken + 1) > this.#slots.length;
    if (isFull || seq - this.#base > SPAN_MAX) this.#makeRoom();
    this.#put(hash32(key), seq);
  }

  /** Rows that may hold `key`, the latest first: mostly none, hardly ever one that does not. */
  candidates(key: string): readonly number[] {
    const hash = hash32(key);
    const slots = this.#slots;
    const mask = slots.length - 1;
    let found: number[] | undefined;
    for (let at = 2 * hash & mask; slots[at + 1] !== 0; at = at + 2 & mask) {
      if (slots[at] !== hash) continue;
      const seq = this.#base + slots[at + 1]!;
      if (seq > this.#goneThrough) (found ??= []).push(seq);
    }
    return found?.sort((a, b) => b - a) ?? NONE;
  }

  /** Rows up to `seq` were removed. */
  goneThrough(seq: number): void {
    this.#goneThrough = Math.max(this.#goneThrough, seq);
  }

  #put(hash: number, seq: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = 2 * hash & mask;
    while (slots[at + 1] !== 0) at = at + 2 & mask;
    slots[at] = hash;
    slots[at + 1] = seq - this.#base;
    this.#taken++;
  }

  /** Leaves out what is gone; grows if that is not much. */
  #makeRoom(): void {
    const [slots, base] = [this.#slots, this.#base];
    let left = 0;
    for (let at = 1; at < slots.length; at += 2) {
      if (slots[at] !== 0 && base + slots[at]! > this.#goneThrough) left++;
    }
    this.#slots = new Uint32Array(6 * left > slots.length ? 2 * slots.length : slots.length);
    this.#base = this.#goneThrough;
    this.#taken = 0;
    for (let at = 0; at < slots.length; at += 2) {
      const seq = base + slots[at + 1]!;
      if (slots[at + 1] !== 0 && seq > this.#goneThrough) this.#put(slots[at]!, seq);
    }
  }
}

const NONE: readonly number[] = [];
