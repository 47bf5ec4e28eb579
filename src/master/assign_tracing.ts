/**
 * The span of an assignment, in its job's trace: from the plan that chose the worker until the log had
 * committed it. There is none of this while tracing is off.
 *
 * @module
 */

import type { AssignOutcome } from "../jobs/mod.ts";
import { isSampled, type Tracer } from "../observability/mod.ts";

/** Spans of one Command; a batch may assign hundreds of jobs. */
const SPANS_MAX = 64;

/** @param plannedAtMs when the plan was made, in ms since the epoch */
export function traceAssignments(
  tracer: Tracer,
  outcomes: readonly AssignOutcome[],
  { policy, plannedAtMs }: { readonly policy: string; readonly plannedAtMs: number },
): void {
  let spans = 0;
  for (const outcome of outcomes) {
    if (outcome.status !== "assigned" || !isSampled(outcome.job.traceparent)) continue;
    if (spans++ === SPANS_MAX) return;
    const { job, workerId } = outcome;
    tracer.startSpan("scheduler.assign_job", {
      parent: job.traceparent,
      startMs: plannedAtMs,
      attributes: {
        "scheduler.policy": policy,
        "worker.id": workerId,
        "job.attempt": job.attempt,
        // Of the first attempt since it was ready; later ones have waited for their turn again.
        "job.wait_ms": Math.max(0, job.assignedAtMs - Math.max(job.queuedAtMs, job.notBeforeMs)),
      },
    }).end();
  }
}
