/**
 * A leader's side of snapshot transfers: chunks go out within a window that the receiver's answers
 * move, are sent again when answers fail to come, and resume where a receiver says it stands.
 */

import { crc32 } from "./crc32.ts";
import type { NodeId } from "./entry.ts";
import type { SnapshotChunk, SnapshotChunkAck, Unaddressed } from "./message.ts";
import type { SnapshotSource } from "./ports.ts";

/** Bounds of a transfer. */
export interface TransferBounds {
  /** Data of one chunk, in bytes. */
  readonly chunkBytes: number;
  /** Chunks under way to one peer. */
  readonly windowChunks: number;
  /** Ticks without an answer after which the window is sent again. */
  readonly resendTicks: number;
  /** Fruitless resends after which a transfer fails. */
  readonly resendsMax: number;
}

/** What a sender asks of its driver. */
export interface SenderDriver {
  /**
   * Begins the names of transfers. No other leader and no other term has the same: a receiver that
   * resumed a transfer of the same name but of other bytes would join two snapshots into a third.
   */
  name(): string;
  /** Makes a snapshot of now, which is `index`. `made` rejects when it cannot. */
  create(): { readonly index: number; readonly made: Promise<SnapshotSource> };
  /** Whether the log still reaches back to a snapshot at `index`, so that a peer can go on there. */
  logReachesBackTo(index: number): boolean;
  send(chunk: Omit<Unaddressed<SnapshotChunk>, "term">): void;
  /** The transfer to `peer` ended: installed at `index`, or failed. */
  ended(peer: NodeId, index: number | undefined): void;
  /** Making a snapshot failed; its transfers too. */
  failed(error: unknown): void;
}

/**
 * A peer that refuses a snapshot is let alone for so many times as long as it took to make and send it,
 * and never for more than so many times the patience with one that is silent. One that runs an older
 * version, or has no room, refuses whatever it is sent, and each snapshot is a copy of the whole state.
 */
const REST_PART = 4;
const REST_RESENDS = 6;

interface Transfer {
  readonly peer: NodeId;
  readonly shared: Shared;
  ackedBytes: number;
  /** What the receiver asked for last: less than it had, if a power failure took some of that. */
  wantedBytes: number;
  sentBytes: number;
  /** Offset of the chunk that was last sent again before its time; -1: none. */
  resentBytes: number;
  idleTicks: number;
  resends: number;
}

/** A snapshot that several transfers may use. */
interface Shared {
  readonly transferId: string;
  readonly source: SnapshotSource;
  users: number;
}

/** All transfers of one node while it leads. */
export class SnapshotSender {
  readonly #driver: SenderDriver;
  readonly #bounds: TransferBounds;
  readonly #transfers = new Map<NodeId, Transfer>();
  /** Peers that wait for the snapshot which is being made. */
  #waiting = new Set<NodeId>();
  /** At which index a snapshot is being made. */
  #makingIndex: number | undefined;
  #shared: Shared | undefined;
  /** Changes whenever leadership ends, so that a snapshot made for an earlier one is not used. */
  #epoch = 0;
  #made = 0;
  /** Ticks that have passed. */
  #now = 0;
  /** Since when peers are served, or wait. */
  readonly #sinceTick = new Map<NodeId, number>();
  /** Peers that are let alone, and whether they need a snapshot then. */
  readonly #resting = new Map<NodeId, { readonly untilTick: number; isWanted: boolean }>();

  constructor(driver: SenderDriver, bounds: TransferBounds) {
    this.#driver = driver;
    this.#bounds = bounds;
  }

  /** Lowest index of a snapshot that is made or under way: the log must be kept behind it. */
  get lowestIndex(): number | undefined {
    return this.#shared?.source.metadata.index ?? this.#makingIndex;
  }

  /** How many peers are being served, wait, or are let alone. */
  get size(): number {
    return this.#transfers.size + this.#waiting.size + this.#resting.size;
  }

  /** `peer` needs a snapshot. */
  start(peer: NodeId): void {
    this.#end(peer);
    const rest = this.#resting.get(peer);
    if (rest !== undefined) {
      rest.isWanted = true;
      return;
    }
    this.#sinceTick.set(peer, this.#now);
    const shared = this.#shared;
    if (shared !== undefined && this.#driver.logReachesBackTo(shared.source.metadata.index)) {
      this.#begin(peer, shared);
      return;
    }
    this.#waiting.add(peer);
    if (this.#makingIndex === undefined) this.#make();
  }

  /** The receiver says how far it is. Answers to former transfers are ignored. */
  acknowledged(message: SnapshotChunkAck): void {
    const transfer = this.#transfers.get(message.from);
    if (transfer === undefined || transfer.shared.transferId !== message.transferId) return;
    const { metadata, totalBytes } = transfer.shared.source;
    if (message.status !== "wanted") {
      if (message.status === "refused") this.#rest(transfer.peer);
      this.#end(transfer.peer);
      this.#driver.ended(
        transfer.peer,
        message.status === "installed" ? metadata.index : undefined,
      );
      return;
    }
    if (message.nextOffsetBytes > totalBytes) return;
    if (message.nextOffsetBytes > transfer.ackedBytes) transfer.resends = 0;
    else this.#resendMissing(transfer);
    transfer.idleTicks = 0;
    transfer.wantedBytes = message.nextOffsetBytes;
    transfer.ackedBytes = Math.max(transfer.ackedBytes, message.nextOffsetBytes);
    transfer.sentBytes = Math.max(transfer.sentBytes, transfer.ackedBytes);
    this.#fill(transfer);
  }

