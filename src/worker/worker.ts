/**
 * A worker: keeps a session with the master that leads, runs what it is assigned, reports until it
 * is acknowledged, and leaves in order.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { type Logger, parseTraceparent } from "../observability/light.ts";
import {
  type AssignedJob,
  type CancellationView,
  type ClusterChannel,
  type OrderAnswer,
  Refusal,
  type ReportAckView,
  type WorkerAnnouncement,
  type WorkerApi,
  type WorkerNews,
  type WorkerStatsView,
  type WorkerWelcomeView,
} from "../rpc/light.ts";
import type { PayloadKeys } from "../security/light.ts";
import type { Executor, OfferedTypes } from "./attempt.ts";
import type { ToldSpan } from "./attempt_spans.ts";
import { AttemptRunner } from "./attempt_runner.ts";
import { firstOfMessage, progressBytes } from "./message_bounds.ts";
import { Outbox } from "./outbox.ts";
import type { AttemptVerdict, RunningAttempt } from "./running_attempt.ts";
import type { ReportKeeper } from "./report_keeper.ts";
import { SessionKeeper } from "./session_keeper.ts";
import { TakenAttempts, type Taking } from "./taken_attempts.ts";

/** How a worker is set up. */
export interface WorkerOptions {
  readonly workerId: string;
  /** Where masters can bring jobs to this worker; empty: it serves nobody. Asked at each session. */
  readonly address: () => string;
  /** Attempts that run at once, to begin with; see {@linkcode Worker.resize}. */
  readonly slots: number;
  /** Attempts of single types that run at once; of all others as many as there are slots. */
  readonly typeSlots?: Readonly<Record<string, number>>;
  /** What jobs may ask for together, in thousandths of a processor and in bytes. */
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly tags: Readonly<Record<string, string>>;
  /** It wants jobs of these namespaces alone; absent or empty: of all that its token is for. */
  readonly namespaces?: readonly string[];
  readonly version: string;
  readonly registry: OfferedTypes;
  /** Types offered; all are in the registry. */
  readonly jobTypes: readonly string[];
  readonly inline: Executor;
  readonly isolated: Executor;
  readonly channel: ClusterChannel;
  /** Attempts get their own directories in here. */
  readonly tempRoot: string;
  readonly log: Logger;
  readonly observer: WorkerObserver;
  /** What this worker uses, and how much of what it may use is in use. */
  readonly usage: () => WorkerUsage;
  /** Heartbeats at least this often; the master may ask for more. */
  readonly heartbeatIntervalMs: number;
  /** A report that is not acknowledged for this long is sent again. */
  readonly resultTimeoutMs: number;
  /** How long the last reports may wait for their acknowledgement when the worker leaves. */
  readonly shutdownDelayMs: number;
  /** How long an attempt that is told to stop may take to. */
  readonly killGraceMs?: number;
  /** Keys of encrypted payloads, asked at each attempt; absent: there are none. */
  readonly payloadKeys?: () => PayloadKeys;
  /** Where results outlive this process until they are acknowledged; absent: nowhere. */
  readonly reports?: ReportKeeper;
}

/** How much a worker runs at once: in all, and of single types. */
export interface WorkerSize {
  readonly slots: number;
  readonly typeSlots?: Readonly<Record<string, number>>;
}

/** What is measured of a worker; see `WorkerStatsView`. */
export type WorkerUsage = Omit<
  WorkerStatsView,
  "activeJobs" | "completedJobs" | "failedJobs" | "pendingReports"
>;

/** Told what the worker does, for metrics and traces. */
export interface WorkerObserver {
  attemptStarted(job: AssignedJob): ObservedAttempt;
  /** The session with a master has ended, and not because the worker wished it; absent: nobody wants to know. */
  readonly sessionLost?: () => void;
}

/** An attempt that is followed. */
export interface ObservedAttempt {
  /** A part of it began or ended; absent: nobody wants to know. */
  readonly span?: (told: ToldSpan) => void;
  ended(verdict: AttemptVerdict, error: string, durationMs: number): void;
}

/** Longest time that a timer of the runtime can be set to, in ms: one that is set to more is due at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Progress and log lines are sent at most this often. */
const PROGRESS_INTERVAL_MS = 100;

