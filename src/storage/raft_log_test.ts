/** The Raft log against disks that lie: every damage is refused with a reason, or does no harm. */

import assert from "node:assert/strict";
import fs, { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createDataDirectory } from "./data_directory.ts";
import { DurableMarker, MARKER_FORMAT } from "./durable_marker.ts";
import { SqliteRaftLog } from "./raft_log.ts";
import { assertPrivate } from "./private_file_test_support.ts";
import { SLOT_BYTES, SlotFile } from "./slot_file.ts";
import { DataDirectoryRefused, StorageFailed } from "./storage_failure.ts";
import {
  crashed,
  crashedAnew,
  DATABASE,
  entry,
  flip,
  hard,
  holds,
  IDENTITY,
  JOURNAL,
  MARKER,
  moved,
  ofFormat1,
  refused,
  restate,
  SMALL_AREA,
  test,
  unbegun,
  WAL,
} from "./raft_log_test_support.ts";

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
