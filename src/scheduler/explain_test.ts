import assert from "node:assert/strict";
import type { SettingsChange } from "../jobs/mod.ts";
import { Scene } from "../jobs/scene_test_support.ts";
import { explain, type Reason } from "./explain.ts";

function reasons(scene: Scene, id = "job"): Reason[] {
  return explain(scene.job(id), scene.machine.view(), scene.machine.standing(id));
}

function why(scene: Scene, id = "job"): string[] {
  return reasons(scene, id).map(({ message }) => message);
}

function codes(scene: Scene, id = "job"): string[] {
  return reasons(scene, id).map(({ code }) => code);
}

function configure(scene: Scene, scope: "type" | "queue", name: string, change: SettingsChange) {
  scene.apply({ kind: "configure", scope, name, change, by: "ann" });
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
  assert.deepEqual(reasons(scene, "refused"), [{
    code: "released",
    message: "it was handed back 4 times in a row and pauses for 1 s more",
    untilMs: scene.job("refused").notBeforeMs,
  }]);
});

Deno.test("a job that does not wait is explained by where it is, and how it ended", () => {
  const scene = new Scene();
  scene.register("w1");
  const { nowMs } = scene;
  scene.submit("job", { maxRetries: 0 });
  scene.assign("job");
  assert.deepEqual(reasons(scene), [{
    code: "assigned",
    message: "attempt 1 was given to worker w1, which has not started it yet",
    sinceMs: nowMs,
  }]);
  scene.start("job");
  assert.deepEqual(reasons(scene), [{
    code: "running",
    message: "attempt 1 runs on worker w1",
    sinceMs: nowMs,
    untilMs: nowMs + 30_000,
  }]);
  scene.fail("job");
  assert.deepEqual(reasons(scene), [{
    code: "failed",
    message:
      "it failed for good at attempt 1 on worker w1: it broke; it is a dead letter and may " +
      "be retried by hand",
    sinceMs: nowMs,
  }]);
  scene.submit("good");
  scene.assign("good");
  scene.complete("good");
  scene.machine.flush();
  assert.deepEqual(why(scene, "good"), ["it completed at attempt 1 on worker w1 after 5 ms"]);
  scene.submit("unwanted");
  scene.cancel("unwanted");
  assert.deepEqual(why(scene, "unwanted"), [
    "it was cancelled before its first attempt: cancelled by ann: not needed",
  ]);
});

Deno.test("how long a job took is told as it was, not rounded up to the next unit", () => {
  const took = (durationMs: number) => {
    const scene = new Scene();
    scene.submit("job");
    scene.register("w1");
    scene.assign("job");
    scene.complete("job", { durationMs });
    scene.machine.flush();
    return why(scene)[0]!.split(" after ")[1];
  };
  const expected: [number, string][] = [
    [40, "40 ms"],
    [2_540, "2.5 s"],
    [15_003, "15 s"],
    [121_000, "2 min 1 s"],
    [2 * 3_600_000 + 300_000, "2 h 5 min"],
  ];
  for (const [durationMs, text] of expected) assert.equal(took(durationMs), text);
});

Deno.test("workers that are there for other namespaces are no workers for a job", () => {
  const scene = new Scene();
  scene.register("w1", { namespaces: ["blue"] });
  scene.submit("job", { namespace: "red" });
  assert.deepEqual(codes(scene), ["no_worker_in_namespace"]);
  assert.match(why(scene)[0]!, /offers type "resize" gets jobs of namespace "red"/);
  scene.register("w2", { namespaces: ["red"] });
  assert.deepEqual(codes(scene), ["about_to_run"]);
});

Deno.test("a rate that was used up under another one says so, and until when", () => {
  const scene = new Scene();
  scene.register("w1");
  for (const id of ["first", "job"]) scene.submit(id, { options: { queue: "q" } });
  configure(scene, "queue", "q", { rate: { count: 1, perMs: 3_600_000, burst: 1 } });
  scene.assign("first");
  const untilMs = scene.nowMs + 3_600_000;
  assert.match(why(scene)[0]!, /^the rate of queue "q" is used up: 1 per 1 h$/);
  configure(scene, "queue", "q", { rate: { count: 10, perMs: 1000, burst: 1 } });
  const [reason] = reasons(scene);
  assert.deepEqual(reason, {
    code: "rate_limited",
    message: 'the rate of queue "q" is used up by what started under another rate: 10 per 1 s',
    untilMs,
  });
});

