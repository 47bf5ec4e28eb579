/**
 * The replicated truth about jobs and workers: Commands in, Outcomes out, in the order of the Raft
 * log and the same on every replica.
 *
 * What is unfinished is in memory, with the orders that scheduling needs; what is finished is in
 * the store. Writing is behind: `flush` puts all that changed down in one transaction with the log
 * position, and after a crash the log is replayed from there. A job that was submitted, assigned
 * and completed between two flushes is written once.
 *
 * @module
 */

import { applyAssign, applyExpireAttempts, applyReport } from "./apply_attempts.ts";
import { applyCancel, applyPrune, applyRedrive } from "./apply_control.ts";
import { applyConfigure } from "./apply_configure.ts";
import { applyAlterSchedule, applyFireSchedule, applyPutSchedule } from "./apply_schedules.ts";
import { applyRevoke, applyRotateToken, applySetPolicy, applyUseToken } from "./apply_security.ts";
import { applySubmit } from "./apply_submit.ts";
import {
  applyDeregisterWorker,
  applyDrainWorker,
  applyExpireWorker,
  applyRegisterWorker,
} from "./apply_workers.ts";
import { currentAttempt } from "./attempts.ts";
import type { Batch } from "./batches.ts";
import type { Command, ExpiredAttempt, Outcome, OutcomeOf } from "./command.ts";
import { type AttemptLimits, dueAttempts, heldJobs, nextDueAttemptMs } from "./due_attempts.ts";
import type { ParentStanding } from "./dependencies.ts";
import { batchOf, markFlushed } from "./flush.ts";
import { invariant } from "./invariant.ts";
import {
  type Attempt,
  type HistoryEntry,
  isTerminal,
  type Job,
  type JobEvent,
  type JobResult,
  type LogPosition,
  type Worker,
} from "./job.ts";
import { NO_OPTIONS } from "./job_options.ts";
import { JobRecord } from "./job_record.ts";
import { listJobs, planPrune } from "./listing.ts";
import { DEFAULT_NAMESPACE } from "./namespace.ts";
import type { JobCounts, JobPage, JobQuery, PrunePlan, PruneQuery } from "./query.ts";
import type { QueueOrder } from "./queue_order.ts";
import { nextSettleMs, settle, SETTLED_JOBS_PER_COMMAND_MAX } from "./settle.ts";
import type { Schedule } from "./schedule.ts";
import type { ScheduleName } from "./schedules.ts";
import type { SettingsScope } from "./settings.ts";
import { type JobStanding, type Standing, standingOf, standings } from "./standing.ts";
import { State } from "./state.ts";
import { hashOf } from "./state_hash.ts";
import type { JobStore } from "./store.ts";
import type { TrustView } from "./trust_book.ts";
import type { QueueShare, SchedulingView } from "./view.ts";

/** What all replicas must agree on, and what each may choose. */
export interface JobMachineOptions {
  /** Replicas must agree. Attempts lost with their worker that make a dead letter. Default 3. */
  readonly crashesMax?: number;
  /**
   * Replicas must agree. How long an idempotency key is remembered, where the Command that brings it
   * does not say. Default {@linkcode KEY_RETENTION_MS_DEFAULT}.
   */
  readonly keyRetentionMs?: number;
  /** Replicas must agree. Idempotency keys remembered; the oldest give way. Default 1,000,000. */
  readonly keysMax?: number;
  /** Replicas must agree. Workers remembered, disconnected ones too. Default 10,000. */
  readonly workersMax?: number;
  /**
   * Memory for payloads of unfinished jobs; those of jobs that come when it is full are read back.
   * Default 8 MiB.
   */
  readonly payloadMemoryBytesMax?: number;
  /**
   * The leader's choice alone: how long a wait is worth a step of priority, in ms; 0: none is.
   * "strict": what comes first by priority and age comes first of all queues. Default 0.
   */
  readonly priorityAgeingMs?: QueueOrder["ageingMs"];
  /** Events kept for `drainEvents`; the older half gives way. Default 100,000. */
  readonly eventsMax?: number;
}

/** A day. */
export const KEY_RETENTION_MS_DEFAULT = 24 * 60 * 60 * 1000;

const optionDefaults: Required<JobMachineOptions> = {
  crashesMax: 3,
  keyRetentionMs: KEY_RETENTION_MS_DEFAULT,
  keysMax: 1_000_000,
  workersMax: 10_000,
  payloadMemoryBytesMax: 8 * 1024 * 1024,
  eventsMax: 100_000,
  priorityAgeingMs: 0,
};

