/**
 * A worker's doings as metrics and spans.
 *
 * @module
 */

import type { Tracer, WorkerMetrics } from "../observability/mod.ts";
import type { WorkerObserver } from "./worker.ts";

/** Counts attempts, and traces each as a part of its job's trace. */
export function workerObserver(
  metrics: WorkerMetrics,
  tracer: Tracer,
  workerId: string,
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
      return {
        ended(verdict, error, durationMs) {
          const labels = { type: job.type, outcome: verdict };
          metrics.attemptsTotal.inc(labels);
          metrics.attemptSeconds.observe(labels, durationMs / 1_000);
          span.setAttribute("job.success", verdict === "completed");
          span.setAttribute("job.duration_ms", Math.round(durationMs));
          if (error !== "") span.recordError(new Error(error));
          span.end();
        },
      };
    },
  };
}
