/** What was not written so is found, wherever it lies; and nothing is found in what is sound. */

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { Scene } from "../jobs/scene_test_support.ts";
import { inspectState } from "./inspect_state.ts";
import { SqliteJobStore } from "./job_store.ts";
import { damageInFile, rowDamageInFile } from "./job_store_check.ts";
import { JOB_STORE_FILE } from "./job_store_file.ts";
import { JOB_STORE_MARKER } from "./job_store_seal.ts";
import { toFormat3, toFormat4 } from "./older_format_test_support.ts";
import type { StorageFailed } from "./storage_failure.ts";

async function inDirectory(check: (directory: string) => void | Promise<void>): Promise<void> {
  const directory = Deno.makeTempDirSync({ prefix: "conductor-check-" });
  try {
    await check(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

/** Jobs in every state, with small and large payloads and results; sealed. */
function fill(directory: string): void {
  const store = SqliteJobStore.open(directory);
  const scene = new Scene({}, store);
  scene.register("w1", { slots: 1000 });
  for (let number = 0; number < 60; number++) {
    const payload = new Uint8Array(number % 3 === 0 ? 3_000 : 90)
      .map((_, at) => (number * 31 + at * 7) % 251);
    const id = scene.submit(`job-${number}`, { payload, idempotencyKey: `key-${number}` });
    if (number % 2 === 0) scene.assign(id);
    const output = new Uint8Array(number % 8 === 0 ? 3_000 : 50).fill(number);
    if (number % 4 === 0) scene.complete(id, { output, logTail: ["a line"] });
    if (number % 20 === 5) scene.machine.flush();
  }
  scene.machine.flush();
  for (const id of ["job-1", "job-3"]) scene.cancel(id);
  scene.assign("job-5");
  scene.machine.checkpoint();
  store.close();
}

const pathIn = (directory: string) => join(directory, JOB_STORE_FILE);

/** Every column with a checksum over it. */
const COLUMNS = [
  ...["state.scalars", "workers.detail", "counts.detail", "live.detail", "live_pages.bytes"],
  ...["page_gone.gone", "key_pages.bytes", "finished_kinds.detail", "finished_pages.heads"],
  ...["finished_pages.bytes", "payloads.bytes", "results.output", "results.detail"],
];
const OLD_COLUMNS = ["keys.key", "keys.detail", "finished.detail"];

/** Turns over one bit amid what stands in a column, as a disk does. */
function rot(path: string, column: string): void {
  const [table, name] = column.split(".");
  // A store may be open on it.
  const url = pathToFileURL(path);
  url.searchParams.set("immutable", "1");
  const database = new DatabaseSync(url, { readOnly: true });
  const value = database.prepare(
    `SELECT ${name} AS value FROM ${table} ORDER BY length(${name}) DESC LIMIT 1`,
  ).get()?.value;
  database.close();
  assert.ok(typeof value === "string" || value instanceof Uint8Array, `${column} has nothing`);
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  const file = Deno.readFileSync(path);
  const part = bytes.subarray(bytes.length >> 2, (bytes.length >> 2) + 24);
  // Everywhere, since SQLite leaves copies behind where it moves rows.
  const text = Array.from(file, (byte) => String.fromCharCode(byte)).join("");
  const wanted = Array.from(part, (byte) => String.fromCharCode(byte)).join("");
  let found = 0;
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1), found++) {
    file[at + 1]! ^= 1;
  }
  assert.ok(found > 0, `${column} is not found in the file`);
  Deno.writeFileSync(path, file);
}

for (
  const [format, columns, make] of [
    ["this format", COLUMNS, () => {}],
    ["format 3", OLD_COLUMNS, toFormat3],
    ["format 4", ["finished.detail"], toFormat4],
  ] as const
) {
  Deno.test(`a flipped bit in any row or page of a file of ${format} is refused at an unsealed start`, () =>
    inDirectory(async (directory) => {
      fill(directory);
      make(directory);
      const path = pathIn(directory);
      rmSync(join(directory, JOB_STORE_MARKER), { force: true });
      const sound = Deno.readFileSync(path);
      assert.equal(damageInFile(path), "ok");
      assert.equal(await rowDamageInFile(path), "ok");
      for (const column of columns) {
        Deno.writeFileSync(path, sound);
        rot(path, column);
        assert.notEqual(await rowDamageInFile(path), "ok", column);
        assert.notEqual(inspected(path), "ok", column);
        assert.throws(() => SqliteJobStore.open(directory), {
          name: "JobStoreRefused",
          message: /^Cannot open ".*state\.db": .*damaged.*move it away/,
        }, column);
      }
      Deno.writeFileSync(path, sound);
      SqliteJobStore.open(directory).close();
    }));
}

function inspected(path: string): string {
  try {
    return inspectState(path).integrity;
  } catch (failure) {
    return String(failure);
  }
}

Deno.test("a store that meets damage says so once, serves nothing more, and leaves the file unsealed", () =>
  inDirectory((directory) => {
    fill(directory);
    const failures: StorageFailed[] = [];
    const store = SqliteJobStore.open(directory, { onFailed: (each) => failures.push(each) });
    rot(pathIn(directory), "finished_pages.bytes");
    const said = {
      name: "StorageFailed",
      message: /^Cannot read ".*state\.db": page \d+ of finished jobs is damaged.*move it away/,
    };
    assert.throws(() => store.finishedBySeq(1), said);
    assert.throws(() => store.payload(10), said);
    assert.equal(failures.length, 1);
    assert.throws(() => store.close(), said);
    assert.throws(() => SqliteJobStore.open(directory), {
      name: "JobStoreRefused",
      message: /it is damaged \(page \d+ of finished jobs is damaged/,
    });
  }));

Deno.test("damage that nobody met is found when the store is closed, and not sealed", () =>
  inDirectory((directory) => {
    fill(directory);
    const store = SqliteJobStore.open(directory);
    rot(pathIn(directory), "payloads.bytes");
    assert.throws(() => store.close(), {
      name: "StorageFailed",
      message: /^Cannot seal ".*state\.db": .* is damaged/,
    });
    assert.throws(() => SqliteJobStore.open(directory), { message: /it is damaged/ });
  }));

Deno.test("a damaged state is not copied, and what was to be a snapshot is no file", () =>
  inDirectory(async (directory) => {
    fill(directory);
    const failures: StorageFailed[] = [];
    const store = SqliteJobStore.open(directory, { onFailed: (each) => failures.push(each) });
    rot(pathIn(directory), "results.output");
    const copy = join(directory, "copy");
    await assert.rejects(store.exportSnapshot(copy), {
      name: "StorageFailed",
      message: /^Cannot copy ".*state\.db": the result of job number \d+ is damaged/,
    });
    assert.equal(failures.length, 1);
    assert.throws(() => Deno.statSync(copy), Deno.errors.NotFound);
    assert.throws(() => store.close());
  }));

Deno.test("a snapshot of which a row is damaged is not installed", () =>
  inDirectory(async (directory) => {
    fill(directory);
    const copy = join(directory, "copy");
    Deno.copyFileSync(pathIn(directory), copy);
    rot(copy, "finished_pages.bytes");
    const store = SqliteJobStore.open(directory);
    const says =
      /^Cannot install snapshot ".*": it is damaged \(page \d+ of finished jobs is damaged/;
    assert.match((await store.snapshotFault(copy)) ?? "", says);
    assert.throws(() => store.installSnapshot(copy), { name: "JobStoreRefused", message: says });
    assert.ok(store.finishedBySeq(1) !== undefined, "the state is as it was");
    store.close();
  }));
