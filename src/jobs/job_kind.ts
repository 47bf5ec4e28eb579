/**
 * What submissions have in common. A long queue is mostly jobs that were submitted and have not moved
 * since, and of those of one kind nearly all fields are alike: they are kept once, and a `Job` is made
 * of them when somebody asks for it.
 *
 * @module
 */

import type { Job, StringMap } from "./job.ts";
import { NO_OPTIONS } from "./job_options.ts";
import { type JobWishes, wishesOf } from "./job_wishes.ts";
import { DEFAULT_NAMESPACE } from "./namespace.ts";

/** What each submission has of its own. */
export type OwnFields = Pick<
  Job,
  "id" | "seq" | "payloadBytes" | "createdAtMs" | "idempotencyKey" | "traceparent"
>;

/** What submissions of a kind have alike. */
export type CommonFields = Omit<Job, keyof OwnFields | "changedAtMs" | "queuedAtMs">;

/** What tells kinds apart. A submission that asks for anything beyond it is of no kind. */
export type KindFields = Pick<Job, typeof KIND_FIELDS[number]>;

const KIND_FIELDS = [
  ...["type", "namespace", "priority", "maxRetries", "timeoutMs", "retryDelayMs"] as const,
  "submittedBy",
] as const;

/**
 * What does not change of a job and what those that came with it mostly have alike, so that it is kept
 * once for all of them.
 */
export interface Arrival extends JobWishes {
  /** Undefined: it is more than a submission of a kind. */
  readonly kind: JobKind | undefined;
  readonly createdAtMs: number;
}

/** A submission that nothing has moved: it is pending since it came. */
export interface UnmovedJob extends OwnFields {
  readonly kind: JobKind;
}

export const noStrings: StringMap = Object.freeze({});

/** What a submission says of a job; the rest begins empty. */
export type SubmittedFields =
  & OwnFields
  & KindFields
  & Pick<Job, "status" | "notBeforeMs" | "queuedAtMs" | "expiresAtMs">
  & Pick<Job, "labels" | "requiredTags" | "options">;

/**
 * A job that was just submitted. One literal for all jobs: spread from a model, they take several times
 * as long to make, and as long again wherever they are read.
 */
export function submittedJob(fields: SubmittedFields): Job {
  return {
    id: fields.id,
    seq: fields.seq,
    type: fields.type,
    namespace: fields.namespace,
    status: fields.status,
    priority: fields.priority,
    maxRetries: fields.maxRetries,
    timeoutMs: fields.timeoutMs,
    retryDelayMs: fields.retryDelayMs,
    payloadBytes: fields.payloadBytes,
    createdAtMs: fields.createdAtMs,
    changedAtMs: fields.createdAtMs,
    notBeforeMs: fields.notBeforeMs,
    queuedAtMs: fields.queuedAtMs,
    expiresAtMs: fields.expiresAtMs,
    assignedTo: "",
    attempt: 0,
    failures: 0,
    crashCount: 0,
    suspicions: 0,
    releaseCount: 0,
    token: 0,
    assignedAtMs: 0,
    startedAtMs: 0,
    completedAtMs: 0,
    deadlineMs: 0,
    durationMs: 0,
    errorMessage: "",
    errorKind: "",
    deadLetter: false,
    idempotencyKey: fields.idempotencyKey,
    labels: fields.labels,
    requiredTags: fields.requiredTags,
    submittedBy: fields.submittedBy,
    traceparent: fields.traceparent,
    resultBytes: 0,
    contentType: "",
    options: fields.options,
  };
}

const nobody: OwnFields = {
  ...{ id: "", seq: 0, payloadBytes: 0, createdAtMs: 0, idempotencyKey: "", traceparent: "" },
};

export class JobKind {
  readonly #model: Job;
  #latest: Arrival | undefined;

  constructor(fields: KindFields) {
    this.#model = unmovedJob(nobody, fields);
  }

  get common(): CommonFields {
    return this.#model;
  }

