/**
 * How many jobs there are of each type and status: kept with every change, so that nobody counts.
 *
 * @module
 */

import { inconsistent } from "./invariant.ts";
import { type Job, JOB_STATUSES, type JobStatus } from "./job.ts";
import { DEFAULT_NAMESPACE } from "./namespace.ts";
import type { JobCounts } from "./query.ts";
import type { StoredCount } from "./store.ts";

type ByStatus = Record<JobStatus, number>;

interface TypeCount {
  readonly type: string;
  readonly namespace?: string;
  readonly byStatus: ByStatus;
  deadLetters: number;
  dirty: boolean;
}

/** What is counted of a job. */
export type Counted = Pick<Job, "type" | "namespace">;

/** Jobs of all types, or of one; of some namespaces. Fields left out do not narrow. */
export interface CountFilter {
  readonly type?: string | undefined;
  readonly namespaces?: readonly string[] | undefined;
}

/** Of all jobs, and of those of each namespace but the default one, which has the rest. */
export class Counters {
  readonly #dirty: TypeCount[] = [];
  readonly #all = new Tally(undefined, this.#dirty);
  readonly #byNamespace = new Map<string, Tally>();

  load(counts: readonly StoredCount[]): void {
    for (const count of counts) this.#tallyOf(count.namespace).load(count);
  }

  add(job: Counted, status: JobStatus, change: 1 | -1): void {
    this.#all.add(job.type, status, change);
    if (job.namespace === DEFAULT_NAMESPACE) return;
    this.#tallyOf(job.namespace).add(job.type, status, change);
  }

  addDeadLetter(job: Counted, change: 1 | -1): void {
    this.#all.addDeadLetter(job.type, change);
    if (job.namespace === DEFAULT_NAMESPACE) return;
    this.#tallyOf(job.namespace).addDeadLetter(job.type, change);
  }

  /** Unfinished jobs. */
  get live(): number {
    return this.#all.live;
  }

  of({ type, namespaces }: CountFilter, status: JobStatus | undefined): number {
    return this.#sum(namespaces, (tally) => tally.of(type, status));
  }

  deadLettersOf({ type, namespaces }: CountFilter): number {
    return this.#sum(namespaces, (tally) => tally.deadLettersOf(type));
  }

  snapshot(namespaces?: readonly string[]): JobCounts {
    const of = (type: string | undefined) =>
      Object.fromEntries(
        JOB_STATUSES.map((status) => [status, this.of({ type, namespaces }, status)]),
      ) as ByStatus;
    const byStatus = of(undefined);
    const types = [...this.#all.types].map((type) => [type, of(type)] as const);
    return {
      total: sum(byStatus),
      byStatus,
      deadLetters: this.deadLettersOf({ namespaces }),
      byType: new Map(types.filter(([, counts]) => namespaces === undefined || sum(counts) > 0)),
    };
  }

  /** Namespaces that have jobs, by name. */
  namespaces(): string[] {
    const others = [...this.#byNamespace].filter(([, tally]) => tally.of(undefined, undefined) > 0)
      .map(([namespace]) => namespace);
    const hasDefault = this.of({ namespaces: [DEFAULT_NAMESPACE] }, undefined) > 0;
    return [...(hasDefault ? [DEFAULT_NAMESPACE] : []), ...others].sort();
  }

  /** Counts that changed since {@linkcode markFlushed}. */
  dirty(): StoredCount[] {
    return this.#dirty.map(stored);
  }

  markFlushed(): void {
    for (const count of this.#dirty) {
      count.dirty = false;
      if (sum(count.byStatus) > 0) continue;
      const { namespace } = count;
      const tally = this.#tallyOf(namespace);
      tally.forget(count.type);
      if (namespace !== undefined && tally.isEmpty) this.#byNamespace.delete(namespace);
    }
    this.#dirty.length = 0;
  }

  /** Every count that is not all zero, by namespace and type. */
  all(): StoredCount[] {
    const others = [...this.#byNamespace].sort(([a], [b]) => (a < b ? -1 : 1));
    return [this.#all, ...others.map(([, tally]) => tally)].flatMap((tally) => tally.all());
  }

  #sum(namespaces: readonly string[] | undefined, of: (tally: Tally) => number): number {
    if (namespaces === undefined) return of(this.#all);
    const isMost = namespaces.includes(DEFAULT_NAMESPACE);
    let total = isMost ? of(this.#all) : 0;
    for (const [namespace, tally] of this.#byNamespace) {
      if (namespaces.includes(namespace) !== isMost) total += isMost ? -of(tally) : of(tally);
    }
    return total;
  }

  #tallyOf(namespace: string | undefined): Tally {
    if (namespace === undefined) return this.#all;
    let tally = this.#byNamespace.get(namespace);
    if (tally === undefined) {
      tally = new Tally(namespace, this.#dirty);
      this.#byNamespace.set(namespace, tally);
    }
    return tally;
  }
}

/** Counts by type and status, and their sums. */
class Tally {
  readonly #namespace: string | undefined;
  readonly #dirty: TypeCount[];
  readonly #byType = new Map<string, TypeCount>();
  readonly #byStatus: ByStatus = noJobs();
  #deadLetters = 0;

  constructor(namespace: string | undefined, dirty: TypeCount[]) {
    this.#namespace = namespace;
    this.#dirty = dirty;
  }

  load({ type, byStatus, deadLetters }: StoredCount): void {
    const count = this.#countOf(type);
    JOB_STATUSES.forEach((status, number) => {
      count.byStatus[status] = byStatus[number] ?? 0;
      this.#byStatus[status] += byStatus[number] ?? 0;
    });
    count.deadLetters = deadLetters;
    this.#deadLetters += deadLetters;
  }

  get isEmpty(): boolean {
    return this.#byType.size === 0;
  }

  get types(): Iterable<string> {
    return this.#byType.keys();
  }

  get live(): number {
    const { waiting, pending, assigned, running } = this.#byStatus;
    return waiting + pending + assigned + running;
  }

  add(type: string, status: JobStatus, change: 1 | -1): void {
    const count = this.#countOf(type);
    count.byStatus[status] += change;
    this.#byStatus[status] += change;
    if (count.byStatus[status] < 0) {
      throw inconsistent(`${count.byStatus[status]} jobs of type ${type} are ${status}`);
    }
    this.#touch(count);
  }

  addDeadLetter(type: string, change: 1 | -1): void {
    const count = this.#countOf(type);
    count.deadLetters += change;
    this.#deadLetters += change;
    this.#touch(count);
  }

  of(type: string | undefined, status: JobStatus | undefined): number {
    const byStatus = type === undefined ? this.#byStatus : this.#byType.get(type)?.byStatus;
    if (byStatus === undefined) return 0;
    return status === undefined ? sum(byStatus) : byStatus[status];
  }

  deadLettersOf(type: string | undefined): number {
    return type === undefined ? this.#deadLetters : this.#byType.get(type)?.deadLetters ?? 0;
  }

  forget(type: string): void {
    this.#byType.delete(type);
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
      const namespace = this.#namespace;
      count = {
        type,
        ...(namespace === undefined ? {} : { namespace }),
        byStatus: noJobs(),
        deadLetters: 0,
        dirty: false,
      };
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
  const { type, namespace, byStatus, deadLetters } = count;
  return {
    type,
    ...(namespace === undefined ? {} : { namespace }),
    byStatus: JOB_STATUSES.map((status) => byStatus[status]),
    deadLetters,
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
