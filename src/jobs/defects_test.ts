/**
 * What users of the original ran into with jobs, each as what must be true instead, at the level of the
 * replicated state. `tests/compatibility/original_defects_test.ts` says where all 36 defects are shown.
 */

import assert from "node:assert/strict";
import { MemoryJobStore } from "./memory_store.ts";
import { assertFields, Scene, specOf } from "./scene_test_support.ts";
import type { FinishedFilter, FinishedQuery } from "./store.ts";

Deno.test("A1: a cancelled job with retries left is cancelled, and stays so", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("job", { maxRetries: 3 });
  const token = scene.assign("job");
  scene.start("job");
  const outcome = scene.cancel("job");
  assert.deepEqual(outcome, {
    status: "cancelled",
    jobId: "job",
    from: "running",
    held: { workerId: "w1", token },
  });
  scene.fail("job", { token, workerId: "w1" });
  scene.sleep(3_600_000);
  assert.equal(scene.job("job").status, "cancelled");
  assert.match(scene.job("job").errorMessage, /cancelled by ann: not needed/);
  assert.equal(scene.machine.worker("w1")?.activeJobs, 0);
});

Deno.test("A1: a job that its worker has only queued is cancelled like a running one", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("job");
  const token = scene.assign("job");
  scene.cancel("job");
  const late = scene.start("job", { token, workerId: "w1" });
  assert.equal(late.status, "refused");
  assert.equal(scene.job("job").status, "cancelled");
});

Deno.test("A2: neither a cancel nor a late failure brings a completed job back", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("job");
  const token = scene.assign("job");
  scene.complete("job");
  for (const flush of [false, true]) {
    if (flush) scene.machine.flush();
    const cancel = scene.cancel("job");
    assertFields(cancel, { status: "refused", reason: "finished" });
    const late = scene.fail("job", { token, workerId: "w1" });
    assertFields(late, { status: "refused", reason: "finished" });
    assert.equal(scene.job("job").status, "completed");
  }
});

Deno.test("A3: an attempt over its time is found, counts as a failure, and is retried", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("job", { timeoutMs: 5000, maxRetries: 1, retryDelayMs: 0 });
  const limits = { assignmentTimeoutMs: 60_000, graceMs: 500, limit: 10 };
  const token = scene.assign("job");
  scene.start("job");
  assert.deepEqual(scene.machine.dueAttempts(scene.nowMs + 5499, limits), []);
  const due = scene.machine.dueAttempts(scene.nowMs + 5500, limits);
  assert.deepEqual(due, [{ jobId: "job", token, reason: "timeout" }]);

  scene.apply({ kind: "expire_attempts", attempts: due });
  assertFields(scene.job("job"), { status: "pending", failures: 1, errorKind: "timeout" });
  assert.equal(scene.complete("job", { token, workerId: "w1" }).status, "refused");

  scene.assign("job");
  scene.start("job");
  scene.expireAttempt("job", "timeout");
  assertFields(scene.job("job"), { status: "failed", deadLetter: true });
});

Deno.test("A4: an assignment that never reaches its worker does not stay assigned for ever", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("job");
  const token = scene.assign("job");
  const due = scene.machine.dueAttempts(scene.nowMs + 10_000, {
    assignmentTimeoutMs: 10_000,
    graceMs: 0,
    limit: 10,
  });
  assert.deepEqual(due, [{ jobId: "job", token, reason: "not_started" }]);
  scene.apply({ kind: "expire_attempts", attempts: due });
  assertFields(scene.job("job"), { status: "pending", failures: 0, crashCount: 0 });
});

Deno.test("A5: a worker that restarts under the same id does not keep what it lost", () => {
  const scene = new Scene();
  scene.register("w1");
  for (const id of ["a", "b"]) scene.submit(id);
  const token = scene.assign("a");
  scene.assign("b");
  const outcome = scene.register("w1", { sessionId: "after-restart" });
  assert.equal(outcome.status === "registered" && outcome.lost.length, 2);
  assert.equal(scene.job("a").status, "pending");
  assert.equal(scene.job("b").status, "pending");
  assert.equal(scene.complete("a", { token, workerId: "w1" }).status, "refused");
});

