/**
 * The replicated state in memory and the one place where a job changes its status. What the
 * Commands mean is said in the `apply_*.ts` files; how all this reaches the store, in `machine.ts`.
 *
 * @module
 */

import { Backlog } from "./backlog.ts";
import { Batches } from "./batches.ts";
import { Counters } from "./counters.ts";
import { Dependencies, waitsForParents } from "./dependencies.ts";
import { EventLog } from "./event_log.ts";
import { Expiry } from "./expiry.ts";
import { IdempotencyKeys } from "./idempotency_keys.ts";
import { inconsistent, type InvariantError } from "./invariant.ts";
import {
  type Cause,
  type HistoryEntry,
  isHeld,
  isTerminal,
  isTransition,
  type Job,
  JOB_LIMITS,
  type JobStatus,
} from "./job.ts";
import { JobKinds } from "./job_kind.ts";
import { JobRecord } from "./job_record.ts";
import { JobTable } from "./job_table.ts";
import { PayloadMemory } from "./payload_memory.ts";
import type { QueueOrder } from "./queue_order.ts";
import { RecordSet } from "./record_set.ts";
import { Schedules } from "./schedules.ts";
import { SharedTexts } from "./shared_texts.ts";
import type { JobStore, StoredJob, StoredScalars, StoredState } from "./store.ts";
import { Submitters } from "./submitters.ts";
import { TrustBook } from "./trust_book.ts";
import { UniqueKeys } from "./unique_keys.ts";
import { WorkerRegistry } from "./worker_registry.ts";

/** Numbers that every replica must have alike, and bounds of this process. */
export interface StateLimits {
  readonly crashesMax: number;
  readonly keyRetentionMs: number;
  readonly keysMax: number;
  readonly workersMax: number;
  readonly payloadMemoryBytesMax: number;
  readonly eventsMax: number;
  readonly priorityAgeingMs: QueueOrder["ageingMs"];
}

const SHARED_NAMES_MAX = 4_096;
const SHARED_TRACES_MAX = 64;

/** Records of trust that are forgotten with one Command at most. */
const TRUST_FORGOTTEN_MAX = 1000;

export class State {
  readonly limits: StateLimits;
  readonly workers = new WorkerRegistry();
  readonly counters = new Counters();
  readonly backlog: Backlog;
  readonly table: JobTable;
  readonly keys: IdempotencyKeys;
  readonly records = new RecordSet();
  readonly batches: Batches;
  readonly expiry = new Expiry();
  readonly uniqueKeys = new UniqueKeys();
  readonly dependencies = new Dependencies({
    statusOf: (jobId) => this.find(jobId)?.job.status ?? "",
    block: (record, isBlocked) => this.table.block(record, isBlocked),
  });
  readonly schedules = new Schedules(this.records);
  readonly submitters = new Submitters();
  readonly trust: TrustBook;
  readonly events: EventLog;
  nowMs = 0;
  lastJobSeq = 0;
  lastAssignment = 0;
  greatestJobId = "";

  /** Records that differ from the store. */
  readonly dirtyJobs: JobRecord[] = [];
  /** Finished, and in memory only until the flush. */
  readonly finished = new Set<JobRecord>();
  /** Pruned from memory or store, and the store does not know yet: by id, which may come again. */
  readonly pruned = new Map<string, number[]>();
  /** Of those and of finished jobs that live again: the rows that the store should not show. */
  readonly hiddenSeqs = new Set<number>();
  readonly payloads: PayloadMemory;
  readonly kinds = new JobKinds();
  /** Names that jobs have in common: types, submitters, namespaces. */
  readonly names = new SharedTexts(SHARED_NAMES_MAX);
  /** Jobs of one message have one trace. */
  readonly traces = new SharedTexts(SHARED_TRACES_MAX);
  readonly #store: JobStore;

  constructor(store: JobStore, stored: StoredState, limits: StateLimits) {
    this.#store = store;
    this.limits = limits;
    this.keys = new IdempotencyKeys(store, limits.keyRetentionMs, limits.keysMax);
    this.events = new EventLog(limits.eventsMax);
    this.payloads = new PayloadMemory(limits.payloadMemoryBytesMax);
    ({
      nowMs: this.nowMs,
      lastJobSeq: this.lastJobSeq,
      lastAssignment: this.lastAssignment,
      greatestJobId: this.greatestJobId,
    } = stored.scalars);
    this.keys.load(stored.scalars.lastKeySeq);
    this.counters.load(stored.counts);
    this.workers.load(stored.workers);
    this.records.load(stored.records);
    this.backlog = new Backlog({ ageingMs: limits.priorityAgeingMs }, this.counters);
    this.table = new JobTable(this.backlog);
    this.backlog.load(this.records, this.nowMs);
    this.batches = new Batches(this.records);
    this.schedules.load();
    this.trust = new TrustBook(this.records);
    for (const each of stored.live) {
      const { job, attempts } = each;
      const record = JobRecord.stored(each, this.kinds);
      record.liveStored = true;
      record.payloadStored = true;
      record.resultStored = attempts.length > 0;
      record.isBlocked = waitsForParents(job);
      this.table.add(record);
      this.schedules.jobIs(record, job.status);
      if (isHeld(job.status)) this.#hold(record);
    }
    // Now that every parent can be found.
    for (const record of this.table.all.oldest()) this.#begin(record);
  }

