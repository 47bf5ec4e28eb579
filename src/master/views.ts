/**
 * From the replicated state's records to what callers see.
 *
 * @module
 */

import {
  type Attempt,
  formatTagRule,
  type HistoryEntry,
  isTerminal,
  type Job,
  type JobMachine,
  type JobOptions,
  namespaceOf,
  NO_OPTIONS,
  queueOf,
  type SubmitSpec,
} from "../jobs/mod.ts";
import {
  type AttemptView,
  type JobOptionsView,
  type JobView,
  Refusal,
  type Submission,
  type TransitionView,
} from "../rpc/mod.ts";

/** A job without payload and result. */
export function jobView(job: Job): JobView {
  return {
    id: job.id,
    type: job.type,
    namespace: job.namespace,
    status: job.status,
    priority: job.priority,
    assignedTo: job.assignedTo,
    createdAtMs: job.createdAtMs,
    ...(job.startedAtMs === 0 ? {} : { startedAtMs: job.startedAtMs }),
    ...(job.completedAtMs === 0 ? {} : { completedAtMs: job.completedAtMs }),
    ...(job.notBeforeMs === 0 ? {} : { notBeforeMs: job.notBeforeMs }),
    retryCount: Math.max(0, job.attempt - 1),
    maxRetries: job.maxRetries,
    errorMessage: job.errorMessage,
    timeoutMs: job.timeoutMs,
    fencingToken: job.token,
    attempt: job.attempt,
    labels: job.labels,
    deadLetter: job.deadLetter,
    traceparent: job.traceparent,
    ...(job.queuedAtMs === 0 ? {} : { queuedAtMs: job.queuedAtMs }),
    ...(job.expiresAtMs === 0 ? {} : { expiresAtMs: job.expiresAtMs }),
    ...(job.options === NO_OPTIONS ? {} : { options: optionsView(job.options) }),
    submittedBy: job.submittedBy,
    queue: queueOf(job),
    ...(Object.keys(job.requiredTags).length === 0 ? {} : { requiredTags: job.requiredTags }),
    ...(job.retryDelayMs === 0 ? {} : { retryDelayMs: job.retryDelayMs }),
  };
}

function optionsView(options: JobOptions): JobOptionsView {
  const {
    tagRules,
    preferredTags,
    dependencies,
    whenDependencyFails,
    rate,
    uniqueMode,
    schedule,
    scheduledAtMs,
    ...rest
  } = options;
  return {
    ...rest,
    ...(rate === null ? {} : { rate }),
    ...(rest.uniqueKey === "" ? {} : { uniqueMode }),
    ...(dependencies.length === 0 ? {} : { dependsOn: dependencies, whenDependencyFails }),
    require: tagRules.map(formatTagRule),
    prefer: preferredTags.map(formatTagRule),
    ...(schedule === "" ? {} : { schedule }),
    ...(scheduledAtMs === 0 ? {} : { scheduledAtMs }),
  };
}

/** What a submission asked for, as it was let in. */
export function submissionView(spec: SubmitSpec): Submission {
  const { payload, type, priority, maxRetries, timeoutMs, retryDelayMs } = spec;
  return {
    ...{ type, payload, priority, maxRetries, timeoutMs, retryDelayMs },
    labels: spec.labels ?? {},
    requiredTags: spec.requiredTags ?? {},
    namespace: namespaceOf(spec),
    ...(spec.options === undefined
      ? {}
      : { options: optionsView({ ...NO_OPTIONS, ...spec.options }) }),
  };
}

/** A job as a worker gets it: with its payload. */
export function assignmentView(job: Job, machine: JobMachine): JobView {
  const payload = machine.payload(job.id) ?? new Uint8Array(0);
  if (job.options.dependencies.length === 0) return { ...jobView(job), payload };
  const parents = machine.parents(job.id).map(({ jobId, status }) => ({ jobId, status }));
  return { ...jobView(job), payload, parents };
}

/** A job with all that there is of it. */
export function fullView(job: Job, machine: JobMachine): JobView {
  return { ...assignmentView(job, machine), ...resultOf(job, machine) };
}

/** The result of a job that is finished. */
export function resultOf(job: Job, machine: JobMachine): Pick<JobView, "result"> {
  if (!isTerminal(job.status)) return {};
  const result = machine.result(job.id);
  return {
    result: {
      success: job.status === "completed",
      output: result?.output ?? new Uint8Array(0),
      contentType: result?.contentType ?? "",
      error: job.errorMessage,
      durationMs: job.durationMs,
    },
  };
}

/** One attempt of a job's history. */
export function attemptView(attempt: Attempt): AttemptView {
  return {
    attempt: attempt.attempt,
    workerId: attempt.workerId,
    assignedAtMs: attempt.assignedAtMs,
    ...(attempt.startedAtMs === 0 ? {} : { startedAtMs: attempt.startedAtMs }),
    ...(attempt.endedAtMs === 0 ? {} : { endedAtMs: attempt.endedAtMs }),
    outcome: attempt.outcome,
    error: attempt.error,
  };
}

/** One change of a job's status. */
export function transitionView({ to, ...entry }: HistoryEntry): TransitionView {
  return { ...entry, status: to };
}

/** The answer to a call about a job that is not there. */
export function unknownJob(jobId: string): Refusal {
  return new Refusal("not_found", `there is no job ${JSON.stringify(jobId)}`);
}
