/**
 * What only the leader does: hands jobs to workers when a slot and a job meet, ends the leases of
 * silent workers and the attempts that are over time, wakes what is due, and acts on schedules. Every
 * decision becomes a Command; nothing here is lasting, so a new leader simply begins.
 *
 * @module
 */

import {
  type AdvanceCommand,
  type AssignCommand,
  type Assignment,
  type AssignOutcome,
  type ExpireAttemptsCommand,
  type ExpireWorkerCommand,
  isHeld,
  type JobMachine,
  type Report,
  type SchedulingView,
  type SubmitSpec,
  type Worker as JobWorker,
  type WorkerSlots,
} from "../jobs/mod.ts";
import type { Logger, Tracer } from "../observability/mod.ts";
import { Refusal } from "../rpc/mod.ts";
import { plan, type Policy } from "../scheduler/mod.ts";
import { ClockSteps } from "./clock_steps.ts";
import { ComingJobs } from "./coming_jobs.ts";
import { EndingAttempts, withCounts } from "./ending_attempts.ts";
import { HandBackOrders } from "./hand_back_orders.ts";
import { lastWords } from "./last_words.ts";
import { LeaseWatch } from "./lease_watch.ts";
import { isOfLeadership, type Proposer } from "./proposer.ts";
import { ScheduleDuty, type ScheduleDutyOptions } from "./schedule_duty.ts";
import { ageingOf, type SchedulingRules } from "./scheduling_rules.ts";
import type { Road, Session, Sessions } from "./sessions.ts";
import { expireSilent } from "./silent_workers.ts";
import { traceAssignments } from "./assign_tracing.ts";
import { assignmentView } from "./views.ts";
import type { JobWatchers } from "./watchers.ts";

/** How the leader schedules, and how patient it is. All in ms. */
export interface LeaderTimings {
  /** A worker that is silent for this long has lost its lease. */
  readonly heartbeatTimeoutMs: number;
  /** An assigned job that has not started for this long goes back. */
  readonly assignmentTimeoutMs: number;
  /** How often the whole placement is looked over, whatever events have said. */
  readonly rebalanceIntervalMs: number;
  /** How long a worker lets an attempt take to stop when its time is over. */
  readonly killGraceMs: number;
}

export interface LeaderOptions {
  readonly machine: JobMachine;
  readonly proposer: Proposer;
  readonly sessions: Sessions;
  /** Asked at each plan. */
  readonly scheduling: () => SchedulingRules;
  readonly timings: LeaderTimings;
  /** Attempts of one job that may be lost with workers that died, until it is a dead letter. */
  readonly crashLimit: number;
  /** Where the leader hears what running attempts log. */
  readonly watchers: Pick<JobWatchers, "progressOf">;
  readonly now: () => number;
  readonly random: () => number;
  readonly newJobId: () => string;
  readonly log: Logger;
  readonly tracer: Tracer;
  readonly observer: LeaderObserver;
}

/** Told of each scheduling decision, for metrics. */
export interface LeaderObserver {
  planned(assignments: number, durationMs: number): void;
  assigned(outcome: AssignOutcome): void;
  /** The Command did not commit. */
  assignFailed(assignments: number, failure: unknown): void;
  /** Committed, and the worker could not be told. */
  undelivered(assignments: number): void;
  scheduleFired: ScheduleDutyOptions["onFired"];
}

/** Assignments in one log entry. */
const ASSIGNMENTS_MAX = 256;
/** Assign Commands on their way at once. */
const PLANS_IN_FLIGHT_MAX = 4;
/** Attempts ended by one Command. */
const EXPIRED_ATTEMPTS_MAX = 256;
/** How much longer than its limit and its grace an attempt may take before the leader ends it itself. */
const TIMEOUT_GRACE_MS = 1_000;
/** Timers take 32 bits: what is due in months would fire at once, and again and again. */
const WAKE_AFTER_MS_MAX = 3_600_000;
/** The duty that plans end in, by name. */
const ASSIGN_JOBS = "assign jobs";
/** A duty that failed longer ago and was not needed since is no news, in ms. */
const FAULT_KEPT_MS = 30_000;

