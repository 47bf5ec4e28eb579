/**
 * Questions about jobs and the pages that answer them.
 *
 * @module
 */

import type { FinishedStatus, Job, JobStatus } from "./job.ts";
import type { JobFilter } from "./job_filter.ts";
import type { FinishedPlace } from "./store.ts";

/** A page of the jobs of a filter. */
export interface JobQuery extends JobFilter {
  /** From 1; at most {@linkcode JOB_PAGE_MAX}. Default 100. */
  readonly limit?: number;
  /** Matching jobs to skip. Shifts while jobs come and go; `cursor` does not. Default 0. */
  readonly offset?: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
  /** Default: newest first. */
  readonly order?: JobOrder;
}

/**
 * By submission, or by the end; the latter has finished jobs alone, and takes no filter by labels, batch,
 * parent, schedule or time of submission: those are found in the order of submission alone, and few jobs of
 * many would have to be looked for.
 */
export const JOB_ORDERS = ["newest", "oldest", "last_finished", "first_finished"] as const;
/** An order of a list of jobs. */
export type JobOrder = (typeof JOB_ORDERS)[number];

/** Whether jobs come in the order in which they finished. */
export function isByEnd(order: JobOrder | undefined): order is "last_finished" | "first_finished" {
  return order === "last_finished" || order === "first_finished";
}

/** Fields of a filter that do not go with an order by the end. */
export function fieldsAgainstOrder(filter: JobFilter): readonly (keyof JobFilter)[] {
  const {
    status: _status,
    deadLetter: _deadLetter,
    isFinished: _isFinished,
    namespaces: _namespaces,
    type: _type,
    queue: _queue,
    worker: _worker,
    ...others
  } = filter;
  return Object.entries(others).filter(([, value]) => value !== undefined)
    .map(([name]) => name as keyof JobFilter);
}

/** One page of jobs, without payloads and results. */
export interface JobPage {
  readonly jobs: readonly Job[];
  /** How many match the query in all; at least that many when `totalIsExact` is false. */
  readonly total: number;
  readonly totalIsExact: boolean;
  /** Where the next page starts, "" when this is the last. */
  readonly nextCursor: string;
}

/** Most jobs that one page holds. */
export const JOB_PAGE_MAX = 1000;

/** Whether this may have been a `nextCursor`; a list that is given anything else starts at the top. */
export function isCursor(cursor: string, order?: JobOrder): boolean {
  return isByEnd(order)
    ? /^[0-9]{1,15}-[1-9][0-9]{0,15}$/.test(cursor)
    : /^[1-9][0-9]{0,15}$/.test(cursor);
}

/** How far a total is counted where no counter is kept: any filter but status, type, namespace, dead letters. */
export const COUNTED_MAX = 10_000;

/** How many jobs there are. Kept up to date with every change, never counted out. */
export interface JobCounts {
  readonly total: number;
  readonly byStatus: Readonly<Record<JobStatus, number>>;
  readonly deadLetters: number;
  /** The same for each type that has jobs. */
  readonly byType: ReadonlyMap<string, Readonly<Record<JobStatus, number>>>;
}

/** Which finished jobs to forget; see `JobMachine.pruneCandidates`. */
export interface PruneQuery {
  readonly status: FinishedStatus;
  /** Jobs that finished before this time may go. */
  readonly finishedBeforeMs?: number;
  /** Leave this many, those that finished last; the rest may go whatever their age. */
  readonly keepNewest?: number;
  /** `next` of the look before; left out: from the one that finished first. */
  readonly after?: PrunePlace;
  /** Finished jobs to look at, so also the most that are named. */
  readonly limit: number;
}

/** How far a sweep through the finished jobs of a status has come. */
export interface PrunePlace extends FinishedPlace {
  /** Jobs up to here that stay, because something needs them. */
  readonly kept: number;
}

/** Answer to a {@linkcode PruneQuery}. */
export interface PrunePlan {
  readonly jobSeqs: readonly number[];
  /** Where to go on; undefined: no later job may go. */
  readonly next: PrunePlace | undefined;
}
