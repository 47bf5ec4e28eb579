import type { HeapItem, IndexedHeap } from "./heap.ts";
import type { Attempt, HistoryEntry, Job, StringMap } from "./job.ts";
import { type JobOptions, NO_OPTIONS } from "./job_options.ts";
import type { Lane } from "./lanes.ts";
import type { Share } from "./queue_shares.ts";
import { scopedName } from "./namespace.ts";
import { isLimiting } from "./rate_buckets.ts";
import type { StoredJob, StoredResult } from "./store.ts";

/**
 * A job in memory: every unfinished one, and finished ones until the next flush. The `job` itself
 * is never changed but replaced, so that whoever was given it may keep it.
 */
export class JobRecord implements HeapItem {
  heapIndex = -1;
  /** Where it waits for a worker or for a time, or is watched for one. */
  heap: IndexedHeap<JobRecord> | undefined = undefined;
  job: Job;
  /** Ended attempts, oldest first; replaced, never changed. */
  attempts: readonly Attempt[];
  /** Undefined: the job was submitted, and nothing has moved it since. */
  #history: readonly HistoryEntry[] | undefined;
  /** Undefined: only in the store. */
  payload: Uint8Array | undefined;
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

  constructor({ job, attempts, history }: StoredJob, payload: Uint8Array | undefined) {
    this.job = job;
    this.attempts = attempts.length === 0 ? noAttempts : attempts;
    this.#history = isSubmissionAlone(history, job) ? undefined : history;
    this.payload = payload;
    this.shapeKey = shapeKeyOf(job);
    this.laneKey = laneKeyOf(job.options);
  }

  /** Changes of status, oldest first. */
  get history(): readonly HistoryEntry[] {
    return this.#history ?? [submissionOf(this.job)];
  }

  /** The job changes its status; `history` has that already. */
  move(job: Job, history: readonly HistoryEntry[]): void {
    this.job = job;
    this.#history = history;
  }
}

const noAttempts: readonly Attempt[] = Object.freeze([]);

/** What the history of a job begins with. A long queue is mostly jobs that have no more of it. */
export function submissionOf({ createdAtMs, status }: Job): HistoryEntry {
  return { atMs: createdAtMs, to: status, cause: "submit", attempt: 0, workerId: "", reason: "" };
}

function isSubmissionAlone(history: readonly HistoryEntry[], job: Job): boolean {
  const [first] = history;
  return first !== undefined && history.length === 1 && first.cause === "submit" &&
    first.to === job.status && first.atMs === job.createdAtMs;
}

function shapeKeyOf({ type, namespace, requiredTags, options }: Job): string {
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
