/**
 * The road down to a worker that masters have to call (the original's workers know no other). Each
 * order is a call of its own, so that one that hangs holds up nothing else: neither another job of
 * this worker nor another worker.
 *
 * @module
 */

import { type Logger, parseTraceparent } from "../observability/mod.ts";
import {
  type AttemptReportView,
  type CancellationView,
  type JobView,
  Refusal,
  type ReportAckView,
  type WorkerCaller,
  type WorkerLink,
  type WorkerOrders,
} from "../rpc/mod.ts";

export interface PushLinkOptions {
  readonly workerId: string;
  readonly address: string;
  readonly caller: Pick<WorkerCaller, "reach" | "assign" | "cancel" | "close">;
  /** Puts a report on the worker's behalf into the log: it says nothing of starts and refusals. */
  readonly report: (report: AttemptReportView) => Promise<ReportAckView>;
  /** The worker may be given jobs again. */
  readonly onReady: () => void;
  readonly log: Logger;
}

/** A worker that took no job is left alone for this long, doubled for each further failure. */
const PAUSE_MS_MIN = 250;
const PAUSE_MS_MAX = 30_000;

export class PushLink implements WorkerLink {
  readonly #options: PushLinkOptions;
  /** Jobs that are being brought, by token: a cancellation must not overtake its job. */
  readonly #underWay = new Map<number, Promise<void>>();
  /**
   * It has not shown that it takes jobs, or not since it failed to: until it does it gets one at a
   * time. With its free slots it would else draw every job of the queue.
   */
  #isOnTrial = true;
  #failures = 0;
  #pause: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(options: PushLinkOptions) {
    this.#options = options;
  }

  /** None while it is left alone. */
  get room(): number {
    if (this.#pause !== undefined) return 0;
    return this.#isOnTrial ? Math.max(0, 1 - this.#underWay.size) : Number.POSITIVE_INFINITY;
  }

  send({ assignments = [], cancellations = [] }: WorkerOrders): void {
    for (const job of assignments) this.#bring(job);
    for (const cancellation of cancellations) {
      this.#cancel(cancellation).catch((failure) => this.#untold(cancellation, failure));
    }
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#pause);
    this.#options.caller.close();
  }

  #bring(job: JobView): void {
    const brought = this.#assign(job).catch((failure) => {
      if (this.#isClosed) return;
      // The attempt has not started for the log: it goes back when its time to start is over.
      this.#options.log.warn("the outcome of an assignment could not be written to the log", {
        worker_id: this.#options.workerId,
        job_id: job.id,
        trace_id: parseTraceparent(job.traceparent)?.traceId,
        error: String(failure),
      });
    });
    this.#underWay.set(job.fencingToken, brought);
    brought.finally(() => this.#underWay.delete(job.fencingToken));
  }

  async #assign(job: JobView): Promise<void> {
    const { caller, report } = this.#options;
    const attempt = { jobId: job.id, token: job.fencingToken };
    const fault = await faultOf(caller.assign(job));
    if (this.#isClosed) return;
    if (fault === undefined) {
      this.#isOnTrial = false;
      this.#failures = 0;
      await report({ ...attempt, kind: "started" });
      return;
    }
    this.#leaveAlone(fault);
    await report({ ...attempt, kind: "released", reason: fault.message });
    if (!fault.mayHaveArrived) return;
    const cancellation: CancellationView = { ...attempt, reason: "reassigned" };
    await caller.cancel(cancellation).catch((failure) => this.#untold(cancellation, failure));
  }

  async #cancel(cancellation: CancellationView): Promise<void> {
    await this.#underWay.get(cancellation.token);
    if (!this.#isClosed) await this.#options.caller.cancel(cancellation);
  }

  #leaveAlone({ message }: Fault): void {
    this.#isOnTrial = true;
    if (this.#pause !== undefined) return;
    const { workerId, address, log } = this.#options;
    const pauseMs = Math.min(PAUSE_MS_MIN * 2 ** Math.min(this.#failures, 20), PAUSE_MS_MAX);
    this.#failures++;
    this.#pause = setTimeout(() => this.#lookAfter(), pauseMs);
    log.warn("a job could not be delivered to a worker", {
      worker_id: workerId,
      address,
      reason: message,
      next_try_in_ms: pauseMs,
    });
  }

  /** One that cannot be connected to need not be tried with a job. */
  #lookAfter(): void {
    const { caller, onReady } = this.#options;
    caller.reach().then(
      () => {
        this.#pause = undefined;
        if (!this.#isClosed) onReady();
      },
      (failure) => {
        this.#pause = undefined;
        if (!this.#isClosed) this.#leaveAlone(faultBy(failure));
      },
    );
  }

  /** Its late result will be refused; that it goes on costs the worker a slot. */
  #untold(cancellation: CancellationView, failure: unknown): void {
    if (this.#isClosed) return;
    this.#options.log.warn("a worker could not be told to stop a job", {
      worker_id: this.#options.workerId,
      job_id: cancellation.jobId,
      reason: cancellation.reason,
      error: String(failure),
    });
  }
}

/** Why a worker did not take a job. */
interface Fault {
  readonly message: string;
  /** The job may be there all the same. */
  readonly mayHaveArrived: boolean;
}

async function faultOf(
  assigning: ReturnType<WorkerCaller["assign"]>,
): Promise<Fault | undefined> {
  try {
    const { done, message } = await assigning;
    if (done) return undefined;
    return { message: `the worker refused it: ${message || "no reason"}`, mayHaveArrived: false };
  } catch (failure) {
    return faultBy(failure);
  }
}

function faultBy(failure: unknown): Fault {
  const message = failure instanceof Error ? failure.message : String(failure);
  return {
    message: `it could not be brought to the worker: ${message}`,
    mayHaveArrived: failure instanceof Refusal && failure.reason === "outcome_unknown",
  };
}
