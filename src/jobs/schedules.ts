import type { SubmitSpec } from "./command.ts";
import { type HeapItem, IndexedHeap } from "./heap.ts";
import { isTerminal, type JobStatus } from "./job.ts";
import type { JobRecord } from "./job_record.ts";
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
  readonly #byName = new Map<string, ScheduleItem>();
  readonly #due = new IndexedHeap<ScheduleItem>((a, b) =>
    a.schedule.nextAtMs !== b.schedule.nextAtMs
      ? a.schedule.nextAtMs < b.schedule.nextAtMs
      : a.schedule.name < b.schedule.name
  );
  /** By the name of the schedule, in the order in which they were made (or redriven). */
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

  get(name: string): Schedule | undefined {
    return this.#byName.get(name)?.schedule;
  }

  /** By name. */
  all(): Schedule[] {
    return [...this.#byName.values()].map(({ schedule }) => schedule)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
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
    this.#leave(schedule.name);
    this.#enter(schedule);
    this.#records.put(DEFINITION, schedule.name, definitionOf(schedule));
    this.#records.put(PROGRESS, schedule.name, progressOf(schedule));
  }

  /** Changes what is not its definition. */
  progress(name: string, changes: Partial<ScheduleProgress>): void {
    const before = this.#byName.get(name);
    if (before === undefined) return;
    const schedule = { ...before.schedule, ...changes };
    this.#leave(name);
    this.#enter(schedule);
    this.#records.put(PROGRESS, name, progressOf(schedule));
  }

  remove(name: string): void {
    this.#leave(name);
    this.#records.remove(DEFINITION, name);
    this.#records.remove(PROGRESS, name);
  }

  /** A job came to be, or changed its status. */
  jobIs(record: JobRecord, status: JobStatus): void {
    const { schedule } = record.job.options;
    if (schedule === "") return;
    let jobs = this.#unfinished.get(schedule);
    if (!isTerminal(status)) {
      if (jobs === undefined) this.#unfinished.set(schedule, jobs = new Set());
      jobs.add(record);
    } else if (jobs?.delete(record) && jobs.size === 0) this.#unfinished.delete(schedule);
  }

  /** Jobs of a schedule that are not finished, oldest first. */
  unfinished(name: string): readonly JobRecord[] {
    return [...this.#unfinished.get(name) ?? []].sort((a, b) => a.job.seq - b.job.seq);
  }

  unfinishedCount(name: string): number {
    return this.#unfinished.get(name)?.size ?? 0;
  }

  #enter(schedule: Schedule): void {
    const item = new ScheduleItem(schedule);
    this.#byName.set(schedule.name, item);
    if (!schedule.paused && schedule.nextAtMs > 0) this.#due.push(item);
  }

  #leave(name: string): void {
    const item = this.#byName.get(name);
    if (item === undefined) return;
    this.#byName.delete(name);
    if (item.heapIndex >= 0) this.#due.remove(item);
  }
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
