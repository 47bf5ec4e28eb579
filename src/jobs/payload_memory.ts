/**
 * Payloads of jobs that wait, beside what the store has of them. They lie side by side in slabs: an array
 * for each takes more than a small payload itself, and is for the collector what the job's record is.
 *
 * @module
 */

import type { JobRecord } from "./job_record.ts";

/** What is larger than a part of it has a slab of its own. */
const SLAB_BYTES = 64 * 1024;
const SLAB_PART = 4;
/** A slab is given up when at most one in so many of its payloads is left: those are read back. */
const STRAGGLERS_PART = 8;

/** Payloads side by side; those that left it leave gaps. */
export class PayloadSlab {
  readonly byteLength: number;
  /** Undefined: it was given up. */
  #bytes: Uint8Array | undefined;
  #used = 0;
  #payloads = 0;
  #left = 0;

  constructor(byteLength: number) {
    this.byteLength = byteLength;
    this.#bytes = new Uint8Array(byteLength);
  }

  hasRoomFor(bytes: number): boolean {
    return this.#bytes !== undefined && this.#used + bytes <= this.byteLength;
  }

  /** Copies a payload that it has room for; returns where it begins. */
  add(payload: Uint8Array): number {
    const at = this.#used;
    this.#bytes?.set(payload, at);
    this.#used += payload.byteLength;
    this.#payloads++;
    this.#left++;
    return at;
  }

  /** A payload as a part of the slab; undefined: it was given up. */
  part(at: number, bytes: number): Uint8Array | undefined {
    return this.#bytes?.subarray(at, at + bytes);
  }

  /** One of its payloads is not needed any more. */
  leave(): void {
    this.#left--;
  }

  /** Gives it up if nearly all have left it. Returns whether it is gone with this call. */
  giveUpIfFewAreLeft(): boolean {
    if (this.#bytes === undefined || this.#left * STRAGGLERS_PART > this.#payloads) return false;
    this.#bytes = undefined;
    return true;
  }
}

export class PayloadMemory {
  readonly #bytesMax: number;
  readonly #slabBytes: number;
  #bytes = 0;
  /** The slab that is being filled. */
  #open: PayloadSlab | undefined;

  /** @param bytesMax of all slabs */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#slabBytes = Math.min(SLAB_BYTES, bytesMax);
  }

  /**
   * The store has the payload, which the record holds as it came: as a part of its entry. From now on it
   * is held in a slab, or, where there is no room, by the store alone.
   */
  keep(record: JobRecord): void {
    const { payload } = record;
    const slab = payload === undefined || payload.byteLength === 0
      ? undefined
      : this.#slabFor(payload.byteLength);
    if (slab === undefined) record.leavePayload();
    else record.movePayload(slab, slab.add(payload!));
  }

  /** The payload is left to the store, or not needed at all. */
  drop(record: JobRecord): void {
    const slab = record.leavePayload();
    if (slab === undefined) return;
    slab.leave();
    if (slab !== this.#open) this.#giveUpIfFewAreLeft(slab);
  }

  #slabFor(bytes: number): PayloadSlab | undefined {
    if (SLAB_PART * bytes > this.#slabBytes) return this.#newSlab(bytes);
    if (this.#open?.hasRoomFor(bytes) !== true) {
      const full = this.#open;
      this.#open = undefined;
      if (full !== undefined) this.#giveUpIfFewAreLeft(full);
      this.#open = this.#newSlab(this.#slabBytes);
    }
    return this.#open;
  }

  #newSlab(bytes: number): PayloadSlab | undefined {
    if (this.#bytes + bytes > this.#bytesMax) return undefined;
    this.#bytes += bytes;
    return new PayloadSlab(bytes);
  }

  #giveUpIfFewAreLeft(slab: PayloadSlab): void {
    if (slab.giveUpIfFewAreLeft()) this.#bytes -= slab.byteLength;
  }
}
