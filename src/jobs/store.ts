/**
 * Where the replicated state outlives the process: a synchronous port, so that `apply` stays a
 * plain function. The machine writes behind: what changed since the last flush goes down in one
 * {@linkcode StoreBatch}, together with the log position that it is the state of.
 *
 * Finished jobs live here alone; unfinished ones are held by the machine and are here only to be
 * loaded when it opens. Both implementations pass one conformance suite.
 *
 * @module
 */

import type {
  Attempt,
  AttemptRef,
  FinishedStatus,
  HistoryEntry,
  Job,
  JobResult,
  LogPosition,
  StringMap,
} from "./job.ts";
import type { JobFilter } from "./job_filter.ts";
import type { UnmovedJob } from "./job_kind.ts";
import type { JobOrder } from "./query.ts";

export interface JobStore {
  /** All that the machine keeps in memory, as of the last batch written. */
  load(): StoredState;
  /** Makes the whole batch part of the store, or nothing of it. */
  write(batch: StoreBatch): void;
  /** What {@linkcode JobStore.checkpoint} returned last; a store may checkpoint by itself too. */
  readonly durable: LogPosition;
  /**
   * Brings what was written to where a power failure cannot reach it, and says up to which log
   * position that is now so: the log may be compacted up to there, and no further.
   */
  checkpoint(): LogPosition;

  /** A finished job; unfinished ones are not asked for. */
  finishedById(id: string): StoredJob | undefined;
  finishedBySeq(seq: number): StoredJob | undefined;
  /** Finished jobs, by `seq` or by their end. */
  listFinished(query: FinishedQuery): Job[];
  /** Finished jobs of one status, the one that finished first first. */
  listEnded(query: EndedQuery): EndedJob[];
  /** The least `seq` of a finished job that was submitted at `atMs` or later. */
  firstSeqFrom(atMs: number): number | undefined;
  /** How many match, counted up to `countMax`. */
  countFinished(filter: FinishedFilter, countMax: number): number;

  /** By `Job.seq`, of finished and unfinished jobs alike. */
  payload(seq: number): Uint8Array | undefined;
  result(seq: number): StoredResult | undefined;
  /** The latest entry under an idempotency key, live or expired. */
  findKey(key: string): StoredKey | undefined;
  /** Every finished job and key, in ascending order; for `stateHash`, so only for tests. */
  scanFinished(): Iterable<StoredJob>;
  scanKeys(): Iterable<StoredKey>;
}

/** An unfinished job, as it is written. */
export interface LiveJob extends StoredJob {
  /** The same in short, where it is a submission that nothing has moved. */
  readonly unmoved?: UnmovedJob | undefined;
}

/** A job with what is remembered of its attempts and of its way. */
export interface StoredJob {
  readonly job: Job;
  readonly attempts: readonly Attempt[];
  readonly history: readonly HistoryEntry[];
}

/**
 * One of the small things that are in memory as a whole and in the store only to be loaded again:
 * settings, schedules, batches. The value is JSON; of a new kind, a store knows nothing.
 */
export interface StoredRecord {
  readonly kind: string;
  readonly key: string;
  readonly value: RecordValue;
}

/** What JSON can say. */
export type RecordValue =
  | string
  | number
  | boolean
  | null
  | readonly RecordValue[]
  | { readonly [name: string]: RecordValue };

/** What a finished attempt left behind. */
export interface StoredResult extends JobResult {
  readonly logTail: readonly string[];
}

/** Which submission an idempotency key stands for. */
export interface StoredKey {
  /** Order of the keys, from 1. */
  readonly keySeq: number;
  readonly key: string;
  readonly jobId: string;
  readonly fingerprint: string;
  readonly expiresAtMs: number;
}

/** A worker with what only the machine needs to know of it. */
export interface StoredWorker {
  readonly id: string;
  readonly sessionId: string;
  readonly address: string;
  readonly slots: number;
  readonly jobTypes: readonly string[] | null;
  readonly tags: StringMap;
  readonly version: string;
  readonly unary: boolean;
  /** Only when they are not 0. */
  readonly cpuMillis?: number;
  readonly memoryBytes?: number;
  /** Only when there are any. */
  readonly typeSlots?: Readonly<Record<string, number>>;
  /** Only when it gets jobs of some alone. */
  readonly namespaces?: readonly string[];
  /** Attempts that were lost when it fell silent, until it is known why; only when there are any. */
  readonly lost?: readonly AttemptRef[];
  /** When what it holds is handed back; only while an operator drains it so. */
  readonly handBackAtMs?: number;
  /** Only when it is true, so that what was stored before there was such a thing is the same. */
  readonly pushed?: boolean;
  /** Who stopped it from getting jobs: "" nobody. */
  readonly drainedBy: "" | "operator" | "worker";
  readonly connected: boolean;
  readonly registeredAtMs: number;
  readonly disconnectedAtMs: number;
  readonly completedJobs: number;
  readonly failedJobs: number;
  /** Number of its latest assignment among all assignments; 0 before the first. */
  readonly lastAssignment: number;
}

