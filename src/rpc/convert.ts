/**
 * Between the wire's messages and the domain's views, both ways. Nothing is decided here.
 *
 * What there is one of for each job and attempt is made as a whole message, with each of its fields:
 * `create` makes such a one of what lacks some, and looks at every field of every message for it.
 *
 * @module
 */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import {
  AttemptReleasedSchema,
  type AttemptReport,
  type CancellationSchema,
  type GetJobStatusResponse,
  type GetJobStatusResponseSchema,
  type Job,
  type JobAttemptSchema,
  type JobEvent,
  type JobEventSchema,
  JobOptionsSchema,
  JobParentSchema,
  type JobReason,
  type JobReasonSchema,
  type JobResult,
  type JobTransition,
  type JobTransitionSchema,
  type ReportAck,
  type SubmitJobRequest,
} from "./gen/scheduler_pb.ts";
import type {
  AttemptView,
  JobDetails,
  JobEventView,
  JobView,
  ReasonView,
  Submission,
  TransitionView,
} from "./master_api.ts";
import type { AttemptReportView, CancellationView, ReportAckView } from "./worker_calls.ts";
import { DEFAULT_NAMESPACE } from "../jobs/mod.ts";
import { optionsFromWire, optionsToWire } from "./job_options.ts";
import { exactly, nearly } from "./safe_count.ts";

const NOTHING = new Uint8Array(0);

/** The first and the last time that a Timestamp may have, in ms since the epoch: years 1 to 9999. */
const TIME_MS_MIN = -62_135_596_800_000;
const TIME_MS_MAX = 253_402_300_799_999;

function timestampFromMs(timeMs: number): Timestamp {
  // Jobs of before such times were refused may have them: whoever lists such a job must get an answer.
  const ms = Math.min(Math.max(TIME_MS_MIN, timeMs), TIME_MS_MAX);
  const seconds = Math.floor(ms / 1_000);
  return {
    $typeName: "google.protobuf.Timestamp",
    seconds: BigInt(seconds),
    nanos: (ms - seconds * 1_000) * 1_000_000,
  };
}

function stamp(ms: number | undefined): Timestamp | undefined {
  return ms === undefined ? undefined : timestampFromMs(ms);
}

function optionalMs<Key extends string>(
  key: Key,
  time: Timestamp | undefined,
): { [K in Key]?: number } {
  return time === undefined ? {} : { [key]: timestampMs(time) } as { [K in Key]?: number };
}

export function jobToWire(job: JobView): Job {
  return {
    $typeName: "proto.Job",
    id: job.id,
    type: job.type,
    payload: job.payload ?? NOTHING,
    priority: job.priority,
    status: job.status,
    assignedTo: job.assignedTo,
    createdAt: timestampFromMs(job.createdAtMs),
    startedAt: stamp(job.startedAtMs),
    completedAt: stamp(job.completedAtMs),
    notBefore: stamp(job.notBeforeMs),
    result: job.result && resultToWire(job.result),
    retryCount: job.retryCount,
    maxRetries: job.maxRetries,
    errorMessage: job.errorMessage,
    timeoutSeconds: BigInt(Math.ceil(job.timeoutMs / 1000)),
    timeoutMs: BigInt(job.timeoutMs),
    fencingToken: BigInt(job.fencingToken),
    attempt: job.attempt,
    labels: { ...job.labels },
    deadLetter: job.deadLetter,
    traceparent: job.traceparent,
    queuedAt: stamp(job.queuedAtMs),
    expiresAt: stamp(job.expiresAtMs),
    options: job.options && create(JobOptionsSchema, optionsToWire(job.options)),
    submittedBy: job.submittedBy,
    queue: job.queue,
    namespace: job.namespace,
    parents: job.parents?.map((each) => create(JobParentSchema, each)) ?? [],
    requiredTags: { ...job.requiredTags },
    retryDelayMs: BigInt(job.retryDelayMs ?? 0),
  };
}

