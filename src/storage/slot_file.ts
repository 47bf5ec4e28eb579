/**
 * A tiny file that holds one record durably. Two slots are overwritten in turn, each with its
 * checksum, so that a write that is torn by a crash spoils only itself. One `pwrite` and one
 * `fdatasync` a time.
 */

import { hash } from "node:crypto";
import { closeSync, fdatasyncSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { StorageFailed } from "./storage_failure.ts";

/** What a record needs: a number that grows with each, by which the newest is known. */
export interface SlotRecord {
  readonly generation: number;
}

const SLOT_BYTES = 4096;
const MAGIC = "CNDRMARK";
const HEADER_BYTES = MAGIC.length + 4;
const CHECKSUM_BYTES = 32;

/** See the module's text. Records are plain JSON. */
export class SlotFile<Content extends SlotRecord> {
  readonly #path: string;
  readonly #file: number;
  readonly #slot = new Uint8Array(SLOT_BYTES);

  private constructor(path: string, file: number) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Makes the file, durably: its directory entry too.
   *
   * @throws {StorageFailed}
   */
  static create<Content extends SlotRecord>(path: string, record: Content): SlotFile<Content> {
    try {
      const file = openSync(path, "w+", 0o600);
      writeSync(file, new Uint8Array(2 * SLOT_BYTES), 0, 2 * SLOT_BYTES, 0);
      fsyncSync(file);
      const slots = new SlotFile<Content>(path, file);
      slots.write(record);
      const directory = openSync(dirname(path), "r");
      fsyncSync(directory);
      closeSync(directory);
      return slots;
    } catch (cause) {
      throw failed(path, cause);
    }
  }

  static open<Content extends SlotRecord>(path: string): SlotFile<Content> {
    return new SlotFile<Content>(path, openSync(path, "r+"));
  }

  /** The newest whole record of the file, or `undefined` when neither slot holds one. */
  static read<Content extends SlotRecord>(path: string): Content | undefined {
    const bytes = readFileSync(path);
    const records = [0, 1]
      .map((slot) => decodeSlot(bytes.subarray(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES)))
      .filter((record) => record !== undefined);
    // The checksums have shown that these are what `write` wrote.
    return (records as Content[]).sort((a, b) => b.generation - a.generation)[0];
  }

  /**
   * Durable on return.
   *
   * @throws {StorageFailed} the process must end
   */
  write(record: Content): void {
    const bytes = encodeSlot(record, this.#slot);
    const position = (record.generation % 2) * SLOT_BYTES;
    try {
      const written = writeSync(this.#file, bytes, 0, bytes.length, position);
      if (written !== bytes.length) throw new Error(`only ${written} bytes were written`);
      fdatasyncSync(this.#file);
    } catch (cause) {
      throw failed(this.#path, cause);
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

function failed(path: string, cause: unknown): StorageFailed {
  if (cause instanceof StorageFailed) return cause;
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new StorageFailed(`Cannot write "${path}": ${detail}`, { cause });
}

function encodeSlot(record: SlotRecord, slot: Uint8Array): Uint8Array {
  const body = new TextEncoder().encode(JSON.stringify(record));
  const length = HEADER_BYTES + body.length + CHECKSUM_BYTES;
  if (length > SLOT_BYTES) throw new StorageFailed(`A record of ${length} bytes fits in no slot`);
  new TextEncoder().encodeInto(MAGIC, slot);
  new DataView(slot.buffer).setUint32(MAGIC.length, body.length);
  slot.set(body, HEADER_BYTES);
  slot.set(digest(slot.subarray(0, HEADER_BYTES + body.length)), HEADER_BYTES + body.length);
  return slot.subarray(0, length);
}

function decodeSlot(slot: Uint8Array): unknown {
  if (slot.length < HEADER_BYTES + CHECKSUM_BYTES) return undefined;
  if (new TextDecoder().decode(slot.subarray(0, MAGIC.length)) !== MAGIC) return undefined;
  const view = new DataView(slot.buffer, slot.byteOffset, slot.byteLength);
  const end = HEADER_BYTES + view.getUint32(MAGIC.length);
  if (end + CHECKSUM_BYTES > slot.length) return undefined;
  const checksum = digest(slot.subarray(0, end));
  if (!checksum.equals(slot.subarray(end, end + CHECKSUM_BYTES))) return undefined;
  return JSON.parse(new TextDecoder().decode(slot.subarray(HEADER_BYTES, end)));
}

function digest(bytes: Uint8Array) {
  return hash("sha256", bytes, "buffer");
}
