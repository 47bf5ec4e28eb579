/**
 * What an event tells of the times of its job.
 *
 * @module
 */

import type { JobEvent } from "../jobs/mod.ts";

/** The attempt has run by now, whether its worker told so or told of its end alone. */
export function hasStarted({ from, to, cause }: JobEvent): boolean {
  const hasRun = cause === "complete" || cause === "fail" || cause === "timeout";
  return to === "running" || from === "assigned" && hasRun;
}

/** Short jobs never tell that they run: without a word of theirs, since they were assigned. */
export function startOf({ from, atMs, sinceMs, startedAtMs }: JobEvent): number {
  if (startedAtMs > 0) return startedAtMs;
  return from === "" ? atMs : atMs - sinceMs;
}
