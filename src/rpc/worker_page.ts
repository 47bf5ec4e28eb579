/**
 * The list of workers, page by page.
 *
 * @module
 */

import type { ListWorkersRequest } from "./gen/scheduler_pb.ts";
import { Refusal } from "./status.ts";
import type { WorkerView } from "./worker_calls.ts";

/** Which workers to list. */
export interface WorkerQuery {
  /** Empty: of every one. */
  readonly status: string;
  /** Workers of a page; 0: all. */
  readonly limit: number;
  /** Where the page before ended; empty: begin. */
  readonly cursor: string;
  /** From what the member knows that is asked. */
  readonly stale: boolean;
}

/** Workers by id. */
export interface WorkerPage {
  readonly workers: readonly WorkerView[];
  /** Of all pages. */
  readonly total: number;
  /** Empty on the last page. */
  readonly nextCursor: string;
}

/** Workers of a page at most. */
export const PAGE_WORKERS_MAX = 1_000;

/** @throws Refusal `invalid` */
export function workerQuery(
  { statusFilter: status, limit, cursor, stale }: ListWorkersRequest,
): WorkerQuery {
  if (limit >= 0 && limit <= PAGE_WORKERS_MAX) return { status, limit, cursor, stale };
  throw new Refusal("invalid", `limit is ${limit}; it may be 0 to ${PAGE_WORKERS_MAX}`);
}