  /** What those of the kind share that come at this time. */
  at(createdAtMs: number): Arrival {
    if (this.#latest?.createdAtMs !== createdAtMs) {
      const { shapeKey, laneKey } = this.#latest ?? wishesOf(this.#model);
      this.#latest = { kind: this, createdAtMs, shapeKey, laneKey };
    }
    return this.#latest;
  }

  /** The job that the submission is. */
  jobOf(own: OwnFields): Job {
    return unmovedJob(own, this.#model);
  }
}

function unmovedJob(own: OwnFields, fields: KindFields): Job {
  return submittedJob({
    id: own.id,
    seq: own.seq,
    payloadBytes: own.payloadBytes,
    createdAtMs: own.createdAtMs,
    idempotencyKey: own.idempotencyKey,
    traceparent: own.traceparent,
    type: fields.type,
    namespace: fields.namespace,
    priority: fields.priority,
    maxRetries: fields.maxRetries,
    timeoutMs: fields.timeoutMs,
    retryDelayMs: fields.retryDelayMs,
    submittedBy: fields.submittedBy,
    status: "pending",
    notBeforeMs: 0,
    queuedAtMs: own.createdAtMs,
    expiresAtMs: 0,
    labels: noStrings,
    requiredTags: noStrings,
    options: NO_OPTIONS,
  });
}

/** Whether the job is no more than a submission of its kind that nothing has moved. */
export function isUnmoved(job: Job): boolean {
  return job.changedAtMs === job.createdAtMs && job.queuedAtMs === job.createdAtMs &&
    isEmpty(job.labels) && isEmpty(job.requiredTags) &&
    FIXED_FIELDS.every((field) => job[field] === blank[field]);
}

const LOOSE_FIELDS: ReadonlySet<string> = new Set<keyof Job>([
  ...KIND_FIELDS,
  ...["id", "seq", "payloadBytes", "createdAtMs", "changedAtMs", "queuedAtMs"] as const,
  ...["idempotencyKey", "traceparent", "labels", "requiredTags"] as const,
]);

const blank = unmovedJob(nobody, {
  ...{ type: "", namespace: DEFAULT_NAMESPACE, priority: 0, maxRetries: 0, timeoutMs: 0 },
  ...{ retryDelayMs: 0, submittedBy: "" },
});

const FIXED_FIELDS = (Object.keys(blank) as (keyof Job)[])
  .filter((field) => !LOOSE_FIELDS.has(field));

function isEmpty(map: StringMap): boolean {
  for (const _ in map) return false;
  return true;
}

/** Kinds seen lately. One that was forgotten is made anew: whoever has it keeps it. */
const KINDS_MAX = 8;

/** The kinds of late submissions, the latest first. */
export class JobKinds {
  readonly #latest: JobKind[] = [];

  of(fields: KindFieldsSaid): JobKind {
    const latest = this.#latest;
    const [first] = latest;
    if (first !== undefined && isSame(first.common, fields)) return first;
    const at = latest.findIndex(({ common }) => isSame(common, fields));
    const [kind] = at === -1 ? [new JobKind(kindFieldsOf(fields))] : latest.splice(at, 1);
    latest.unshift(kind!);
    if (latest.length > KINDS_MAX) latest.pop();
    return kind!;
  }
}

/** The same where what is as usual may be left out, as submissions do. */
type KindFieldsSaid =
  & Omit<KindFields, "namespace" | "submittedBy">
  & Partial<KindFields>;

function kindFieldsOf(said: KindFieldsSaid): KindFields {
  const { type, priority, maxRetries, timeoutMs, retryDelayMs } = said;
  const { namespace = DEFAULT_NAMESPACE, submittedBy = "" } = said;
  return { type, namespace, priority, maxRetries, timeoutMs, retryDelayMs, submittedBy };
}

function isSame(a: KindFields, b: KindFieldsSaid): boolean {
  return a.type === b.type && a.namespace === (b.namespace ?? DEFAULT_NAMESPACE) &&
    a.priority === b.priority && a.maxRetries === b.maxRetries && a.timeoutMs === b.timeoutMs &&
    a.retryDelayMs === b.retryDelayMs && a.submittedBy === (b.submittedBy ?? "");
}
