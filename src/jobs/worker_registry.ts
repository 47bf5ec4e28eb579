/**
 * The workers that the state knows, what each holds, and which are connected.
 *
 * @module
 */

import type { Job, StringMap, Worker } from "./job.ts";
import type { JobOptions } from "./job_options.ts";
import type { JobRecord } from "./job_record.ts";
import { namedTags } from "./job_wishes.ts";
import type { StoredWorker } from "./store.ts";
import { fulfils } from "./tag_rules.ts";
import type { WorkerSlots } from "./view.ts";
import type { WorkerSpec } from "./worker_command.ts";

export class WorkerRecord implements WorkerSlots {
  /** Everything that is stored; replaced, never changed. */
  stored: StoredWorker;
  readonly held = new Set<JobRecord>();
  cpuMillisHeld = 0;
  memoryBytesHeld = 0;
  dirty = false;
  #jobTypes: ReadonlySet<string> | null = null;
  #namespaces: ReadonlySet<string> | null = null;
  #typeSlots: ReadonlyMap<string, number> | null = null;
  /** Of the types that have slots of their own. */
  readonly #heldOfType = new Map<string, number>();
  #capabilityKey = "";

  constructor(stored: StoredWorker) {
    this.stored = stored;
    this.describe(stored);
  }

  /** Takes over what a worker now says of itself. */
  describe(stored: StoredWorker): void {
    this.stored = stored;
    this.#jobTypes = stored.jobTypes && new Set(stored.jobTypes);
    this.#namespaces = stored.namespaces === undefined ? null : new Set(stored.namespaces);
    this.#typeSlots = stored.typeSlots === undefined
      ? null
      : new Map(Object.entries(stored.typeSlots));
    this.#capabilityKey = capabilityKeyOf(stored);
    this.#heldOfType.clear();
    for (const { job } of this.held) this.#countType(job.type, 1);
  }

  get id(): string {
    return this.stored.id;
  }
  get sessionId(): string {
    return this.stored.sessionId;
  }
  get slots(): number {
    return this.stored.slots;
  }
  get activeJobs(): number {
    return this.held.size;
  }
  get cpuMillis(): number {
    return this.stored.cpuMillis ?? 0;
  }
  get memoryBytes(): number {
    return this.stored.memoryBytes ?? 0;
  }
  get jobTypes(): ReadonlySet<string> | null {
    return this.#jobTypes;
  }
  get typeSlots(): ReadonlyMap<string, number> | null {
    return this.#typeSlots;
  }
  get namespaces(): ReadonlySet<string> | null {
    return this.#namespaces;
  }
  get tags(): StringMap {
    return this.stored.tags;
  }
  get draining(): boolean {
    return this.stored.drainedBy !== "";
  }
  get lastAssignment(): number {
    return this.stored.lastAssignment;
  }
  get capabilityKey(): string {
    return this.#capabilityKey;
  }

  get isFree(): boolean {
    return this.stored.connected && !this.draining && this.held.size < this.stored.slots;
  }

  hold(record: JobRecord): void {
    this.held.add(record);
    this.#countType(record.job.type, 1);
    this.cpuMillisHeld += record.job.options.cpuMillis;
    this.memoryBytesHeld += record.job.options.memoryBytes;
  }

  letGo(record: JobRecord): void {
    this.held.delete(record);
    this.#countType(record.job.type, -1);
    this.cpuMillisHeld -= record.job.options.cpuMillis;
    this.memoryBytesHeld -= record.job.options.memoryBytes;
  }

  #countType(type: string, change: number): void {
    if (this.#typeSlots === null || !this.#typeSlots.has(type)) return;
    this.#heldOfType.set(type, this.activeOfType(type) + change);
  }

  /** Jobs that it holds of a type that has slots of its own; of others it is not counted. */
  activeOfType(type: string): number {
    return this.#heldOfType.get(type) ?? 0;
  }

