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
  /** It came whole and is looked through: its last chunk is to be taken again when that is done. */
  | { readonly kind: "looking" }
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
  /** Of the whole snapshot; undefined: it is not whole yet. */
  look: Look | undefined;
}

/** What came of looking through a snapshot. */
type Look =
  | { readonly kind: "under_way" }
  | { readonly kind: "done"; readonly fault: string | undefined }
  | { readonly kind: "failed"; readonly error: unknown };

/** At most one reception at a time: a newer transfer takes the place of an older. */
export class SnapshotReceiver {
  readonly #port: SnapshotPort;
  readonly #takeAgain: (chunk: SnapshotChunk) => void;
  #reception: Reception | undefined;

  /** @param takeAgain hands over a chunk once more, as if it had come now */
  constructor(port: SnapshotPort, takeAgain: (chunk: SnapshotChunk) => void) {
    this.#port = port;
    this.#takeAgain = takeAgain;
  }

  /** Takes a chunk from the current leader, of a snapshot that this node can use. */
  take(chunk: SnapshotChunk): ChunkResult {
    // Of whatever transfer: it will be sent again.
    if (this.#isLooking) return { kind: "looking" };
    try {
      const reception = this.#receptionOf(chunk);
      const { sink, totalBytes, snapshot } = reception;
      const { offsetBytes, data } = chunk;
      const fits = offsetBytes + data.byteLength <= totalBytes;
      if (fits && crc32(data) === chunk.checksum) keep(reception, offsetBytes, data);
      if (sink.receivedBytes < totalBytes) return answer("wanted", sink.receivedBytes);
      const { look } = reception;
      if (look?.kind === "failed") throw look.error;
      if (look?.kind !== "done") {
        this.#look(reception, chunk);
        return { kind: "looking" };
      }
      const { fault } = look;
      if (fault === undefined) return { kind: "complete", snapshot };
      this.#drop();
      return { kind: "answer", status: "refused", nextOffsetBytes: 0, fault };
    } catch (error) {
      if (!(error instanceof DiskFull)) throw error;
      // No room for a snapshot: the leader will try again, and what was received makes room now.
      this.#drop();
      return answer("refused", 0);
    }
  }

  /** Replaces the state by the complete snapshot. */
  install(): void {
    this.#reception?.sink.install();
    this.#reception = undefined;
  }

  /** The state has come up to `index`: drops what was received, if it brings nothing beyond that. */
  discardThrough(index: number): void {
    if (this.#isLooking || (this.#reception?.snapshot.index ?? Infinity) > index) return;
    this.#drop();
  }

  get #isLooking(): boolean {
    return this.#reception?.look?.kind === "under_way";
  }

  #look(reception: Reception, lastChunk: SnapshotChunk): void {
    reception.look = { kind: "under_way" };
    const ended = (look: Look) => {
      reception.look = look;
      this.#takeAgain(lastChunk);
    };
    reception.sink.fault().then(
      (fault) => ended({ kind: "done", fault }),
      (error) => ended({ kind: "failed", error }),
    );
  }

  #drop(): void {
    this.#reception?.sink.discard();
    this.#reception = undefined;
  }

  #receptionOf(chunk: SnapshotChunk): Reception {
    const { transferId, snapshot, totalBytes } = chunk;
    if (this.#reception?.transferId === transferId) return this.#reception;
    this.#drop();
    const sink = this.#port.receive(transferId, snapshot, totalBytes);
    const early = new Map<number, Uint8Array>();
    this.#reception = { transferId, snapshot, totalBytes, sink, early, look: undefined };
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
