/**
 * The job layer as one would write it in an afternoon: arrays, full scans, no store, no indexes. It
 * shares no code with the machine but the pauses, and says for every Command what the answer and the
 * state must be.
 *
 * @module
 */

import { releaseBackoffMs, retryBackoffMs } from "./backoff.ts";
import type { Command, Report } from "./command.ts";
import type { JobStatus } from "./job.ts";

export interface NaiveJob {
  id: string;
  type: string;
  status: JobStatus;
  priority: number;
  order: number;
  maxRetries: number;
  retryDelayMs: number;
  timeoutMs: number;
  tags: Record<string, string>;
  notBeforeMs: number;
  worker: string;
  attempt: number;
  token: number;
  failures: number;
  crashes: number;
  releases: number;
  dead: boolean;
  ended: { token: number; worker: string; outcome: string }[];
}

interface NaiveWorker {
  id: string;
  session: string;
  slots: number;
  types: readonly string[] | null;
  tags: Readonly<Record<string, string>>;
  connected: boolean;
  drainedBy: "" | "operator" | "worker";
}

export class NaiveModel {
  jobs: NaiveJob[] = [];
  workers: NaiveWorker[] = [];
  keys: { key: string; payload: string; jobId: string; expiresAtMs: number }[] = [];
  nowMs = 0;
  submitted = 0;

