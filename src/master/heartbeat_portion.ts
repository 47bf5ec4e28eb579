import { ASSIGNED_BYTES_MAX, assignedBytes, type JobView } from "../rpc/mod.ts";

/**
 * How many of the jobs that wait for a worker's heartbeat one answer brings, so that none is longer than
 * a message may be: those in it would count as started, and nobody would run them. The rest are for the
 * next one.
 */
export function portionOf(jobs: readonly JobView[]): number {
  let bytes = 0;
  for (const [position, job] of jobs.entries()) {
    bytes += assignedBytes(job);
    if (position > 0 && bytes > ASSIGNED_BYTES_MAX) return position;
  }
  return jobs.length;
}
