/**
 * The workers of a cluster, from outside.
 *
 * @module
 */

import { boundTo, type Calls, JobClient, type WorkerView } from "../rpc/light.ts";
import { told } from "./errors.ts";
import type { CallBounds } from "./job.ts";

/** Who works, and who shall get nothing new. */
export class Workers {
  readonly #channel: Calls;

  /** Made by the client: `client.workers`. */
  constructor(channel: Calls) {
    this.#channel = channel;
  }

  /**
   * Those that the cluster knows, or of one status, by id. With `stale`, as whichever master answers has
   * it, which need not know who leads; when workers were heard of, the leader alone knows.
   */
  list(
    options: CallBounds & {
      readonly status?: "active" | "draining" | "disconnected";
      readonly stale?: boolean;
    } = {},
  ): Promise<readonly WorkerView[]> {
    const { status = "", stale = false } = options;
    return told(this.#client(options).listWorkers(status, { stale }));
  }

  /** Gives it no new jobs; those that it runs go on. Resolves to what happened. */
  drain(workerId: string, options: CallBounds = {}): Promise<string> {
    return told(this.#client(options).drainWorker(workerId));
  }

  /** Gives it jobs again. */
  undrain(workerId: string, options: CallBounds = {}): Promise<string> {
    return told(this.#client(options).drainWorker(workerId, { undrain: true }));
  }

  #client({ signal }: CallBounds): JobClient {
    return new JobClient(boundTo(this.#channel, { ...(signal && { signal }) }));
  }
}
