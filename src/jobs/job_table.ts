/**
 * Jobs in memory, and the orders in which they are wanted: by id, by submission, pending ones by
 * who may run them and what comes first, the rest by the time that something is due.
 *
 * @module
 */

import { IndexedHeap } from "./heap.ts";
import type { JobStatus, StringMap } from "./job.ts";
import type { JobRecord } from "./job_record.ts";
import { SeqList } from "./seq_list.ts";
import type { PendingJob, PendingQueue } from "./view.ts";

export class JobTable {
  readonly #byId = new Map<string, JobRecord>();
  readonly #bySeq = new SeqList<JobRecord>();
  readonly #queues = new Map<string, Queue>();
  readonly #waiting = new IndexedHeap<JobRecord>((a, b) => {
    if (a.isBlocked !== b.isBlocked) return b.isBlocked;
    return a.job.notBeforeMs !== b.job.notBeforeMs
      ? a.job.notBeforeMs < b.job.notBeforeMs
      : a.job.seq < b.job.seq;
  });
  readonly #assigned = new IndexedHeap<JobRecord>((a, b) =>
    a.job.assignedAtMs !== b.job.assignedAtMs
      ? a.job.assignedAtMs < b.job.assignedAtMs
      : a.job.seq < b.job.seq
  );
  readonly #deadlines = new IndexedHeap<JobRecord>((a, b) =>
    a.job.deadlineMs !== b.job.deadlineMs
      ? a.job.deadlineMs < b.job.deadlineMs
      : a.job.seq < b.job.seq
  );

  get(id: string): JobRecord | undefined {
    return this.#byId.get(id);
  }

  add(record: JobRecord): void {
    this.#byId.set(record.job.id, record);
    this.#bySeq.add(record.job.seq, record);
    this.enter(record);
  }

  remove(record: JobRecord): void {
    this.leave(record);
    this.#byId.delete(record.job.id);
    this.#bySeq.remove(record.job.seq);
  }

  /** Takes the record out of the order of its status, before the status changes. */
  leave(record: JobRecord): void {
    const heap = record.heap;
    if (heap === undefined) return;
    heap.remove(record);
    record.heap = undefined;
    if (heap.size === 0 && record.job.status === "pending") this.#queues.delete(record.queueKey);
  }

  /** Puts the record into the order of its status, after the status changed. */
  enter(record: JobRecord): void {
    const heap = this.#heapFor(record);
    if (heap === undefined) return;
    record.heap = heap;
    heap.push(record);
  }

  get queues(): Iterable<PendingQueue> {
    return this.#queues.values();
  }

  /** The waiting job that is due first; those that wait for others are not. */
  get nextDue(): JobRecord | undefined {
    const first = this.#waiting.peek();
    return first?.isBlocked === true ? undefined : first;
  }

  get all(): SeqList<JobRecord> {
    return this.#bySeq;
  }

  /** Assigned attempts, the oldest assignment first. */
  inAssignmentOrder(): Iterator<JobRecord> {
    return this.#assigned.inOrder();
  }

  /** Running attempts that have a deadline, the earliest first. */
  inDeadlineOrder(): Iterator<JobRecord> {
    return this.#deadlines.inOrder();
  }

  /** Jobs that wait for a time or for others, in no order. */
  get waiting(): readonly JobRecord[] {
    return this.#waiting.items();
  }

  #heapFor(record: JobRecord): IndexedHeap<JobRecord> | undefined {
    switch (record.job.status satisfies JobStatus) {
      case "waiting":
        return this.#waiting;
      case "pending":
        return this.#queueFor(record).heap;
      case "assigned":
        return this.#assigned;
      case "running":
        return record.job.deadlineMs > 0 ? this.#deadlines : undefined;
      default:
        return undefined;
    }
  }

  #queueFor(record: JobRecord): Queue {
    let queue = this.#queues.get(record.queueKey);
    if (queue === undefined) {
      queue = new Queue(record.job.type, record.job.requiredTags);
      this.#queues.set(record.queueKey, queue);
    }
    return queue;
  }
}

/** Higher priority first, then in order of submission. */
function comesBefore(a: JobRecord, b: JobRecord): boolean {
  return a.job.priority !== b.job.priority
    ? a.job.priority > b.job.priority
    : a.job.seq < b.job.seq;
}

class Queue implements PendingQueue {
  readonly type: string;
  readonly requiredTags: StringMap;
  readonly heap = new IndexedHeap<JobRecord>(comesBefore);

  constructor(type: string, requiredTags: StringMap) {
    this.type = type;
    this.requiredTags = requiredTags;
  }

  get size(): number {
    return this.heap.size;
  }

  inOrder(): Iterator<PendingJob> {
    const records = this.heap.inOrder();
    return {
      next(): IteratorResult<PendingJob> {
        const step = records.next();
        return step.done === true ? step : { done: false, value: step.value.job };
      },
    };
  }
}
