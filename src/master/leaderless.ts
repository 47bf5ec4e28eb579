/**
 * Says what can be done when no leader is found for long: the majority may be down, or lost.
 *
 * @module
 */

import type { Logger } from "../observability/mod.ts";
import type { RaftStatus } from "../raft/mod.ts";

/** Election timeouts without a leader after which it is said, and said again. */
const PATIENCE_ELECTIONS = 10;

export class LeaderlessWatch {
  readonly #log: Logger;
  readonly #patienceMs: number;
  readonly #isHindered: () => boolean;
  #timer: ReturnType<typeof setInterval> | undefined;
  #sinceMs = 0;
  #isStopped = false;
  /** Where the others were told to find this master, when they let it in. */
  #letInAt: string | undefined;

  /** @param isHindered whether this master could not hear of a leader; that was said already */
  constructor(log: Logger, electionTimeoutMs: number, isHindered: () => boolean) {
    this.#log = log;
    this.#isHindered = isHindered;
    this.#patienceMs = electionTimeoutMs * PATIENCE_ELECTIONS;
  }

  /** Role, term or known leader have changed; `status` tells how it is when somebody looks. */
  roleChanged(now: RaftStatus, status: () => RaftStatus): void {
    if (now.leaderId !== undefined) return this.#pause();
    if (this.#timer !== undefined || this.#isStopped) return;
    this.#sinceMs = performance.now();
    this.#timer = setInterval(() => this.#tell(status()), this.#patienceMs);
  }

  /** The cluster has let this master in, and was told that it is at `address`. */
  letIn(address: string, status: () => RaftStatus): void {
    this.#letInAt = address;
    this.roleChanged(status(), status);
  }

  /** For good: a master that stops may still lose its leader, and must not be kept from ending. */
  stop(): void {
    this.#isStopped = true;
    this.#pause();
  }

  #pause(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tell(status: RaftStatus): void {
    if (this.#isHindered()) return;
    const voters = status.members.filter((each) => each.votes).map((each) => each.id);
    if (voters.length === 0 && this.#letInAt !== undefined) {
      return this.#tellUnreached(this.#letInAt);
    }
    if (!voters.includes(status.id)) return; // it waits to be let in, which is another matter
    const needed = Math.floor(voters.length / 2) + 1;
    this.#log.warn(
      `no leader is found: of ${voters.length} voters ${needed} are needed; see whether the ` +
        "others run and can be reached. If a majority is lost for good, stop this master and see " +
        "what `conductor cluster recover` says",
      {
        voters: voters.join(","),
        leaderless_ms: Math.round(performance.now() - this.#sinceMs),
      },
    );
  }

  #tellUnreached(address: string): void {
    this.#log.warn(
      "this master was let in, and the leader has not been heard of: see whether the others reach it at " +
        "this address, which they were told (--bind-addr, or --advertise-addr)",
      { raft_address: address, leaderless_ms: Math.round(performance.now() - this.#sinceMs) },
    );
  }
}
