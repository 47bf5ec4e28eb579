/**
 * The attempts that run on a worker: each in its executor, within its time, to its report.
 *
 * @module
 */

import { parseTraceparent } from "../observability/light.ts";
import { type AttemptReportView, type JobView, parentResult } from "../rpc/light.ts";
import { holdsSealedText, PayloadKeys } from "../security/light.ts";
import type { AttemptEnd, AttemptListener, Executor } from "./attempt.ts";
import { AttemptTimes } from "./attempt_times.ts";
import { attemptKey } from "./outbox.ts";
import { RunningAttempt } from "./running_attempt.ts";
import { openedParent, openedPayload } from "./sealed_attempt.ts";
import type { ObservedAttempt, WorkerOptions } from "./worker.ts";

/** Told what the attempts have to say. */
export interface RunnerListener {
  /** To be delivered to the master. */
  onReport(report: AttemptReportView): void;
  /** The attempt has progress or log lines that were not sent yet. */
  onNews(attempt: RunningAttempt): void;
  /** Nothing runs any more. */
  onIdle(): void;
}

export class AttemptRunner {
  readonly #options: WorkerOptions;
  readonly #listener: RunnerListener;
  readonly #running = new Map<string, RunningAttempt>();
  readonly #times = new AttemptTimes();
  #completedJobs = 0;
  #failedJobs = 0;

  constructor(options: WorkerOptions, listener: RunnerListener) {
    this.#options = options;
    this.#listener = listener;
  }

  /** Attempts that run now. */
  get size(): number {
    return this.#running.size;
  }

  get completedJobs(): number {
    return this.#completedJobs;
  }

  get failedJobs(): number {
    return this.#failedJobs;
  }

  /** Attempts of one type that run now. */
  ofType(type: string): number {
    let count = 0;
    for (const { job } of this.#running.values()) if (job.type === type) count++;
    return count;
  }

  all(): Iterable<RunningAttempt> {
    return this.#running.values();
  }

  get(jobId: string, token: number): RunningAttempt | undefined {
    return this.#running.get(attemptKey(jobId, token));
  }

  /** Runs an attempt that nobody has begun. */
  begin(job: JobView): void {
    const key = attemptKey(job.id, job.fencingToken);
    const attempt = new RunningAttempt(job);
    this.#running.set(key, attempt);
    this.#listener.onReport({ jobId: job.id, token: job.fencingToken, kind: "started" });
    this.#run(key, attempt).catch((failure) =>
      this.#options.log.error("an attempt could not be run", {
        job_id: job.id,
        trace_id: parseTraceparent(job.traceparent)?.traceId,
        error: String(failure),
      })
    );
  }

  async #run(key: string, attempt: RunningAttempt): Promise<void> {
    const { job } = attempt;
    const startedMs = performance.now();
    const observed = this.#options.observer.attemptStarted(job);
    const time = job.timeoutMs > 0 ? this.#times.begin(attempt, startedMs) : undefined;
    try {
      const end = await this.#attempted(attempt, observed);
      const durationMs = performance.now() - startedMs;
      const verdict = attempt.verdictOf(end);
      observed.ended(verdict, end.ok ? "" : shownError(end.error), durationMs);
      if (verdict === "completed") this.#completedJobs++;
      else if (verdict !== "cancelled") this.#failedJobs++;
      this.#ended(attempt, end, durationMs);
    } finally {
      time?.end();
      this.#running.delete(key);
      if (this.#running.size === 0) this.#listener.onIdle();
    }
  }

  /** Runs it on its payload in clear; what was encrypted leaves encrypted. */
  async #attempted(attempt: RunningAttempt, observed: ObservedAttempt): Promise<AttemptEnd> {
    const { job } = attempt;
    const opened = await openedPayload(job, this.#keys);
    if (!opened.ok) return { ok: false, error: opened.error, permanent: true };
    const { payload, seal } = opened;
    const listener = this.#listenerOf(attempt, observed);
    const end = await this.#executorFor(job).run(
      {
        jobId: job.id,
        jobType: job.type,
        attempt: job.attempt,
        payload,
        parents: job.parents ?? [],
        traced: observed.span !== undefined,
        tempDir: `${this.#options.tempRoot}/${encodeURIComponent(job.id)}-${job.fencingToken}`,
      },
      seal === undefined ? listener : seal.listener(listener),
      attempt.signal,
    );
    return seal === undefined ? end : await seal.end(end);
  }

  get #keys(): PayloadKeys {
    return this.#options.payloadKeys?.() ?? PayloadKeys.none;
  }

  #executorFor(job: JobView): Executor {
    const type = this.#options.registry.get(job.type);
    return type?.isolation === "process" ? this.#options.isolated : this.#options.inline;
  }

  #listenerOf(attempt: RunningAttempt, observed: ObservedAttempt): AttemptListener {
    const { id, fencingToken } = attempt.job;
    const { channel, workerId } = this.#options;
    return {
      parentResult: async (parentId) => {
        const query = { workerId, jobId: id, token: fencingToken, parentId };
        const parent = await parentResult(channel, query);
        return await openedParent(parent, parentId, this.#keys);
      },
      progress: (fraction, message) => {
        if (attempt.isWithdrawn) return;
        attempt.progress(fraction, message);
        this.#listener.onNews(attempt);
      },
      span: (told) => observed.span?.(told),
      skippedLog: (lines) => {
        if (!attempt.isWithdrawn) attempt.skippedLog(lines);
      },
      log: (whole) => {
        if (attempt.isWithdrawn) return;
        attempt.log(whole);
        this.#listener.onNews(attempt);
      },
    };
  }

  #ended(attempt: RunningAttempt, end: AttemptEnd, durationMs: number): void {
    const report = attempt.reportOf(end, durationMs);
    if (report !== undefined) this.#listener.onReport(report);
  }
}

/** What the worker's own log and spans say of it. */
function shownError(error: string): string {
  return holdsSealedText(error) ? "it is encrypted, as the job's payload is" : error;
}
