/** The promises a node owes its callers, until they are kept or broken. */

import type { Entry, NodeId } from "./entry.ts";
import { ProposalRefused, ReadRefused } from "./refusal.ts";
import type { ReadRefusalReason } from "./refusal.ts";

interface PendingProposal<Outcome> {
  readonly index: number;
  /** `undefined` for a membership change, which has no outcome. */
  readonly resolve: (outcome: Outcome | undefined) => void;
  readonly reject: (reason: Error) => void;
}

/** Proposals of this node as leader, in the order of their indices. */
export class PendingProposals<Outcome> {
  #queue: PendingProposal<Outcome>[] = [];
  #head = 0;

  get size(): number {
    return this.#queue.length - this.#head;
  }

  add(
    index: number,
    resolve: (outcome: Outcome | undefined) => void,
    reject: (reason: Error) => void,
  ): void {
    this.#queue.push({ index, resolve, reject });
  }

  /** `commands` had `outcomes`, and all up to `throughIndex` is applied. */
  applied(commands: readonly Entry[], outcomes: readonly Outcome[], throughIndex: number): void {
    let position = 0;
    while (this.#head < this.#queue.length) {
      const pending = this.#queue[this.#head];
      if (pending === undefined || pending.index > throughIndex) break;
      while ((commands[position]?.index ?? Infinity) < pending.index) position++;
      const own = commands[position]?.index === pending.index;
      pending.resolve(own ? outcomes[position] : undefined);
      this.#head++;
    }
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head > 1024) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  /** This node leads no more: what it appended may still be committed by another leader, or not. */
  abandon(leaderId: NodeId | undefined): void {
    const abandoned = this.#queue.slice(this.#head);
    this.#queue = [];
    this.#head = 0;
    for (const { reject } of abandoned) reject(new ProposalRefused("outcome_unknown", leaderId));
  }
}

interface Waiter {
  readonly resolve: (index: number) => void;
  readonly reject: (reason: Error) => void;
}

interface ReadBatch {
  readonly requestId: number;
  readonly waiters: Waiter[];
  ticksLeft: number;
}

/** Reads that wait: all of one turn share a request, under an id that is never used again. */
export class PendingReads {
  readonly #deadlineTicks: number;
  #nextRequestId: number;
  /** Takes further waiters until its request is sent. */
  #open: ReadBatch | undefined;
  #asked = new Map<number, ReadBatch>();
  /** Confirmed; wait until their index is applied. */
  #confirmed: { readonly index: number; readonly waiters: readonly Waiter[] }[] = [];
  #size = 0;

  /** @param firstRequestId drawn at random, so that a restarted node does not reuse one */
  constructor(firstRequestId: number, deadlineTicks: number) {
    this.#nextRequestId = firstRequestId;
    this.#deadlineTicks = deadlineTicks;
  }

  get size(): number {
    return this.#size;
  }

  /** Joins the open batch, or opens one with `ask`, which says whether anybody can be asked. */
  add(
    resolve: (index: number) => void,
    reject: (reason: Error) => void,
    ask: (requestId: number) => boolean,
  ): void {
    if (this.#open === undefined) {
      const requestId = this.#nextRequestId++;
      if (!ask(requestId)) {
        reject(new ReadRefused("not_leader", undefined));
        return;
      }
      this.#open = { requestId, waiters: [], ticksLeft: this.#deadlineTicks };
      this.#asked.set(requestId, this.#open);
    }
    this.#open.waiters.push({ resolve, reject });
    this.#size++;
  }

  /** The open batch's request leaves now: who comes later may not share its answer. */
  close(): void {
    this.#open = undefined;
  }

  /** The leader answered. Answers to requests that were given up are ignored. */
  confirmed(requestId: number, index: number): void {
    const batch = this.#asked.get(requestId);
    if (batch === undefined) return;
    this.#asked.delete(requestId);
    if (this.#open === batch) this.#open = undefined;
    this.#confirmed.push({ index, waiters: batch.waiters });
  }

  /** The state machine stands at `appliedIndex`. */
  applied(appliedIndex: number): void {
    if (this.#confirmed.length === 0) return;
    const due = this.#confirmed.filter((each) => each.index <= appliedIndex);
    if (due.length === 0) return;
    this.#confirmed = this.#confirmed.filter((each) => each.index > appliedIndex);
    for (const { index, waiters } of due) {
      this.#size -= waiters.length;
      for (const { resolve } of waiters) resolve(index);
    }
  }

  /** Gives up what was asked too long ago. */
  tick(leaderId: NodeId | undefined): void {
    for (const batch of this.#asked.values()) {
      batch.ticksLeft--;
      if (batch.ticksLeft <= 0) this.#giveUp(batch, "timeout", leaderId);
    }
  }

  /** Whoever was asked does not lead any more. What was confirmed stays confirmed. */
  leaderChanged(leaderId: NodeId | undefined): void {
    for (const batch of this.#asked.values()) this.#giveUp(batch, "not_leader", leaderId);
  }

  /** This node comes to know nothing more, for now or for good. */
  refuseAll(reason: "disk_full" | "stopped", leaderId: NodeId | undefined): void {
    for (const batch of this.#asked.values()) this.#giveUp(batch, reason, leaderId);
    const confirmed = this.#confirmed;
    this.#confirmed = [];
    for (const { waiters } of confirmed) {
      for (const { reject } of waiters) reject(new ReadRefused(reason, leaderId));
    }
    this.#size = 0;
  }

  #giveUp(batch: ReadBatch, reason: ReadRefusalReason, leaderId: NodeId | undefined): void {
    this.#asked.delete(batch.requestId);
    if (this.#open === batch) this.#open = undefined;
    this.#size -= batch.waiters.length;
    for (const { reject } of batch.waiters) reject(new ReadRefused(reason, leaderId));
  }
}
