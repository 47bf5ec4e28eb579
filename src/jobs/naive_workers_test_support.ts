/**
 * What workers are for the naive model: a list, and what their sessions hold.
 *
 * @module
 */

import type { Command } from "./command.ts";
import { isHeld, isHopeless, isOver, type NaiveJob } from "./naive_job_test_support.ts";

interface NaiveWorker {
  id: string;
  session: string;
  slots: number;
  types: readonly string[] | null;
  tags: Readonly<Record<string, string>>;
  cpuMillis: number;
  typeSlots: Readonly<Record<string, number>>;
  namespaces: readonly string[] | undefined;
  connected: boolean;
  /** What it held when it fell silent, if that counts as such. */
  lost: { jobId: string; token: number }[];
  drainedBy: "" | "operator" | "worker";
}

/** What workers need of the jobs that they hold. */
export interface HeldNaiveJobs {
  held(worker: string): NaiveJob[];
  find(id: string): NaiveJob | undefined;
  lose(
    job: NaiveJob,
    how: "crash" | "silence",
    crashLimit: number | undefined,
    isDraining: boolean,
  ): void;
  release(job: NaiveJob): void;
  giveUp(job: NaiveJob): void;
}

export class NaiveWorkers {
  all: NaiveWorker[] = [];
  readonly #jobs: HeldNaiveJobs;

  constructor(jobs: HeldNaiveJobs) {
    this.#jobs = jobs;
  }

  register(command: Command & { kind: "register_worker" }): string[] {
    const { worker: spec, runningAttempts, crashLimit } = command;
    const before = this.all.find(({ id }) => id === spec.id);
    const isNew = before?.session !== spec.sessionId;
    const words = this.#judge(before?.lost ?? [], isNew, command);
    const kept = new Set<NaiveJob>();
    for (const { jobId, token } of runningAttempts ?? []) {
      const job = this.#jobs.held(spec.id).find((each) =>
        each.id === jobId && each.token === token
      );
      words.push(`${job === undefined ? "foreign" : "kept"} ${jobId}`);
      if (job !== undefined) kept.add(job);
    }
    if (isNew || runningAttempts !== undefined) {
      for (const job of this.#jobs.held(spec.id)) {
        if (kept.has(job)) continue;
        if (isNew) this.#jobs.lose(job, "crash", crashLimit, before!.drainedBy !== "");
        else this.#jobs.release(job);
        words.push(`lost ${job.id} ${job.status}`);
      }
    }
    const staysDrained = before !== undefined &&
      (before.drainedBy === "operator" || (!isNew && before.connected));
    this.all = this.all.filter(({ id }) => id !== spec.id);
    this.all.push({
      id: spec.id,
      session: spec.sessionId,
      slots: spec.slots,
      types: spec.jobTypes,
      tags: spec.tags,
      cpuMillis: spec.cpuMillis ?? 0,
      typeSlots: spec.typeSlots ?? {},
      namespaces: spec.namespaces,
      connected: true,
      lost: [],
      drainedBy: staysDrained ? before.drainedBy : "",
    });
    return words;
  }

  endSession(command: Command & { kind: "expire_worker" | "deregister_worker" }): string[] {
    const worker = this.all.find(({ id, connected }) => id === command.workerId && connected);
    if (worker === undefined) return ["unknown_worker"];
    if (worker.session !== command.sessionId) return ["stale_session"];
    const isDraining = worker.drainedBy !== "";
    const words = this.#jobs.held(worker.id).map((job) => {
      const { id: jobId, token } = job;
      if (command.kind === "expire_worker") {
        const { crashLimit } = command;
        this.#jobs.lose(job, "silence", crashLimit, isDraining);
        if (crashLimit !== undefined && !isDraining) worker.lost.push({ jobId, token });
      } else this.#jobs.release(job);
      return `${job.id} ${job.status}`;
    });
    worker.connected = false;
    if (command.kind === "deregister_worker" && worker.drainedBy !== "operator") {
      this.all = this.all.filter((each) => each !== worker);
    }
    return ["ended", ...words];
  }

  drain(command: Command & { kind: "drain_worker" }): string[] {
    const worker = this.all.find(({ id }) => id === command.workerId);
    if (worker === undefined) return ["unknown_worker"];
    const by = command.by ?? "operator";
    const mayChange = worker.drainedBy !== "operator" || by === "operator";
    if (mayChange) worker.drainedBy = command.draining ? by : "";
    return ["done"];
  }

  /** A worker is back whose attempts were lost by silence. */
  #judge(
    lost: readonly { jobId: string; token: number }[],
    isNew: boolean,
    { crashLimit, runningAttempts = [] }: Command & { kind: "register_worker" },
  ): string[] {
    if (crashLimit === undefined) return [];
    const words: string[] = [];
    for (const { jobId, token } of lost) {
      const job = this.#jobs.find(jobId);
      if (job === undefined || isOver(job.status) || job.suspicions === 0) continue;
      job.suspicions--;
      if (!isNew || runningAttempts.some((each) => each.token === token)) {
        words.push(`forgiven ${jobId}`);
        continue;
      }
      job.crashes++;
      if (isHopeless(job, crashLimit) && !isHeld(job)) this.#jobs.giveUp(job);
      words.push(`confirmed ${jobId}`);
    }
    return words.sort();
  }
}
