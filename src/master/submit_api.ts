/**
 * The calls by which jobs are submitted.
 *
 * @module
 */

import type { SubmitOutcome, SubmitSpec } from "../jobs/mod.ts";
import {
  type CallContext,
  type MasterApi,
  parentsFirst,
  Refusal,
  type Submission,
  type SubmissionOutcome,
  SUBMITTED,
} from "../rpc/mod.ts";
import { dutiesOf, type MasterContext } from "./context.ts";
import type { LeaderDuties } from "./leader.ts";
import { OfferedTypes } from "./offered_types.ts";
import { namespaceFor } from "./sight.ts";
import { SubmitSpans } from "./submit_tracing.ts";

/** Jobs in one SubmitJobs call. */
const BATCH_JOBS_MAX = 10_000;

export class SubmitApi implements Pick<MasterApi, "submit"> {
  readonly #context: MasterContext;
  /** What is offered in this turn of the event loop. */
  #offered: OfferedTypes | undefined;

  constructor(context: MasterContext) {
    this.#context = context;
  }

  submit(
    submissions: readonly Submission[],
    options: { readonly allOrNothing: boolean },
    call: CallContext,
  ): Promise<readonly SubmissionOutcome[]> {
    const spans = new SubmitSpans(this.#context.tracer, call.traceparent, submissions);
    return spans.around(() => this.#submit(submissions, options, call, spans));
  }

  async #submit(
    submissions: readonly Submission[],
    options: { readonly allOrNothing: boolean },
    call: CallContext,
    spans: SubmitSpans,
  ): Promise<readonly SubmissionOutcome[]> {
    const duties = dutiesOf(this.#context);
    const { admission, proposer, newJobId, now } = this.#context;
    if (submissions.length > BATCH_JOBS_MAX) {
      throw new Refusal(
        "invalid",
        `${submissions.length} jobs in one call; at most ${BATCH_JOBS_MAX} are taken`,
      );
    }
    const order = parentsFirst(submissions);
    const nowMs = now();
    const named = new Named(submissions);
    const admitted = order.map((position): SubmitSpec | Refusal => {
      const submission = named.resolve(position);
      if (submission instanceof Refusal) return submission;
      try {
        const id = newJobId();
        const spec = admission.admit(submission, id, {
          submittedBy: call.caller.userId,
          namespace: namespaceFor(submission.namespace, call),
          traceparent: spans.traceparentOf(position),
        }, nowMs);
        named.admitted(position, id);
        return spec;
      } catch (failure) {
        if (!(failure instanceof Refusal)) throw failure;
        if (options.allOrNothing) throw ofJob(failure, position, submissions.length);
        return failure;
      }
    });
    const specs = admitted.filter((each): each is SubmitSpec => !(each instanceof Refusal));
    const [only] = specs;
    spans.tell("submitting_to_raft");
    const outcomes = await spans.commit(async () =>
      only !== undefined && specs.length === 1
        ? [await proposer.submitOne(only)]
        : await proposer.submitMany(specs, options.allOrNothing)
    );
    const offered = this.#offeredNow(duties);
    let place = 0;
    const results: SubmissionOutcome[] = [];
    const places: Places = { order, count: submissions.length };
    const blamed = options.allOrNothing ? blame(outcomes, places) : outcomes;
    admitted.forEach((each, at) => {
      const position = order[at]!;
      if (each instanceof Refusal) {
        results[position] = { refused: each };
        return;
      }
      const type = submissions[position]?.type ?? "";
      const outcome = named.inWords(blamed[place++]!, each);
      if (spans.areRecorded) tellOutcome(spans, position, outcome, offered.has(type));
      results[position] = this.#outcome(outcome, each, offered);
    });
    return results;
  }

  /** Calls that one append answers are answered in one turn, and there may be thousands of workers. */
  #offeredNow(duties: Pick<LeaderDuties, "view">): OfferedTypes {
    if (this.#offered === undefined) {
      this.#offered = new OfferedTypes(duties.view().workers, this.#context.admission);
      setImmediate(() => this.#offered = undefined);
    }
    return this.#offered;
  }

  #outcome(
    outcome: SubmitOutcome,
    spec: SubmitSpec,
    offered: OfferedTypes,
  ): SubmissionOutcome {
    if (outcome.status === "refused") return { refused: refusedSubmission(outcome) };
    const { jobId, status } = outcome;
    if (status === "existing") {
      const message = `job ${jobId} has the unique key and is not finished; no other was made`;
      return { jobId, duplicate: true, existing: true, message };
    }
    const said = offered.warning(spec) || SUBMITTED;
    const replaced = status === "accepted" ? outcome.replacedJobId : undefined;
    const message = replaced === undefined
      ? said
      : `${said}; job ${replaced}, which had its unique key, was cancelled`;
    return { jobId, duplicate: status === "duplicate", existing: false, message };
  }
}

/** One of many that refuses them all: which one it is. */
function ofJob(refusal: Refusal, position: number, count: number): Refusal {
  if (count === 1) return refusal;
  const message = `${placeText(position, count)}: ${refusal.message}`;
  return new Refusal(refusal.reason, message, { cause: refusal });
}

/** Where the jobs of a Command, which has parents first, stand in their call. */
interface Places {
  readonly order: readonly number[];
  readonly count: number;
}

/** The same for what the state refused: those at fault say where they are, and the others who it was. */
function blame(
  outcomes: readonly SubmitOutcome[],
  { order, count }: Places,
): readonly SubmitOutcome[] {
  const isAtFault = (each: SubmitOutcome) =>
    each.status === "refused" && each.reason !== "batch_refused";
  const faults = order.filter((_, place) => isAtFault(outcomes[place]!));
  if (count === 1 || faults.length === 0) return outcomes;
  const first = placeText(Math.min(...faults), count);
  return outcomes.map((outcome, place) => {
    if (outcome.status !== "refused") return outcome;
    const message = isAtFault(outcome)
      ? `${placeText(order[place]!, count)}: ${outcome.message}`
      : `${first} was refused, and so all are`;
    return { ...outcome, message };
  });
}

function placeText(position: number, count: number): string {
  return `job ${position + 1} of the call's ${count}`;
}

/** The jobs of one call by their refs, which become job ids as they are admitted. */
class Named {
  readonly #submissions: readonly Submission[];
  readonly #ids = new Map<string, string>();
  readonly #refs = new Map<string, string>();

