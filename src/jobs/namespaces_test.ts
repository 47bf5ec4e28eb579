/** What is in one namespace is told apart from what is in another, and does not meet it. */

import assert from "node:assert/strict";
import type { SubmitSpec } from "./command.ts";
import { isNamespace } from "./namespace.ts";
import { Scene, scheduleOf, specOf } from "./scene_test_support.ts";

const red = { namespace: "red" } as const;

function refusal(scene: Scene, id: string, spec: Partial<SubmitSpec>) {
  const { results: [outcome] } = scene.apply({ kind: "submit", jobs: [specOf(id, spec)] });
  return outcome?.status === "refused" ? outcome : undefined;
}

Deno.test("a job is where it was submitted, and in the default namespace where nothing was said", () => {
  const scene = new Scene();
  scene.submit("a", red);
  scene.submit("b");
  scene.crash();
  assert.equal(scene.job("a").namespace, "red");
  assert.equal(scene.job("b").namespace, "default");
  assert.deepEqual(scene.machine.namespaces(), ["default", "red"]);
});

Deno.test("keys, unique keys and batches of two namespaces do not meet", () => {
  const scene = new Scene();
  const spec = {
    submittedBy: "ann",
    idempotencyKey: "k",
    options: { uniqueKey: "u", batchId: "nightly" },
  };
  scene.submit("a", spec);
  scene.submit("b", { ...spec, ...red, submittedBy: "bob" });
  scene.submit("c", { ...spec, ...red, submittedBy: "bob", idempotencyKey: "l", options: {} });
  const again = scene.apply({
    kind: "submit",
    jobs: [specOf("d", { ...spec, ...red, submittedBy: "bob", payload: new Uint8Array(9) })],
  });
  assert.match(JSON.stringify(again), /belongs to job b/);
  scene.machine.flush();
  scene.crash();
  for (const [namespace, id, by] of [["default", "a", "ann"], ["red", "b", "bob"]] as const) {
    const batch = scene.machine.batch("nightly", namespace);
    assert.equal(batch?.total, 1);
    assert.equal(batch.submittedBy, by);
    assert.deepEqual(scene.machine.unfinishedOfBatch(batch, 9).map((job) => job.id), [id]);
  }
});

Deno.test("what a submitter may have unfinished is bounded in each namespace by itself", () => {
  const scene = new Scene();
  const submit = (id: string, spec: Partial<SubmitSpec>) =>
    scene.apply({
      kind: "submit",
      jobs: [specOf(id, { submittedBy: "ann", ...spec })],
      clientJobsMax: 1,
    }).results[0]!.status;
  assert.equal(submit("a", {}), "accepted");
  assert.equal(submit("b", {}), "refused");
  assert.equal(submit("c", red), "accepted");
  assert.equal(submit("d", red), "refused");
});

Deno.test("to depend on a job of another namespace is to depend on none", () => {
  const scene = new Scene();
  scene.submit("theirs", red);
  const on = (jobId: string) => ({
    options: { dependencies: [{ jobId, on: "success" as const }] },
  });
  const foreign = refusal(scene, "b", on("theirs"));
  const missing = refusal(scene, "b", on("nothing"));
  assert.equal(foreign?.reason, "unknown_parent");
  assert.equal(foreign.message.replace("theirs", "nothing"), missing?.message);
  scene.submit("c", { ...red, ...on("theirs") });
  const { results } = scene.apply({
    kind: "submit",
    jobs: [specOf("d", red), specOf("e", on("d"))],
  });
  assert.deepEqual(results.map(({ status }) => status), ["accepted", "refused"]);
});

Deno.test("groups and rates of one name limit each namespace by itself", () => {
  const scene = new Scene();
  scene.register("w1");
  const limits = {
    options: {
      group: "g",
      groupLimit: 1,
      rateKey: "r",
      rate: { count: 1, perMs: 60_000, burst: 1 },
    },
  };
  scene.submit("a", limits);
  scene.submit("b", { ...limits, ...red });
  scene.submit("c", limits);
  scene.assign("a");
  scene.assign("b");
  const { results } = scene.apply({
    kind: "assign",
    assignments: [{ jobId: "c", workerId: "w1", sessionId: "w1-session" }],
  });
  assert.equal(results[0]?.status === "refused" && results[0].reason, "group_full");
  const [full] = scene.machine.standing("c")!.hindrances;
  assert.deepEqual(full?.heldBy, ["a"]);
});

Deno.test("a worker that is there for some namespaces gets no job of another", () => {
  const scene = new Scene();
  scene.register("w1", { namespaces: ["red"] });
  scene.submit("a");
  scene.submit("b", red);
  scene.machine.flush();
  scene.crash();
  const { results: [refused] } = scene.apply({
    kind: "assign",
    assignments: [{ jobId: "a", workerId: "w1", sessionId: "w1-session" }],
  });
  assert.equal(refused?.status === "refused" && refused.reason, "not_eligible");
  scene.assign("b");
  assert.deepEqual(scene.machine.worker("w1")?.namespaces, ["red"]);
});

Deno.test("schedules of one name run, pause and go in each namespace by themselves", () => {
  const scene = new Scene();
  const put = (namespace?: string) =>
    scene.apply({
      kind: "put_schedule",
      schedule: scheduleOf("hourly", { overlap: "skip", ...(namespace && { namespace }) }),
      replace: false,
      nextAtMs: scene.nowMs + 1000,
      schedulesMax: 9,
    });
  assert.equal(put().status, "created");
  assert.equal(put("red").status, "created");
  assert.equal(put("red").status, "refused");
  const fire = (jobId: string, namespace?: string) =>
    scene.apply({
      kind: "fire_schedule",
      fires: [{ kind: "triggered", name: "hourly", jobId, ...(namespace && { namespace }) }],
    }).results[0];
  fire("a");
  fire("b", "red");
  assert.equal(scene.job("a").namespace, "default");
  assert.equal(scene.job("b").namespace, "red");
  const skipped = fire("c", "red");
  assert.equal(skipped?.status === "fired" && skipped.runs[0]?.status, "skipped");
  scene.machine.flush();
  scene.crash();
  assert.equal(scene.machine.unfinishedRuns({ name: "hourly", namespace: "red" }), 1);
  const alter = { kind: "alter_schedule", name: "hourly", nextAtMs: 0, revision: 1 } as const;
  scene.apply({ ...alter, to: "removed" });
  assert.equal(scene.machine.schedule("hourly"), undefined);
  assert.equal(scene.machine.schedule("hourly", "red")?.lastJobId, "b");
  assert.equal(scene.apply({ ...alter, namespace: "blue", to: "paused" }).status, "refused");
});

Deno.test("what a namespace may be called", () => {
  for (const name of ["default", "team-a", "A.1_b", "x".repeat(63)]) assert.ok(isNamespace(name));
  for (const name of ["", "-a", "a b", "a/b", "x".repeat(64), "ä", "a\nb"]) {
    assert.ok(!isNamespace(name), name);
  }
});
