/**
 * The client: what a program asks of a cluster.
 *
 * @module
 */

import {
  type BatchItem,
  type BatchView,
  boundTo,
  type BulkAnswer,
  type Calls,
  type ClusterHealthView,
  inNamespace,
  JobClient,
  type JobDetails,
  type JobEventView,
  type JobFilter,
  type JobOrder,
  type JobPage,
  type JobQuery,
  type JobView,
  reasonOfCode,
  sealedCalls,
  type Submission,
} from "../rpc/light.ts";
import { Batch, SubmittedBatch } from "./batch.ts";
import { type ConnectOptions, openChannel, payloadKeysOf, withFreshToken } from "./connection.ts";
import { DeadLetters } from "./dead_letters.ts";
import { fromEnvironment } from "./environment.ts";
import { ConductorError, told } from "./errors.ts";
import { type CallBounds, Job } from "./job.ts";
import type { JobKind } from "./job_kind.ts";
import { BULK_OPTIONS, type NamesOf, requireFilter, requireKnown } from "./known.ts";
import { pagesOf } from "./pages.ts";
import { Schedules } from "./schedules.ts";
import { Scope } from "./scope.ts";
import { type JobStats, statsOf } from "./stats.ts";
import { resubmissionOf, submissionOf, type SubmitOptions } from "./submit_options.ts";
import { JobTemplate } from "./templates.ts";
import { Workers } from "./workers.ts";

/** What a submission may be given beside the job's own options. */
export interface SubmitCallOptions extends CallBounds {
  /** How long to try again while the cluster takes no more jobs, in ms. Default: not at all. */
  readonly patienceMs?: number;
}

/** One job of a batch. */
export interface BatchJob extends SubmitOptions {
  /** The job type, by name, as a kind or as a template. */
  readonly type: string | JobKind<unknown, unknown> | JobTemplate;
  /** Bytes as they are, anything else as JSON. Default: `{}`. */
  readonly payload?: unknown;
}

/** Which jobs to list, and how. */
export interface ListOptions extends JobFilter, CallBounds {
  /** Default: `newest`. */
  readonly order?: JobOrder;
  /** Jobs asked for at once; at most 1,000. Default: 100. */
  readonly pageSize?: number;
  /** Read from whichever master answers, which may lag behind. */
  readonly stale?: boolean;
}

const BATCH_OPTIONS = {
  signal: true,
  patienceMs: true,
  allOrNothing: true,
  batchId: true,
} as const;
/** What a page is asked for by, beside the filter. */
const PAGE: NamesOf<Omit<JobQuery, keyof JobFilter>> = {
  order: true,
  limit: true,
  offset: true,
  cursor: true,
  stale: true,
};
/** Jobs of one call, when `submitBatch` may split them. */
const BATCH_CALL_JOBS_MAX = 1_000;
/** Bytes of payload of one call, then. */
const BATCH_CALL_BYTES_MAX = 1024 * 1024;

/**
 * A connection to a cluster, through whichever of its masters answers. Calls are repeated where that is
 * safe, and leaders are followed. Every method throws {@linkcode ConductorError}, and rejects with the
 * reason of its signal when that is aborted; arguments that can be said to no cluster, such as a number
 * that is none, are a `TypeError` or `RangeError`.
 */
export class ConductorClient implements AsyncDisposable, Disposable {
  /** Dead letters: jobs that failed for good. */
  readonly deadLetters: DeadLetters;
  /** Jobs by cron, by period, or at a time. */
  readonly schedules: Schedules;
  /** Who works. */
  readonly workers: Workers;
  /** Queues: pause, resume, limits, weights. */
  readonly queues: Scope;
  /** Job types: pause, resume, limits. */
  readonly types: Scope;
  readonly #channel: Calls;
  #unbounded: JobClient | undefined;

