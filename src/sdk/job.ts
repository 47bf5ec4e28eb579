/**
 * One job, to do things with.
 *
 * @module
 */

import {
  boundTo,
  type Calls,
  isFinished,
  JobClient,
  type JobDetails,
  type JobEventView,
  type JobView,
  SUBMITTED,
} from "../rpc/light.ts";
import { JobFailedError, told, toldEach } from "./errors.ts";
import { type Reading, requireReading, valueOf } from "./payload.ts";

/** What every call may be given. */
export interface CallBounds {
  /** Ends the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A job of the cluster, by its id. It holds nothing else: every method asks. */
export class Job<Output = unknown> {
  /** Its id. */
  readonly id: string;
  /** An earlier submission under the same key had made it. */
  readonly isDuplicate: boolean;
  /** What the cluster remarked about the submission; usually empty. */
  readonly remark: string;
  readonly #channel: Calls;

  /** Made by the client: `client.submit` and `client.job`. */
  constructor(
    channel: Calls,
    submitted: { readonly jobId: string; readonly duplicate?: boolean; readonly message?: string },
  ) {
    this.#channel = channel;
    this.id = submitted.jobId;
    this.isDuplicate = submitted.duplicate ?? false;
    const { message = "" } = submitted;
    this.remark = message === SUBMITTED ? "" : message;
  }

  /** Everything known of it: status, payload, attempts, progress, history, and why it waits. */
  details(options: CallBounds & { readonly stale?: boolean } = {}): Promise<JobDetails> {
    const { stale = false, signal } = options;
    return told(this.#client(options).getJob(this.id, { stale, signal }));
  }

  /**
   * Follows it to its end, however that is; a lost master is replaced by the next. When none has answered for
   * `callTimeoutMs` it rejects with reason `unavailable`, as every call does, and may be called again.
   */
  wait(options: CallBounds = {}): Promise<JobView> {
    return told(this.#client(options).waitFor(this.id, options.signal));
  }

  /**
   * Waits for its end, and resolves to what it left: JSON as a value, text as a string, else bytes.
   *
   * @throws JobFailedError when it failed or was cancelled
   */
  async result({ bigints, ...options }: CallBounds & Reading = {}): Promise<Output> {
    requireReading({ bigints });
    const { result } = await this.#completed(options);
    const { output = new Uint8Array(0), contentType = "" } = result ?? {};
    return valueOf(output, contentType, { bigints }) as Output;
  }

  /** The same as the bytes that are kept. @throws JobFailedError */
  async resultBytes(options: CallBounds = {}): Promise<Uint8Array> {
    return (await this.#completed(options)).result?.output ?? new Uint8Array(0);
  }

  /** Its changes of state, its progress and its log lines, from now until it is finished. */
  watch(options: CallBounds & { readonly keptLog?: boolean } = {}): AsyncGenerator<JobEventView> {
    const { keptLog = false, signal } = options;
    return toldEach(this.#client(options).watch(this.id, signal, { keptLog }));
  }

  /**
   * What it logs, line by line: first what is kept of its last attempt, then what comes until it is
   * finished. With `follow: false`: what is kept.
   */
  async *logs(options: CallBounds & { readonly follow?: boolean } = {}): AsyncGenerator<string> {
    if (options.follow === false) {
      yield* (await this.details(options)).logTail;
      return;
    }
    for await (const event of this.watch({ ...options, keptLog: true })) {
      if (event.kind === "log") yield* event.lines;
    }
  }

  /** Cancels it, unless it is finished; resolves to what happened, in words. */
  cancel(options: CallBounds & { readonly reason?: string } = {}): Promise<string> {
    return told(this.#client(options).cancel(this.id, options.reason));
  }

  /** Of a dead letter: puts it back into the queue with a fresh retry budget. */
  retry(options: CallBounds = {}): Promise<string> {
    return told(this.#client(options).retryDeadLetter(this.id));
  }

  async #completed(options: CallBounds): Promise<JobView> {
    let { job } = await this.details(options);
    if (!isFinished(job)) {
      await this.wait(options);
      job = (await this.details(options)).job;
    }
    if (job.status !== "completed") throw new JobFailedError(job);
    return job;
  }

  #client({ signal }: CallBounds): JobClient {
    return new JobClient(boundTo(this.#channel, { ...(signal && { signal }) }));
  }
}
