/**
 * Ends the silence after a dead leader early. A process that dies closes its connections, so its
 * followers know at once; each then campaigns after a short pause of its own instead of waiting for
 * its election timer. With PreVote that disturbs nobody should the leader live after all (see
 * `CoreState.forgetLeader`), so a broken connection is reason enough to ask.
 *
 * @module
 */

import type { RaftNode } from "../raft/mod.ts";
import type { DiskPace } from "./disk_pace.ts";

export interface SuccessionOptions {
  readonly node: Pick<RaftNode<unknown>, "leaderId" | "campaign" | "status" | "reportUnreachable">;
  readonly pace: Pick<DiskPace, "faster">;
  /** Chance: at least 0, below 1. */
  readonly random: () => number;
  /** Runs its second argument after that many ms. */
  readonly after: (delayMs: number, run: () => void) => void;
}

/** Voters campaign in the order of their ids, this far apart, so that they seldom meet. */
const RANK_PAUSE_MS = 25;
const JITTER_MS = 10;
/** Pause before each further try; doubled by chance. Then the election timer takes over. */
const RETRY_PAUSES_MS: readonly number[] = [100, 200, 400];

export class Succession {
  readonly #options: SuccessionOptions;
  /** Changes whenever the tries under way lose their reason. */
  #round = 0;

  constructor(options: SuccessionOptions) {
    this.#options = options;
  }

  /** The connection to `peer` broke, from whichever end. */
  peerLost(peer: string): void {
    const { node, random } = this.#options;
    if (!node.reportUnreachable(peer)) return;
    const round = ++this.#round;
    this.#tryAfter(this.#rank(peer) * RANK_PAUSE_MS + random() * JITTER_MS, round, 0);
  }

  /** Ends all tries; for a master that stops. */
  stop(): void {
    this.#round++;
  }

  #tryAfter(delayMs: number, round: number, tries: number): void {
    const { node, random, after } = this.#options;
    after(delayMs, () => {
      if (round !== this.#round || node.leaderId !== undefined) return;
      node.campaign();
      const pauseMs = RETRY_PAUSES_MS[tries];
      if (pauseMs !== undefined) this.#tryAfter(pauseMs * (1 + random()), round, tries + 1);
    });
  }

  /** This node's place among the voters that are left: behind them all if its disk would hold them up. */
  #rank(lost: string): number {
    const { node, pace } = this.#options;
    const { id, members } = node.status();
    const left = members.filter((each) => each.votes && each.id !== lost).map((each) => each.id);
    const rank = left.filter((each) => each < id).length;
    const isSlow = pace.faster(left.filter((each) => each !== id)) !== undefined;
    return isSlow ? left.length + rank : rank;
  }
}
