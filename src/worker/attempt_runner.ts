/**
 * The attempts that run on a worker: each in its executor, within its time, to its report.
 *
 * @module
 */

import type { ParentJob, ParentResult } from "../job_types/light.ts";
import { parseTraceparent } from "../observability/light.ts";
import { type AssignedJob, type AttemptReportView, parentResult } from "../rpc/light.ts";
import { holdsSealedText, isSealed, PayloadKeys } from "../security/light.ts";
import type { AttemptEnd, AttemptListener, Executor } from "./attempt.ts";
import type { ToldSpan } from "./attempt_spans.ts";
import { LastingAttempts } from "./lasting_attempts.ts";
import { AttemptMap } from "./attempt_map.ts";
import { RunningAttempt } from "./running_attempt.ts";
import { openedParent, openedPayload } from "./sealed_attempt.ts";
import type { ObservedAttempt, WorkerOptions } from "./worker.ts";

const NOTHING = new Uint8Array(0);
const NO_PARENTS: readonly ParentJob[] = [];

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
  readonly #running = new AttemptMap<RunningAttempt>();
  readonly #lasting: LastingAttempts;
  readonly #ways: Ways;
  #completedJobs = 0;
  #failedJobs = 0;

  constructor(options: WorkerOptions, listener: RunnerListener) {
    this.#options = options;
    this.#listener = listener;
    this.#lasting = new LastingAttempts((attempt) => this.#started(attempt));
    this.#ways = {
      parentOf: (job, parentId) => this.#parentOf(job, parentId),
      onNews: (attempt) => listener.onNews(attempt),
    };
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
    return this.#running.get({ jobId, token });
  }

  /** Runs an attempt that nobody has begun. */
  begin(job: AssignedJob): void {
    const attempt = new RunningAttempt(job);
    this.#running.set(attempt);
    this.#run(attempt).catch((failure) =>
      this.#options.log.error("an attempt could not be run", {
        job_id: job.id,
        trace_id: parseTraceparent(job.traceparent)?.traceId,
        error: String(failure),
      })
    );
  }

  async #run(attempt: RunningAttempt): Promise<void> {
    const startedMs = performance.now();
    const observed = this.#options.observer.attemptStarted(attempt.job);
    const lasting = this.#lasting.begin(attempt, startedMs);
    try {
      // Whatever goes wrong, the master is told of an end: it cannot know of another.
      const end = await this.#attempted(attempt, observed).catch(endOf);
      const durationMs = performance.now() - startedMs;
      const verdict = attempt.verdictOf(end);
      observed.ended(verdict, end.ok ? "" : shownError(end.error), durationMs);
      if (verdict === "completed") this.#completedJobs++;
      else if (verdict !== "cancelled") this.#failedJobs++;
      const report = attempt.reportOf(end, durationMs);
      if (report !== undefined) this.#listener.onReport(report);
    } finally {
      lasting.end();
      this.#running.delete(attempt);
      if (this.#running.size === 0) this.#listener.onIdle();
    }
  }

  /** Runs it on its payload in clear; what was encrypted leaves encrypted. */
  #attempted(attempt: RunningAttempt, observed: ObservedAttempt): Promise<AttemptEnd> {
    const payload = attempt.job.payload ?? NOTHING;
    const voice = new AttemptVoice(attempt, observed, this.#ways);
    if (!isSealed(payload)) return this.#executed(attempt, payload, observed, voice);
    return this.#unsealed(attempt, observed, voice);
  }

  async #unsealed(
    attempt: RunningAttempt,
    observed: ObservedAttempt,
    voice: AttemptVoice,
  ): Promise<AttemptEnd> {
    const opened = await openedPayload(attempt.job, this.#keys);
    if (!opened.ok) return { ok: false, error: opened.error, permanent: true };
    const { payload, seal } = opened;
    const listener = seal?.listener(voice) ?? voice;
    const end = await this.#executed(attempt, payload, observed, listener);
    return seal === undefined ? end : await seal.end(end);
  }

  #executed(
    attempt: RunningAttempt,
    payload: Uint8Array,
    observed: ObservedAttempt,
    listener: AttemptListener,
  ): Promise<AttemptEnd> {
    const { job } = attempt;
    const task = {
      jobId: job.id,
      jobType: job.type,
      attempt: job.attempt,
      payload,
      parents: job.parents ?? NO_PARENTS,
      traced: observed.span !== undefined,
      tempDir: `${this.#options.tempRoot}/${encodeURIComponent(job.id)}-${job.fencingToken}`,
    };
    return this.#executorFor(job).run(task, listener, attempt.signal);
  }

  /** It goes on beyond the turn in which it began. */
  #started(attempt: RunningAttempt): void {
    if (attempt.isWithdrawn) return;
    const { jobId, token } = attempt;
    this.#listener.onReport({ jobId, token, kind: "started" });
  }

  async #parentOf({ id, fencingToken }: AssignedJob, parentId: string): Promise<ParentResult> {
    const { channel, workerId } = this.#options;
    const query = { workerId, jobId: id, token: fencingToken, parentId };
    return await openedParent(await parentResult(channel, query), parentId, this.#keys);
  }

  get #keys(): PayloadKeys {
    return this.#options.payloadKeys?.() ?? PayloadKeys.none;
  }

  #executorFor(job: AssignedJob): Executor {
    const type = this.#options.registry.get(job.type);
    return type?.isolation === "process" ? this.#options.isolated : this.#options.inline;
  }
}

function endOf(failure: unknown): AttemptEnd {
  return { ok: false, error: `the attempt could not be run: ${String(failure)}`, permanent: false };
}

/** Where what attempts say goes, and their questions. */
interface Ways {
  readonly parentOf: (job: AssignedJob, parentId: string) => Promise<ParentResult>;
  readonly onNews: (attempt: RunningAttempt) => void;
}

/** What one attempt says while it runs. */
class AttemptVoice implements AttemptListener {
  readonly #attempt: RunningAttempt;
  readonly #observed: ObservedAttempt;
  readonly #ways: Ways;

  constructor(attempt: RunningAttempt, observed: ObservedAttempt, ways: Ways) {
    this.#attempt = attempt;
    this.#observed = observed;
    this.#ways = ways;
  }

  parentResult(parentId: string): Promise<ParentResult> {
    return this.#ways.parentOf(this.#attempt.job, parentId);
  }

  progress(fraction: number, message: string): void {
    if (this.#attempt.isWithdrawn) return;
    this.#attempt.progress(fraction, message);
    this.#ways.onNews(this.#attempt);
  }

  span(told: ToldSpan): void {
    this.#observed.span?.(told);
  }

  skippedLog(lines: number): void {
    if (!this.#attempt.isWithdrawn) this.#attempt.skippedLog(lines);
  }

  log(whole: string): void {
    if (this.#attempt.isWithdrawn) return;
    this.#attempt.log(whole);
    this.#ways.onNews(this.#attempt);
  }
}

/** What the worker's own log and spans say of it. */
function shownError(error: string): string {
  return holdsSealedText(error) ? "it is encrypted, as the job's payload is" : error;
}
