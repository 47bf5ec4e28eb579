/** Everything on disk carries its format, and what this program does not know is refused. */

import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { batchOf, jobOf, keyOf } from "../jobs/store_rows_test_support.ts";
import { encodeMembership } from "../raft/mod.ts";
import { decodeCommand, encodeCommand } from "./command_codec.ts";
import { ENTRY_FORMATS } from "./command_format.ts";
import { SqliteJobStore } from "./job_store.ts";
import { JOB_STORE_FILE } from "./job_store_file.ts";
import { JOB_STORE_MARKER } from "./job_store_seal.ts";
import { SqliteRaftLog } from "./raft_log.ts";
import { RAFT_LOG_FILES } from "./raft_log_files.ts";
import { packRows, unpackRow } from "./raft_log_rows.ts";

const IDENTITY = { clusterId: "c", nodeId: "a", incarnation: "i" };

function inDirectory(test: (directory: string) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const directory = Deno.makeTempDirSync();
    try {
      await test(directory);
    } finally {
      Deno.removeSync(directory, { recursive: true });
    }
  };
}

Deno.test("a command is written in a format that is asked for, if there is such a one", () => {
  const command = { kind: "advance", atMs: 5 } as const;
  for (let format = ENTRY_FORMATS.oldest; format <= ENTRY_FORMATS.newest; format++) {
    const bytes = encodeCommand(command, format);
    assert.equal(bytes[0], format);
    assert.deepEqual(decodeCommand(bytes), command);
  }
  assert.throws(() => encodeCommand(command, ENTRY_FORMATS.newest + 1), RangeError);
  assert.throws(() => encodeCommand(command, ENTRY_FORMATS.oldest - 1), RangeError);
});

Deno.test("an entry of a kind that is not known is refused, not taken for one that does nothing", () => {
  const entry = { index: 1, term: 1, kind: "command", data: new Uint8Array(3) } as const;
  const [row] = packRows([entry], new Uint8Array(32));
  assert.ok(row !== undefined);
  const body = row.body.slice();
  const kindAt = body.length - entry.data.length - 5;
  assert.equal(body[kindAt], 1);
  body[kindAt] = 9;
  assert.throws(() => unpackRow(body), /entry 1 .* of kind 9.*start the newer version/);
});

Deno.test(
  "a Raft log whose pages are small, as they once were, is read and goes on",
  inDirectory((directory) => {
    const entry = (index: number) => ({
      index,
      term: 1,
      kind: "command" as const,
      data: new Uint8Array(3_000).fill(index),
    });
    const hard = { term: 1, vote: "a", commit: 0 };
    const made = SqliteRaftLog.create(directory, IDENTITY);
    for (let index = 1; index <= 9; index++) made.append([entry(index)], hard);
    made.close();
    const path = join(directory, RAFT_LOG_FILES.database);
    const pageBytes = () => {
      const database = new DatabaseSync(path);
      const bytes = database.prepare("PRAGMA page_size").get()?.page_size;
      database.close();
      return bytes;
    };
    assert.equal(pageBytes(), 16 * 1024);
    const database = new DatabaseSync(path);
    database.exec("PRAGMA journal_mode = DELETE; PRAGMA page_size = 4096; VACUUM");
    database.close();
    for (const last of [10, 11]) {
      const log = SqliteRaftLog.open(directory, { nodeId: "a" });
      log.append([entry(last)], hard);
      assert.deepEqual(
        log.entries(1, last, Infinity).map(({ data }) => data[0]),
        [
          ...Array(last).keys(),
        ].map((at) => at + 1),
      );
      log.close();
    }
    assert.equal(pageBytes(), 4096);
  }),
);

Deno.test(
  "a state.db whose pages are small, as they once were, is read and goes on",
  inDirectory((directory) => {
    const path = join(directory, JOB_STORE_FILE);
    const pageBytes = () => {
      const database = new DatabaseSync(path);
      const bytes = database.prepare("PRAGMA page_size").get()?.page_size;
      database.close();
      return bytes;
    };
    const write = (index: number) => {
      const store = SqliteJobStore.open(directory);
      store.write(batchOf(index, { live: [jobOf(index)], keys: [keyOf(index, `key ${index}`)] }));
      const ids = [...store.load().live].map(({ job }) => job.id);
      store.close();
      return ids;
    };
    assert.deepEqual(write(1), ["job-1"]);
    assert.equal(pageBytes(), 8 * 1024);
    const database = new DatabaseSync(path);
    database.exec("PRAGMA journal_mode = DELETE; PRAGMA page_size = 4096; VACUUM");
    database.close();
    Deno.removeSync(join(directory, JOB_STORE_MARKER));
    assert.deepEqual(write(2), ["job-1", "job-2"]);
    assert.deepEqual(write(3), ["job-1", "job-2", "job-3"]);
    assert.equal(pageBytes(), 4096);
  }),
);

Deno.test(
  "a Raft log of a later format is refused",
  inDirectory((directory) => {
    SqliteRaftLog.create(directory, IDENTITY).close();
    const database = new DatabaseSync(join(directory, RAFT_LOG_FILES.database));
    const state = JSON.parse(String(database.prepare("SELECT body FROM state").get()?.body));
    const body = JSON.stringify({ ...state, format: 3 });
    database.prepare("UPDATE state SET body = ?, checksum = ?").run(body, hash("sha256", body));
    database.close();
    assert.throws(
      () => SqliteRaftLog.open(directory, { nodeId: "a" }),
      /its format is 3, and this program knows formats up to 2; start the newer version/,
    );
  }),
);

Deno.test(
  "a snapshot of a later format is refused before anything is replaced",
  inDirectory(async (directory) => {
    const path = join(directory, "incoming");
    const theirs = join(directory, "theirs");
    Deno.mkdirSync(theirs);
    SqliteJobStore.open(theirs, { clusterId: "c" }).close();
    Deno.copyFileSync(join(theirs, JOB_STORE_FILE), path);
    const later = new DatabaseSync(path);
    later.exec("PRAGMA user_version = 99");
    later.close();
    const ours = join(directory, "ours");
    Deno.mkdirSync(ours);
    const store = SqliteJobStore.open(ours, { clusterId: "c" });
    const fault = await store.snapshotFault(path);
    assert.match(fault ?? "", /format is version 99, and this program knows versions up to 5/);
    assert.throws(() => store.installSnapshot(path), /format is version 99/);
    assert.equal(store.durable.index, 0);
    store.close();
  }),
);

Deno.test("a membership says its format", () => {
  const text = new TextDecoder().decode(encodeMembership({ voters: [], learners: [] }));
  assert.equal(JSON.parse(text).format, 1);
});
