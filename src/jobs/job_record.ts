import type { HeapItem, IndexedHeap } from "./heap.ts";
import { invariant } from "./invariant.ts";
import type { Attempt, HistoryEntry, Job, StringMap } from "./job.ts";
import {
  type CommonFields,
  isUnmoved,
  type JobKind,
  type JobKinds,
  type OwnFields,
  type UnmovedJob,
} from "./job_kind.ts";
import { type JobOptions, NO_OPTIONS } from "./job_options.ts";
import type { Lane } from "./lanes.ts";
import type { Share } from "./queue_shares.ts";
import { scopedName } from "./namespace.ts";
import { isLimiting } from "./rate_buckets.ts";
import type { LiveJob, StoredJob, StoredResult } from "./store.ts";
import type { PendingJob } from "./view.ts";

const noAttempts: readonly Attempt[] = Object.freeze([]);

/**
 * A job in memory: every unfinished one, and finished ones until the next flush. The `job` itself
 * is never changed but replaced, so that whoever was given it may keep it. Of a submission that nothing
 * has moved it is made when somebody asks: what all submissions pass through goes by `common` and by
 * what the record has itself.
 */
export class JobRecord implements HeapItem, LiveJob, PendingJob, OwnFields {
  readonly id: string;
  readonly seq: number;
  readonly payloadBytes: number;
  readonly createdAtMs: number;
  readonly idempotencyKey: string;
  /** Undefined: it is more than a submission of a kind, or has moved. */
  #kind: JobKind | undefined;
  /** Undefined: nobody has asked yet. */
  #job: Job | undefined;
  heapIndex = -1;
  /** Where it waits for a worker or for a time, or is watched for one. */
  heap: IndexedHeap<JobRecord> | undefined = undefined;
  /** Ended attempts, oldest first; replaced, never changed. */
  attempts: readonly Attempt[] = noAttempts;
  /** Undefined: the job was submitted, and nothing has moved it since. */
  #history: readonly HistoryEntry[] | undefined = undefined;
  /** Undefined: only in the store. */
  payload: Uint8Array | undefined = undefined;
  /** Left by the last attempt and not in the store yet. */
  result: StoredResult | undefined = undefined;
  /** While it waits: for its parents, so that no time makes it due. */
  isBlocked = false;
  /** Differs from the store. */
  dirty = false;
  /** What the store has of it: a row among the unfinished, one among the finished, the payload. */
  liveStored = false;
  finishedStored = false;
  payloadStored = false;
  /** The store may have a result of an earlier attempt. */
  resultStored = false;
  /** Its queue, while it is unfinished. */
  share: Share | undefined = undefined;
  /** Where it stands while it is pending. */
  lane: Lane | undefined = undefined;
  /** Equal for jobs that ask the same of a worker. */
  readonly shapeKey: string;
  /** Equal for jobs under the same group and rate limits; "": none. */
  readonly laneKey: string;

  private constructor(own: OwnFields, job: Job | undefined, kind: JobKind | undefined) {
    this.id = own.id;
    this.seq = own.seq;
    this.payloadBytes = own.payloadBytes;
    this.createdAtMs = own.createdAtMs;
    this.idempotencyKey = own.idempotencyKey;
    this.#job = job;
    this.#kind = kind;
    this.shapeKey = shapeKeyOf(this.common);
    this.laneKey = laneKeyOf(this.common.options);
  }

  /** A submission that asks for nothing that others of its kind do not. */
  static submitted(kind: JobKind, own: OwnFields, payload: Uint8Array): JobRecord {
    const record = new JobRecord(own, undefined, kind);
    record.payload = payload;
    return record;
  }

  /** A job that was just submitted. */
  static created(job: Job, payload: Uint8Array): JobRecord {
    const record = new JobRecord(job, job, undefined);
    record.payload = payload;
    return record;
  }

  /** A job that the store had. */
  static stored({ job, attempts, history }: StoredJob, kinds: JobKinds): JobRecord {
    const isAlone = isSubmissionAlone(history, job);
    if (isAlone && attempts.length === 0 && isUnmoved(job)) {
      return new JobRecord(job, undefined, kinds.of(job));
    }
    const record = new JobRecord(job, job, undefined);
    if (attempts.length > 0) record.attempts = attempts;
    if (!isAlone) record.#history = history;
    return record;
  }

  get job(): Job {
    if (this.#job === undefined) {
      invariant(this.#kind !== undefined, () => `job ${this.id} is of no kind`);
      this.#job = this.#kind.jobOf(this);
    }
    return this.#job;
  }

  set job(job: Job) {
    this.#job = job;
    this.#kind = undefined;
  }

  /** What it has in common with others of its kind, if it is of any. */
  get common(): CommonFields {
    return this.#kind === undefined ? this.job : this.#kind.common;
  }

  get priority(): number {
    return this.common.priority;
  }

  get queuedAtMs(): number {
    return this.#kind === undefined ? this.job.queuedAtMs : this.createdAtMs;
  }

  /** What it still is if nothing has moved it. */
  get unmoved(): UnmovedJob | undefined {
    return this.#isUnmoved() ? this : undefined;
  }

  get kind(): JobKind | undefined {
    return this.#kind;
  }

  #isUnmoved(): this is UnmovedJob {
    return this.#kind !== undefined;
  }

  /** Changes of status, oldest first. */
  get history(): readonly HistoryEntry[] {
    return this.#history ??
      [submissionOf({ createdAtMs: this.createdAtMs, status: this.common.status })];
  }

  /** The job changes its status; `history` has that already. */
  move(job: Job, history: readonly HistoryEntry[]): void {
    this.job = job;
    this.#history = history;
  }
}

/** What the history of a job begins with. A long queue is mostly jobs that have no more of it. */
export function submissionOf(
  { createdAtMs, status }: Pick<Job, "createdAtMs" | "status">,
): HistoryEntry {
  return { atMs: createdAtMs, to: status, cause: "submit", attempt: 0, workerId: "", reason: "" };
}

function isSubmissionAlone(history: readonly HistoryEntry[], job: Job): boolean {
  const [first] = history;
  return first !== undefined && history.length === 1 && first.cause === "submit" &&
    first.to === job.status && first.atMs === job.createdAtMs;
}

function shapeKeyOf({ type, namespace, requiredTags, options }: CommonFields): string {
  const key = namedTags(scopedName(namespace, type), requiredTags);
  const { tagRules, preferredTags, cpuMillis, memoryBytes } = options;
  const isPlain = options === NO_OPTIONS ||
    (tagRules.length === 0 && preferredTags.length === 0 && cpuMillis === 0 && memoryBytes === 0);
  if (isPlain) return key;
  const rules = [tagRules, preferredTags].map((list) =>
    list.map(({ tag, op, values }) => [tag, op, values])
  );
  return `${key}\n\n${JSON.stringify([...rules, cpuMillis, memoryBytes])}`;
}

function laneKeyOf({ group, groupLimit, rateKey, rate }: JobOptions): string {
  const isGrouped = group !== "" && groupLimit > 0;
  const isRated = rateKey !== "" && isLimiting(rate);
  if (!isGrouped && !isRated) return "";
  return JSON.stringify([
    ...(isGrouped ? [group, groupLimit] : []),
    isRated ? [rateKey, rate.count, rate.perMs, rate.burst] : null,
  ]);
}

/** A name with tags, equal when they are, in whatever order they are written. */
export function namedTags(type: string, requiredTags: StringMap): string {
  const names = Object.keys(requiredTags);
  if (names.length === 0) return type;
  return `${type}\n${JSON.stringify(names.sort().map((name) => [name, requiredTags[name]]))}`;
}
