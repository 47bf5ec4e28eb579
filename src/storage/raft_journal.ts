/**
 * `raft.journal`: where a change of the log becomes durable, by one `pwrite` and one `fdatasync` over
 * a file that has its room already. Two areas are written in turn; before one is written again, the
 * database holds durably what it held.
 *
 * Only one record at a time is not yet synced, so a crash can spoil the last one alone.
 */

import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import {
  BLOCK_BYTES,
  type FoundRecord,
  frameRecord,
  packContent,
  type PackedContent,
  readRecord,
  SALT_BYTES,
} from "./raft_journal_record.ts";
import { syncDirectoryOf } from "./job_store_file.ts";
import { closeToOthers } from "./private_file.ts";
import type { RaftLogIdentity, StateRow } from "./raft_log_file.ts";
import { decodeSlot, encodeSlot, SLOT_BYTES } from "./slot_file.ts";
import { failureOf, StorageFailed } from "./storage_failure.ts";

/** The format this program writes. */
export const JOURNAL_FORMAT = 1;

/** Of each of the two areas. An append that is larger goes to the database at once. */
export const AREA_BYTES = 4 * 1024 * 1024;

const AREAS = 2;

/** The first block of the file; written once. */
interface JournalHead extends RaftLogIdentity {
  readonly format: number;
  /** Hexadecimal digits; in every record of this file, and nowhere else. */
  readonly salt: string;
  readonly areaBytes: number;
}

/** What a journal's file holds. */
export interface FoundJournal {
  /** Undefined: its first block is not whole. */
  readonly head: JournalHead | undefined;
  /** Undefined, or in words why the file as a whole cannot be gone on with. */
  readonly fault: string | undefined;
  /** Whole records by generation, with those of times long past. */
  readonly records: ReadonlyMap<number, FoundRecord>;
  readonly lastGeneration: number;
}

/** Behind which record the journal goes on. */
export type JournalEnd = Pick<FoundRecord, "position" | "bytes" | "hash">;

/** The open journal of one node. */
export class RaftJournal {
  readonly #path: string;
  readonly #file: number;
  readonly #salt: Uint8Array;
  readonly #areaBytes: number;
  /** Where the next record goes, if there is room in the area for it. */
  #position: number;
  /** Of the area that is written: 0 or 1. */
  #area: number;
  /** Of the last record. */
  #previous: Uint8Array;
  #buffer = new Uint8Array(16 * BLOCK_BYTES);

  private constructor(path: string, file: number, head: JournalHead, end: JournalEnd) {
    this.#path = path;
    this.#file = file;
    this.#salt = Uint8Array.fromHex(head.salt);
    this.#areaBytes = head.areaBytes;
    this.#position = end.position + end.bytes;
    this.#area = areaOf(end, head.areaBytes);
    this.#previous = Uint8Array.fromHex(end.hash);
  }

  /**
   * Makes the file durably, or in place of one that is there: from `state`, which the database holds.
   *
   * @param previous what the first record follows, in hexadecimal digits
   * @throws {DiskFull} nothing is changed
   * @throws {StorageFailed}
   */
  static create(
    path: string,
    state: StateRow,
    previous: string,
    areaBytes: number = AREA_BYTES,
  ): RaftJournal {
    const { clusterId, nodeId, incarnation } = state;
    const salt = randomBytes(SALT_BYTES).toString("hex");
    const head = { format: JOURNAL_FORMAT, clusterId, nodeId, incarnation, salt, areaBytes };
    const made = `${path}.new`;
    let file: number | undefined;
    try {
      file = openSync(made, "w+", 0o600);
      const before = { position: SLOT_BYTES, bytes: 0, hash: previous };
      const journal = new RaftJournal(path, file, head, before);
      journal.#put(new Uint8Array(fileBytes(areaBytes)), 0);
      journal.#put(encodeSlot(head, new Uint8Array(SLOT_BYTES)), 0);
      journal.append(packContent({ kind: "start", state }));
      fsyncSync(file);
      renameSync(made, path);
      syncDirectoryOf(path);
      return journal;
    } catch (cause) {
      if (file !== undefined) closeSync(file);
      rmSync(made, { force: true });
      throw failureOf(`make "${path}"`, cause);
    }
  }

