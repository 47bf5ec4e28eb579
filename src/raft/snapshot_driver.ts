/** Snapshots and compaction of one node: joins sender, receiver, core and stores. */

import type { RaftCore } from "./core.ts";
import type { NodeId, SnapshotMetadata } from "./entry.ts";
import { invariant } from "./invariant.ts";
import { isInReach } from "./leader.ts";
import { memberOf } from "./membership.ts";
import type { SnapshotChunk, SnapshotChunkAck } from "./message.ts";
import type { LogStore, SnapshotSource, StateMachine, Transport } from "./ports.ts";
import { SnapshotReceiver } from "./snapshot_receiver.ts";
import { SnapshotSender } from "./snapshot_sender.ts";
import type { TransferBounds } from "./snapshot_sender.ts";
import { installInLog } from "./start.ts";

/** When the log is compacted, and how snapshots travel. */
export interface SnapshotBounds extends TransferBounds {
  /** Entries kept behind what every restart needs, for followers that are a little late. */
  readonly trailingEntries: number;
  /** Entries beyond the trailing ones after which the log is compacted. */
  readonly compactAfterEntries: number;
  /** Bytes of retained entries after which it is compacted, whoever still needs it, even into the trailing ones. */
  readonly compactAfterBytes: number;
}

/** For masters whose snapshots are some hundred megabytes at most. */
export const DEFAULT_SNAPSHOT_BOUNDS: SnapshotBounds = {
  chunkBytes: 256 * 1024,
  windowChunks: 4,
  resendTicks: 10,
  resendsMax: 10,
  trailingEntries: 10_000,
  compactAfterEntries: 10_000,
  compactAfterBytes: 256 * 1024 * 1024,
};

/** So many entries are removed in one turn at most: in rows of their own it takes some 6 ms. */
const ENTRIES_REMOVED_MAX = 5_000;

/** What a {@linkcode SnapshotDriver} is made of. */
export interface SnapshotDriverOptions {
  readonly id: NodeId;
  readonly core: RaftCore;
  readonly log: LogStore;
  readonly stateMachine: StateMachine<unknown>;
  readonly transport: Transport;
  readonly bounds: SnapshotBounds;
  /** The core may want something done. */
  readonly schedule: () => void;
  /** Takes a chunk that came earlier as if it had come now. */
  readonly takeAgain: (chunk: SnapshotChunk) => void;
  readonly failed: (error: unknown) => void;
}

/** See the module's text. */
export class SnapshotDriver {
  readonly #options: SnapshotDriverOptions;
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver | undefined;

  constructor(options: SnapshotDriverOptions) {
    this.#options = options;
    const { core, stateMachine, bounds } = options;
    this.#sender = new SnapshotSender({
      name: () => `${options.id}-${core.view.term}`,
      create: () => this.#create(),
      logReachesBackTo: (index) => index >= core.view.log.boundary.index,
      send: (chunk) => {
        const { term } = core.view;
        options.transport.send([{ ...chunk, ...this.#envelope(chunk.to), term }]);
      },
      ended: (peer, index) => {
        core.reportSnapshot(peer, index);
        options.schedule();
      },
      failed: options.failed,
    }, bounds);
    const { snapshots } = stateMachine;
    this.#receiver = snapshots === undefined
      ? undefined
      : new SnapshotReceiver(snapshots, options.takeAgain);
  }

  /** `peer` needs what the log holds no more. */
  start(peer: NodeId): void {
    this.#sender.start(peer);
  }

  /** A chunk came in. */
  take(chunk: SnapshotChunk): void {
    const { core } = this.#options;
    const { view } = core;
    // A whole snapshot waits to be installed at the end of this turn: nothing may take its place.
    if (view.log.snapshotToInstall !== undefined) return;
    if (chunk.term < view.term || this.#receiver === undefined) {
      this.#answer(chunk, "refused", 0);
      return;
    }
    // Of a leader that is not known yet: its heartbeat will make it known, and it will send again.
    if (chunk.term > view.term || chunk.from !== view.leaderId) return;
    if (chunk.snapshot.index <= view.log.committed) {
      this.#receiver.discardThrough(view.log.committed);
      this.#answer(chunk, "installed", chunk.totalBytes);
      return;
    }
    const result = this.#receiver.take(chunk);
    if (result.kind === "looking") return;
    if (result.kind === "answer") {
      if (result.fault !== undefined) {
        this.#options.failed(
          new Error(`the snapshot of ${chunk.from} is refused: ${result.fault}`),
        );
      }
      this.#answer(chunk, result.status, result.nextOffsetBytes);
      return;
    }
    core.step({
      kind: "snapshot_received",
      from: chunk.from,
      to: chunk.to,
      toIncarnation: "",
      term: chunk.term,
      snapshot: result.snapshot,
    });
    // The core may have found that its log holds the snapshot's last entry.
    if (view.log.snapshotToInstall === undefined) {
      this.#receiver.discardThrough(chunk.snapshot.index);
    }
  }

  /** A receiver answered. */
  acknowledged(message: SnapshotChunkAck): void {
    this.#sender.acknowledged(message);
  }

  tick(): void {
    this.#sender.tick();
  }

