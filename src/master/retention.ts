/**
 * The leader forgets finished jobs that are older or more than is wished, in small steps with pauses
 * between them, so that the disk does not grow for ever and nobody who submits has to wait.
 *
 * Nothing of it is lasting: a leader that was deposed amid a sweep leaves less to do for the next.
 *
 * @module
 */

import type { FinishedStatus, JobMachine, PruneCommand, PrunePlace } from "../jobs/mod.ts";
import type { Logger } from "../observability/mod.ts";
import type { Proposer } from "./proposer.ts";

/** How much is kept of one status. */
export interface RetentionRule {
  /** Since the job finished, in ms; 0: however long. */
  readonly ageMs: number;
  /** Jobs, those that finished last; 0: however many. */
  readonly jobsMax: number;
}

export type RetentionRules = Readonly<Record<FinishedStatus, RetentionRule>>;

export interface RetentionOptions {
  readonly rules: RetentionRules;
  readonly machine: Pick<JobMachine, "pruneCandidates">;
  readonly proposer: Pick<Proposer, "propose">;
  readonly now: () => number;
  /** A clock that does not jump, in ms. */
  readonly monotonicNow: () => number;
  readonly log: Pick<Logger, "debug" | "warn">;
}

/**
 * Jobs of one Command. To forget one costs each member some 60 µs, most of it when state.db is written:
 * this many hold a node up for some 15 ms.
 */
const JOBS_PER_COMMAND = 250;
/** A step is followed by a pause of so many times its length ... */
const PAUSE_FACTOR = 4;
/** ... and of at least so many ms. */
const PAUSE_MS_MIN = 50;
/** Between two sweeps, and before what failed is tried again, in ms. */
const SWEEP_INTERVAL_MS = 5_000;

const STATUSES = ["completed", "failed", "cancelled"] as const satisfies FinishedStatus[];

export class Retention {
  readonly #options: RetentionOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;
  /** Statuses that this sweep has still to look at, the present one first. */
  #ahead: FinishedStatus[] = [];
  #place: PrunePlace | undefined;
  #forgotten = 0;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** Begins; the first step comes at once. */
  start(): void {
    this.#timer = setTimeout(() => this.#run(), PAUSE_MS_MIN);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Looks at some jobs and forgets those that may go. Resolves to the ms until the next step. */
  async step(): Promise<number> {
    const { machine, proposer, monotonicNow } = this.#options;
    if (this.#ahead.length === 0) this.#ahead = STATUSES.filter((each) => this.#isBounded(each));
    const [status] = this.#ahead;
    if (status === undefined) return SWEEP_INTERVAL_MS;
    const startedMs = monotonicNow();
    const { jobSeqs, next } = machine.pruneCandidates({
      status,
      ...this.#boundsOf(status),
      ...(this.#place !== undefined && { after: this.#place }),
      limit: JOBS_PER_COMMAND,
    });
    if (jobSeqs.length > 0) {
      const { removedJobs } = await proposer.propose<PruneCommand>({ kind: "prune", jobSeqs });
      this.#forgotten += removedJobs;
    }
    this.#place = next;
    if (next === undefined) this.#ahead.shift();
    if (this.#ahead.length === 0) return this.#sweepIsOver();
    return Math.max(PAUSE_MS_MIN, (monotonicNow() - startedMs) * PAUSE_FACTOR);
  }

  async #run(): Promise<void> {
    let pauseMs = SWEEP_INTERVAL_MS;
    try {
      pauseMs = await this.step();
    } catch (failure) {
      if (!this.#isStopped) {
        this.#options.log.warn("finished jobs could not be deleted; this will be tried again", {
          error: String(failure),
        });
      }
      this.#ahead = [];
      this.#place = undefined;
    }
    if (!this.#isStopped) this.#timer = setTimeout(() => this.#run(), pauseMs);
  }

  #sweepIsOver(): number {
    if (this.#forgotten > 0) {
      this.#options.log.debug("finished jobs were forgotten", { jobs: this.#forgotten });
      this.#forgotten = 0;
    }
    return SWEEP_INTERVAL_MS;
  }

  #isBounded(status: FinishedStatus): boolean {
    const { ageMs, jobsMax } = this.#options.rules[status];
    return ageMs > 0 || jobsMax > 0;
  }

  #boundsOf(status: FinishedStatus): { finishedBeforeMs?: number; keepNewest?: number } {
    const { ageMs, jobsMax } = this.#options.rules[status];
    return {
      ...(ageMs > 0 && { finishedBeforeMs: this.#options.now() - ageMs }),
      ...(jobsMax > 0 && { keepNewest: jobsMax }),
    };
  }
}
