/**
 * Lists of jobs and operations on many of them, over a {@linkcode MasterApi}.
 *
 * @module
 */

import type { JobFilter } from "../jobs/mod.ts";
import type { ServiceHandlers } from "./call.ts";
import { jobToWire } from "./convert.ts";
import type { ListJobsRequest, MasterService } from "./gen/scheduler_pb.ts";
import { filterFromWire, placeFromWire, statusFromWire } from "./job_filter.ts";
import type { JobPage, MasterApi } from "./master_api.ts";
import { Refusal } from "./status.ts";

const LIST_LIMIT_DEFAULT = 100;
const LIST_LIMIT_MAX = 1000;
/** Dead letters that may be named in one call. */
const PURGED_IDS_MAX = 10_000;

type Handlers = Pick<
  ServiceHandlers<typeof MasterService>,
  "listJobs" | "listDLQ" | "cancelJobs" | "retryDeadLetters" | "purgeDeadLetters"
>;

export function bulkHandlers(master: MasterApi): Handlers {
  return {
    listJobs: async (request, call) => {
      const filter = both(originalFilter(request), filterFromWire(request.filter));
      const page = await master.listJobs({
        ...filter,
        ...placeFromWire(request, filter),
        limit: pageLimit(request.limit),
        offset: pageOffset(request.offset),
        stale: request.stale,
      }, call);
      return pageToWire(page);
    },
    listDLQ: async (request, call) => {
      const filter = { ...filterFromWire(request.filter), deadLetter: true };
      const page = await master.listJobs({
        ...filter,
        ...placeFromWire(request, filter),
        limit: pageLimit(request.limit),
        offset: pageOffset(request.offset),
        stale: false,
      }, call);
      return pageToWire(page);
    },
    cancelJobs: async (request, call) => {
      const filter = filterFromWire(request.filter);
      if (isEmpty(filter)) {
        throw new Refusal("invalid", "filter is empty; say which jobs are to be cancelled");
      }
      const { dryRun, reason } = request;
      const { matched, changed } = await master.cancelJobs({ filter, dryRun }, reason, call);
      return { matched: BigInt(matched), cancelled: BigInt(changed) };
    },
    retryDeadLetters: async (request, call) => {
      const filter = chosen(filterFromWire(request.filter), request.all, "retried");
      const { dryRun } = request;
      const { matched, changed } = await master.retryDeadLetters({ filter, dryRun }, call);
      return { matched: BigInt(matched), retried: BigInt(changed) };
    },
    purgeDeadLetters: async (request, call) => {
      const { jobIds, all, dryRun } = request;
      const filter = filterFromWire(request.filter);
      if (jobIds.length > PURGED_IDS_MAX) {
        throw new Refusal(
          "invalid",
          `job_ids has ${jobIds.length} entries; it may have ${PURGED_IDS_MAX}`,
        );
      }
      if (jobIds.length > 0 && (all || !isEmpty(filter))) {
        throw new Refusal("invalid", "job_ids are given beside a filter; give one or the other");
      }
      const { matched, changed } = await master.purgeDeadLetters(
        jobIds.length > 0 ? { jobIds, dryRun } : { filter: chosen(filter, all, "purged"), dryRun },
        call,
      );
      return { matched: BigInt(matched), purged: BigInt(changed) };
    },
  };
}

/** The filters that the original's clients know. */
function originalFilter({ statusFilter, typeFilter, workerFilter }: ListJobsRequest): JobFilter {
  return {
    ...(statusFilter !== "" && { status: statusFromWire(statusFilter, "status_filter") }),
    ...(typeFilter !== "" && { type: typeFilter }),
    ...(workerFilter !== "" && { worker: workerFilter }),
  };
}

/** One that says of a field what the other does not has no jobs, which is no answer to a slip. */
function both(original: JobFilter, filter: JobFilter): JobFilter {
  for (const name of ["status", "type", "worker"] as const) {
    const [one, other] = [original[name], filter[name]];
    if (one === undefined || other === undefined || one === other) continue;
    throw new Refusal(
      "invalid",
      `${name}_filter is ${JSON.stringify(one)}, and filter says ${
        JSON.stringify(other)
      }; give one`,
    );
  }
  return { ...original, ...filter };
}

function chosen(filter: JobFilter, all: boolean, what: string): JobFilter {
  // A namespace says where, not which: "all of red" is all of it.
  if (all && !isEmpty(filter)) {
    throw new Refusal("invalid", "all is set beside a filter; give one or the other");
  }
  if (all || !isEmpty(filter)) return filter;
  throw new Refusal(
    "invalid",
    `filter is empty; say which dead letters are to be ${what}, or set all`,
  );
}

function isEmpty(filter: JobFilter): boolean {
  // These are said of every job that such a call is about; a namespace alone may be an environment's.
  const {
    isFinished: _isFinished,
    deadLetter: _deadLetter,
    namespaces: _namespaces,
    ...narrowing
  } = filter;
  return Object.keys(narrowing).length === 0;
}

function pageToWire(page: JobPage) {
  return {
    jobs: page.jobs.map(jobToWire),
    total: page.total,
    nextCursor: page.nextCursor,
    totalIsAtLeast: !page.totalIsExact,
  };
}

function pageLimit(limit: number): number {
  if (limit < 0) throw new Refusal("invalid", `limit is ${limit}; it may not be negative`);
  return limit === 0 ? LIST_LIMIT_DEFAULT : Math.min(limit, LIST_LIMIT_MAX);
}

function pageOffset(offset: number): number {
  if (offset >= 0) return offset;
  throw new Refusal("invalid", `offset is ${offset}; it may not be negative`);
}
