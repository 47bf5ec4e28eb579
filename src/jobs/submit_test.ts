import assert from "node:assert/strict";
import { assertFields, Scene, specOf } from "./scene_test_support.ts";

const keyed = { idempotencyKey: "order-1", submittedBy: "ann" };

function submitAll(scene: Scene, ...specs: ReturnType<typeof specOf>[]) {
  return scene.apply({ kind: "submit", jobs: specs }).results;
}

Deno.test("one key with another payload or type is refused and names the job that has it", () => {
  const scene = new Scene();
  scene.submit("first", keyed);
  for (const change of [{ payload: new Uint8Array([9]) }, { type: "crawl" }]) {
    const same = { ...specOf("first"), ...keyed };
    const [outcome] = submitAll(scene, { ...same, id: "second", ...change });
    assert.equal(outcome?.status === "refused" && outcome.reason, "already_exists");
    assert.match(outcome?.status === "refused" ? outcome.message : "", /"order-1".*job first/);
  }
});

Deno.test("the leader's own digest decides what is the same, when it gives one", () => {
  const scene = new Scene();
  scene.submit("first", { ...keyed, fingerprint: "digest" });
  const [same, other] = submitAll(
    scene,
    specOf("second", { ...keyed, fingerprint: "digest" }),
    specOf("third", { ...keyed, fingerprint: "another" }),
  );
  assert.deepEqual(same, { status: "duplicate", jobId: "first" });
  assert.equal(other?.status, "refused");
});

Deno.test("one key of two submitters is two keys", () => {
  const scene = new Scene();
  scene.submit("anns", keyed);
  scene.submit("bobs", { ...keyed, submittedBy: "bob" });
  assert.equal(scene.machine.counts().total, 2);
});

Deno.test("a key holds until its retention is over, and is free again then", () => {
  const scene = new Scene({ keyRetentionMs: 60_000 });
  const payload = new Uint8Array([1]);
  scene.submit("first", { ...keyed, payload });
  scene.machine.flush();
  scene.sleep(59_999);
  const [before] = submitAll(scene, specOf("second", { ...keyed, payload }));
  assert.deepEqual(before, { status: "duplicate", jobId: "first" });
  scene.sleep(1);
  scene.submit("third", { ...keyed, payload });
  scene.machine.flush();
  const [after] = submitAll(scene, specOf("fourth", { ...keyed, payload }));
  assert.deepEqual(after, { status: "duplicate", jobId: "third" });
});

Deno.test("a key holds for as long as the Command said that brought it, whatever later ones say", () => {
  for (const flush of [false, true]) {
    const scene = new Scene({ keyRetentionMs: 60_000 });
    const payload = new Uint8Array([1]);
    const submit = (key: string, keyRetentionMs?: number) => {
      const jobs = [specOf(`${scene.log.length}`, { idempotencyKey: key, payload })];
      const { results: [outcome] } = scene.apply({
        kind: "submit",
        jobs,
        ...(keyRetentionMs !== undefined && { keyRetentionMs }),
      });
      if (flush) scene.machine.flush();
      return outcome?.status;
    };
    for (const [key, retentionMs] of [["long", 90_000], ["short", 30_000], ["plain"]] as const) {
      submit(key, retentionMs);
    }
    scene.sleep(30_000);
    assert.deepEqual(["long", "short", "plain"].map((key) => submit(key, 1)), [
      ...["duplicate", "accepted", "duplicate"],
    ]);
    scene.sleep(30_000);
    assert.deepEqual(["long", "plain"].map((key) => submit(key)), ["duplicate", "accepted"]);
    scene.sleep(30_000);
    assert.equal(submit("long"), "accepted");
  }
});

