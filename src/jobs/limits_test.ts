import assert from "node:assert/strict";
import { assertFields, Scene } from "./scene_test_support.ts";
import type { SettingsChange, SettingsScope } from "./settings.ts";

function configure(
  scene: Scene,
  scope: SettingsScope,
  name: string,
  change: SettingsChange | null,
) {
  return scene.apply({ kind: "configure", scope, name, change, by: "ann", easesRate: true });
}

/** The word of an assignment to w1. */
function tryAssign(scene: Scene, jobId: string): string {
  const { results: [outcome] } = scene.apply({
    kind: "assign",
    assignments: [{ jobId, workerId: "w1", sessionId: "w1-session" }],
  });
  return outcome!.status === "refused" ? outcome!.reason : outcome!.status;
}

function withWorker(): Scene {
  const scene = new Scene();
  scene.register("w1", { slots: 100 });
  return scene;
}

Deno.test("of a group no more are held than each job itself allows", () => {
  const scene = withWorker();
  for (const [id, groupLimit] of [["a", 1], ["b", 1], ["c", 2], ["d", 3]] as const) {
    scene.submit(id, { options: { group: "g", groupLimit } });
  }
  assert.equal(tryAssign(scene, "a"), "assigned");
  assert.equal(tryAssign(scene, "b"), "group_full");
  assert.equal(tryAssign(scene, "c"), "assigned", "its own limit allows two");
  assert.equal(tryAssign(scene, "d"), "assigned");
  scene.complete("c");
  scene.fail("d", { permanent: true });
  assert.equal(tryAssign(scene, "b"), "group_full");
  scene.cancel("a");
  assert.equal(tryAssign(scene, "b"), "assigned");
});

Deno.test("jobs behind a full group are out of sight, and come back when it has room", () => {
  const scene = withWorker();
  for (let at = 0; at < 5; at++) {
    scene.submit(`job-${at}`, { options: { group: "g", groupLimit: 1 } });
  }
  assert.equal(scene.pendingIds().length, 5);
  scene.assign("job-0");
  assert.deepEqual(scene.pendingIds(), []);
  scene.machine.flush();
  scene.crash();
  assert.deepEqual(scene.pendingIds(), []);
  scene.release("job-0");
  assert.deepEqual(scene.pendingIds().length, 5);
});

Deno.test("a rate lets a burst through, then one for each token, and says when the next may start", () => {
  const scene = withWorker();
  const rate = { count: 3, perMs: 1000, burst: 2 };
  for (let at = 0; at < 5; at++) scene.submit(`job-${at}`, { options: { rateKey: "api", rate } });
  assert.equal(tryAssign(scene, "job-0"), "assigned");
  assert.equal(tryAssign(scene, "job-1"), "assigned");
  assert.equal(tryAssign(scene, "job-2"), "rate_limited");
  assert.deepEqual(scene.pendingIds(), []);
  assert.equal(scene.machine.nextDueMs, scene.nowMs + 334, "a third of a second, rounded up");
  scene.sleep(333);
  assert.equal(tryAssign(scene, "job-2"), "rate_limited");
  scene.machine.flush();
  scene.crash();
  scene.sleep(1);
  assert.equal(scene.pendingIds().length, 3);
  assert.equal(tryAssign(scene, "job-2"), "assigned");
  assert.equal(tryAssign(scene, "job-3"), "rate_limited");
  scene.sleep(60_000);
  assert.equal(tryAssign(scene, "job-3"), "assigned");
  assert.equal(tryAssign(scene, "job-4"), "assigned", "a long rest fills the bucket and no more");
});

Deno.test("a bucket that is full again is forgotten", () => {
  const scene = withWorker();
  const rate = { count: 1, perMs: 1000, burst: 1 };
  const hash = scene.machine.stateHash();
  for (let at = 0; at < 3; at++) {
    scene.submit(`job-${at}`, { options: { rateKey: `key-${at}`, rate } });
    scene.assign(`job-${at}`);
    scene.complete(`job-${at}`);
  }
  scene.machine.flush();
  scene.sleep(1000);
  scene.machine.flush();
  assert.equal(scene.store.load().records.length, 0);
  assert.notEqual(scene.machine.stateHash(), hash);
});

