/**
 * How an attempt ends, and what that leaves of its job. Every ending writes the attempt down and
 * moves the job once.
 *
 * @module
 */

import { releaseBackoffMs, retryBackoffMs } from "./backoff.ts";
import {
  type Attempt,
  type AttemptOutcome,
  type Cause,
  type ErrorKind,
  isHeld,
  type Job,
  JOB_LIMITS,
  type JobStatus,
} from "./job.ts";
import type { ParentStanding } from "./dependencies.ts";
import type { JobRecord } from "./job_record.ts";
import type { State } from "./state.ts";

/** The attempt that goes on, if a worker holds the job. */
export function currentAttempt(job: Job): Attempt | undefined {
  return isHeld(job.status) ? attemptOf(job, job.startedAtMs, 0, "", "") : undefined;
}

/** Fields of a job that no worker holds. */
const notHeld = { assignedTo: "", assignedAtMs: 0, startedAtMs: 0, deadlineMs: 0 } as const;

/** The attempt did its work. */
export function completeAttempt(
  state: State,
  record: JobRecord,
  report: { startedAtMs: number; durationMs: number; resultBytes: number; contentType: string },
): void {
  const { job } = record;
  endAttempt(state, record, "completed", "", report.startedAtMs);
  state.move(record, "completed", "complete", {
    ...job,
    startedAtMs: report.startedAtMs,
    durationMs: report.durationMs,
    resultBytes: report.resultBytes,
    contentType: report.contentType,
    completedAtMs: state.nowMs,
    deadlineMs: 0,
    releaseCount: 0,
    errorMessage: "",
    errorKind: "",
  }, job.assignedTo);
}

/** The attempt failed or ran out of time: one failure of the retry budget. */
export function failAttempt(
  state: State,
  record: JobRecord,
  failure: {
    readonly kind: "error" | "permanent" | "timeout";
    readonly error: string;
    readonly startedAtMs: number;
    readonly durationMs: number;
    readonly resultBytes: number;
    readonly contentType: string;
  },
): void {
  const { job } = record;
  const cause: Cause = failure.kind === "timeout" ? "timeout" : "fail";
  const error = cut(failure.error);
  endAttempt(state, record, cause === "timeout" ? "timeout" : "failed", error, failure.startedAtMs);
  const failures = job.failures + 1;
  const kind = failure.kind === "error" && isNonRetryable(job, failure.error)
    ? "permanent"
    : failure.kind;
  const changes = {
    failures,
    releaseCount: 0,
    durationMs: failure.durationMs,
    errorMessage: error,
    errorKind: kind,
  };
  if (kind === "permanent" || failures > job.maxRetries) {
    const { startedAtMs, resultBytes, contentType } = failure;
    endForGood(state, record, cause, { ...changes, startedAtMs, resultBytes, contentType });
    return;
  }
  const { backoff, retryDelayMaxMs } = job.options;
  const pace = { retryDelayMs: job.retryDelayMs, backoff, retryDelayMaxMs };
  const pauseMs = retryBackoffMs(pace, failures, job.id, job.attempt);
  requeue(state, record, cause, pauseMs, changes, error);
}

/** Whether the job asked for such an error to be taken as permanent. */
function isNonRetryable({ options }: Job, error: string): boolean {
  return options.nonRetryableErrors.some((text) => text !== "" && error.includes(text));
}

/** The attempt comes back unharmed and uses up nothing. */
export function releaseAttempt(state: State, record: JobRecord, reason: string): void {
  const releaseCount = record.job.releaseCount + 1;
  endAttempt(state, record, "released", cut(reason), record.job.startedAtMs);
  requeue(state, record, "release", releaseBackoffMs(releaseCount), { releaseCount }, cut(reason));
}

/** The job is not wanted any more, whether a worker holds it or not. */
export function cancelJob(state: State, record: JobRecord, reason: string): void {
  const { job } = record;
  if (isHeld(job.status)) endAttempt(state, record, "cancelled", cut(reason), job.startedAtMs);
  state.move(
    record,
    "cancelled",
    "cancel",
    {
      ...job,
      completedAtMs: state.nowMs,
      deadlineMs: 0,
      errorMessage: cut(reason),
      errorKind: "cancelled",
    },
    job.assignedTo,
    cut(reason),
  );
}

