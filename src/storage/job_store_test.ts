import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { JobMachine } from "../jobs/mod.ts";
import { Scene } from "../jobs/scene_test_support.ts";
import { describeJobStore } from "../jobs/store_conformance_test_support.ts";
import { SqliteJobStore } from "./job_store.ts";
import { JOB_STORE_FILE } from "./job_store_file.ts";
import { toFormat3 } from "./older_format_test_support.ts";
import { assertPrivate } from "./private_file_test_support.ts";
import { JOB_STORE_MARKER } from "./job_store_seal.ts";

describeJobStore("SQLite store", () => {
  const directory = mkdtempSync(join(tmpdir(), "conductor-test-"));
  let store = SqliteJobStore.open(directory);
  return {
    store,
    reopen() {
      store.close();
      store = SqliteJobStore.open(directory);
      return store;
    },
    close() {
      store.close();
      rmSync(directory, { recursive: true });
    },
  };
});

/** Runs a check on a temporary data directory. */
function inDirectory(check: (directory: string) => void | Promise<void>) {
  return async () => {
    const directory = mkdtempSync(join(tmpdir(), "conductor-test-"));
    try {
      await check(directory);
    } finally {
      rmSync(directory, { recursive: true });
    }
  };
}

/** A store with some jobs in every state, flushed. */
function filled(directory: string): Scene {
  const scene = new Scene({}, SqliteJobStore.open(directory));
  scene.register("w1", { slots: 100 });
  for (let number = 0; number < 30; number++) {
    const id = scene.submit(`job-${number}`, { labels: { n: String(number % 3) } });
    if (number % 2 === 0) scene.assign(id);
    if (number % 4 === 0) scene.complete(id, { logTail: ["a line"] });
  }
  scene.machine.flush();
  return scene;
}

function storeOf(scene: Scene): SqliteJobStore {
  assert.ok(scene.store instanceof SqliteJobStore);
  return scene.store;
}

const pathIn = (directory: string) => join(directory, JOB_STORE_FILE);

Deno.test(
  "a second store on the same directory is refused and says that another master runs there",
  inDirectory((directory) => {
    const store = SqliteJobStore.open(directory);
    assert.throws(() => SqliteJobStore.open(directory), {
      name: "JobStoreRefused",
      message: /locked; another master runs/,
    });
    store.close();
    SqliteJobStore.open(directory).close();
  }),
);

Deno.test(
  "a directory whose state.db is not a database is refused and says how to rebuild it",
  inDirectory((directory) => {
    writeFileSync(
      pathIn(directory),
      "this is not SQLite, and longer than a hundred bytes".repeat(9),
    );
    assert.throws(() => SqliteJobStore.open(directory), {
      name: "JobStoreRefused",
      message: /not a database.*To rebuild it/s,
    });
  }),
);

Deno.test(
  "a file of format 1 becomes one of this format, and knows when its jobs finished",
  inDirectory((directory) => {
    const store = storeOf(filled(directory));
    const ended = store.listEnded({ status: "completed", limit: 100 });
    store.close();
    toFormat3(directory);
    const earlier = new DatabaseSync(pathIn(directory));
    earlier.exec(
      "DROP INDEX finished_namespace; DROP INDEX finished_namespace_dead; " +
        "DROP INDEX finished_namespace_ended; ALTER TABLE finished DROP COLUMN namespace; " +
        "DROP INDEX finished_ended; ALTER TABLE finished DROP COLUMN ended; " +
        "DROP INDEX finished_queue; ALTER TABLE finished DROP COLUMN queue; " +
        "DELETE FROM names WHERE name NOT IN ('\"resize\"', '\"w1\"'); " +
        "DROP TABLE links; PRAGMA user_version = 1",
    );
    earlier.close();
    const again = SqliteJobStore.open(directory);
    assert.equal(ended.length, 8);
    assert.deepEqual(again.listEnded({ status: "completed", limit: 100 }), ended);
    assert.equal(again.countFinished({ queue: "default" }, 100), 8);
    again.close();
  }),
);

Deno.test(
  "the jobs of a file of format 2 are in the default namespace",
  inDirectory((directory) => {
    storeOf(filled(directory)).close();
    toFormat3(directory);
    const earlier = new DatabaseSync(pathIn(directory));
    earlier.exec(
      "DROP INDEX finished_namespace; DROP INDEX finished_namespace_dead; " +
        "DROP INDEX finished_namespace_ended; ALTER TABLE finished DROP COLUMN namespace; " +
        "PRAGMA user_version = 2",
    );
    earlier.close();
    const again = SqliteJobStore.open(directory);
    const found = (namespace: string) => again.countFinished({ namespaces: [namespace] }, 100);
    assert.equal(found("default"), again.countFinished({}, 100));
    assert.ok(found("default") > 0);
    assert.equal(found("red"), 0);
    again.close();
  }),
);

