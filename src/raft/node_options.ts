/** What a node is assembled from, and what it tells its assembler. */

import type { NodeId } from "./entry.ts";
import type { Membership } from "./membership.ts";
import type { Message } from "./message.ts";
import type { LogStore, StateMachine, Transport } from "./ports.ts";
import type { SnapshotBounds } from "./snapshot_driver.ts";
import type { RaftBounds, RaftTimings } from "./state.ts";
import type { RaftStatus } from "./status.ts";

/** What a node tells the one who assembled it. Called synchronously; must not throw. */
export interface RaftObserver {
  /** Role, term or known leader differ from the last call. Start or stop a leader's duties here. */
  roleChanged?(status: RaftStatus): void;
  /** In force now, committed or not. */
  membershipChanged?(membership: Membership): void;
  /** A message was dropped: forged, damaged, or meant for a disk that is gone. */
  messageRefused?(message: Message, reason: string): void;
  /** The disk is full (true): this node neither votes nor acknowledges until it is not (false). */
  diskFullChanged?(full: boolean): void;
  /** A snapshot could not be made; its transfer will be tried again. */
  snapshotFailed?(error: unknown): void;
  /** The node stopped for good, because something broke: the process must end. */
  failed(error: unknown): void;
}

/** What a node is made of. */
export interface RaftNodeOptions<Outcome> {
  readonly id: NodeId;
  /** As the data directory has it; messages meant for another one are refused. Empty: unchecked. */
  readonly incarnation: string;
  readonly timings: RaftTimings;
  /** Those left out are {@linkcode DEFAULT_BOUNDS}. */
  readonly bounds?: Partial<RaftBounds>;
  /** When to compact, and how snapshots travel. Left out: {@linkcode DEFAULT_SNAPSHOT_BOUNDS}. */
  readonly snapshotBounds?: Partial<SnapshotBounds>;
  readonly log: LogStore;
  readonly stateMachine: StateMachine<Outcome>;
  readonly transport: Transport;
  /** Chance: at least 0, below 1. */
  readonly random: () => number;
  /** Runs its argument once, at the end of this turn of the event loop. */
  readonly defer: (run: () => void) => void;
  /**
   * Runs its argument once, after a pause: a leader keeps from some followers for five of them what
   * commits without them, and for one what does not (timings: `spares`). Absent: until it sends
   * heartbeats.
   */
  readonly pause?: (run: () => void) => void;
  readonly observer: RaftObserver;
}
