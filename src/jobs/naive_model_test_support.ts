/**
 * The job layer as one would write it in an afternoon: arrays, full scans, no store, no indexes. It
 * shares no code with the machine but the pauses, and says for every Command what the answer and the
 * state must be.
 *
 * @module
 */

import { releaseBackoffMs, retryBackoffMs } from "./backoff.ts";
import type { Command, Report } from "./command.ts";
import { NaiveLimits } from "./naive_limits_test_support.ts";
import { type JobOptions, NO_OPTIONS } from "./job_options.ts";
import {
  batchNameOf,
  isHeld,
  isHopeless,
  isOver,
  type NaiveJob,
} from "./naive_job_test_support.ts";
import { NaiveTrust } from "./naive_trust_test_support.ts";
import { NaiveSchedules } from "./naive_schedules_test_support.ts";
import { NaiveWorkers } from "./naive_workers_test_support.ts";

export const KEY_RETENTION_MS = 60_000;

export class NaiveModel {
  jobs: NaiveJob[] = [];
  keys: { key: string; payload: string; jobId: string; expiresAtMs: number }[] = [];
  /** By namespace and id: how many jobs ever, of whom. */
  batches = new Map<string, { total: number; submittedBy: string }>();
  readonly limits = new NaiveLimits();
  readonly trust = new NaiveTrust();
  readonly workers = new NaiveWorkers({
    held: (worker) => this.held(worker),
    find: (id) => this.#find(id),
    lose: (...loss) => this.#lose(...loss),
    release: (job) => this.#release(job),
    giveUp: (job) => this.#giveUp(job),
  });
  nowMs = 0;
  submitted = 0;
  readonly schedules: NaiveSchedules;

  constructor() {
    const now = () => this.nowMs;
    this.schedules = new NaiveSchedules({
      get nowMs() {
        return now();
      },
      unfinished: (schedule, namespace) => this.unfinished(schedule, namespace),
      exists: (id) => this.#find(id) !== undefined,
      cancel: (id) => this.#cancel(id),
      triggered: (key) =>
        this.keys.findLast((each) => each.key === key && each.expiresAtMs > this.nowMs)?.jobId,
      remember: (key, jobId, retentionMs) => this.#remember(key, "", jobId, retentionMs),
      submit: (command) => this.#submit(command)[0]!,
      unless: (comesToNothing) => {
        const jobs = structuredClone(this.jobs);
        if (comesToNothing()) this.jobs = jobs;
      },
    });
  }

  /** The words of the outcome, one an item. */
  apply(command: Command, index: number): string[] {
    this.nowMs = Math.max(this.nowMs, command.atMs);
    this.trust.passTime(this.nowMs);
    this.#settle();
    this.limits.noteQueued(this.jobs, this.nowMs);
    const words = this.#dispatch(command, index);
    this.#settle();
    this.limits.noteQueued(this.jobs, this.nowMs);
    for (const id of this.batches.keys()) {
      if (!this.jobs.some((job) => batchNameOf(job) === id)) this.batches.delete(id);
    }
    return words;
  }

  #dispatch(command: Command, index: number): string[] {
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
        return command.jobIds.map((id) => this.#redrive(id, command.newPlace));
      case "register_worker":
        return this.workers.register(command);
      case "expire_worker":
      case "deregister_worker":
        return this.workers.endSession(command);
      case "drain_worker":
        return this.workers.drain(command);
      case "expire_attempts":
        return command.attempts.map((each) => this.#expire(each));
      case "advance":
        return [];
      case "configure":
        return this.limits.configure(command, this.nowMs);
      case "prune": {
        const before = this.jobs.length;
        this.jobs = this.jobs.filter((job) =>
          !command.jobSeqs.includes(job.order) || !isOver(job.status) || this.#isNeeded(job)
        );
        return [String(before - this.jobs.length)];
      }
      case "put_schedule":
      case "alter_schedule":
      case "fire_schedule":
        return this.schedules.apply(command, index);
      case "revoke":
      case "rotate_token":
      case "use_token":
      case "set_policy":
        return this.trust.apply(command, this.nowMs);
    }
  }