  tick(): void {
    this.#now++;
    for (const [peer, { untilTick, isWanted }] of [...this.#resting]) {
      if (this.#now < untilTick) continue;
      this.#resting.delete(peer);
      if (isWanted) this.start(peer);
    }
    for (const transfer of [...this.#transfers.values()]) {
      if (++transfer.idleTicks < this.#bounds.resendTicks) continue;
      transfer.idleTicks = 0;
      if (++transfer.resends > this.#bounds.resendsMax) {
        this.#end(transfer.peer);
        this.#driver.ended(transfer.peer, undefined);
      } else {
        transfer.ackedBytes = transfer.wantedBytes;
        transfer.sentBytes = transfer.ackedBytes;
        this.#fill(transfer);
      }
    }
  }

  /** This node leads no more, or stops. */
  abandon(): void {
    this.#epoch++;
    this.#makingIndex = undefined;
    this.#waiting = new Set();
    this.#resting.clear();
    for (const peer of [...this.#transfers.keys()]) this.#end(peer);
  }

  #make(): void {
    const { index, made } = this.#driver.create();
    this.#makingIndex = index;
    const epoch = this.#epoch;
    made.then((source) => {
      if (epoch !== this.#epoch) {
        source.release();
        return;
      }
      this.#makingIndex = undefined;
      const transferId = `${this.#driver.name()}-${++this.#made}-${source.metadata.index}`;
      const shared = { transferId, source, users: 0 };
      this.#shared = shared;
      for (const peer of this.#waiting) this.#begin(peer, shared);
      if (this.#waiting.size === 0) this.#release(shared);
      this.#waiting = new Set();
    }, (error) => {
      if (epoch !== this.#epoch) return;
      this.#makingIndex = undefined;
      const failed = this.#waiting;
      this.#waiting = new Set();
      for (const peer of failed) {
        this.#rest(peer);
        this.#driver.ended(peer, undefined);
      }
      this.#driver.failed(error);
    });
  }

  #begin(peer: NodeId, shared: Shared): void {
    shared.users++;
    const transfer: Transfer = {
      peer,
      shared,
      ackedBytes: 0,
      wantedBytes: 0,
      sentBytes: 0,
      resentBytes: -1,
      idleTicks: 0,
      resends: 0,
    };
    this.#transfers.set(peer, transfer);
    this.#fill(transfer);
  }

  #fill(transfer: Transfer): void {
    const { totalBytes } = transfer.shared.source;
    const { chunkBytes, windowChunks } = this.#bounds;
    while (
      transfer.sentBytes < totalBytes &&
      transfer.sentBytes - transfer.ackedBytes < chunkBytes * windowChunks
    ) {
      transfer.sentBytes += this.#sendChunk(transfer, transfer.sentBytes);
    }
  }

  /** A later chunk arrived, so the one that is wanted was probably lost: it goes again, once. */
  #resendMissing(transfer: Transfer): void {
    const { ackedBytes, sentBytes, resentBytes } = transfer;
    if (ackedBytes >= sentBytes || resentBytes === ackedBytes) return;
    transfer.resentBytes = ackedBytes;
    this.#sendChunk(transfer, ackedBytes);
  }

  #sendChunk(transfer: Transfer, offsetBytes: number): number {
    const { shared: { source, transferId }, peer } = transfer;
    const data = source.read(offsetBytes, this.#bounds.chunkBytes);
    this.#driver.send({
      kind: "snapshot_chunk",
      to: peer,
      transferId,
      snapshot: source.metadata,
      totalBytes: source.totalBytes,
      offsetBytes,
      data,
      checksum: crc32(data),
    });
    return data.byteLength;
  }

  /** The snapshot that is under way was of no use to `peer`. */
  #rest(peer: NodeId): void {
    const tookTicks = Math.max(1, this.#now - (this.#sinceTick.get(peer) ?? this.#now));
    const ticks = Math.min(REST_PART * tookTicks, REST_RESENDS * this.#bounds.resendTicks);
    this.#resting.set(peer, { untilTick: this.#now + ticks, isWanted: false });
  }

  #end(peer: NodeId): void {
    this.#waiting.delete(peer);
    const transfer = this.#transfers.get(peer);
    if (transfer === undefined) return;
    this.#transfers.delete(peer);
    transfer.shared.users--;
    if (transfer.shared.users === 0) this.#release(transfer.shared);
  }

  #release(shared: Shared): void {
    shared.source.release();
    if (this.#shared === shared) this.#shared = undefined;
  }
}
