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
import { BULK_OPTIONS, requireFilter, requireKnown } from "./known.ts";
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
    requireFilter(query, { order: true });
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
  async retryAll(
    filter: JobFilter | "all",
    options: CallBounds & { readonly dryRun?: boolean } = {},
  ): Promise<BulkAnswer> {
    const { dryRun = false } = options;
    requireBulk(filter, options);
    return await told(this.#client(options).retryDeadLetters(filter, { dryRun }));
  }

  /** Forgets those of a filter, all, or exactly those named, with their payloads and results. */
  async purge(
    which: JobFilter | "all" | { readonly jobIds: readonly string[] },
    options: CallBounds & { readonly dryRun?: boolean } = {},
  ): Promise<BulkAnswer> {
    const { dryRun = false } = options;
    requireBulk(which, options);
    return await told(this.#client(options).purgeDeadLetters(which, { dryRun }));
  }

  #client({ signal }: CallBounds): JobClient {
    return new JobClient(boundTo(this.#channel, { ...(signal && { signal }) }));
  }
}

/** @throws TypeError for a name that there is not, which would make the call about more than was meant */
function requireBulk(which: object | "all", options: object): void {
  if (typeof which === "object" && !("jobIds" in which)) requireFilter(which);
  if (typeof which === "object" && "jobIds" in which) {
    requireKnown(which, { jobIds: true }, "beside jobIds there is no", "DeadLetters.purge");
  }
  requireKnown(options, BULK_OPTIONS, "a call about many jobs has no option", "its documentation");
}
