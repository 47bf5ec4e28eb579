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
/**
 * A slab is given up when at most one in so many of its payloads is left: those are read back, so the
 * store must have them.
 */
const STRAGGLERS_PART = 8;

/** Payloads side by side; those that left it leave gaps. */
export class PayloadSlab {
  readonly byteLength: number;
  /** Undefined: it was given up. */
  #bytes: Uint8Array | undefined;
  #used = 0;
  #payloads = 0;
  #left = 0;
  /** The store is yet to get some of its payloads. */
  awaitsStore = false;
  /** Only until the store has its payloads. */
  readonly isPassing: boolean;

  constructor(byteLength: number, { isPassing = false } = {}) {
    this.byteLength = byteLength;
    this.isPassing = isPassing;
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

  /**
   * Gives it up if nearly all have left it and the store has the rest. Returns whether it is gone with
   * this call.
   */
  giveUpIfFewAreLeft(): boolean {
    if (this.#bytes === undefined || this.awaitsStore) return false;
    if (this.#left * STRAGGLERS_PART > this.#payloads) return false;
    this.giveUp();
    return true;
  }

  giveUp(): void {
    this.#bytes = undefined;
  }
}

export class PayloadMemory {
  readonly #bytesMax: number;
  readonly #slabBytes: number;
  #bytes = 0;
  /** The slab that is being filled. */
  #open: PayloadSlab | undefined;
  /** Those with payloads that the store is yet to get. */
  readonly #awaiting = new Set<PayloadSlab>();
  /** For those that find no room, until the store has them: they would keep their whole entry. */
  #passing: PayloadSlab[] = [];

  /** @param bytesMax of all slabs but those of payloads that the store is yet to get */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#slabBytes = Math.min(SLAB_BYTES, bytesMax);
  }

  /**
   * Takes the payload of a new job out of its entry. One that makes up most of its entry stays a part of
   * it until the store has it: most jobs under load are finished by then.
   */
  take(record: JobRecord): void {
    const { payload, payloadBytes } = record;
    if (payload === undefined) return;
    if (payloadBytes === 0) record.leavePayload();
    else if (this.#isSmall(payloadBytes)) this.#await(record, payload, this.#slabFor(payloadBytes));
  }

  /** The store has the payload: one that is still a part of its entry leaves it. */
  settle(record: JobRecord): void {
    if (record.payloadSlab !== undefined) return;
    const { payload, payloadBytes } = record;
    if (payload === undefined) return;
    const slab = this.#newSlab(payloadBytes);
    if (slab === undefined) record.leavePayload();
    else this.#move(record, payload, slab);
  }

  /** The payload is not needed any more. */
  drop(record: JobRecord): void {
    const slab = record.payloadSlab;
    record.leavePayload();
    if (slab === undefined) return;
    slab.leave();
    if (slab !== this.#open && !slab.isPassing) this.#giveUpIfFewAreLeft(slab);
  }

  /** The store has all of them: what found no room is read back from now on. */
  markFlushed(): void {
    for (const slab of this.#awaiting) {
      slab.awaitsStore = false;
      if (slab !== this.#open) this.#giveUpIfFewAreLeft(slab);
    }
    this.#awaiting.clear();
    for (const slab of this.#passing) slab.giveUp();
    this.#passing = [];
  }

  #isSmall(bytes: number): boolean {
    return SLAB_PART * bytes <= this.#slabBytes;
  }

  /** The store is yet to get it, from the slab. */
  #await(record: JobRecord, payload: Uint8Array, slab: PayloadSlab): void {
    this.#move(record, payload, slab);
    if (slab.isPassing) return;
    slab.awaitsStore = true;
    this.#awaiting.add(slab);
  }

  #move(record: JobRecord, payload: Uint8Array, slab: PayloadSlab): void {
    record.movePayload(slab, slab.add(payload));
  }

  #slabFor(bytes: number): PayloadSlab {
    if (this.#open?.hasRoomFor(bytes) === true) return this.#open;
    const full = this.#open;
    this.#open = undefined;
    if (full !== undefined) this.#giveUpIfFewAreLeft(full);
    this.#open = this.#newSlab(this.#slabBytes);
    return this.#open ?? this.#passingFor(bytes);
  }

  #newSlab(bytes: number): PayloadSlab | undefined {
    if (this.#bytes + bytes > this.#bytesMax) return undefined;
    this.#bytes += bytes;
    return new PayloadSlab(bytes);
  }

  #passingFor(bytes: number): PayloadSlab {
    let slab = this.#passing.at(-1);
    if (slab?.hasRoomFor(bytes) !== true) {
      slab = new PayloadSlab(this.#slabBytes, { isPassing: true });
      this.#passing.push(slab);
    }
    return slab;
  }

  #giveUpIfFewAreLeft(slab: PayloadSlab): void {
    if (slab.giveUpIfFewAreLeft()) this.#bytes -= slab.byteLength;
  }
}
