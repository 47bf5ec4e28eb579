/**
 * The span of a submission: between the call that brings it and the worker that runs the job.
 *
 * @module
 */

import type { Tracer } from "../observability/mod.ts";

/** What happens to a submission, in the original's words. */
export type SubmitEvent =
  | "no_workers_available"
  | "pending_jobs_limit_reached"
  | "submitting_to_raft"
  | "job_submitted_successfully";

/** The span, while the submission goes on. */
export interface SubmitSpan {
  /** What jobs take as their parent. */
  readonly traceparent: string;
  tell(event: SubmitEvent, jobId?: string): void;
  /** Shows how long the log takes to commit the submission, and this node to apply it. */
  commit<Result>(propose: () => Promise<Result>): Promise<Result>;
}

/** Runs `submit` within its span; where its trace is not recorded it is given none. */
export async function inSubmitSpan<Result>(
  tracer: Tracer,
  parent: string,
  jobs: readonly { readonly type: string }[],
  submit: (span: SubmitSpan | undefined) => Promise<Result>,
): Promise<Result> {
  if (!tracer.follows(parent)) return await submit(undefined);
  const span = tracer.startSpan("master.submit_job", {
    parent,
    attributes: { "job.type": jobs[0]?.type ?? "", "job.count": jobs.length },
  });
  try {
    return await submit({
      traceparent: span.traceparent,
      tell: (event, jobId) => span.addEvent(event, jobId === undefined ? {} : { "job.id": jobId }),
      commit: (propose) => inSpan(tracer, span.traceparent, propose),
    });
  } catch (failure) {
    span.recordError(failure);
    throw failure;
  } finally {
    span.end();
  }
}

async function inSpan<Result>(
  tracer: Tracer,
  parent: string,
  propose: () => Promise<Result>,
): Promise<Result> {
  const span = tracer.startSpan("raft.commit", {
    parent,
    attributes: { "raft.command_type": "submit" },
  });
  try {
    return await propose();
  } catch (failure) {
    span.recordError(failure);
    throw failure;
  } finally {
    span.end();
  }
}
