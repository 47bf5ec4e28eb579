/**
 * Judges what becomes of jobs, from the commands and their outcomes alone: keeps its own, much
 * simpler idea of who holds what, and shares no code with the job machine.
 */

import type { Command, JobEvent, JobMachine, Outcome } from "../../src/jobs/mod.ts";
import { LimitsOracle } from "./limits_oracle.ts";
import type { Oracle } from "./oracle.ts";
import { ScheduleOracle } from "./schedule_oracle.ts";
import { TrustOracle } from "./trust_oracle.ts";
import { RelationOracle } from "./relation_oracle.ts";

/** What is known of a job. */
interface KnownJob {
  readonly id: string;
  /** Token of the attempt that holds it; 0: nobody does. */
  holder: number;
  highestToken: number;
  /** Of its submission. */
  readonly maxRetries: number;
  /** Attempts that failed or ran out of time; lost with a worker that died; with a silent one. */
  failures: number;
  crashes: number;
  suspicions: number;
  /** How it ended; undefined: it has not. */
  ended: "completed" | "failed" | "cancelled" | undefined;
}

/** Attempts that may be lost with workers that died before a job is given up, as README states it. */
const CRASHES_MAX = 3;
/** The same with workers of which nobody knows, as DESIGN.md states it. */
const LOSSES_MAX = 9;

/** How an attempt ended: at its job's expense, at its worker's, and at nobody's. */
type Ending = "failure" | "crash" | "silence" | "released";

/** See the module's text. */
export class JobOracle {
  readonly #oracle: Oracle;
  readonly relations: RelationOracle;
  readonly limits: LimitsOracle;
  readonly trust: TrustOracle;
  readonly #jobs = new Map<string, KnownJob>();
  readonly #byKey = new Map<string, string>();
  /** Ids of jobs whose submission was answered. */
  readonly schedules: ScheduleOracle;
  readonly #acknowledged = new Set<string>();
  /** By worker: what it held when it fell silent, and in which session. */
  readonly #silent = new Map<string, { session: string; attempts: readonly AttemptRef[] }>();
  #judgedThrough = 0;
  completions = 0;
  staleReports = 0;
  /** Sessions that leaders ended for being silent, and such endings that came too late. */
  expiredSessions = 0;
  /** Losses of which it was found later that they were none, or that a worker had died. */
  forgivenLosses = 0;
  confirmedCrashes = 0;
  lateExpiries = 0;

  constructor(oracle: Oracle) {
    this.#oracle = oracle;
    this.schedules = new ScheduleOracle(oracle, {
      made: (id, maxRetries) => this.#submitted(id, undefined, maxRetries),
      replaced: (id) => this.#end(id, "cancelled"),
      isOpen: (id) => this.#jobs.get(id)?.ended === undefined,
    });
    this.relations = new RelationOracle(oracle);
    this.limits = new LimitsOracle(oracle);
    this.trust = new TrustOracle(oracle);
  }

