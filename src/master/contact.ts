/**
 * Whether this master is cut off: nobody leads that it knows of, and for an election timeout it has
 * heard of too few others for there to be a leader on its side. Calls that waited here for one would
 * wait in vain, while their callers may reach members that are better off.
 *
 * @module
 */

import type { RaftStatus } from "../raft/mod.ts";

export interface ContactOptions {
  readonly electionTimeoutMs: number;
  /** A clock that only goes on, in ms. */
  readonly now: () => number;
}

export class Contact {
  readonly #options: ContactOptions;
  readonly #heardMs = new Map<string, number>();
  /** Those who were never heard of count from here, so that a start is no reason to despair. */
  readonly #startedMs: number;

  constructor(options: ContactOptions) {
    this.#options = options;
    this.#startedMs = options.now();
  }

  /** A message of that node has come. */
  heard(nodeId: string): void {
    this.#heardMs.set(nodeId, this.#options.now());
  }

  isLost({ id, leaderId, members }: Pick<RaftStatus, "id" | "leaderId" | "members">): boolean {
    if (leaderId !== undefined) return false;
    const { now, electionTimeoutMs } = this.#options;
    const sinceMs = now() - electionTimeoutMs;
    const voters = members.filter((each) => each.votes);
    const present = voters.filter((each) =>
      each.id === id || (this.#heardMs.get(each.id) ?? this.#startedMs) >= sinceMs
    );
    return present.length < Math.floor(voters.length / 2) + 1;
  }
}
