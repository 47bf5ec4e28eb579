import type { HeapItem, IndexedHeap } from "./heap.ts";
import { invariant } from "./invariant.ts";
import type { Attempt, HistoryEntry, Job } from "./job.ts";
import {
  type Arrival,
  type CommonFields,
  isUnmoved,
  type JobKind,
  type JobKinds,
  type OwnFields,
  type UnmovedJob,
} from "./job_kind.ts";
import { wishesOf } from "./job_wishes.ts";
import type { Lane } from "./lanes.ts";
import { PayloadSlab } from "./payload_memory.ts";
import type { Share } from "./queue_shares.ts";
import type { LiveJob, StoredJob, StoredResult } from "./store.ts";
import type { PendingJob } from "./view.ts";

const noAttempts: readonly Attempt[] = Object.freeze([]);

/**
 * A job in memory: every unfinished one, and finished ones until the next flush. The `job` itself
 * is never changed but replaced, so that whoever was given it may keep it. Of a submission that nothing
 * has moved it is made when somebody asks: what all submissions pass through goes by `common` and by
 * what the record has itself.
 */
export class JobRecord implements HeapItem, LiveJob, PendingJob, OwnFields {
  readonly id: string;
  readonly seq: number;
  readonly payloadBytes: number;
  readonly idempotencyKey: string;
  readonly traceparent: string;
  heapIndex = -1;
  /** Its queue, while it is unfinished. */
  share: Share | undefined = undefined;
  /** Where it stands while it is pending. */
  lane: Lane | undefined = undefined;
  readonly #arrival: Arrival;
  /** What most jobs of a long queue have none of. */
  #more: More | undefined = undefined;
  #payload: Uint8Array | PayloadSlab | undefined;
  /** Where in the slab it begins. */
  #payloadAt = 0;
  /** A bit for each yes or no. */
  #flags = 0;

  private constructor(own: Omit<OwnFields, "createdAtMs">, arrival: Arrival, payload?: Uint8Array) {
    this.id = own.id;
    this.seq = own.seq;
    this.payloadBytes = own.payloadBytes;
    this.idempotencyKey = own.idempotencyKey;
    this.traceparent = own.traceparent;
    this.#arrival = arrival;
    this.#payload = payload;
  }

  /** A submission that asks for nothing that others of its kind do not. */
  static submitted(
    arrival: Arrival,
    own: Omit<OwnFields, "payloadBytes" | "createdAtMs">,
    payload: Uint8Array,
  ): JobRecord {
    const { id, seq, idempotencyKey, traceparent } = own;
    const { byteLength: payloadBytes } = payload;
    return new JobRecord({ id, seq, idempotencyKey, traceparent, payloadBytes }, arrival, payload);
  }

  /** A job that was just submitted. */
  static created(job: Job, payload: Uint8Array): JobRecord {
    return JobRecord.#whole(job, payload);
  }

  /** A job that the store had. */
  static stored({ job, attempts, history }: StoredJob, kinds: JobKinds): JobRecord {
    const isAlone = isSubmissionAlone(history, job);
    if (isAlone && attempts.length === 0 && isUnmoved(job)) {
      return new JobRecord(job, kinds.of(job).at(job.createdAtMs));
    }
    const record = JobRecord.#whole(job);
    const more = record.#having();
    if (attempts.length > 0) more.attempts = attempts;
    if (!isAlone) more.history = history;
    return record;
  }

