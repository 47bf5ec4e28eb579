import assert from "node:assert/strict";
import type { SubmitSpec } from "./command.ts";
import type { DependencyCondition, JobOptions } from "./job_options.ts";
import { assertFields, Scene, specOf } from "./scene_test_support.ts";
import { SETTLED_JOBS_PER_COMMAND_MAX } from "./settle.ts";

function after(
  parents: Record<string, DependencyCondition>,
  options: Partial<JobOptions> = {},
): Partial<SubmitSpec> {
  const dependencies = Object.entries(parents).map(([jobId, on]) => ({ jobId, on }));
  return { options: { ...options, dependencies } };
}

function run(scene: Scene, id: string, how: "complete" | "fail" | "cancel"): void {
  if (how === "cancel") return void scene.cancel(id);
  scene.assign(id);
  if (how === "complete") scene.complete(id);
  else scene.fail(id, { permanent: true });
}

function sceneWith(...ids: string[]): Scene {
  const scene = new Scene();
  scene.register("w1", { slots: 1000 });
  for (const id of ids) scene.submit(id);
  return scene;
}

const table: [DependencyCondition, "complete" | "fail" | "cancel", string][] = [
  ["success", "complete", "pending"],
  ["success", "fail", "cancelled"],
  ["success", "cancel", "cancelled"],
  ["failure", "complete", "cancelled"],
  ["failure", "fail", "pending"],
  ["failure", "cancel", "pending"],
  ["completion", "complete", "pending"],
  ["completion", "fail", "pending"],
  ["completion", "cancel", "pending"],
];
for (const [on, how, status] of table) {
  for (const when of ["before", "after"]) {
    Deno.test(`after ${on}: a parent that does ${how} ${when} the submission leaves its child ${status}`, () => {
      const scene = sceneWith("parent");
      if (when === "before") run(scene, "parent", how);
      scene.submit("child", after({ parent: on }));
      if (when === "after") {
        assert.equal(scene.job("child").status, "waiting");
        scene.machine.flush();
        scene.crash();
        run(scene, "parent", how);
      }
      assert.equal(scene.job("child").status, status);
    });
  }
}

Deno.test("a job waits for all of its parents, and for its delay", () => {
  const scene = sceneWith("a", "b");
  scene.submit("child", {
    ...after({ a: "success", b: "completion" }),
    notBeforeMs: scene.nowMs + 1000,
  });
  run(scene, "a", "complete");
  scene.sleep(500);
  assert.equal(scene.machine.nextDueMs, undefined);
  run(scene, "b", "fail");
  assert.equal(scene.job("child").status, "waiting");
  assert.equal(scene.machine.nextDueMs, scene.nowMs + 500);
  scene.sleep(500);
  assert.equal(scene.job("child").status, "pending");
  assert.equal(scene.machine.history("child").at(-1)?.cause, "dependencies");
});

Deno.test("what happens when a parent fails is the child's choice: cancel, fail, or wait", () => {
  const scene = sceneWith("parent");
  const choices = ["cancel", "fail", "wait"] as const;
  for (const whenDependencyFails of choices) {
    scene.submit(whenDependencyFails, after({ parent: "success" }, { whenDependencyFails }));
  }
  run(scene, "parent", "fail");
  assertFields(scene.job("cancel"), { status: "cancelled", errorKind: "dependency" });
  assertFields(scene.job("fail"), {
    status: "failed",
    deadLetter: true,
    errorKind: "dependency",
    errorMessage: "parent parent is failed, and this job runs only after its success",
  });
  assert.equal(scene.job("wait").status, "waiting");
  assert.deepEqual(scene.machine.parents("wait"), [
    { jobId: "parent", on: "success", status: "failed", verdict: "broken" },
  ]);
});

Deno.test("a redriven parent lets the children that wait for it proceed, through a flush", () => {
  const scene = sceneWith("parent");
  scene.submit("child", after({ parent: "success" }, { whenDependencyFails: "wait" }));
  run(scene, "parent", "fail");
  scene.machine.flush();
  scene.redrive("parent");
  run(scene, "parent", "complete");
  assert.equal(scene.job("child").status, "pending");
});

Deno.test("a child that failed with its parent is redriven only after it, and waits for it again", () => {
  const scene = sceneWith("parent");
  scene.submit("child", after({ parent: "success" }, { whenDependencyFails: "fail" }));
  run(scene, "parent", "fail");
  const refused = scene.redrive("child");
  assertFields(refused, { status: "refused", reason: "dependency" });
  assert.match(refused.status === "refused" ? refused.message : "", /redrive the parent first/);
  scene.redrive("parent");
  scene.redrive("child");
  assert.equal(scene.job("child").status, "waiting");
  run(scene, "parent", "complete");
  assert.equal(scene.job("child").status, "pending");
});

