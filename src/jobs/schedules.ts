import type { SubmitSpec } from "./command.ts";
import { type HeapItem, IndexedHeap } from "./heap.ts";
import { isTerminal, type JobStatus } from "./job.ts";
import type { JobRecord } from "./job_record.ts";
import { namespaceField, namespaceOf, scopedName } from "./namespace.ts";
import type { RecordSet } from "./record_set.ts";
import type { Schedule } from "./schedule.ts";
import type { RecordValue, StoredRecord } from "./store.ts";

/** Written when a schedule is defined. */
const DEFINITION = "schedule";
/** Written whenever one fires, so it is small. */
const PROGRESS = "schedule_progress";

class ScheduleItem implements HeapItem {
  heapIndex = -1;
  schedule: Schedule;

  constructor(schedule: Schedule) {
    this.schedule = schedule;
  }
}

/**
 * All schedules in memory: by name, by when they are due, and which jobs of each are not finished.
 */
export class Schedules {
  readonly #records: RecordSet;
  /** By their scoped names. */
  readonly #byName = new Map<string, ScheduleItem>();
  readonly #due = new IndexedHeap<ScheduleItem>((a, b) =>
    a.schedule.nextAtMs !== b.schedule.nextAtMs
      ? a.schedule.nextAtMs < b.schedule.nextAtMs
      : isBefore(a.schedule, b.schedule)
  );
  /** By the scoped name of the schedule, in the order in which they were made (or redriven). */
  readonly #unfinished = new Map<string, Set<JobRecord>>();

  constructor(records: RecordSet) {
    this.#records = records;
  }

  /** From the records that were loaded; jobs come by {@linkcode jobIs}. */
  load(): void {
    const progress = new Map(
      [...this.#records.ofKind(PROGRESS)].map(({ key, value }) => [key, value]),
    );
    for (const { key, value } of this.#records.ofKind(DEFINITION)) {
      this.#enter(fromRecords(value, progress.get(key)));
    }
  }

  get size(): number {
    return this.#byName.size;
  }

  get(name: string, namespace: string): Schedule | undefined {
    return this.#byName.get(scopedName(namespace, name))?.schedule;
  }

  /** By name, then by namespace. */
  all(): Schedule[] {
    return [...this.#byName.values()].map(({ schedule }) => schedule)
      .sort((a, b) => (isBefore(a, b) ? -1 : 1));
  }

  /** Those that are not paused and due at some time, the nearest first. */
  *inDueOrder(): Generator<Schedule> {
    const items = this.#due.inOrder();
    for (let step = items.next(); step.done !== true; step = items.next()) {
      yield step.value.schedule;
    }
  }

  /** Makes one, or replaces it as a whole. */
  define(schedule: Schedule): void {
    const key = keyOf(schedule);
    this.#leave(key);
    this.#enter(schedule);
    this.#records.put(DEFINITION, key, definitionOf(schedule));
    this.#records.put(PROGRESS, key, progressOf(schedule));
  }

  /** Changes what is not its definition. */
  progress(named: ScheduleName, changes: Partial<ScheduleProgress>): void {
    const key = keyOf(named);
    const before = this.#byName.get(key);
    if (before === undefined) return;
    const schedule = { ...before.schedule, ...changes };
    this.#leave(key);
    this.#enter(schedule);
    this.#records.put(PROGRESS, key, progressOf(schedule));
  }

  remove(named: ScheduleName): void {
    const key = keyOf(named);
    this.#leave(key);
    this.#records.remove(DEFINITION, key);
    this.#records.remove(PROGRESS, key);
  }

  /** A job came to be, or changed its status. */
  jobIs(record: JobRecord, status: JobStatus): void {
    const { namespace, options } = record.common;
    if (options.schedule === "") return;
    const schedule = scopedName(namespace, options.schedule);
    let jobs = this.#unfinished.get(schedule);
    if (!isTerminal(status)) {
      if (jobs === undefined) this.#unfinished.set(schedule, jobs = new Set());
      jobs.add(record);
    } else if (jobs?.delete(record) && jobs.size === 0) this.#unfinished.delete(schedule);
  }

  /** Jobs of a schedule that are not finished, oldest first. */
  unfinished(named: ScheduleName): readonly JobRecord[] {
    return [...this.#unfinished.get(keyOf(named)) ?? []].sort((a, b) => a.job.seq - b.job.seq);
  }

  unfinishedCount(named: ScheduleName): number {
    return this.#unfinished.get(keyOf(named))?.size ?? 0;
  }

  #enter(schedule: Schedule): void {
    const item = new ScheduleItem(schedule);
    this.#byName.set(keyOf(schedule), item);
    if (!schedule.paused && schedule.nextAtMs > 0) this.#due.push(item);
  }

  #leave(key: string): void {
    const item = this.#byName.get(key);
    if (item === undefined) return;
    this.#byName.delete(key);
    if (item.heapIndex >= 0) this.#due.remove(item);
  }
}

/** What tells a schedule from all others. */
export type ScheduleName = Pick<Schedule, "name" | "namespace">;

function keyOf(named: ScheduleName): string {
  return scopedName(namespaceOf(named), named.name);
}

function isBefore(a: ScheduleName, b: ScheduleName): boolean {
  return a.name !== b.name ? a.name < b.name : namespaceOf(a) < namespaceOf(b);
}

/** What changes of a schedule between two definitions of it. */
export type ScheduleProgress = Pick<
  Schedule,
  | "paused"
  | "nextAtMs"
  | "actedThroughMs"
  | "lastScheduledAtMs"
  | "lastJobId"
  | "runs"
  | "skipped"
  | "missed"
  | "lastFault"
  | "lastFaultAtMs"
>;

function progressOf(schedule: Schedule): RecordValue {
  const progress: ScheduleProgress = {
    paused: schedule.paused,
    nextAtMs: schedule.nextAtMs,
    actedThroughMs: schedule.actedThroughMs,
    lastScheduledAtMs: schedule.lastScheduledAtMs,
    lastJobId: schedule.lastJobId,
    runs: schedule.runs,
    skipped: schedule.skipped,
    missed: schedule.missed,
    lastFault: schedule.lastFault,
    lastFaultAtMs: schedule.lastFaultAtMs,
  };
  return { ...progress };
}

type Definition = Omit<Schedule, keyof ScheduleProgress>;

function definitionOf(schedule: Schedule): RecordValue {
  const { name, timing, template, overlap, catchUp, catchUpMax, graceMs } = schedule;
  const { createdBy, createdAtMs, revision } = schedule;
  return {
    ...{ name, overlap, catchUp, catchUpMax, graceMs, createdBy, createdAtMs, revision },
    ...namespaceField(namespaceOf(schedule)),
    timing: { ...timing },
    template: templateToRecord(template),
  };
}

/** Bytes have no JSON. */
function templateToRecord({ payload, ...rest }: SubmitSpec): RecordValue {
  // Every other field of a submission is text, number, or lists and objects of those.
  return { ...rest as unknown as Record<string, RecordValue>, payload: payload.toBase64() };
}

/** Both are as {@linkcode Schedules} wrote them. */
function fromRecords(definition: StoredRecord["value"], progress: RecordValue | undefined) {
  const defined = definition as unknown as Omit<Definition, "template"> & {
    readonly template: Omit<SubmitSpec, "payload"> & { readonly payload: string };
  };
  const { payload, ...rest } = defined.template;
  return {
    ...defined,
    template: { ...rest, payload: Uint8Array.fromBase64(payload) },
    ...progress as unknown as ScheduleProgress,
  } satisfies Schedule;
}