Deno.test("beyond the number of keys remembered the oldest give way, flushed or not", () => {
  for (const flush of [false, true]) {
    const scene = new Scene({ keysMax: 3 });
    const payload = new Uint8Array([1]);
    const submit = (number: number) => {
      const spec = { idempotencyKey: `key-${number}`, payload };
      const [outcome] = submitAll(scene, specOf(`${scene.log.length}`, spec));
      if (flush) scene.machine.flush();
      return outcome?.status;
    };
    for (let number = 1; number <= 4; number++) submit(number);
    assert.equal(submit(2), "duplicate");
    assert.equal(submit(1), "accepted");
    assert.equal(submit(2), "accepted");
    assert.equal(submit(4), "duplicate");
  }
});

Deno.test("a duplicate of a job that was pruned is still no new job", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("first", { ...keyed, payload: new Uint8Array([1]) });
  scene.assign("first");
  scene.complete("first");
  scene.apply({ kind: "prune", jobSeqs: [1] });
  const [outcome] = submitAll(scene, specOf("second", { ...keyed, payload: new Uint8Array([1]) }));
  assert.deepEqual(outcome, { status: "duplicate", jobId: "first" });
});

Deno.test("an entry that is applied twice makes no second job, even when the first is finished", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("b");
  scene.submit("a");
  scene.assign("a");
  scene.complete("a");
  scene.machine.flush();
  const [outcome] = submitAll(scene, specOf("a"));
  assert.equal(outcome?.status === "refused" && outcome.reason, "id_taken");
  assert.equal(scene.job("a").status, "completed");
});

Deno.test("an all-or-nothing batch leaves nothing when one of it is refused", () => {
  const scene = new Scene();
  scene.submit("taken");
  const { results } = scene.apply({
    kind: "submit",
    allOrNothing: true,
    jobs: [specOf("x", { idempotencyKey: "k" }), specOf("taken"), specOf("y")],
  });
  assert.deepEqual(
    results.map((each) => each.status === "refused" ? each.reason : each.status),
    ["batch_refused", "id_taken", "batch_refused"],
  );
  assert.equal(scene.machine.counts().total, 1);
  assert.equal(submitAll(scene, specOf("z", { idempotencyKey: "k" }))[0]?.status, "accepted");
});

Deno.test("no more jobs are unfinished than the command allows", () => {
  const scene = new Scene();
  const { results } = scene.apply({
    kind: "submit",
    liveJobsMax: 2,
    jobs: [specOf("a"), specOf("b"), specOf("c")],
  });
  assert.deepEqual(results.map(({ status }) => status), ["accepted", "accepted", "refused"]);
  assertFields(results[2]!, { reason: "queue_full" });
  scene.cancel("a");
  const again = scene.apply({ kind: "submit", liveJobsMax: 2, jobs: [specOf("c")] });
  assert.equal(again.results[0]?.status, "accepted");
});

Deno.test("no submitter has more unfinished jobs than the command allows, whatever others have", () => {
  const scene = new Scene();
  const submit = (...ids: string[]) =>
    scene.apply({
      kind: "submit",
      clientJobsMax: 2,
      jobs: ids.map((id) => specOf(id, { submittedBy: id.slice(0, 3) })),
    }).results.map((each) => each.status === "refused" ? each.reason : each.status);
  assert.deepEqual(submit("ann1", "bob1", "ann2", "ann3"), [
    ...["accepted", "accepted", "accepted", "client_full"],
  ]);
  scene.machine.flush();
  scene.crash();
  assert.deepEqual(submit("ann3", "bob2"), ["client_full", "accepted"]);
  scene.cancel("ann1");
  assert.deepEqual(submit("ann3"), ["accepted"]);
});

Deno.test("a delayed job waits for its time and is pending then, behind those that were before it", () => {
  const scene = new Scene();
  scene.submit("later", { notBeforeMs: scene.nowMs + 2000 });
  scene.submit("now");
  assert.equal(scene.machine.nextDueMs, scene.nowMs + 2000);
  scene.sleep(1999);
  assert.equal(scene.job("later").status, "waiting");
  scene.sleep(1);
  assert.equal(scene.job("later").status, "pending");
  assert.equal(scene.machine.nextDueMs, undefined);
  assert.deepEqual(scene.pendingIds(), ["now", "later"]);
});
