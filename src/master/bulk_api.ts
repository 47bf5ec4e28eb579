/**
 * The calls about many jobs at once. The leader chooses them page by page and proposes the same
 * Commands as for one, a bounded number in each, so that nobody else has to wait for long.
 *
 * @module
 */

import type { CancelCommand, Job, JobFilter, PruneCommand, RedriveCommand } from "../jobs/mod.ts";
import {
  type BulkAnswer,
  type BulkSelection,
  type CallContext,
  filterText,
  type MasterApi,
  Refusal,
} from "../rpc/mod.ts";
import { dutiesOf, type MasterContext } from "./context.ts";
import { confinement } from "./audited.ts";
import { lastWords } from "./last_words.ts";
import { narrowed, seen, type Viewer } from "./sight.ts";
import { unknownJob } from "./views.ts";

/** Jobs of one Command. */
const JOBS_PER_COMMAND = 500;

type BulkCalls = Pick<MasterApi, "cancelJobs" | "retryDeadLetters" | "purgeDeadLetters">;

/** Something to do to many jobs, which come in pages. */
interface Work {
  readonly act: string;
  readonly target: string;
  readonly jobs: AsyncIterable<readonly Job[]>;
}

export class BulkApi implements BulkCalls {
  readonly #context: MasterContext;

  constructor(context: MasterContext) {
    this.#context = context;
  }

  cancelJobs(selection: BulkSelection, reason: string, call: CallContext): Promise<BulkAnswer> {
    const filter = { ...narrowed(selection.filter, call), isFinished: false };
    const work = { act: "cancel_jobs", ...this.#ofFilter(filter) };
    return this.#all(work, selection.dryRun, call, async (jobs) => {
      const { results } = await this.#context.proposer.propose<CancelCommand>({
        kind: "cancel",
        jobIds: jobs.map(({ id }) => id),
        reason,
        by: call.caller.userId,
        ...lastWords(jobs, this.#context.watchers),
      });
      return results.filter(({ status }) => status === "cancelled").length;
    });
  }

  retryDeadLetters(selection: BulkSelection, call: CallContext): Promise<BulkAnswer> {
    const filter = { ...narrowed(selection.filter, call), deadLetter: true };
    const work = { act: "retry_dead_letters", ...this.#ofFilter(filter) };
    return this.#all(work, selection.dryRun, call, async (jobs) => {
      const { results } = await this.#context.proposer.propose<RedriveCommand>({
        kind: "redrive",
        jobIds: jobs.map(({ id }) => id),
        newPlace: true,
      });
      this.#context.duties?.schedule();
      return results.filter(({ status }) => status === "redriven").length;
    });
  }

  purgeDeadLetters(
    selection: BulkSelection | { readonly jobIds: readonly string[]; readonly dryRun: boolean },
    call: CallContext,
  ): Promise<BulkAnswer> {
    const act = "purge_dead_letters";
    const work = "filter" in selection
      ? { act, ...this.#ofFilter({ ...narrowed(selection.filter, call), deadLetter: true }) }
      : { act, target: selection.jobIds.join(" "), jobs: this.#named(selection.jobIds, call) };
    return this.#all(work, selection.dryRun, call, async (jobs) => {
      const { removedJobs } = await this.#context.proposer.propose<PruneCommand>({
        kind: "prune",
        jobSeqs: jobs.map(({ seq }) => seq),
        deadLettersOnly: true,
      });
      return removedJobs;
    });
  }

  /** Does it to all, and writes down for the audit what was done, though it may have been cut short. */
  async #all(
    { act, target, jobs }: Work,
    dryRun: boolean,
    call: CallContext,
    perform: (jobs: readonly Job[]) => Promise<number>,
  ): Promise<BulkAnswer> {
    dutiesOf(this.#context);
    const answer = { matched: 0, changed: 0 };
    let outcome: "done" | "failed" = "failed";
    try {
      for await (const some of jobs) {
        call.signal.throwIfAborted();
        if (!dryRun) answer.changed += await perform(some);
        answer.matched += some.length;
      }
      outcome = "done";
      return answer;
    } catch (failure) {
      throw answer.changed === 0 ? failure : cutShort(failure, answer.changed);
    } finally {
      if (!dryRun) {
        this.#context.audit({
          act,
          target,
          outcome,
          userId: call.caller.userId,
          detail: `${answer.changed} jobs`,
          call: { method: call.method, requestId: call.requestId, ...confinement(call.caller) },
        });
      }
    }
  }

  #ofFilter(filter: JobFilter): Omit<Work, "act"> {
    return { target: filterText(filter), jobs: this.#pages(filter) };
  }

  /** Jobs of a filter, the first submitted first; none of those that come meanwhile. */
  async *#pages(filter: JobFilter): AsyncGenerator<readonly Job[]> {
    const { machine, proposer, barrierTimeoutMs } = this.#context;
    await proposer.readBarrier(barrierTimeoutMs);
    const lastSeq = machine.list({ limit: 1 }).jobs[0]?.seq ?? 0;
    let cursor: string | undefined;
    do {
      const page = machine.list({
        ...filter,
        order: "oldest",
        limit: JOBS_PER_COMMAND,
        ...(cursor !== undefined && { cursor }),
      });
      const jobs = page.jobs.filter(({ seq }) => seq <= lastSeq);
      if (jobs.length > 0) yield jobs;
      cursor = jobs.length < page.jobs.length ? "" : page.nextCursor;
    } while (cursor !== "");
  }

  /** Jobs by their ids; before anything is done to the first, all are shown to be dead letters. */
  async *#named(jobIds: readonly string[], call: Viewer): AsyncGenerator<readonly Job[]> {
    const { proposer, barrierTimeoutMs } = this.#context;
    await proposer.readBarrier(barrierTimeoutMs);
    const jobs = jobIds.map((jobId) => this.#deadLetter(jobId, call));
    for (let at = 0; at < jobs.length; at += JOBS_PER_COMMAND) {
      yield jobs.slice(at, at + JOBS_PER_COMMAND);
    }
  }

  #deadLetter(jobId: string, call: Viewer): Job {
    const job = seen(call, this.#context.machine.get(jobId));
    if (job === undefined) throw unknownJob(jobId);
    if (job.deadLetter) return job;
    throw new Refusal(
      "failed_precondition",
      `job ${jobId} is ${job.status} and not a dead letter; nothing was purged`,
    );
  }
}

/** A failure amid the work, with what had been done by then. */
function cutShort(failure: unknown, changed: number): unknown {
  if (!(failure instanceof Refusal)) return failure;
  const { reason, message, retryAfterMs, leaderAddress } = failure;
  // Whoever is sent to the next leader, or tries again by itself, would count from 0.
  const told = reason === "not_leader" || reason === "unavailable" ? "outcome_unknown" : reason;
  return new Refusal(told, `${message}; it had been done to ${changed} jobs, so call again`, {
    cause: failure,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(leaderAddress !== undefined && told === reason && { leaderAddress }),
  });
}
