/**
 * The client library: what a program (or the command line) asks of a cluster.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { v7 as uuidv7 } from "uuid";
import type { JobFilter } from "../jobs/mod.ts";
import { type Calls, callsOf } from "./calls.ts";
import type { ChannelOptions } from "./channel.ts";
import {
  type BatchItem,
  healthFromWire,
  isFinished,
  isFull,
  itemOf,
  pageFromWire,
  selectionToWire,
  submitted,
  type SubmittedJob,
} from "./client_answers.ts";
import { detailsFromWire, eventFromWire, submissionToWire } from "./convert.ts";
import { MasterService } from "./gen/scheduler_pb.ts";
import { filterToWire } from "./job_filter.ts";
import type {
  BulkAnswer,
  ClusterHealthView,
  JobDetails,
  JobEventView,
  JobPage,
  JobQuery,
  JobView,
  JoiningNode,
  Submission,
} from "./master_api.ts";
import type { WorkerDetails, WorkerView } from "./worker_calls.ts";
import type { WorkerPage, WorkerQuery } from "./worker_page.ts";
import { detailsFromWire as workerDetailsFromWire, workerFromWire } from "./worker_messages.ts";
import {
  type Configuration,
  configurationToWire,
  type Configured,
  type ScopeName,
  standingFromWire,
  type StandingView,
} from "./settings_api.ts";
import { batchFromWire, type BatchPage, type BatchView } from "./batch_api.ts";
import { LogReader } from "./log_reader.ts";
import { Patience } from "./patience.ts";
import { type Outlasting, untilEnd } from "./reopening.ts";
import { Refusal } from "./status.ts";

/** Time allowed to a call about however many jobs. */
const BULK_WORK_MS = 120_000;
/** Workers asked for at once: they may say a lot of themselves. */
const WORKERS_AT_ONCE = 250;

/** What to do while the cluster takes no more jobs. */
export interface Waiting {
  /** Try again for so long, in ms; default: not at all. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
}

const keyBytes = Buffer.alloc(16);

/**
 * Of a submission that has none: nobody else has it, and those of one moment begin alike, so that they lie
 * next to each other where keys are in order. Each job takes it along everywhere, hence so short.
 */
export function newIdempotencyKey(): string {
  return `auto:${uuidv7(undefined, keyBytes).toString("base64url")}`;
}

/** Talks to a cluster. Every method throws {@linkcode Refusal} with a message meant to be read. */
export class JobClient {
  readonly #channel: Calls;

  /** @param channel how to reach the cluster; or a channel that others use too */
  constructor(channel: ChannelOptions | Calls) {
    this.#channel = callsOf(channel);
  }

