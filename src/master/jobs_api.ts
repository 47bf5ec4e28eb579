/**
 * The calls about jobs.
 *
 * @module
 */

import {
  type CancelCommand,
  isTerminal,
  type Job,
  JOB_STATUSES,
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
  Refusal,
} from "../rpc/mod.ts";
import { whyWaiting } from "../scheduler/mod.ts";
import { dutiesOf, type MasterContext } from "./context.ts";
import { attemptView, fullView, jobView, resultOf, transitionView, unknownJob } from "./views.ts";

type JobCalls = Pick<
  MasterApi,
  | "getJob"
  | "listJobs"
  | "cancelJob"
  | "watchJob"
  | "listDeadLetters"
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
    return {
      job: fullView(job, machine),
      waitingReasons: this.#waitingReasons(job),
      attempts: machine.attempts(job.id).map(attemptView),
      progress: job.status === "completed" ? 1 : live?.fraction ?? 0,
      progressMessage: live?.message ?? "",
      logTail: live?.logTail ?? machine.logTail(job.id),
      history: machine.history(job.id).map(transitionView),
    };
  }

  async listJobs(query: JobQuery): Promise<JobPage> {
    const status = query.status === undefined ? undefined : jobStatus(query.status);
    await this.#readBarrier(query.stale);
    const page = this.#context.machine.list({
      limit: query.limit,
      offset: query.offset,
      ...(status === undefined ? {} : { status }),
      ...(query.type === undefined ? {} : { type: query.type }),
      ...(query.workerId === undefined ? {} : { worker: query.workerId }),
      ...(query.cursor === undefined ? {} : { cursor: this.#cursor(query.cursor) }),
    });
    return { jobs: page.jobs.map(jobView), total: page.total, nextCursor: page.nextCursor };
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

  async listDeadLetters(limit: number, offset: number): Promise<JobPage> {
    await this.#readBarrier(false);
    const page = this.#context.machine.list({ deadLetter: true, limit, offset });
    return { jobs: page.jobs.map(jobView), total: page.total, nextCursor: page.nextCursor };
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

  #waitingReasons(job: Job): readonly string[] {
    if (job.status !== "pending" && job.status !== "waiting") return [];
    const view = this.#context.duties?.view() ?? this.#context.machine.view();
    return whyWaiting(job, view);
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

  #cursor(cursor: string): string {
    if (/^[A-Za-z0-9_.:-]{1,64}$/.test(cursor)) return cursor;
    throw new Refusal(
      "invalid",
      `cursor ${JSON.stringify(cursor.slice(0, 80))} is not one of ours`,
    );
  }
}

function jobStatus(name: string): JobStatus {
  const status = JOB_STATUSES.find((each) => each === name);
  if (status !== undefined) return status;
  throw new Refusal(
    "invalid",
    `status_filter is ${JSON.stringify(name)}; it may be one of ${JOB_STATUSES.join(", ")}`,
  );
}
