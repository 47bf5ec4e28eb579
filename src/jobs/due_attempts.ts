/**
 * Attempts whose time is over: what the leader watches over.
 *
 * @module
 */

import type { ExpiredAttempt } from "./command.ts";
import type { Job } from "./job.ts";
import type { JobRecord } from "./job_record.ts";
import type { State } from "./state.ts";
import type { WorkerRecord } from "./worker_registry.ts";

/** How long what the leader watches over may take; see {@linkcode JobMachine.dueAttempts}. */
export interface AttemptLimits {
  /** An assigned attempt that has not started for this long is handed back. */
  readonly assignmentTimeoutMs: number;
  /** Added to an attempt's own deadline, for the worker to report the timeout by itself. */
  readonly graceMs: number;
  /** How much of the time since then did not pass, since the clock was set; left out: all of it passed. */
  readonly skippedSince?: (sinceMs: number) => number;
  /** Since when a worker is known to have to hand back what it holds at that time; left out: that is not known. */
  readonly orderedSince?: (workerId: string, handBackAtMs: number) => number;
  /** Most attempts to name. */
  readonly limit: number;
}

/** Those that are over at `nowMs`. */
export function dueAttempts(
  { table, workers }: State,
  nowMs: number,
  limits: AttemptLimits,
): readonly ExpiredAttempt[] {
  const due: ExpiredAttempt[] = [];
  const { skippedSince = () => 0, orderedSince } = limits;
  const collect = (
    records: Iterator<JobRecord>,
    reason: ExpiredAttempt["reason"],
    sinceMs: (job: Job) => number,
    patienceMs: (job: Job) => number,
  ) => {
    while (due.length < limits.limit) {
      const step = records.next();
      if (step.done === true) return;
      const { job } = step.value;
      const lastedMs = nowMs - sinceMs(job);
      if (lastedMs < patienceMs(job)) return;
      // Those behind it may have begun since the clock was set.
      if (lastedMs - skippedSince(sinceMs(job)) < patienceMs(job)) continue;
      due.push({ jobId: job.id, token: job.token, reason });
    }
  };
  collect(
    table.inDeadlineOrder(),
    "timeout",
    (job) => job.deadlineMs - job.timeoutMs,
    (job) => job.timeoutMs + limits.graceMs,
  );
  collect(
    table.inAssignmentOrder(),
    "not_started",
    (job) => job.assignedAtMs,
    () => limits.assignmentTimeoutMs,
  );
  for (const worker of workers.connected) {
    const { handBackAtMs } = worker.stored;
    if (handBackAtMs === undefined) continue;
    const sinceMs = orderedSince?.(worker.id, handBackAtMs) ?? Infinity;
    if (handBackAtMs + skippedSince(sinceMs) > nowMs) continue;
    for (const { id: jobId, token } of heldJobs(worker)) {
      if (due.length < limits.limit) due.push({ jobId, token, reason: "drained" });
    }
  }
  return due;
}

/** When the next attempt will be due; undefined: none is watched. */
export function nextDueAttemptMs(
  { table, workers }: State,
  limits: AttemptLimits,
): number | undefined {
  const deadline = table.inDeadlineOrder().next();
  const assigned = table.inAssignmentOrder().next();
  const times = [
    ...(deadline.done === true ? [] : [deadline.value.job.deadlineMs + limits.graceMs]),
    ...(assigned.done === true
      ? []
      : [assigned.value.job.assignedAtMs + limits.assignmentTimeoutMs]),
  ];
  for (const { held, stored: { handBackAtMs } } of workers.connected) {
    if (handBackAtMs !== undefined && held.size > 0) times.push(handBackAtMs);
  }
  return times.length === 0 ? undefined : Math.min(...times);
}

/** What a worker holds, in the order of submission. */
export function heldJobs(worker: WorkerRecord | undefined): Job[] {
  return [...worker?.held ?? []].map(({ job }) => job).sort((a, b) => a.seq - b.seq);
}