  /**
   * Submits a job. It is safe to lose the answer: the submission carries an idempotency key (one is
   * made when there is none), so that a repeated try returns the same job.
   *
   * @throws Refusal `overloaded` when the cluster is full and does not get room in time
   */
  async submit(submission: Submission, { patienceMs = 0, signal }: Waiting = {}): Promise<
    SubmittedJob
  > {
    const request = submissionToWire(submission, submission.idempotencyKey ?? newIdempotencyKey());
    if (patienceMs <= 0) return submitted(await this.#channel.submit(request));
    const patience = new Patience(patienceMs, signal);
    return submitted(await patience.until(() => this.#channel.submit(request)));
  }

  /**
   * Submits many jobs in one call: one outcome each, in order. With patience, those that found no room
   * are submitted again: by themselves, or with all of the call where jobs name each other by `ref`,
   * since what was made stands in for itself under its key.
   */
  async submitBatch(
    submissions: readonly Submission[],
    options: Waiting & { readonly allOrNothing?: boolean } = {},
  ): Promise<BatchItem[]> {
    const { allOrNothing = false, patienceMs = 0, signal } = options;
    const batch = newIdempotencyKey();
    const jobs = submissions.map((submission, position) =>
      submissionToWire(submission, `${batch}:${position}`)
    );
    const patience = new Patience(patienceMs, signal);
    const areAlone = submissions.every(({ ref }) => ref === undefined);
    const items: BatchItem[] = [];
    let ahead = jobs.map((_, position) => position);
    while (true) {
      const { results } = await patience.until(() =>
        this.#channel.call(MasterService.method.submitJobs, {
          allOrNothing,
          jobs: ahead.map((position) => jobs[position]!),
        })
      );
      results.forEach((result, place) => {
        const position = ahead[place]!;
        const before = items[position];
        if (before === undefined || "error" in before) items[position] = itemOf(result);
      });
      const full = results.map((each) => Number(each.retryAfterMs));
      const isAnyFull = !allOrNothing && results.some(isFull);
      ahead = isAnyFull ? ahead.filter((_, place) => !areAlone || isFull(results[place]!)) : [];
      if (ahead.length === 0 || !await patience.wait(Math.max(...full))) return items;
    }
  }

  /** The job with its payload, result and history; linearizable unless `stale`. */
  async getJob(
    jobId: string,
    { stale = false, patient = false, signal }: {
      readonly stale?: boolean;
      readonly signal?: AbortSignal | undefined;
      /** Wait for a lost master as long as a call may take. */
      readonly patient?: boolean;
    } = {},
  ): Promise<JobDetails> {
    const response = await this.#channel.call(
      MasterService.method.getJobStatus,
      { jobId, stale },
      { patient, ...(signal === undefined ? {} : { signal }) },
    );
    if (response.job === undefined) throw new Refusal("internal", "the master answered no job");
    return detailsFromWire(response, response.job);
  }

