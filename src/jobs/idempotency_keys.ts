/**
 * Which job an idempotency key stands for. Keys are forgotten after a time and beyond a number, by
 * the state's own time and order, so that every replica forgets the same ones; when their rows
 * leave the store does not matter.
 *
 * @module
 */

import { scopedName } from "./namespace.ts";
import type { JobStore, StoredKey } from "./store.ts";
import { UnflushedKeys } from "./unflushed_keys.ts";

export class IdempotencyKeys {
  readonly #store: JobStore;
  readonly #retentionMs: number;
  readonly #keysMax: number;
  /** Not in the store yet. */
  readonly #unflushed = new UnflushedKeys();
  #lastKeySeq = 0;

  constructor(store: JobStore, retentionMs: number, keysMax: number) {
    this.#store = store;
    this.#retentionMs = retentionMs;
    this.#keysMax = keysMax;
  }

  load(lastKeySeq: number): void {
    this.#lastKeySeq = lastKeySeq;
  }

  get lastKeySeq(): number {
    return this.#lastKeySeq;
  }

  /** The live entry of `key` at `nowMs`. */
  find(key: string, nowMs: number): StoredKey | undefined {
    const found = this.#unflushed.find(key) ?? this.#store.findKey(key);
    return found !== undefined && this.isLive(found, nowMs) ? found : undefined;
  }

  /** From now on the key stands for the job, for as long as the Command says that made it. */
  add(
    { key, jobId, fingerprint }: Pick<StoredKey, "key" | "jobId" | "fingerprint">,
    nowMs: number,
    retentionMs: number | undefined,
  ): void {
    this.#unflushed.add({
      keySeq: ++this.#lastKeySeq,
      key,
      jobId,
      fingerprint,
      expiresAtMs: nowMs + (retentionMs ?? this.#retentionMs),
    });
  }

  /**
   * Whether each of so many keys that come together is remembered at least until the last of them has
   * come, and so is found like those that came before.
   */
  holdsTogether(keys: number, retentionMs: number | undefined): boolean {
    return keys <= this.#keysMax && (retentionMs ?? this.#retentionMs) > 0;
  }

  isLive(entry: StoredKey, nowMs: number): boolean {
    return entry.expiresAtMs > nowMs && entry.keySeq > this.expiredKeySeq;
  }

  /** Keys up to this one have given way to later ones. */
  get expiredKeySeq(): number {
    return Math.max(0, this.#lastKeySeq - this.#keysMax);
  }

  /** In ascending order; good until the next one is added. */
  get unflushed(): Iterable<StoredKey> {
    return this.#unflushed;
  }

  markFlushed(): void {
    this.#unflushed.clear();
  }
}

/** Keys of one submitter do not meet those of another, nor those of his in another namespace. */
export function submitterKey(
  namespace: string,
  submittedBy: string,
  idempotencyKey: string,
): string {
  return JSON.stringify([scopedName(namespace, submittedBy), idempotencyKey]);
}

/** Nor do those of triggered schedules meet those of submissions. */
export function triggerKey(namespace: string, schedule: string, idempotencyKey: string): string {
  return JSON.stringify(["trigger", scopedName(namespace, schedule), idempotencyKey]);
}
