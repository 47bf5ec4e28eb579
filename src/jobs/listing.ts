/**
 * Pages of jobs. Unfinished jobs are in memory, finished ones in the store, and those that finished
 * since the last flush are still in memory: two sequences in the order of submission, merged.
 *
 * @module
 */

import { isHeld, isTerminal, type Job, JOB_STATUSES } from "./job.ts";
import { isMatchOfRecord, mayBeFinished } from "./job_filter.ts";
import type { JobRecord } from "./job_record.ts";
import { cursorByEnd, jobsByEnd } from "./listing_by_end.ts";
import {
  COUNTED_MAX,
  isByEnd,
  isCursor,
  JOB_PAGE_MAX,
  type JobPage,
  type JobQuery,
  type PrunePlan,
  type PruneQuery,
} from "./query.ts";
import type { State } from "./state.ts";
import type { FinishedFilter, FinishedQuery, JobStore } from "./store.ts";

const limitDefault = 100;
/** Most finished jobs read at a time. */
const chunkSizeMax = 200;
/** Offsets are jumped over in blocks of this many finished jobs. */
const jumpSizeMax = 128_000;
const jumpSizeMin = 1000;
/** Most delayed jobs that are sorted for a page. */
const fewMax = 5000;

export function listJobs(state: State, store: JobStore, query: JobQuery): JobPage {
  const limit = Math.min(Math.max(1, Math.floor(query.limit ?? limitDefault)), JOB_PAGE_MAX);
  const offset = Math.max(0, Math.floor(query.offset ?? 0));
  const { order } = query;
  if (isByEnd(order)) {
    const found = jobsByEnd(state, store, { ...query, order }, { offset, limit });
    const jobs = found.slice(0, limit);
    const nextCursor = found.length > limit ? cursorByEnd(jobs.at(-1)!) : "";
    return { jobs, ...totalOf(state, store, { ...query, isFinished: true }), nextCursor };
  }
  const chunkSize = Math.min(offset + limit + 1, chunkSizeMax);
  const merged = new MergedJobs(state, store, query, chunkSize);
  merged.skip(offset);
  const jobs: Job[] = [];
  while (jobs.length < limit) {
    const job = merged.next();
    if (job === undefined) break;
    jobs.push(job);
  }
  const hasMore = jobs.length === limit && merged.peek() !== undefined;
  return {
    jobs,
    ...totalOf(state, store, query),
    nextCursor: hasMore ? String(jobs.at(-1)!.seq) : "",
  };
}

/** Chooses finished jobs that a `prune` Command may forget; see {@linkcode PruneQuery}. */
export function planPrune(state: State, store: JobStore, query: PruneQuery): PrunePlan {
  const { status, finishedBeforeMs = -Infinity, keepNewest = Infinity, after, limit } = query;
  let kept = after?.kept ?? 0;
  const excess = state.counters.of({}, status) - keepNewest;
  const jobSeqs: number[] = [];
  const jobs = store.listEnded({ status, limit, ...(after !== undefined && { after }) });
  for (const job of jobs) {
    // Its row is there until the next flush, but the state counts it no more.
    if (state.hiddenSeqs.has(job.seq)) continue;
    const mayGo = job.completedAtMs < finishedBeforeMs || jobSeqs.length + kept < excess;
    if (!mayGo) return { jobSeqs, next: undefined };
    if (state.mayForget(job)) jobSeqs.push(job.seq);
    else kept++;
  }
  const last = jobs.length < limit ? undefined : jobs.at(-1);
  return { jobSeqs, next: last && { completedAtMs: last.completedAtMs, seq: last.seq, kept } };
}

class MergedJobs {
  readonly #state: State;
  readonly #store: JobStore;
  readonly #query: JobQuery;
  readonly #chunkSize: number;
  readonly #isNewestFirst: boolean;
  readonly #inMemory: Iterator<Job>;
  #memoryNext: Job | undefined;
  /** Jobs in memory that were looked at in vain, to be had again. */
  #pushedBack: Job[] = [];
  #chunk: Job[] = [];
  #chunkAt = 0;
  /** Where the next chunk starts; undefined: at the end of the sequence that comes first. */
  #storeFrom: number | undefined;
  #storeIsDone: boolean;
  readonly #storeRange: Pick<FinishedFilter, "seqMin" | "seqMax">;

  constructor(state: State, store: JobStore, query: JobQuery, chunkSize: number) {
    this.#state = state;
    this.#store = store;
    this.#query = query;
    this.#chunkSize = chunkSize;
    this.#isNewestFirst = query.order !== "oldest";
    const fromSeq = seqFromCursor(query.cursor);
    this.#storeFrom = fromSeq;
    const range = mayBeFinished(query) ? rangeOf(store, query) : undefined;
    this.#storeRange = range ?? {};
    this.#storeIsDone = range === undefined;
    this.#inMemory = memoryJobs(state, query, fromSeq, this.#isNewestFirst);
    this.#memoryNext = this.#pullMemory();
  }

