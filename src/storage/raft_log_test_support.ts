/**
 * Directories of a Raft log as crashes and damage leave them, for the tests of this room.
 *
 * @module
 */

import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Entry } from "../raft/mod.ts";
import { DurableMarker } from "./durable_marker.ts";
import { SqliteRaftLog } from "./raft_log.ts";
import { RAFT_LOG_FILES } from "./raft_log_files.ts";
import { SLOT_BYTES, SlotFile } from "./slot_file.ts";
import { RaftLogRefused } from "./storage_failure.ts";

export const IDENTITY = { clusterId: "c1", nodeId: "n1", incarnation: "i1" };
export const DATABASE = RAFT_LOG_FILES.database;
export const JOURNAL = RAFT_LOG_FILES.journal;
export const MARKER = RAFT_LOG_FILES.marker;
export const WAL = `${DATABASE}-wal`;
/** Eight small appends to an area of the journal. */
export const SMALL_AREA = 8 * 4096;

export function test(sentence: string, run: (directory: string) => void): void {
  Deno.test(sentence, () => {
    const directory = Deno.makeTempDirSync({ prefix: "conductor-raft-log-" });
    try {
      run(directory);
    } finally {
      Deno.removeSync(directory, { recursive: true });
    }
  });
}

/** Leaves the files as a kill amid the run does. */
export function crashed(directory: string, appends: number, areaBytes?: number): void {
  const exists = SqliteRaftLog.exists(directory);
  const log = exists
    ? SqliteRaftLog.open(directory, IDENTITY)
    : SqliteRaftLog.create(directory, IDENTITY, areaBytes === undefined ? {} : { areaBytes });
  const start = log.lastIndex;
  for (let n = 1; n <= appends; n++) log.append([entry(start + n)], hard(start + n));
  const names = [DATABASE, WAL, JOURNAL, MARKER];
  const left = names.map((name) =>
    existsSync(join(directory, name)) ? Deno.readFileSync(join(directory, name)) : undefined
  );
  // An orderly close would move everything into the database.
  log.close();
  names.forEach((name, at) => {
    const bytes = left[at];
    if (bytes !== undefined) Deno.writeFileSync(join(directory, name), bytes);
  });
}

export function crashedAnew(directory: string, appends: number): void {
  for (const { name } of Deno.readDirSync(directory)) Deno.removeSync(join(directory, name));
  crashed(directory, appends);
}

/** Opens the log and finds entries up to `lastIndex`, each as it was written. */
export function holds(directory: string, lastIndex: number): void {
  const log = SqliteRaftLog.open(directory, IDENTITY);
  assert.equal(log.lastIndex, lastIndex);
  const found = lastIndex === 0 ? [] : log.entries(1, lastIndex, Infinity);
  assert.equal(found.length, lastIndex);
  for (const { index, data } of found) {
    if (data.length < SMALL_AREA) assert.deepEqual(data, entry(index).data);
  }
  log.close();
}

/** Flips a bit of the record of an append, which are one block each behind the head and the start. */
export function spoil(directory: string, append: number): void {
  const path = join(directory, JOURNAL);
  const bytes = Deno.readFileSync(path);
  bytes[(append + 1) * SLOT_BYTES + 200]! ^= 1;
  Deno.writeFileSync(path, bytes);
}

/** Sets the database back to before its first commit, as a crash amid the making leaves it. */
export function unbegun(directory: string): void {
  if (!SqliteRaftLog.exists(directory)) SqliteRaftLog.create(directory, IDENTITY).close();
  restate(
    directory,
    (state) => ({ ...state, generation: 0, lastIndex: 0, lastHash: "0".repeat(64) }),
  );
}

/** What the program left that knew no journal. */
export function ofFormat1(directory: string, appends: number, markerBehind: number): void {
  const log = SqliteRaftLog.create(directory, IDENTITY);
  for (let index = 1; index <= appends; index++) log.append([entry(index)], hard(index));
  log.close();
  Deno.removeSync(join(directory, JOURNAL));
  restate(directory, ({ journal: _, ...state }) => ({ ...state, format: 1 }));
  const path = join(directory, MARKER);
  const record = DurableMarker.read(path);
  assert.ok(record !== undefined);
  const { serial: _serial, isStopped: _isStopped, ...rest } = record;
  SlotFile.create(path, { ...rest, format: 1, generation: rest.generation - markerBehind }).close();
}

export function restate(
  directory: string,
  change: (state: Record<string, unknown>) => Record<string, unknown>,
): void {
  const database = new DatabaseSync(join(directory, DATABASE));
  const row = database.prepare("SELECT body FROM state").get();
  const body = JSON.stringify(change(JSON.parse(String(row?.body))));
  database.prepare("UPDATE state SET body = ?, checksum = ?").run(body, hash("sha256", body));
  database.close();
}

export function refused(directory: string, reason: RegExp, expected = { nodeId: "n1" } as {
  nodeId: string;
  clusterId?: string;
}): void {
  assert.throws(() => SqliteRaftLog.open(directory, expected).close(), (error: unknown) => {
    assert.ok(error instanceof RaftLogRefused, String(error));
    assert.match(error.message, reason);
    return true;
  });
}

export function flip(path: string, part: number): void {
  const bytes = Deno.readFileSync(path);
  const at = Math.min(bytes.length - 1, Math.floor(bytes.length * part));
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  Deno.writeFileSync(path, bytes);
}

export function moved(path: string, bytes: Uint8Array): string {
  Deno.writeFileSync(`${path}.copy`, bytes);
  return `${path}.copy`;
}

export function entry(index: number): Entry {
  const data = new TextEncoder().encode(`payload ${index} ${"x".repeat(100)}`);
  return { index, term: 1, kind: "command", data };
}

export function hard(index: number) {
  return { term: 1, vote: "n1", commit: index - 1 };
}
