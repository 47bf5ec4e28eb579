/**
 * Judges what jobs are to each other, and to time: dependencies, unique keys, expiry and batches. Its
 * idea of a job is what was submitted and the changes of status that were told, nothing more.
 */

import type { Command, JobEvent, JobMachine, JobOptions, Outcome } from "../../src/jobs/mod.ts";
import type { Oracle } from "./oracle.ts";

interface Known {
  readonly id: string;
  readonly options: Partial<JobOptions>;
  readonly parents: readonly { readonly jobId: string; readonly on: string }[];
  readonly uniqueKey: string;
  status: string;
  /** 0: never. */
  expiresAtMs: number;
}

/** Batches are counted out after this many commands. */
const COMMANDS_PER_COUNT = 20;

/** See the module's text. */
export class RelationOracle {
  readonly #oracle: Oracle;
  readonly #jobs = new Map<string, Known>();
  /** Unfinished jobs by unique key, and those that expire. */
  readonly #holders = new Map<string, string>();
  readonly #expiring = new Set<Known>();
  /** Jobs that were forgotten; and how many of each batch that still is. */
  readonly #forgotten = new Set<string>();
  readonly #forgottenOf = new Map<string, number>();
  #nowMs = 0;
  #commands = 0;
  /** How often each rule was at stake. */
  readonly seen = {
    parents: 0,
    broken: 0,
    expired: 0,
    unique: 0,
    batches: 0,
    forgotten: 0,
    kept: 0,
  };

  constructor(oracle: Oracle) {
    this.#oracle = oracle;
  }

  /** A command was applied; each is told once. `machine` is as it left it. */
  applied(
    command: Command,
    outcome: Outcome,
    events: readonly JobEvent[],
    machine: JobMachine,
  ): void {
    this.#nowMs = Math.max(this.#nowMs, command.atMs);
    if (command.kind === "submit" && outcome.kind === "submit") this.#submitted(command, outcome);
    for (const event of events) this.#moved(event);
    if (command.kind === "prune" && outcome.kind === "prune") {
      this.#pruned(command.jobSeqs.length, outcome.removedJobs, machine);
    }
    for (const { id, expiresAtMs, status } of this.#expiring) {
      this.#check(
        expiresAtMs > this.#nowMs,
        () => `Expiry: job ${id} should have failed at ${expiresAtMs} and is ${status}`,
      );
    }
    if (++this.#commands % COMMANDS_PER_COUNT === 0) this.#count(machine);
  }

  /** Whether somebody had it forgotten; it had ended then. */
  isForgotten(jobId: string): boolean {
    return this.#forgotten.has(jobId);
  }

