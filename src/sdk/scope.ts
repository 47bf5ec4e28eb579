/**
 * Queues and job types: how they stand, and what is set for them.
 *
 * @module
 */

import {
  boundTo,
  type Calls,
  JobClient,
  type ScopeName,
  type SettingsChangeView,
  type StandingView,
} from "../rpc/light.ts";
import { told } from "./errors.ts";
import type { CallBounds } from "./job.ts";

/** All queues, or all job types. What is set holds across failovers. */
export class Scope {
  readonly #channel: Calls;
  readonly #scope: ScopeName;

  /** Made by the client: `client.queues` and `client.types`. */
  constructor(channel: Calls, scope: ScopeName) {
    this.#channel = channel;
    this.#scope = scope;
  }

  /** Those that have unfinished jobs or settings, by name. */
  list(options: CallBounds = {}): Promise<readonly StandingView[]> {
    return told(this.#client(options).listStandings(this.#scope));
  }

  /** Nothing of it is assigned any more; what runs goes on. */
  pause(name: string, options?: CallBounds): Promise<StandingView> {
    return this.#configure(name, { paused: true }, options);
  }

  /** Undoes a pause. */
  resume(name: string, options?: CallBounds): Promise<StandingView> {
    return this.#configure(name, { paused: false }, options);
  }

  /** Changes limits (and, of a queue, the weight); what is left out stays. */
  set(name: string, change: SettingsChangeView, options?: CallBounds): Promise<StandingView> {
    return this.#configure(name, change, options);
  }

  /** Forgets all that was set. */
  reset(name: string, options?: CallBounds): Promise<StandingView> {
    return this.#configure(name, null, options);
  }

  async #configure(
    name: string,
    change: SettingsChangeView | null,
    options: CallBounds = {},
  ): Promise<StandingView> {
    const client = this.#client(options);
    return (await told(client.configure({ scope: this.#scope, name, change }))).standing;
  }

  #client({ signal }: CallBounds): JobClient {
    return new JobClient(boundTo(this.#channel, { ...(signal && { signal }) }));
  }
}
