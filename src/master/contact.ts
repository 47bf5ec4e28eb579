/**
 * Whether this master is cut off: nobody leads that it knows of, and too few others have been heard of
 * for there to be a leader on its side. Calls that waited here for one would wait in vain, while their
 * callers may reach members that are better off.
 *
 * @module
 */

import type { RaftStatus } from "../raft/mod.ts";

export interface ContactOptions {
  readonly electionTimeoutMs: number;
  /** A clock that only goes on, in ms. */
  readonly now: () => number;
}

/** Who lost its leader has this part of an election timeout to hear of others: it asks them now. */
const QUESTION_SHARE = 0.5;

export class Contact {
  readonly #options: ContactOptions;
  readonly #heardMs = new Map<string, number>();
  /** Nobody counts as silent for longer than since then. */
  #sinceMs: number;
  #hasLeader = false;
  #isFollowing = false;

  constructor(options: ContactOptions) {
    this.#options = options;
    this.#sinceMs = options.now();
  }

  /** A message of that node has come. */
  heard(nodeId: string): void {
    this.#heardMs.set(nodeId, this.#options.now());
  }

  /** Role or known leader have changed. */
  roleChanged({ role, leaderId }: Pick<RaftStatus, "role" | "leaderId">): void {
    const { now, electionTimeoutMs } = this.#options;
    this.#hasLeader = leaderId !== undefined;
    // Followers hear of their leader alone; that they heard of nobody else says nothing.
    if (this.#isFollowing && !this.#hasLeader) {
      this.#sinceMs = now() - electionTimeoutMs * (1 - QUESTION_SHARE);
    }
    this.#isFollowing = this.#hasLeader && role !== "leader";
  }

  /** Nobody leads, as far as it was told, and too few of `members` have been heard of. */
  isLost({ id, members }: Pick<RaftStatus, "id" | "members">): boolean {
    if (this.#hasLeader) return false;
    const { now, electionTimeoutMs } = this.#options;
    const silentSinceMs = now() - electionTimeoutMs;
    const voters = members.filter((each) => each.votes);
    const present = voters.filter((each) =>
      each.id === id || Math.max(this.#heardMs.get(each.id) ?? 0, this.#sinceMs) >= silentSinceMs
    );
    return present.length < Math.floor(voters.length / 2) + 1;
  }
}
