/**
 * The bytes of one record of the journal: a change of the log, framed so that it is known whether it
 * is whole, where it belongs and what it follows.
 *
 * It fills whole blocks, so that no later write touches a block that holds something acknowledged,
 * and its checksum comes last, so that a write that was cut short is never taken for a whole one. It
 * names the journal by a salt that nobody outside knows: bytes of a job's payload are never taken for
 * a record. It names its place, so that a write that went elsewhere is not, and the hash of the record
 * before.
 */

import { hash } from "node:crypto";
import type { RaftLogChange, StateRow } from "./raft_log_file.ts";

/** What is written whole or not at all, and no more of it than that is ever rewritten. */
export const BLOCK_BYTES = 4096;
const HASH_BYTES = 32;
export const SALT_BYTES = 16;

/**
 * - `change`: what the database is to be changed by.
 * - `start`: the database holds everything up to this commit, durably; the journal goes on from it.
 */
export type RecordContent =
  | { readonly kind: "change"; readonly change: RaftLogChange }
  | { readonly kind: "start"; readonly state: StateRow };

/** A whole record, as found. */
export type FoundRecord = RecordContent & {
  readonly generation: number;
  readonly position: number;
  readonly bytes: number;
  /** Hash of the record before, in hexadecimal digits, and of this one. */
  readonly previous: string;
  readonly hash: string;
};

/** Content in bytes, before it is known where it goes. */
export interface PackedContent {
  readonly generation: number;
  readonly meta: Uint8Array;
  readonly bodies: readonly Uint8Array[];
  /** Of the whole record: a multiple of {@linkcode BLOCK_BYTES}. */
  readonly bytes: number;
}

/** Where a record goes, and what it follows. */
export interface RecordPlace {
  readonly salt: Uint8Array;
  readonly position: number;
  readonly previous: Uint8Array;
}

const MAGIC = new TextEncoder().encode("CNDRRECD");
const SALT_AT = MAGIC.length;
const POSITION_AT = SALT_AT + SALT_BYTES;
const GENERATION_AT = POSITION_AT + 8;
const META_LENGTH_AT = GENERATION_AT + 8;
const LENGTH_AT = META_LENGTH_AT + 4;
const PREVIOUS_AT = LENGTH_AT + 4;
const META_AT = PREVIOUS_AT + HASH_BYTES;

/** What of a record is JSON: all but the bodies of its rows, which follow it in their order. */
interface Meta {
  readonly kind: RecordContent["kind"];
  readonly state: StateRow;
  readonly deleteFrom?: number;
  readonly deleteThrough?: number;
  /** First index, last index, bytes of the body and the chain's hash of each row. */
  readonly rows: readonly (readonly [number, number, number, string])[];
}

const UTF8 = new TextEncoder();

/** The first half of the work: what a record holds. */
export function packContent(content: RecordContent): PackedContent {
  const change = content.kind === "change" ? content.change : { state: content.state, insert: [] };
  const { insert, state, deleteFrom, deleteThrough } = change;
  const meta: Meta = {
    kind: content.kind,
    state,
    ...(deleteFrom === undefined ? {} : { deleteFrom }),
    ...(deleteThrough === undefined ? {} : { deleteThrough }),
    rows: insert.map((row) =>
      [row.firstIndex, row.lastIndex, row.body.byteLength, row.chain.toHex()] as const
    ),
  };
  const text = UTF8.encode(JSON.stringify(meta));
  const bodies = insert.map(({ body }) => body);
  const filled = bodies.reduce(
    (sum, body) => sum + body.byteLength,
    META_AT + text.byteLength + HASH_BYTES,
  );
  const bytes = Math.ceil(filled / BLOCK_BYTES) * BLOCK_BYTES;
  return { generation: state.generation, meta: text, bodies, bytes };
}

/**
 * The second half: writes the record to the beginning of `target`, which has room for it. Returns its
 * hash.
 */
export function frameRecord(
  { generation, meta, bodies, bytes }: PackedContent,
  { salt, position, previous }: RecordPlace,
  target: Uint8Array,
): Uint8Array {
  const view = new DataView(target.buffer, target.byteOffset, bytes);
  target.set(MAGIC);
  target.set(salt, SALT_AT);
  view.setFloat64(POSITION_AT, position);
  view.setFloat64(GENERATION_AT, generation);
  view.setUint32(META_LENGTH_AT, meta.byteLength);
  view.setUint32(LENGTH_AT, bytes);
  target.set(previous, PREVIOUS_AT);
  target.set(meta, META_AT);
  let at = META_AT + meta.byteLength;
  for (const body of bodies) {
    target.set(body, at);
    at += body.byteLength;
  }
  const hashAt = bytes - HASH_BYTES;
  target.fill(0, at, hashAt);
  const digest = hash("sha256", target.subarray(0, hashAt), "buffer");
  target.set(digest, hashAt);
  return digest;
}

/** The record at the beginning of `bytes`, or `undefined` when there is no whole one of this place. */
export function readRecord(
  bytes: Uint8Array,
  { salt, position }: Omit<RecordPlace, "previous">,
): FoundRecord | undefined {
  if (bytes.byteLength < BLOCK_BYTES) return undefined;
  if (!begins(bytes, MAGIC, 0) || !begins(bytes, salt, SALT_AT)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(LENGTH_AT);
  const isSized = length >= BLOCK_BYTES && length % BLOCK_BYTES === 0 &&
    length <= bytes.byteLength;
  if (!isSized || view.getFloat64(POSITION_AT) !== position) return undefined;
  const hashAt = length - HASH_BYTES;
  const digest = hash("sha256", bytes.subarray(0, hashAt), "buffer");
  if (!begins(bytes, digest, hashAt)) return undefined;
  return {
    ...unpackContent(bytes, view.getUint32(META_LENGTH_AT)),
    generation: view.getFloat64(GENERATION_AT),
    position,
    bytes: length,
    previous: bytes.subarray(PREVIOUS_AT, PREVIOUS_AT + HASH_BYTES).toHex(),
    hash: digest.toString("hex"),
  };
}

/** The hash has shown that the bytes are what `frameRecord` wrote. */
function unpackContent(bytes: Uint8Array, metaBytes: number): RecordContent {
  const text = bytes.subarray(META_AT, META_AT + metaBytes);
  const { kind, state, deleteFrom, deleteThrough, rows }: Meta = JSON.parse(
    new TextDecoder().decode(text),
  );
  if (kind === "start") return { kind, state };
  let at = META_AT + metaBytes;
  const insert = rows.map(([firstIndex, lastIndex, length, chain]) => {
    const body = bytes.slice(at, at + length);
    at += length;
    return { firstIndex, lastIndex, chain: Uint8Array.fromHex(chain), body };
  });
  return {
    kind,
    change: {
      ...(deleteFrom === undefined ? {} : { deleteFrom }),
      ...(deleteThrough === undefined ? {} : { deleteThrough }),
      insert,
      state,
    },
  };
}

function begins(bytes: Uint8Array, expected: Uint8Array, offset: number): boolean {
  return expected.every((byte, at) => bytes[offset + at] === byte);
}
