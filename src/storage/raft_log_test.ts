/** The Raft log against disks that lie: every damage is refused with a reason, or does no harm. */

import assert from "node:assert/strict";
import { hash } from "node:crypto";
import fs, { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Entry } from "../raft/mod.ts";
import { createDataDirectory } from "./data_directory.ts";
import { DurableMarker, MARKER_FORMAT } from "./durable_marker.ts";
import { JOURNAL_FORMAT } from "./raft_journal.ts";
import { SqliteRaftLog } from "./raft_log.ts";
import { assertPrivate } from "./private_file_test_support.ts";
import { RAFT_LOG_FILES } from "./raft_log_files.ts";
import { decodeSlot, encodeSlot, SLOT_BYTES, SlotFile } from "./slot_file.ts";
import { DataDirectoryRefused, RaftLogRefused, StorageFailed } from "./storage_failure.ts";

const IDENTITY = { clusterId: "c1", nodeId: "n1", incarnation: "i1" };
const DATABASE = RAFT_LOG_FILES.database;
const JOURNAL = RAFT_LOG_FILES.journal;
const MARKER = RAFT_LOG_FILES.marker;
const WAL = `${DATABASE}-wal`;
/** Eight small appends to an area of the journal. */
const SMALL_AREA = 8 * 4096;

test("a second master on the same directory is refused", (directory) => {
  const first = SqliteRaftLog.create(directory, IDENTITY);
  refused(directory, /another master runs on this data directory/);
  first.close();
  SqliteRaftLog.open(directory, IDENTITY).close();
});

test("a directory of another node or cluster is refused", (directory) => {
  SqliteRaftLog.create(directory, IDENTITY).close();
  refused(directory, /belongs to node "n1", not to "n2"/, { nodeId: "n2" });
  refused(directory, /belongs to cluster "c1", not to "c2"/, { nodeId: "n1", clusterId: "c2" });
});

test("a log is made once", (directory) => {
  SqliteRaftLog.create(directory, IDENTITY).close();
  assert.throws(() => SqliteRaftLog.create(directory, IDENTITY), /there is one already/);
});

test("the log's files are for their owner's eyes alone", (directory) => {
  assertPrivate(
    directory,
    () =>
      SqliteRaftLog.exists(directory)
        ? SqliteRaftLog.open(directory, IDENTITY)
        : SqliteRaftLog.create(directory, IDENTITY),
  );
});

for (const made of [[], [JOURNAL], [JOURNAL, MARKER]]) {
  test(`a crash while the directory was made, with [${made}], does no harm`, (directory) => {
    unbegun(directory);
    for (const name of [JOURNAL, MARKER].filter((each) => !made.includes(each))) {
      Deno.removeSync(join(directory, name));
    }
    SqliteRaftLog.open(directory, IDENTITY).close();
    holds(directory, 0);
    assert.ok(existsSync(join(directory, MARKER)));
  });
}

test("a log that is made with its beginning has it after a crash while the rest was made", (directory) => {
  const beginning = { entries: [entry(1)], hardState: hard(1) };
  const made = SqliteRaftLog.create(directory, IDENTITY, { beginning });
  assert.deepEqual(made.entries(1, 1, Infinity), beginning.entries);
  assert.deepEqual(made.hardState, beginning.hardState);
  made.close();
  restate(directory, (state) => ({ ...state, generation: 0 }));
  for (const name of [JOURNAL, MARKER]) Deno.removeSync(join(directory, name));
  holds(directory, 1);
});

const LEFT: readonly [what: string, leave: (path: string) => void][] = [
  ["nothing", (path) => Deno.writeFileSync(path, new Uint8Array())],
  ["what a power failure spoilt", (path) => Deno.writeFileSync(path, new Uint8Array(8192).fill(7))],
  ["another log's beginning", (path) => {
    const other = `${path}.made`;
    SqliteRaftLog.create(other, { ...IDENTITY, incarnation: "i0" }, {
      beginning: { entries: [entry(1), entry(2)], hardState: hard(2) },
    }).close();
    Deno.renameSync(join(other, DATABASE), path);
    Deno.removeSync(other, { recursive: true });
  }],
];