export class Worker implements WorkerApi {
  readonly #options: WorkerOptions;
  readonly #running: AttemptRunner;
  readonly #outbox: Outbox;
  /** Attempts with progress or log lines that were not sent yet. */
  readonly #withNews = new Set<RunningAttempt>();
  readonly #taken = new TakenAttempts();
  #clusterId = "";
  /** The master acknowledges reports by the number of their message. */
  #hasNumbers = false;
  readonly #session: SessionKeeper;
  readonly #incarnation = crypto.randomUUID();
  #size: WorkerSize;
  #isDraining = false;
  #flushTimer: ReturnType<typeof setTimeout> | undefined;
  #heartbeatTimer: ReturnType<typeof setTimeout> | undefined;
  #isFlushScheduled = false;
  #onIdle: () => void = () => {};

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#size = { slots: options.slots, typeSlots: options.typeSlots };
    this.#running = new AttemptRunner(options, {
      onReport: (report) => {
        this.#outbox.report(report);
        this.#scheduleFlush();
      },
      onNews: (attempt) => this.#scheduleProgress(attempt),
      onIdle: () => this.#onIdle(),
    });
    this.#outbox = new Outbox(options.reports);
    for (const { jobId, token } of this.#outbox.unacknowledged) this.#taken.take(jobId, token);
    this.#session = new SessionKeeper({
      channel: options.channel,
      log: options.log,
      announce: () => this.#announcement(),
      listener: {
        onWelcome: (welcome) => this.#welcomed(welcome),
        onAssignments: (jobs) => jobs.forEach((job) => this.#take(job)),
        onCancellations: (cancellations) => cancellations.forEach((each) => this.#withdraw(each)),
        onAcks: (acks, numbers) => this.#acknowledged(acks, numbers),
      },
      onLost: () => options.observer.sessionLost?.(),
    });
  }

  get workerId(): string {
    return this.#options.workerId;
  }

  /** Connected to a master that leads. */
  get isConnected(): boolean {
    return this.#session.isOpen;
  }

  /** Why jobs should not be brought to it now; empty: they may. */
  notReadyReasons(): string[] {
    return [
      ...(this.#isDraining ? ["it is shutting down and takes no more jobs"] : []),
      ...(this.isConnected ? [] : ["no master has let this worker in"]),
    ];
  }

  /** Attempts that it runs at once. */
  get slots(): number {
    return this.#size.slots;
  }

  /** Attempts that run now. */
  get activeJobs(): number {
    return this.#running.size;
  }

  /** Reports that wait for their acknowledgement. */
  get pendingReports(): number {
    return this.#outbox.pending;
  }

  /** Starts to look for a master; resolves at once. */
  start(): void {
    this.#session.start();
  }

  /**
   * Runs more or fewer attempts at once from now on, and has the master know it by a session of its own.
   * Attempts beyond a smaller number go on to their ends; until then it is given no more.
   */
  resize(size: WorkerSize): void {
    this.#size = size;
    this.renewSession();
  }

  /**
   * Goes on by a session of its own: the master judges one that stands by the token that it was opened
   * with, and ends it with that.
   */
  renewSession(): void {
    // One that leaves takes no more anyway, and says so on the session that it has.
    if (!this.#isDraining) this.#session.renew();
  }

  /**
   * Leaves: takes no more jobs, lets running ones finish for `graceMs`, hands the rest back, waits
   * until the last reports are acknowledged, and says goodbye. Reports that nobody has acknowledged
   * are left to the next process.
   */
  async stop(graceMs: number): Promise<void> {
    this.#isDraining = true;
    this.#flushNow();
    await this.#idleWithin(graceMs);
    for (const attempt of this.#running.all()) {
      attempt.stop("released", "the worker is shutting down");
    }
    const { killGraceMs = 0, shutdownDelayMs } = this.#options;
    await this.#idleWithin(killGraceMs + shutdownDelayMs);
    this.#flushNow();
    await this.#settledWithin(this.#options.shutdownDelayMs);
    this.#session.send({ reports: [], progress: [], draining: true, goodbye: true });
    await this.#session.stop(this.#options.shutdownDelayMs);
    clearTimeout(this.#flushTimer);
    clearInterval(this.#heartbeatTimer);
    await Promise.all([this.#options.inline.close(), this.#options.isolated.close()]);
    this.#outbox.close();
  }

  #announcement(): WorkerAnnouncement {
    const { workerId, address, tags, version, jobTypes } = this.#options;
    const { cpuMillis, memoryBytes, namespaces = [] } = this.#options;
    const { slots, typeSlots = {} } = this.#size;
    return {
      workerId,
      incarnation: this.#incarnation,
      address: address(),
      slots,
      jobTypes,
      tags,
      version,
      cpuMillis,
      memoryBytes,
      typeSlots,
      namespaces,
      running: this.#held(),
    };
  }

  /** Attempts that run, and those whose end the master has not acknowledged: both are still ours. */
  #held(): { jobId: string; token: number }[] {
    const running = [...this.#running.all()].filter((each) => !each.isWithdrawn);
    return [
      ...running.map(({ job }) => ({ jobId: job.id, token: job.fencingToken })),
      ...this.#outbox.unacknowledged.map(({ jobId, token }) => ({ jobId, token })),
    ];
  }

  #welcomed(welcome: WorkerWelcomeView): void {
    const isElsewhere = this.#clusterId !== "" && this.#clusterId !== welcome.clusterId;
    if (isElsewhere) this.#taken.forgetAll();
    this.#clusterId = welcome.clusterId;
    this.#hasNumbers = welcome.takesNumbers === true;
    clearInterval(this.#heartbeatTimer);
    const intervalMs = Math.min(this.#options.heartbeatIntervalMs, welcome.heartbeatIntervalMs);
    this.#heartbeatTimer = setInterval(() => this.#heartbeat(), intervalMs);
    this.#outbox.sendAgain();
    // Those that have ended too, if something of them was not sent yet.
    for (const attempt of [...this.#running.all(), ...this.#withNews]) {
      if (attempt.isWithdrawn) continue;
      attempt.sendAgain();
      this.#withNews.add(attempt);
    }
    this.#flushNow();
    this.#heartbeat();
  }

  #heartbeat(): void {
    this.#outbox.rest();
    if (this.#outbox.sendAgainAfter(this.#options.resultTimeoutMs)) this.#flushNow();
    this.#session.send({
      stats: this.#stats(),
      reports: [],
      progress: [],
      draining: this.#isDraining,
      goodbye: false,
    });
  }

  #stats(): WorkerStatsView {
    return {
      activeJobs: this.#running.size,
      completedJobs: this.#running.completedJobs,
      failedJobs: this.#running.failedJobs,
      pendingReports: this.pendingReports,
      ...this.#options.usage(),
    };
  }

  /**
   * Takes a job that is brought here, rather than on the session: as one from there, if there is
   * room for it.
   *
   * @throws Refusal for a job that cannot be told from another attempt at it.
   */
  assign(job: AssignedJob): OrderAnswer {
    if (job.fencingToken <= 0) {
      throw new Refusal(
        "failed_precondition",
        "job.fencing_token is missing: without it the job could run twice, and its result would " +
          "be no attempt's; let a master of this cluster assign it",
      );
    }
    if (this.#isDraining) return { done: false, message: "the worker is draining" };
    if (!this.#options.jobTypes.includes(job.type)) {
      const types = this.#options.jobTypes.join(", ");
      return { done: false, message: `this worker offers ${types}, not ${job.type}` };
    }
    const isHere = this.#running.get(job.id, job.fencingToken) !== undefined;
    if (!isHere && this.#running.size >= this.slots) {
      return { done: false, message: `all ${this.slots} slots are taken` };
    }
    const typeSlots = this.#size.typeSlots?.[job.type] ?? Infinity;
    if (!isHere && this.#running.ofType(job.type) >= typeSlots) {
      return { done: false, message: `all ${typeSlots} slots of type ${job.type} are taken` };
    }
    switch (this.#take(job)) {
      case "new":
        return { done: true, message: `attempt ${job.attempt} runs` };
      case "repeated":
        return { done: true, message: "this attempt was taken before" };
      case "outdated":
        return { done: false, message: "a later attempt of the job was taken" };
    }
  }

  /** Stops whatever attempt of a job runs here, for whoever does not call on the session. */
  cancel(jobId: string, reason: string): OrderAnswer {
    const attempts = [...this.#running.all()].filter(({ job }) => job.id === jobId);
    const why = `stopped by CancelJob: ${reason === "" ? "no reason given" : reason}`;
    for (const attempt of attempts) {
      if (reason === "reassigned") attempt.withdraw(why);
      else attempt.stop(reason === "timeout" ? "timeout" : "cancelled", why);
    }
    return attempts.length > 0
      ? { done: true, message: "the attempt is being stopped" }
      : { done: false, message: `job ${jobId} does not run here` };
  }

  #take(job: AssignedJob): Taking {
    const taking = this.#taken.take(job.id, job.fencingToken);
    if (taking !== "new") return taking;
    if (this.#isDraining) {
      this.#outbox.report({
        jobId: job.id,
        token: job.fencingToken,
        kind: "released",
        reason: "the worker is draining",
      });
    } else {
      this.#running.begin(job);
    }
    this.#scheduleFlush();
    return taking;
  }

  #withdraw(cancellation: CancellationView): void {
    const attempt = this.#running.get(cancellation.jobId, cancellation.token);
    attempt?.withdraw(`the job was withdrawn: ${cancellation.reason}`);
  }

  #acknowledged(acks: readonly ReportAckView[], numbers: readonly number[]): void {
    this.#outbox.acknowledge(acks, numbers);
    for (const ack of acks) {
      if (ack.accepted) continue;
      const attempt = this.#running.get(ack.jobId, ack.token);
      this.#options.log.warn("the master refused a report", {
        job_id: ack.jobId,
        fencing_token: ack.token,
        trace_id: parseTraceparent(attempt?.job.traceparent)?.traceId,
        reason: ack.message,
      });
      attempt?.withdraw(ack.message);
    }
    if (this.#outbox.isSettled) this.#onIdle();
  }

  /**
   * Everything that happens in one turn of the event loop goes up in one message, when the turn ends: a
   * timer of 0 ms takes two.
   */
  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    setImmediate(() => this.#flushNow());
  }

  #scheduleProgress(attempt: RunningAttempt): void {
    this.#withNews.add(attempt);
    this.#flushTimer ??= setTimeout(() => this.#flushNow(), PROGRESS_INTERVAL_MS);
  }

  #flushNow(): void {
    this.#isFlushScheduled = false;
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    this.#outbox.keep();
    if (!this.#session.isOpen) return;
    let progress = [...this.#withNews].filter((each) => !each.isWithdrawn)
      .map((each) => each.news());
    this.#withNews.clear();
    if (!this.#outbox.hasUnsent && progress.length === 0 && !this.#isDraining) return;
    do {
      const { reports, number }: Pick<WorkerNews, "reports" | "number"> = this.#hasNumbers
        ? this.#outbox.takeNumbered()
        : { reports: this.#outbox.take() };
      const told = firstOfMessage(progress, progressBytes);
      this.#session.send({
        reports,
        progress: progress.slice(0, told),
        draining: this.#isDraining,
        goodbye: false,
        ...(number !== undefined && { number }),
      });
      progress = progress.slice(told);
    } while (this.#outbox.hasUnsent || progress.length > 0);
  }

  #idleWithin(ms: number): Promise<void> {
    return this.#until(() => this.#running.size === 0, ms);
  }

  #settledWithin(ms: number): Promise<void> {
    return this.#until(() => this.#outbox.isSettled, ms);
  }

  /** Resolves when `isDone`, checked whenever something ends, or after `ms`. */
  #until(isDone: () => boolean, ms: number): Promise<void> {
    if (isDone()) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(done, Math.min(ms, TIMER_MS_MAX));
      const stop = () => {
        clearTimeout(timer);
        this.#onIdle = () => {};
        resolve();
      };
      this.#onIdle = () => {
        if (isDone()) stop();
      };
      function done() {
        stop();
      }
    });
  }
}