/** How many jobs of one type there are: in all, or in one namespace that is not the default one. */
export interface StoredCount {
  readonly type: string;
  /** Absent: in all. */
  readonly namespace?: string;
  /** One number a status, in the order of `JOB_STATUSES`. */
  readonly byStatus: readonly number[];
  readonly deadLetters: number;
}

/** Numbers of the state as a whole. */
export interface StoredScalars {
  /** Replicated time. */
  readonly nowMs: number;
  /** `seq` of the job submitted last. */
  readonly lastJobSeq: number;
  readonly lastKeySeq: number;
  /** Assignments made so far. */
  readonly lastAssignment: number;
  /** The greatest job id ever: a greater one is new without looking. */
  readonly greatestJobId: string;
}

/** What {@linkcode JobStore.load} gives. */
export interface StoredState {
  readonly applied: LogPosition;
  readonly scalars: StoredScalars;
  /** Unfinished jobs, in no order. */
  readonly live: Iterable<StoredJob>;
  readonly workers: readonly StoredWorker[];
  readonly counts: readonly StoredCount[];
  /** In no order. */
  readonly records: readonly StoredRecord[];
}

/** What changed since the last batch. A job is in at most one of `live` and `finished`. */
export interface StoreBatch {
  readonly applied: LogPosition;
  readonly scalars: StoredScalars;
  /** Unfinished jobs to insert or replace. */
  readonly live: readonly LiveJob[];
  /** Jobs that finished. */
  readonly finished: readonly FinishedJob[];
  /** `seq` of jobs in the live part of the store that are to leave it. */
  readonly liveRemoved: readonly number[];
  /** `seq` of finished jobs that came back to life: their row and result go, the payload stays. */
  readonly revived: readonly number[];
  /** `seq` of finished jobs to forget, with payload and result. */
  readonly pruned: readonly number[];
  readonly payloads: readonly { readonly seq: number; readonly bytes: Uint8Array }[];
  readonly results: readonly { readonly seq: number; readonly result: StoredResult }[];
  /** In ascending order; to be gone through as often as is needed. */
  readonly keys: Iterable<StoredKey>;
  /** Keys up to this one, or expired by this time, may be forgotten. */
  readonly keysExpired: { readonly keySeq: number; readonly atMs: number };
  readonly workers: readonly StoredWorker[];
  readonly workersRemoved: readonly string[];
  /** Counts that changed; all zero: forget the type. */
  readonly counts: readonly StoredCount[];
  /** Records to insert or replace. */
  readonly records: readonly StoredRecord[];
  readonly recordsRemoved: readonly Omit<StoredRecord, "value">[];
}

/** A job that finished. */
export interface FinishedJob extends StoredJob {
  /** Its payload, where it is at hand: the store has it already, or it is in the same batch. */
  readonly payload?: Uint8Array | undefined;
}

/** A place in the order in which jobs finished; `seq` decides between those of one time. */
export interface FinishedPlace {
  readonly completedAtMs: number;
  readonly seq: number;
}

/** Which finished jobs, in the order in which they finished. */
export interface EndedQuery {
  readonly status: FinishedStatus;
  /** Only jobs that come after this one. */
  readonly after?: FinishedPlace;
  readonly limit: number;
}

/** What is known of a finished job without reading the whole of it. */
export interface EndedJob extends FinishedPlace {
  readonly id: string;
}

/** Which finished jobs: those of a filter, its times given as what they are in the order of `seq`. */
export interface FinishedFilter
  extends Omit<JobFilter, "isFinished" | "createdFromMs" | "createdBeforeMs"> {
  /** The least and the greatest `seq`. */
  readonly seqMin?: number;
  readonly seqMax?: number;
}

export interface FinishedQuery extends FinishedFilter {
  /** Only jobs submitted before (descending) or after (ascending) this one; exclusive. */
  readonly fromSeq?: number;
  /** The same where the order is by the end. */
  readonly fromEnd?: FinishedPlace;
  readonly order: JobOrder;
  /** Matching jobs to pass over first. Default 0. */
  readonly skip?: number;
  readonly limit: number;
}