for (const [what, leave] of LEFT) {
  test(`a database that was not finished, with ${what}, is made anew`, (directory) => {
    createDataDirectory(directory);
    leave(join(directory, `${DATABASE}.new`));
    assert.ok(!SqliteRaftLog.exists(directory));
    const beginning = { entries: [entry(1)], hardState: hard(1) };
    const made = SqliteRaftLog.create(directory, IDENTITY, { beginning });
    assert.deepEqual(made.identity, IDENTITY);
    made.close();
    holds(directory, 1);
    const names = [...Deno.readDirSync(directory)].map(({ name }) => name);
    assert.deepEqual(names.sort(), [DATABASE, JOURNAL, MARKER]);
  });
}

test("a log is not made where another process is making one", (directory) => {
  createDataDirectory(directory);
  const other = new DatabaseSync(join(directory, `${DATABASE}.new`));
  other.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  assert.throws(() => SqliteRaftLog.create(directory, IDENTITY), /another master runs/);
  other.close();
  SqliteRaftLog.create(directory, IDENTITY).close();
});

test("a database set back to its very beginning is not taken for a new one", (directory) => {
  crashed(directory, 5);
  unbegun(directory);
  refused(directory, /it has lost its last 6 commits/);
});

test("a first start that was cut short is said to be one, with its step", (directory) => {
  Deno.writeFileSync(join(directory, DATABASE), new Uint8Array());
  refused(directory, /first start was probably cut short.*remove the file and start again/);
});

test("a crash between journal and marker does no harm", (directory) => {
  crashed(directory, 5);
  const before = Deno.readFileSync(join(directory, MARKER));
  // Another commit, whose marker is not written.
  const log = SqliteRaftLog.open(directory, IDENTITY);
  log.append([entry(6)], { term: 1, vote: "n1", commit: 0 });
  log.close();
  Deno.writeFileSync(join(directory, MARKER), before);
  const again = SqliteRaftLog.open(directory, IDENTITY);
  assert.equal(again.lastIndex, 6);
  again.close();
  SqliteRaftLog.open(directory, IDENTITY).close();
});

test("a removed -wal file does no harm: the journal has the commits that were in it", (directory) => {
  crashed(directory, 50);
  Deno.removeSync(join(directory, WAL));
  holds(directory, 50);
});

test("an old -wal file does no harm", (directory) => {
  crashed(directory, 20);
  const old = Deno.readFileSync(join(directory, WAL));
  crashed(directory, 50);
  Deno.writeFileSync(join(directory, WAL), old);
  holds(directory, 70);
});

for (const part of [0, 0.1, 0.5, 0.9]) {
  test(`a bit that flips at ${part} of the -wal file does no harm`, (directory) => {
    crashed(directory, 90);
    flip(join(directory, WAL), part);
    holds(directory, 90);
  });
}

