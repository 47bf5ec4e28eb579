/**
 * Jobs that were submitted together, under one handle.
 *
 * @module
 */

import { type BatchView, boundTo, type Calls, JobClient } from "../rpc/light.ts";
import { ConductorError, told, toldEach } from "./errors.ts";
import type { CallBounds, Job } from "./job.ts";

/** A batch, by its id. */
export class Batch {
  /** Its id. */
  readonly id: string;
  readonly #channel: Calls;

  /** Made by the client: `client.batch` and `client.submitBatch`. */
  constructor(channel: Calls, id: string) {
    this.#channel = channel;
    this.id = id;
  }

  /** How many of its jobs have which status. */
  counts(options: CallBounds = {}): Promise<BatchView> {
    return told(this.#client(options).getBatch(this.id, { signal: options.signal }));
  }

  /** The counts as they change, until none of its jobs is unfinished. */
  watch(options: CallBounds = {}): AsyncGenerator<BatchView> {
    return toldEach(this.#client(options).watchBatch(this.id, options.signal));
  }

  /** Waits until none of its jobs is unfinished; resolves to the counts then. */
  async wait(options: CallBounds = {}): Promise<BatchView> {
    let last: BatchView | undefined;
    for await (const counts of this.watch(options)) last = counts;
    return last ?? await this.counts(options);
  }

  /**
   * Cancels what is unfinished of it.
   *
   * @throws ConductorError `outcome_unknown` when the answer was lost: call again
   */
  cancel(
    options: CallBounds & { readonly reason?: string } = {},
  ): Promise<{ readonly matched: number; readonly cancelled: number }> {
    return told(this.#client(options).cancelBatch(this.id, options.reason));
  }

  #client({ signal }: CallBounds): JobClient {
    return new JobClient(boundTo(this.#channel, { ...(signal && { signal }) }));
  }
}

/** What became of the submissions of one `submitBatch`. */
export class SubmittedBatch extends Batch {
  /** One for each submission, in order: the job, or why it was refused. */
  readonly items: readonly (Job | ConductorError)[];

  /** Made by `client.submitBatch`. */
  constructor(channel: Calls, id: string, items: readonly (Job | ConductorError)[]) {
    super(channel, id);
    this.items = items;
  }

  /** A batch begins with its first job: one that got none, because there were none or all were refused, is over. */
  override async counts(options: CallBounds = {}): Promise<BatchView> {
    try {
      return await super.counts(options);
    } catch (failure) {
      return this.#emptyAt(failure);
    }
  }

  /** See {@linkcode Batch.watch}. */
  override async *watch(options: CallBounds = {}): AsyncGenerator<BatchView> {
    try {
      yield* super.watch(options);
    } catch (failure) {
      yield this.#emptyAt(failure);
    }
  }

  /** The jobs that were accepted. */
  get jobs(): readonly Job[] {
    return this.items.filter((each): each is Job => !(each instanceof Error));
  }

  /** Why the others were not. */
  get refusals(): readonly ConductorError[] {
    return this.items.filter((each): each is ConductorError => each instanceof Error);
  }

  /** @throws the failure, unless it is that there is no batch because it has no job */
  #emptyAt(failure: unknown): BatchView {
    const isEmpty = this.jobs.length === 0 && failure instanceof ConductorError &&
      failure.reason === "not_found";
    if (!isEmpty) throw failure;
    return {
      ...{ id: this.id, namespace: "", createdAtMs: 0, submittedBy: "", total: 0 },
      byStatus: NO_JOBS,
      isFinished: true,
    };
  }
}

const NO_JOBS: BatchView["byStatus"] = {
  waiting: 0,
  pending: 0,
  assigned: 0,
  running: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
};
