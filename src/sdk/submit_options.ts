/**
 * What a job may ask for, as programs write it, and as it is submitted.
 *
 * @module
 */

import {
  type DependencyView,
  type JobOptionsView,
  type JobView,
  PRIORITY_DEFAULT,
  type Submission,
} from "../rpc/light.ts";
import { type NamesOf, requireKnown } from "./known.ts";
import { payloadBytes } from "./payload.ts";

/** Another job that must have ended before this one runs. */
export type JobDependency =
  /** Its id; it must succeed. */
  | string
  /** A job that was submitted; it must succeed. */
  | { readonly id: string }
  /** By its id, or within one `submitBatch` by its `ref`; `on` defaults to `success`. */
  | {
    readonly jobId: string;
    readonly on?: "success" | "completion" | "failure";
  }
  | {
    readonly ref: string;
    readonly on?: "success" | "completion" | "failure";
  };

/** What a job asks for beside its type and payload. All times are in milliseconds. */
export interface SubmitOptions {
  /** Higher first within its queue. Default: 5. */
  readonly priority?: number;
  /** Attempts after the first. Default: the cluster's `scheduler.max_retries`. */
  readonly maxRetries?: number;
  /** Pause before the first retry. */
  readonly retryDelayMs?: number;
  /** Longest pause before a retry; an exponential one comes up to a quarter later, by jitter. */
  readonly retryDelayMaxMs?: number;
  /** How that pause grows: doubled with jitter, or not at all. */
  readonly backoff?: "exponential" | "fixed";
  /** An attempt whose error contains one of these texts is not retried. */
  readonly nonRetryableErrors?: readonly string[];
  /** Time allowed to one attempt. Default: the cluster's `scheduler.job_timeout`. */
  readonly timeoutMs?: number;
  /** Not before this long from now. */
  readonly delayMs?: number;
  /** Not before this time; the later of it and `delayMs` counts. A number is ms since the epoch. */
  readonly runAt?: Date | number;
  /** It fails unless it is finished so long after its submission. */
  readonly expireAfterMs?: number;
  /**
   * Submissions of one key are one job, for a day. Default: a new one for each call, so that a call
   * whose answer was lost is repeated without harm.
   */
  readonly idempotencyKey?: string;
  /** At most one unfinished job of a submitter has this key. */
  readonly uniqueKey?: string;
  /** What becomes of a submission whose unique key is taken. Default: `reject`. */
  readonly uniqueMode?: "reject" | "existing" | "replace";
  /** Labels, to find it by. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Tags that a worker must have, with exactly these values. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Conditions on a worker's tags: `gpu`, `!gpu`, `zone in (a, b)`, `memory>=8`, `version>=1.10`. */
  readonly require?: readonly string[];
  /** Conditions of which workers that fulfil more are preferred. */
  readonly prefer?: readonly string[];
  /** Where it is. Default: that of the client. */
  readonly namespace?: string;
  /** Whose share of the workers it takes. Default: the submitter's. */
  readonly queue?: string;
  /** At most `groupLimit` (default 1) jobs of a group run at once. */
  readonly group?: string;
  /** See `group`. */
  readonly groupLimit?: number;
  /** Jobs of one rate key start no faster than `rate`. */
  readonly rateKey?: string;
  /** `count` starts in `perMs`, at most `burst` (default `count`) at once. */
  readonly rate?: { readonly count: number; readonly perMs: number; readonly burst?: number };
  /** What it takes up of a worker's processors, in thousandths of one. */
  readonly cpuMillis?: number;
  /** What it takes up of a worker's memory, in bytes. */
  readonly memoryBytes?: number;
  /** Jobs that must have ended before; their results are there for the worker to read. */
  readonly dependsOn?: readonly JobDependency[];
  /** When one of them ends in another way. Default: `cancel`. */
  readonly whenDependencyFails?: "cancel" | "fail" | "wait";
  /** The batch that it belongs to. */
  readonly batchId?: string;
  /** Its name among the jobs of one `submitBatch`, for `dependsOn`. */
  readonly ref?: string;
}

/** Every option, checked by the compiler: what is none would be left out without a word. */
const OPTIONS: NamesOf<SubmitOptions> = {
  priority: true,
  maxRetries: true,
  retryDelayMs: true,
  retryDelayMaxMs: true,
  backoff: true,
  nonRetryableErrors: true,
  timeoutMs: true,
  delayMs: true,
  runAt: true,
  expireAfterMs: true,
  idempotencyKey: true,
  uniqueKey: true,
  uniqueMode: true,
  labels: true,
  tags: true,
  require: true,
  prefer: true,
  namespace: true,
  queue: true,
  group: true,
  groupLimit: true,
  rateKey: true,
  rate: true,
  cpuMillis: true,
  memoryBytes: true,
  dependsOn: true,
  whenDependencyFails: true,
  batchId: true,
  ref: true,
};