Deno.test("A6: a worker that leaves hands back what it holds, at no cost to the jobs", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("job", { maxRetries: 0 });
  scene.assign("job");
  scene.start("job");
  scene.apply({ kind: "deregister_worker", workerId: "w1", sessionId: "w1-session" });
  assertFields(scene.job("job"), { status: "pending", failures: 0, crashCount: 0 });
  assert.equal(scene.machine.worker("w1"), undefined);
  assert.deepEqual([...scene.machine.view().workers], []);
});

Deno.test("A7: assigning what is assigned or finished is refused in the outcome, and unknown jobs too", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.register("w2");
  scene.submit("held");
  scene.assign("held");
  scene.submit("done");
  scene.assign("done");
  scene.complete("done");
  const { results } = scene.apply({
    kind: "assign",
    assignments: ["held", "done", "nobody"].map((jobId) => ({
      jobId,
      workerId: "w2",
      sessionId: "w2-session",
    })),
  });
  assert.deepEqual(
    results.map((each) => each.status === "refused" ? each.reason : each.status),
    ["not_pending", "not_pending", "unknown_job"],
  );
});

Deno.test("A8: of two assignments of one job, in one command or in two, one is made", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.register("w2");
  scene.submit("job");
  const to = (workerId: string) => ({ jobId: "job", workerId, sessionId: `${workerId}-session` });
  const first = scene.apply({ kind: "assign", assignments: [to("w1"), to("w2")] });
  const second = scene.apply({ kind: "assign", assignments: [to("w2")] });
  assert.deepEqual(
    [...first.results, ...second.results].map(({ status }) => status),
    ["assigned", "refused", "refused"],
  );
  assert.equal(scene.machine.worker("w2")?.activeJobs, 0);
});

Deno.test("A9: a zombie's late result is refused, by worker, by token and by both", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.register("w2");
  scene.submit("job");
  const old = scene.assign("job", "w1");
  scene.start("job");
  scene.expireWorker("w1");
  const current = scene.assign("job", "w2");
  assert.ok(current > old);
  for (const [workerId, token] of [["w1", old], ["w1", current], ["w2", old], ["w1", 0]] as const) {
    for (const report of ["start", "complete", "fail", "release"] as const) {
      const outcome = scene[report]("job", { workerId, token });
      assertFields(outcome, { status: "refused", reason: "stale_token" });
    }
  }
  assert.equal(scene.job("job").status, "assigned");
  assert.equal(scene.complete("job", { workerId: "w2", token: current }).status, "accepted");
});

Deno.test("A10: a job that fails until its retries are used up is a dead letter, and can be redriven", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("job", { maxRetries: 1, retryDelayMs: 0 });
  for (let attempt = 0; attempt < 2; attempt++) {
    scene.assign("job");
    scene.fail("job");
  }
  assertFields(scene.job("job"), { status: "failed", deadLetter: true, attempt: 2 });
  assert.deepEqual(scene.machine.list({ deadLetter: true }).jobs.map(({ id }) => id), ["job"]);
  scene.machine.flush();
  scene.crash();

  assert.equal(scene.redrive("job").status, "redriven");
  assertFields(scene.job("job"), { status: "pending", deadLetter: false, failures: 0 });
  assert.equal(scene.machine.list({ deadLetter: true }).total, 0);
  scene.machine.flush();
  scene.crash();
  scene.assign("job");
  assert.deepEqual(scene.machine.payload("job"), new TextEncoder().encode("payload of job"));
  scene.complete("job");
  scene.machine.flush();
  assertFields(scene.job("job"), { status: "completed", deadLetter: false, attempt: 3 });
});

Deno.test("A10: a job that outlives three workers is a dead letter, whatever its retries", () => {
  const scene = new Scene();
  scene.submit("poison", { maxRetries: 100 });
  for (let crash = 1; crash <= 3; crash++) {
    scene.register("w1", { sessionId: `session ${crash}` });
    scene.assign("poison");
    scene.start("poison");
    scene.expireWorker("w1");
  }
  assertFields(scene.job("poison"), {
    status: "failed",
    deadLetter: true,
    errorKind: "worker_lost",
    failures: 0,
  });
});

