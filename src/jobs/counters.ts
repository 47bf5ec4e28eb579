/**
 * How many jobs there are of each type and status: kept with every change, so that nobody counts.
 *
 * @module
 */

import { invariant } from "./invariant.ts";
import { JOB_STATUSES, type JobStatus } from "./job.ts";
import type { JobCounts } from "./query.ts";
import type { StoredCount } from "./store.ts";

type ByStatus = Record<JobStatus, number>;

interface TypeCount {
  readonly type: string;
  readonly byStatus: ByStatus;
  deadLetters: number;
  dirty: boolean;
}

export class Counters {
  readonly #byType = new Map<string, TypeCount>();
  readonly #byStatus: ByStatus = noJobs();
  #deadLetters = 0;
  readonly #dirty: TypeCount[] = [];

  load(counts: readonly StoredCount[]): void {
    for (const { type, byStatus, deadLetters } of counts) {
      const count = this.#countOf(type);
      JOB_STATUSES.forEach((status, number) => {
        count.byStatus[status] = byStatus[number] ?? 0;
        this.#byStatus[status] += byStatus[number] ?? 0;
      });
      count.deadLetters = deadLetters;
      this.#deadLetters += deadLetters;
    }
  }

  add(type: string, status: JobStatus, change: 1 | -1): void {
    const count = this.#countOf(type);
    count.byStatus[status] += change;
    this.#byStatus[status] += change;
    invariant(
      count.byStatus[status] >= 0,
      () => `${count.byStatus[status]} jobs of type ${type} are ${status}`,
    );
    this.#touch(count);
  }

  addDeadLetter(type: string, change: 1 | -1): void {
    const count = this.#countOf(type);
    count.deadLetters += change;
    this.#deadLetters += change;
    this.#touch(count);
  }

  /** Unfinished jobs. */
  get live(): number {
    const { waiting, pending, assigned, running } = this.#byStatus;
    return waiting + pending + assigned + running;
  }

  of(type: string | undefined, status: JobStatus | undefined): number {
    const byStatus = type === undefined ? this.#byStatus : this.#byType.get(type)?.byStatus;
    if (byStatus === undefined) return 0;
    return status === undefined ? sum(byStatus) : byStatus[status];
  }

  deadLettersOf(type: string | undefined): number {
    return type === undefined ? this.#deadLetters : this.#byType.get(type)?.deadLetters ?? 0;
  }

  snapshot(): JobCounts {
    return {
      total: sum(this.#byStatus),
      byStatus: { ...this.#byStatus },
      deadLetters: this.#deadLetters,
      byType: new Map([...this.#byType].map(([type, count]) => [type, { ...count.byStatus }])),
    };
  }

  /** Counts that changed since {@linkcode markFlushed}. */
  dirty(): StoredCount[] {
    return this.#dirty.map(stored);
  }

  markFlushed(): void {
    for (const count of this.#dirty) {
      count.dirty = false;
      if (sum(count.byStatus) === 0) this.#byType.delete(count.type);
    }
    this.#dirty.length = 0;
  }

  /** Every count that is not all zero, by type. */
  all(): StoredCount[] {
    return [...this.#byType.values()]
      .filter((count) => sum(count.byStatus) > 0)
      .sort((a, b) => (a.type < b.type ? -1 : 1))
      .map(stored);
  }

  #countOf(type: string): TypeCount {
    let count = this.#byType.get(type);
    if (count === undefined) {
      count = { type, byStatus: noJobs(), deadLetters: 0, dirty: false };
      this.#byType.set(type, count);
    }
    return count;
  }

  #touch(count: TypeCount): void {
    if (count.dirty) return;
    count.dirty = true;
    this.#dirty.push(count);
  }
}

function stored(count: TypeCount): StoredCount {
  return {
    type: count.type,
    byStatus: JOB_STATUSES.map((status) => count.byStatus[status]),
    deadLetters: count.deadLetters,
  };
}

function noJobs(): ByStatus {
  return {
    waiting: 0,
    pending: 0,
    assigned: 0,
    running: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
  };
}

function sum(byStatus: ByStatus): number {
  return byStatus.waiting + byStatus.pending + byStatus.assigned + byStatus.running +
    byStatus.completed + byStatus.failed + byStatus.cancelled;
}
