/**
 * The spans of submissions: between the calls that bring them and the workers that run the jobs. Jobs of
 * one call share one, those that were calls of their own until they were taken together have one each.
 *
 * @module
 */

import type { Span, Tracer } from "../observability/mod.ts";
import type { Submission } from "../rpc/mod.ts";

/** What happens to a submission, in the original's words. */
export type SubmitEvent =
  | "no_workers_available"
  | "pending_jobs_limit_reached"
  | "submitting_to_raft"
  | "job_submitted_successfully";

type Traced = Pick<Submission, "type" | "traceparent">;

/** The spans, while the submissions go on. Where a trace is not recorded there is none. */
export class SubmitSpans {
  readonly #tracer: Tracer;
  readonly #parent: string;
  readonly #submissions: readonly Traced[];
  /** Of the jobs that have no place of their own. */
  #shared: Span | undefined;
  #own: Map<number, Span> | undefined;

  constructor(tracer: Tracer, parent: string, submissions: readonly Traced[]) {
    this.#tracer = tracer;
    this.#parent = parent;
    this.#submissions = submissions;
    let sharers = 0;
    for (let position = 0; position < submissions.length; position++) {
      const { type, traceparent } = submissions[position]!;
      if (traceparent === undefined) sharers++;
      else if (tracer.follows(traceparent)) {
        this.#own ??= new Map();
        this.#own.set(position, this.#start(traceparent, type, 1));
      }
    }
    if (sharers > 0 && tracer.follows(parent)) {
      this.#shared = this.#start(parent, submissions[0]?.type ?? "", sharers);
    }
  }

  get areRecorded(): boolean {
    return this.#shared !== undefined || this.#own !== undefined;
  }

  /** What the job at this place of the call takes as its parent. */
  traceparentOf(position: number): string {
    const own = this.#submissions[position]?.traceparent;
    if (own === undefined) return this.#shared?.traceparent ?? this.#parent;
    return this.#own?.get(position)?.traceparent ?? own;
  }

  /** Tells all of them what happens to all jobs. */
  tell(event: SubmitEvent): void {
    for (const span of this.#all()) span.addEvent(event);
  }

  /** Tells what happened to one job. */
  tellOf(position: number, event: SubmitEvent, jobId?: string): void {
    const isOwn = this.#submissions[position]?.traceparent !== undefined;
    const span = isOwn ? this.#own?.get(position) : this.#shared;
    span?.addEvent(event, jobId === undefined ? {} : { "job.id": jobId });
  }

  /** Shows how long the log takes to commit the submissions, and this node to apply them. */
  commit<Result>(propose: () => Promise<Result>): Promise<Result> {
    if (!this.areRecorded) return propose();
    const commits = this.#all().map(({ traceparent }) =>
      this.#tracer.startSpan("raft.commit", {
        parent: traceparent,
        attributes: { "raft.command_type": "submit" },
      })
    );
    return within(commits, propose);
  }

  /** Runs `submit`, and ends the spans with it. */
  around<Result>(submit: () => Promise<Result>): Promise<Result> {
    return this.areRecorded ? within(this.#all(), submit) : submit();
  }

  #start(parent: string, type: string, count: number): Span {
    return this.#tracer.startSpan("master.submit_job", {
      parent,
      attributes: { "job.type": type, "job.count": count },
    });
  }

  #all(): Span[] {
    const own = this.#own === undefined ? [] : [...this.#own.values()];
    return this.#shared === undefined ? own : [this.#shared, ...own];
  }
}

async function within<Result>(
  spans: readonly Span[],
  act: () => Promise<Result>,
): Promise<Result> {
  try {
    return await act();
  } catch (failure) {
    for (const span of spans) span.recordError(failure);
    throw failure;
  } finally {
    for (const span of spans) span.end();
  }
}
