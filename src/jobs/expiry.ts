import { type HeapItem, IndexedHeap } from "./heap.ts";
import type { JobRecord } from "./job_record.ts";

/** Unfinished jobs that fail at a certain time, the earliest first. */
export class Expiry {
  readonly #items = new Map<JobRecord, Item>();
  readonly #heap = new IndexedHeap<Item>((a, b) =>
    a.record.job.expiresAtMs !== b.record.job.expiresAtMs
      ? a.record.job.expiresAtMs < b.record.job.expiresAtMs
      : a.record.job.seq < b.record.job.seq
  );

  enter(record: JobRecord): void {
    if (record.common.expiresAtMs === 0) return;
    const item = { record, heapIndex: -1 };
    this.#items.set(record, item);
    this.#heap.push(item);
  }

  leave(record: JobRecord): void {
    const item = this.#items.get(record);
    if (item === undefined) return;
    this.#items.delete(record);
    this.#heap.remove(item);
  }

  /** The job that expires first. */
  get next(): JobRecord | undefined {
    return this.#heap.peek()?.record;
  }
}

interface Item extends HeapItem {
  readonly record: JobRecord;
}