test("a missing journal is refused after a crash, and made anew after an orderly stop", (directory) => {
  crashed(directory, 5);
  Deno.removeSync(join(directory, JOURNAL));
  refused(directory, /its journal .*raft\.journal" is missing; put it back/);
  crashedAnew(directory, 5);
  SqliteRaftLog.open(directory, IDENTITY).close();
  Deno.removeSync(join(directory, JOURNAL));
  holds(directory, 5);
  assert.ok(existsSync(join(directory, JOURNAL)));
});

test("the last record of the journal, acknowledged and then spoilt, is refused after a kill", (directory) => {
  crashed(directory, 5);
  spoil(directory, 5);
  refused(directory, /it has lost its last 1 commits .*raft\.journal/);
});

test("the last record of the journal, torn before the marker spoke of it, does no harm", (directory) => {
  crashed(directory, 4);
  const marker = Deno.readFileSync(join(directory, MARKER));
  crashed(directory, 1);
  spoil(directory, 5);
  Deno.writeFileSync(join(directory, MARKER), marker);
  holds(directory, 4);
});

test("a spoilt record of the journal with whole ones behind it is refused", (directory) => {
  crashed(directory, 5);
  spoil(directory, 3);
  refused(directory, /is damaged: commit 4 is not whole in it, though commit 6 is/);
});

test("an old copy of the journal is refused", (directory) => {
  crashed(directory, 5);
  const old = Deno.readFileSync(join(directory, JOURNAL));
  crashed(directory, 90);
  Deno.writeFileSync(join(directory, JOURNAL), old);
  refused(directory, /is damaged: it ends \d+ commits before the database/);
});

test("a journal of another directory, or of a later format, is refused", (directory) => {
  const other = join(directory, "other");
  SqliteRaftLog.create(other, { ...IDENTITY, incarnation: "i2" }).close();
  crashed(directory, 5);
  const path = join(directory, JOURNAL);
  const own = Deno.readFileSync(path);
  Deno.copyFileSync(join(other, JOURNAL), path);
  refused(directory, /different data directories/);
  const head = decodeSlot(own.subarray(0, SLOT_BYTES)) as Record<string, unknown>;
  own.set(encodeSlot({ ...head, format: JOURNAL_FORMAT + 1 }, new Uint8Array(SLOT_BYTES)));
  Deno.writeFileSync(path, own);
  refused(directory, /start the newer version/);
});

test("a journal that is cut, or whose first block is spoilt, is refused after a crash", (directory) => {
  crashed(directory, 5);
  const path = join(directory, JOURNAL);
  const own = Deno.readFileSync(path);
  Deno.truncateSync(path, own.length - 1);
  refused(directory, /is damaged: it has \d+ bytes of \d+/);
  own[9]! ^= 1;
  Deno.writeFileSync(path, own);
  refused(directory, /is damaged: its first block is not whole/);
});

test("a payload that changed in the main file is refused", (directory) => {
  const log = SqliteRaftLog.create(directory, IDENTITY);
  for (let index = 1; index <= 50; index++) log.append([entry(index)], hard(index));
  log.close();
  const path = join(directory, DATABASE);
  const bytes = Deno.readFileSync(path);
  const at = new TextDecoder("latin1").decode(bytes).indexOf("payload 25 ");
  assert.ok(at > 0);
  bytes[at + 3] = (bytes[at + 3] ?? 0) ^ 1;
  Deno.writeFileSync(path, bytes);
  refused(directory, /entries 25 to 25 fail their hash/);
});

test("a missing or foreign marker is refused", (directory) => {
  crashed(directory, 5);
  const path = join(directory, MARKER);
  const bytes = Deno.readFileSync(path);
  Deno.removeSync(path);
  refused(directory, /its marker .* is missing/);
  const record = DurableMarker.read(moved(path, bytes));
  assert.ok(record !== undefined);
  DurableMarker.create(path, { ...record, clusterId: "c2" }).close();
  refused(directory, /of different data directories/);
  DurableMarker.create(path, { ...record, format: MARKER_FORMAT + 1 }).close();
  refused(directory, /start the newer version/);
});

test("an older database is brought up to date by the journal, and an older marker is outvoted", (directory) => {
  crashed(directory, 10);
  const old = ["", "-wal"].map((suffix) => Deno.readFileSync(join(directory, DATABASE + suffix)));
  const oldMarker = Deno.readFileSync(join(directory, MARKER));
  crashed(directory, 20);
  const newer = [DATABASE, WAL, JOURNAL].map((name) => Deno.readFileSync(join(directory, name)));
  Deno.writeFileSync(join(directory, MARKER), oldMarker);
  holds(directory, 30);
  const marker = Deno.readFileSync(join(directory, MARKER));
  ["", "-wal"].forEach((suffix, at) =>
    Deno.writeFileSync(join(directory, DATABASE + suffix), old[at] ?? new Uint8Array())
  );
  Deno.writeFileSync(join(directory, JOURNAL), newer[2] ?? new Uint8Array());
  Deno.writeFileSync(join(directory, MARKER), marker);
  holds(directory, 30);
});

test("a database older than the journal reaches back to is refused", (directory) => {
  crashed(directory, 10, SMALL_AREA);
  const old = ["", "-wal"].map((suffix) => Deno.readFileSync(join(directory, DATABASE + suffix)));
  crashed(directory, 60);
  ["", "-wal"].forEach((suffix, at) =>
    Deno.writeFileSync(join(directory, DATABASE + suffix), old[at] ?? new Uint8Array())
  );
  refused(directory, /is damaged: commit \d+ is not whole in it, though commit 71 is/);
});

test("what an area held is in the database before the area is used again", (directory) => {
  crashed(directory, 200, SMALL_AREA);
  Deno.removeSync(join(directory, WAL));
  holds(directory, 200);
});

test("an append that no area holds is durable all the same, also if the journal does not say so yet", (directory) => {
  const log = SqliteRaftLog.create(directory, IDENTITY, { areaBytes: SMALL_AREA });
  log.append([entry(1)], hard(1));
  const names = [DATABASE, WAL, JOURNAL, MARKER];
  const [, , journal, marker] = names.map((name) => Deno.readFileSync(join(directory, name)));
  const data = new Uint8Array(3 * SMALL_AREA).fill(7);
  log.append([{ index: 2, term: 1, kind: "command", data }], hard(2));
  const after = names.map((name) => Deno.readFileSync(join(directory, name)));
  log.append([entry(3)], hard(3));
  log.close();
  holds(directory, 3);
  names.forEach((name, at) => Deno.writeFileSync(join(directory, name), after[at]!));
  holds(directory, 2);
  // The crash came between the database and the journal.
  names.forEach((name, at) => Deno.writeFileSync(join(directory, name), after[at]!));
  Deno.writeFileSync(join(directory, JOURNAL), journal!);
  refused(directory, /it has lost its last|ends 1 commits before|in the same commit|older than it/);
  Deno.writeFileSync(join(directory, MARKER), marker!);
  holds(directory, 2);
  SqliteRaftLog.open(directory, IDENTITY).close();
});

test("a sync that fails off the loop ends the log, and nothing is made of what it left", (directory) => {
  const log = SqliteRaftLog.create(directory, IDENTITY, { areaBytes: SMALL_AREA });
  const { fsync } = fs;
  const asked: ((failure: Error) => void)[] = [];
  const never = (_file: number, callback: (failure: Error) => void) => asked.push(callback);
  try {
    Object.assign(fs, { fsync: never });
    for (let index = 1; asked.length === 0; index++) {
      const data = new Uint8Array(2_000);
      log.append([{ index, term: 1, kind: "command", data }], hard(index));
    }
    asked[0]!(new Error("input/output error"));
    assert.throws(() => log.append([entry(log.lastIndex + 1)], hard(1)), (error: unknown) => {
      assert.ok(error instanceof StorageFailed);
      assert.match(error.message, /Cannot move the write-ahead log .*: input\/output error/);
      return true;
    });
    assert.throws(() => log.append([], hard(1)), StorageFailed);
  } finally {
    Object.assign(fs, { fsync });
    log.close();
  }
  const { isStopped } = DurableMarker.read(join(directory, MARKER)) ?? {};
  assert.notEqual(isStopped, true, "it is not said to be whole");
});

test("one torn slot of the marker does no harm, all torn are refused", (directory) => {
  crashed(directory, 5);
  const path = join(directory, MARKER);
  const slots = Deno.statSync(path).size / SLOT_BYTES;
  const whole = Deno.readFileSync(path);
  for (let slot = 0; slot < slots; slot++) {
    Deno.writeFileSync(path, whole);
    flip(path, (slot * SLOT_BYTES + 20) / whole.length);
    holds(directory, 5);
  }
  crashedAnew(directory, 5);
  for (let slot = 0; slot < slots; slot++) flip(path, (slot * SLOT_BYTES + 20) / whole.length);
  refused(directory, /no slot of its marker/);
});

test("a directory of format 1 is taken over, whichever file a crash left behind", (directory) => {
  for (const markerBehind of [0, 1]) {
    Deno.removeSync(directory, { recursive: true });
    ofFormat1(directory, 5, markerBehind);
    const names = [DATABASE, MARKER];
    const before = names.map((name) => Deno.readFileSync(join(directory, name)));
    holds(directory, 5);
    const [database, marker] = names.map((name) => Deno.readFileSync(join(directory, name)));
    // The crash came before the database, and then before the marker.
    names.forEach((name, at) => Deno.writeFileSync(join(directory, name), before[at]!));
    holds(directory, 5);
    Deno.removeSync(directory, { recursive: true });
    ofFormat1(directory, 5, 0);
    const kept = SqliteRaftLog.open(directory, IDENTITY);
    kept.append([entry(6)], hard(6));
    kept.close();
    holds(directory, 6);
    assert.ok(database !== undefined && marker !== undefined);
  }
});

test("a directory of format 1 that lost a commit is refused as ever", (directory) => {
  ofFormat1(directory, 5, 0);
  const path = join(directory, MARKER);
  const record = DurableMarker.read(path);
  assert.ok(record !== undefined);
  SlotFile.create(path, { ...record, generation: record.generation + 1 }).close();
  refused(directory, /it has lost its last 1 commits/);
});

test("a missing database is refused when its marker is there", (directory) => {
  crashed(directory, 5);
  Deno.removeSync(join(directory, DATABASE));
  Deno.removeSync(join(directory, WAL));
  refused(directory, /it is missing/);
});

test("a file that is no database is refused", (directory) => {
  crashed(directory, 5);
  Deno.removeSync(join(directory, WAL));
  Deno.writeTextFileSync(
    join(directory, DATABASE),
    "hello, this is not a database at all".repeat(99),
  );
  refused(directory, /not a database/);
});

test("a file in place of the directory is refused", (directory) => {
  const path = join(directory, "file");
  Deno.writeTextFileSync(path, "");
  assert.throws(() => createDataDirectory(path), DataDirectoryRefused);
  assert.throws(
    () => createDataDirectory(join(path, "below")),
    /it, or a part of its path, is a file/,
  );
});

test("a payload that rots while the node runs is not read as if it were right", (directory) => {
  const log = SqliteRaftLog.create(directory, IDENTITY);
  // More than is kept in memory, so that the first is read from the disk again.
  for (let index = 1; index <= 40; index++) {
    const data = new TextEncoder().encode(`payload ${index} `.repeat(1e5));
    log.append([{ index, term: 1, kind: "command", data }], hard(index));
  }
  assert.equal(log.entries(2, 2, Infinity).length, 1);
  for (const name of [DATABASE, WAL]) {
    const path = join(directory, name);
    const bytes = Deno.readFileSync(path);
    const text = new TextDecoder("latin1").decode(bytes);
    // Everywhere, for SQLite leaves old copies of pages behind.
    for (let at = 0; (at = text.indexOf("payload 1 p", at)) >= 0; at++) bytes[at] = 0;
    Deno.writeFileSync(path, bytes);
  }
  assert.throws(() => log.entries(1, 1, Infinity), /changed since they were written/);
  log.close();
});

function test(sentence: string, run: (directory: string) => void): void {
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
function crashed(directory: string, appends: number, areaBytes?: number): void {
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

function crashedAnew(directory: string, appends: number): void {
  for (const { name } of Deno.readDirSync(directory)) Deno.removeSync(join(directory, name));
  crashed(directory, appends);
}

/** Opens the log and finds entries up to `lastIndex`, each as it was written. */
function holds(directory: string, lastIndex: number): void {
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
function spoil(directory: string, append: number): void {
  const path = join(directory, JOURNAL);
  const bytes = Deno.readFileSync(path);
  bytes[(append + 1) * SLOT_BYTES + 200]! ^= 1;
  Deno.writeFileSync(path, bytes);
}

/** Sets the database back to before its first commit, as a crash amid the making leaves it. */
function unbegun(directory: string): void {
  if (!SqliteRaftLog.exists(directory)) SqliteRaftLog.create(directory, IDENTITY).close();
  restate(
    directory,
    (state) => ({ ...state, generation: 0, lastIndex: 0, lastHash: "0".repeat(64) }),
  );
}

/** What the program left that knew no journal. */
function ofFormat1(directory: string, appends: number, markerBehind: number): void {
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

function restate(
  directory: string,
  change: (state: Record<string, unknown>) => Record<string, unknown>,
): void {
  const database = new DatabaseSync(join(directory, DATABASE));
  const row = database.prepare("SELECT body FROM state").get();
  const body = JSON.stringify(change(JSON.parse(String(row?.body))));
  database.prepare("UPDATE state SET body = ?, checksum = ?").run(body, hash("sha256", body));
  database.close();
}

function refused(directory: string, reason: RegExp, expected = { nodeId: "n1" } as {
  nodeId: string;
  clusterId?: string;
}): void {
  assert.throws(() => SqliteRaftLog.open(directory, expected).close(), (error: unknown) => {
    assert.ok(error instanceof RaftLogRefused, String(error));
    assert.match(error.message, reason);
    return true;
  });
}

function flip(path: string, part: number): void {
  const bytes = Deno.readFileSync(path);
  const at = Math.min(bytes.length - 1, Math.floor(bytes.length * part));
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  Deno.writeFileSync(path, bytes);
}

function moved(path: string, bytes: Uint8Array): string {
  Deno.writeFileSync(`${path}.copy`, bytes);
  return `${path}.copy`;
}

function entry(index: number): Entry {
  const data = new TextEncoder().encode(`payload ${index} ${"x".repeat(100)}`);
  return { index, term: 1, kind: "command", data };
}

function hard(index: number) {
  return { term: 1, vote: "n1", commit: index - 1 };
}