Deno.test("a full group names who holds it, a rate says until when, a pause by whom", () => {
  const scene = new Scene();
  scene.register("w1", { slots: 100 });
  const rate = { count: 1, perMs: 2000, burst: 1 };
  for (const id of ["a", "b", "job"]) {
    scene.submit(id, { options: { group: "g", groupLimit: 2, rateKey: id, rate } });
  }
  assert.deepEqual(codes(scene), ["about_to_run"]);
  scene.assign("a");
  scene.assign("b");
  assert.deepEqual(reasons(scene), [{
    code: "group_full",
    message: 'group "g" is full, 2/2: held by a, b',
    jobIds: ["a", "b"],
  }]);
  scene.submit("limited", { options: { rateKey: "a", rate } });
  assert.deepEqual(reasons(scene, "limited"), [{
    code: "rate_limited",
    message: 'the rate of "a" is used up: 1 per 2 s',
    untilMs: scene.nowMs + 2000,
  }]);
  scene.submit("paused", { options: { queue: "nightly" } });
  configure(scene, "queue", "nightly", { paused: true });
  configure(scene, "type", "resize", { runningMax: 1 });
  assert.deepEqual(codes(scene, "paused"), ["type_at_limit", "queue_paused"]);
  configure(scene, "type", "resize", { runningMax: 0 });
  configure(scene, "queue", "default", { runningMax: 2 });
  scene.submit("queued");
  assert.deepEqual(reasons(scene, "queued"), [{
    code: "queue_at_limit",
    message: 'queue "default" has 2 jobs running of 2 at most',
  }]);
  configure(scene, "type", "resize", { runningMax: 1 });
  assert.deepEqual(reasons(scene, "paused")[1], {
    code: "queue_paused",
    message: 'queue "nightly" is paused by ann',
    sinceMs: scene.nowMs,
  });
});

Deno.test("parents that are not there yet are named, and those that ended otherwise", () => {
  const scene = new Scene();
  scene.register("w1");
  for (const id of ["first", "second"]) scene.submit(id, { maxRetries: 0 });
  scene.submit("job", {
    options: {
      dependencies: [{ jobId: "first", on: "success" }, { jobId: "second", on: "failure" }],
      whenDependencyFails: "wait",
    },
  });
  assert.deepEqual(reasons(scene), [
    {
      code: "dependency",
      message: "it waits for job first, which is pending (its success)",
      jobIds: ["first"],
    },
    {
      code: "dependency",
      message: "it waits for job second, which is pending (its failure)",
      jobIds: ["second"],
    },
  ]);
  scene.assign("first");
  scene.fail("first");
  scene.cancel("second");
  assert.deepEqual(why(scene), ["job first is failed, and it waits for its success"]);
});

Deno.test("what nobody has enough of, what others hold, and who comes first is told", () => {
  const scene = new Scene();
  scene.register("w1", { slots: 2, cpuMillis: 4000, memoryBytes: 2 ** 30 });
  const ask = (id: string, cpuMillis: number, memoryBytes = 0) =>
    scene.submit(id, { options: { cpuMillis, memoryBytes } });
  ask("huge", 5000, 2 ** 20);
  assert.deepEqual(why(scene, "huge"), [
    "no worker that may run it has 5 cpu and 1 MiB of memory for its jobs",
  ]);
  ask("holder", 3000);
  scene.assign("holder");
  ask("job", 1500);
  assert.deepEqual(why(scene), [
    "no worker that may run it has 1.5 cpu free; its jobs hold the rest",
  ]);
  scene.submit("other");
  scene.assign("other");
  for (const id of ["x", "y", "z"]) scene.submit(id);
  assert.deepEqual(codes(scene, "z"), ["workers_full", "jobs_ahead"]);
  assert.equal(why(scene, "z")[1], '2 jobs like it come first in queue "default"');
  assert.deepEqual(codes(scene, "x"), ["workers_full"]);
});

Deno.test("a worker that takes no more of the type is the reason, and how many it takes is told", () => {
  const scene = new Scene();
  scene.register("w1", { slots: 5, typeSlots: { resize: 1 } });
  scene.submit("running");
  scene.assign("running");
  for (const id of ["job", "next"]) scene.submit(id);
  assert.deepEqual(codes(scene, "job"), ["worker_type_full"]);
  assert.deepEqual(why(scene, "job"), [
    'the one worker that has a slot free holds 1 job of type "resize", as many as it takes at once',
  ]);
  assert.deepEqual(codes(scene, "next"), ["worker_type_full", "jobs_ahead"]);
  scene.register("w2", { slots: 5, typeSlots: { resize: 2 } });
  assert.deepEqual(codes(scene, "job"), ["about_to_run"]);
});

Deno.test("of tag rules those are told that no worker fulfils", () => {
  const scene = new Scene();
  scene.register("w1", { tags: { mem: "8" } });
  scene.submit("job", {
    options: {
      tagRules: [
        { tag: "mem", op: ">=", values: ["4"] },
        { tag: "zone", op: "in", values: ["a", "b"] },
      ],
    },
  });
  assert.deepEqual(why(scene), [
    'no connected worker that offers type "resize" has the tag zone in (a, b)',
  ]);
});
