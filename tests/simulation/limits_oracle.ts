/**
 * Judges what was assigned against limits and pauses, from the commands and their outcomes alone:
 * keeps its own count of each group's attempts, of each key's starts, and of what is paused.
 */

import type { Command, Outcome, SubmitSpec } from "../../src/jobs/mod.ts";
import type { Oracle } from "./oracle.ts";

interface Limited {
  readonly type: string;
  readonly queue: string;
  readonly group: string;
  readonly groupLimit: number;
  readonly rateKey: string;
  readonly rate: { readonly perMs: number; readonly burst: number } | undefined;
}

/** See the module's text. */
export class LimitsOracle {
  readonly #oracle: Oracle;
  readonly #jobs = new Map<string, Limited>();
  readonly #heldByGroup = new Map<string, Set<string>>();
  readonly #starts = new Map<string, number[]>();
  readonly #paused = new Set<string>();
  /** By worker: how many of a type it takes; by worker and such a type: what it holds. */
  readonly #typeSlots = new Map<string, Readonly<Record<string, number>>>();
  readonly #heldByWorker = new Map<string, Set<string>>();
  #nowMs = 0;
  /** Assignments of jobs under limits, and changes of settings. */
  limited = 0;
  configured = 0;

  constructor(oracle: Oracle) {
    this.#oracle = oracle;
  }

  /** A command was applied; each once. */
  applied(command: Command, outcome: Outcome): void {
    this.#nowMs = Math.max(this.#nowMs, Math.floor(command.atMs));
    if (command.kind === "submit" && outcome.kind === "submit") {
      outcome.results.forEach((result, at) => {
        if (result.status === "accepted") {
          this.#jobs.set(result.jobId, limitedOf(command.jobs[at]!));
        }
      });
    } else if (outcome.kind === "assign") {
      for (const result of outcome.results) {
        if (result.status !== "assigned") continue;
        this.#assigned(result.jobId);
        this.#given(result.jobId, result.workerId, result.job.type);
      }
    } else if (command.kind === "register_worker" && outcome.kind === "register_worker") {
      this.#typeSlots.set(command.worker.id, command.worker.typeSlots ?? {});
    } else if (command.kind === "configure" && outcome.kind === "configure") {
      if (outcome.status !== "done") return;
      this.configured++;
      const name = `${command.scope} ${command.name}`;
      if (command.change === null || command.change.paused === false) this.#paused.delete(name);
      else if (command.change.paused === true) this.#paused.add(name);
    }
  }

  /** Nobody holds the job any more. */
  letGo(jobId: string): void {
    const group = this.#jobs.get(jobId)?.group ?? "";
    this.#heldByGroup.get(group)?.delete(jobId);
    for (const held of this.#heldByWorker.values()) held.delete(jobId);
  }

  #given(jobId: string, workerId: string, type: string): void {
    const slots = this.#typeSlots.get(workerId)?.[type];
    if (slots === undefined) return;
    const key = `${workerId} ${type}`;
    const held = this.#heldByWorker.get(key) ?? new Set();
    this.#heldByWorker.set(key, held.add(jobId));
    this.#check(
      held.size <= slots,
      () => `${jobId} is the ${held.size}th of type ${type} on ${workerId}, which takes ${slots}`,
    );
  }

  #assigned(jobId: string): void {
    const job = this.#jobs.get(jobId);
    if (job === undefined) return;
    for (const name of [`type ${job.type}`, `queue ${job.queue}`]) {
      this.#check(!this.#paused.has(name), () => `${jobId} was assigned, but ${name} is paused`);
    }
    if (job.group !== "") this.#joined(jobId, job);
    if (job.rate !== undefined) this.#started(jobId, job.rateKey, job.rate);
  }

  #joined(jobId: string, { group, groupLimit }: Limited): void {
    this.limited++;
    const held = this.#heldByGroup.get(group) ?? new Set();
    this.#heldByGroup.set(group, held.add(jobId));
    this.#check(
      held.size <= groupLimit,
      () => `${jobId} is the ${held.size}th of group ${group} to be held, of ${groupLimit}`,
    );
  }

  /** After a burst, tokens come one by one; all jobs of a key name the same rate here. */
  #started(jobId: string, key: string, { perMs, burst }: { perMs: number; burst: number }): void {
    this.limited++;
    const starts = this.#starts.get(key) ?? [];
    this.#starts.set(key, starts);
    starts.push(this.#nowMs);
    const before = starts.at(-1 - burst);
    this.#check(
      before === undefined || this.#nowMs - before >= perMs,
      () => `${jobId} starts ${this.#nowMs - before!} ms after ${burst} others under ${key}`,
    );
  }

  #check(holds: boolean, sentence: () => string): void {
    this.#oracle.check(holds, () => `Limits: ${sentence()}`);
  }
}

function limitedOf({ type, submittedBy = "", options = {} }: SubmitSpec): Limited {
  return {
    type,
    queue: options.queue || submittedBy || "default",
    group: options.group ?? "",
    groupLimit: options.groupLimit ?? 0,
    rateKey: options.rateKey ?? "",
    rate: options.rate ?? undefined,
  };
}
