/**
 * What a master does for its disk: it writes the state behind the log now and then so that the log can
 * be compacted, compacts on demand, and knows when there is no room.
 *
 * @module
 */

import type { Outcome } from "../jobs/mod.ts";
import type { Logger } from "../observability/mod.ts";
import { ProposalRefused, type RaftNode } from "../raft/mod.ts";
import { Refusal } from "../rpc/mod.ts";
import { StorageFailed } from "../storage/mod.ts";
import type { JobStateMachine } from "./state_machine.ts";

export interface UpkeepOptions {
  readonly stateMachine: JobStateMachine;
  /** Made after this, and told of through it. */
  readonly node: () => RaftNode<Outcome>;
  /** Entries that the state on disk may be behind. */
  readonly entriesMax: number;
  readonly log: Logger;
  /** The process must end. */
  readonly onFailed: (failure: unknown) => void;
}

export class Upkeep {
  readonly #options: UpkeepOptions;
  #diskIsFull = false;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  get diskIsFull(): boolean {
    return this.#diskIsFull;
  }

  diskFullChanged(full: boolean): void {
    const { log } = this.#options;
    this.#diskIsFull = full;
    if (full) log.error("the disk is full: this master steps aside until there is room");
    else log.info("the disk has room again: this master takes part again");
  }

  /** Consensus will try again; a disk that failed is another matter. */
  snapshotFailed(failure: unknown): void {
    const { log, onFailed } = this.#options;
    if (failure instanceof StorageFailed) onFailed(failure);
    else log.warn("a snapshot failed", { error: String(failure) });
  }

  /** state.db catches up with the log from time to time, so that the log can be compacted. */
  checkpointWhenDue(): void {
    const { stateMachine, entriesMax } = this.#options;
    const { appliedIndex, durableAppliedIndex } = stateMachine;
    if (appliedIndex - durableAppliedIndex >= entriesMax) stateMachine.checkpoint();
  }

  /**
   * Writes the state down and compacts the log behind it.
   *
   * @throws Refusal `overloaded` when this node cannot write now.
   */
  compactNow(): { readonly snapshotIndex: number; readonly firstLogIndex: number } {
    const { stateMachine } = this.#options;
    const node = this.#options.node();
    const { appliedIndex: index, appliedTerm: term } = node.status();
    stateMachine.checkpoint({ index, term });
    try {
      const firstLogIndex = node.compactNow() + 1;
      return { snapshotIndex: stateMachine.durableAppliedIndex, firstLogIndex };
    } catch (failure) {
      if (!(failure instanceof ProposalRefused)) throw failure;
      throw new Refusal("overloaded", failure.message);
    }
  }
}
