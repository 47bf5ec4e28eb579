import assert from "node:assert/strict";
import fc from "fast-check";
import type { Assignment } from "../jobs/mod.ts";
import { Scene } from "../jobs/scene_test_support.ts";
import { plan } from "./plan.ts";

function planned(scene: Scene, assignmentsMax: number, inFlight: readonly Assignment[] = []) {
  const choice = { policy: "least-loaded" as const, random: () => 0 };
  return plan(scene.machine.view(), choice, { assignmentsMax, inFlight });
}

/** Plans, applies, and answers the queues that were served. */
function serve(scene: Scene, assignmentsMax: number): string[] {
  const assignments = planned(scene, assignmentsMax);
  const { results } = scene.apply({ kind: "assign", assignments });
  return results.map((outcome) => {
    assert.equal(outcome.status, "assigned", JSON.stringify(outcome));
    return outcome.status === "assigned" ? outcome.job.options.queue : "";
  });
}

function submitTo(scene: Scene, queue: string, jobs: number, spec = {}): void {
  for (let at = 0; at < jobs; at++) {
    scene.submit(`job-${scene.log.length}`, { options: { queue }, ...spec });
  }
}

function count(served: readonly string[], queue: string): number {
  return served.filter((each) => each === queue).length;
}

Deno.test("queues that always have jobs are served in proportion to their weights, to within one", () => {
  const weights = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 5 });
  const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(weights, sizes, (weights, sizes) => {
      const scene = new Scene();
      scene.register("w1", { slots: 1000 });
      weights.forEach((weight, at) => {
        scene.apply({
          kind: "configure",
          scope: "queue",
          name: `q${at}`,
          change: { weight },
          by: "",
        });
        submitTo(scene, `q${at}`, 100);
      });
      const served: string[] = [];
      for (const size of sizes) served.push(...serve(scene, size));
      const sum = weights.reduce((a, b) => a + b);
      weights.forEach((weight, at) => {
        // Of any two queues neither is ahead by more than one turn of each (Goyal et al., theorem 1).
        for (const [other, otherWeight] of weights.entries()) {
          const lead = count(served, `q${at}`) / weight - count(served, `q${other}`) / otherWeight;
          assert.ok(Math.abs(lead) <= 1 / weight + 1 / otherWeight + 1e-6, `${lead} of ${sum}`);
        }
      });
    }),
    { numRuns: 60 },
  );
});

Deno.test("a flood of one user leaves the next one its turn, without anybody naming a queue", () => {
  const scene = new Scene();
  scene.register("w1", { slots: 100 });
  for (let at = 0; at < 50; at++) scene.submit(`flood-${at}`, { submittedBy: "ann", priority: 9 });
  serve(scene, 10);
  scene.submit("only", { submittedBy: "bob" });
  const next = planned(scene, 2).map(({ jobId }) => jobId);
  assert.ok(next.includes("only"), `${next}`);
});

Deno.test("whoever rested has saved up nothing, and neither has whoever was paused", () => {
  for (const isPaused of [false, true]) {
    const scene = new Scene();
    scene.register("w1", { slots: 1000 });
    const pause = (paused: boolean) =>
      scene.apply({
        kind: "configure",
        scope: "queue",
        name: "late",
        change: { paused },
        by: "ann",
      });
    pause(isPaused);
    if (isPaused) submitTo(scene, "late", 20);
    submitTo(scene, "busy", 100);
    assert.deepEqual(new Set(serve(scene, 60)), new Set(["busy"]));
    pause(false);
    if (!isPaused) submitTo(scene, "late", 20);
    const served = serve(scene, 20);
    assert.equal(count(served, "late"), 10);
  }
});

