/** What becomes of a copy of the state whose file is closed, or replaced, before it is made. */

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JobMachine } from "../jobs/mod.ts";
import { Scene } from "../jobs/scene_test_support.ts";
import { SqliteJobStore } from "./job_store.ts";

/** More than is copied at once. */
const PAYLOAD_BYTES = 3 * 1024 * 1024;

/** A store with a large job of that id, and what it says of its disk. */
class Bench {
  readonly directory = mkdtempSync(join(tmpdir(), "conductor-test-"));
  readonly failures: Error[] = [];
  readonly store = SqliteJobStore.open(this.directory, {
    onFailed: (failure) => void this.failures.push(failure),
  });
  readonly scene = new Scene({}, this.store);

  constructor(id: string) {
    this.scene.submit(id, { payload: new Uint8Array(PAYLOAD_BYTES).fill(id.length) });
    this.scene.machine.flush();
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true });
  }
}

Deno.test("a copy that is not made when the state is closed is given up, and the disk is not blamed", async () => {
  using bench = new Bench("job");
  const { store, failures } = bench;
  const copying = store.exportSnapshot(bench.path("copy"));
  store.close();
  await assert.rejects(copying, { name: "CopyGivenUp", message: /closed before it was copied/ });
  assert.deepEqual(failures, []);
  assert.ok(!existsSync(bench.path("copy")), "what there is of it is removed");
  const again = SqliteJobStore.open(bench.directory);
  assert.ok(new JobMachine(again).get("job") !== undefined);
  again.close();
});

Deno.test("a copy that is not made when a snapshot takes the state's place is given up, and the disk is not blamed", async () => {
  using bench = new Bench("old");
  using sender = new Bench("newer");
  const { store, scene, failures } = bench;
  await sender.store.exportSnapshot(bench.path("incoming"));
  sender.store.close();
  const copying = store.exportSnapshot(bench.path("copy"));
  store.installSnapshot(bench.path("incoming"));
  scene.machine.reload();
  await assert.rejects(copying, { name: "CopyGivenUp", message: /replaced before it was copied/ });
  assert.deepEqual(failures, []);
  assert.ok(!existsSync(bench.path("copy")), "what there is of it is removed");
  assert.ok(scene.machine.get("newer") !== undefined);
  const { index } = await store.exportSnapshot(bench.path("copy"));
  assert.equal(index, scene.machine.applied.index, "the next one is made");
  store.close();
});
