/**
 * How entries lie in `raft.db`: all entries of one append form one row (large ones: a few), and each
 * row's hash covers the hash of the row before. One row a batch instead of one an entry makes a
 * group commit of 100 entries as cheap as one of 1; its price is that cutting inside a batch rewrites
 * that batch, and that reading one old entry decodes its neighbours too.
 */

import { hash } from "node:crypto";
import type { Entry, EntryKind } from "../raft/mod.ts";
import { RaftLogRefused } from "./storage_failure.ts";

/** A batch as stored. */
export interface Row {
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly chain: Uint8Array;
  readonly body: Uint8Array;
}

/** What stands before the first row of a log. */
export const CHAIN_START: Uint8Array = new Uint8Array(32);

/** Bytes and entries of a row at most (one larger entry has a row of its own). */
const ROW_BYTES_MAX = 1024 * 1024;
const ROW_ENTRIES_MAX = 8192;

/** Of each entry: term (float64), kind (uint8), length of data (uint32). */
const ENTRY_HEADER_BYTES = 13;
/** Of each row: index of the first entry (float64). Inside, so that the hash covers it. */
const ROW_HEADER_BYTES = 8;

const KINDS: readonly EntryKind[] = ["noop", "command", "membership"];

/** Packs `entries`, which follow each other, into rows behind `chain`. */
export function packRows(entries: readonly Entry[], chain: Uint8Array): readonly Row[] {
  const rows: Row[] = [];
  let start = 0;
  let bytes = ROW_HEADER_BYTES;
  for (let at = 0; at < entries.length; at++) {
    const size = ENTRY_HEADER_BYTES + (entries[at]?.data.byteLength ?? 0);
    const full = at > start && (bytes + size > ROW_BYTES_MAX || at - start >= ROW_ENTRIES_MAX);
    if (full) {
      const row = packRow(entries, start, at, bytes, chain);
      rows.push(row);
      chain = row.chain;
      start = at;
      bytes = ROW_HEADER_BYTES;
    }
    bytes += size;
  }
  if (entries.length > start) rows.push(packRow(entries, start, entries.length, bytes, chain));
  return rows;
}

/** Hash of a row whose predecessor's is `chain`. */
export function chainHash(chain: Uint8Array, body: Uint8Array): Uint8Array {
  const input = new Uint8Array(chain.length + body.length);
  input.set(chain);
  input.set(body, chain.length);
  return hash("sha256", input, "buffer");
}

/**
 * The entries of a row's body. Only bytes whose hash was checked come here.
 *
 * @throws {RangeError} when the body ends amid an entry
 * @throws {RaftLogRefused} when an entry is of a kind that this program does not know
 */
export function unpackRow(body: Uint8Array): Entry[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const entries: Entry[] = [];
  let index = view.getFloat64(0);
  let at = ROW_HEADER_BYTES;
  while (at < body.byteLength) {
    const term = view.getFloat64(at);
    const kind = KINDS[view.getUint8(at + 8)];
    if (kind === undefined) throw unknownKind(index, view.getUint8(at + 8));
    const length = view.getUint32(at + 9);
    at += ENTRY_HEADER_BYTES;
    entries.push({ index, term, kind, data: body.subarray(at, at + length) });
    at += length;
    index++;
  }
  return entries;
}

function unknownKind(index: number, kind: number): RaftLogRefused {
  return new RaftLogRefused(
    `Cannot read entry ${index} of raft.db: it is of kind ${kind}, which this program does not ` +
      "know; start the newer version of conductor that wrote it",
  );
}

function packRow(
  entries: readonly Entry[],
  start: number,
  end: number,
  bytes: number,
  chain: Uint8Array,
): Row {
  // The hash's input is chain and body in one piece, so that nothing is copied for hashing.
  const input = new Uint8Array(chain.length + bytes);
  input.set(chain);
  const view = new DataView(input.buffer);
  const firstIndex = entries[start]?.index ?? 0;
  let at = chain.length;
  view.setFloat64(at, firstIndex);
  at += ROW_HEADER_BYTES;
  for (let position = start; position < end; position++) {
    const entry = entries[position];
    if (entry === undefined) break;
    view.setFloat64(at, entry.term);
    view.setUint8(at + 8, KINDS.indexOf(entry.kind));
    view.setUint32(at + 9, entry.data.byteLength);
    at += ENTRY_HEADER_BYTES;
    input.set(entry.data, at);
    at += entry.data.byteLength;
  }
  const lastIndex = firstIndex + end - start - 1;
  const body = input.subarray(chain.length);
  return { firstIndex, lastIndex, chain: hash("sha256", input, "buffer"), body };
}