function resultToWire(
  result:
    & NonNullable<JobView["result"]>
    & Partial<Extract<AttemptReportView, { kind: "finished" }>>,
): JobResult {
  return {
    $typeName: "proto.JobResult",
    success: result.success,
    output: result.output,
    contentType: result.contentType,
    error: result.error,
    permanent: result.permanent ?? false,
    timedOut: result.timedOut ?? false,
    durationMs: BigInt(Math.round(result.durationMs)),
    logTail: [...result.logTail ?? []],
    logLinesCut: BigInt(result.logLinesCut ?? 0),
  };
}

export function jobFromWire(job: Job): JobView {
  const timeoutMs = Number(job.timeoutMs) || Number(job.timeoutSeconds) * 1000;
  const view: { -readonly [Name in keyof JobView]: JobView[Name] } = {
    id: job.id,
    type: job.type,
    namespace: job.namespace || DEFAULT_NAMESPACE,
    status: job.status,
    priority: job.priority,
    assignedTo: job.assignedTo,
    createdAtMs: job.createdAt === undefined ? 0 : timestampMs(job.createdAt),
    retryCount: job.retryCount,
    maxRetries: job.maxRetries,
    errorMessage: job.errorMessage,
    timeoutMs,
    fencingToken: Number(job.fencingToken),
    attempt: job.attempt,
    labels: job.labels,
    deadLetter: job.deadLetter,
    traceparent: job.traceparent,
    submittedBy: job.submittedBy,
    queue: job.queue,
    payload: job.payload,
  };
  // Set one by one: a spread for each field costs more than all else that is done here.
  if (job.startedAt !== undefined) view.startedAtMs = timestampMs(job.startedAt);
  if (job.completedAt !== undefined) view.completedAtMs = timestampMs(job.completedAt);
  if (job.notBefore !== undefined) view.notBeforeMs = timestampMs(job.notBefore);
  if (job.queuedAt !== undefined) view.queuedAtMs = timestampMs(job.queuedAt);
  if (job.expiresAt !== undefined) view.expiresAtMs = timestampMs(job.expiresAt);
  if (job.options !== undefined) view.options = optionsFromWire(job.options);
  if (Object.keys(job.requiredTags).length > 0) view.requiredTags = job.requiredTags;
  if (job.retryDelayMs !== 0n) view.retryDelayMs = Number(job.retryDelayMs);
  if (job.parents.length > 0) {
    view.parents = job.parents.map(({ jobId, status }) => ({ jobId, status }));
  }
  if (job.result !== undefined) {
    view.result = {
      success: job.result.success,
      output: job.result.output,
      contentType: job.result.contentType,
      error: job.result.error,
      durationMs: Number(job.result.durationMs),
    };
  }
  return view;
}

/**
 * A message that is whole: `create` would go over all of its fields again.
 *
 * @param idempotencyKey of a submission that has none
 */
export function submissionToWire(
  submission: Submission,
  idempotencyKey = "",
): SubmitJobRequest {
  const { timeoutMs, delayMs, retryDelayMs, options, runAtMs } = submission;
  const request: SubmitJobRequest = {
    $typeName: "proto.SubmitJobRequest",
    type: submission.type,
    payload: submission.payload,
    priority: submission.priority,
    maxRetries: submission.maxRetries ?? 0,
    timeoutSeconds: 0n,
    timeoutMs: wholeMs(timeoutMs),
    idempotencyKey: submission.idempotencyKey ?? idempotencyKey,
    labels: { ...submission.labels },
    delayMs: wholeMs(delayMs),
    requiredTags: { ...submission.requiredTags },
    // A message cannot say "at once": its 0 is what says nothing.
    retryDelayMs: retryDelayMs === 0 ? 1n : wholeMs(retryDelayMs),
    defaultRetries: submission.maxRetries === undefined,
    ref: submission.ref ?? "",
    namespace: submission.namespace ?? "",
  };
  if (options !== undefined) request.options = create(JobOptionsSchema, optionsToWire(options));
  if (runAtMs !== undefined) request.runAt = timestampFromMs(runAtMs);
  return request;
}