  /** Transfers are the leader's: another one starts its own. */
  leaderChanged(): void {
    if (this.#sender.size > 0 && this.#options.core.view.role.kind !== "leader") {
      this.#sender.abandon();
    }
  }

  /** This node ends. */
  stop(): void {
    this.#sender.abandon();
  }

  /**
   * Replaces state and log by the received snapshot. The log store notes it first: a crash between
   * the two is finished at the next start, if the state was replaced, or forgotten.
   */
  install(snapshot: SnapshotMetadata): void {
    const { core, log, stateMachine } = this.#options;
    log.setInstalling(snapshot);
    this.#receiver?.install();
    invariant(
      stateMachine.durableAppliedIndex >= snapshot.index,
      () =>
        `Snapshot ${snapshot.index} was installed, but the state machine holds ` +
        `${stateMachine.durableAppliedIndex} durably`,
    );
    installInLog(log, snapshot);
    core.snapshotInstalled();
  }

  /** Removes entries that the state machine holds durably, when there are enough of them. */
  compactWhenDue(): void {
    const { log, stateMachine, bounds } = this.#options;
    if (!this.#mayCompact()) return;
    const { index: boundary } = log.boundary;
    const held = stateMachine.appliedIndex - boundary;
    const isTooLarge = log.retainedBytes >= bounds.compactAfterBytes && held >= 2;
    const trailing = isTooLarge
      ? Math.min(bounds.trailingEntries, held >> 1)
      : bounds.trailingEntries;
    const index = Math.min(
      stateMachine.appliedIndex - trailing,
      stateMachine.durableAppliedIndex,
      this.#sender.lowestIndex ?? Infinity,
      isTooLarge ? Infinity : this.#lowestFed(),
      boundary + Math.max(ENTRIES_REMOVED_MAX, bounds.compactAfterEntries),
    );
    if (index - boundary >= (isTooLarge ? 1 : bounds.compactAfterEntries)) this.#compactTo(index);
  }

  /**
   * Compacts as far as can be without sending anybody a snapshot who is fed from the log now. Returns
   * the index up to which it is compacted.
   */
  compactNow(): number {
    const { log, stateMachine } = this.#options;
    const index = Math.min(
      stateMachine.appliedIndex,
      stateMachine.durableAppliedIndex,
      this.#sender.lowestIndex ?? Infinity,
      this.#lowestFed(),
      this.#lastCommand() - 1,
    );
    if (this.#mayCompact() && index > log.boundary.index) this.#compactTo(index);
    return log.boundary.index;
  }

  /**
   * The last command stays, though nothing else does: whoever leads next learns from it what may be
   * written, should a member be silent that has said so to former leaders alone. Without any: Infinity.
   */
  #lastCommand(): number {
    const { log } = this.#options;
    for (let index = log.lastIndex; index > log.boundary.index; index--) {
      if (log.entries(index, index, 0)[0]?.kind === "command") return index;
    }
    return Infinity;
  }

  /** A snapshot that is to be installed in this turn takes the place of state and log: the core's begins behind it already. */
  #mayCompact(): boolean {
    const { core, stateMachine } = this.#options;
    return stateMachine.snapshots !== undefined && core.view.log.snapshotToInstall === undefined;
  }

  /**
   * Behind here a follower in reach is being fed from the log: one that has just got a snapshot too.
   * Without what came meanwhile it would need the next one, and so on for as long as the load lasts.
   */
  #lowestFed(): number {
    const { view } = this.#options.core;
    if (view.role.kind !== "leader") return Infinity;
    const fed = [...view.role.peers.values()].filter((peer) =>
      peer.id !== view.id && peer.state !== "snapshot" && isInReach(view, peer)
    );
    return Math.min(...fed.map((peer) => peer.state === "probe" ? peer.next - 1 : peer.match));
  }

  #compactTo(index: number): void {
    const { core, log } = this.#options;
    log.compact(this.#metadataAt(index));
    core.compacted(index);
  }

  #create(): { readonly index: number; readonly made: Promise<SnapshotSource> } {
    const { snapshots, appliedIndex: index } = this.#options.stateMachine;
    const made = snapshots === undefined
      ? Promise.reject(new Error("This state machine makes no snapshots"))
      : snapshots.create(this.#metadataAt(index));
    return { index, made };
  }

  #metadataAt(index: number): SnapshotMetadata {
    const { core } = this.#options;
    const term = core.view.log.term(index);
    invariant(term !== undefined, () => `The term of ${index} is not known any more`);
    return { index, term, membership: core.view.memberships.at(index) };
  }

  #answer(chunk: SnapshotChunk, status: SnapshotChunkAck["status"], nextOffsetBytes: number): void {
    const { core, transport } = this.#options;
    const { term } = core.view;
    const { transferId } = chunk;
    const to = chunk.from;
    transport.send([{
      kind: "snapshot_chunk_ack",
      to,
      ...this.#envelope(to),
      term,
      transferId,
      nextOffsetBytes,
      status,
    }]);
  }

  #envelope(to: NodeId) {
    const { id, core } = this.#options;
    const toIncarnation = memberOf(core.view.memberships.current, to)?.incarnation ?? "";
    return { from: id, toIncarnation };
  }
}