Deno.test("a pending child is not held back when its parent is redriven", () => {
  const scene = sceneWith("parent");
  scene.submit("child", after({ parent: "completion" }));
  run(scene, "parent", "fail");
  scene.redrive("parent");
  assert.equal(scene.job("child").status, "pending");
});

Deno.test("a child that was retried waits for its backoff alone", () => {
  const scene = sceneWith("parent");
  scene.submit("child", after({ parent: "failure" }));
  run(scene, "parent", "fail");
  scene.assign("child");
  scene.fail("child");
  assert.equal(scene.job("child").status, "waiting");
  scene.redrive("parent");
  scene.machine.flush();
  scene.crash();
  scene.sleep(2000);
  assert.equal(scene.job("child").status, "pending");
});

Deno.test("a parent that is not there, or comes later in the same command, is refused by name", () => {
  const scene = sceneWith();
  const { results } = scene.apply({
    kind: "submit",
    jobs: [
      specOf("early", after({ late: "success" })),
      specOf("late"),
      specOf("good", after({ late: "success" })),
    ],
  });
  assert.deepEqual(results.map(({ status }) => status), ["refused", "accepted", "accepted"]);
  assertFields(results[0]!, { reason: "unknown_parent" });
  assert.match(results[0]?.status === "refused" ? results[0].message : "", /job late/);
  assert.equal(scene.job("good").status, "waiting");
});

Deno.test("a graph that is submitted again under its keys hangs on the jobs that there are", () => {
  const scene = sceneWith();
  const payload = new Uint8Array([1]);
  const submit = (suffix: string, childKey: string) =>
    scene.apply({
      kind: "submit",
      jobs: [
        specOf(`parent${suffix}`, { payload, idempotencyKey: "p" }),
        specOf(`child${suffix}`, {
          ...after({ [`parent${suffix}`]: "success" }),
          payload,
          idempotencyKey: childKey,
        }),
      ],
    }).results;
  submit("1", "c");
  assert.deepEqual(submit("2", "c").map(({ jobId }) => jobId), ["parent1", "child1"]);
  submit("3", "other");
  assert.deepEqual(scene.job("child3").options.dependencies, [{ jobId: "parent1", on: "success" }]);
});

Deno.test("a parent of an unfinished child is not forgotten, and is when the child has finished", () => {
  const scene = sceneWith("parent");
  scene.submit("child", after({ parent: "success" }));
  run(scene, "parent", "complete");
  const { seq } = scene.job("parent");
  const prune = () => scene.apply({ kind: "prune", jobSeqs: [seq] }).removedJobs;
  assert.equal(prune(), 0);
  scene.machine.flush();
  const query = {
    status: "completed",
    completedBeforeMs: Infinity,
    afterSeq: 0,
    limit: 10,
  } as const;
  assert.deepEqual(scene.machine.pruneCandidates(query).jobSeqs, []);
  run(scene, "child", "complete");
  assert.equal(prune(), 1);
});

Deno.test("a long chain falls with its first job, in one command", () => {
  const scene = sceneWith("j0");
  for (let at = 1; at <= 200; at++) scene.submit(`j${at}`, after({ [`j${at - 1}`]: "success" }));
  scene.cancel("j0");
  assert.equal(scene.machine.counts().byStatus.cancelled, 201);
});

Deno.test("the many children of one parent move in bounded steps, and none is lost in a crash", () => {
  const scene = sceneWith("parent");
  const children = 2 * SETTLED_JOBS_PER_COMMAND_MAX + 10;
  const jobs = Array.from(
    { length: children },
    (_, at) => specOf(`c${at}`, { ...after({ parent: "success" }), payload: new Uint8Array(0) }),
  );
  scene.apply({ kind: "submit", jobs });
  run(scene, "parent", "complete");
  const pending = () => scene.machine.counts().byStatus.pending;
  assert.equal(pending(), SETTLED_JOBS_PER_COMMAND_MAX);
  assert.equal(scene.machine.nextDueMs, scene.nowMs);
  scene.machine.flush();
  scene.crash();
  scene.sleep(0);
  assert.equal(pending(), 2 * SETTLED_JOBS_PER_COMMAND_MAX);
  const replica = new Scene();
  for (const { command, position } of scene.log) replica.machine.apply(command, position);
  assert.equal(scene.machine.stateHash(), replica.machine.stateHash());
  scene.sleep(0);
  assert.equal(pending(), children);
  assert.equal(scene.machine.nextDueMs, undefined);
});