Deno.test("turns go on where they were after a crash, and survive a flush", () => {
  const scene = new Scene();
  scene.register("w1", { slots: 1000 });
  for (const queue of ["a", "b", "c"]) submitTo(scene, queue, 30);
  const served: string[] = [];
  for (let round = 0; round < 30; round++) {
    served.push(...serve(scene, 1));
    if (round % 3 === 0) scene.machine.flush();
    if (round % 4 === 0) scene.crash();
  }
  for (const queue of ["a", "b", "c"]) assert.equal(count(served, queue), 10);
});

Deno.test("within a queue a wait is worth priority, and without ageing it is worth none", () => {
  for (
    const [priorityAgeingMs, first] of [[1000, "old"], [0, "urgent"], ["strict", "urgent"]] as const
  ) {
    const scene = new Scene({ priorityAgeingMs });
    scene.register("w1");
    scene.submit("old", { priority: 0 });
    scene.sleep(5001);
    scene.submit("urgent", { priority: 5 });
    assert.equal(planned(scene, 1)[0]?.jobId, first);
  }
});

Deno.test("the time as a dead letter is no wait: what is redriven comes behind what waits already", () => {
  for (const priorityAgeingMs of [1000, 0, "strict"] as const) {
    const scene = new Scene({ priorityAgeingMs });
    scene.register("w1");
    scene.submit("dead", { priority: 5, maxRetries: 0 });
    scene.assign("dead");
    scene.fail("dead");
    scene.sleep(3_600_000);
    scene.submit("waits", { priority: 5 });
    scene.sleep(1);
    scene.redrive("dead");
    assert.equal(planned(scene, 1)[0]?.jobId, "waits", `ageing ${priorityAgeingMs}`);
    assert.deepEqual(
      [...scene.machine.oldestPending().values()],
      [scene.job("waits").createdAtMs],
      "the dead letter has not waited since its first life",
    );
  }
});

Deno.test("strict priority knows no queues: what is most urgent of all is first", () => {
  const scene = new Scene({ priorityAgeingMs: "strict" });
  scene.register("w1", { slots: 1000 });
  submitTo(scene, "a", 5, { priority: 2 });
  submitTo(scene, "b", 5, { priority: 1 });
  submitTo(scene, "c", 5, { priority: 3 });
  assert.equal(serve(scene, 15).join(""), "cccccaaaaabbbbb");
});

Deno.test("limits hold over many plans that are on their way at once", () => {
  const scene = new Scene();
  scene.register("w1", { slots: 1000 });
  const settings = { runningMax: 7 };
  scene.apply({ kind: "configure", scope: "type", name: "crawl", change: settings, by: "" });
  const rate = { count: 2, perMs: 60_000, burst: 4 };
  for (let at = 0; at < 30; at++) {
    scene.submit(`g-${at}`, { options: { group: "g", groupLimit: 3 } });
    scene.submit(`t-${at}`, { type: "crawl" });
    scene.submit(`r-${at}`, { options: { rateKey: "api", rate } });
  }
  const plans: Assignment[][] = [];
  for (let at = 0; at < 10; at++) plans.push(planned(scene, 3, plans.flat()));
  const kinds = plans.flat().map(({ jobId }) => jobId[0]).sort().join("");
  assert.equal(kinds, "gggrrrrttttttt");
  for (const assignments of plans) {
    for (const outcome of scene.apply({ kind: "assign", assignments }).results) {
      assert.equal(outcome.status, "assigned");
    }
  }
});

Deno.test("queues that came once are forgotten when the others have had their turns too", () => {
  const scene = new Scene();
  scene.register("w1", { slots: 1000 });
  const kept = () => {
    scene.machine.flush();
    return scene.store.load().records.filter(({ kind }) => kind === "queue_share").length;
  };
  submitTo(scene, "busy", 100);
  for (let at = 0; at < 20; at++) submitTo(scene, `once-${at}`, 1);
  serve(scene, 21);
  assert.equal(kept(), 21);
  serve(scene, 5);
  assert.equal(kept(), 1);
  serve(scene, 100);
  assert.equal(kept(), 0, "with nothing pending nobody is ahead of anybody");
});
