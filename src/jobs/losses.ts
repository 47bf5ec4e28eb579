/**
 * Attempts that were lost with their worker, and what that says of their job: whether it killed the
 * worker, or only had bad luck. See DESIGN.md, "Three budgets".
 *
 * @module
 */

import { cut, endAttempt, endForGood, requeue } from "./attempts.ts";
import { type AttemptRef, isHeld, isTerminal, type Job } from "./job.ts";
import type { JobRecord } from "./job_record.ts";
import type { State } from "./state.ts";

/** How a loss counts against its job. */
export type Loss =
  /** The worker came back as another process: the one that held the attempt had died. */
  | { readonly kind: "crash"; readonly crashLimit: number }
  /** It fell silent, and nobody knows yet why. */
  | { readonly kind: "silence"; readonly crashLimit: number }
  /** By entries from before the two were told apart: `crashesMax` of any are enough. */
  | { readonly kind: "unjudged" };

/**
 * Losses of any kind, for each crash that is allowed: so many end a job even if no worker ever comes
 * back to tell.
 */
export const LOSSES_FOR_A_CRASH = 3;

/** The attempt's worker is gone with it: nothing of the retries' budget. */
export function loseAttempt(state: State, record: JobRecord, reason: string, loss: Loss): void {
  const { job } = record;
  const counts = {
    crashCount: job.crashCount + (loss.kind === "silence" ? 0 : 1),
    suspicions: job.suspicions + (loss.kind === "silence" ? 1 : 0),
  };
  const error = cut(`worker ${job.assignedTo} was lost: ${reason}`);
  endAttempt(state, record, "worker_lost", error, job.startedAtMs);
  const verdict = verdictOn({ ...job, ...counts }, loss, state.limits.crashesMax);
  if (verdict === undefined) requeue(state, record, "worker_lost", 0, counts, error);
  else giveUp(state, record, counts, `${verdict}, the last one because ${error}`);
}

/**
 * The worker came back in the process that held the attempt, or knows of it: it was only out of
 * reach, and the loss does not count.
 */
export function forgiveLoss(state: State, { jobId, token }: AttemptRef): boolean {
  const record = unfinished(state, jobId);
  if (record === undefined || record.job.suspicions === 0) return false;
  state.revise(record, { suspicions: record.job.suspicions - 1 });
  record.attempts = record.attempts.map((each) =>
    each.token === token && each.outcome === "worker_lost"
      ? { ...each, error: cut(`${each.error}; it came back, so that this does not count`) }
      : each
  );
  return true;
}

/** The worker came back as another process: the loss was a crash. It may be one too many. */
export function confirmLoss(state: State, { jobId }: AttemptRef, crashLimit: number): boolean {
  const record = unfinished(state, jobId);
  if (record === undefined || record.job.suspicions === 0) return false;
  const { crashCount, suspicions } = record.job;
  const counts = { crashCount: crashCount + 1, suspicions: suspicions - 1 };
  state.revise(record, counts);
  const loss = { kind: "crash", crashLimit } as const;
  const verdict = verdictOn(record.job, loss, state.limits.crashesMax);
  // Another worker may be about to show that it can be done.
  if (verdict !== undefined && !isHeld(record.job.status)) giveUp(state, record, counts, verdict);
  return true;
}

/** Why the job is not tried again; undefined: it is. */
function verdictOn(
  { crashCount, suspicions }: Pick<Job, "crashCount" | "suspicions">,
  loss: Loss,
  crashesMax: number,
): string | undefined {
  const losses = crashCount + suspicions;
  if (loss.kind === "unjudged") {
    return crashCount >= crashesMax ? `${losses} attempts were lost with their workers` : undefined;
  }
  if (crashCount >= loss.crashLimit) {
    return `${crashCount} attempts were lost with workers that died`;
  }
  return losses >= loss.crashLimit * LOSSES_FOR_A_CRASH
    ? `${losses} attempts were lost with their workers`
    : undefined;
}

function giveUp(state: State, record: JobRecord, counts: Partial<Job>, message: string): void {
  endForGood(state, record, "worker_lost", {
    ...counts,
    errorMessage: cut(message),
    errorKind: "worker_lost",
  });
}

/** What is finished may be in memory or not, so nothing may depend on it. */
function unfinished(state: State, jobId: string): JobRecord | undefined {
  const record = state.table.get(jobId);
  return record === undefined || isTerminal(record.job.status) ? undefined : record;
}