export class LeaderDuties {
  readonly #options: LeaderOptions;
  readonly #term: number;
  readonly #leases: LeaseWatch<Session>;
  readonly #clockSteps: ClockSteps;
  readonly #handBacks = new HandBackOrders();
  readonly #inFlight = new Set<readonly Assignment[]>();
  readonly #ending = new EndingAttempts();
  readonly #coming: ComingJobs;
  readonly #faults = new Map<string, { readonly text: string; readonly atMs: number }>();
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  readonly #schedules: ScheduleDuty;
  #dueTimer: ReturnType<typeof setTimeout> | undefined;
  #isPlanScheduled = false;
  #isWatching = false;
  #isStopped = false;

  /** Begins the duties of the leader of `term`. */
  constructor(options: LeaderOptions, term: number) {
    this.#options = options;
    this.#term = term;
    const { machine } = options;
    this.#coming = new ComingJobs({
      comesBefore: machine.view().comesBefore,
      openShare: (type, queue) => machine.openShare(type, queue),
    });
    this.#schedules = new ScheduleDuty({
      ...options,
      term,
      fire: (fires, leaderTerm) => options.proposer.fireSchedules(fires, leaderTerm),
      after: (delayMs, run) => {
        const timer = setTimeout(run, delayMs);
        return () => clearTimeout(timer);
      },
      guard: (duty, run) => this.#guard(duty, run),
      onFired: (...args) => options.observer.scheduleFired(...args),
    });
    this.#adoptWorkers();
    const { heartbeatTimeoutMs, rebalanceIntervalMs } = options.timings;
    const clocks = { now: options.now, monotonic: () => performance.now() };
    this.#leases = new LeaseWatch({ timeoutMs: heartbeatTimeoutMs, ...clocks });
    this.#clockSteps = new ClockSteps(clocks);
    const { intervalMs } = this.#leases;
    this.#timers.push(
      setInterval(() => this.#guard("watch over leases", () => this.#watch()), intervalMs),
      setInterval(() => this.schedule(), rebalanceIntervalMs),
    );
    this.schedule();
  }

  /** Something changed that may let a job meet a slot: looks once, at the end of this turn. */
  schedule(): void {
    if (this.#isPlanScheduled || this.#isStopped) return;
    this.#isPlanScheduled = true;
    setImmediate(() => {
      this.#isPlanScheduled = false;
      if (!this.#isStopped) this.#plan();
    });
  }

  /**
   * These reports were just proposed. The slots that they free are given away at once, so that the
   * assignments go in the same append: behind the reports, where they count as free. If a report is
   * refused, so is the assignment that relied on it, and its job is planned again.
   *
   * @returns to be called when the outcome of the reports is known
   */
  reported(reports: readonly Report[]): () => void {
    const { machine } = this.#options;
    const known = this.#ending.add(reports, (jobId) => machine.get(jobId));
    if (known === undefined) return () => {};
    this.#giveAway();
    return known;
  }

  /**
   * These submissions were just proposed. Jobs for which there are slots are given away at once, so that
   * the assignments go in the same append, behind the submissions. If one of those is refused, so is
   * the assignment that relied on it.
   *
   * @returns to be called when the outcome of the submissions is known
   */
  submitted(specs: readonly SubmitSpec[]): () => void {
    // While assignments fail, so do submissions: a full disk would be told of once more for each.
    if (this.#faults.has(ASSIGN_JOBS)) return () => {};
    const known = this.#coming.add(specs, this.#options.now());
    if (known === undefined) return () => {};
    this.#giveAway();
    return known;
  }

  /** Duties that failed lately, when they were last tried, in words. */
  get faults(): readonly string[] {
    const sinceMs = performance.now() - FAULT_KEPT_MS;
    return [...this.#faults.values()].filter((each) => each.atMs > sinceMs).map((each) =>
      each.text
    );
  }

  /** What a scheduler may use: the state's view, without slots that nobody can reach now. */
  view(): SchedulingView {
    const view = this.#options.machine.view();
    return { ...view, workers: this.#reachable(view.workers).map(({ worker }) => worker) };
  }

  /**
   * As {@linkcode view}, with what is known to be free and to wait before a plan of now is applied.
   * Undefined: nothing will wait.
   */
  #foreseenView(): SchedulingView | undefined {
    const view = this.#coming.foreseen(this.#options.machine.view());
    const shapes = [...view.shapes];
    if (shapes.length === 0) return undefined;
    return {
      ...view,
      shapes,
      workers: this.#reachable(view.workers).map(({ worker, isBounded }) =>
        // One that gets a job at a time says itself when it takes another.
        isBounded ? worker : this.#ending.foreseen(worker)
      ),
    };
  }

  /** With whether the way to it bounds what it may be given. */
  #reachable(workers: Iterable<WorkerSlots>): { worker: WorkerSlots; isBounded: boolean }[] {
    const { sessions } = this.#options;
    const reachable: { worker: WorkerSlots; isBounded: boolean }[] = [];
    for (const worker of workers) {
      const room = sessions.roomOf(worker.id, worker.sessionId);
      if (room === undefined) continue;
      const isBounded = room !== Number.POSITIVE_INFINITY;
      const slots = Math.min(worker.slots, worker.activeJobs + room);
      const isDoubted = sessions.get(worker.id)?.isDoubted === true;
      const told = isBounded ? withCounts(worker, { slots, isDoubted }) : worker;
      reachable.push({ worker: told, isBounded });
    }
    return reachable;
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#dueTimer);
    this.#schedules.stop();
  }

  /** Workers that the state calls connected get a full lease to come back within. */
  #adoptWorkers(): void {
    const { machine, sessions, now } = this.#options;
    for (const worker of machine.workers()) {
      if (worker.status === "disconnected" || sessions.get(worker.id) !== undefined) continue;
      sessions.open(worker.id, worker.sessionId, roadOf(worker), now());
    }
  }

  #plan(): void {
    this.#wakeWhenDue();
    this.#schedules.wake();
    this.#giveAway();
  }

  /** Lets jobs and slots meet, those that are there and those that will be. */
  #giveAway(): void {
    if (this.#isStopped) return;
    if (this.#inFlight.size >= PLANS_IN_FLIGHT_MAX) return; // the next outcome plans again
    const { random, observer } = this.#options;
    const startedMs = performance.now();
    const { policy, typePolicies } = this.#takeOrder();
    const view = this.#foreseenView();
    const assignments = view === undefined ? [] : plan(view, { policy, typePolicies, random }, {
      assignmentsMax: ASSIGNMENTS_MAX,
      inFlight: [...this.#inFlight].flat(),
    });
    observer.planned(assignments.length, performance.now() - startedMs);
    if (assignments.length === 0) return;
    this.#guard(ASSIGN_JOBS, () => this.#assign(assignments, policy));
    if (assignments.length === ASSIGNMENTS_MAX) this.schedule();
  }

  /** The rules of now, by which jobs are in order from now on. */
  #takeOrder(): SchedulingRules {
    const { machine, scheduling } = this.#options;
    const rules = scheduling();
    const isOther = machine.orderBy(ageingOf(rules));
    if (isOther) this.#coming.reorder(machine.view().comesBefore);
    return rules;
  }

  async #assign(assignments: readonly Assignment[], policy: Policy): Promise<void> {
    const { proposer, machine, sessions, observer, tracer } = this.#options;
    const plannedAtMs = Date.now();
    this.#inFlight.add(assignments);
    try {
      const { results } = await proposer.propose<AssignCommand>({ kind: "assign", assignments });
      if (tracer.isEnabled) traceAssignments(tracer, results, { policy, plannedAtMs });
      const byWorker = new Map<string, ReturnType<typeof assignmentView>[]>();
      for (const outcome of results) {
        observer.assigned(outcome);
        if (outcome.status !== "assigned" || !isStillHeld(outcome, machine)) continue;
        const jobs = byWorker.get(outcome.workerId) ?? [];
        jobs.push(assignmentView(outcome.job, machine));
        byWorker.set(outcome.workerId, jobs);
      }
      for (const [workerId, jobs] of byWorker) {
        if (!sessions.assign(workerId, jobs)) observer.undelivered(jobs.length);
      }
    } catch (failure) {
      observer.assignFailed(assignments.length, failure);
      throw failure;
    } finally {
      this.#inFlight.delete(assignments);
      this.schedule();
    }
  }

  /** Delayed jobs and retries become due, and rates let jobs start, without anything else happening. */
  #wakeWhenDue(): void {
    clearTimeout(this.#dueTimer);
    const { machine, proposer, now } = this.#options;
    const dueMs = machine.nextDueMs;
    if (dueMs === undefined) return;
    this.#dueTimer = setTimeout(
      () =>
        this.#guard("wake delayed jobs", async () => {
          // Not yet, when the timer had to be cut short: then it is only set again.
          const isDue = (machine.nextDueMs ?? Infinity) <= now();
          if (isDue) await proposer.propose<AdvanceCommand>({ kind: "advance" });
          this.schedule();
        }),
      Math.max(1, Math.min(dueMs - now(), WAKE_AFTER_MS_MAX)),
    );
  }

  async #watch(): Promise<void> {
    this.#clockSteps.look();
    // What began under another leader gets one full lease from the election on (J7): until then its
    // worker comes back with what it started and finished while nobody led.
    const { sessions } = this.#options;
    const silent = this.#leases.look(sessions.all());
    if (silent === undefined) return;
    if (this.#isWatching) return; // what was found is being committed, or will be found again
    this.#isWatching = true;
    try {
      await expireSilent(silent, {
        sessions,
        isSilent: (session) => this.#leases.isSilent(session),
        expire: (session) => this.#expire(session),
      });
      await this.#endDueAttempts();
    } finally {
      this.#isWatching = false;
    }
  }

  async #endDueAttempts(): Promise<void> {
    const { machine, sessions, proposer, timings, watchers, now } = this.#options;
    const nowMs = now();
    const attempts = machine.dueAttempts(nowMs, {
      assignmentTimeoutMs: timings.assignmentTimeoutMs,
      graceMs: timings.killGraceMs + TIMEOUT_GRACE_MS,
      skippedSince: (sinceMs) => this.#clockSteps.skippedSince(sinceMs),
      orderedSince: (workerId, atMs) => this.#handBacks.sinceMs(workerId, atMs, nowMs),
      limit: EXPIRED_ATTEMPTS_MAX,
    });
    if (attempts.length === 0) return;
    const { results } = await proposer.propose<ExpireAttemptsCommand>({
      kind: "expire_attempts",
      attempts,
      leaderTerm: this.#term,
      ...lastWords(attempts.flatMap(({ jobId }) => machine.get(jobId) ?? []), watchers),
    });
    results.forEach((outcome, position) => {
      if (outcome.status !== "ended") return;
      const why = attempts[position]?.reason;
      const reason = why === "timeout" ? "timeout" : "reassigned";
      const { workerId, jobId, token } = outcome;
      // With its slots free it would be the first to be given the same job again.
      if (why === "not_started") sessions.doubt(workerId);
      sessions.cancel(workerId, { jobId, token, reason });
    });
    this.schedule();
  }

  async #expire(session: Session): Promise<void> {
    const { machine, proposer, sessions, log, timings, watchers } = this.#options;
    const { workerId, sessionId } = session;
    const outcome = await proposer.propose<ExpireWorkerCommand>({
      kind: "expire_worker",
      workerId,
      sessionId,
      reason: `no heartbeat for ${timings.heartbeatTimeoutMs} ms`,
      leaderTerm: this.#term,
      crashLimit: this.#options.crashLimit,
      ...lastWords(machine.heldBy(workerId), watchers),
    });
    if (outcome.status === "ended") {
      log.warn("a worker lost its lease", {
        worker_id: workerId,
        silent_ms: this.#options.now() - session.lastHeardMs,
        lost_attempts: outcome.ended.length,
      });
    }
    sessions.end(
      workerId,
      sessionId,
      new Refusal("unavailable", "the lease of this session is over; open a new one"),
    );
    this.schedule();
  }

  /** A duty that fails is logged and tried again at its next turn; a deposed leader's may fail. */
  #guard(duty: string, run: () => Promise<void>): void {
    run().then(() => void this.#faults.delete(duty), (failure) => {
      if (this.#isStopped) return;
      if (isOfLeadership(failure)) {
        // Its successor does it, or this one at its next turn.
        return this.#options.log.debug(`could not ${duty}`, { error: String(failure) });
      }
      const reason = failure instanceof Error ? failure.message : String(failure);
      this.#faults.set(duty, { text: `could not ${duty}: ${reason}`, atMs: performance.now() });
      this.#options.log.warn(`could not ${duty}`, { error: String(failure) });
    });
  }
}

/**
 * Entries are applied many at a time: by now the job may have been cancelled, and its worker been told to
 * stop what it does not have yet.
 */
function isStillHeld(
  { jobId, token }: AssignOutcome & { readonly status: "assigned" },
  machine: JobMachine,
): boolean {
  const job = machine.get(jobId);
  return job !== undefined && isHeld(job.status) && job.token === token;
}

/** How a worker gets its orders that registered with an earlier leader. */
function roadOf({ unary, pushed, address }: JobWorker): Road {
  if (!unary) return { kind: "stream" };
  return pushed === true ? { kind: "push", address } : { kind: "mailbox" };
}