  /** Connects when something is first asked. @throws TypeError for options that do not fit together */
  constructor(options: ConnectOptions) {
    const keys = payloadKeysOf(options);
    const calls = inNamespace(withFreshToken(openChannel(options)), options.namespace);
    this.#channel = sealedCalls(calls, keys);
    this.deadLetters = new DeadLetters(this.#channel);
    this.schedules = new Schedules(this.#channel);
    this.workers = new Workers(this.#channel);
    this.queues = new Scope(this.#channel, "queue");
    this.types = new Scope(this.#channel, "type");
  }

  /**
   * Submits a job. When this resolves, the job is on disk on a majority of the masters.
   *
   * @param type a {@linkcode JobKind}, by which payload and result are typed
   * @param payload bytes as they are, anything else as JSON
   */
  submit<Input, Output>(
    type: JobKind<Input, Output>,
    payload: Input,
    options?: SubmitOptions & SubmitCallOptions,
  ): Promise<Job<Output>>;
  /**
   * Submits a job.
   *
   * @param type its name, or a template
   * @param payload bytes as they are, anything else as JSON; default: `{}`
   */
  submit<Output = unknown>(
    type: string | JobTemplate,
    payload?: unknown,
    options?: SubmitOptions & SubmitCallOptions,
  ): Promise<Job<Output>>;
  /** Of either. */
  async submit(
    type: string | JobTemplate | JobKind<unknown, unknown>,
    payload: unknown = {},
    options: SubmitOptions & SubmitCallOptions = {},
  ): Promise<Job> {
    const { patienceMs = 0, signal, ...asked } = options;
    const submission = submissionFrom({ ...asked, type, payload });
    const waiting = { patienceMs, ...(signal && { signal }) };
    const submitted = await told(this.#client(options).submit(submission, waiting));
    return new Job(this.#channel, submitted);
  }

  /**
   * Submits many jobs under one batch id (theirs, or a new one). Jobs may depend on each other by `ref`,
   * in any order. Refused ones are among the answer's `items`; with `allOrNothing` they refuse all.
   * Without either, a batch that is longer than one call may be is split; if one of the calls fails, the
   * error says how many jobs were taken before, and under which batch.
   */
  async submitBatch(
    jobs: readonly BatchJob[],
    options: SubmitCallOptions & {
      readonly allOrNothing?: boolean;
      /** Default: a new one. */
      readonly batchId?: string;
    } = {},
  ): Promise<SubmittedBatch> {
    const { allOrNothing = false, patienceMs = 0, signal } = options;
    const { batchId = `batch-${crypto.randomUUID()}` } = options;
    requireKnown(options, BATCH_OPTIONS, "a batch has no option", "submitBatch's documentation");
    const submissions = jobs.map((each) => submissionFrom({ batchId, ...each }));
    const mustBeOne = allOrNothing || submissions.some(({ ref }) => ref !== undefined);
    const items: BatchItem[] = [];
    const terms = { allOrNothing, patienceMs, ...(signal && { signal }) };
    for (const part of mustBeOne ? [submissions] : inCalls(submissions)) {
      if (part.length === 0) continue;
      try {
        items.push(...await told(this.#client(options).submitBatch(part, terms)));
      } catch (failure) {
        if (items.length === 0 || !(failure instanceof ConductorError)) throw failure;
        const { reason, message, retryAfterMs, mayBeDone } = failure;
        const before = `${items.length} of ${jobs.length} jobs were answered before`;
        throw new ConductorError(reason, `${message}; ${before}, those of batch ${batchId}`, {
          cause: failure,
          retryAfterMs,
          mayBeDone,
        });
      }
    }
    return new SubmittedBatch(this.#channel, batchId, items.map((each) => this.#itemOf(each)));
  }

  /** A job by its id, to do things with; asks nothing yet. */
  job<Output = unknown>(jobId: string): Job<Output> {
    return new Job(this.#channel, { jobId });
  }

  /** A batch by its id, to do things with; asks nothing yet. */
  batch(batchId: string): Batch {
    return new Batch(this.#channel, batchId);
  }

  /** See {@linkcode Job.details}. */
  get(jobId: string, options?: CallBounds & { readonly stale?: boolean }): Promise<JobDetails> {
    return this.job(jobId).details(options);
  }

  /** See {@linkcode Job.wait}. */
  wait(jobId: string, options?: CallBounds): Promise<JobView> {
    return this.job(jobId).wait(options);
  }

  /** See {@linkcode Job.result}. */
  result<Output = unknown>(jobId: string, options?: CallBounds): Promise<Output> {
    return this.job<Output>(jobId).result(options);
  }

  /** See {@linkcode Job.watch}. */
  watch(
    jobId: string,
    options?: CallBounds & { readonly keptLog?: boolean },
  ): AsyncGenerator<JobEventView> {
    return this.job(jobId).watch(options);
  }

  /** See {@linkcode Job.logs}. */
  logs(
    jobId: string,
    options?: CallBounds & { readonly follow?: boolean },
  ): AsyncGenerator<string> {
    return this.job(jobId).logs(options);
  }

  /** See {@linkcode Job.cancel}. */
  cancel(jobId: string, options?: CallBounds & { readonly reason?: string }): Promise<string> {
    return this.job(jobId).cancel(options);
  }

  /** Cancels every unfinished job of a filter, which must not be empty. */
  async cancelAll(
    filter: JobFilter,
    options: CallBounds & { readonly reason?: string; readonly dryRun?: boolean } = {},
  ): Promise<BulkAnswer> {
    const { reason = "", dryRun = false } = options;
    requireFilter(filter);
    requireKnown(
      options,
      BULK_OPTIONS,
      "a call about many jobs has no option",
      "its documentation",
    );
    return await told(this.#client(options).cancelJobs(filter, { reason, dryRun }));
  }

  /** See {@linkcode Job.retry}. */
  retry(jobId: string, options?: CallBounds): Promise<string> {
    return this.job(jobId).retry(options);
  }

  /** Submits a job again as a new one, with its type, payload and budgets, whatever became of it. */
  async resubmit(jobId: string, options: SubmitCallOptions = {}): Promise<Job> {
    const { job } = await this.get(jobId, options);
    const { patienceMs = 0, signal } = options;
    const submitted = await told(
      this.#client(options).submit(resubmissionOf(job), {
        patienceMs,
        ...(signal && { signal }),
      }),
    );
    return new Job(this.#channel, submitted);
  }

  /** Jobs of a filter, page by page, without payloads and results; stable while jobs come and go. */
  list(options: ListOptions = {}): AsyncGenerator<JobView> {
    const { pageSize, signal: _, ...query } = options;
    return pagesOf(async (cursor) => {
      const { jobs, nextCursor } = await this.page({
        ...query,
        cursor,
        ...(pageSize !== undefined && { limit: pageSize }),
      }, options);
      return { items: jobs, nextCursor };
    });
  }

  /** One page of jobs, with how many there are in all. */
  async page(query: Partial<JobQuery> = {}, options: CallBounds = {}): Promise<JobPage> {
    requireFilter(query, PAGE);
    return await told(this.#client(options).listJobs(query));
  }

  /** The batches that have jobs, the latest first. */
  batches(
    options: CallBounds & { readonly unfinished?: boolean } = {},
  ): AsyncGenerator<BatchView> {
    return pagesOf(async (cursor) => {
      const { batches, nextCursor } = await told(
        this.#client(options).listBatches({ cursor, isUnfinished: options.unfinished ?? false }),
      );
      return { items: batches, nextCursor };
    });
  }

  /** How many jobs there are by status, how many of those that ended completed, and how long they took. */
  stats(options: CallBounds = {}): Promise<JobStats> {
    return statsOf((query) => this.page(query, options));
  }

  /** The cluster as the master that answers sees it: who leads, how many workers, how long the queue. */
  health(options: CallBounds = {}): Promise<ClusterHealthView> {
    return told(this.#client(options).clusterHealth());
  }

  /** Closes the connections; calls under way fail. */
  close(): void {
    this.#channel.close();
  }

  /** For `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #itemOf(item: BatchItem): Job | ConductorError {
    if (!("error" in item)) return new Job(this.#channel, item);
    const { error, code, retryAfterMs } = item;
    const isTooLarge = reasonOfCode(code) === "overloaded" && retryAfterMs === 0;
    return new ConductorError(isTooLarge ? "too_large" : reasonOfCode(code), error, {
      retryAfterMs: retryAfterMs > 0 ? retryAfterMs : undefined,
    });
  }

  /** One for all calls that nothing bounds. */
  #client({ signal }: CallBounds): JobClient {
    if (signal !== undefined) return new JobClient(boundTo(this.#channel, { signal }));
    return this.#unbounded ??= new JobClient(this.#channel);
  }
}

/**
 * A client of the cluster at those addresses (`host:port` of one or more masters), or of those options,
 * or of what the environment says ({@linkcode fromEnvironment}). It connects when it is first asked.
 *
 * ```ts
 * await using client = connect("localhost:9000");
 * const job = await client.submit("test_sleep", { duration: "1s" });
 * console.log(await job.result());
 * ```
 */
export function connect(
  options: string | readonly string[] | ConnectOptions = fromEnvironment(),
): ConductorClient {
  const isWhole = typeof options === "object" && !Array.isArray(options);
  return new ConductorClient(
    isWhole ? options as ConnectOptions : { addresses: options as string | readonly string[] },
  );
}

function submissionFrom({ type, payload = {}, ...options }: BatchJob): Submission {
  if (type === undefined || type === null) {
    throw new TypeError(`a job's type is ${type}: name one, such as "web_scraping"`);
  }
  if (!(type instanceof JobTemplate)) {
    return submissionOf(typeof type === "string" ? type : type.name, payload, options);
  }
  if (type.type === undefined) {
    throw new TypeError("the template names no job type: give it one, with withType(name)");
  }
  return submissionOf(type.type, payload, { ...type.options, ...options });
}

/** In calls that are no longer than one message may be. */
function inCalls(submissions: readonly Submission[]): Submission[][] {
  const calls: Submission[][] = [];
  let bytesLeft = 0;
  for (const each of submissions) {
    const call = calls.at(-1);
    bytesLeft -= each.payload.byteLength;
    if (call !== undefined && bytesLeft >= 0 && call.length < BATCH_CALL_JOBS_MAX) {
      call.push(each);
    } else {
      calls.push([each]);
      bytesLeft = BATCH_CALL_BYTES_MAX - each.payload.byteLength;
    }
  }
  return calls;
}