  /** A client was told that its job was accepted under this id (J1). */
  acknowledge(jobId: string): void {
    this.#acknowledged.add(jobId);
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** Some node applied a command. All nodes apply the same, so the first to do so is judged. */
  applied(
    command: Command,
    outcome: Outcome,
    position: { readonly index: number; readonly term: number },
    events: readonly JobEvent[],
    machine: JobMachine,
  ): void {
    if (position.index <= this.#judgedThrough) return;
    this.#judgedThrough = position.index;
    this.schedules.applied(command, outcome, position);
    this.relations.applied(command, outcome, events, machine);
    if (command.kind === "register_worker") this.#returned(command, outcome, events);
    // What time and parents decided came before the command, but for what the command itself made.
    if (command.kind !== "submit") this.#undemanded(command, events);
    this.limits.applied(command, outcome);
    this.trust.applied(command, outcome, machine);
    this.#judgeOutcome(command, outcome, position);
    if (command.kind === "submit") this.#undemanded(command, events);
  }

  /** Jobs that ended without an outcome that names them: expired, broken by a parent, replaced. */
  #undemanded(command: Command, events: readonly JobEvent[]): void {
    for (const { jobId, cause, from, to } of events) {
      if (cause === "worker_lost" && (from === "pending" || from === "waiting")) {
        // By the return of a worker, which is judged before what it was told is.
        this.#end(jobId, "failed");
        continue;
      }
      const isReplaced = command.kind === "submit" && cause === "cancel";
      if (cause !== "expire" && cause !== "dependencies" && !isReplaced) continue;
      if (to === "failed" || to === "cancelled") this.#end(jobId, to);
    }
  }

  /** A worker is back: what it lost by silence is forgiven or a crash, by what is known of it. */
  #returned(
    { worker, runningAttempts = [] }: Command & { kind: "register_worker" },
    outcome: Outcome,
    events: readonly JobEvent[],
  ): void {
    if (outcome.kind !== "register_worker" || outcome.status !== "registered") return;
    const silent = this.#silent.get(worker.id);
    this.#silent.delete(worker.id);
    const endedBefore = new Set(
      events.filter(({ cause, to }) => cause !== "worker_lost" && isEnd(to)).map((each) =>
        each.jobId
      ),
    );
    const expected: string[] = [];
    for (const { jobId, token } of silent?.attempts ?? []) {
      const job = this.#job(jobId);
      if (job.ended !== undefined || endedBefore.has(jobId) || job.suspicions === 0) continue;
      const isInnocent = silent?.session === worker.sessionId ||
        runningAttempts.some((each) => each.token === token);
      job.suspicions--;
      if (isInnocent) this.forgivenLosses++;
      else this.confirmedCrashes++;
      if (!isInnocent) job.crashes++;
      expected.push(`${isInnocent ? "forgiven" : "confirmed"} ${jobId}`);
      const isGivenUp = events.some((each) =>
        each.jobId === jobId && each.cause === "worker_lost" && each.to === "failed"
      );
      this.#check(
        !isGivenUp || isHopeless(job),
        () => `J5: ${jobId} was given up after ${job.crashes} crashes`,
      );
      this.#check(
        isGivenUp || isInnocent || !isHopeless(job) || job.holder !== 0,
        () => `J5: ${jobId} goes on after ${job.crashes} crashes`,
      );
    }
    const told = [
      ...outcome.forgiven.map(({ jobId }) => `forgiven ${jobId}`),
      ...outcome.confirmed.map(({ jobId }) => `confirmed ${jobId}`),
    ];
    this.#check(
      told.sort().join() === expected.sort().join(),
      () => `J5: of worker ${worker.id} was told ${told}, where ${expected} is so`,
    );
  }

  #judgeOutcome(
    command: Command,
    outcome: Outcome,
    position: { readonly index: number; readonly term: number },
  ): void {
    if (command.kind === "submit" && outcome.kind === "submit") {
      outcome.results.forEach((result, at) => {
        const { idempotencyKey: key, maxRetries = 0 } = command.jobs[at] ?? {};
        if (result.status === "accepted") this.#submitted(result.jobId, key, maxRetries);
        const isNoted = result.status === "existing" && command.keysOfExisting === true;
        if (isNoted && key !== undefined) this.#byKey.set(key, result.jobId);
        if (result.status === "duplicate" && key !== undefined) {
          this.#check(
            this.#byKey.get(key) === result.jobId,
            () => `J2: key ${key} stands for ${this.#byKey.get(key)} and for ${result.jobId}`,
          );
        }
      });
    } else if (outcome.kind === "assign") {
      for (const result of outcome.results) {
        if (result.status === "assigned") {
          this.#assigned(result.jobId, result.token, position.index);
        }
      }
    } else if (command.kind === "report" && outcome.kind === "report") {
      outcome.results.forEach((result, at) => {
        const report = command.reports[at];
        if (report === undefined) return;
        if (result.status === "refused") this.staleReports++;
        if (result.status !== "accepted" || result.repeated) return;
        this.#reported(result.jobId, report.token, report.kind, result.jobStatus);
      });
    } else if (outcome.kind === "redrive") {
      for (const result of outcome.results) {
        if (result.status === "redriven") this.#redriven(result.jobId);
      }
    } else if (command.kind === "cancel" && outcome.kind === "cancel") {
      for (const result of outcome.results) {
        if (result.status === "cancelled") this.#end(result.jobId, "cancelled");
      }
    } else if (command.kind === "expire_attempts" && outcome.kind === "expire_attempts") {
      outcome.results.forEach((result, at) => {
        if (result.status !== "ended") return;
        this.#termGuarded(command.leaderTerm, position.term);
        const how = command.attempts[at]?.reason === "not_started" ? "released" : "failure";
        this.#taken(result, how);
      });
    } else if (command.kind === "expire_worker" && outcome.kind === "expire_worker") {
      if (outcome.status !== "ended") {
        if (outcome.reason === "stale_term") this.lateExpiries++;
        return;
      }
      this.expiredSessions++;
      this.#termGuarded(command.leaderTerm, position.term);
      for (const attempt of outcome.ended) this.#taken(attempt, "silence");
      this.#silent.set(command.workerId, { session: command.sessionId, attempts: outcome.ended });
    } else if (outcome.kind === "deregister_worker" && outcome.status === "ended") {
      for (const attempt of outcome.ended) this.#taken(attempt, "released");
    } else if (
      command.kind === "register_worker" && outcome.kind === "register_worker" &&
      outcome.status === "registered"
    ) {
      // In the same session the worker lives: what it does not have never reached it.
      const how = outcome.replacedSessionId === "" ? "released" : "crash";
      for (const attempt of outcome.lost) this.#taken(attempt, how);
    }
  }

  /** At the end: every job that was accepted is there, and ended as it was seen to end. */
  judge(statusOf: (jobId: string) => string | undefined): void {
    for (const id of this.#acknowledged) {
      this.#check(this.#jobs.has(id), () => `J1: job ${id} was acknowledged and never submitted`);
    }
    for (const { id, ended } of this.#jobs.values()) {
      if (this.relations.isForgotten(id)) continue;
      const status = statusOf(id);
      this.#check(status !== undefined, () => `J1: job ${id} is gone`);
      this.#check(
        ended === undefined || status === ended,
        () => `J3: job ${id} had ended as ${ended}, and is ${status}`,
      );
      this.#check(ended !== undefined, () => `J6: job ${id} is still ${status}`);
    }
  }

  /** How many have not ended. */
  get open(): number {
    return [...this.#jobs.values()].filter((each) => each.ended === undefined).length;
  }

  #submitted(id: string, key: string | undefined, maxRetries: number): void {
    this.#check(!this.#jobs.has(id), () => `J2: job ${id} was accepted twice`);
    this.#jobs.set(id, newJob(id, maxRetries));
    if (key === undefined) return;
    const other = this.#byKey.get(key);
    this.#check(other === undefined, () => `J2: key ${key} made ${other} and ${id}`);
    this.#byKey.set(key, id);
  }

  #assigned(id: string, token: number, index: number): void {
    const job = this.#job(id);
    this.#check(token === index, () => `J4: token ${token} of ${id} is not its entry, ${index}`);
    this.#check(token > job.highestToken, () => `J4: token of ${id} fell to ${token}`);
    this.#check(job.holder === 0, () => `J4: ${id} is held under ${job.holder}, given to ${token}`);
    this.#check(job.ended === undefined, () => `J3: ${id} ended as ${job.ended}, and is assigned`);
    this.schedules.assigned(id);
    job.holder = token;
    job.highestToken = token;
  }

  #reported(id: string, token: number, kind: string, status: string): void {
    const job = this.#job(id);
    this.#check(
      job.holder !== 0 && (token === 0 || token === job.holder),
      () => `J4: a report on ${id} under token ${token} was taken, which ${job.holder} holds`,
    );
    if (kind === "started") return;
    if (kind === "completed") {
      this.completions++;
      this.#end(id, "completed");
    } else {
      this.#taken({ jobId: id, token: job.holder, jobStatus: status }, "failure");
    }
  }

  /** The attempt is over; the job goes on, or has failed because a budget is used up (J5). */
  #taken({ jobId: id, token, jobStatus }: EndedAttempt, how: Ending): void {
    const job = this.#job(id);
    this.#check(
      job.holder === token,
      () => `J4: attempt ${token} of ${id} was ended, but ${job.holder} holds it`,
    );
    job.holder = 0;
    this.limits.letGo(id);
    if (how === "failure") job.failures++;
    if (how === "crash") job.crashes++;
    if (how === "silence") job.suspicions++;
    const isLost = how === "crash" || how === "silence";
    const exhausted = job.failures > job.maxRetries || (isLost && isHopeless(job));
    this.#check(
      exhausted === (jobStatus === "failed"),
      () =>
        `J5: after ${job.failures} failures of ${job.maxRetries} retries, ${job.crashes} ` +
        `crashes and ${job.suspicions} suspicions ${id} is ${jobStatus}`,
    );
    if (jobStatus === "failed") this.#end(id, "failed");
  }

  #redriven(id: string): void {
    const job = this.#job(id);
    this.#check(job.ended === "failed", () => `J3: ${id} was redriven, which is ${job.ended}`);
    job.ended = undefined;
    job.failures = 0;
    job.crashes = 0;
    job.suspicions = 0;
  }

  #end(id: string, how: "completed" | "failed" | "cancelled"): void {
    const job = this.#job(id);
    this.#check(job.ended === undefined, () => `J3: ${id} ended as ${job.ended}, then as ${how}`);
    job.ended = how;
    job.holder = 0;
    this.limits.letGo(id);
  }

  #termGuarded(leaderTerm: number | undefined, term: number): void {
    this.#check(
      leaderTerm === term,
      () => `P24: what the leader of term ${leaderTerm} let expire took effect in term ${term}`,
    );
  }

  #job(id: string): KnownJob {
    const job = this.#jobs.get(id);
    this.#check(job !== undefined, () => `J1: there is no job ${id}`);
    return job ?? newJob(id, 0);
  }

  #check(holds: boolean, sentence: () => string): void {
    this.#oracle.check(holds, sentence);
  }
}

function isHopeless({ crashes, suspicions }: KnownJob): boolean {
  return crashes >= CRASHES_MAX || crashes + suspicions >= LOSSES_MAX;
}

function newJob(id: string, maxRetries: number): KnownJob {
  return {
    id,
    maxRetries,
    holder: 0,
    highestToken: 0,
    failures: 0,
    crashes: 0,
    suspicions: 0,
    ended: undefined,
  };
}

interface AttemptRef {
  readonly jobId: string;
  readonly token: number;
}

function isEnd(status: string): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}

interface EndedAttempt {
  readonly jobId: string;
  readonly token: number;
  readonly jobStatus: string;
}
