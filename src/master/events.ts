/**
 * What a committed change means beyond the state itself: watchers are told, workers are stopped,
 * the scheduler looks again.
 *
 * @module
 */

import { isTerminal, type Job, type JobEvent } from "../jobs/mod.ts";
import type { CancellationView, JobView } from "../rpc/mod.ts";
import type { MasterContext } from "./context.ts";
import { jobView, resultOf } from "./views.ts";

/** Passes a batch of events on; called after every entry that changed something. */
export function onJobEvents(context: MasterContext, events: readonly JobEvent[]): void {
  for (const event of events) {
    tellWatchers(context, event);
    if (event.cause === "cancel") stopAttempt(context, event, "user_cancelled");
    else if (event.cause === "expire") stopAttempt(context, event, "timeout");
    if (isTerminal(event.to) || event.to === "pending" || event.to === "waiting") {
      context.watchers.forget(event.jobId);
    }
  }
  context.batchWatchers.wake();
  context.duties?.schedule();
}

function tellWatchers({ watchers, machine }: MasterContext, event: JobEvent): void {
  if (!watchers.has(event.jobId)) return;
  const job = machine.get(event.jobId);
  if (job === undefined) return;
  const view = stepView(job, event);
  watchers.tell(event.jobId, {
    kind: "state",
    atMs: event.atMs,
    job: isTerminal(event.to) ? { ...view, ...resultOf(job, machine) } : view,
  });
}

/**
 * The job at the step that `event` tells of. It may have moved on within the batch: what is told is
 * each step, not only the last, and nothing of a later one.
 */
export function stepView(job: Job, event: JobEvent): JobView {
  const { completedAtMs, ...view } = jobView(job);
  const step = { ...view, status: event.to, attempt: event.attempt };
  if (!isTerminal(event.to)) return { ...step, deadLetter: false };
  return completedAtMs === undefined ? step : { ...step, completedAtMs };
}

function stopAttempt(
  { sessions }: MasterContext,
  { from, workerId, jobId, token }: JobEvent,
  reason: CancellationView["reason"],
): void {
  if (from === "assigned" || from === "running") {
    sessions.cancel(workerId, { jobId, token, reason });
  }
}