export class JobMachine {
  readonly #store: JobStore;
  #options: Required<JobMachineOptions>;
  #state: State;
  #applied: LogPosition;
  #flushed: LogPosition;

  /** Goes on from what the store holds; the log is to be replayed from `applied` + 1. */
  constructor(store: JobStore, options: JobMachineOptions = {}) {
    this.#store = store;
    this.#options = { ...optionDefaults, ...options };
    ({ state: this.#state, applied: this.#applied } = this.#load());
    this.#flushed = this.#applied;
  }

  /**
   * Applies one Command. What it refuses is in the Outcome; it throws only when we are wrong
   * (`InvariantError`) or the store fails, and then this replica must stop.
   */
  apply<C extends Command>(command: C, position: LogPosition): OutcomeOf[C["kind"]] {
    invariant(
      position.index > this.#applied.index,
      () => `entry ${position.index} comes after entry ${this.#applied.index} was applied`,
    );
    this.#state.passTime(command.atMs);
    const dueJobs = settle(this.#state, SETTLED_JOBS_PER_COMMAND_MAX);
    const outcome = this.#dispatch(command, position, dueJobs);
    settle(this.#state, SETTLED_JOBS_PER_COMMAND_MAX - dueJobs);
    this.#applied = position;
    // The switch below answers each kind of Command with the Outcome of that kind.
    return outcome as OutcomeOf[C["kind"]];
  }

  #dispatch(command: Command, position: LogPosition, dueJobs: number): Outcome {
    const state = this.#state;
    switch (command.kind) {
      case "submit":
        return applySubmit(state, command);
      case "assign":
        return applyAssign(state, command, position);
      case "report":
        return applyReport(state, command);
      case "cancel":
        return applyCancel(state, command);
      case "redrive":
        return applyRedrive(state, command);
      case "register_worker":
        return applyRegisterWorker(state, command);
      case "expire_worker":
        return applyExpireWorker(state, command, position);
      case "deregister_worker":
        return applyDeregisterWorker(state, command);
      case "drain_worker":
        return applyDrainWorker(state, command);
      case "expire_attempts":
        return applyExpireAttempts(state, command, position);
      case "advance":
        return { kind: "advance", dueJobs };
      case "prune":
        return applyPrune(state, command);
      case "configure":
        return applyConfigure(state, command);
      case "put_schedule":
        return applyPutSchedule(state, command, position);
      case "alter_schedule":
        return applyAlterSchedule(state, command);
      case "fire_schedule":
        return applyFireSchedule(state, command, position);
      case "revoke":
        return applyRevoke(state, command);
      case "rotate_token":
        return applyRotateToken(state, command);
      case "use_token":
        return applyUseToken(state, command);
      case "set_policy":
        return applySetPolicy(state, command);
    }
  }

  /**
   * Writes all that changed, in one transaction, as the state at `applied`: the last entry applied,
   * or a later one that was not for this machine (a Raft no-op, a membership change).
   */
  flush(applied: LogPosition = this.#applied): void {
    invariant(
      applied.index >= this.#applied.index,
      () =>
        `entry ${this.#applied.index} is applied already, so this is not entry ${applied.index}`,
    );
    if (applied.index === this.#flushed.index && this.dirtyCount === 0) return;
    this.#store.write(batchOf(this.#state, applied));
    markFlushed(this.#state);
    this.#applied = applied;
    this.#flushed = applied;
  }

  /**
   * Flushes, and makes it outlive a power failure. The log may be compacted up to the position that
   * it returns. Waits for the disk, so not after every entry.
   */
  checkpoint(applied: LogPosition = this.#applied): LogPosition {
    this.flush(applied);
    return this.#store.checkpoint();
  }

  /** Starts again from what the store holds, for example after a snapshot was installed. */
  reload(): void {
    ({ state: this.#state, applied: this.#applied } = this.#load());
    this.#flushed = this.#applied;
  }

  #load(): { state: State; applied: LogPosition } {
    const stored = this.#store.load();
    return { state: new State(this.#store, stored, this.#options), applied: stored.applied };
  }

  /** The last entry applied. */
  get applied(): LogPosition {
    return this.#applied;
  }
  /** The entry that the store is the state of. */
  get flushed(): LogPosition {
    return this.#flushed;
  }
  /** The entry up to which a power failure takes nothing. */
  get durable(): LogPosition {
    return this.#store.durable;
  }
  /** About how many rows the next flush will write. */
  get dirtyCount(): number {
    return this.#state.dirtyJobs.length + this.#state.pruned.size +
      this.#state.workers.dirtyCount + this.#state.records.dirtyCount;
  }
  /** Replicated time, ms since the epoch. */
  get nowMs(): number {
    return this.#state.nowMs;
  }

  get(id: string): Job | undefined {
    return this.#state.find(id)?.job;
  }

  /** What was submitted with the job; undefined when there is no such job. */
  payload(id: string): Uint8Array | undefined {
    const found = this.#state.find(id);
    if (found === undefined) return undefined;
    if (found.job.payloadBytes === 0) return noBytes;
    const held = found instanceof JobRecord ? found.payload : undefined;
    const payload = held ?? this.#store.payload(found.job.seq);
    invariant(payload !== undefined, () => `the payload of job ${id} is nowhere`);
    return payload;
  }

  /** What a finished job left behind, if it left anything. */
  result(id: string): JobResult | undefined {
    const found = this.#state.find(id);
    if (found === undefined || !isTerminal(found.job.status)) return undefined;
    const { job } = found;
    if (job.status !== "completed" && job.resultBytes === 0) return undefined;
    const kept = found instanceof JobRecord ? found.result : undefined;
    const result = kept ?? (job.resultBytes > 0 ? this.#store.result(job.seq) : undefined);
    invariant(
      result !== undefined || job.resultBytes === 0,
      () => `the result of job ${id} is nowhere`,
    );
    return { output: result?.output ?? noBytes, contentType: job.contentType };
  }

  /** The last lines that the last attempt reported. */
  logTail(id: string): readonly string[] {
    const found = this.#state.find(id);
    if (found === undefined) return [];
    const kept = found instanceof JobRecord ? found.result : undefined;
    return (kept ?? this.#store.result(found.job.seq))?.logTail ?? [];
  }

  /** The latest attempts, oldest first; one that goes on is last. */
  attempts(id: string): readonly Attempt[] {
    const found = this.#state.find(id);
    if (found === undefined) return [];
    const current = currentAttempt(found.job);
    return current === undefined ? found.attempts : [...found.attempts, current];
  }

  /** The latest changes of its status, oldest first. */
  history(id: string): readonly HistoryEntry[] {
    return this.#state.find(id)?.history ?? [];
  }

  list(query: JobQuery = {}): JobPage {
    return listJobs(this.#state, this.#store, query);
  }

  /** Of all jobs, or of those of some namespaces. */
  counts(namespaces?: readonly string[]): JobCounts {
    return this.#state.counters.snapshot(namespaces);
  }

  /** Namespaces that have jobs, by name. */
  namespaces(): readonly string[] {
    return this.#state.counters.namespaces();
  }

  /**
   * Since when the job of each type waits that has waited longest, in replicated time. Looks at every
   * pending job: for whoever asks now and then.
   */
  oldestPending(): ReadonlyMap<string, number> {
    return this.#state.backlog.oldestPending();
  }

  /** Jobs that workers hold now. */
  get heldJobs(): number {
    const { counters } = this.#state;
    return counters.of({}, "assigned") + counters.of({}, "running");
  }

  /** Jobs not finished yet. */
  get liveJobs(): number {
    return this.#state.counters.live;
  }

  /** All workers that are remembered, by id. */
  workers(): readonly Worker[] {
    return [...this.#state.workers.all]
      .map((worker) => worker.snapshot())
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  worker(id: string): Worker | undefined {
    return this.#state.workers.get(id)?.snapshot();
  }

  /** Jobs that a worker holds now, in the order of submission. */
  heldBy(workerId: string): readonly Job[] {
    return heldJobs(this.#state.workers.get(workerId));
  }

  /**
   * Orders what waits, and what comes, in another way; see `JobMachineOptions.priorityAgeingMs`.
   *
   * @returns whether it is another way
   */
  orderBy(priorityAgeingMs: QueueOrder["ageingMs"]): boolean {
    if (this.#options.priorityAgeingMs === priorityAgeingMs) return false;
    this.#options = { ...this.#options, priorityAgeingMs };
    this.#state.backlog.reorder({ ageingMs: priorityAgeingMs });
    return true;
  }

  /** For `scheduler.plan`; a window that the next `apply` changes. */
  view(): SchedulingView {
    const { table, workers, backlog, nowMs } = this.#state;
    return {
      nowMs,
      isStrict: backlog.isStrict,
      clock: backlog.shares.clock,
      shapes: backlog.shapes,
      workers: workers.connected,
      comesBefore: backlog.comesBefore,
      placeOf(jobId) {
        const record = table.get(jobId);
        return record && backlog.placeOf(record);
      },
    };
  }

  /**
   * The turn that a queue has now, or would have if a job of it were pending; undefined: limits bind
   * its jobs of this type.
   */
  openShare(type: string, queue: string): QueueShare | undefined {
    return this.#state.backlog.openShare(type, queue);
  }

  /**
   * When the first delayed job is due, the first unfinished one expires, or a rate lets one start: the
   * leader then proposes `advance`. Undefined: nothing waits for a time.
   */
  get nextDueMs(): number | undefined {
    return earlier(nextSettleMs(this.#state), this.#state.backlog.nextOpeningMs);
  }

  /** How a job's parents stand, in the order in which it names them. */
  parents(id: string): readonly ParentStanding[] {
    const { dependencies } = this.get(id)?.options ?? NO_OPTIONS;
    return this.#state.dependencies.standing(dependencies);
  }

  /** What an unfinished job waits for; undefined: it is finished, or there is none. */
  standing(id: string): JobStanding | undefined {
    const record = this.#state.table.get(id);
    return record && standingOf(this.#state, record);
  }

  /** Types or queues that have unfinished jobs or settings, by name; or jobs in `namespaces` alone. */
  standings(scope: SettingsScope, namespaces?: readonly string[]): Standing[] {
    return standings(this.#state, scope, namespaces);
  }

  batch(id: string, namespace: string = DEFAULT_NAMESPACE): Batch | undefined {
    return this.#state.batches.get(id, namespace);
  }

  /** All batches, in no order. */
  batches(): Iterable<Batch> {
    return this.#state.batches.all;
  }

  /** Unfinished jobs of a batch, at most `limit`, in no order. */
  unfinishedOfBatch({ id, namespace }: Pick<Batch, "id" | "namespace">, limit: number): Job[] {
    const jobs: Job[] = [];
    for (const { job } of this.#state.batches.unfinished(id, namespace)) {
      if (jobs.length >= limit) break;
      jobs.push(job);
    }
    return jobs;
  }

  /** Attempts that the leader should end now with `expire_attempts`. */
  dueAttempts(nowMs: number, limits: AttemptLimits): readonly ExpiredAttempt[] {
    return dueAttempts(this.#state, nowMs, limits);
  }

  /** When the next attempt will be due by {@linkcode dueAttempts}; undefined: none is watched. */
  nextDueAttemptMs(limits: AttemptLimits): number | undefined {
    return nextDueAttemptMs(this.#state, limits);
  }

  /** By name, then by namespace. */
  schedules(): readonly Schedule[] {
    return this.#state.schedules.all();
  }

  schedule(name: string, namespace: string = DEFAULT_NAMESPACE): Schedule | undefined {
    return this.#state.schedules.get(name, namespace);
  }

  /** Jobs of a schedule that are not finished. */
  unfinishedRuns(schedule: ScheduleName): number {
    return this.#state.schedules.unfinishedCount(schedule);
  }

  /** Those that will be due, the nearest first; to be read before the next `apply`. */
  schedulesInDueOrder(): Iterable<Schedule> {
    return this.#state.schedules.inDueOrder();
  }

  /** Who is trusted no more, and the policy; to be asked anew at every call. */
  get trust(): TrustView {
    return this.#state.trust;
  }

  /** Finished jobs for a `prune` Command; looks only at what has been flushed. */
  pruneCandidates(query: PruneQuery): PrunePlan {
    return planPrune(this.#state, this.#store, query);
  }

  /** Events since the last call, oldest first; a gap in `seq` tells of dropped ones. */
  drainEvents(): JobEvent[] {
    return this.#state.events.drain();
  }

  /** Digest of the whole state, equal on replicas that applied the same. Reads everything. */
  stateHash(): string {
    return hashOf(this.#state, this.#store);
  }
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? a ?? b : Math.min(a, b);
}

const noBytes = new Uint8Array(0);