  /** Whether it may hold one more of the type, as far as the type goes. */
  hasRoomForType(type: string): boolean {
    return this.activeOfType(type) < (this.#typeSlots?.get(type) ?? Infinity);
  }

  /** Whether it offers the type in the namespace, and its tags fulfil what is asked. */
  mayRun({ type, namespace, requiredTags, options }: Job): boolean {
    if (this.#namespaces !== null && !this.#namespaces.has(namespace)) return false;
    if (this.#jobTypes !== null && !this.#jobTypes.has(type)) return false;
    for (const name of Object.keys(requiredTags)) {
      if (!Object.hasOwn(this.tags, name) || this.tags[name] !== requiredTags[name]) return false;
    }
    return options.tagRules.every((rule) => fulfils(this.tags, rule));
  }

  /** Whether it has as much cpu and memory left as is asked; if it has said nothing, it has none. */
  hasResources({ cpuMillis, memoryBytes }: JobOptions): boolean {
    return (cpuMillis === 0 || this.cpuMillisHeld + cpuMillis <= this.cpuMillis) &&
      (memoryBytes === 0 || this.memoryBytesHeld + memoryBytes <= this.memoryBytes);
  }

  snapshot(): Worker {
    const { connected, lastAssignment: _, lost: _lost, ...rest } = this.stored;
    const status = !connected ? "disconnected" : this.draining ? "draining" : "active";
    return {
      ...rest,
      status,
      activeJobs: this.held.size,
      cpuMillis: this.cpuMillis,
      memoryBytes: this.memoryBytes,
      cpuMillisHeld: this.cpuMillisHeld,
      memoryBytesHeld: this.memoryBytesHeld,
    };
  }
}

export class WorkerRegistry {
  readonly #byId = new Map<string, WorkerRecord>();
  readonly #connected = new Set<WorkerRecord>();
  readonly #dirty: WorkerRecord[] = [];
  readonly #removed = new Set<string>();

  load(workers: readonly StoredWorker[]): void {
    for (const stored of workers) {
      const worker = new WorkerRecord(stored);
      this.#byId.set(stored.id, worker);
      this.#listIfConnected(worker);
    }
  }

  get(id: string): WorkerRecord | undefined {
    return this.#byId.get(id);
  }
  get size(): number {
    return this.#byId.size;
  }
  get all(): Iterable<WorkerRecord> {
    return this.#byId.values();
  }
  get connected(): Iterable<WorkerRecord> {
    return this.#connected;
  }

  add(stored: StoredWorker): WorkerRecord {
    const worker = new WorkerRecord(stored);
    this.#byId.set(stored.id, worker);
    this.#removed.delete(stored.id);
    this.change(worker, {});
    return worker;
  }

  remove(worker: WorkerRecord): void {
    this.#byId.delete(worker.id);
    this.#connected.delete(worker);
    this.#removed.add(worker.id);
  }

  /** The disconnected worker that has been gone longest. */
  longestGone(): WorkerRecord | undefined {
    let longest: WorkerRecord | undefined;
    for (const worker of this.#byId.values()) {
      if (worker.stored.connected) continue;
      if (longest === undefined || goneBefore(worker, longest)) longest = worker;
    }
    return longest;
  }

  change(worker: WorkerRecord, changes: Partial<StoredWorker>): void {
    worker.stored = { ...worker.stored, ...changes };
    this.touch(worker);
  }

  /** Takes over a worker's new description of itself. */
  describe(worker: WorkerRecord, stored: StoredWorker): void {
    worker.describe(stored);
    this.touch(worker);
  }

  touch(worker: WorkerRecord): void {
    this.#listIfConnected(worker);
    if (worker.dirty) return;
    worker.dirty = true;
    this.#dirty.push(worker);
  }

  #listIfConnected(worker: WorkerRecord): void {
    if (worker.stored.connected) this.#connected.add(worker);
    else this.#connected.delete(worker);
  }

  get dirtyCount(): number {
    return this.#dirty.length + this.#removed.size;
  }

  dirty(): StoredWorker[] {
    return this.#dirty
      .filter((worker) => this.#byId.get(worker.id) === worker)
      .map((worker) => worker.stored);
  }

  removed(): string[] {
    return [...this.#removed];
  }

  markFlushed(): void {
    for (const worker of this.#dirty) worker.dirty = false;
    this.#dirty.length = 0;
    this.#removed.clear();
  }
}

/** What is kept of a worker that registers. */
export function storedFrom(
  spec: WorkerSpec,
  before: StoredWorker | undefined,
  nowMs: number,
): StoredWorker {
  const isSameSession = before?.sessionId === spec.sessionId && before.connected;
  const drainedBy = before === undefined
    ? ""
    : isSameSession || before.drainedBy === "operator"
    ? before.drainedBy
    : "";
  return {
    id: spec.id,
    sessionId: spec.sessionId,
    address: spec.address,
    slots: spec.slots,
    jobTypes: spec.jobTypes,
    tags: spec.tags,
    version: spec.version,
    unary: spec.unary ?? false,
    ...(spec.cpuMillis ? { cpuMillis: spec.cpuMillis } : {}),
    ...(spec.memoryBytes ? { memoryBytes: spec.memoryBytes } : {}),
    ...(spec.typeSlots && Object.keys(spec.typeSlots).length > 0
      ? { typeSlots: spec.typeSlots }
      : {}),
    ...(spec.namespaces === undefined ? {} : { namespaces: spec.namespaces }),
    ...(spec.pushed === true ? { pushed: true } : {}),
    ...(drainedBy === "operator" && before?.handBackAtMs !== undefined
      ? { handBackAtMs: before.handBackAtMs }
      : {}),
    drainedBy,
    connected: true,
    registeredAtMs: isSameSession ? before.registeredAtMs : nowMs,
    disconnectedAtMs: 0,
    completedJobs: before?.completedJobs ?? 0,
    failedJobs: before?.failedJobs ?? 0,
    lastAssignment: before?.lastAssignment ?? 0,
  };
}

function capabilityKeyOf(stored: StoredWorker): string {
  const types = stored.jobTypes === null ? "*" : JSON.stringify([...stored.jobTypes].sort());
  const { namespaces } = stored;
  const where = namespaces === undefined ? "" : ` in ${JSON.stringify([...namespaces].sort())}`;
  return namedTags(types + where, stored.tags);
}

function goneBefore(a: WorkerRecord, b: WorkerRecord): boolean {
  return a.stored.disconnectedAtMs !== b.stored.disconnectedAtMs
    ? a.stored.disconnectedAtMs < b.stored.disconnectedAtMs
    : a.id < b.id;
}
