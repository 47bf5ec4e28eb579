import assert from "node:assert/strict";
import { Scene } from "../jobs/scene_test_support.ts";
import { whyWaiting } from "./why_waiting.ts";

function why(scene: Scene, id = "job"): string[] {
  return whyWaiting(scene.job(id), scene.machine.view());
}

Deno.test("without workers, without the type, and without the tag, the reason names what is missing", () => {
  const scene = new Scene();
  scene.submit("job", { requiredTags: { gpu: "yes", zone: "a" } });
  assert.deepEqual(why(scene), ["no worker is connected"]);
  scene.register("w1", { jobTypes: ["crawl"] });
  assert.deepEqual(why(scene), ['no connected worker offers type "resize"']);
  scene.register("w2", { tags: { zone: "a" } });
  assert.deepEqual(why(scene), [
    'no connected worker that offers type "resize" has the tag gpu=yes',
  ]);
  scene.register("w3", { tags: { gpu: "yes" } });
  assert.deepEqual(why(scene), [
    'no connected worker that offers type "resize" has the tags gpu=yes, zone=a together',
  ]);
});

Deno.test("full and draining workers are told from each other, one worker from several", () => {
  const scene = new Scene();
  scene.submit("job");
  scene.register("w1", { slots: 1 });
  assert.deepEqual(why(scene), ["a slot is free; it is about to be assigned"]);
  scene.submit("other");
  scene.assign("other");
  assert.deepEqual(why(scene), ["the one worker that may run it is full (its 1 slot is in use)"]);
  scene.register("w2", { slots: 0 });
  scene.register("w3", { slots: 1 });
  scene.submit("third");
  scene.assign("third", "w3");
  assert.deepEqual(why(scene), ["all 3 workers that may run it are full (2 slots are in use)"]);
  for (const workerId of ["w1", "w2", "w3"]) {
    scene.apply({ kind: "drain_worker", workerId, draining: true });
  }
  assert.deepEqual(why(scene), ["all 3 workers that may run it are draining"]);
});

Deno.test("a delay, a backoff and a pause after refusals say what they are and how long they last", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("delayed", { notBeforeMs: scene.nowMs + 7_200_000 });
  assert.deepEqual(why(scene, "delayed"), ["it is delayed for 2 h more"]);
  scene.submit("failing", { retryDelayMs: 2000, maxRetries: 3 });
  scene.assign("failing");
  scene.fail("failing");
  const [reason] = why(scene, "failing");
  assert.match(reason!, /^it backs off for 2(\.\d)? s more before retry 1 of 3$/);
  scene.submit("refused");
  for (let round = 0; round < 4; round++) {
    scene.assign("refused");
    scene.release("refused");
  }
  assert.deepEqual(why(scene, "refused"), [
    "it was handed back 4 times in a row and pauses for 1 s more",
  ]);
});

Deno.test("a job that does not wait has no reasons", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("job");
  scene.assign("job");
  assert.deepEqual(why(scene), []);
  scene.complete("job");
  assert.deepEqual(why(scene), []);
});