  peek(): Job | undefined {
    const stored = this.#peekStored();
    const inMemory = this.#memoryNext;
    if (stored === undefined) return inMemory;
    if (inMemory === undefined) return stored;
    return this.#comesFirst(inMemory.seq, stored.seq) ? inMemory : stored;
  }

  next(): Job | undefined {
    const job = this.peek();
    if (job === undefined) return undefined;
    if (job === this.#memoryNext) this.#memoryNext = this.#pullMemory();
    else this.#chunkAt++;
    return job;
  }

  skip(count: number): void {
    for (let blockSize = jumpSizeMax; blockSize >= jumpSizeMin;) {
      const size = Math.min(blockSize, count);
      const passed = size < jumpSizeMin ? 0 : this.#jump(size, count);
      if (passed === 0) blockSize >>= 1;
      count -= passed;
    }
    while (count-- > 0 && this.next() !== undefined);
  }

  /**
   * Passes a block of stored jobs, and those in memory that come between them, without reading it.
   * Passes nothing when that would be more than `countMax`, or when the store has not that many.
   */
  #jump(blockSize: number, countMax: number): number {
    if (this.#state.hiddenSeqs.size > 0 || this.#storeIsDone || this.#chunk.length > 0) return 0;
    const query = { ...this.#storeQuery(), skip: blockSize - 1, limit: 1 };
    const [last] = this.#store.listFinished(query);
    if (last === undefined) return 0;
    const between: Job[] = [];
    while (this.#memoryNext !== undefined && this.#comesFirst(this.#memoryNext.seq, last.seq)) {
      if (blockSize + between.length >= countMax) {
        this.#pushedBack = [...between, this.#memoryNext, ...this.#pushedBack];
        this.#memoryNext = this.#pullMemory();
        return 0;
      }
      between.push(this.#memoryNext);
      this.#memoryNext = this.#pullMemory();
    }
    this.#storeFrom = last.seq;
    return blockSize + between.length;
  }

  #peekStored(): Job | undefined {
    for (;;) {
      const job = this.#chunk[this.#chunkAt];
      if (job === undefined) {
        if (!this.#readChunk()) return undefined;
      } else if (this.#isHidden(job)) {
        this.#chunkAt++;
      } else {
        return job;
      }
    }
  }

  #isHidden(job: Job): boolean {
    return this.#state.hiddenSeqs.has(job.seq);
  }

  #readChunk(): boolean {
    if (this.#storeIsDone) return false;
    this.#chunk = this.#store.listFinished({ ...this.#storeQuery(), limit: this.#chunkSize });
    this.#chunkAt = 0;
    this.#storeFrom = this.#chunk.at(-1)?.seq;
    this.#storeIsDone = this.#chunk.length < this.#chunkSize;
    return this.#chunk.length > 0;
  }

  #storeQuery(): Omit<FinishedQuery, "limit"> {
    return {
      ...finishedFilterOf(this.#query),
      ...this.#storeRange,
      ...(this.#storeFrom !== undefined && { fromSeq: this.#storeFrom }),
      order: this.#isNewestFirst ? "newest" : "oldest",
    };
  }

  #pullMemory(): Job | undefined {
    const pushedBack = this.#pushedBack.shift();
    if (pushedBack !== undefined) return pushedBack;
    const step = this.#inMemory.next();
    return step.done === true ? undefined : step.value;
  }

  #comesFirst(a: number, b: number): boolean {
    return this.#isNewestFirst ? a > b : a < b;
  }
}

/** Matching jobs in memory, in order. */
function* memoryJobs(
  state: State,
  query: JobQuery,
  fromSeq: number | undefined,
  isNewestFirst: boolean,
): Generator<Job> {
  const few = fewCandidates(state, query);
  if (few !== undefined) {
    const sorted = few.sort((a, b) => isNewestFirst ? b.seq - a.seq : a.seq - b.seq);
    for (const record of sorted) {
      const { seq } = record;
      const isPast = fromSeq !== undefined && (isNewestFirst ? seq >= fromSeq : seq <= fromSeq);
      if (!isPast && isMatchOfRecord(record, query)) yield record.job;
    }
    return;
  }
  const { createdFromMs = -Infinity, createdBeforeMs = Infinity } = query;
  const all = isNewestFirst ? state.table.all.newest(fromSeq) : state.table.all.oldest(fromSeq);
  for (const record of all) {
    // In this order times only grow, or only fall.
    const { createdAtMs } = record;
    const isPast = isNewestFirst ? createdAtMs < createdFromMs : createdAtMs >= createdBeforeMs;
    if (isPast) return;
    if (isMatchOfRecord(record, query)) yield record.job;
  }
}

/** The records that may match, when the query names a small part of those in memory. */
function fewCandidates(state: State, query: JobQuery): JobRecord[] | undefined {
  const { status, deadLetter, isFinished } = query;
  if (status === undefined) {
    if (deadLetter === true || isFinished === true) return [...state.finished];
    const unfinished = fewUnfinished(state, query);
    return unfinished && [...state.finished, ...unfinished];
  }
  if (isTerminal(status)) return [...state.finished];
  // Many are sooner gone through in their order than sorted for every page.
  if (status === "waiting" && state.table.waitingCount <= fewMax) return [...state.table.waiting];
  if (status === "pending") return fewPending(state, query);
  return isHeld(status) ? heldRecords(state, query.worker) : undefined;
}

/** The same of unfinished jobs of all statuses. */
function fewUnfinished(state: State, query: JobQuery): JobRecord[] | undefined {
  if (state.table.waitingCount > fewMax) return undefined;
  const pending = fewPending(state, query);
  return pending && [...pending, ...state.table.waiting, ...heldRecords(state, query.worker)];
}

/** The same of pending jobs; undefined: they are many, or nothing says that they are few. */
function fewPending(state: State, { type, namespaces }: JobQuery): JobRecord[] | undefined {
  if (type === undefined && namespaces === undefined) return undefined;
  if (state.counters.of({ type, namespaces }, "pending") > fewMax) return undefined;
  return [...state.backlog.pending({ type, namespaces })];
}

function heldRecords(state: State, worker: string | undefined): JobRecord[] {
  const holders = worker === undefined ? state.workers.connected : [state.workers.get(worker)];
  return [...holders].flatMap((holder) => holder === undefined ? [] : [...holder.held]);
}

/** The part of a filter that a store knows by the same names. */
function finishedFilterOf(query: JobQuery): FinishedFilter {
  const { status, type, deadLetter, labels, worker, queue, batchId, parentId, schedule } = query;
  const { namespaces } = query;
  return {
    ...(namespaces !== undefined && { namespaces }),
    ...(status !== undefined && { status }),
    ...(type !== undefined && { type }),
    ...(deadLetter !== undefined && { deadLetter }),
    ...(labels !== undefined && { labels }),
    ...(worker !== undefined && { worker }),
    ...(queue !== undefined && { queue }),
    ...(batchId !== undefined && { batchId }),
    ...(parentId !== undefined && { parentId }),
    ...(schedule !== undefined && { schedule }),
  };
}

/** Times of submission as stored jobs of that time have it in `seq`; undefined: there are none. */
function rangeOf(
  store: JobStore,
  { createdFromMs, createdBeforeMs }: JobQuery,
): Pick<FinishedFilter, "seqMin" | "seqMax"> | undefined {
  const seqMin = createdFromMs === undefined ? 0 : store.firstSeqFrom(createdFromMs);
  if (seqMin === undefined) return undefined;
  const seqEnd = createdBeforeMs === undefined ? undefined : store.firstSeqFrom(createdBeforeMs);
  return {
    ...(seqMin > 0 && { seqMin }),
    ...(seqEnd !== undefined && { seqMax: seqEnd - 1 }),
  };
}

function totalOf(
  state: State,
  store: JobStore,
  query: JobQuery,
): { total: number; totalIsExact: boolean } {
  const { status, type, namespaces, deadLetter, isFinished, ...narrower } = query;
  const { order: _order, limit: _limit, offset: _offset, cursor: _cursor, ...filter } = narrower;
  const isNarrow = Object.values(filter).some((value) => value !== undefined);
  if (isNarrow) return countOut(state, store, query);
  const statuses = JOB_STATUSES.filter((each) =>
    (status === undefined || each === status) &&
    (isFinished === undefined || isTerminal(each) === isFinished)
  );
  const counted = { type, namespaces };
  const all = statuses.reduce((sum, each) => sum + state.counters.of(counted, each), 0);
  if (deadLetter === undefined) return { total: all, totalIsExact: true };
  // Dead letters are failed jobs, so they are part of "failed" and of "all" alone.
  const dead = statuses.includes("failed") ? state.counters.deadLettersOf(counted) : 0;
  return { total: deadLetter ? dead : all - dead, totalIsExact: true };
}

function countOut(
  state: State,
  store: JobStore,
  query: JobQuery,
): { total: number; totalIsExact: boolean } {
  let total = 0;
  for (const _ of memoryJobs(state, query, undefined, true)) {
    if (++total > COUNTED_MAX) return { total: COUNTED_MAX, totalIsExact: false };
  }
  const range = mayBeFinished(query) ? rangeOf(store, query) : undefined;
  if (range !== undefined) {
    total += store.countFinished({ ...finishedFilterOf(query), ...range }, COUNTED_MAX + 1);
  }
  // Rows that the store still has and the state has not are counted: nothing to be exact about.
  const isExact = total <= COUNTED_MAX && state.hiddenSeqs.size === 0;
  return { total: Math.min(total, COUNTED_MAX), totalIsExact: isExact };
}

function seqFromCursor(cursor: string | undefined): number | undefined {
  return cursor === undefined || !isCursor(cursor) ? undefined : Number(cursor);
}
