/**
 * A {@linkcode JobStore} in memory, for tests and the simulation. What was written stays when the
 * machine on top of it is thrown away, as a disk would; what a power failure takes, the simulation
 * decides by keeping a {@linkcode MemoryJobStore.copy}.
 *
 * @module
 */

import { invariant } from "./invariant.ts";
import { isTerminal, type Job, type LogPosition } from "./job.ts";
import { isMatch } from "./job_filter.ts";
import type { JobOrder } from "./query.ts";
import type {
  EndedJob,
  EndedQuery,
  FinishedFilter,
  FinishedPlace,
  FinishedQuery,
  JobStore,
  StoreBatch,
  StoredCount,
  StoredJob,
  StoredKey,
  StoredRecord,
  StoredResult,
  StoredScalars,
  StoredState,
  StoredWorker,
} from "./store.ts";

export class MemoryJobStore implements JobStore {
  #applied: LogPosition = { index: 0, term: 0 };
  #scalars: StoredScalars = {
    nowMs: 0,
    lastJobSeq: 0,
    lastKeySeq: 0,
    lastAssignment: 0,
    greatestJobId: "",
  };
  #live = new Map<number, StoredJob>();
  #finished = new Map<number, StoredJob>();
  #finishedById = new Map<string, number>();
  #payloads = new Map<number, Uint8Array>();
  #results = new Map<number, StoredResult>();
  #keys = new Map<string, StoredKey>();
  #workers = new Map<string, StoredWorker>();
  #counts = new Map<string, StoredCount>();
  #records = new Map<string, StoredRecord>();

  /** Another store with the same content. */
  copy(): MemoryJobStore {
    const copy = new MemoryJobStore();
    copy.install(this);
    return copy;
  }

  /** Takes over the content of another store, as installing its snapshot would. */
  install(other: MemoryJobStore): void {
    this.#applied = other.#applied;
    this.#scalars = other.#scalars;
    this.#live = new Map(other.#live);
    this.#finished = new Map(other.#finished);
    this.#finishedById = new Map(other.#finishedById);
    this.#payloads = new Map(other.#payloads);
    this.#results = new Map(other.#results);
    this.#keys = new Map(other.#keys);
    this.#workers = new Map(other.#workers);
    this.#counts = new Map(other.#counts);
    this.#records = new Map(other.#records);
  }

  load(): StoredState {
    return {
      applied: this.#applied,
      scalars: this.#scalars,
      live: [...this.#live.values()],
      workers: [...this.#workers.values()],
      counts: [...this.#counts.values()],
      records: [...this.#records.values()],
    };
  }

  write(batch: StoreBatch): void {
    this.#refuseIdsTwice(batch);
    this.#applied = batch.applied;
    this.#scalars = batch.scalars;
    for (const seq of batch.revived) {
      this.#removeFinished(seq);
      this.#results.delete(seq);
    }
    for (const seq of batch.pruned) this.#forget(seq);
    for (const seq of batch.liveRemoved) this.#live.delete(seq);
    for (const each of batch.live) this.#live.set(each.job.seq, copyOf(each));
    for (const each of batch.finished) this.#addFinished(copyOf(each));
    for (const { seq, bytes } of batch.payloads) this.#payloads.set(seq, bytes);
    for (const { seq, result } of batch.results) this.#results.set(seq, result);
    for (const [key, entry] of this.#keys) {
      const { keySeq, atMs } = batch.keysExpired;
      if (entry.keySeq <= keySeq || entry.expiresAtMs <= atMs) this.#keys.delete(key);
    }
    for (const entry of batch.keys) this.#keys.set(entry.key, entry);
    for (const id of batch.workersRemoved) this.#workers.delete(id);
    for (const worker of batch.workers) this.#workers.set(worker.id, worker);
    for (const count of batch.counts) {
      const key = JSON.stringify([count.namespace ?? null, count.type]);
      if (count.byStatus.some((jobs) => jobs > 0)) this.#counts.set(key, count);
      else this.#counts.delete(key);
    }
    for (const record of batch.records) this.#records.set(`${record.kind}\n${record.key}`, record);
    for (const { kind, key } of batch.recordsRemoved) this.#records.delete(`${kind}\n${key}`);
  }

  get durable(): LogPosition {
    return this.#applied;
  }

  checkpoint(): LogPosition {
    return this.#applied;
  }

  finishedById(id: string): StoredJob | undefined {
    const seq = this.#finishedById.get(id);
    return seq === undefined ? undefined : this.#finished.get(seq);
  }

  finishedBySeq(seq: number): StoredJob | undefined {
    return this.#finished.get(seq);
  }

  listFinished(query: FinishedQuery): Job[] {
    const { order, fromSeq, fromEnd, skip = 0, limit } = query;
    const compare = inOrder[order];
    const from = fromEnd ??
      (fromSeq === undefined ? undefined : { completedAtMs: 0, seq: fromSeq });
    return this.#matching(query)
      .filter((job) => from === undefined || compare(job, from) > 0)
      .sort(compare)
      .slice(skip, skip + limit);
  }

  firstSeqFrom(atMs: number): number | undefined {
    const seqs = this.#matching({}).filter((job) => job.createdAtMs >= atMs).map(({ seq }) => seq);
    return seqs.length === 0 ? undefined : Math.min(...seqs);
  }

  listEnded({ status, after, limit }: EndedQuery): EndedJob[] {
    return [...this.#finished.values()]
      .map(({ job: { id, seq, completedAtMs, status } }) => ({ id, seq, completedAtMs, status }))
      .filter((job) => job.status === status)
      .map(({ id, seq, completedAtMs }) => ({ id, seq, completedAtMs }))
      .sort(byEnd)
      .filter((job) => after === undefined || byEnd(job, after) > 0)
      .slice(0, limit);
  }

  countFinished(filter: FinishedFilter, countMax: number): number {
    return Math.min(this.#matching(filter).length, countMax);
  }

  #matching({ seqMin = 0, seqMax = Infinity, ...filter }: FinishedFilter): Job[] {
    return [...this.#finished.values()].map(({ job }) => job)
      .filter((job) => job.seq >= seqMin && job.seq <= seqMax && isMatch(job, filter));
  }

  payload(seq: number): Uint8Array | undefined {
    return this.#payloads.get(seq);
  }

  result(seq: number): StoredResult | undefined {
    return this.#results.get(seq);
  }

  findKey(key: string): StoredKey | undefined {
    return this.#keys.get(key);
  }

  scanFinished(): Iterable<StoredJob> {
    return [...this.#finished.values()].sort((a, b) => a.job.seq - b.job.seq);
  }

  scanKeys(): Iterable<StoredKey> {
    return [...this.#keys.values()].sort((a, b) => a.keySeq - b.keySeq);
  }

  #refuseIdsTwice(batch: StoreBatch): void {
    const gone = new Set([...batch.revived, ...batch.pruned]);
    for (const { job: { id } } of batch.finished) {
      const seq = this.#finishedById.get(id);
      invariant(
        seq === undefined || gone.has(seq),
        () => `job ${id} is stored as finished already`,
      );
    }
  }

  #addFinished(stored: StoredJob): void {
    const { id, seq, status } = stored.job;
    invariant(isTerminal(status), () => `job ${id} is stored as finished and is ${status}`);
    this.#finished.set(seq, stored);
    this.#finishedById.set(id, seq);
  }

  #removeFinished(seq: number): void {
    const stored = this.#finished.get(seq);
    if (stored === undefined) return;
    this.#finished.delete(seq);
    this.#finishedById.delete(stored.job.id);
  }

  #forget(seq: number): void {
    this.#removeFinished(seq);
    this.#live.delete(seq);
    this.#payloads.delete(seq);
    this.#results.delete(seq);
  }
}

/** What was handed over is the machine's own record, which goes on changing. */
function copyOf({ job, attempts, history }: StoredJob): StoredJob {
  return { job, attempts, history };
}

function byEnd(a: FinishedPlace, b: FinishedPlace): number {
  return a.completedAtMs - b.completedAtMs || a.seq - b.seq;
}

const inOrder: Record<JobOrder, (a: FinishedPlace, b: FinishedPlace) => number> = {
  newest: (a, b) => b.seq - a.seq,
  oldest: (a, b) => a.seq - b.seq,
  last_finished: (a, b) => byEnd(b, a),
  first_finished: byEnd,
};
