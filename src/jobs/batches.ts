/**
 * Batches: names under which jobs are submitted together, with counts that every move of a job keeps.
 * A batch is remembered as long as one of its jobs is.
 *
 * @module
 */

import { invariant } from "./invariant.ts";
import { isTerminal, type Job, JOB_STATUSES, type JobStatus } from "./job.ts";
import type { CommonFields } from "./job_kind.ts";
import type { JobRecord } from "./job_record.ts";
import { DEFAULT_NAMESPACE, scopedName } from "./namespace.ts";
import type { RecordSet } from "./record_set.ts";
import type { RecordValue } from "./store.ts";

/** A batch as it is now. */
export interface Batch {
  /** One of its namespace has it. */
  readonly id: string;
  readonly namespace: string;
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
  /** By their scoped names. */
  readonly #byName = new Map<string, Batch>();
  readonly #unfinished = new Map<string, Set<JobRecord>>();

  constructor(records: RecordSet) {
    this.#records = records;
    for (const { key, value } of records.ofKind(KIND)) this.#byName.set(key, fromValue(key, value));
  }

  get(id: string, namespace: string): Batch | undefined {
    return this.#byName.get(scopedName(namespace, id));
  }

  /** All of them, in no order. */
  get all(): Iterable<Batch> {
    return this.#byName.values();
  }

  /** Jobs of the batch that are not finished, in no order. */
  unfinished(id: string, namespace: string): ReadonlySet<JobRecord> {
    return this.#unfinished.get(scopedName(namespace, id)) ?? noRecords;
  }

  enter(record: JobRecord): void {
    if (record.common.options.batchId === "") return;
    const name = nameOf(record.common);
    const jobs = this.#unfinished.get(name);
    if (jobs === undefined) this.#unfinished.set(name, new Set([record]));
    else jobs.add(record);
  }

  leave(record: JobRecord): void {
    if (record.common.options.batchId === "") return;
    const name = nameOf(record.common);
    const jobs = this.#unfinished.get(name);
    jobs?.delete(record);
    if (jobs?.size === 0) this.#unfinished.delete(name);
  }

  /** A job was submitted. */
  created(job: CommonFields, nowMs: number): void {
    const id = job.options.batchId;
    if (id === "") return;
    const { namespace, submittedBy } = job;
    const before = this.get(id, namespace) ??
      { id, namespace, createdAtMs: nowMs, submittedBy, total: 0, byStatus: noJobs };
    this.#put({ ...before, total: before.total + 1 }, "", job.status);
  }

  moved(job: Job, from: JobStatus): void {
    if (job.options.batchId === "") return;
    const batch = this.#byName.get(nameOf(job));
    if (batch !== undefined) this.#put(batch, from, job.status);
  }

  /** A finished job was forgotten, and with the last one the batch is. */
  forgotten(job: Job): void {
    const name = nameOf(job);
    const batch = this.#byName.get(name);
    if (batch === undefined) return;
    const after = this.#put(batch, job.status, "");
    if (JOB_STATUSES.some((status) => after.byStatus[status] > 0)) return;
    this.#byName.delete(name);
    this.#records.remove(KIND, name);
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
    const name = scopedName(batch.namespace, batch.id);
    this.#byName.set(name, after);
    this.#records.put(KIND, name, toValue(after));
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

function nameOf({ namespace, options }: CommonFields): string {
  return scopedName(namespace, options.batchId);
}

function toValue({ id, namespace, createdAtMs, submittedBy, total, byStatus }: Batch): RecordValue {
  const jobs = JOB_STATUSES.map((status) => byStatus[status]);
  const value = { createdAtMs, submittedBy, total, jobs };
  return namespace === DEFAULT_NAMESPACE ? value : { id, namespace, ...value };
}

function fromValue(name: string, value: RecordValue): Batch {
  const { id = name, namespace = DEFAULT_NAMESPACE, createdAtMs, submittedBy, total, jobs } =
    value as {
      id?: string;
      namespace?: string;
      createdAtMs: number;
      submittedBy: string;
      total: number;
      jobs: readonly number[];
    };
  const byStatus = { ...noJobs };
  JOB_STATUSES.forEach((status, number) => byStatus[status] = jobs[number] ?? 0);
  return { id, namespace, createdAtMs, submittedBy, total, byStatus };
}
