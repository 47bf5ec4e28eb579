/**
 * Dead letters.
 *
 * @module
 */

import {
  boundTo,
  type BulkAnswer,
  type Calls,
  JobClient,
  type JobFilter,
  type JobOrder,
  type JobView,
} from "../rpc/light.ts";
import { told } from "./errors.ts";
import type { CallBounds } from "./job.ts";
import { pagesOf } from "./pages.ts";

/** Jobs that failed for good: to be looked at, tried again, or forgotten. */
export class DeadLetters {
  readonly #channel: Calls;

  /** Made by the client: `client.deadLetters`. */
  constructor(channel: Calls) {
    this.#channel = channel;
  }

  /** Those of a filter, newest first unless `order` says otherwise. */
  list(
    options: JobFilter & CallBounds & { readonly order?: JobOrder; readonly pageSize?: number } =
      {},
  ): AsyncGenerator<JobView> {
    const { pageSize, signal: _, ...query } = options;
    return pagesOf(async (cursor) => {
      const { jobs, nextCursor } = await told(
        this.#client(options).listDeadLetters({
          ...query,
          cursor,
          ...(pageSize !== undefined && { limit: pageSize }),
        }),
      );
      return { items: jobs, nextCursor };
    });
  }

  /** Puts one back into the queue with a fresh retry budget. */
  retry(jobId: string, options: CallBounds = {}): Promise<string> {
    return told(this.#client(options).retryDeadLetter(jobId));
  }

  /** The same for all of a filter; `"all"`: every one there is. */
  retryAll(
    filter: JobFilter | "all",
    options: CallBounds & { readonly dryRun?: boolean } = {},
  ): Promise<BulkAnswer> {
    const { dryRun = false } = options;
    return told(this.#client(options).retryDeadLetters(filter, { dryRun }));
  }

  /** Forgets those of a filter, all, or exactly those named, with their payloads and results. */
  purge(
    which: JobFilter | "all" | { readonly jobIds: readonly string[] },
    options: CallBounds & { readonly dryRun?: boolean } = {},
  ): Promise<BulkAnswer> {
    const { dryRun = false } = options;
    return told(this.#client(options).purgeDeadLetters(which, { dryRun }));
  }

  #client({ signal }: CallBounds): JobClient {
    return new JobClient(boundTo(this.#channel, { ...(signal && { signal }) }));
  }
}
