/**
 * A worker's doings as metrics, spans and lines of the log.
 *
 * @module
 */

import type { Logger, Tracer, WorkerMetrics } from "../observability/mod.ts";
import { AttemptSpans } from "./attempt_spans.ts";
import type { ExecutorObserver } from "./process_executor.ts";
import type { WorkerObserver } from "./worker.ts";

/** Where the doings of a worker are told. */
export interface WorkerRecords {
  readonly metrics: WorkerMetrics;
  readonly tracer: Tracer;
  readonly log: Logger;
  readonly workerId: string;
}

/** Counts executor processes: those that are started, and why they end. */
export function executorObserver(
  { executorStartsTotal, executorEndsTotal }: WorkerMetrics,
): ExecutorObserver {
  return {
    started: () => executorStartsTotal.inc(),
    ended: (reason) => executorEndsTotal.inc({ reason }),
  };
}

/** Counts attempts, traces each as a part of its job's trace, and logs those that do not complete. */
export function workerObserver(
  { metrics, tracer, log, workerId }: WorkerRecords,
): WorkerObserver {
  return {
    attemptStarted(job) {
      const span = tracer.startSpan("worker.execute_job", {
        parent: job.traceparent,
        kind: "consumer",
        attributes: {
          "job.id": job.id,
          "job.type": job.type,
          "job.attempt": job.attempt,
          "worker.id": workerId,
        },
      });
      const about = {
        job_id: job.id,
        type: job.type,
        attempt: job.attempt,
        trace_id: span.traceId,
      };
      log.debug("attempt started", about);
      const parts = span.isRecording
        ? new AttemptSpans(span.traceparent, (name, how) => tracer.startSpan(name, how))
        : undefined;
      return {
        ...(parts === undefined ? {} : { span: (told) => parts.take(told) }),
        ended(verdict, error, durationMs) {
          const labels = { type: job.type, outcome: verdict };
          metrics.attemptsTotal.inc(labels);
          metrics.attemptSeconds.observe(labels, durationMs / 1_000);
          const fields = { ...about, outcome: verdict, duration_ms: Math.round(durationMs) };
          if (verdict === "completed") log.debug("attempt ended", fields);
          else log.info("attempt ended", { ...fields, error });
          parts?.end();
          span.setAttribute("job.success", verdict === "completed");
          span.setAttribute("job.duration_ms", Math.round(durationMs));
          if (error !== "") span.recordError(new Error(error));
          span.end();
        },
      };
    },
  };
}