  get scalars(): StoredScalars {
    return {
      nowMs: this.nowMs,
      lastJobSeq: this.lastJobSeq,
      lastKeySeq: this.keys.lastKeySeq,
      lastAssignment: this.lastAssignment,
      greatestJobId: this.greatestJobId,
    };
  }

  /** Lets time pass, never backwards. */
  passTime(atMs: number): void {
    if (atMs > this.nowMs) this.nowMs = Math.floor(atMs);
    this.backlog.advance(this.nowMs);
    this.trust.forgetEnded(this.nowMs, TRUST_FORGOTTEN_MAX);
  }

  /** A job that did not exist. */
  create(record: JobRecord): void {
    const { id, common } = record;
    const { status } = common;
    if (!isTransition("", status, "submit")) throw inconsistent(`a new job is ${status}`);
    record.isBlocked = waitsForParents(common);
    this.table.add(record);
    this.#begin(record);
    this.schedules.jobIs(record, status);
    this.payloads.take(record);
    this.counters.add(common, status, 1);
    this.batches.created(common, this.nowMs);
    if (id > this.greatestJobId) this.greatestJobId = id;
    this.#touch(record);
    this.#recordEvent("", record, "submit", "", "", 0);
  }

  /**
   * Moves a job along {@linkcode TRANSITIONS}, with every count and order that depends on it.
   * `workerId` and `reason` are for the history and the event alone.
   *
   * @param changed the job with all that changes but its status and the times that go with that: one
   * that nobody else has, for it becomes the record's
   */
  move(
    record: JobRecord,
    to: JobStatus,
    cause: Cause,
    changed: { -readonly [Field in keyof Job]: Job[Field] },
    workerId = "",
    reason = "",
  ): void {
    const before = record.job;
    const from = before.status;
    if (!isTransition(from, to, cause)) {
      throw inconsistent(`job ${before.id} would go from ${from} to ${to} by ${cause}`);
    }
    if (changed === before) throw inconsistent(`job ${before.id} would be changed, not replaced`);
    this.table.leave(record);
    if (isHeld(from) && !isHeld(to)) this.#letGo(record);
    const { nowMs } = this;
    changed.status = to;
    changed.changedAtMs = nowMs;
    if (changed.queuedAtMs === 0 && to === "pending") changed.queuedAtMs = nowMs;
    const job: Job = changed;
    const shortReason = reason.slice(0, JOB_LIMITS.historyReasonCharactersMax);
    const entry = { atMs: nowMs, to, cause, attempt: job.attempt, workerId, reason: shortReason };
    record.move(job, withEntry(record.history, entry));
    this.table.enter(record);
    if (isHeld(to) && !isHeld(from)) this.#hold(record);
    this.#follow(record, from);

    this.counters.add(job, from, -1);
    this.counters.add(job, to, 1);
    this.batches.moved(job, from);
    if (job.deadLetter !== before.deadLetter) {
      this.counters.addDeadLetter(job, job.deadLetter ? 1 : -1);
    }
    this.schedules.jobIs(record, to);
    if (isTerminal(to)) this.finished.add(record);
    else if (isTerminal(from)) this.finished.delete(record);
    this.#touch(record);
    this.#recordEvent(from, record, cause, workerId, reason, this.nowMs - before.changedAtMs);
  }

  /** Changes what no count and no order depends on, of a job that stays where it is. */
  revise(record: JobRecord, changes: Partial<Pick<Job, "crashCount" | "suspicions">>): void {
    record.job = { ...record.job, ...changes };
    this.#touch(record);
  }

  /** A job, wherever it is: a record when it is in memory. */
  find(id: string): JobRecord | StoredJob | undefined {
    const record = this.table.get(id);
    if (record !== undefined) return record;
    return this.pruned.has(id) ? undefined : this.#store.finishedById(id);
  }