  /** Opens the file that `found` was read from, behind `end`. */
  static open(path: string, found: FoundJournal, end: JournalEnd): RaftJournal {
    if (found.head === undefined) throw new StorageFailed(`Cannot open "${path}": it has no head`);
    try {
      closeToOthers(path);
      const journal = new RaftJournal(path, openSync(path, "r+"), found.head, end);
      // What a killed process wrote may be in memory alone, and was promised to nobody: from now on
      // it counts.
      fdatasyncSync(journal.#file);
      return journal;
    } catch (cause) {
      throw failureOf(`open "${path}"`, cause);
    }
  }

  /** What the file at `path` holds; `undefined` when there is none. */
  static read(path: string): FoundJournal | undefined {
    return existsSync(path) ? readJournal(readFileSync(path)) : undefined;
  }

  /** Hash of the last record, in hexadecimal digits. */
  get lastHash(): string {
    return this.#previous.toHex();
  }

  /** Of each of the two areas. */
  get areaBytes(): number {
    return this.#areaBytes;
  }

  /** Whether any area has room for it. */
  canHold({ bytes }: PackedContent): boolean {
    return bytes <= this.#areaBytes;
  }

  /** Whether the area that is written has room for it. */
  fits({ bytes }: PackedContent): boolean {
    return this.#position + bytes <= SLOT_BYTES + (this.#area + 1) * this.#areaBytes;
  }

  /** Goes on at the beginning of the other area, whose records are lost by that. */
  changeArea(): void {
    this.#area = (this.#area + 1) % AREAS;
    this.#position = SLOT_BYTES + this.#area * this.#areaBytes;
  }

  /**
   * Writes a record, for which there is room; durable on return.
   *
   * @throws {DiskFull} nothing is changed
   * @throws {StorageFailed} the process must end
   */
  append(content: PackedContent): void {
    const { bytes } = content;
    if (this.#buffer.byteLength < bytes) this.#buffer = new Uint8Array(2 * bytes);
    const place = { salt: this.#salt, position: this.#position, previous: this.#previous };
    const hash = frameRecord(content, place, this.#buffer);
    this.#put(this.#buffer.subarray(0, bytes), this.#position);
    try {
      fdatasyncSync(this.#file);
    } catch (cause) {
      // Not even a full disk may be met here: what was written may or may not be there.
      throw this.#failed(cause);
    }
    this.#position += bytes;
    this.#previous = hash;
  }

  close(): void {
    closeSync(this.#file);
  }

  /** The file has its room; on some file systems there may be none for it all the same. */
  #put(bytes: Uint8Array, position: number): void {
    let written: number;
    try {
      written = writeSync(this.#file, bytes, 0, bytes.length, position);
    } catch (cause) {
      throw failureOf(`write "${this.#path}"`, cause);
    }
    if (written !== bytes.length) {
      throw this.#failed(new Error(`only ${written} bytes were written`));
    }
  }

  #failed(cause: unknown): StorageFailed {
    const detail = cause instanceof Error ? cause.message : String(cause);
    return new StorageFailed(`Cannot write "${this.#path}": ${detail}`, { cause });
  }
}

/** The generation of the first record of the area that holds `end`, if it is whole. */
export function firstOfArea(found: FoundJournal, end: JournalEnd): number | undefined {
  const areaBytes = found.head?.areaBytes ?? AREA_BYTES;
  const start = SLOT_BYTES + areaOf(end, areaBytes) * areaBytes;
  for (const { position, generation } of found.records.values()) {
    if (position === start) return generation;
  }
  return undefined;
}

function readJournal(bytes: Uint8Array): FoundJournal {
  const nothing = { records: new Map<number, FoundRecord>(), lastGeneration: 0 };
  // The checksum has shown that this is what `create` wrote.
  const head = decodeSlot(bytes.subarray(0, SLOT_BYTES)) as JournalHead | undefined;
  if (head === undefined) return { ...nothing, head, fault: "its first block is not whole" };
  if (head.format > JOURNAL_FORMAT) return { ...nothing, head, fault: undefined };
  const records = new Map<number, FoundRecord>();
  let fault = bytes.length < fileBytes(head.areaBytes)
    ? `it has ${bytes.length} bytes of ${fileBytes(head.areaBytes)}`
    : undefined;
  const salt = Uint8Array.fromHex(head.salt);
  for (let area = 0; area < AREAS; area++) {
    const end = SLOT_BYTES + (area + 1) * head.areaBytes;
    for (let position = end - head.areaBytes; position < end;) {
      const record = readRecord(bytes.subarray(position, end), { salt, position });
      position += record?.bytes ?? BLOCK_BYTES;
      if (record === undefined) continue;
      if (records.has(record.generation)) fault ??= `it holds commit ${record.generation} twice`;
      records.set(record.generation, record);
    }
  }
  const lastGeneration = Math.max(0, ...records.keys());
  return { head, fault, records, lastGeneration };
}

function areaOf({ position }: Pick<JournalEnd, "position">, areaBytes: number): number {
  return Math.floor((position - SLOT_BYTES) / areaBytes);
}

function fileBytes(areaBytes: number): number {
  return SLOT_BYTES + AREAS * areaBytes;
}