  /** A page of jobs, newest first unless `order` says otherwise; linearizable unless `stale`. */
  async listJobs(query: Partial<JobQuery> = {}): Promise<JobPage> {
    const response = await this.#channel.call(MasterService.method.listJobs, {
      filter: filterToWire(query),
      order: query.order ?? "",
      limit: query.limit ?? 0,
      offset: query.offset ?? 0,
      cursor: query.cursor ?? "",
      stale: query.stale ?? false,
    });
    return pageFromWire(response);
  }

  /** Cancels a job; resolves to what happened. */
  async cancel(jobId: string, reason = ""): Promise<string> {
    const response = await this.#channel.call(MasterService.method.cancelJob, { jobId, reason });
    return response.message;
  }

  /**
   * Cancels every unfinished job of a filter, which must not be empty.
   *
   * @throws Refusal `outcome_unknown` when the answer was lost: call again
   */
  async cancelJobs(
    filter: JobFilter,
    { reason = "", dryRun = false }: { readonly reason?: string; readonly dryRun?: boolean } = {},
  ): Promise<BulkAnswer> {
    const { matched, cancelled } = await this.#channel.call(
      MasterService.method.cancelJobs,
      { filter: filterToWire(filter), reason, dryRun },
      { isRepeatable: false, workMs: BULK_WORK_MS },
    );
    return { matched: Number(matched), changed: Number(cancelled) };
  }

  /**
   * Every change of a job until it is finished. A lost master is replaced by the next one, and the
   * job's state is told again, its log lines are not.
   *
   * @param keptLog begin with what is kept of the last attempt's log
   * @param outlasts see {@linkcode Outlasting}
   */
  async *watch(
    jobId: string,
    signal?: AbortSignal,
    { keptLog = false, outlasts }: { readonly keptLog?: boolean } & Outlasting = {},
  ): AsyncGenerator<JobEventView> {
    let isOver = false;
    const log = new LogReader(keptLog ? 1 : 0);
    const open = async function* (channel: Calls) {
      const request = { jobId, logFromLine: log.wantsKept ? 1n : 0n };
      const events = channel.stream(MasterService.method.watchJob, request, signal);
      for await (const message of events) {
        const told = eventFromWire(message);
        const event = told === undefined ? undefined : log.read(told);
        if (event === undefined) continue;
        isOver = event.kind === "state" && isFinished(event.job);
        yield event;
      }
    };
    yield* untilEnd({
      open: () => open(this.#channel),
      isOver: () => isOver,
      ask: () => this.getJob(jobId, { signal, patient: true }),
      signal,
      outlasts,
    });
  }

  /** Follows a job to its end; resolves to it. */
  async waitFor(jobId: string, signal?: AbortSignal): Promise<JobView> {
    for await (const event of this.watch(jobId, signal)) {
      if (event.kind === "state" && isFinished(event.job)) return event.job;
    }
    throw new Refusal("unavailable", `the watch of job ${jobId} ended before the job did`);
  }

  /** Types or queues that have unfinished jobs or settings, by name. */
  async listStandings(scope: ScopeName): Promise<StandingView[]> {
    const { listTypes, listQueues } = MasterService.method;
    const standings = scope === "type"
      ? (await this.#channel.call(listTypes, {})).types
      : (await this.#channel.call(listQueues, {})).queues;
    return standings.map(standingFromWire);
  }

  /** Pauses, resumes or limits a type or a queue. */
  async configure(configuration: Configuration): Promise<Configured> {
    const { changed, standing } = await this.#channel.call(
      MasterService.method.configure,
      configurationToWire(configuration),
    );
    if (standing === undefined) throw new Refusal("internal", "the master answered no standing");
    return { changed, standing: standingFromWire(standing) };
  }

  /** How many jobs of a batch are where. */
  async getBatch(
    batchId: string,
    { patient = false, signal }: {
      readonly signal?: AbortSignal | undefined;
      readonly patient?: boolean;
    } = {},
  ): Promise<BatchView> {
    const { batch } = await this.#channel.call(
      MasterService.method.getBatch,
      { batchId },
      { patient, ...(signal === undefined ? {} : { signal }) },
    );
    if (batch === undefined) throw new Refusal("internal", "the master answered no batch");
    return batchFromWire(batch);
  }

  /** The counts of a batch as they change, until none of its jobs is unfinished; as `watch` does. */
  async *watchBatch(
    batchId: string,
    signal?: AbortSignal,
    { outlasts }: Outlasting = {},
  ): AsyncGenerator<BatchView> {
    const { watchBatch } = MasterService.method;
    let last: BatchView | undefined;
    const open = async function* (channel: Calls) {
      for await (const message of channel.stream(watchBatch, { batchId }, signal)) {
        yield last = batchFromWire(message);
      }
    };
    yield* untilEnd({
      open: () => open(this.#channel),
      isOver: () => last?.isFinished === true,
      ask: () => this.getBatch(batchId, { signal, patient: true }),
      signal,
      outlasts,
    });
  }

  /**
   * Cancels what is unfinished of a batch.
   *
   * @throws Refusal `outcome_unknown` when the answer was lost: call again
   */
  async cancelBatch(batchId: string, reason = ""): Promise<{ matched: number; cancelled: number }> {
    const response = await this.#channel.call(
      MasterService.method.cancelBatch,
      { batchId, reason },
      { isRepeatable: false, workMs: BULK_WORK_MS }, // the second time it counts what the first had left
    );
    return { matched: Number(response.matched), cancelled: Number(response.cancelled) };
  }

  /** A page of batches, the latest first. */
  async listBatches(
    query: {
      readonly limit?: number;
      readonly cursor?: string;
      readonly isUnfinished?: boolean;
    } = {},
  ): Promise<BatchPage> {
    const response = await this.#channel.call(MasterService.method.listBatches, {
      limit: query.limit ?? 0,
      cursor: query.cursor ?? "",
      unfinished: query.isUnfinished ?? false,
    });
    return { batches: response.batches.map(batchFromWire), nextCursor: response.nextCursor };
  }

  /** The workers the cluster knows, page by page, so that however many there are fit into messages. */
  async listWorkers(
    status = "",
    { stale = false }: Partial<Pick<WorkerQuery, "stale">> = {},
  ): Promise<WorkerView[]> {
    const workers: WorkerView[] = [];
    let cursor = "";
    do {
      const page = await this.workersPage({ status, limit: WORKERS_AT_ONCE, cursor, stale });
      workers.push(...page.workers);
      cursor = page.nextCursor;
    } while (cursor !== "");
    return workers;
  }

  /** A page of the workers that the cluster knows. */
  async workersPage(
    { status = "", limit = 0, cursor = "", stale = false }: Partial<WorkerQuery>,
  ): Promise<WorkerPage> {
    const { listWorkers } = MasterService.method;
    const request = { statusFilter: status, limit, cursor, stale };
    const { workers, total, nextCursor } = await this.#channel.call(listWorkers, request);
    return { workers: workers.map(workerFromWire), total, nextCursor };
  }

  /** All that is known of one worker. */
  async getWorker(workerId: string): Promise<WorkerDetails> {
    return workerDetailsFromWire(
      await this.#channel.call(MasterService.method.getWorker, { workerId }),
    );
  }

  /**
   * Stops (or resumes) giving a worker new jobs; with `graceMs`, what it still runs after that time
   * is handed back to the queue.
   */
  async drainWorker(
    workerId: string,
    options: { readonly undrain?: boolean; readonly graceMs?: number } = {},
  ) {
    const response = await this.#channel.call(MasterService.method.drainWorker, {
      workerId,
      undrain: options.undrain ?? false,
      ...(options.graceMs === undefined ? {} : { graceMs: BigInt(Math.round(options.graceMs)) }),
    });
    return response.message;
  }

  /** A page of dead letters, newest first unless `order` says otherwise. */
  async listDeadLetters(query: Partial<Omit<JobQuery, "stale">> = {}): Promise<JobPage> {
    const response = await this.#channel.call(MasterService.method.listDLQ, {
      filter: filterToWire(query),
      order: query.order ?? "",
      limit: query.limit ?? 0,
      offset: query.offset ?? 0,
      cursor: query.cursor ?? "",
    });
    return pageFromWire(response);
  }

  /** Puts every dead letter of a filter back into the queue; `"all"`: every one there is. */
  async retryDeadLetters(
    filter: JobFilter | "all",
    { dryRun = false }: { readonly dryRun?: boolean } = {},
  ): Promise<BulkAnswer> {
    const { matched, retried } = await this.#channel.call(
      MasterService.method.retryDeadLetters,
      { ...selectionToWire(filter), dryRun },
      { isRepeatable: false, workMs: BULK_WORK_MS },
    );
    return { matched: Number(matched), changed: Number(retried) };
  }

  /** Forgets dead letters: those of a filter, all, or exactly these. */
  async purgeDeadLetters(
    which: JobFilter | "all" | { readonly jobIds: readonly string[] },
    { dryRun = false }: { readonly dryRun?: boolean } = {},
  ): Promise<BulkAnswer> {
    const { matched, purged } = await this.#channel.call(
      MasterService.method.purgeDeadLetters,
      {
        ...(typeof which === "object" && "jobIds" in which
          ? { jobIds: [...which.jobIds] }
          : selectionToWire(which)),
        dryRun,
      },
      { isRepeatable: false, workMs: BULK_WORK_MS },
    );
    return { matched: Number(matched), changed: Number(purged) };
  }

  /** Puts a dead letter back into the queue. */
  async retryDeadLetter(jobId: string): Promise<string> {
    const response = await this.#channel.call(
      MasterService.method.retryFromDLQ,
      { jobId },
      { isRepeatable: false }, // it might give a fresh budget to a job that failed again meanwhile
    );
    return response.message;
  }

  /** The cluster as the master that answers sees it. */
  async clusterHealth(): Promise<ClusterHealthView> {
    const response = await this.#channel.call(MasterService.method.getClusterHealth, {});
    return healthFromWire(response);
  }

  /** Asks for a master to be let into the cluster; harmless when it is a member already. */
  async joinCluster(joining: JoiningNode): Promise<{ message: string; leaderId: string }> {
    const response = await this.#channel.call(MasterService.method.joinCluster, {
      nodeId: joining.nodeId,
      address: joining.raftAddress,
      grpcAddress: joining.grpcAddress,
      incarnation: joining.incarnation,
      clusterId: joining.clusterId,
      entryFormat: joining.entryFormat,
    });
    return { message: response.message, leaderId: response.leader };
  }

  /** Closes the connections. */
  close(): void {
    this.#channel.close();
  }
}
