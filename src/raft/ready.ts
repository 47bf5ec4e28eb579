/** What the core wants done, and in which order. */

import type { Entry, HardState, NodeId, SnapshotMetadata } from "./entry.ts";
import type { CoreMessage, SnapshotReceived } from "./message.ts";

/** What the core sends to other nodes. */
export type OutgoingMessage = Exclude<CoreMessage, SnapshotReceived>;

/** Handed back through `RaftCore.wrote` when the write is durable. */
export interface WriteTicket {
  /** Term in which the write was asked for; a ticket of an older term is worth nothing. */
  readonly term: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
}

/** To be made durable in one go, writes in the order in which they were asked for. */
export interface Write {
  readonly hardState: HardState;
  /** May begin at or below the store's last index: then these take the place of what is there. */
  readonly entries: readonly Entry[];
  readonly ticket: WriteTicket;
}

/** The leader had been confirmed after `requestId` was asked: reads at `index` are linearizable. */
export interface ReadState {
  readonly requestId: number;
  readonly index: number;
}

/**
 * One round of work for the driver, to be done in the order of the fields.
 *
 * A driver whose store is asynchronous may take the next `Ready` before the write is durable, if it
 * keeps the order of writes, and holds `messagesAfterWrite` until this and all earlier writes are.
 */
export interface Ready {
  /**
   * Send at once, in parallel with the write: they promise nothing about this node's disk, or come
   * from a leader, whose term and vote were durable before it became one (thesis §10.2.1).
   */
  readonly messages: readonly OutgoingMessage[];
  /** Install BEFORE writing, then call `snapshotInstalled`. */
  readonly snapshotToInstall: SnapshotMetadata | undefined;
  /** Make durable, then call `wrote` with its ticket. */
  readonly write: Write | undefined;
  /** Send AFTER the write is durable: votes, acknowledgements, and refusals too. */
  readonly messagesAfterWrite: readonly OutgoingMessage[];
  /** Committed and durable: apply in order, then call `applied`. */
  readonly committed: readonly Entry[];
  /** Answer once the state machine has applied their index. */
  readonly reads: readonly ReadState[];
  /** Peers that need a snapshot: start a transfer, then report how it ended. */
  readonly snapshotsToSend: readonly NodeId[];
}
