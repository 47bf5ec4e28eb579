/** What the log holds, and what must be durable beside it. */

import type { Membership } from "./membership.ts";

/** Name of a node, unique in its cluster and never given to another machine or a wiped disk. */
export type NodeId = string;

/**
 * - `noop`: what a new leader appends so that it can commit (thesis §3.6.2).
 * - `command`: bytes for the state machine.
 * - `membership`: a whole {@linkcode Membership}, encoded; in force as soon as it is appended.
 */
export type EntryKind = "noop" | "command" | "membership";

/** One slot of the log. Entries are never changed once made. */
export interface Entry {
  /** Position, from 1, without gaps. */
  readonly index: number;
  /** Term of the leader that made it. */
  readonly term: number;
  readonly kind: EntryKind;
  readonly data: Uint8Array;
}

/** What a node must not forget (paper, figure 2 "persistent state"), beside the entries. */
export interface HardState {
  readonly term: number;
  /** Who got this node's vote in `term`; `null`: nobody yet. */
  readonly vote: NodeId | null;
  /** Highest index known committed when this was written. A hint for restarts: may lag. */
  readonly commit: number;
}

/** Where a snapshot stands in the log: it replaces every entry up to and including `index`. */
export interface SnapshotMetadata {
  readonly index: number;
  readonly term: number;
  /** The membership in force at `index`. */
  readonly membership: Membership;
}

/** Room an entry takes in a message or in memory beside its data, in bytes; a rounded estimate. */
const ENTRY_OVERHEAD_BYTES = 32;

/** Size of an entry for every bound of this room, in bytes. */
export function entryBytes(entry: Entry): number {
  return entry.data.byteLength + ENTRY_OVERHEAD_BYTES;
}

/** Data of entries that carry none. */
export const NO_DATA: Uint8Array = new Uint8Array(0);