  /** The words of the outcome, one an item. */
  apply(command: Command, index: number): string[] {
    this.nowMs = Math.max(this.nowMs, command.atMs);
    for (const job of this.jobs) {
      if (job.status === "waiting" && job.notBeforeMs <= this.nowMs) job.status = "pending";
    }
    switch (command.kind) {
      case "submit":
        return this.#submit(command);
      case "assign":
        return command.assignments.map((each) => this.#assign(each, index));
      case "report":
        return command.reports.map((report) => this.#report(report));
      case "cancel":
        return command.jobIds.map((id) => this.#cancel(id));
      case "redrive":
        return command.jobIds.map((id) => this.#redrive(id));
      case "register_worker":
        return this.#register(command);
      case "expire_worker":
      case "deregister_worker":
        return this.#endSession(command);
      case "drain_worker":
        return this.#drain(command);
      case "expire_attempts":
        return command.attempts.map((each) => this.#expire(each));
      case "advance":
        return [];
      case "prune": {
        const before = this.jobs.length;
        this.jobs = this.jobs.filter((job) =>
          !command.jobSeqs.includes(job.order) || !isOver(job.status)
        );
        return [String(before - this.jobs.length)];
      }
    }
  }

  held(worker: string): NaiveJob[] {
    return this.jobs.filter((job) => isHeld(job) && job.worker === worker);
  }

  #find(id: string): NaiveJob | undefined {
    return this.jobs.find((job) => job.id === id);
  }

  #submit(command: Command & { kind: "submit" }): string[] {
    const saved = { jobs: [...this.jobs], keys: [...this.keys], submitted: this.submitted };
    const words = command.jobs.map((spec) => {
      const key = spec.idempotencyKey && `${spec.submittedBy ?? ""}/${spec.idempotencyKey}`;
      const payload = `${spec.type}/${spec.payload.join()}`;
      const known = this.keys.findLast((each) => each.key === key && each.expiresAtMs > this.nowMs);
      if (known !== undefined) {
        return known.payload === payload ? `duplicate ${known.jobId}` : "already_exists";
      }
      if (this.#find(spec.id) !== undefined) return "id_taken";
      if (this.jobs.filter((job) => !isOver(job.status)).length >= (command.liveJobsMax ?? 1e9)) {
        return "queue_full";
      }
      const notBeforeMs = spec.notBeforeMs ?? 0;
      this.jobs.push({
        id: spec.id,
        type: spec.type,
        status: notBeforeMs > this.nowMs ? "waiting" : "pending",
        priority: spec.priority,
        order: ++this.submitted,
        maxRetries: spec.maxRetries,
        retryDelayMs: spec.retryDelayMs,
        timeoutMs: spec.timeoutMs,
        tags: { ...spec.requiredTags },
        notBeforeMs,
        worker: "",
        attempt: 0,
        token: 0,
        failures: 0,
        crashes: 0,
        releases: 0,
        dead: false,
        ended: [],
      });
      if (key) {
        this.keys.push({
          key,
          payload,
          jobId: spec.id,
          expiresAtMs: this.nowMs + KEY_RETENTION_MS,
        });
      }
      return "accepted";
    });
    const refusals = ["already_exists", "id_taken", "queue_full"];
    if (!command.allOrNothing || !words.some((word) => refusals.includes(word))) return words;
    Object.assign(this, saved);
    return words.map((word) => refusals.includes(word) ? word : "batch_refused");
  }

  #assign(to: { jobId: string; workerId: string; sessionId: string }, index: number): string {
    const job = this.#find(to.jobId);
    if (job === undefined) return "unknown_job";
    if (job.status !== "pending") return "not_pending";
    const worker = this.workers.find(({ id, connected }) => id === to.workerId && connected);
    if (worker === undefined) return "unknown_worker";
    if (worker.session !== to.sessionId) return "stale_session";
    if (worker.drainedBy !== "") return "draining";
    const offers = worker.types === null || worker.types.includes(job.type);
    const tagged = Object.entries(job.tags).every(([name, value]) => worker.tags[name] === value);
    if (!offers || !tagged) return "not_eligible";
    if (this.held(worker.id).length >= worker.slots) return "worker_full";
    job.status = "assigned";
    job.worker = worker.id;
    job.attempt++;
    job.token = index;
    return "assigned";
  }

  #report(report: Report): string {
    const job = this.#find(report.jobId);
    if (job === undefined) return "unknown_job";
    const isCurrent = isHeld(job) && job.worker === report.workerId &&
      (report.token === 0 || report.token === job.token);
    if (!isCurrent) return this.#late(job, report);
    switch (report.kind) {
      case "started":
        if (job.status === "running") return "repeated running";
        job.status = "running";
        job.releases = 0;
        break;
      case "completed":
        this.#end(job, "completed");
        job.status = "completed";
        job.releases = 0;
        break;
      case "failed":
        this.#fail(job, report.timedOut ? "timeout" : "failed", report.permanent);
        break;
      case "released":
        this.#release(job);
        break;
    }
    return `accepted ${job.status}`;
  }

  #late(job: NaiveJob, report: Report): string {
    const last = job.ended.findLast(({ worker, token }) =>
      worker === report.workerId && (report.token === 0 || report.token === token)
    );
    const mine: Record<Report["kind"], string[]> = {
      started: ["completed", "failed", "released"],
      completed: ["completed"],
      failed: [report.kind === "failed" && report.timedOut ? "timeout" : "failed"],
      released: ["released"],
    };
    if (last !== undefined && mine[report.kind].includes(last.outcome)) {
      return `repeated ${job.status}`;
    }
    return isOver(job.status) ? "finished" : "stale_token";
  }

  #cancel(id: string): string {
    const job = this.#find(id);
    if (job === undefined) return "unknown_job";
    if (isOver(job.status)) return "finished";
    if (isHeld(job)) this.#end(job, "cancelled");
    job.status = "cancelled";
    return "cancelled";
  }