  /** Ids of the jobs of a schedule that are not over. */
  unfinished(schedule: string, namespace = "default"): string[] {
    return this.jobs.filter((job) =>
      job.options.schedule === schedule && job.namespace === namespace && !isOver(job.status)
    ).map(({ id }) => id);
  }

  held(worker: string): NaiveJob[] {
    return this.jobs.filter((job) => isHeld(job) && job.worker === worker);
  }

  /** Whether an unfinished job depends on it. */
  #isNeeded({ id }: NaiveJob): boolean {
    return this.jobs.some((child) =>
      !isOver(child.status) && child.options.dependencies.some(({ jobId }) => jobId === id)
    );
  }

  #settle(): void {
    for (;;) {
      const expired = this.jobs.find((job) =>
        !isOver(job.status) && job.expiresAtMs > 0 && job.expiresAtMs <= this.nowMs
      );
      const waiting = this.jobs.filter(({ status }) => status === "waiting");
      const broken = waiting.find((job) =>
        job.attempt === 0 && job.options.whenDependencyFails !== "wait" &&
        this.#parents(job).includes("broken")
      );
      const due = waiting.find((job) =>
        job.notBeforeMs <= this.nowMs &&
        (job.attempt > 0 || this.#parents(job).every((verdict) => verdict === "fulfilled"))
      );
      if (expired !== undefined) {
        if (isHeld(expired)) this.#end(expired, "expired");
        Object.assign(expired, { status: "failed", dead: true, errorKind: "expired" });
      } else if (broken !== undefined) {
        const isFailed = broken.options.whenDependencyFails === "fail";
        broken.status = isFailed ? "failed" : "cancelled";
        broken.dead = isFailed;
        broken.errorKind = "dependency";
      } else if (due !== undefined) {
        due.status = "pending";
      } else {
        return;
      }
    }
  }

  #parents({ options }: { options: JobOptions }): string[] {
    return options.dependencies.map(({ jobId, on }) => {
      const status = this.#find(jobId)?.status;
      if (status === undefined) return on === "completion" ? "fulfilled" : "broken";
      if (!isOver(status)) return "open";
      if (on === "completion") return "fulfilled";
      return (on === "success") === (status === "completed") ? "fulfilled" : "broken";
    });
  }

  #find(id: string): NaiveJob | undefined {
    return this.jobs.find((job) => job.id === id);
  }

  #submit(command: Command & { kind: "submit" }): string[] {
    const saved = {
      jobs: structuredClone(this.jobs),
      keys: [...this.keys],
      batches: structuredClone(this.batches),
      submitted: this.submitted,
    };
    const madeBefore = new Map<string, string>();
    const words = command.jobs.map((spec) => {
      const namespace = spec.namespace ?? "default";
      const key = spec.idempotencyKey &&
        `${namespace}/${spec.submittedBy ?? ""}/${spec.idempotencyKey}`;
      const payload = `${spec.type}/${spec.payload.join()}`;
      const known = this.keys.findLast((each) => each.key === key && each.expiresAtMs > this.nowMs);
      if (known !== undefined && known.payload !== payload) return "already_exists";
      if (known !== undefined) {
        madeBefore.set(spec.id, known.jobId);
        return `duplicate ${known.jobId}`;
      }
      if (this.#find(spec.id) !== undefined) return "id_taken";
      const submittedBy = spec.submittedBy ?? "";
      const given = { ...NO_OPTIONS, ...spec.options };
      const options = {
        ...given,
        dependencies: given.dependencies.map(({ jobId, on }) => ({
          jobId: madeBefore.get(jobId) ?? jobId,
          on,
        })),
      };
      const holder = this.#holder({ submittedBy, namespace, options });
      if (holder !== undefined && options.uniqueMode === "existing") {
        if (key && command.keysOfExisting) {
          this.#remember(key, payload, holder.id, command.keyRetentionMs);
        }
        madeBefore.set(spec.id, holder.id);
        return `existing ${holder.id}`;
      }
      if (holder !== undefined && options.uniqueMode === "reject") return "unique_key";
      if (options.dependencies.some(({ jobId }) => this.#find(jobId)?.namespace !== namespace)) {
        return "unknown_parent";
      }
      const batchName = batchNameOf({ namespace, options });
      const batch = this.batches.get(batchName);
      if (batch !== undefined && batch.submittedBy !== submittedBy) return "batch_taken";
      const live = this.jobs.filter((job) => !isOver(job.status)).length;
      if (holder === undefined && live >= (command.liveJobsMax ?? 1e9)) return "queue_full";
      const own = this.jobs.filter((job) =>
        !isOver(job.status) && job.submittedBy === submittedBy && job.namespace === namespace
      );
      if (holder === undefined && own.length >= (command.clientJobsMax ?? 1e9)) {
        return "client_full";
      }
      if (holder !== undefined) this.#cancel(holder.id);
      if (options.batchId !== "") {
        this.batches.set(batchName, { total: (batch?.total ?? 0) + 1, submittedBy });
      }
      const notBeforeMs = spec.notBeforeMs ?? 0;
      const isWaiting = notBeforeMs > this.nowMs ||
        this.#parents({ options }).some((verdict) => verdict !== "fulfilled");
      this.jobs.push({
        id: spec.id,
        type: spec.type,
        namespace,
        status: isWaiting ? "waiting" : "pending",
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
        suspicions: 0,
        releases: 0,
        dead: false,
        errorKind: "",
        submittedBy,
        expiresAtMs: options.expireAfterMs > 0 ? this.nowMs + options.expireAfterMs : 0,
        options,
        ended: [],
      });
      if (key) this.#remember(key, payload, spec.id, command.keyRetentionMs);
      return "accepted";
    });
    const refusals = [
      "already_exists",
      "id_taken",
      "unique_key",
      "unknown_parent",
      "batch_taken",
      "queue_full",
      "client_full",
    ];
    if (!command.allOrNothing || !words.some((word) => refusals.includes(word))) return words;
    Object.assign(this, saved);
    return words.map((word) => refusals.includes(word) ? word : "batch_refused");
  }

  #remember(key: string, payload: string, jobId: string, retentionMs = KEY_RETENTION_MS): void {
    this.keys.push({ key, payload, jobId, expiresAtMs: this.nowMs + retentionMs });
  }

  #holder(of: Pick<NaiveJob, "submittedBy" | "namespace" | "options">): NaiveJob | undefined {
    const { submittedBy, namespace, options: { uniqueKey } } = of;
    if (uniqueKey === "") return undefined;
    return this.jobs.find((job) =>
      !isOver(job.status) && job.options.uniqueKey === uniqueKey &&
      job.submittedBy === submittedBy && job.namespace === namespace
    );
  }

  #assign(to: { jobId: string; workerId: string; sessionId: string }, index: number): string {
    const job = this.#find(to.jobId);
    if (job === undefined) return "unknown_job";
    if (job.status !== "pending") return "not_pending";
    const worker = this.workers.all.find(({ id, connected }) => id === to.workerId && connected);
    if (worker === undefined) return "unknown_worker";
    if (worker.session !== to.sessionId) return "stale_session";
    if (worker.drainedBy !== "") return "draining";
    const offers = worker.types === null || worker.types.includes(job.type);
    const tagged = Object.entries(job.tags).every(([name, value]) => worker.tags[name] === value);
    const ruled = job.options.tagRules.every(({ tag }) => tag in worker.tags);
    const serves = worker.namespaces === undefined || worker.namespaces.includes(job.namespace);
    if (!offers || !tagged || !ruled || !serves) return "not_eligible";
    if (this.held(worker.id).length >= worker.slots) return "worker_full";
    const ofType = this.held(worker.id).filter(({ type }) => type === job.type).length;
    if (ofType >= (worker.typeSlots[job.type] ?? Infinity)) return "worker_type_full";
    const { cpuMillis } = job.options;
    const cpuHeld = this.held(worker.id).reduce((sum, each) => sum + each.options.cpuMillis, 0);
    if (cpuMillis > 0 && cpuHeld + cpuMillis > worker.cpuMillis) return "no_resources";
    const refusal = this.limits.refusal(job, this.jobs, this.nowMs);
    if (refusal !== undefined) return refusal;
    this.limits.start(job, this.jobs, this.nowMs);
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
        job.errorKind = "";
        job.releases = 0;
        break;
      case "failed":
        this.#fail(
          job,
          report.timedOut ? "timeout" : "failed",
          report.permanent || job.options.nonRetryableErrors.includes(report.error),
        );
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
    job.errorKind = "cancelled";
    return "cancelled";
  }

  #redrive(id: string, newPlace: boolean | undefined): string {
    const job = this.#find(id);
    if (job === undefined) return "unknown_job";
    if (!job.dead) return "not_dead_letter";
    if (this.#holder(job) !== undefined) return "unique_key";
    const parents = job.attempt > 0 ? [] : this.#parents(job);
    const isGone = job.options.dependencies.some(({ jobId, on }) =>
      on !== "completion" && this.#find(jobId) === undefined
    );
    const isHopeless = job.options.whenDependencyFails !== "wait" && parents.includes("broken");
    if (job.attempt === 0 && (isGone || isHopeless)) return "dependency";
    job.dead = false;
    job.errorKind = "";
    job.expiresAtMs = job.options.expireAfterMs > 0 ? this.nowMs + job.options.expireAfterMs : 0;
    job.failures =
      job.crashes =
      job.suspicions =
      job.releases =
      job.notBeforeMs =
        0;
    job.worker = "";
    if (newPlace === true) this.limits.queuedAtMs.delete(job.order);
    job.status = parents.every((verdict) => verdict === "fulfilled") ? "pending" : "waiting";
    return "redriven";
  }

  #expire({ jobId, token, reason }: { jobId: string; token: number; reason: string }): string {
    const job = this.#find(jobId);
    if (job === undefined) return "unknown_job";
    if (!isHeld(job) || job.token !== token) return "stale_token";
    if (reason === "not_started") {
      if (job.status === "running") return "already_started";
      this.#release(job);
    } else if (reason === "drained") {
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
    const isPermanent = permanent && outcome === "failed";
    job.errorKind = isPermanent ? "permanent" : outcome === "failed" ? "error" : "timeout";
    if (job.failures > job.maxRetries || isPermanent) {
      job.status = "failed";
      job.dead = true;
    } else {
      const pauseMs = retryBackoffMs(paceOf(job), job.failures, job.id, job.attempt);
      this.#requeue(job, pauseMs);
    }
  }

  #release(job: NaiveJob): void {
    this.#end(job, "released");
    this.#requeue(job, releaseBackoffMs(++job.releases));
  }

  #lose(
    job: NaiveJob,
    how: "crash" | "silence",
    crashLimit: number | undefined,
    isDraining: boolean,
  ): void {
    if (crashLimit !== undefined && isDraining) return this.#release(job);
    this.#end(job, "worker_lost");
    if (crashLimit !== undefined && how === "silence") job.suspicions++;
    else job.crashes++;
    if (isHopeless(job, crashLimit)) this.#giveUp(job);
    else this.#requeue(job, 0);
  }

  #giveUp(job: NaiveJob): void {
    job.status = "failed";
    job.errorKind = "worker_lost";
    job.dead = true;
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

function paceOf({ retryDelayMs, options: { backoff, retryDelayMaxMs } }: NaiveJob) {
  return { retryDelayMs, backoff, retryDelayMaxMs };
}
