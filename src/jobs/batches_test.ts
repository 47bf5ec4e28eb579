import assert from "node:assert/strict";
import { isFinished } from "./batches.ts";
import { assertFields, Scene, specOf } from "./scene_test_support.ts";

const inBatch = { submittedBy: "ann", options: { batchId: "nightly" } };

Deno.test("a batch counts its jobs through every move, a crash, and more submissions to it", () => {
  const scene = new Scene();
  scene.register("w1");
  const startedMs = scene.nowMs;
  scene.submit("a", inBatch);
  scene.submit("b", inBatch);
  scene.assign("a");
  scene.machine.flush();
  scene.crash();
  scene.sleep(10);
  scene.submit("c", inBatch);
  scene.complete("a");
  scene.cancel("c");
  const batch = scene.machine.batch("nightly")!;
  assertFields(batch, { id: "nightly", submittedBy: "ann", createdAtMs: startedMs, total: 3 });
  assertFields(batch.byStatus, { pending: 1, completed: 1, cancelled: 1, assigned: 0 });
  assert.equal(isFinished(batch), false);
  assert.deepEqual(
    scene.machine.unfinishedOfBatch({ id: "nightly", namespace: "default" }, 9).map(({ id }) => id),
    ["b"],
  );
  scene.cancel("b");
  assert.equal(isFinished(scene.machine.batch("nightly")!), true);
});

Deno.test("a batch is forgotten with the last of its jobs", () => {
  const scene = new Scene();
  scene.submit("a", inBatch);
  scene.submit("b", inBatch);
  scene.cancel("a");
  scene.cancel("b");
  scene.apply({ kind: "prune", jobSeqs: [1] });
  assertFields(scene.machine.batch("nightly")!, { total: 2 });
  scene.machine.flush();
  scene.apply({ kind: "prune", jobSeqs: [2] });
  assert.equal(scene.machine.batch("nightly"), undefined);
  scene.machine.flush();
  scene.crash();
  assert.deepEqual([...scene.machine.batches()], []);
});

Deno.test("nobody adds to another's batch", () => {
  const scene = new Scene();
  scene.submit("a", inBatch);
  const bobs = specOf("b", { ...inBatch, submittedBy: "bob" });
  const { results } = scene.apply({ kind: "submit", jobs: [bobs] });
  assertFields(results[0]!, { status: "refused", reason: "batch_taken" });
});
