/**
 * What a scheduler may see of the replicated state: queues of jobs that are interchangeable to a
 * worker, and workers with the slots that the state itself counts as free. Read it before the next
 * `apply`; it is a window, not a copy.
 *
 * @module
 */

import type { StringMap } from "./job.ts";

/** A pending job, as far as placing it is concerned. */
export interface PendingJob {
  readonly id: string;
  readonly seq: number;
  readonly type: string;
  readonly priority: number;
  readonly createdAtMs: number;
}

/** Pending jobs of one type and one set of required tags: whoever may run one may run all. */
export interface PendingQueue {
  readonly type: string;
  readonly requiredTags: StringMap;
  readonly size: number;
  /** Highest priority first, then in order of submission. Lazy: reading k jobs costs O(k log k). */
  inOrder(): Iterator<PendingJob>;
}

/** A connected worker. */
export interface WorkerSlots {
  readonly id: string;
  readonly sessionId: string;
  readonly slots: number;
  /** Attempts that it holds, by the state's own count. */
  readonly activeJobs: number;
  /** `null`: every type. */
  readonly jobTypes: ReadonlySet<string> | null;
  readonly tags: StringMap;
  readonly draining: boolean;
  /** Number of its latest assignment among all assignments; 0 before the first. */
  readonly lastAssignment: number;
  /** Equal for workers that offer the same types and carry the same tags. */
  readonly capabilityKey: string;
}

export interface SchedulingView {
  readonly nowMs: number;
  /** Queues that are not empty, in no order. */
  readonly queues: Iterable<PendingQueue>;
  /** Connected workers, in no order. */
  readonly workers: Iterable<WorkerSlots>;
}
