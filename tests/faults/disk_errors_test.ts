/**
 * A disk that fails under the running program. A failed fsync ends it, with one line: the next one
 * might succeed without having written anything. A full disk makes it step aside until there is
 * room. Whatever happens, what was acknowledged is there afterwards.
 */

import assert from "node:assert/strict";
import { Refusal } from "../../src/rpc/mod.ts";
import { until } from "../e2e/support.ts";
import { canInject, canMount, type FaultyMaster, onFaultyDisk, onSmallDisk } from "./process.ts";

const INJECTS = await canInject();

for (
  const [file, when, payloadBytes] of [
    // Of the commits of the log, and of what an area of the journal waits for before it is used
    // again: the write-ahead log, the database, the marker. Then of a checkpoint of the state.
    ["raft/raft.journal", "9", 10],
    ["raft/raft.db-wal", "8", 1_000_000],
    ["raft/raft.db", "3", 1_000_000],
    ["raft/raft.marker", "3", 1_000_000],
    ["state.db", "3", 1_000_000],
  ] as const
) {
  Deno.test({
    name: `an fsync of ${file} that fails ends the master, and nothing acknowledged is lost`,
    ignore: !INJECTS,
    fn: () =>
      onFaultyDisk(async (master) => {
        const ended = master.start({ file, calls: "fsync,fdatasync", error: "EIO", when });
        let hasEnded = false;
        ended.then(() => hasEnded = true);
        await master.ready();
        const acknowledged = await submitUntil(master, () => hasEnded, payloadBytes);
        const { code, stderr } = await ended;
        assert.equal(code, 1, stderr);
        assert.match(stderr, new RegExp(`^conductor: Cannot .*${file.replace("-wal", "")}`));
        assert.match(stderr, /I\/O error|input\/output error/i);
        assert.equal(stderr.trim().split("\n").length, 1, stderr);
        assert.ok(acknowledged.length > 0, "it ended before anything was asked of it");
        master.start();
        await master.ready();
        await assertHolds(master, acknowledged);
      }),
  });
}

// The marker has its room, but there are file systems that write elsewhere what is written over.
for (const file of ["raft/raft.db-wal", "raft/raft.marker"]) {
  Deno.test({
    name:
      `a master that meets a full disk at ${file} steps aside, says so, and goes on when there is room`,
    ignore: !INJECTS,
    fn: () =>
      onFaultyDisk(async (master) => {
        const calls = "write,pwrite64";
        const ended = master.start({ file, calls, error: "ENOSPC", when: "60..66" });
        await master.ready();
        const acknowledged = await submitUntil(
          master,
          () => master.logged("the disk has room again"),
          10,
        );
        assert.ok(master.logged("the disk is full: this master steps aside"));
        acknowledged.push(...await submitOnceReady(master));
        await assertHolds(master, acknowledged);
        await master.stop();
        assert.equal((await ended).code, 0);
      }),
  });
}

Deno.test({
  name:
    "a master that has no room to note how far its state is durable goes on, and stops in order",
  ignore: !INJECTS,
  fn: () =>
    onFaultyDisk(async (master) => {
      const calls = "write,pwrite64";
      const file = "state.marker";
      master.start();
      await master.ready();
      await master.stop();
      // Its first write is the start's.
      const ended = master.start({ file, calls, error: "ENOSPC", when: "3+" });
      await master.ready();
      let submitted = 0;
      const acknowledged = await submitUntil(master, () => submitted++ >= 30, 1_000_000);
      await master.stop();
      const { code, stderr } = await ended;
      assert.equal(code, 0, stderr);
      master.start();
      await master.ready();
      await assertHolds(master, acknowledged);
    }),
});

Deno.test({
  name: "on a file system that is really full nothing is lost, and room is all it takes",
  ignore: !(await canMount()),
  fn: () =>
    onSmallDisk(async (master, disk) => {
      const ended = master.start();
      await master.ready();
      let submitted = 0;
      const acknowledged = await submitUntil(master, () => submitted++ >= 20, 10);
      disk.fill();
      acknowledged.push(
        ...await submitUntil(master, () => master.logged("the disk is full"), 10),
      );
      assert.equal(await master.isReady(), false);
      const client = master.client("impatient");
      await assert.rejects(
        client.submit({ type: "custom", payload: new Uint8Array(1), priority: 5 }),
        /no master leads at this moment, and the disk of \S+ is full: make room there/,
      ).finally(() => client.close());
      disk.free();
      acknowledged.push(...await submitOnceReady(master));
      await assertHolds(master, acknowledged);
      await master.stop();
      assert.equal((await ended).code, 0);
    }),
});

Deno.test({
  name:
    "a master that is started on a full disk says so, and what to do, and starts when there is room",
  ignore: !(await canMount()),
  fn: () =>
    onSmallDisk(async (master, disk) => {
      for (const isFirstStart of [true, false]) {
        disk.fill();
        const { code, stderr } = await master.start();
        assert.equal(code, 1, stderr);
        assert.match(
          stderr,
          /The disk of ".*\/data.*" is full.*make room there, and start it again/,
        );
        assert.equal(stderr.trim().split("\n").length, 1, stderr);
        disk.free();
        if (isFirstStart) Deno.removeSync(master.dataDir, { recursive: true });
        const ended = master.start();
        await master.ready();
        await master.stop();
        assert.equal((await ended).code, 0);
      }
    }),
});

/** Submits one job after the other until `isDone`; returns the ids that were acknowledged. */
async function submitUntil(
  master: FaultyMaster,
  isDone: () => boolean,
  payloadBytes: number,
): Promise<string[]> {
  const client = master.client("impatient");
  const acknowledged: string[] = [];
  try {
    const payload = new Uint8Array(payloadBytes).fill(7);
    while (!isDone()) {
      try {
        const { jobId } = await client.submit({ type: "custom", payload, priority: 5 });
        acknowledged.push(jobId);
      } catch (failure) {
        if (!(failure instanceof Refusal)) throw failure;
      }
    }
    return acknowledged;
  } finally {
    client.close();
  }
}

async function submitOnceReady(master: FaultyMaster): Promise<string[]> {
  await until("it leads again", () => master.isReady());
  let submitted = 0;
  return await submitUntil(master, () => submitted++ > 0, 10);
}

async function assertHolds(master: FaultyMaster, acknowledged: readonly string[]): Promise<void> {
  const client = master.client();
  try {
    for (const jobId of acknowledged) {
      const { job } = await client.getJob(jobId);
      assert.equal(job.id, jobId);
    }
  } finally {
    client.close();
  }
}
