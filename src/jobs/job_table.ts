/**
 * Jobs in memory, and the orders in which they are wanted: by id, by submission, pending ones as the
 * backlog has them, the rest by the time that something is due.
 *
 * @module
 */

import { IndexedHeap } from "./heap.ts";
import type { Backlog } from "./backlog.ts";
import { isTerminal, type JobStatus } from "./job.ts";
import type { JobRecord } from "./job_record.ts";
import { SeqList } from "./seq_list.ts";

export class JobTable {
  readonly #backlog: Backlog;
  readonly #byId = new Map<string, JobRecord>();
  readonly #bySeq = new SeqList<JobRecord>();
  readonly #waiting = new IndexedHeap<JobRecord>((a, b) =>
    a.job.notBeforeMs !== b.job.notBeforeMs
      ? a.job.notBeforeMs < b.job.notBeforeMs
      : a.job.seq < b.job.seq
  );
  /** Those that wait for other jobs: a set, since thousands may be freed by one. */
  readonly #blocked = new Set<JobRecord>();
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

  constructor(backlog: Backlog) {
    this.#backlog = backlog;
  }

  get(id: string): JobRecord | undefined {
    return this.#byId.get(id);
  }

  add(record: JobRecord): void {
    this.#byId.set(record.id, record);
    this.#bySeq.add(record.seq, record);
    this.enter(record);
  }

  remove(record: JobRecord): void {
    this.leave(record);
    this.#backlog.release(record);
    this.#byId.delete(record.id);
    this.#bySeq.remove(record.seq);
  }

  /** Takes the record out of the order of its status, before the status changes. */
  leave(record: JobRecord): void {
    this.#backlog.leave(record);
    if (record.isBlocked) this.#blocked.delete(record);
    record.heap?.remove(record);
    record.heap = undefined;
  }

  /** Puts the record into the order of its status, after the status changed. */
  enter(record: JobRecord): void {
    if (isTerminal(record.common.status)) this.#backlog.release(record);
    else this.#backlog.enter(record);
    if (record.common.status === "waiting" && record.isBlocked) {
      this.#blocked.add(record);
      return;
    }
    record.heap = this.#heapFor(record);
    record.heap?.push(record);
  }

  /** Sets whether the record waits for other jobs, and moves it if it has its place already. */
  block(record: JobRecord, isBlocked: boolean): void {
    const isPlaced = record.heap !== undefined || this.#blocked.has(record);
    if (isPlaced) this.leave(record);
    record.isBlocked = isBlocked;
    if (isPlaced) this.enter(record);
  }

  /** The waiting job that is due first; those that wait for others are not. */
  get nextDue(): JobRecord | undefined {
    return this.#waiting.peek();
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

  get waitingCount(): number {
    return this.#waiting.size + this.#blocked.size;
  }

  /** Jobs that wait for a time or for others, in no order. */
  get waiting(): readonly JobRecord[] {
    return [...this.#waiting.items(), ...this.#blocked];
  }

  #heapFor(record: JobRecord): IndexedHeap<JobRecord> | undefined {
    switch (record.common.status satisfies JobStatus) {
      case "waiting":
        return this.#waiting;
      case "assigned":
        return this.#assigned;
      case "running":
        return record.job.deadlineMs > 0 ? this.#deadlines : undefined;
      default:
        return undefined;
    }
  }
}
