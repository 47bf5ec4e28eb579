/**
 * What becomes of jobs by time and by other jobs, without anybody asking for them.
 *
 * @module
 */

import { breakByParent, expireJob } from "./attempts.ts";
import { waitsForParents } from "./dependencies.ts";
import type { State } from "./state.ts";

/** Jobs that one Command moves at most beside those it names; the rest follow with the next. */
export const SETTLED_JOBS_PER_COMMAND_MAX = 5000;

/**
 * Ends what has expired and what a parent's end has decided against, and makes pending what is due,
 * at most `limit` jobs. What one of them causes comes after it in the same way, so that a long chain
 * is as good as a short one. Returns how many moved.
 *
 * The order follows from the state alone: a replica that was loaded anew takes the same ones.
 */
export function settle(state: State, limit: number): number {
  let moved = 0;
  while (moved < limit && settleOne(state)) moved++;
  return moved;
}

function settleOne(state: State): boolean {
  const expired = state.expiry.next;
  if (expired !== undefined && expired.job.expiresAtMs <= state.nowMs) {
    expireJob(state, expired);
    return true;
  }
  const doomed = state.dependencies.nextDoomed;
  if (doomed !== undefined) {
    breakByParent(state, doomed);
    return true;
  }
  const due = state.table.nextDue;
  if (due === undefined || due.job.notBeforeMs > state.nowMs) return false;
  const { job } = due;
  state.move(due, "pending", waitsForParents(job) ? "dependencies" : "due", { ...job });
  return true;
}

/** When {@linkcode settle} will have something to do; undefined: not by time alone. */
export function nextSettleMs(state: State): number | undefined {
  if (state.dependencies.nextDoomed !== undefined) return state.nowMs;
  const dueMs = state.table.nextDue?.job.notBeforeMs;
  const expiresMs = state.expiry.next?.job.expiresAtMs;
  if (dueMs === undefined) return expiresMs;
  const firstMs = expiresMs === undefined ? dueMs : Math.min(dueMs, expiresMs);
  return Math.max(firstMs, state.nowMs);
}
