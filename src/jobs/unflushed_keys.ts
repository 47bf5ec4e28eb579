/**
 * Idempotency keys that the store does not have yet, found by their text. Every submission has one, and
 * all of them wait for the flush: so they lie side by side in a few arrays, where an object for each,
 * and an entry in a map, are what the collector has to copy and to mark.
 *
 * @module
 */

import { hash32 } from "./digest.ts";
import type { StoredKey } from "./store.ts";

const SLOTS_MIN = 4_096;

export class UnflushedKeys implements Iterable<StoredKey> {
  /** Number of the first less 1: they come one after the other. */
  #base = 0;
  /** Undefined: the key was used again. */
  #texts: (string | undefined)[] = [];
  #jobIds: string[] = [];
  #fingerprints: string[] = [];
  #expiresAtMs: number[] = [];
  /** Of each slot the hash and the place plus 1; 0: the slot is free. At most one in two is taken. */
  #slots = new Uint32Array(2 * SLOTS_MIN);

  /** The entry under `key`, live or expired. */
  find(key: string): StoredKey | undefined {
    const place = this.#slots[this.#slotOf(hash32(key), key) + 1]! - 1;
    return place === -1 ? undefined : this.#at(place);
  }

  /** Puts an entry in the place of that under the same key. Its `keySeq` is one more than the last. */
  add({ keySeq, key, jobId, fingerprint, expiresAtMs }: StoredKey): void {
    const place = this.#texts.length;
    if (place === 0) this.#base = keySeq - 1;
    if (4 * (place + 1) > this.#slots.length) this.#grow();
    this.#texts.push(key);
    this.#jobIds.push(jobId);
    this.#fingerprints.push(fingerprint);
    this.#expiresAtMs.push(expiresAtMs);
    const hash = hash32(key);
    const slot = this.#slotOf(hash, key);
    const replaced = this.#slots[slot + 1]! - 1;
    if (replaced !== -1) this.#texts[replaced] = undefined;
    this.#slots[slot] = hash;
    this.#slots[slot + 1] = place + 1;
  }

  /** In the order in which they came, each made as it is asked for. It must not change meanwhile. */
  *[Symbol.iterator](): Generator<StoredKey> {
    for (let place = 0; place < this.#texts.length; place++) {
      if (this.#texts[place] !== undefined) yield this.#at(place);
    }
  }

  clear(): void {
    if (this.#texts.length === 0) return;
    this.#texts = [];
    this.#jobIds = [];
    this.#fingerprints = [];
    this.#expiresAtMs = [];
    this.#slots.fill(0);
  }

  #at(place: number): StoredKey {
    return {
      keySeq: this.#base + place + 1,
      key: this.#texts[place]!,
      jobId: this.#jobIds[place]!,
      fingerprint: this.#fingerprints[place]!,
      expiresAtMs: this.#expiresAtMs[place]!,
    };
  }

  /** Where the key is, or the free slot where it would be. */
  #slotOf(hash: number, key: string): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = 2 * hash & mask;
    while (slots[at + 1] !== 0) {
      if (slots[at] === hash && this.#texts[slots[at + 1]! - 1] === key) return at;
      at = at + 2 & mask;
    }
    return at;
  }

  #grow(): void {
    this.#slots = new Uint32Array(2 * this.#slots.length);
    this.#texts.forEach((key, place) => {
      if (key === undefined) return;
      const hash = hash32(key);
      const slot = this.#slotOf(hash, key);
      this.#slots[slot] = hash;
      this.#slots[slot + 1] = place + 1;
    });
  }
}