  /** At the end. */
  judge(machine: JobMachine): void {
    for (const { id, status } of this.#jobs.values()) {
      const found = machine.get(id)?.status;
      this.#check(
        found === status,
        () => `Events: job ${id} was told to be ${status}, is ${found}`,
      );
    }
    this.#count(machine);
  }

  #submitted(
    command: Command & { kind: "submit" },
    outcome: Outcome & { kind: "submit" },
  ): void {
    const standIns = new Map<string, string>();
    outcome.results.forEach((result, at) => {
      const spec = command.jobs[at]!;
      const isThere = result.status === "duplicate" || result.status === "existing";
      if (isThere) standIns.set(spec.id, result.jobId);
      if (result.status !== "accepted") return;
      const { options = {}, submittedBy = "" } = spec;
      const parents = (options.dependencies ?? []).map(({ jobId, on }) => ({
        jobId: standIns.get(jobId) ?? jobId,
        on,
      }));
      this.#jobs.set(spec.id, {
        id: spec.id,
        options,
        parents,
        uniqueKey: options.uniqueKey ? `${submittedBy}/${options.uniqueKey}` : "",
        status: "",
        expiresAtMs: 0,
      });
    });
  }

  /** Which are gone is looked up; how many may be is told. */
  #pruned(named: number, removed: number, machine: JobMachine): void {
    const gone = [...this.#jobs.values()].filter(({ id }) => machine.get(id) === undefined);
    this.#check(
      gone.length === removed,
      () => `Retention: ${removed} jobs are told to be gone, and ${gone.length} are`,
    );
    this.seen.forgotten += removed;
    this.seen.kept += named - removed;
    for (const { id, status, options: { batchId } } of gone) {
      this.#check(isOver(status), () => `Retention: job ${id} is gone, which was ${status}`);
      this.#jobs.delete(id);
      this.#forgotten.add(id);
      if (batchId) this.#forgottenOf.set(batchId, (this.#forgottenOf.get(batchId) ?? 0) + 1);
    }
    const left = [...this.#jobs.values()];
    for (const { id, status, parents } of left) {
      const lost = isOver(status)
        ? undefined
        : parents.find(({ jobId }) => gone.some((each) => each.id === jobId));
      this.#check(
        lost === undefined,
        () => `Retention: job ${lost?.jobId} is gone, and job ${id} depends on it`,
      );
    }
    const batches = new Set(left.map(({ options }) => options.batchId));
    for (const id of this.#forgottenOf.keys()) {
      if (!batches.has(id)) this.#forgottenOf.delete(id);
    }
  }

  #moved({ jobId, from, to, cause, attempt, atMs }: JobEvent): void {
    const job = this.#jobs.get(jobId) ?? ofSchedule(jobId);
    this.#jobs.set(jobId, job);
    this.#check(job.status === from, () => `Events: ${jobId} was ${job.status}, goes from ${from}`);
    const begins = from === "" || isOver(from);
    if (begins) this.#begins(job);
    // Once it has had an attempt, its parents have no say any more.
    if (to === "pending" && attempt === 0) this.#mayRun(job);
    if (cause === "dependencies" && isOver(to)) this.#mayBreak(job, to);
    if (cause === "expire") {
      this.seen.expired++;
      this.#check(
        job.expiresAtMs > 0 && job.expiresAtMs <= atMs,
        () => `Expiry: job ${jobId} expires at ${job.expiresAtMs} and failed for it at ${atMs}`,
      );
    }
    job.status = to;
    if (!isOver(to)) return;
    this.#expiring.delete(job);
    if (this.#holders.get(job.uniqueKey) === jobId) this.#holders.delete(job.uniqueKey);
  }

  #begins(job: Known): void {
    const { expireAfterMs = 0 } = job.options;
    job.expiresAtMs = expireAfterMs > 0 ? this.#nowMs + expireAfterMs : 0;
    if (expireAfterMs > 0) this.#expiring.add(job);
    if (job.uniqueKey === "") return;
    this.seen.unique++;
    const holder = this.#holders.get(job.uniqueKey);
    this.#check(
      holder === undefined,
      () => `Unique keys: ${holder} and ${job.id} are both unfinished under ${job.uniqueKey}`,
    );
    this.#holders.set(job.uniqueKey, job.id);
  }

  #mayRun(job: Known): void {
    for (const { jobId, on } of job.parents) {
      const status = this.#statusOf(jobId);
      this.seen.parents++;
      this.#check(
        fulfils(status, on),
        () => `Dependencies: job ${job.id} may run after ${on} of ${jobId}, which is ${status}`,
      );
    }
  }

  #mayBreak(job: Known, to: string): void {
    this.seen.broken++;
    const wanted = job.options.whenDependencyFails === "fail" ? "failed" : "cancelled";
    const isBroken = job.parents.some(({ jobId, on }) => {
      const status = this.#statusOf(jobId);
      return isOver(status) && !fulfils(status, on);
    });
    this.#check(
      isBroken && to === wanted && job.options.whenDependencyFails !== "wait",
      () => `Dependencies: job ${job.id} is ${to} because of parents that gave no reason`,
    );
  }

  #statusOf(jobId: string): string {
    return this.#jobs.get(jobId)?.status ?? (this.#forgotten.has(jobId) ? "forgotten" : "absent");
  }

  /** Counts every batch out, job by job. */
  #count(machine: JobMachine): void {
    const counted = new Map<string, Map<string, number>>();
    for (const { options: { batchId }, status } of this.#jobs.values()) {
      if (!batchId) continue;
      const batch = counted.get(batchId) ?? new Map<string, number>();
      counted.set(batchId, batch.set(status, (batch.get(status) ?? 0) + 1));
    }
    const told = [...machine.batches()];
    this.#check(
      told.length === counted.size,
      () => `Batches: there are ${counted.size}, and ${told.length} are told of`,
    );
    for (const { id, byStatus, total } of told) {
      this.seen.batches++;
      const batch = counted.get(id) ?? new Map<string, number>();
      const there = [...batch.values()].reduce((a, b) => a + b, 0);
      const sum = there + (this.#forgottenOf.get(id) ?? 0);
      this.#check(total === sum, () => `Batches: ${id} has ${sum} jobs, and tells of ${total}`);
      for (const [status, count] of Object.entries(byStatus)) {
        this.#check(
          (batch.get(status) ?? 0) === count,
          () => `Batches: of ${id} ${batch.get(status) ?? 0} are ${status}, told are ${count}`,
        );
      }
    }
  }

  #check(holds: boolean, sentence: () => string): void {
    this.#oracle.check(holds, sentence);
  }
}

/** Runs of schedules are not submitted by anybody; nothing special is asked for them. */
function ofSchedule(id: string): Known {
  return { id, options: {}, parents: [], uniqueKey: "", status: "", expiresAtMs: 0 };
}

function isOver(status: string): boolean {
  return ["completed", "failed", "cancelled", "forgotten"].includes(status);
}

function fulfils(status: string, on: string): boolean {
  if (on === "success") return status === "completed";
  if (on === "failure") return status === "failed" || status === "cancelled";
  return isOver(status);
}
