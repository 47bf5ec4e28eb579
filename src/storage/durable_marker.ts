/**
 * A second, tiny file that says how far the Raft log had come. SQLite can lose the commits behind a
 * damaged spot of its write-ahead log without a word; this file, which is written after every commit
 * and shares no byte with the database, tells (after PAR, FAST'18).
 *
 * Two slots are overwritten in turn, each with its checksum, so that a write that is torn by a crash
 * spoils only itself. One `pwrite` and one `fdatasync` a time.
 */

import { hash } from "node:crypto";
import { closeSync, fdatasyncSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { StorageFailed } from "./storage_failure.ts";

/** What the database held when the marker was written. */
export interface MarkerRecord {
  /** Of the record; a program that knows less refuses it. */
  readonly format: number;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly incarnation: string;
  /** Number of the database's commit: equal to, or one less than, what a sound database says. */
  readonly generation: number;
  readonly term: number;
  readonly vote: string | null;
  readonly lastIndex: number;
  /** Hash chain up to `lastIndex`, in hexadecimal digits. */
  readonly lastHash: string;
}

/** The format this program writes. */
export const MARKER_FORMAT = 1;

const SLOT_BYTES = 4096;
const MAGIC = "CNDRMARK";
const HEADER_BYTES = MAGIC.length + 4;
const CHECKSUM_BYTES = 32;

/** The marker file of one node, open for writing. */
export class DurableMarker {
  readonly #path: string;
  readonly #file: number;
  readonly #slot = new Uint8Array(SLOT_BYTES);

  private constructor(path: string, file: number) {
    this.#path = path;
    this.#file = file;
  }

  /** Makes the file, durably: its directory entry too. */
  static create(path: string, record: MarkerRecord): DurableMarker {
    const file = openSync(path, "w+", 0o600);
    writeSync(file, new Uint8Array(2 * SLOT_BYTES), 0, 2 * SLOT_BYTES, 0);
    fsyncSync(file);
    const marker = new DurableMarker(path, file);
    marker.write(record);
    const directory = openSync(dirname(path), "r");
    fsyncSync(directory);
    closeSync(directory);
    return marker;
  }

  static open(path: string): DurableMarker {
    return new DurableMarker(path, openSync(path, "r+"));
  }

  /** The newest whole record of the file, or `undefined` when neither slot holds one. */
  static read(path: string): MarkerRecord | undefined {
    const bytes = readFileSync(path);
    const records = [0, 1]
      .map((slot) => decodeSlot(bytes.subarray(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES)))
      .filter((record) => record !== undefined);
    return records.sort((a, b) => b.generation - a.generation)[0];
  }

  /**
   * Durable on return.
   *
   * @throws {StorageFailed} the process must end
   */
  write(record: MarkerRecord): void {
    const bytes = encodeSlot(record, this.#slot);
    const position = (record.generation % 2) * SLOT_BYTES;
    try {
      const written = writeSync(this.#file, bytes, 0, bytes.length, position);
      if (written !== bytes.length) throw new Error(`only ${written} bytes were written`);
      fdatasyncSync(this.#file);
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw new StorageFailed(`Cannot write "${this.#path}": ${detail}`, { cause });
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

function encodeSlot(record: MarkerRecord, slot: Uint8Array): Uint8Array {
  const body = new TextEncoder().encode(JSON.stringify(record));
  const length = HEADER_BYTES + body.length + CHECKSUM_BYTES;
  if (length > SLOT_BYTES) throw new StorageFailed(`A marker of ${length} bytes fits in no slot`);
  new TextEncoder().encodeInto(MAGIC, slot);
  new DataView(slot.buffer).setUint32(MAGIC.length, body.length);
  slot.set(body, HEADER_BYTES);
  slot.set(digest(slot.subarray(0, HEADER_BYTES + body.length)), HEADER_BYTES + body.length);
  return slot.subarray(0, length);
}

function decodeSlot(slot: Uint8Array): MarkerRecord | undefined {
  if (slot.length < HEADER_BYTES + CHECKSUM_BYTES) return undefined;
  if (new TextDecoder().decode(slot.subarray(0, MAGIC.length)) !== MAGIC) return undefined;
  const view = new DataView(slot.buffer, slot.byteOffset, slot.byteLength);
  const end = HEADER_BYTES + view.getUint32(MAGIC.length);
  if (end + CHECKSUM_BYTES > slot.length) return undefined;
  const checksum = digest(slot.subarray(0, end));
  if (!checksum.equals(slot.subarray(end, end + CHECKSUM_BYTES))) return undefined;
  // The checksum has shown that this is what encodeSlot wrote.
  return JSON.parse(new TextDecoder().decode(slot.subarray(HEADER_BYTES, end)));
}

function digest(bytes: Uint8Array) {
  return hash("sha256", bytes, "buffer");
}
