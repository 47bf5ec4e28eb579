/**
 * A follower's side of a snapshot transfer: takes chunks in order, asks for what is missing, and
 * holds a whole snapshot until the core says to install it, or that it needs it no more.
 */

import { crc32 } from "./crc32.ts";
import type { SnapshotMetadata } from "./entry.ts";
import type { SnapshotChunk, SnapshotChunkAck } from "./message.ts";
import { DiskFull } from "./ports.ts";
import type { SnapshotPort, SnapshotSink } from "./ports.ts";

/** What came of a chunk: an answer, or a snapshot that is complete and sound. */
export type ChunkResult =
  | {
    readonly kind: "answer";
    readonly status: SnapshotChunkAck["status"];
    nextOffsetBytes: number;
    /** What is wrong with the snapshot that came whole. */
    readonly fault?: string;
  }
  | { readonly kind: "complete"; readonly snapshot: SnapshotMetadata };

/** Chunks that came before their turn and are kept for it. */
const EARLY_CHUNKS_MAX = 8;

interface Reception {
  readonly transferId: string;
  readonly snapshot: SnapshotMetadata;
  readonly totalBytes: number;
  readonly sink: SnapshotSink;
  /** By offset. */
  readonly early: Map<number, Uint8Array>;
}

/** At most one reception at a time: a newer transfer takes the place of an older. */
export class SnapshotReceiver {
  readonly #port: SnapshotPort;
  #reception: Reception | undefined;

  constructor(port: SnapshotPort) {
    this.#port = port;
  }

  /** Takes a chunk from the current leader, of a snapshot that this node can use. */
  take(chunk: SnapshotChunk): ChunkResult {
    try {
      const reception = this.#receptionOf(chunk);
      const { sink, totalBytes, snapshot } = reception;
      const { offsetBytes, data } = chunk;
      const fits = offsetBytes + data.byteLength <= totalBytes;
      if (fits && crc32(data) === chunk.checksum) keep(reception, offsetBytes, data);
      if (sink.receivedBytes < totalBytes) return answer("wanted", sink.receivedBytes);
      const fault = sink.fault();
      if (fault === undefined) return { kind: "complete", snapshot };
      this.discard();
      return { kind: "answer", status: "refused", nextOffsetBytes: 0, fault };
    } catch (error) {
      if (!(error instanceof DiskFull)) throw error;
      // No room for a snapshot: the leader will try again, and what was received makes room now.
      this.discard();
      return answer("refused", 0);
    }
  }

  /** Replaces the state by the complete snapshot. */
  install(): void {
    this.#reception?.sink.install();
    this.#reception = undefined;
  }

  /** Drops what was received. */
  discard(): void {
    this.#reception?.sink.discard();
    this.#reception = undefined;
  }

  #receptionOf(chunk: SnapshotChunk): Reception {
    const { transferId, snapshot, totalBytes } = chunk;
    if (this.#reception?.transferId === transferId) return this.#reception;
    this.discard();
    const sink = this.#port.receive(transferId, snapshot, totalBytes);
    this.#reception = { transferId, snapshot, totalBytes, sink, early: new Map() };
    return this.#reception;
  }
}

/** Writes `data` if it is its turn, and what was waiting for it; else keeps it for later. */
function keep({ sink, early }: Reception, offsetBytes: number, data: Uint8Array): void {
  if (offsetBytes < sink.receivedBytes) return;
  if (early.size < EARLY_CHUNKS_MAX || offsetBytes === sink.receivedBytes) {
    early.set(offsetBytes, data);
  }
  for (let next = early.get(sink.receivedBytes); next !== undefined;) {
    early.delete(sink.receivedBytes);
    sink.write(next);
    next = early.get(sink.receivedBytes);
  }
}

function answer(status: SnapshotChunkAck["status"], nextOffsetBytes: number): ChunkResult {
  return { kind: "answer", status, nextOffsetBytes };
}
