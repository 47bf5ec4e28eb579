import assert from "node:assert/strict";
import type { SubmitSpec } from "./command.ts";
import type { UniqueMode } from "./job_options.ts";
import { assertFields, Scene, specOf } from "./scene_test_support.ts";

function unique(uniqueMode: UniqueMode, spec: Partial<SubmitSpec> = {}): Partial<SubmitSpec> {
  return { ...spec, options: { uniqueKey: "report", uniqueMode } };
}

function submit(scene: Scene, id: string, spec: Partial<SubmitSpec>) {
  return scene.apply({ kind: "submit", jobs: [specOf(id, spec)] }).results[0]!;
}

Deno.test("while a job with its unique key is unfinished, a submission is refused, and names that job", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("first", unique("reject"));
  for (const step of [() => {}, () => scene.assign("first"), () => scene.start("first")]) {
    step();
    scene.machine.flush();
    scene.crash();
    const refused = submit(scene, "second", unique("reject"));
    assertFields(refused, { status: "refused", reason: "unique_key" });
    assert.match(refused.status === "refused" ? refused.message : "", /"report".*job first/);
  }
  scene.complete("first");
  assert.equal(submit(scene, "third", unique("reject")).status, "accepted");
});

Deno.test("with the mode existing a submission answers with the job that has the key", () => {
  const scene = new Scene();
  scene.submit("first", unique("reject"));
  assert.deepEqual(submit(scene, "second", unique("existing")), {
    status: "existing",
    jobId: "first",
  });
  assert.equal(scene.machine.counts().total, 1);
});

Deno.test("the idempotency key of a submission that an existing job answers stands for that job, and for no other later", () => {
  const again = unique("existing", { idempotencyKey: "k", payload: new Uint8Array(1) });
  for (const allOrNothing of [false, true]) {
    const scene = new Scene();
    scene.register("w1");
    scene.submit("first", unique("reject"));
    const submitAgain = (...ids: string[]) =>
      scene.apply({
        kind: "submit",
        jobs: ids.map((id) => specOf(id, again)),
        allOrNothing,
        keysOfExisting: true,
      }).results.map((each) => `${each.status} ${each.jobId}`);
    assert.deepEqual(submitAgain("second", "third"), ["existing first", "duplicate first"]);
    scene.assign("first");
    scene.complete("first");
    scene.machine.flush();
    scene.crash();
    assert.deepEqual(submitAgain("fourth"), ["duplicate first"]);
    const other = submit(scene, "fifth", { idempotencyKey: "k", payload: new Uint8Array(9) });
    assertFields(other, { status: "refused", reason: "already_exists" });
    assert.equal(scene.machine.counts().total, 1);
  }
});

Deno.test("an entry of before format 5 forgets the key of a submission that an existing job answers", () => {
  const scene = new Scene();
  scene.submit("first", unique("reject"));
  const again = unique("existing", { idempotencyKey: "k", payload: new Uint8Array(1) });
  assert.equal(submit(scene, "second", again).status, "existing");
  scene.cancel("first");
  assert.equal(submit(scene, "third", again).status, "accepted");
});

Deno.test("with the mode replace the old job is cancelled, also when it runs, and its result refused", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("first", unique("reject"));
  const token = scene.assign("first");
  scene.start("first");
  scene.machine.drainEvents();
  assertFields(submit(scene, "second", unique("replace")), {
    status: "accepted",
    replacedJobId: "first",
  });
  assertFields(scene.machine.drainEvents()[0]!, {
    jobId: "first",
    cause: "cancel",
    workerId: "w1",
    token,
  });
  assertFields(scene.job("first"), {
    status: "cancelled",
    errorMessage: "replaced by job second",
  });
  assert.equal(scene.complete("first", { token, workerId: "w1" }).status, "refused");
  assert.equal(submit(scene, "third", unique("existing")).jobId, "second");
});

Deno.test("within one command the last of several replacements is left", () => {
  const scene = new Scene();
  const jobs = ["a", "b", "c"].map((id) => specOf(id, unique("replace")));
  scene.apply({ kind: "submit", jobs });
  const statuses = ["a", "b", "c"].map((id) => scene.job(id).status);
  assert.deepEqual(statuses, ["cancelled", "cancelled", "pending"]);
});

Deno.test("of two jobs of one call with one key, the refusal names no job that was never made", () => {
  const scene = new Scene();
  const { results } = scene.apply({
    kind: "submit",
    allOrNothing: true,
    jobs: [specOf("first", unique("reject")), specOf("second", unique("reject"))],
  });
  const refused = results[1]!;
  assertFields(refused, { status: "refused", reason: "unique_key" });
  assert.match(
    refused.status === "refused" ? refused.message : "",
    /^unique key "report" belongs to another job of the same call; give each its own, or submit/,
  );
});

Deno.test("of two submissions that come together with one key, the refusal names the job that has it", () => {
  const scene = new Scene();
  const { results } = scene.apply({
    kind: "submit",
    jobs: [specOf("first", unique("reject")), specOf("second", unique("reject"))],
  });
  const [, refused] = results;
  assert.equal(results[0]?.status, "accepted");
  assert.match(
    refused?.status === "refused" ? refused.message : "",
    /^unique key "report" belongs to job first, which is not finished/,
  );
});

Deno.test("a batch that is refused as a whole replaces nothing", () => {
  const scene = new Scene();
  scene.submit("first", unique("reject"));
  scene.apply({
    kind: "submit",
    allOrNothing: true,
    jobs: [specOf("second", unique("replace")), specOf("first")],
  });
  assert.equal(scene.job("first").status, "pending");
});

Deno.test("the unique keys of two submitters do not meet, and the idempotency key comes first", () => {
  const scene = new Scene();
  const ann = { submittedBy: "ann", idempotencyKey: "k", payload: new Uint8Array([1]) };
  scene.submit("anns", unique("reject", ann));
  assert.equal(
    submit(scene, "bobs", unique("reject", { submittedBy: "bob" })).status,
    "accepted",
  );
  assert.deepEqual(submit(scene, "again", unique("replace", ann)), {
    status: "duplicate",
    jobId: "anns",
  });
});

Deno.test("a dead letter is not redriven while another job has its unique key", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("first", unique("reject"));
  scene.assign("first");
  scene.fail("first", { permanent: true });
  scene.submit("second", unique("reject"));
  const refused = scene.redrive("first");
  assertFields(refused, { status: "refused", reason: "unique_key" });
  scene.cancel("second");
  assert.equal(scene.redrive("first").status, "redriven");
});

Deno.test("a replacement needs no room beside the job that it replaces", () => {
  const scene = new Scene();
  scene.submit("first", unique("reject"));
  const replace = specOf("second", unique("replace"));
  const { results } = scene.apply({ kind: "submit", liveJobsMax: 1, jobs: [replace] });
  assert.equal(results[0]?.status, "accepted");
});
