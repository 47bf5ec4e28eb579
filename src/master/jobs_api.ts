/**
 * The calls about jobs.
 *
 * @module
 */

import {
  type CancelCommand,
  isTerminal,
  type Job,
  type JobStatus,
  type RedriveCommand,
} from "../jobs/mod.ts";
import {
  type CallContext,
  type JobDetails,
  type JobEventView,
  type JobPage,
  type JobQuery,
  type MasterApi,
  type ReasonView,
  Refusal,
} from "../rpc/mod.ts";
import { explain } from "../scheduler/mod.ts";
import { dutiesOf, type MasterContext } from "./context.ts";
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

  async getJob(jobId: string, options: { readonly stale: boolean }): Promise<JobDetails> {
    const { machine, watchers } = this.#context;
    await this.#readBarrier(options.stale);
    const job = this.#known(jobId);
    const live = watchers.progressOf(job.id, job.token);
    const reasons = this.#reasons(job);
    const isWaiting = job.status === "pending" || job.status === "waiting";
    return {
      job: fullView(job, machine),
      reasons,
      waitingReasons: isWaiting ? reasons.map(({ message }) => message) : [],
      attempts: machine.attempts(job.id).map(attemptView),
      progress: job.status === "completed" ? 1 : live?.fraction ?? 0,
      progressMessage: live?.message ?? "",
      logTail: live?.logTail ?? machine.logTail(job.id),
      history: machine.history(job.id).map(transitionView),
    };
  }

  async listJobs({ stale, ...query }: JobQuery): Promise<JobPage> {
    await this.#readBarrier(stale);
    const page = this.#context.machine.list(query);
    return { ...page, jobs: page.jobs.map(jobView) };
  }

  async cancelJob(jobId: string, reason: string, call: CallContext): Promise<{ message: string }> {
    dutiesOf(this.#context);
    const { proposer } = this.#context;
    const { results } = await proposer.propose<CancelCommand>({
      kind: "cancel",
      jobIds: [jobId],
      reason,
      by: call.caller.userId,
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
    signal: AbortSignal,
  ): Promise<void> {
    const { watchers, machine, now } = this.#context;
    await this.#readBarrier(false);
    const job = this.#known(jobId);
    const watcher = watchers.add(jobId);
    try {
      await send({
        kind: "state",
        atMs: now(),
        job: { ...jobView(job), ...resultOf(job, machine) },
      });
      if (isTerminal(job.status)) return;
      const live = watchers.progressOf(jobId, job.token);
      if (live !== undefined) {
        const { fraction, message } = live;
        await send({ kind: "progress", atMs: now(), fraction, message });
      }
      while (true) {
        const event = await watcher.next(signal);
        await send(event);
        if (event.kind === "state" && isTerminal(event.job.status as JobStatus)) return;
      }
    } finally {
      watchers.remove(jobId, watcher);
    }
  }

  async retryDeadLetter(jobId: string): Promise<{ message: string }> {
    const duties = dutiesOf(this.#context);
    const { results } = await this.#context.proposer.propose<RedriveCommand>({
      kind: "redrive",
      jobIds: [jobId],
    });
    const [outcome] = results;
    if (outcome?.status === "redriven") {
      duties.schedule();
      return { message: `job ${jobId} is back in the queue with a fresh retry budget` };
    }
    if (outcome?.reason === "unknown_job") throw unknownJob(jobId);
    throw new Refusal("failed_precondition", outcome?.message ?? `job ${jobId} was not redriven`);
  }

  #reasons(job: Job): readonly ReasonView[] {
    const { duties, machine } = this.#context;
    return explain(job, duties?.view() ?? machine.view(), machine.standing(job.id));
  }

  #known(jobId: string): Job {
    const job = this.#context.machine.get(jobId);
    if (job === undefined) throw unknownJob(jobId);
    return job;
  }

  #readBarrier(stale: boolean): Promise<void> {
    if (stale) return Promise.resolve();
    return this.#context.proposer.readBarrier(this.#context.barrierTimeoutMs);
  }
}
