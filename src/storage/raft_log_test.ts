/** The Raft log against disks that lie: every damage is refused with a reason, or does no harm. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Entry } from "../raft/mod.ts";
import { createDataDirectory } from "./data_directory.ts";
import { DurableMarker, MARKER_FORMAT } from "./durable_marker.ts";
import { RAFT_LOG_FILES, SqliteRaftLog } from "./raft_log.ts";
import { DataDirectoryRefused, RaftLogRefused } from "./storage_failure.ts";

const IDENTITY = { clusterId: "c1", nodeId: "n1", incarnation: "i1" };
const DATABASE = RAFT_LOG_FILES.database;
const MARKER = RAFT_LOG_FILES.marker;
const WAL = `${DATABASE}-wal`;

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

test("a crash while the directory was made does no harm", (directory) => {
  SqliteRaftLog.create(directory, IDENTITY).close();
  Deno.removeSync(join(directory, MARKER));
  SqliteRaftLog.open(directory, IDENTITY).close();
  assert.ok(existsSync(join(directory, MARKER)));
});

test("a first start that was cut short is said to be one, with its step", (directory) => {
  Deno.writeFileSync(join(directory, DATABASE), new Uint8Array());
  refused(directory, /first start was probably cut short.*remove the file and start again/);
});

test("a crash between database and marker does no harm", (directory) => {
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

test("a removed -wal file is refused: the commits in it are gone", (directory) => {
  crashed(directory, 50);
  Deno.removeSync(join(directory, WAL));
  refused(directory, /it is empty|it has lost its last/);
});

test("an old -wal file is refused", (directory) => {
  crashed(directory, 20);
  const old = Deno.readFileSync(join(directory, WAL));
  crashed(directory, 50);
  Deno.writeFileSync(join(directory, WAL), old);
  refused(directory, /it has lost its last \d+ commits .* -wal file was damaged/);
});

for (const part of [0, 0.1, 0.5, 0.9]) {
  test(`a bit that flips at ${part} of the -wal file is refused`, (directory) => {
    crashed(directory, 50);
    flip(join(directory, WAL), part);
    refused(directory, /lost its last|fail their hash|checksum|empty|not a database|malformed/);
  });
}

test("the last bytes of the -wal file cut off are refused: they were acknowledged", (directory) => {
  crashed(directory, 50);
  const path = join(directory, WAL);
  Deno.truncateSync(path, Deno.statSync(path).size - 100);
  refused(directory, /it has lost its last 1 commits/);
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

test("a database that is older than its marker by swap is refused, and the other way too", (directory) => {
  crashed(directory, 10);
  const old = ["", "-wal"].map((suffix) => Deno.readFileSync(join(directory, DATABASE + suffix)));
  const oldMarker = Deno.readFileSync(join(directory, MARKER));
  crashed(directory, 20);
  const marker = Deno.readFileSync(join(directory, MARKER));
  Deno.writeFileSync(join(directory, MARKER), oldMarker);
  refused(directory, /commits older than it/);
  Deno.writeFileSync(join(directory, MARKER), marker);
  ["", "-wal"].forEach((suffix, at) =>
    Deno.writeFileSync(join(directory, DATABASE + suffix), old[at] ?? new Uint8Array())
  );
  refused(directory, /it has lost its last 20 commits/);
});

test("one torn slot of the marker does no harm, two are refused", (directory) => {
  crashed(directory, 5);
  const path = join(directory, MARKER);
  const newest = DurableMarker.read(path)?.generation ?? 0;
  // The slot of the newest record is torn: as after a crash amid its write.
  flip(path, ((newest % 2) * 4096 + 20) / 8192);
  SqliteRaftLog.open(directory, IDENTITY).close();
  flip(path, 20 / 8192);
  flip(path, (4096 + 20) / 8192);
  refused(directory, /neither slot of its marker/);
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

/** Leaves the files as a kill amid the run does: with everything of this run still in the -wal. */
function crashed(directory: string, appends: number): void {
  const exists = SqliteRaftLog.exists(directory);
  const log = exists
    ? SqliteRaftLog.open(directory, IDENTITY)
    : SqliteRaftLog.create(directory, IDENTITY);
  const start = log.lastIndex;
  for (let n = 1; n <= appends; n++) log.append([entry(start + n)], hard(start + n));
  const names = [DATABASE, WAL, MARKER];
  const left = names.map((name) => Deno.readFileSync(join(directory, name)));
  // An orderly close would move the -wal into the database.
  log.close();
  names.forEach((name, at) =>
    Deno.writeFileSync(join(directory, name), left[at] ?? new Uint8Array())
  );
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
