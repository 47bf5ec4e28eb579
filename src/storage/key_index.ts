/**
 * Which rows may hold an idempotency key, by its hash. Every submission asks for its key, and nearly
 * every answer is "nobody has it": so the question is answered from memory, and an index in the file,
 * which would be a third of what it costs to write a key, is not kept.
 *
 * 12 bytes a slot, at most two slots in three of them taken: 32 MB for a million keys.
 */

import { hash32 } from "../jobs/mod.ts";

const SLOTS_MIN = 1_024;

export class KeyIndex {
  /** 0: the slot is free. */
  #seqs = new Float64Array(SLOTS_MIN);
  #hashes = new Uint32Array(SLOTS_MIN);
  #taken = 0;
  /** Rows up to this one are gone. */
  #goneThrough = 0;

  /** The row `seq`, above 0, holds `key`. */
  add(key: string, seq: number): void {
    if (3 * (this.#taken + 1) > 2 * this.#seqs.length) this.#makeRoom();
    this.#put(hash32(key), seq);
  }

  /** Rows that may hold `key`, the latest first: mostly none, hardly ever one that does not. */
  candidates(key: string): readonly number[] {
    const hash = hash32(key);
    const mask = this.#seqs.length - 1;
    let found: number[] | undefined;
    for (let slot = hash & mask; this.#seqs[slot] !== 0; slot = (slot + 1) & mask) {
      const seq = this.#seqs[slot]!;
      if (this.#hashes[slot] === hash && seq > this.#goneThrough) (found ??= []).push(seq);
    }
    return found?.sort((a, b) => b - a) ?? NONE;
  }

  /** Rows up to `seq` were removed. */
  goneThrough(seq: number): void {
    this.#goneThrough = Math.max(this.#goneThrough, seq);
  }

  #put(hash: number, seq: number): void {
    const mask = this.#seqs.length - 1;
    let slot = hash & mask;
    while (this.#seqs[slot] !== 0) slot = (slot + 1) & mask;
    this.#seqs[slot] = seq;
    this.#hashes[slot] = hash;
    this.#taken++;
  }

  /** Leaves out what is gone; grows if that is not much. */
  #makeRoom(): void {
    const [seqs, hashes] = [this.#seqs, this.#hashes];
    const isLeft = (seq: number) => seq > this.#goneThrough;
    const left = seqs.reduce((count, seq) => count + (isLeft(seq) ? 1 : 0), 0);
    const slots = 3 * left > seqs.length ? 2 * seqs.length : seqs.length;
    this.#seqs = new Float64Array(slots);
    this.#hashes = new Uint32Array(slots);
    this.#taken = 0;
    seqs.forEach((seq, slot) => {
      if (isLeft(seq)) this.#put(hashes[slot]!, seq);
    });
  }
}

const NONE: readonly number[] = [];