Deno.test("A11: a failed attempt pauses before the next, longer each time", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("job", { maxRetries: 5, retryDelayMs: 1000 });
  const pauses: number[] = [];
  for (let attempt = 0; attempt < 4; attempt++) {
    scene.assign("job");
    scene.fail("job");
    assert.equal(scene.job("job").status, "waiting");
    const pauseMs = scene.job("job").notBeforeMs - scene.nowMs;
    pauses.push(pauseMs);
    scene.sleep(pauseMs - 1);
    assert.equal(scene.job("job").status, "waiting");
    scene.sleep(1);
    assert.equal(scene.job("job").status, "pending");
  }
  pauses.forEach((pauseMs, retry) => {
    assert.ok(pauseMs >= 1000 * 2 ** retry && pauseMs < 1250 * 2 ** retry, `${pauses}`);
  });
});

Deno.test("A12: a submission that is repeated under its key makes one job", () => {
  const scene = new Scene();
  const spec = { idempotencyKey: "order-1", payload: new Uint8Array([1]) };
  scene.submit("first", spec);
  const again = () =>
    scene.apply({
      kind: "submit",
      jobs: [specOf("second", spec)],
    }).results[0];
  assert.deepEqual(again(), { status: "duplicate", jobId: "first" });
  scene.machine.flush();
  assert.deepEqual(again(), { status: "duplicate", jobId: "first" });
  scene.crash();
  assert.deepEqual(again(), { status: "duplicate", jobId: "first" });
  assert.equal(scene.machine.counts().total, 1);
});

Deno.test("B19: replicas agree, and a replay changes nothing, because time comes with the command", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("job");
  scene.assign("job");
  scene.sleep(1500);
  scene.complete("job");
  const replica = new Scene();
  for (const { command, position } of scene.log) replica.machine.apply(command, position);
  assert.equal(replica.machine.stateHash(), scene.machine.stateHash());
  const completedAtMs = scene.job("job").completedAtMs;
  scene.crash();
  assert.equal(scene.job("job").completedAtMs, completedAtMs);
  assert.equal(completedAtMs, scene.nowMs);
});

Deno.test("B19: a leader whose clock is behind does not take time back", () => {
  const scene = new Scene();
  scene.submit("a");
  const before = scene.machine.nowMs;
  scene.nowMs -= 3_600_000;
  scene.submit("b");
  assert.equal(scene.job("b").createdAtMs, before);
});

Deno.test("C25: pages neither repeat nor miss a job while jobs come and go", () => {
  const scene = new Scene();
  scene.register("w1", { slots: 1000 });
  for (let number = 0; number < 50; number++) {
    scene.submit(`job-${number}`);
    if (number % 3 === 0) {
      scene.assign(`job-${number}`);
      scene.complete(`job-${number}`);
    }
    if (number === 25) scene.machine.flush();
  }
  const seen: string[] = [];
  let cursor = "";
  do {
    const page = scene.machine.list({ limit: 7, cursor });
    seen.push(...page.jobs.map(({ id }) => id));
    cursor = page.nextCursor;
    scene.submit(`later-${seen.length}`);
    scene.machine.flush();
  } while (cursor !== "");
  assert.deepEqual(seen, Array.from({ length: 50 }, (_, number) => `job-${49 - number}`));
});

Deno.test("C23: no step of a job looks at the jobs that have finished, however many there are", () => {
  const looks: string[] = [];
  class WatchedStore extends MemoryJobStore {
    override listFinished(query: FinishedQuery) {
      looks.push("listFinished");
      return super.listFinished(query);
    }
    override countFinished(filter: FinishedFilter, countMax: number) {
      looks.push("countFinished");
      return super.countFinished(filter, countMax);
    }
    override scanFinished() {
      looks.push("scanFinished");
      return super.scanFinished();
    }
    override finishedById(id: string) {
      looks.push(`finishedById ${id}`);
      return super.finishedById(id);
    }
  }
  const scene = new Scene({}, new WatchedStore());
  scene.register("w1", { slots: 10 });
  for (let number = 1000; number < 1100; number++) {
    const id = `job-${number}`;
    scene.submit(id);
    assert.ok([...scene.machine.view().shapes].length > 0);
    scene.assign(id);
    scene.start(id);
    if (number % 3 === 0) scene.fail(id, { permanent: true });
    else scene.complete(id);
    scene.machine.flush();
    assert.ok(scene.machine.counts().total > 0);
    scene.sleep(1000);
  }
  assert.deepEqual(looks, []);
});
