/**
 * Waiting for what takes its time, until it is there, Ctrl-C is pressed or the time is over.
 *
 * @module
 */

import type { JobView } from "../rpc/mod.ts";
import { Interrupted, OutOfTime } from "./failure.ts";
import { onInterruption } from "./interruption.ts";
import { printable } from "./terminal.ts";

/** Longest time that a timer of the runtime can be set to, in ms. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** How a wait may end before what it waits for. */
export interface Limits {
  /** Wait no longer, in ms; left out: for ever. */
  readonly timeoutMs: number | undefined;
  /** What to say then, which is asked for only then. */
  readonly late: () => string;
  /** What to say after Ctrl-C or SIGTERM; left out: they end the process as usual. */
  readonly interrupted?: string;
}

/** Says of a job that it has not ended in time, where it is and what to do; undefined: nobody knows. */
export function lateText(jobId: string, job: JobView | undefined): string {
  if (job === undefined) return `the time to wait for job ${jobId} is over; no master told of it`;
  const where = job.assignedTo === "" || job.status === "pending"
    ? ""
    : ` on ${printable(job.assignedTo)}`;
  return `job ${jobId} is still ${job.status}${where}; it goes on. \`conductor explain ${jobId}\` ` +
    `says what it waits for, \`conductor watch ${jobId}\` follows it`;
}

/**
 * What `wait` resolves to; its signal ends it early.
 *
 * @throws OutOfTime
 * @throws Interrupted
 */
export async function within<Answer>(
  { timeoutMs, late, interrupted }: Limits,
  wait: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const end = new AbortController();
  let deafen = () => {};
  if (interrupted !== undefined) {
    const stop = onInterruption((signal) => {
      deafen();
      end.abort(new Interrupted(interrupted, signal));
    });
    // At once, so that pressing it again ends the process, whatever the end of the wait takes.
    deafen = () => {
      deafen = () => {};
      stop();
    };
  }
  const timer = timeoutMs === undefined ? undefined : setTimeout(
    () => end.abort(new OutOfTime(late())),
    Math.min(timeoutMs, TIMER_MS_MAX),
  );
  try {
    return await wait(end.signal);
  } finally {
    clearTimeout(timer);
    deafen();
  }
}
