import assert from "node:assert/strict";
import { DiskPace } from "./disk_pace.ts";

/** A disk whose last fsyncs took this long, in ms, and a clock at which they were just done. */
function paceOf(syncsMs: readonly number[]) {
  const clock = { ms: 0 };
  const pace = new DiskPace(() => clock.ms);
  const sync = (syncMs: number) => {
    clock.ms += syncMs;
    pace.synced(syncMs);
  };
  syncsMs.forEach(sync);
  return { pace, clock, sync };
}

const many = (syncMs: number, count = 15) => Array.from({ length: count }, () => syncMs);

Deno.test("a leader with a slow disk gives way to the fastest of those that may lead", () => {
  const { pace } = paceOf(many(60));
  pace.heard("m2", 9);
  pace.heard("m3", 2);
  pace.heard("learner", 1);
  assert.deepEqual(pace.faster(["m2", "m3"]), { nodeId: "m3", syncMs: 2, ownSyncMs: 60 });
  assert.deepEqual(pace.faster(["m2"])?.nodeId, "m2");
  assert.equal(pace.faster([]), undefined);
});

Deno.test("a disk that others share, or that is fast enough, is no reason", () => {
  const slow = paceOf(many(60)).pace;
  slow.heard("m2", 16);
  assert.equal(slow.faster(["m2"]), undefined, "not by four times");
  const fine = paceOf(many(30)).pace;
  fine.heard("m2", 1);
  assert.equal(fine.faster(["m2"]), undefined);
});

Deno.test("a disk that stalls now and then between many quick fsyncs is slow, and one that did so once is not", () => {
  const stalls = (count: number) =>
    Array.from({ length: count }, () => [...many(1, 100), 400]).flat();
  const once = paceOf([...many(1, 100), 2_000, ...many(1, 100)]).pace;
  assert.equal(once.ownMs, 1);
  assert.ok(paceOf(stalls(3)).pace.ownMs! > 40);
  const seldom = paceOf([...stalls(2), ...many(1, 3_900)]).pace;
  assert.ok(seldom.ownMs! < 40, "two in five seconds");
});

Deno.test("of what was longer ago than five seconds nothing counts, unless there is little else for a minute", () => {
  const { pace, clock } = paceOf([...many(60), ...many(1, 5_000)]);
  assert.equal(pace.ownMs, 1);
  clock.ms += 60_001;
  assert.equal(pace.ownMs, undefined);
});

Deno.test("fsyncs of whole seconds are known, though few of them fit into a minute, on both sides", () => {
  const slow = paceOf([]);
  const fast = paceOf([]);
  for (let count = 0; count < 6; count++) {
    slow.sync(5_000);
    fast.sync(1);
    fast.clock.ms = slow.clock.ms; // it writes what the slow one gives it
  }
  const { ownMs } = fast.pace;
  assert.equal(ownMs, 1);
  slow.pace.heard("m2", ownMs);
  assert.deepEqual(slow.pace.faster(["m2"]), { nodeId: "m2", syncMs: 1, ownSyncMs: 5_000 });
});

Deno.test("nothing is known of a disk that was hardly used of late, one's own or another's", () => {
  const { pace, clock, sync } = paceOf(many(60, 3));
  assert.equal(pace.ownMs, undefined);
  sync(60);
  clock.ms += 250;
  pace.heard("m2", 1);
  assert.equal(pace.faster(["m2"])?.ownSyncMs, 60);
  clock.ms += 60_001;
  for (let count = 0; count < 4; count++) sync(60);
  assert.equal(pace.ownMs, 60);
  assert.equal(pace.faster(["m2"]), undefined, "m2 has said nothing since");
});

Deno.test("fsyncs that take no time at all are fast", () => {
  assert.equal(paceOf(many(0)).pace.ownMs, 0);
});

Deno.test("who is no member any more is forgotten", () => {
  const { pace } = paceOf(many(60));
  pace.heard("m2", 1);
  pace.heard("m3", 1);
  pace.retain(new Set(["m1", "m3"]));
  assert.equal(pace.faster(["m2"]), undefined);
  assert.equal(pace.faster(["m2", "m3"])?.nodeId, "m3");
});

Deno.test("among others a disk is slow that is so by what people wait for, and beside another's", () => {
  const { pace, clock } = paceOf([]);
  const slow = (...ids: string[]) => [...pace.slowBeside(ids)];
  pace.heard("fast", 2);
  pace.heard("fair", 39);
  pace.heard("slow", 60);
  pace.heard("slower", 200);
  assert.deepEqual(slow("fast", "fair", "slow", "slower", "silent"), ["slow", "slower"]);
  assert.deepEqual(slow("slow", "slower"), [], "not by four times");
  assert.deepEqual(slow("slow", "silent"), []);
  assert.deepEqual(slow(), []);
  clock.ms += 10_001;
  assert.deepEqual(slow("fast", "slow"), [], "that was long ago");
});