  /** Takes a finished job out of the store's keeping; the caller moves it on at once. */
  revive(stored: StoredJob): JobRecord {
    const record = JobRecord.stored(stored, this.kinds);
    record.finishedStored = true;
    record.payloadStored = true;
    this.table.add(record);
    this.hiddenSeqs.add(stored.job.seq);
    return record;
  }

  /**
   * Whether a finished job may be forgotten, by retention or by an operator: nothing that is still to
   * come needs it. Asked when the leader plans and, since only that counts, again by every replica.
   */
  mayForget({ id }: { readonly id: string; readonly seq: number }): boolean {
    return !this.dependencies.hasUnfinishedChildren(id);
  }

  /** Forgets a finished job, unless something needs it. */
  prune(seq: number, deadLettersOnly = false): boolean {
    const record = this.#finishedRecord(seq);
    const job = record?.job ?? this.#storedFinished(seq)?.job;
    if (job === undefined || !isTerminal(job.status) || !this.mayForget(job)) return false;
    if (deadLettersOnly && !job.deadLetter) return false;
    if (record !== undefined) this.forget(record);
    this.counters.add(job, job.status, -1);
    if (job.deadLetter) this.counters.addDeadLetter(job, -1);
    this.batches.forgotten(job);
    this.pruned.set(job.id, [...this.pruned.get(job.id) ?? [], seq]);
    this.hiddenSeqs.add(seq);
    return true;
  }

  /** Takes a finished job out of memory. */
  forget(record: JobRecord): void {
    this.finished.delete(record);
    this.table.remove(record);
    this.payloads.drop(record);
  }

  isIdTaken(id: string): boolean {
    // Ids that sort by time are nearly always greater than all before, and need no look.
    return id <= this.greatestJobId && this.find(id) !== undefined;
  }

  /** What is kept of unfinished jobs takes it in. */
  #begin(record: JobRecord): void {
    this.submitters.enter(record);
    this.expiry.enter(record);
    this.uniqueKeys.enter(record);
    this.batches.enter(record);
    this.dependencies.enter(record);
  }

  /** What is kept of unfinished jobs, and of those that wait for others, follows a move. */
  #follow(record: JobRecord, from: JobStatus): void {
    const { id, status } = record.job;
    if (isTerminal(status)) {
      this.submitters.leave(record);
      this.expiry.leave(record);
      this.uniqueKeys.leave(record);
      this.batches.leave(record);
      this.dependencies.leave(record);
    } else if (isTerminal(from)) {
      this.#begin(record);
    }
    if (isTerminal(status) !== isTerminal(from)) this.dependencies.parentMoved(id, from, status);
  }

  #finishedRecord(seq: number): JobRecord | undefined {
    for (const record of this.table.all.oldest(seq - 1)) {
      return record.job.seq === seq ? record : undefined;
    }
    return undefined;
  }

  #storedFinished(seq: number): StoredJob | undefined {
    return this.hiddenSeqs.has(seq) ? undefined : this.#store.finishedBySeq(seq);
  }

  #touch(record: JobRecord): void {
    if (record.dirty) return;
    record.dirty = true;
    this.dirtyJobs.push(record);
  }

  #hold(record: JobRecord): void {
    const worker = this.workers.get(record.job.assignedTo);
    if (worker === undefined) throw unknownWorker(record.job);
    worker.hold(record);
    this.backlog.groups.hold(record);
  }

  #letGo(record: JobRecord): void {
    const worker = this.workers.get(record.job.assignedTo);
    if (worker === undefined) throw unknownWorker(record.job);
    worker.letGo(record);
    this.backlog.groups.letGo(record);
  }

  #recordEvent(
    from: JobStatus | "",
    { id, common, queuedAtMs }: JobRecord,
    cause: Cause,
    workerId: string,
    reason: string,
    sinceMs: number,
  ): void {
    this.events.add({
      seq: this.events.nextSeq,
      jobId: id,
      namespace: common.namespace,
      type: common.type,
      from,
      to: common.status,
      cause,
      attempt: common.attempt,
      token: common.token,
      workerId,
      reason,
      atMs: this.nowMs,
      sinceMs,
      queuedAtMs,
      startedAtMs: common.startedAtMs,
    });
  }
}

function unknownWorker({ id, assignedTo }: Job): InvariantError {
  return inconsistent(`job ${id} is held by worker ${assignedTo}, which is not known`);
}

/** The latest of both. */
function withEntry(history: readonly HistoryEntry[], entry: HistoryEntry): HistoryEntry[] {
  const isFull = history.length >= JOB_LIMITS.historyKeptMax;
  return [...isFull ? history.slice(1 - JOB_LIMITS.historyKeptMax) : history, entry];
}
