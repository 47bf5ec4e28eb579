/** What the driver needs of the world. Each port has a real and a simulated implementation. */

import type { Entry, HardState, SnapshotMetadata } from "./entry.ts";
import type { Message } from "./message.ts";

/**
 * The disk has no room. What was being written is not written at all, and may be tried again: the
 * one failure of a disk after which a node may live on.
 */
export class DiskFull extends Error {
  override name = "DiskFull";
}

/** The log as the core reads it. Reading is in memory or fast: the core has no way to wait. */
export interface LogReader {
  /** What compaction replaced: index 0 and term 0 while nothing was. */
  readonly boundary: SnapshotMetadata;
  /** Of the last entry, or the boundary's when there is none. */
  readonly lastIndex: number;
  /** For `boundary.index <= index <= lastIndex`. */
  term(index: number): number;
  /**
   * Entries `from` to `through`, both inclusive and within the log, ending earlier when they grow
   * beyond `bytesMax`; never none.
   */
  entries(from: number, through: number, bytesMax: number): readonly Entry[];
}

/**
 * The durable log of one node. What a method wrote is durable when it returns.
 *
 * Every writing method may throw `DiskFull` (nothing was written; may be tried again) or another
 * error, after which the process must end: what the disk holds is then unknown.
 */
export interface LogStore extends LogReader {
  /** As last written. */
  readonly hardState: HardState;
  /** Data of the retained entries, in bytes. */
  readonly retainedBytes: number;
  /** Entries of kind `membership` behind the boundary, oldest first; read once at start. */
  membershipEntries(): readonly Entry[];
  /**
   * Writes entries and hard state together or not at all. The first entry follows the log's last
   * one or takes the place of an existing one; then that one and all behind it are removed first.
   */
  append(entries: readonly Entry[], hardState: HardState): void;
  /** Removes entries up to `boundary.index`, which the log holds, and remembers the boundary. */
  compact(boundary: SnapshotMetadata): void;
  /**
   * A snapshot that is about to replace the state machine's state, or `undefined`. Set before and
   * cleared by {@linkcode LogStore.reset}, so that a crash between the two files can be finished.
   */
  readonly installing: SnapshotMetadata | undefined;
  /** Remembers `snapshot` as {@linkcode LogStore.installing}; `undefined` forgets it. */
  setInstalling(snapshot: SnapshotMetadata | undefined): void;
  /** Empties the log and starts it again behind `boundary`. */
  reset(boundary: SnapshotMetadata, hardState: HardState): void;
}

/** Carries messages to other nodes, in any order, perhaps, at most some of them. Never throws. */
export interface Transport {
  send(messages: readonly Message[]): void;
}

/** What replicated commands act on. Synchronous and deterministic. */
export interface StateMachine<Outcome> {
  /** Highest index whose effects the state holds. */
  readonly appliedIndex: number;
  /** The part of {@linkcode appliedIndex} that survives a power failure; the log is kept above. */
  readonly durableAppliedIndex: number;
  /**
   * Applies committed commands and moves `appliedIndex` to `throughIndex`, in one transaction.
   * Entries that are not commands are left out, so `entries` may be empty and indices may skip.
   *
   * @returns one outcome an entry, in order. A refused command is an outcome, never a throw.
   */
  apply(entries: readonly Entry[], throughIndex: number): readonly Outcome[];
  /**
   * Nobody waits for this node now: as a leader it has written what others are still to write, as a
   * follower it has told and applied what it wrote. What was put off is done best in such a moment.
   */
  atLeisure?(): void;
  /** Absent: this state machine makes no snapshots, and its log is never compacted. */
  readonly snapshots?: SnapshotPort;
}

/** Snapshots of the state machine, as files that it alone understands. */
export interface SnapshotPort {
  /**
   * Makes a snapshot of the state as it is now, online: the state machine goes on applying.
   *
   * @param metadata says where the state stands now
   */
  create(metadata: SnapshotMetadata): Promise<SnapshotSource>;
  /** Begins or resumes the reception of a snapshot whose bytes come in order. */
  receive(transferId: string, metadata: SnapshotMetadata, totalBytes: number): SnapshotSink;
}

/** A finished snapshot that can be read in any order, by several transfers. */
export interface SnapshotSource {
  readonly metadata: SnapshotMetadata;
  readonly totalBytes: number;
  /** Bytes of the snapshot; no more than `lengthBytes`, fewer only at the end. */
  read(offsetBytes: number, lengthBytes: number): Uint8Array;
  /** No transfer uses it any more. */
  release(): void;
}

/** A snapshot while it comes in. */
export interface SnapshotSink {
  /** Bytes held already: more than 0 when an interrupted transfer is resumed. */
  readonly receivedBytes: number;
  /** Adds `data` behind what is held. May throw `DiskFull`. */
  write(data: Uint8Array): void;
  /**
   * Everything is in: looks it through, a little at a time, and says what is wrong with it, or
   * `undefined`. Nothing else is asked of the sink meanwhile. May reject with `DiskFull`.
   */
  fault(): Promise<string | undefined>;
  /**
   * Replaces the state, atomically and durably: after a crash amid it, the state is either the old
   * or the new one. Afterwards `appliedIndex` and `durableAppliedIndex` are the snapshot's index.
   */
  install(): void;
  /** Removes what was received. */
  discard(): void;
}