/** The cluster says which numbers will do, but can be told none that are not. @throws RangeError */
function requireNumbers(options: SubmitOptions): void {
  const { priority, maxRetries, groupLimit, cpuMillis, memoryBytes, rate } = options;
  const whole = { priority, maxRetries, groupLimit, cpuMillis, memoryBytes };
  for (const [name, value] of Object.entries(whole)) {
    if (value === undefined || Number.isSafeInteger(value)) continue;
    throw new RangeError(`${name} is ${inWords(value)}; it must be a safe integer`);
  }
  const { timeoutMs, delayMs, retryDelayMs, retryDelayMaxMs, expireAfterMs } = options;
  const times = { timeoutMs, delayMs, retryDelayMs, retryDelayMaxMs, expireAfterMs };
  for (const [name, value] of Object.entries({ ...times, "rate.perMs": rate?.perMs })) {
    if (value !== undefined) requireMs(name, value);
  }
}

/** Programs without a compiler give texts, too, which look like numbers. */
function inWords(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** @throws RangeError for a number that is none, or endless */
export function requireMs(name: string, value: number): void {
  if (Number.isFinite(value)) return;
  throw new RangeError(`${name} is ${inWords(value)}; it must be a number of milliseconds`);
}

/** A time in ms since the epoch. @throws RangeError for a date that is none */
export function timeMsOf(name: string, time: Date | number): number {
  const timeMs = typeof time === "object" ? time.getTime() : time;
  if (Number.isFinite(timeMs)) return timeMs;
  throw new RangeError(
    `${name} is ${inWords(time)}; it must be a date, or a number of milliseconds`,
  );
}

/**
 * As the cluster takes it.
 *
 * @throws RangeError for a number or a date that is none; TypeError for a payload that JSON cannot hold,
 * and for an option that there is not
 */
export function submissionOf(
  type: string,
  payload: unknown,
  options: SubmitOptions,
): Submission {
  requireKnown(options, OPTIONS, "a job has no option", "SubmitOptions");
  requireNumbers(options);
  const { runAt } = options;
  const asked = jobOptionsOf(options);
  return {
    type,
    payload: payloadBytes(payload),
    priority: options.priority ?? PRIORITY_DEFAULT,
    ...given({
      maxRetries: options.maxRetries,
      timeoutMs: options.timeoutMs,
      retryDelayMs: options.retryDelayMs,
      delayMs: options.delayMs,
      runAtMs: runAt === undefined ? undefined : timeMsOf("runAt", runAt),
      ref: options.ref,
      namespace: options.namespace,
      idempotencyKey: options.idempotencyKey,
      labels: options.labels,
      requiredTags: options.tags,
      options: Object.keys(asked).length === 0 ? undefined : asked,
    }),
  };
}

/** What a job was submitted with, but for what it waited for. */
export function resubmissionOf(job: JobView): Submission {
  const { schedule: _, scheduledAtMs: __, dependsOn: ___, ...asked } = job.options ?? {};
  const { type, priority, maxRetries, retryDelayMs, labels, requiredTags, namespace } = job;
  return {
    ...{ type, priority, maxRetries, labels, namespace },
    payload: job.payload ?? new Uint8Array(0),
    ...given({ retryDelayMs, requiredTags }),
    ...(job.timeoutMs > 0 && { timeoutMs: job.timeoutMs }),
    options: asked,
  };
}

function jobOptionsOf(options: SubmitOptions): JobOptionsView {
  const { rate } = options;
  return given({
    queue: options.queue,
    backoff: options.backoff,
    retryDelayMaxMs: options.retryDelayMaxMs,
    nonRetryableErrors: options.nonRetryableErrors,
    expireAfterMs: options.expireAfterMs,
    uniqueKey: options.uniqueKey,
    uniqueMode: options.uniqueMode,
    group: options.group,
    groupLimit: options.groupLimit,
    rateKey: options.rateKey,
    rate: rate && { ...rate, burst: rate.burst ?? 0 },
    dependsOn: options.dependsOn?.map(dependencyOf),
    whenDependencyFails: options.whenDependencyFails,
    batchId: options.batchId,
    require: options.require,
    prefer: options.prefer,
    cpuMillis: options.cpuMillis,
    memoryBytes: options.memoryBytes,
  });
}

function dependencyOf(dependency: JobDependency): DependencyView {
  if (typeof dependency === "string") return { jobId: dependency, on: "success" };
  if ("id" in dependency) return { jobId: dependency.id, on: "success" };
  return { ...dependency, on: dependency.on ?? "success" };
}

type Given<Fields> = { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> };

/** Without what is undefined. */
function given<Fields extends object>(fields: Fields): Given<Fields> {
  const kept: Given<Fields> = {};
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined) kept[name] = value as Given<Fields>[typeof name];
  }
  return kept;
}
