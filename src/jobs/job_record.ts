import type { HeapItem, IndexedHeap } from "./heap.ts";
import type { Attempt, HistoryEntry, Job, StringMap } from "./job.ts";
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
  /** Changes of status, oldest first; replaced, never changed. */
  history: readonly HistoryEntry[];
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
  readonly queueKey: string;

  constructor({ job, attempts, history }: StoredJob, payload: Uint8Array | undefined) {
    this.job = job;
    this.attempts = attempts;
    this.history = history;
    this.payload = payload;
    this.queueKey = queueKeyOf(job.type, job.requiredTags);
  }
}

/** Equal for jobs that the same workers may run. */
export function queueKeyOf(type: string, requiredTags: StringMap): string {
  const names = Object.keys(requiredTags);
  if (names.length === 0) return type;
  return `${type}\n${JSON.stringify(names.sort().map((name) => [name, requiredTags[name]]))}`;
}
