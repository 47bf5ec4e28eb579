import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JobMachine } from "../jobs/mod.ts";
import { Scene } from "../jobs/scene_test_support.ts";
import { DiskFull } from "../raft/mod.ts";
import { Refusal } from "../rpc/mod.ts";
import { CopyGivenUp, SqliteJobStore, StorageFailed } from "../storage/mod.ts";
import { backUp } from "./backup.ts";
import type { MasterContext } from "./context.ts";
import { JobSnapshots } from "./snapshots.ts";

const NOBODY = { voters: [], learners: [] };

/** A node's state, and its snapshots. */
class Bench {
  readonly directory = mkdtempSync(join(tmpdir(), "conductor-snapshots-"));
  readonly snapshotDirectory = join(this.directory, "snapshots");
  readonly store = SqliteJobStore.open(this.directory);
  readonly scene = new Scene({}, this.store);
  readonly snapshots = this.newSnapshots();

  /** As a start makes them. */
  newSnapshots(): JobSnapshots {
    return new JobSnapshots({
      store: this.store,
      machine: this.scene.machine,
      directory: this.snapshotDirectory,
      onInstalled: () => {},
      onMade: () => {},
    });
  }

  [Symbol.dispose](): void {
    this.store.close();
    rmSync(this.directory, { recursive: true });
  }
}

Deno.test("a directory of snapshots that somebody has cleaned away is made again, for those to send and those that come", async () => {
  using sender = new Bench();
  using receiver = new Bench();
  sender.scene.submit("job");
  rmSync(sender.snapshotDirectory, { recursive: true });
  const { index, term } = sender.scene.machine.applied;
  const source = await sender.snapshots.create({ index, term, membership: NOBODY });

  rmSync(receiver.snapshotDirectory, { recursive: true });
  const sink = receiver.snapshots.receive("t-1", source.metadata, source.totalBytes);
  sink.write(source.read(0, source.totalBytes));
  while (sink.receivedBytes < source.totalBytes) {
    sink.write(source.read(sink.receivedBytes, source.totalBytes));
  }
  source.release();
  assert.equal(await sink.fault(), undefined);
  sink.install();
  assert.ok(new JobMachine(receiver.store).get("job") !== undefined);
});

Deno.test("two snapshots of one entry have a file each: a leader that leads again may make one while its former is let go", async () => {
  using bench = new Bench();
  bench.scene.submit("job");
  const { index, term } = bench.scene.machine.applied;
  const former = await bench.snapshots.create({ index, term, membership: NOBODY });
  const present = await bench.snapshots.create({ index, term, membership: NOBODY });
  const files = () => readdirSync(bench.snapshotDirectory).length;
  assert.equal(files(), 2);
  former.release();
  assert.equal(files(), 1);
  present.release();
  assert.equal(files(), 0);
});

Deno.test("what came of a snapshot before a start is gone on with, and not kept for ever if nothing more comes", () => {
  using bench = new Bench();
  const path = (name: string) => join(bench.snapshotDirectory, name);
  for (const name of ["new.incoming", "old.incoming", "new.outgoing"]) {
    writeFileSync(path(name), "half of it");
  }
  const HOURS = 2;
  const thenSeconds = Date.now() / 1_000 - HOURS * 3_600;
  utimesSync(path("old.incoming"), thenSeconds, thenSeconds);
  bench.newSnapshots();
  assert.deepEqual(readdirSync(bench.snapshotDirectory), ["new.incoming"]);
});

Deno.test("of a copy that is not made for a backup it is told why, and who else may make it", async () => {
  const table: [Error, string, RegExp][] = [
    [new StorageFailed("a row is damaged"), "data_loss", /^m1 ends, ask another master/],
    [new DiskFull("the disk is full"), "overloaded", /^m1 has no room .* make room there, or ask/],
    [new CopyGivenUp("state.db was replaced"), "unavailable", /^ask again, or another master/],
  ];
  const context = { facts: { nodeId: "m1" } } as MasterContext;
  for (const [failure, reason, message] of table) {
    const snapshots = { copy: () => Promise.reject(failure) } as unknown as JobSnapshots;
    const out = { write: () => assert.fail("there is nothing to write") };
    const call = { caller: { userId: "x" } } as Parameters<typeof backUp>[4];
    await assert.rejects(backUp(context, snapshots, { stale: true }, out, call), (told) => {
      assert.ok(told instanceof Refusal);
      assert.equal(told.reason, reason);
      assert.match(told.message, message);
      return true;
    });
  }
});
