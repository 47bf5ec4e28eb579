/**
 * What a submission may ask for beyond type, payload and budgets. Most jobs ask for nothing, and all
 * of those share {@linkcode NO_OPTIONS}.
 *
 * @module
 */

/** All of it is said at submission and never changes. "", 0, `null` and an empty list: not asked for. */
export interface JobOptions {
  /** Whose share of the workers it takes and whose pause stops it; see {@linkcode queueOf}. */
  readonly queue: string;
  readonly backoff: BackoffKind;
  /** Longest pause before a retry, before jitter, in ms; 0: the system's own bound. */
  readonly retryDelayMaxMs: number;
  /** An attempt whose error contains one of these texts is not retried. */
  readonly nonRetryableErrors: readonly string[];
  /** Ms from submission (or redrive) after which the job fails wherever it is; 0: never. */
  readonly expireAfterMs: number;
  /** At most one unfinished job of a submitter has this key. */
  readonly uniqueKey: string;
  readonly uniqueMode: UniqueMode;
  /** Jobs of one group: at most `groupLimit` of them are held by workers at once. */
  readonly group: string;
  readonly groupLimit: number;
  /** Jobs of one rate key start no faster than `rate`. */
  readonly rateKey: string;
  readonly rate: RateLimit | null;
  readonly dependencies: readonly Dependency[];
  readonly whenDependencyFails: DependencyFailure;
  /** The batch that it was submitted with. */
  readonly batchId: string;
  /** The schedule that made it, and for which of its times (ms since the epoch). */
  readonly schedule: string;
  readonly scheduledAtMs: number;
  /** What a worker's tags must fulfil, beside `Job.requiredTags`. */
  readonly tagRules: readonly TagRule[];
  /** Among workers that may run it, those that fulfil more of these are taken first. */
  readonly preferredTags: readonly TagRule[];
  /** Thousandths of a processor that an attempt takes up. */
  readonly cpuMillis: number;
  /** Memory that an attempt takes up. */
  readonly memoryBytes: number;
}

/** How the pause before a retry grows: doubled for each further failure (with jitter), or not. */
export const BACKOFF_KINDS = ["exponential", "fixed"] as const;
export type BackoffKind = (typeof BACKOFF_KINDS)[number];

/** What becomes of a submission whose unique key an unfinished job has. */
export const UNIQUE_MODES = ["reject", "existing", "replace"] as const;
export type UniqueMode = (typeof UNIQUE_MODES)[number];

/** A token bucket in replicated time: `count` starts every `perMs`, at most `burst` at once. */
export interface RateLimit {
  readonly count: number;
  readonly perMs: number;
  readonly burst: number;
}

/** A job that must have ended in a certain way before this one may run. */
export interface Dependency {
  readonly jobId: string;
  readonly on: DependencyCondition;
}

/** The parent completed; or ended in whatever way; or failed (or was cancelled). */
export const DEPENDENCY_CONDITIONS = ["success", "completion", "failure"] as const;
export type DependencyCondition = (typeof DEPENDENCY_CONDITIONS)[number];

/**
 * What becomes of a job when a parent ends in a way that cannot fulfil its condition: it is
 * cancelled, becomes a dead letter, or waits until the parent is redriven and ends as it should.
 */
export const DEPENDENCY_FAILURES = ["cancel", "fail", "wait"] as const;
export type DependencyFailure = (typeof DEPENDENCY_FAILURES)[number];

/** One condition on a tag of a worker. `exists` and `missing` need no values, `in` and `not_in` any. */
export interface TagRule {
  readonly tag: string;
  readonly op: TagOperator;
  readonly values: readonly string[];
}

/** `not_in` holds where the tag is missing, all comparisons fail there. */
export const TAG_OPERATORS = ["in", "not_in", "exists", "missing", ">", ">=", "<", "<="] as const;
export type TagOperator = (typeof TAG_OPERATORS)[number];

/** The options of a job that asks for nothing. */
export const NO_OPTIONS: JobOptions = Object.freeze({
  queue: "",
  backoff: "exponential",
  retryDelayMaxMs: 0,
  nonRetryableErrors: [],
  expireAfterMs: 0,
  uniqueKey: "",
  uniqueMode: "reject",
  group: "",
  groupLimit: 0,
  rateKey: "",
  rate: null,
  dependencies: [],
  whenDependencyFails: "cancel",
  batchId: "",
  schedule: "",
  scheduledAtMs: 0,
  tagRules: [],
  preferredTags: [],
  cpuMillis: 0,
  memoryBytes: 0,
});

/** The name that all jobs go by which nobody has named a queue for. */
const DEFAULT_QUEUE = "default";

/**
 * The queue of a job: the one it names, else its submitter's, so that users share the workers fairly
 * without asking for it.
 */
export function queueOf(
  job: { readonly options: JobOptions; readonly submittedBy: string },
): string {
  return job.options.queue || job.submittedBy || DEFAULT_QUEUE;
}
