/**
 * Which of two pending jobs comes first. The leader's own choice, so replicas need not agree.
 *
 * @module
 */

import type { PendingJob } from "./view.ts";

export interface QueueOrder {
  /**
   * Queues take turns by their weights, and in each a job that has waited this long is worth a step
   * of priority; 0: no wait is. `strict`: all queues are one, and no wait counts.
   */
  readonly ageingMs: number | "strict";
}

/**
 * Higher priority first, then in the order in which they became pending. With ageing, a job's worth
 * is `priority + waited / ageing`, and whose worth is higher comes first. Of two jobs the order never
 * changes, so a heap by a constant key will do: at any time `now`,
 *
 *     pA + (now - qA) / ageing  >  pB + (now - qB) / ageing
 *       ⟺  qA - pA * ageing  <  qB - pB * ageing            (`now` cancels out)
 *
 * Nothing starves: of the jobs that come before one that became pending at `q` with priority `p`, a
 * job with priority `P` became pending before `q + (P - p) * ageing`.
 */
export function comparisonOf(
  { ageingMs }: QueueOrder,
): (a: PendingJob, b: PendingJob) => boolean {
  if (ageingMs === "strict" || ageingMs === 0) {
    return (a, b) => a.priority !== b.priority ? a.priority > b.priority : cameBefore(a, b);
  }
  return (a, b) => {
    const aRank = a.queuedAtMs - a.priority * ageingMs;
    const bRank = b.queuedAtMs - b.priority * ageingMs;
    return aRank !== bRank ? aRank < bRank : a.seq < b.seq;
  };
}

function cameBefore(a: PendingJob, b: PendingJob): boolean {
  return a.queuedAtMs !== b.queuedAtMs ? a.queuedAtMs < b.queuedAtMs : a.seq < b.seq;
}
