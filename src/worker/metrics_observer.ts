/**
 * A worker's doings as metrics, spans and lines of the log.
 *
 * @module
 */

import type { Logger, Span, Tracer, WorkerMetrics } from "../observability/mod.ts";
import type { AssignedJob } from "../rpc/mod.ts";
import { AttemptSpans, type ToldSpan } from "./attempt_spans.ts";
import type { ExecutorObserver } from "./process_executor.ts";
import type { AttemptVerdict } from "./running_attempt.ts";
import type { ObservedAttempt, WorkerObserver } from "./worker.ts";

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

/**
 * Counts attempts, traces each as a part of its job's trace, and logs those that do not complete; counts
 * sessions that were lost.
 */
export function workerObserver(records: WorkerRecords): WorkerObserver {
  return {
    attemptStarted: (job) => new RecordedAttempt(job, records),
    sessionLost: () => records.metrics.sessionLossesTotal.inc(),
  };
}

/** What every job's road takes: nothing is made that nobody will look at. */
class RecordedAttempt implements ObservedAttempt {
  readonly span?: (told: ToldSpan) => void;
  readonly #job: AssignedJob;
  readonly #records: WorkerRecords;
  /** Made at once when it may be recorded, and else when its trace id is first logged. */
  #own: Span | undefined;
  readonly #parts: AttemptSpans | undefined;

  constructor(job: AssignedJob, records: WorkerRecords) {
    this.#job = job;
    this.#records = records;
    const { tracer, log } = records;
    if (tracer.isEnabled) {
      const { isRecording, traceparent } = this.#ownSpan();
      if (isRecording) {
        const parts = new AttemptSpans(traceparent, (name, how) => tracer.startSpan(name, how));
        this.#parts = parts;
        this.span = (told) => parts.take(told);
      }
    }
    if (log.isEnabled("debug")) log.debug("attempt started", this.#fields());
  }

  ended(verdict: AttemptVerdict, error: string, durationMs: number): void {
    const { metrics, log } = this.#records;
    const labels = { type: this.#job.type, outcome: verdict };
    metrics.attemptsTotal.inc(labels);
    metrics.attemptSeconds.observe(labels, durationMs / 1_000);
    const wholeMs = Math.round(durationMs);
    const isCompleted = verdict === "completed";
    if (!isCompleted || log.isEnabled("debug")) {
      const fields = { ...this.#fields(), outcome: verdict, duration_ms: wholeMs };
      if (isCompleted) log.debug("attempt ended", fields);
      else log.info("attempt ended", { ...fields, error });
    }
    this.#parts?.end();
    const span = this.#own;
    if (span === undefined) return;
    span.setAttribute("job.success", isCompleted);
    span.setAttribute("job.duration_ms", wholeMs);
    if (error !== "") span.recordError(error);
    span.end();
  }

  #ownSpan(): Span {
    const { id, type, attempt, traceparent } = this.#job;
    const { tracer, workerId } = this.#records;
    return this.#own ??= tracer.startSpan("worker.execute_job", {
      parent: traceparent,
      kind: "consumer",
      attributes: {
        "job.id": id,
        "job.type": type,
        "job.attempt": attempt,
        "worker.id": workerId,
      },
    });
  }

  #fields() {
    const { id, type, attempt } = this.#job;
    return { job_id: id, type, attempt, trace_id: this.#ownSpan().traceId };
  }
}
