/**
 * Batches: names under which jobs are submitted together, with counts that every move of a job keeps.
 * A batch is remembered as long as one of its jobs is.
 *
 * @module
 */

import { invariant } from "./invariant.ts";
import { isTerminal, type Job, JOB_STATUSES, type JobStatus } from "./job.ts";
import type { JobRecord } from "./job_record.ts";
import type { RecordSet } from "./record_set.ts";
import type { RecordValue } from "./store.ts";

/** A batch as it is now. */
export interface Batch {
  readonly id: string;
  readonly createdAtMs: number;
  readonly submittedBy: string;
  /** Jobs that were ever submitted with it, forgotten ones too. */
  readonly total: number;
  /** Jobs that are there, by status. */
  readonly byStatus: Readonly<Record<JobStatus, number>>;
}

/** Of the small records in the store. */
const KIND = "batch";

export class Batches {
  readonly #records: RecordSet;
  readonly #byId = new Map<string, Batch>();
  readonly #unfinished = new Map<string, Set<JobRecord>>();

  constructor(records: RecordSet) {
    this.#records = records;
    for (const { key, value } of records.ofKind(KIND)) this.#byId.set(key, fromValue(key, value));
  }

  get(id: string): Batch | undefined {
    return this.#byId.get(id);
  }

  /** All of them, in no order. */
  get all(): Iterable<Batch> {
    return this.#byId.values();
  }

  /** Jobs of the batch that are not finished, in no order. */
  unfinished(id: string): ReadonlySet<JobRecord> {
    return this.#unfinished.get(id) ?? noRecords;
  }

  enter(record: JobRecord): void {
    const id = record.job.options.batchId;
    if (id === "") return;
    const jobs = this.#unfinished.get(id);
    if (jobs === undefined) this.#unfinished.set(id, new Set([record]));
    else jobs.add(record);
  }

  leave(record: JobRecord): void {
    const id = record.job.options.batchId;
    if (id === "") return;
    const jobs = this.#unfinished.get(id);
    jobs?.delete(record);
    if (jobs?.size === 0) this.#unfinished.delete(id);
  }

  /** A job was submitted. */
  created(job: Job, nowMs: number): void {
    const id = job.options.batchId;
    if (id === "") return;
    const before = this.#byId.get(id) ??
      { id, createdAtMs: nowMs, submittedBy: job.submittedBy, total: 0, byStatus: noJobs };
    this.#put({ ...before, total: before.total + 1 }, "", job.status);
  }

  moved(job: Job, from: JobStatus): void {
    const batch = this.#byId.get(job.options.batchId);
    if (batch !== undefined) this.#put(batch, from, job.status);
  }

  /** A finished job was forgotten, and with the last one the batch is. */
  forgotten(job: Job): void {
    const batch = this.#byId.get(job.options.batchId);
    if (batch === undefined) return;
    const after = this.#put(batch, job.status, "");
    if (JOB_STATUSES.some((status) => after.byStatus[status] > 0)) return;
    this.#byId.delete(batch.id);
    this.#records.remove(KIND, batch.id);
  }

  #put(batch: Batch, from: JobStatus | "", to: JobStatus | ""): Batch {
    const byStatus = { ...batch.byStatus };
    if (from !== "") byStatus[from]--;
    if (to !== "") byStatus[to]++;
    invariant(
      from === "" || byStatus[from] >= 0,
      () => `${byStatus[from as JobStatus]} jobs of batch ${batch.id} are ${from}`,
    );
    const after = { ...batch, byStatus };
    this.#byId.set(batch.id, after);
    this.#records.put(KIND, batch.id, toValue(after));
    return after;
  }
}

const noRecords: ReadonlySet<JobRecord> = new Set();
const noJobs = Object.freeze(
  Object.fromEntries(JOB_STATUSES.map((status) => [status, 0])) as Record<JobStatus, number>,
);

/** Whether every job of the batch that is there is finished. */
export function isFinished(batch: Batch): boolean {
  return JOB_STATUSES.every((status) => isTerminal(status) || batch.byStatus[status] === 0);
}

function toValue({ createdAtMs, submittedBy, total, byStatus }: Batch): RecordValue {
  return { createdAtMs, submittedBy, total, jobs: JOB_STATUSES.map((status) => byStatus[status]) };
}

function fromValue(id: string, value: RecordValue): Batch {
  const { createdAtMs, submittedBy, total, jobs } = value as {
    createdAtMs: number;
    submittedBy: string;
    total: number;
    jobs: readonly number[];
  };
  const byStatus = { ...noJobs };
  JOB_STATUSES.forEach((status, number) => byStatus[status] = jobs[number] ?? 0);
  return { id, createdAtMs, submittedBy, total, byStatus };
}