  #redrive(id: string): string {
    const job = this.#find(id);
    if (job === undefined) return "unknown_job";
    if (!job.dead) return "not_dead_letter";
    job.dead = false;
    job.failures =
      job.crashes =
      job.releases =
      job.notBeforeMs =
        0;
    job.worker = "";
    job.status = "pending";
    return "redriven";
  }

  #register(command: Command & { kind: "register_worker" }): string[] {
    const { worker: spec, runningAttempts } = command;
    const before = this.workers.find(({ id }) => id === spec.id);
    const isNew = before?.session !== spec.sessionId;
    const words: string[] = [];
    const kept = new Set<NaiveJob>();
    for (const { jobId, token } of runningAttempts ?? []) {
      const job = this.held(spec.id).find((each) => each.id === jobId && each.token === token);
      words.push(`${job === undefined ? "foreign" : "kept"} ${jobId}`);
      if (job !== undefined) kept.add(job);
    }
    if (isNew || runningAttempts !== undefined) {
      for (const job of this.held(spec.id)) {
        if (kept.has(job)) continue;
        if (isNew) this.#lose(job);
        else this.#release(job);
        words.push(`lost ${job.id} ${job.status}`);
      }
    }
    const staysDrained = before !== undefined &&
      (before.drainedBy === "operator" || (!isNew && before.connected));
    this.workers = this.workers.filter(({ id }) => id !== spec.id);
    this.workers.push({
      id: spec.id,
      session: spec.sessionId,
      slots: spec.slots,
      types: spec.jobTypes,
      tags: spec.tags,
      connected: true,
      drainedBy: staysDrained ? before.drainedBy : "",
    });
    return words;
  }

  #endSession(command: Command & { kind: "expire_worker" | "deregister_worker" }): string[] {
    const worker = this.workers.find(({ id, connected }) => id === command.workerId && connected);
    if (worker === undefined) return ["unknown_worker"];
    if (worker.session !== command.sessionId) return ["stale_session"];
    const words = this.held(worker.id).map((job) => {
      if (command.kind === "expire_worker") this.#lose(job);
      else this.#release(job);
      return `${job.id} ${job.status}`;
    });
    worker.connected = false;
    if (command.kind === "deregister_worker" && worker.drainedBy !== "operator") {
      this.workers = this.workers.filter((each) => each !== worker);
    }
    return ["ended", ...words];
  }

  #drain(command: Command & { kind: "drain_worker" }): string[] {
    const worker = this.workers.find(({ id }) => id === command.workerId);
    if (worker === undefined) return ["unknown_worker"];
    const by = command.by ?? "operator";
    const mayChange = worker.drainedBy !== "operator" || by === "operator";
    if (mayChange) worker.drainedBy = command.draining ? by : "";
    return ["done"];
  }

  #expire({ jobId, token, reason }: { jobId: string; token: number; reason: string }): string {
    const job = this.#find(jobId);
    if (job === undefined) return "unknown_job";
    if (!isHeld(job) || job.token !== token) return "stale_token";
    if (reason === "not_started") {
      if (job.status === "running") return "already_started";
      this.#release(job);
    } else {
      this.#fail(job, "timeout", false);
    }
    return `ended ${job.status}`;
  }

  #fail(job: NaiveJob, outcome: "failed" | "timeout", permanent: boolean): void {
    this.#end(job, outcome);
    job.failures++;
    job.releases = 0;
    // A worker's own timeout is a timeout, whatever else it says.
    if (job.failures > job.maxRetries || (permanent && outcome === "failed")) {
      job.status = "failed";
      job.dead = true;
    } else {
      const pauseMs = retryBackoffMs(job.retryDelayMs, job.failures, job.id, job.attempt);
      this.#requeue(job, pauseMs);
    }
  }

  #release(job: NaiveJob): void {
    this.#end(job, "released");
    this.#requeue(job, releaseBackoffMs(++job.releases));
  }

  #lose(job: NaiveJob): void {
    this.#end(job, "worker_lost");
    if (++job.crashes >= CRASHES_MAX) {
      job.status = "failed";
      job.dead = true;
    } else {
      this.#requeue(job, 0);
    }
  }

  #requeue(job: NaiveJob, pauseMs: number): void {
    job.worker = "";
    job.status = pauseMs > 0 ? "waiting" : "pending";
    if (pauseMs > 0) job.notBeforeMs = this.nowMs + pauseMs;
  }

  #end(job: NaiveJob, outcome: string): void {
    job.ended = [...job.ended, { token: job.token, worker: job.worker, outcome }].slice(-20);
  }
}

export const CRASHES_MAX = 3;
export const KEY_RETENTION_MS = 60_000;

function isHeld(job: NaiveJob): boolean {
  return job.status === "assigned" || job.status === "running";
}

function isOver(status: JobStatus): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}
