/**
 * A tiny file that holds one record durably. Two slots are overwritten in turn, each with its
 * checksum, so that a write that is torn by a crash spoils only itself. One `pwrite` and one
 * `fdatasync` a time.
 *
 * Two more slots take notes: records that need only outlive the process. A power failure may tear
 * both of them, and leaves what was written durably.
 */

import { hash } from "node:crypto";
import { closeSync, fdatasyncSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { closeToOthers } from "./private_file.ts";
import { failureOf, StorageFailed } from "./storage_failure.ts";

/** What a record needs: by these numbers the newest is known, the first before the second. */
export interface SlotRecord {
  readonly generation: number;
  /** Counts the records, where several may be of one generation. */
  readonly serial?: number;
}

/** Room of a record, with what frames it. */
export const SLOT_BYTES = 4096;
/** Slots for what is durable; those for notes follow. */
const DURABLE_SLOTS = 2;
const NOTE_SLOTS = 2;
const MAGIC = "CNDRMARK";
const HEADER_BYTES = MAGIC.length + 4;
const CHECKSUM_BYTES = 32;
const UTF8 = new TextEncoder();

/** See the module's text. Records are plain JSON. */
export class SlotFile<Content extends SlotRecord> {
  readonly #path: string;
  readonly #file: number;
  readonly #slot = new Uint8Array(SLOT_BYTES);
  /** Where the next record goes: not over the newest. */
  #durableSlot: number;
  #noteSlot = DURABLE_SLOTS;

  private constructor(path: string, file: number, durableSlot: number) {
    this.#path = path;
    this.#file = file;
    this.#durableSlot = durableSlot;
  }

  /**
   * Makes the file, durably: its directory entry too.
   *
   * @param use whether there will be notes, for which there is to be room then
   * @throws {StorageFailed}
   */
  static create<Content extends SlotRecord>(
    path: string,
    record: Content,
    use: "durable" | "notes" = "durable",
  ): SlotFile<Content> {
    const bytes = (use === "notes" ? DURABLE_SLOTS + NOTE_SLOTS : DURABLE_SLOTS) * SLOT_BYTES;
    try {
      const file = openSync(path, "w+", 0o600);
      writeSync(file, new Uint8Array(bytes), 0, bytes, 0);
      fsyncSync(file);
      const slots = new SlotFile<Content>(path, file, 0);
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
    closeToOthers(path);
    const newest = newestOf<Content>(readFileSync(path), 0, DURABLE_SLOTS);
    return new SlotFile<Content>(path, openSync(path, "r+"), newest?.slot === 0 ? 1 : 0);
  }

  /** The newest whole record of the file, or `undefined` when no slot holds one. */
  static read<Content extends SlotRecord>(path: string): Content | undefined {
    return newestOf<Content>(readFileSync(path), 0, DURABLE_SLOTS + NOTE_SLOTS)?.record;
  }

  /**
   * Durable on return.
   *
   * @throws {DiskFull} the newest record is still the one before: there is room for this one, but some file
   * systems write elsewhere what is written over
   * @throws {StorageFailed} the process must end
   */
  write(record: Content): void {
    this.#put(record, this.#durableSlot);
    try {
      fdatasyncSync(this.#file);
    } catch (cause) {
      throw failed(this.#path, cause);
    }
    this.#durableSlot = 1 - this.#durableSlot;
  }

  /**
   * Outlives the process on return, but not a power failure.
   *
   * @throws {DiskFull} as {@linkcode write} does
   * @throws {StorageFailed} the process must end
   */
  note(record: Content): void {
    this.#put(record, this.#noteSlot);
    this.#noteSlot = DURABLE_SLOTS + (this.#noteSlot + 1 - DURABLE_SLOTS) % NOTE_SLOTS;
  }

  #put(record: Content, slot: number): void {
    const bytes = encodeSlot(record, this.#slot);
    try {
      const written = writeSync(this.#file, bytes, 0, bytes.length, slot * SLOT_BYTES);
      if (written !== bytes.length) throw new Error(`only ${written} bytes were written`);
    } catch (cause) {
      throw failureOf(`write "${this.#path}"`, cause);
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

function newestOf<Content extends SlotRecord>(
  bytes: Uint8Array,
  from: number,
  to: number,
): { readonly record: Content; readonly slot: number } | undefined {
  let newest: { readonly record: Content; readonly slot: number } | undefined;
  for (let slot = from; slot < to; slot++) {
    const found = decodeSlot(bytes.subarray(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES));
    if (found === undefined) continue;
    // The checksum has shown that this is what `write` wrote.
    const record = found as Content;
    if (newest === undefined || isNewer(record, newest.record)) newest = { record, slot };
  }
  return newest;
}

function isNewer(record: SlotRecord, than: SlotRecord): boolean {
  const ahead = record.generation - than.generation;
  return ahead > 0 || (ahead === 0 && (record.serial ?? 0) > (than.serial ?? 0));
}

/** Frames a record in `slot`. Returns the part that it fills. */
export function encodeSlot(record: unknown, slot: Uint8Array): Uint8Array {
  const body = UTF8.encode(JSON.stringify(record));
  const length = HEADER_BYTES + body.length + CHECKSUM_BYTES;
  if (length > SLOT_BYTES) throw new StorageFailed(`A record of ${length} bytes fits in no slot`);
  UTF8.encodeInto(MAGIC, slot);
  new DataView(slot.buffer).setUint32(MAGIC.length, body.length);
  slot.set(body, HEADER_BYTES);
  slot.set(digest(slot.subarray(0, HEADER_BYTES + body.length)), HEADER_BYTES + body.length);
  return slot.subarray(0, length);
}

/** The record in `slot`, or `undefined` when it is not whole. */
export function decodeSlot(slot: Uint8Array): unknown {
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
