/**
 * Which jobs a list, or an operation on many, is about. One meaning for jobs in memory and in any
 * store.
 *
 * @module
 */

import { isTerminal, type Job, type JobStatus, type StringMap } from "./job.ts";
import type { CommonFields } from "./job_kind.ts";
import { queueOf } from "./job_options.ts";

/** Fields left out do not narrow; all that are given must hold. */
export interface JobFilter {
  readonly status?: JobStatus;
  /** Whether it is at its end. */
  readonly isFinished?: boolean;
  readonly type?: string;
  /** It is in one of these. */
  readonly namespaces?: readonly string[];
  readonly deadLetter?: boolean;
  /** It has all of these labels with exactly these values. */
  readonly labels?: StringMap;
  /** The worker that holds it or had it last. */
  readonly worker?: string;
  /** See `queueOf`. */
  readonly queue?: string;
  /** The batch that it was submitted with. */
  readonly batchId?: string;
  /** A job that it depends on. */
  readonly parentId?: string;
  /** The schedule that made it. */
  readonly schedule?: string;
  /** Submitted at this time or later. */
  readonly createdFromMs?: number;
  /** Submitted before this time. */
  readonly createdBeforeMs?: number;
}

/** Whether the filter has this job in it. */
export function isMatch(job: Job, filter: JobFilter): boolean {
  return isMatchOfRecord({ common: job, createdAtMs: job.createdAtMs }, filter);
}

/** The same, without the need to make the job. */
export function isMatchOfRecord(
  { common: job, createdAtMs }: { readonly common: CommonFields; readonly createdAtMs: number },
  filter: JobFilter,
): boolean {
  const { status, isFinished, type, deadLetter, worker, queue, batchId, parentId } = filter;
  const { schedule, namespaces } = filter;
  const { createdFromMs = -Infinity, createdBeforeMs = Infinity } = filter;
  return (status === undefined || job.status === status) &&
    (isFinished === undefined || isTerminal(job.status) === isFinished) &&
    (type === undefined || job.type === type) &&
    (namespaces === undefined || namespaces.includes(job.namespace)) &&
    (deadLetter === undefined || job.deadLetter === deadLetter) &&
    (worker === undefined || job.assignedTo === worker) &&
    (queue === undefined || queueOf(job) === queue) &&
    (batchId === undefined || job.options.batchId === batchId) &&
    (parentId === undefined || job.options.dependencies.some((each) => each.jobId === parentId)) &&
    (schedule === undefined || job.options.schedule === schedule) &&
    createdAtMs >= createdFromMs && createdAtMs < createdBeforeMs &&
    (filter.labels === undefined || hasLabels(job.labels, filter.labels));
}

/** Whether a finished job can be in it. */
export function mayBeFinished({ status, isFinished }: JobFilter): boolean {
  return isFinished !== false && (status === undefined || isTerminal(status));
}

function hasLabels(labels: StringMap, wanted: StringMap): boolean {
  return Object.keys(wanted).every((key) =>
    Object.hasOwn(labels, key) && labels[key] === wanted[key]
  );
}
