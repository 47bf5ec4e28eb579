/** The journal of the Raft log: what is lost with it is refused, what was never promised is not. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { JOURNAL_FORMAT } from "./raft_journal.ts";
import { SqliteRaftLog } from "./raft_log.ts";
import { decodeSlot, encodeSlot, SLOT_BYTES } from "./slot_file.ts";
import {
  crashed,
  crashedAnew,
  DATABASE,
  entry,
  hard,
  holds,
  IDENTITY,
  JOURNAL,
  MARKER,
  refused,
  SMALL_AREA,
  spoil,
  test,
  WAL,
} from "./raft_log_test_support.ts";

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