/** The job's time from its submission is over, whether a worker holds it or not. */
export function expireJob(state: State, record: JobRecord): void {
  const { job } = record;
  const error = `it was not finished ${job.options.expireAfterMs} ms after its submission`;
  if (isHeld(job.status)) endAttempt(state, record, "expired", error, job.startedAtMs);
  endForGood(state, record, "expire", { errorMessage: error, errorKind: "expired" });
}

/** A parent ended otherwise than the job, which waits, wants it to. */
export function breakByParent(state: State, record: JobRecord): void {
  const { dependencies, whenDependencyFails } = record.job.options;
  const reason = whyBroken(state.dependencies.standing(dependencies));
  if (whenDependencyFails === "fail") {
    endForGood(state, record, "dependencies", { errorMessage: reason, errorKind: "dependency" });
    return;
  }
  state.move(
    record,
    "cancelled",
    "dependencies",
    {
      ...record.job,
      completedAtMs: state.nowMs,
      errorMessage: reason,
      errorKind: "dependency",
    },
    "",
    reason,
  );
}

/** In words, the first of the parents that ended otherwise than the job wants them to. */
export function whyBroken(parents: readonly ParentStanding[]): string {
  const broken = parents.find(({ verdict }) => verdict === "broken");
  if (broken === undefined) return "";
  const how = broken.status === "" ? "is not there any more" : `is ${broken.status}`;
  return `parent ${broken.jobId} ${how}, and this job runs only after its ${broken.on}`;
}

/** What a worker says about its own clock, held between the assignment and now. */
export function heldTime(atMs: number, job: Job, nowMs: number): number {
  return Math.max(job.assignedAtMs, Math.min(atMs, nowMs));
}

/** The message within {@linkcode JOB_LIMITS}. */
export function cut(message: string): string {
  return message.length <= JOB_LIMITS.messageCharactersMax
    ? message
    : `${message.slice(0, JOB_LIMITS.messageCharactersMax - 1)}…`;
}

/** The attempt is over, and the job goes back to the queue, now or in a while. */
export function requeue(
  state: State,
  record: JobRecord,
  cause: Cause,
  pauseMs: number,
  changes: Partial<Job>,
  reason: string,
): void {
  const { job } = record;
  const to: JobStatus = pauseMs > 0 ? "waiting" : "pending";
  const notBeforeMs = pauseMs > 0 ? state.nowMs + pauseMs : job.notBeforeMs;
  const changed = { ...job, ...changes, ...notHeld, notBeforeMs };
  state.move(record, to, cause, changed, job.assignedTo, reason);
}

/** The job is a dead letter. */
export function endForGood(
  state: State,
  record: JobRecord,
  cause: Cause,
  changes: Partial<Job>,
): void {
  const { job } = record;
  state.move(
    record,
    "failed",
    cause,
    {
      ...job,
      ...changes,
      completedAtMs: state.nowMs,
      deadlineMs: 0,
      deadLetter: true,
    },
    job.assignedTo,
    changes.errorMessage,
  );
}

/** Writes down how the attempt ended. */
export function endAttempt(
  state: State,
  record: JobRecord,
  outcome: AttemptOutcome,
  error: string,
  startedAtMs: number,
): void {
  const { job, attempts } = record;
  const ended = attemptOf(job, startedAtMs, state.nowMs, outcome, error);
  const isFull = attempts.length >= JOB_LIMITS.attemptsKeptMax;
  record.attempts = [...isFull ? attempts.slice(1 - JOB_LIMITS.attemptsKeptMax) : attempts, ended];
}

function attemptOf(
  job: Job,
  startedAtMs: number,
  endedAtMs: number,
  outcome: AttemptOutcome,
  error: ErrorKind | string,
): Attempt {
  return {
    attempt: job.attempt,
    token: job.token,
    workerId: job.assignedTo,
    assignedAtMs: job.assignedAtMs,
    startedAtMs,
    endedAtMs,
    outcome,
    error,
  };
}