Deno.test("a paused type or queue is given to nobody, what runs goes on, and who paused it is known", () => {
  for (const [scope, name] of [["type", "resize"], ["queue", "q"]] as const) {
    const scene = withWorker();
    scene.submit("running", { options: { queue: "q" } });
    scene.submit("waiting", { options: { queue: "q" } });
    scene.submit("other", { type: "crawl" });
    scene.assign("running");
    const outcome = configure(scene, scope, name, { paused: true });
    assert.ok(outcome.status === "done" && outcome.changed);
    assertFields(outcome.settings, { paused: true, pausedBy: "ann", pausedAtMs: scene.nowMs });
    assert.equal(tryAssign(scene, "waiting"), `${scope}_paused`);
    assert.equal(tryAssign(scene, "other"), "assigned");
    assert.equal(scene.start("running").status, "accepted");
    scene.machine.flush();
    scene.crash();
    assert.equal(tryAssign(scene, "waiting"), `${scope}_paused`);
    configure(scene, scope, name, { paused: false });
    assert.equal(tryAssign(scene, "waiting"), "assigned");
    scene.machine.flush();
    assert.deepEqual(scene.store.load().records, [], "what says nothing is not kept");
  }
});

Deno.test("a limit below what runs now ends nothing, and lets nobody in until it has room", () => {
  for (const [scope, name] of [["type", "resize"], ["queue", "q"]] as const) {
    const scene = withWorker();
    for (const id of ["a", "b", "c", "d"]) scene.submit(id, { options: { queue: "q" } });
    for (const id of ["a", "b", "c"]) scene.assign(id);
    configure(scene, scope, name, { runningMax: 2 });
    assert.equal(tryAssign(scene, "d"), `${scope}_at_limit`);
    scene.complete("a");
    assert.equal(tryAssign(scene, "d"), `${scope}_at_limit`);
    scene.complete("b");
    assert.equal(tryAssign(scene, "d"), "assigned");
  }
});

Deno.test("a rate that is raised, or taken away, holds at once, whatever the one before had used up", () => {
  const hourly = { count: 1, perMs: 3_600_000, burst: 1 };
  for (const scope of ["type", "queue"] as const) {
    const name = scope === "type" ? "noop" : "q";
    for (const next of [{ count: 10, perMs: 1000, burst: 2 }, null]) {
      const scene = withWorker();
      for (const id of ["a", "b", "c"]) scene.submit(id, { type: "noop", options: { queue: "q" } });
      configure(scene, scope, name, { rate: hourly });
      assert.equal(tryAssign(scene, "a"), "assigned");
      configure(scene, scope, name, { runningMax: 9 });
      assert.equal(tryAssign(scene, "b"), "rate_limited", "nothing was said of the rate");
      configure(scene, scope, name, { rate: next });
      if (next !== null) {
        assert.equal(tryAssign(scene, "b"), "rate_limited", "its burst was not given anew");
        scene.sleep(100);
      }
      assert.equal(tryAssign(scene, "b"), "assigned");
      configure(scene, scope, name, null);
      configure(scene, scope, name, { rate: hourly });
      assert.equal(tryAssign(scene, "c"), "assigned", "a reset leaves nothing of what was used up");
    }
  }
});

Deno.test("a rate of a type or queue holds for all its jobs, and wakes the leader", () => {
  for (const [scope, name] of [["type", "resize"], ["queue", "q"]] as const) {
    const scene = withWorker();
    configure(scene, scope, name, { rate: { count: 1, perMs: 1000, burst: 1 } });
    for (const id of ["a", "b"]) scene.submit(id, { options: { queue: "q" } });
    assert.equal(tryAssign(scene, "a"), "assigned");
    assert.equal(tryAssign(scene, "b"), "rate_limited");
    assert.equal(scene.machine.nextDueMs, scene.nowMs + 1000);
    scene.machine.flush();
    scene.crash();
    assert.equal(scene.machine.nextDueMs, scene.nowMs + 1000);
    scene.sleep(1000);
    assert.equal(scene.machine.nextDueMs, undefined);
    assert.equal(tryAssign(scene, "b"), "assigned");
  }
});

