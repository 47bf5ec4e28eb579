/**
 * Jobs in figures, as the original's client library has them.
 *
 * @module
 */

import type { JobPage, JobQuery, JobStatus } from "../rpc/light.ts";

/** How many jobs there are, and how they fared. */
export interface JobStats {
  /** All that the cluster remembers. */
  readonly totalJobs: number;
  /** Waiting for a time or for other jobs. */
  readonly waitingJobs: number;
  /** In the queue. */
  readonly pendingJobs: number;
  /** Held by a worker: assigned or running. */
  readonly runningJobs: number;
  /** Done. */
  readonly completedJobs: number;
  /** Out of attempts, or failed for good. */
  readonly failedJobs: number;
  /** Called off. */
  readonly cancelledJobs: number;
  /** Completed ones among those that completed or failed, 0 to 1; NaN when none has. */
  readonly successRate: number;
  /** From start to end of the jobs that completed last (up to 1,000), in ms; NaN when none has. */
  readonly averageDurationMs: number;
}

/** Jobs whose durations are averaged. */
const SAMPLE_JOBS_MAX = 1_000;

/** @param page asks for one page of jobs */
export async function statsOf(
  page: (query: Partial<JobQuery>) => Promise<JobPage>,
): Promise<JobStats> {
  const count = async (status: JobStatus) => (await page({ status, limit: 1 })).total;
  const [waiting, pending, assigned, running, completed, failed, cancelled] = await Promise.all([
    count("waiting"),
    count("pending"),
    count("assigned"),
    count("running"),
    count("completed"),
    count("failed"),
    count("cancelled"),
  ]);
  const last = await page({
    status: "completed",
    order: "last_finished",
    limit: SAMPLE_JOBS_MAX,
  });
  const durations = last.jobs.flatMap(({ startedAtMs, completedAtMs }) =>
    startedAtMs === undefined || completedAtMs === undefined ? [] : [completedAtMs - startedAtMs]
  );
  return {
    totalJobs: waiting + pending + assigned + running + completed + failed + cancelled,
    waitingJobs: waiting,
    pendingJobs: pending,
    runningJobs: assigned + running,
    completedJobs: completed,
    failedJobs: failed,
    cancelledJobs: cancelled,
    successRate: completed / (completed + failed),
    averageDurationMs: durations.reduce((sum, each) => sum + each, 0) / durations.length,
  };
}