function wholeMs(ms: number | undefined): bigint {
  return ms === undefined || ms === 0 ? 0n : BigInt(Math.round(ms));
}

/** @param traceparent where in its trace it is submitted; undefined: where its call is */
export function submissionFromWire(request: SubmitJobRequest, traceparent?: string): Submission {
  const submission: { -readonly [Name in keyof Submission]: Submission[Name] } = {
    type: request.type,
    payload: request.payload,
    priority: request.priority,
    labels: request.labels,
    requiredTags: request.requiredTags,
  };
  // Set one by one: a spread for each field costs more than all else that is done here.
  const timeoutMs = Number(request.timeoutMs) || Number(request.timeoutSeconds) * 1000;
  if (!request.defaultRetries) submission.maxRetries = request.maxRetries;
  if (timeoutMs !== 0) submission.timeoutMs = timeoutMs;
  if (request.retryDelayMs !== 0n) submission.retryDelayMs = Number(request.retryDelayMs);
  if (request.delayMs !== 0n) submission.delayMs = Number(request.delayMs);
  if (request.idempotencyKey !== "") submission.idempotencyKey = request.idempotencyKey;
  if (request.runAt !== undefined) submission.runAtMs = timestampMs(request.runAt);
  if (request.ref !== "") submission.ref = request.ref;
  if (request.namespace !== "") submission.namespace = request.namespace;
  if (request.options !== undefined) submission.options = optionsFromWire(request.options);
  if (traceparent !== undefined) submission.traceparent = traceparent;
  return submission;
}

export function detailsToWire(
  details: JobDetails,
): MessageInitShape<typeof GetJobStatusResponseSchema> {
  return {
    job: jobToWire(details.job),
    waitingReasons: [...details.waitingReasons],
    attempts: details.attempts.map(attemptToWire),
    progress: details.progress,
    progressMessage: details.progressMessage,
    logTail: [...details.logTail],
    history: details.history.map(transitionToWire),
    reasons: details.reasons.map(reasonToWire),
  };
}

function reasonToWire(each: ReasonView): MessageInitShape<typeof JobReasonSchema> {
  return {
    code: each.code,
    message: each.message,
    since: stamp(each.sinceMs),
    until: stamp(each.untilMs),
    jobIds: [...each.jobIds ?? []],
  };
}

function reasonFromWire(each: JobReason): ReasonView {
  return {
    code: each.code,
    message: each.message,
    ...optionalMs("sinceMs", each.since),
    ...optionalMs("untilMs", each.until),
    ...(each.jobIds.length === 0 ? {} : { jobIds: each.jobIds }),
  };
}

function transitionToWire(each: TransitionView): MessageInitShape<typeof JobTransitionSchema> {
  return {
    at: timestampFromMs(each.atMs),
    status: each.status,
    cause: each.cause,
    attempt: each.attempt,
    workerId: each.workerId,
    reason: each.reason,
  };
}

function transitionFromWire(each: JobTransition): TransitionView {
  return {
    atMs: each.at === undefined ? 0 : timestampMs(each.at),
    status: each.status,
    cause: each.cause,
    attempt: each.attempt,
    workerId: each.workerId,
    reason: each.reason,
  };
}

function attemptToWire(attempt: AttemptView): MessageInitShape<typeof JobAttemptSchema> {
  return {
    attempt: attempt.attempt,
    workerId: attempt.workerId,
    assignedAt: timestampFromMs(attempt.assignedAtMs),
    startedAt: stamp(attempt.startedAtMs),
    endedAt: stamp(attempt.endedAtMs),
    outcome: attempt.outcome,
    error: attempt.error,
  };
}

export function detailsFromWire(response: GetJobStatusResponse, job: Job): JobDetails {
  return {
    job: jobFromWire(job),
    waitingReasons: response.waitingReasons,
    attempts: response.attempts.map((each) => ({
      attempt: each.attempt,
      workerId: each.workerId,
      assignedAtMs: each.assignedAt === undefined ? 0 : timestampMs(each.assignedAt),
      ...optionalMs("startedAtMs", each.startedAt),
      ...optionalMs("endedAtMs", each.endedAt),
      outcome: each.outcome,
      error: each.error,
    })),
    progress: response.progress,
    progressMessage: response.progressMessage,
    logTail: response.logTail,
    history: response.history.map(transitionFromWire),
    reasons: response.reasons.map(reasonFromWire),
  };
}