  static #whole(job: Job, payload?: Uint8Array): JobRecord {
    const { createdAtMs } = job;
    const record = new JobRecord(job, { kind: undefined, createdAtMs, ...wishesOf(job) }, payload);
    record.job = job;
    return record;
  }

  get createdAtMs(): number {
    return this.#arrival.createdAtMs;
  }

  get shapeKey(): string {
    return this.#arrival.shapeKey;
  }

  get laneKey(): string {
    return this.#arrival.laneKey;
  }

  get job(): Job {
    return this.#more?.job ?? this.#made();
  }

  set job(job: Job) {
    this.#having().job = job;
    this.#flags |= Flag.changed;
  }

  #made(): Job {
    const { kind } = this.#arrival;
    invariant(kind !== undefined, () => `job ${this.id} is of no kind`);
    return this.#having().job = kind.jobOf(this);
  }

  /** What it has in common with others of its kind, if it is of any. */
  get common(): CommonFields {
    return this.kind?.common ?? this.job;
  }

  get priority(): number {
    return this.common.priority;
  }

  get queuedAtMs(): number {
    return this.kind === undefined ? this.job.queuedAtMs : this.createdAtMs;
  }

  /** What it still is if nothing has moved it. */
  get unmoved(): UnmovedJob | undefined {
    return this.#isUnmoved() ? this : undefined;
  }

  /** Undefined: it is more than a submission of a kind, or has moved. */
  get kind(): JobKind | undefined {
    return (this.#flags & Flag.changed) === 0 ? this.#arrival.kind : undefined;
  }

  #isUnmoved(): this is UnmovedJob {
    return this.kind !== undefined;
  }

  /** Where it waits for a time, or is watched for one. */
  get heap(): IndexedHeap<JobRecord> | undefined {
    return this.#more?.heap;
  }

  set heap(heap: IndexedHeap<JobRecord> | undefined) {
    if (this.#more === undefined && heap === undefined) return;
    this.#having().heap = heap;
  }

  /** Ended attempts, oldest first; replaced, never changed. */
  get attempts(): readonly Attempt[] {
    return this.#more?.attempts ?? noAttempts;
  }

  set attempts(attempts: readonly Attempt[]) {
    this.#having().attempts = attempts;
  }

  /** Left by the last attempt and not in the store yet. */
  get result(): StoredResult | undefined {
    return this.#more?.result;
  }

  set result(result: StoredResult | undefined) {
    if (this.#more === undefined && result === undefined) return;
    this.#having().result = result;
  }

  /** Changes of status, oldest first. */
  get history(): readonly HistoryEntry[] {
    return this.#more?.history ??
      [submissionOf({ createdAtMs: this.createdAtMs, status: this.common.status })];
  }

  /** The job changes its status; `history` has that already. */
  move(job: Job, history: readonly HistoryEntry[]): void {
    this.job = job;
    this.#having().history = history;
  }

  /** Undefined: only in the store. */
  get payload(): Uint8Array | undefined {
    const payload = this.#payload;
    if (!(payload instanceof PayloadSlab)) return payload;
    return payload.part(this.#payloadAt, this.payloadBytes);
  }

  /** From now on it is held there. */
  movePayload(slab: PayloadSlab, at: number): void {
    this.#payload = slab;
    this.#payloadAt = at;
  }

  /** The slab that its payload is in. */
  get payloadSlab(): PayloadSlab | undefined {
    return this.#payload instanceof PayloadSlab ? this.#payload : undefined;
  }

  /** From now on the record does not hold it. */
  leavePayload(): void {
    this.#payload = undefined;
  }

  /** While it waits: for its parents, so that no time makes it due. */
  get isBlocked(): boolean {
    return this.#has(Flag.blocked);
  }

  set isBlocked(isIt: boolean) {
    this.#set(Flag.blocked, isIt);
  }

  /** Differs from the store. */
  get dirty(): boolean {
    return this.#has(Flag.dirty);
  }

  set dirty(isIt: boolean) {
    this.#set(Flag.dirty, isIt);
  }

  /** The store has a row of it among the unfinished. */
  get liveStored(): boolean {
    return this.#has(Flag.liveStored);
  }

  set liveStored(isIt: boolean) {
    this.#set(Flag.liveStored, isIt);
  }

  /** The store has a row of it among the finished. */
  get finishedStored(): boolean {
    return this.#has(Flag.finishedStored);
  }

  set finishedStored(isIt: boolean) {
    this.#set(Flag.finishedStored, isIt);
  }

  /** The store has its payload. */
  get payloadStored(): boolean {
    return this.#has(Flag.payloadStored);
  }

  set payloadStored(isIt: boolean) {
    this.#set(Flag.payloadStored, isIt);
  }

  /** The store may have a result of an earlier attempt. */
  get resultStored(): boolean {
    return this.#has(Flag.resultStored);
  }

  set resultStored(isIt: boolean) {
    this.#set(Flag.resultStored, isIt);
  }

  #having(): More {
    return this.#more ??= {
      job: undefined,
      history: undefined,
      attempts: undefined,
      result: undefined,
      heap: undefined,
    };
  }

  #has(flag: number): boolean {
    return (this.#flags & flag) !== 0;
  }

  #set(flag: number, isIt: boolean): void {
    this.#flags = isIt ? this.#flags | flag : this.#flags & ~flag;
  }
}

/** What a job has once something moved it, or somebody asked for it. */
interface More {
  /** Undefined: nobody has asked yet. */
  job: Job | undefined;
  /** Undefined: the job was submitted, and nothing has moved it since. */
  history: readonly HistoryEntry[] | undefined;
  attempts: readonly Attempt[] | undefined;
  result: StoredResult | undefined;
  heap: IndexedHeap<JobRecord> | undefined;
}

const Flag = {
  /** The job is another than the submission that it was. */
  changed: 1,
  blocked: 2,
  dirty: 4,
  liveStored: 8,
  finishedStored: 16,
  payloadStored: 32,
  resultStored: 64,
} as const;

/** What the history of a job begins with. A long queue is mostly jobs that have no more of it. */
export function submissionOf(
  { createdAtMs, status }: Pick<Job, "createdAtMs" | "status">,
): HistoryEntry {
  return { atMs: createdAtMs, to: status, cause: "submit", attempt: 0, workerId: "", reason: "" };
}

function isSubmissionAlone(history: readonly HistoryEntry[], job: Job): boolean {
  const [first] = history;
  return first !== undefined && history.length === 1 && first.cause === "submit" &&
    first.to === job.status && first.atMs === job.createdAtMs;
}
