/**
 * Token buckets in replicated time. All that is kept of one is the time at which it will be full
 * again (the "theoretical arrival time" of GCRA, ITU-T I.371): a start moves it on by what one token
 * takes to come back, and is allowed while it is not further ahead than the other tokens take. So
 * jobs that name different rates for one key share a bucket, each held to its own rate.
 *
 * Times are whole microseconds; what a token takes is rounded up, so that no rate is exceeded.
 *
 * @module
 */

import { type HeapItem, IndexedHeap } from "./heap.ts";
import type { RateLimit } from "./job_options.ts";
import type { RecordSet } from "./record_set.ts";

const BUCKET = "rate_bucket";
/** What one token may take at most, so that numbers stay exact: a year. */
const TOKEN_US_MAX = 366 * 24 * 60 * 60 * 1_000_000;
/** Buckets that are forgotten at a time; the rest follow. */
const FORGOTTEN_AT_A_TIME_MAX = 5000;

export class Bucket implements HeapItem {
  heapIndex = -1;
  readonly key: string;
  fullAtUs = 0;
  /** Who waits for it and is to be told when it changes. */
  readonly waiters = new Set<() => void>();

  constructor(key: string) {
    this.key = key;
  }
}

export class RateBuckets {
  readonly #byKey = new Map<string, Bucket>();
  readonly #filling = new IndexedHeap<Bucket>((a, b) =>
    a.fullAtUs !== b.fullAtUs ? a.fullAtUs < b.fullAtUs : a.key < b.key
  );
  readonly #unsaved = new Set<string>();

  load(records: RecordSet): void {
    for (const { key, value } of records.ofKind(BUCKET)) {
      const bucket = this.of(key);
      bucket.fullAtUs = Number(value);
      this.#filling.push(bucket);
    }
  }

  of(key: string): Bucket {
    let bucket = this.#byKey.get(key);
    if (bucket === undefined) {
      bucket = new Bucket(key);
      this.#byKey.set(key, bucket);
    }
    return bucket;
  }

  /** Takes a token, whether there is one or not. */
  take(bucket: Bucket, rate: RateLimit, nowMs: number): void {
    bucket.fullAtUs = Math.max(bucket.fullAtUs, nowMs * 1000) + tokenUs(rate);
    if (bucket.heapIndex === -1) this.#filling.push(bucket);
    else this.#filling.reposition(bucket);
    this.#unsaved.add(bucket.key);
    for (const tell of bucket.waiters) tell();
  }

  /**
   * Lets a bucket be no emptier than this rate can make it (`null`: full), so that what was used up under a
   * slower one holds nothing up.
   */
  ease(key: string, rate: RateLimit | null, nowMs: number): void {
    const bucket = this.#byKey.get(key);
    const latestUs = isLimiting(rate) ? nowMs * 1000 + spareUs(rate) + tokenUs(rate) : 0;
    if (bucket === undefined || bucket.fullAtUs <= latestUs) return;
    bucket.fullAtUs = latestUs;
    if (latestUs > 0) this.#filling.reposition(bucket);
    else this.#filling.remove(bucket);
    this.#unsaved.add(key);
    for (const tell of bucket.waiters) tell();
    this.dropIfUnused(bucket);
  }

  /** Forgets buckets that are full: they are like such as never were. */
  advance(nowMs: number): void {
    for (let forgotten = 0; forgotten < FORGOTTEN_AT_A_TIME_MAX; forgotten++) {
      const bucket = this.#filling.peek();
      if (bucket === undefined || bucket.fullAtUs > nowMs * 1000) return;
      this.#filling.remove(bucket);
      bucket.fullAtUs = 0;
      this.#unsaved.add(bucket.key);
      this.dropIfUnused(bucket);
    }
  }

  dropIfUnused(bucket: Bucket): void {
    if (bucket.fullAtUs === 0 && bucket.waiters.size === 0) this.#byKey.delete(bucket.key);
  }

  /** Puts what changed where the flush and the digest find it. */
  save(records: RecordSet): void {
    for (const key of this.#unsaved) {
      const fullAtUs = this.#byKey.get(key)?.fullAtUs ?? 0;
      if (fullAtUs > 0) records.put(BUCKET, key, fullAtUs);
      else records.remove(BUCKET, key);
    }
    this.#unsaved.clear();
  }
}

/** Whether it limits at all. */
export function isLimiting(rate: RateLimit | null): rate is RateLimit {
  return rate !== null && rate.count > 0 && rate.perMs > 0;
}

/** From when on a start is allowed, in ms; past: now. */
export function nextStartMs({ fullAtUs }: Bucket, rate: RateLimit): number {
  return Math.ceil((fullAtUs - spareUs(rate)) / 1000);
}

/** How far the bucket may still be moved on before a start, in µs; below 0: no start now. */
export function leftUs({ fullAtUs }: Bucket, rate: RateLimit, nowMs: number): number {
  const nowUs = nowMs * 1000;
  return nowUs + spareUs(rate) - Math.max(fullAtUs, nowUs);
}

/** What one token takes to come back. */
export function tokenUs({ count, perMs }: RateLimit): number {
  return Math.min(Math.ceil(perMs * 1000 / count), TOKEN_US_MAX);
}

/** What all tokens but one take. */
function spareUs(rate: RateLimit): number {
  return tokenUs(rate) * (Math.max(1, rate.burst) - 1);
}