Deno.test(
  "a SQLite file that is not Conductor's is refused, and so is a later format",
  inDirectory((directory) => {
    const path = pathIn(directory);
    const foreign = new DatabaseSync(path);
    foreign.exec("CREATE TABLE notes (text TEXT)");
    foreign.close();
    assert.throws(() => SqliteJobStore.open(directory), { message: /not one of Conductor's/ });
    rmSync(path);
    SqliteJobStore.open(directory).close();
    const later = new DatabaseSync(path);
    later.exec("PRAGMA user_version = 99");
    later.close();
    rmSync(join(directory, JOB_STORE_MARKER));
    assert.throws(() => SqliteJobStore.open(directory), {
      message: /format is version 99, and this program knows versions up to 5/,
    });
  }),
);

Deno.test(
  "the state of another cluster is refused",
  inDirectory((directory) => {
    SqliteJobStore.open(directory, { clusterId: "one" }).close();
    SqliteJobStore.open(directory, { clusterId: "one" }).close();
    assert.throws(() => SqliteJobStore.open(directory, { clusterId: "two" }), {
      name: "JobStoreRefused",
      message: /belongs to cluster one/,
    });
  }),
);

Deno.test(
  "a changed byte in a stored payload, result or job is noticed at the start",
  inDirectory((directory) => {
    const scene = filled(directory);
    scene.machine.checkpoint();
    storeOf(scene).close();
    const markerPath = join(directory, JOB_STORE_MARKER);
    const marker = readFileSync(markerPath);
    for (const text of ["payload of job-4", "a line", '"id":"job-8"']) {
      const before = readFileSync(pathIn(directory));
      const damaged = new Uint8Array(before);
      // Everywhere, since SQLite leaves copies behind where it moves rows.
      let at = before.indexOf(text);
      assert.ok(at > 0, text);
      for (; at > 0; at = before.indexOf(text, at + 1)) damaged[at + 1]! ^= 1;
      writeFileSync(pathIn(directory), damaged);
      assert.throws(() => SqliteJobStore.open(directory), {
        name: "JobStoreRefused",
        message: /its bytes are not those that this node left/,
      });
      // After a crash nobody knows what the bytes were: the row's own checksum tells.
      rmSync(markerPath);
      assert.throws(() => SqliteJobStore.open(directory), {
        name: "JobStoreRefused",
        message: /it is damaged \(page \d+ of finished jobs is damaged.*To rebuild it/,
      });
      writeFileSync(pathIn(directory), before);
      writeFileSync(markerPath, marker);
    }
  }),
);

Deno.test(
  "a machine on a reopened store is the same machine",
  inDirectory((directory) => {
    const scene = filled(directory);
    const hash = scene.machine.stateHash();
    storeOf(scene).close();
    const store = SqliteJobStore.open(directory);
    assert.equal(new JobMachine(store).stateHash(), hash);
    store.close();
  }),
);

Deno.test(
  "a snapshot is of the position where it began, though jobs went on meanwhile",
  inDirectory(async (directory) => {
    const scene = filled(directory);
    const hash = scene.machine.stateHash();
    const path = join(directory, "snapshot");
    const exporting = storeOf(scene).exportSnapshot(path);
    for (let number = 100; number < 200; number++) {
      scene.submit(`job-${number}`);
      scene.machine.checkpoint();
    }
    const position = await exporting;
    const other = mkdtempSync(join(tmpdir(), "conductor-test-"));
    const receiver = SqliteJobStore.open(other);
    assert.deepEqual(receiver.installSnapshot(path), position);
    assert.equal(new JobMachine(receiver).stateHash(), hash);
    receiver.close();
    rmSync(other, { recursive: true });
    storeOf(scene).close();
  }),
);

Deno.test(
  "no checkpoint happens while a snapshot is copied, and the next one happens after it",
  inDirectory(async (directory) => {
    const scene = filled(directory);
    const exporting = storeOf(scene).exportSnapshot(join(directory, "snapshot"));
    scene.submit("later");
    const during = scene.machine.checkpoint();
    assert.deepEqual(during, await exporting);
    const after = scene.machine.checkpoint();
    assert.equal(after.index, scene.log.length);
    storeOf(scene).close();
  }),
);

Deno.test(
  "an installed snapshot replaces all that was there, and nothing of the old comes over it",
  inDirectory(async (directory) => {
    const source = mkdtempSync(join(tmpdir(), "conductor-test-"));
    const sender = filled(source);
    const path = join(directory, "incoming");
    await storeOf(sender).exportSnapshot(path);
    storeOf(sender).close();
    rmSync(source, { recursive: true });

    const scene = new Scene({}, SqliteJobStore.open(directory));
    scene.submit("old");
    scene.machine.flush();
    storeOf(scene).installSnapshot(path);
    scene.machine.reload();
    assert.equal(scene.machine.get("old"), undefined);
    assert.equal(scene.machine.stateHash(), hashOfFilled());
    storeOf(scene).close();
    const again = SqliteJobStore.open(directory);
    assert.equal(new JobMachine(again).stateHash(), hashOfFilled());
    again.close();
  }),
);

Deno.test(
  "what is no snapshot is refused and leaves the state as it was",
  inDirectory((directory) => {
    const scene = filled(directory);
    const hash = scene.machine.stateHash();
    const path = join(directory, "incoming");
    assert.throws(() => storeOf(scene).installSnapshot(path), { message: /no such file/ });
    writeFileSync(path, "garbage".repeat(100));
    assert.throws(() => storeOf(scene).installSnapshot(path), { name: "JobStoreRefused" });
    const emptyDirectory = mkdtempSync(join(tmpdir(), "conductor-test-"));
    SqliteJobStore.open(emptyDirectory).close();
    writeFileSync(path, readFileSync(pathIn(emptyDirectory)));
    rmSync(emptyDirectory, { recursive: true });
    assert.throws(() => storeOf(scene).installSnapshot(path), { message: /holds no state/ });
    scene.machine.reload();
    assert.equal(scene.machine.stateHash(), hash);
    storeOf(scene).close();
  }),
);

Deno.test(
  "state.db is for its owner's eyes alone",
  inDirectory((directory) => {
    assertPrivate(directory, () => SqliteJobStore.open(directory));
  }),
);

function hashOfFilled(): string {
  const directory = mkdtempSync(join(tmpdir(), "conductor-test-"));
  const scene = filled(directory);
  const hash = scene.machine.stateHash();
  storeOf(scene).close();
  rmSync(directory, { recursive: true });
  return hash;
}
