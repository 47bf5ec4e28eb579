/**
 * The calls about jobs.
 *
 * @module
 */

import {
  type CancelCommand,
  firstLineOf,
  isTerminal,
  type Job,
  type JobStatus,
  type RedriveCommand,
  withCutNotice,
} from "../jobs/mod.ts";
import {
  type CallContext,
  type JobDetails,
  type JobEventView,
  type JobPage,
  type JobQuery,
  LogReader,
  type MasterApi,
  type ReasonView,
  Refusal,
} from "../rpc/mod.ts";
import { explain } from "../scheduler/mod.ts";
import { dutiesOf, type MasterContext } from "./context.ts";
import { lastWords } from "./last_words.ts";
import { narrowed, seen, type Viewer } from "./sight.ts";
import { attemptView, fullView, jobView, resultOf, transitionView, unknownJob } from "./views.ts";

type JobCalls = Pick<
  MasterApi,
  | "getJob"
  | "listJobs"
  | "cancelJob"
  | "watchJob"
  | "retryDeadLetter"
>;

export class JobsApi implements JobCalls {
  readonly #context: MasterContext;

  constructor(context: MasterContext) {
    this.#context = context;
  }

  async getJob(
    jobId: string,
    options: { readonly stale: boolean },
    call: Viewer,
  ): Promise<JobDetails> {
    const { machine, watchers } = this.#context;
    await this.#readBarrier(options.stale);
    const job = this.#known(jobId, call);
    const live = watchers.progressOf(job.id, job.token);
    const reasons = this.#reasons(job, call);
    const isWaiting = job.status === "pending" || job.status === "waiting";
    return {
      job: fullView(job, machine),
      reasons,
      waitingReasons: isWaiting ? reasons.map(({ message }) => message) : [],
      attempts: machine.attempts(job.id).map(attemptView),
      progress: job.status === "completed" ? 1 : live?.fraction ?? 0,
      progressMessage: live?.message ?? "",
      logTail: this.#shownLog(job),
      history: machine.history(job.id).map(transitionView),
    };
  }

  async listJobs({ stale, ...query }: JobQuery, call: Viewer): Promise<JobPage> {
    const own = narrowed(query, call);
    await this.#readBarrier(stale);
    const page = this.#context.machine.list(own);
    return { ...page, jobs: page.jobs.map(jobView) };
  }

  async cancelJob(jobId: string, reason: string, call: CallContext): Promise<{ message: string }> {
    dutiesOf(this.#context);
    const { proposer, machine, watchers } = this.#context;
    const job = seen(call, machine.get(jobId));
    if (job === undefined && call.caller.namespaces !== undefined) throw unknownJob(jobId);
    const { results } = await proposer.propose<CancelCommand>({
      kind: "cancel",
      jobIds: [jobId],
      reason,
      by: call.caller.userId,
      ...lastWords(job === undefined ? [] : [job], watchers),
    });
    const [outcome] = results;
    if (outcome?.status === "cancelled") return { message: `job ${jobId} cancelled` };
    if (outcome?.reason === "finished" && outcome.jobStatus === "cancelled") {
      return { message: `job ${jobId} was cancelled before` };
    }
    if (outcome?.reason === "finished") throw new Refusal("failed_precondition", outcome.message);
    throw unknownJob(jobId);
  }

  async watchJob(
    jobId: string,
    send: (event: JobEventView) => Promise<void>,
    call: Viewer & Pick<CallContext, "signal">,
    logFromLine: number,
  ): Promise<void> {
    const { watchers, machine, now } = this.#context;
    await this.#readBarrier(false);
    const job = this.#known(jobId, call);
    const watcher = watchers.add(jobId);
    try {
      const log = new LogReader(logFromLine);
      const tell = async (event: JobEventView) => {
        const news = log.read(event);
        if (news !== undefined) await send(news);
      };
      const isOver = isTerminal(job.status);
      // The end comes last, and what is told of a job that goes on is of this attempt.
      if (isOver && logFromLine > 0) await this.#tellKeptLog(job, tell);
      await send({
        kind: "state",
        atMs: now(),
        job: { ...jobView(job), ...resultOf(job, machine) },
      });
      if (isOver) return;
      if (logFromLine > 0) await this.#tellKeptLog(job, tell);
      const live = watchers.progressOf(jobId, job.token);
      if (live !== undefined) {
        const { fraction, message } = live;
        await send({ kind: "progress", atMs: now(), fraction, message });
      }
      while (true) {
        const event = await watcher.next(call.signal);
        const isEnd = event.kind === "state" && isTerminal(event.job.status as JobStatus);
        // What the attempt logged while nobody led came with its end alone.
        if (isEnd && logFromLine > 0) await this.#tellKeptLog(this.#known(jobId, call), tell);
        await tell(event);
        if (isEnd) return;
      }
    } finally {
      watchers.remove(jobId, watcher);
    }
  }

  async retryDeadLetter(jobId: string, call: Viewer): Promise<{ message: string }> {
    const duties = dutiesOf(this.#context);
    if (call.caller.namespaces !== undefined) this.#known(jobId, call);
    const { results } = await this.#context.proposer.propose<RedriveCommand>({
      kind: "redrive",
      jobIds: [jobId],
      newPlace: true,
    });
    const [outcome] = results;
    if (outcome?.status === "redriven") {
      duties.schedule();
      return { message: `job ${jobId} is back in the queue with a fresh retry budget` };
    }
    if (outcome?.reason === "unknown_job") throw unknownJob(jobId);
    throw new Refusal("failed_precondition", outcome?.message ?? `job ${jobId} was not redriven`);
  }

  #reasons(job: Job, { caller: { namespaces } }: Viewer): readonly ReasonView[] {
    const { duties, machine } = this.#context;
    const standing = machine.standing(job.id);
    const view = duties?.view() ?? machine.view();
    if (standing === undefined || namespaces === undefined) return explain(job, view, standing);
    // How many come first in its queue counts those of others, too.
    return explain(job, view, { ...standing, ahead: 0 });
  }

  /** The last attempt's log as far as it is kept. */
  async #tellKeptLog(job: Job, tell: (event: JobEventView) => Promise<void>): Promise<void> {
    const lines = this.#shownLog(job);
    const { attempt } = job;
    const firstLine = firstLineOf(lines);
    await tell({ kind: "log", atMs: this.#context.now(), lines, firstLine, attempt });
  }

  #shownLog(job: Job): readonly string[] {
    const log = this.#context.watchers.progressOf(job.id, job.token)?.log;
    if (log === undefined) return this.#context.machine.logTail(job.id);
    return withCutNotice(log.lines, log.firstLine - 1);
  }

  #known(jobId: string, call: Viewer): Job {
    const job = seen(call, this.#context.machine.get(jobId));
    if (job === undefined) throw unknownJob(jobId);
    return job;
  }

  #readBarrier(stale: boolean): Promise<void> {
    if (stale) return Promise.resolve();
    return this.#context.proposer.readBarrier(this.#context.barrierTimeoutMs);
  }
}
