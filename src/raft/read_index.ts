/**
 * Reads without a write to the log (thesis §6.4): a leader notes its commit index, confirms by a
 * round of heartbeats that it still leads, and then the read may run on any state that has applied
 * that index. Rounds are numbered within a term, and an answer to a round confirms all before it,
 * so any number of reads shares one round.
 */

import type { NodeId } from "./entry.ts";

/** Who asked: this node's own driver (`undefined`) or a follower. */
export interface ReadRequest {
  readonly from: NodeId | undefined;
  readonly requestId: number;
}

/** A confirmed read. */
export interface ConfirmedRead extends ReadRequest {
  readonly index: number;
}

/** The reads of one leader in one term. */
export class ReadRounds {
  /** Not in a round yet: asked since the last one, or before the leader committed in its term. */
  #waiting: ReadRequest[] = [];
  #rounds: { readonly round: number; readonly index: number; readonly requests: ReadRequest[] }[] =
    [];
  #lastRound = 0;

  /** Newest round that is not confirmed, or 0. Goes into every heartbeat, so loss only delays. */
  get openRound(): number {
    return this.#rounds.length === 0 ? 0 : this.#lastRound;
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** How many reads are held, for bounds and status. */
  get size(): number {
    return this.#rounds.reduce((sum, each) => sum + each.requests.length, this.#waiting.length);
  }

  add(request: ReadRequest): void {
    this.#waiting.push(request);
  }

  /** Puts all that wait into a new round at `commitIndex`. */
  openNext(commitIndex: number): void {
    this.#lastRound++;
    this.#rounds.push({ round: this.#lastRound, index: commitIndex, requests: this.#waiting });
    this.#waiting = [];
  }

  /** A majority confirmed `round`. */
  confirmThrough(round: number): readonly ConfirmedRead[] {
    const confirmed: ConfirmedRead[] = [];
    while (this.#rounds[0] !== undefined && this.#rounds[0].round <= round) {
      const { index, requests } = this.#rounds[0];
      for (const request of requests) confirmed.push({ ...request, index });
      this.#rounds.shift();
    }
    return confirmed;
  }
}