export function eventToWire(
  jobId: string,
  event: JobEventView,
): MessageInitShape<typeof JobEventSchema> {
  const at = timestampFromMs(event.atMs);
  switch (event.kind) {
    case "state":
      return { jobId, at, event: { case: "state", value: jobToWire(event.job) } };
    case "progress":
      return {
        jobId,
        at,
        event: { case: "progress", value: { fraction: event.fraction, message: event.message } },
      };
    case "log": {
      const { attempt, firstLine } = event;
      const value = { lines: [...event.lines], firstLine: BigInt(firstLine), attempt };
      return { jobId, at, event: { case: "log", value } };
    }
  }
}

/** Undefined for a kind of event that this version does not know. */
export function eventFromWire({ at, event }: JobEvent): JobEventView | undefined {
  const atMs = at === undefined ? 0 : timestampMs(at);
  switch (event.case) {
    case "state":
      return { kind: "state", atMs, job: jobFromWire(event.value) };
    case "progress":
      return {
        kind: "progress",
        atMs,
        fraction: event.value.fraction,
        message: event.value.message,
      };
    case "log":
      return {
        kind: "log",
        atMs,
        lines: event.value.lines,
        firstLine: Number(event.value.firstLine),
        attempt: event.value.attempt,
      };
    case undefined:
      return undefined;
  }
}

export function reportToWire(report: AttemptReportView): AttemptReport {
  return {
    $typeName: "proto.AttemptReport",
    jobId: report.jobId,
    fencingToken: BigInt(report.token),
    outcome: outcomeToWire(report),
  };
}

function outcomeToWire(report: AttemptReportView): AttemptReport["outcome"] {
  switch (report.kind) {
    case "started":
      return { case: "started", value: { $typeName: "proto.AttemptStarted" } };
    case "released":
      return { case: "released", value: create(AttemptReleasedSchema, { reason: report.reason }) };
    case "finished":
      return { case: "result", value: resultToWire(report) };
  }
}

/** Undefined for a report that says nothing. */
export function reportFromWire(report: AttemptReport): AttemptReportView | undefined {
  const common = { jobId: report.jobId, token: exactly("fencing_token", report.fencingToken) };
  switch (report.outcome.case) {
    case "started":
      return { ...common, kind: "started" };
    case "released":
      return { ...common, kind: "released", reason: report.outcome.value.reason };
    case "result":
      return finishedFromWire(common, report.outcome.value);
    case undefined:
      return undefined;
  }
}

/** The report that an attempt has ended with `result`. */
export function finishedFromWire(
  attempt: Pick<AttemptReportView, "jobId" | "token">,
  result: JobResult,
): AttemptReportView {
  return {
    ...attempt,
    kind: "finished",
    success: result.success,
    output: result.output,
    contentType: result.contentType,
    error: result.error,
    permanent: result.permanent,
    timedOut: result.timedOut,
    durationMs: nearly(result.durationMs),
    logTail: result.logTail,
    logLinesCut: nearly(result.logLinesCut),
  };
}

export function ackToWire(ack: ReportAckView): ReportAck {
  return {
    $typeName: "proto.ReportAck",
    jobId: ack.jobId,
    fencingToken: BigInt(ack.token),
    accepted: ack.accepted,
    message: ack.message,
  };
}

export function ackFromWire(ack: ReportAck): ReportAckView {
  return {
    jobId: ack.jobId,
    token: Number(ack.fencingToken),
    accepted: ack.accepted,
    message: ack.message,
  };
}

export function cancellationToWire(
  cancellation: CancellationView,
): MessageInitShape<typeof CancellationSchema> {
  return {
    jobId: cancellation.jobId,
    fencingToken: BigInt(cancellation.token),
    reason: cancellation.reason,
  };
}
