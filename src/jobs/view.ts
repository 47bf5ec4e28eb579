/**
 * What a scheduler may see of the replicated state: jobs that are interchangeable to a worker, in
 * the order of their turns, and workers with what the state itself counts as free. Read it before
 * the next `apply`; it is a window, not a copy.
 *
 * Pending jobs stand like this: a {@linkcode PendingShape} is what a worker must be to run them; in
 * it each queue has its {@linkcode PendingClass}; in that, jobs under the same limits form a
 * {@linkcode PendingLane}. All three are read lazily, so that a plan costs what it assigns.
 *
 * @module
 */

import type { StringMap } from "./job.ts";
import type { TagRule } from "./job_options.ts";

/** A pending job, as far as placing it is concerned. */
export interface PendingJob {
  readonly id: string;
  readonly seq: number;
  readonly priority: number;
  readonly queuedAtMs: number;
}

/** What a job asks of a worker. */
export interface Requirements {
  readonly type: string;
  readonly namespace: string;
  readonly requiredTags: StringMap;
  readonly tagRules: readonly TagRule[];
  readonly preferredTags: readonly TagRule[];
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

/** Pending jobs that ask the same of a worker: whoever may run one may run all. */
export interface PendingShape extends Requirements {
  /** Equal for the same requirements. */
  readonly key: string;
  /** Those of the type. */
  readonly limits: readonly Limit[];
  /** One for each queue that has such jobs, in the order of their turns, without closed lanes. */
  classes(): Iterator<PendingClass>;
}

/** Pending jobs of one shape in one queue. */
export interface PendingClass {
  readonly shape: PendingShape;
  readonly share: QueueShare;
  /** Those of the queue. */
  readonly limits: readonly Limit[];
  /** The lanes that no limit of a group or a rate closes, in the order of their first jobs. */
  lanes(): Iterator<PendingLane>;
}

/** Jobs of a class under the same limits. */
export interface PendingLane {
  readonly limits: readonly Limit[];
  /** The job that comes first. */
  readonly head: PendingJob;
  readonly size: number;
  /** Lazy: reading k jobs costs O(k log k). */
  inOrder(): Iterator<PendingJob>;
}

/**
 * A bound that an assignment has to keep. What counts against it is its meter, shared by all whom it
 * binds: an assignment is allowed while the meter has not risen by more than `left` since the view
 * was made, and raises it by `cost`.
 */
export interface Limit {
  readonly meter: object;
  readonly cost: number;
  readonly left: number;
}

/** A queue's turn among all, see `QueueShares`. */
export interface QueueShare {
  readonly name: string;
  /** The least has the next turn. */
  readonly pass: number;
  /** By how much an assignment raises the pass. */
  readonly stride: number;
}

/** Where a pending job stands. */
export interface PendingPlace {
  readonly class: PendingClass;
  readonly lane: PendingLane;
}

/** A connected worker. */
export interface WorkerSlots {
  readonly id: string;
  readonly sessionId: string;
  readonly slots: number;
  /** Attempts that it holds, by the state's own count. */
  readonly activeJobs: number;
  /** What it has, and what of that its attempts take up; 0: it has not said, so it has none. */
  readonly cpuMillis: number;
  readonly cpuMillisHeld: number;
  readonly memoryBytes: number;
  readonly memoryBytesHeld: number;
  /** `null`: every type. */
  readonly jobTypes: ReadonlySet<string> | null;
  /** Jobs of single types that it may hold at once; of all others as many as it has slots. */
  readonly typeSlots: ReadonlyMap<string, number> | null;
  /** Attempts that it holds of a type that has slots of its own. */
  activeOfType(type: string): number;
  readonly tags: StringMap;
  /** `null`: it gets jobs of every namespace. */
  readonly namespaces: ReadonlySet<string> | null;
  readonly draining: boolean;
  /** It did not start in time what it was given, and was not heard of since; left out: not so. */
  readonly isDoubted?: boolean;
  /** Number of its latest assignment among all assignments; 0 before the first. */
  readonly lastAssignment: number;
  /** Equal for workers that offer the same types in the same namespaces and carry the same tags. */
  readonly capabilityKey: string;
}

export interface SchedulingView {
  readonly nowMs: number;
  /** Queues have no turns: what comes first of all jobs is first. */
  readonly isStrict: boolean;
  /** Pass of the queue that was served last: who was passed over starts from here. */
  readonly clock: number;
  /** In no order. */
  readonly shapes: Iterable<PendingShape>;
  /** Connected workers, in no order. */
  readonly workers: Iterable<WorkerSlots>;
  /** The order of jobs, within a queue or, if the view is strict, of all. */
  comesBefore(a: PendingJob, b: PendingJob): boolean;
  /** Undefined when the job is not pending (any more). */
  placeOf(jobId: string): PendingPlace | undefined;
}