Deno.test("what cannot be set is refused and named, and changes nothing", () => {
  const scene = withWorker();
  const refusals: [SettingsScope, string, SettingsChange, RegExp][] = [
    ["type", "", {}, /^a type needs a name$/],
    ["type", "t".repeat(257), {}, /has 257 characters; it may have 256$/],
    ["queue", "q", { runningMax: -1 }, /^running_max is -1; it must be a whole number from 0$/],
    ["queue", "q", { weight: 0 }, /^weight is 0; it must be a whole number from 1 to 1000$/],
    ["type", "t", { weight: 2 }, /^weight is for queues/],
    ["queue", "q", { rate: { count: 0, perMs: 1, burst: 0 } }, /^rate is 0 per 1 ms with a burst/],
  ];
  for (const [scope, name, change, message] of refusals) {
    const outcome = configure(scene, scope, name, change);
    assert.ok(outcome.status === "refused" && outcome.reason === "invalid", message.source);
    assert.match(outcome.message, message);
  }
  scene.machine.flush();
  assert.deepEqual(scene.store.load().records, []);
});

Deno.test("a group that is full, and one key for each job, cost a submission no look at the others", () => {
  const scene = withWorker();
  const submitAll = (prefix: string, jobs: number) => {
    for (let at = 0; at < jobs; at++) {
      scene.submit(`${prefix}-${at}`, { options: { group: "g", groupLimit: 1 } });
      scene.submit(`${prefix}-own-${at}`, { options: { group: `${prefix}-${at}`, groupLimit: 1 } });
    }
  };
  submitAll("first", 1);
  scene.assign("first-0");
  submitAll("many", 2000);
  let compared = 0;
  const view = scene.machine.view();
  // Only the 2001 lanes of their own are in sight, each once.
  for (const shape of view.shapes) {
    const lanes = shape.classes().next().value!.lanes();
    for (let step = lanes.next(); step.done !== true; step = lanes.next()) compared++;
  }
  assert.equal(compared, 2001);
});

Deno.test("a worker holds no more cpu and memory than it has, and none that says nothing", () => {
  const scene = new Scene();
  scene.register("w1", { cpuMillis: 2000, memoryBytes: 1000 });
  const ask = (id: string, cpuMillis: number, memoryBytes: number) =>
    scene.submit(id, { options: { cpuMillis, memoryBytes } });
  ask("a", 1500, 0);
  ask("b", 600, 0);
  ask("c", 500, 900);
  ask("d", 0, 101);
  ask("e", 0, 100);
  assert.deepEqual(["a", "b", "c", "d", "e"].map((id) => tryAssign(scene, id)), [
    "assigned",
    "no_resources",
    "assigned",
    "no_resources",
    "assigned",
  ]);
  scene.machine.flush();
  scene.crash();
  assertFields(scene.machine.worker("w1")!, { cpuMillisHeld: 2000, memoryBytesHeld: 1000 });
  scene.complete("a");
  assert.equal(tryAssign(scene, "b"), "assigned");
  scene.register("w1", {}, []);
  assertFields(scene.machine.worker("w1")!, { cpuMillis: 0, cpuMillisHeld: 0, memoryBytesHeld: 0 });
  assert.equal(tryAssign(scene, "d"), "no_resources");
  scene.submit("plain");
  assert.equal(tryAssign(scene, "plain"), "assigned");
});

Deno.test("a job goes to no worker whose tags do not fulfil its rules", () => {
  const scene = new Scene();
  scene.register("w1", { tags: { mem: "16" } });
  scene.submit("small", { options: { tagRules: [{ tag: "mem", op: ">=", values: ["32"] }] } });
  scene.submit("large", { options: { tagRules: [{ tag: "mem", op: ">=", values: ["8"] }] } });
  assert.equal(tryAssign(scene, "small"), "not_eligible");
  assert.equal(tryAssign(scene, "large"), "assigned");
});