  constructor(submissions: readonly Submission[]) {
    this.#submissions = submissions;
  }

  admitted(position: number, id: string): void {
    const ref = this.#submissions[position]?.ref;
    if (ref === undefined) return;
    this.#ids.set(ref, id);
    this.#refs.set(id, ref);
  }

  /** A refused parent has no id that the caller has ever seen. */
  inWords(outcome: SubmitOutcome, { options }: SubmitSpec): SubmitOutcome {
    if (outcome.status !== "refused" || outcome.reason !== "unknown_parent") return outcome;
    const parent = options?.dependencies?.find(({ jobId }) => outcome.message.includes(jobId));
    const ref = this.#refs.get(parent?.jobId ?? "");
    if (ref === undefined) return outcome;
    return { ...outcome, message: `it depends on ${JSON.stringify(ref)}, which was refused` };
  }

  /** With ids in place of refs; its parents come before it. */
  resolve(position: number): Submission | Refusal {
    const submission = this.#submissions[position]!;
    const { options } = submission;
    if (options?.dependsOn?.some(({ ref }) => ref !== undefined) !== true) return submission;
    const refused = options.dependsOn.find(({ ref }) => ref !== undefined && !this.#ids.has(ref));
    if (refused !== undefined) {
      return new Refusal(
        "failed_precondition",
        `it depends on ${JSON.stringify(refused.ref)}, which was refused`,
      );
    }
    const dependsOn = options.dependsOn.map(({ jobId, ref, on }) => ({
      jobId: ref === undefined ? jobId : this.#ids.get(ref)!,
      on,
    }));
    return { ...submission, options: { ...options, dependsOn } };
  }
}

function tellOutcome(
  spans: SubmitSpans,
  position: number,
  outcome: SubmitOutcome,
  isOffered: boolean,
): void {
  if (outcome.status === "refused") {
    const isFull = outcome.reason === "queue_full" || outcome.reason === "client_full";
    if (isFull) spans.tellOf(position, "pending_jobs_limit_reached");
    return;
  }
  if (!isOffered) spans.tellOf(position, "no_workers_available");
  spans.tellOf(position, "job_submitted_successfully", outcome.jobId);
}

function refusedSubmission(outcome: SubmitOutcome & { status: "refused" }): Refusal {
  switch (outcome.reason) {
    case "already_exists":
    case "unique_key":
    case "batch_taken":
      return new Refusal("already_exists", outcome.message);
    case "id_taken":
      return new Refusal("conflict", outcome.message, { retryAfterMs: 0 });
    case "queue_full":
    case "client_full":
      return new Refusal("overloaded", outcome.message, { retryAfterMs: 1_000 });
    case "unknown_parent":
    case "batch_refused":
      return new Refusal("failed_precondition", outcome.message);
  }
}
