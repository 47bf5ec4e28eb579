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

const many = (syncMs: number) => Array.from({ length: 15 }, () => syncMs);

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

Deno.test("single long fsyncs are no reason, and most of them are", () => {
  const mixed = (slow: number) => Array.from({ length: 15 }, (_, at) => (at < slow ? 400 : 1));
  const seldom = paceOf(mixed(7)).pace;
  seldom.heard("m2", 1);
  assert.equal(seldom.faster(["m2"]), undefined);
  const often = paceOf(mixed(8)).pace;
  often.heard("m2", 1);
  assert.equal(often.faster(["m2"])?.ownSyncMs, 400);
});

Deno.test("nothing is known of a disk that was hardly used of late, one's own or another's", () => {
  const { pace, clock, sync } = paceOf(many(60));
  pace.heard("m2", 1);
  clock.ms += 10_001;
  assert.equal(pace.ownMs, undefined);
  for (let count = 0; count < 7; count++) sync(60);
  assert.equal(pace.ownMs, undefined);
  sync(60);
  clock.ms += 250;
  assert.equal(pace.ownMs, 60);
  assert.equal(pace.faster(["m2"]), undefined, "m2 has said nothing since");
  pace.heard("m2", 1);
  assert.equal(pace.faster(["m2"])?.nodeId, "m2");
});

Deno.test("who is no member any more is forgotten", () => {
  const { pace } = paceOf(many(60));
  pace.heard("m2", 1);
  pace.heard("m3", 1);
  pace.retain(new Set(["m1", "m3"]));
  assert.equal(pace.faster(["m2"]), undefined);
  assert.equal(pace.faster(["m2", "m3"])?.nodeId, "m3");
});
