import assert from "node:assert/strict";
import { JOB_LIMITS } from "./job.ts";
import { assertFields, Scene } from "./scene_test_support.ts";

function running(scene: Scene, id = "job", spec = {}): number {
  if (scene.machine.worker("w1") === undefined) scene.register("w1", { slots: 100 });
  if (scene.machine.get(id) === undefined) scene.submit(id, { retryDelayMs: 0, ...spec });
  const token = scene.assign(id);
  scene.start(id);
  return token;
}

Deno.test("J-3: a result that is sent again gets the same answer and makes no second event", () => {
  for (const flush of [false, true]) {
    const scene = new Scene();
    const token = running(scene);
    scene.complete("job");
    if (flush) scene.machine.flush();
    scene.machine.drainEvents();
    const hash = scene.machine.stateHash();
    const again = scene.complete("job", { token, workerId: "w1", output: new Uint8Array([8, 8]) });
    assertFields(again, { status: "accepted", repeated: true, jobStatus: "completed" });
    assert.deepEqual(scene.machine.drainEvents(), []);
    assert.equal(scene.machine.stateHash(), hash);
    assert.deepEqual(scene.machine.result("job")?.output, new Uint8Array([1, 2, 3]));
  }
});

Deno.test("a failure that is sent again counts once, though the job was tried again meanwhile", () => {
  const scene = new Scene();
  const token = running(scene);
  scene.fail("job");
  running(scene);
  const again = scene.fail("job", { token, workerId: "w1" });
  assertFields(again, { status: "accepted", repeated: true });
  assertFields(scene.job("job"), { failures: 1, status: "running" });
});

Deno.test("J4: tokens grow with every assignment, and only the latest is taken", () => {
  const scene = new Scene();
  const tokens: number[] = [];
  for (let round = 0; round < 5; round++) {
    tokens.push(running(scene, "job", { maxRetries: 10 }));
    scene.expireAttempt("job", "timeout");
  }
  assert.deepEqual(tokens, tokens.toSorted((a, b) => a - b));
  running(scene);
  for (const token of tokens) {
    assertFields(scene.complete("job", { token, workerId: "w1" }), { reason: "stale_token" });
  }
  assert.equal(scene.complete("job").status, "accepted");
});

Deno.test("token 0 stands for the attempt that the worker holds, and for no other's", () => {
  const scene = new Scene();
  running(scene);
  assert.equal(scene.complete("job", { token: 0, workerId: "w2" }).status, "refused");
  assertFields(scene.complete("job", { token: 0, workerId: "w1" }), { status: "accepted" });
  assertFields(scene.complete("job", { token: 0, workerId: "w1" }), { repeated: true });
});

Deno.test("J5: retries are counted after the first attempt, for failures and timeouts together", () => {
  const scene = new Scene();
  for (const end of ["fail", "timeout", "fail"]) {
    running(scene, "job", { maxRetries: 2 });
    if (end === "fail") scene.fail("job");
    else scene.expireAttempt("job", "timeout");
  }
  assertFields(scene.job("job"), { status: "failed", attempt: 3, failures: 3, deadLetter: true });
});

Deno.test("a job without retries has one attempt", () => {
  const scene = new Scene();
  running(scene, "job", { maxRetries: 0 });
  scene.fail("job");
  assertFields(scene.job("job"), { status: "failed", attempt: 1, deadLetter: true });
});

Deno.test("a permanent error ends the job at once, whatever retries are left", () => {
  const scene = new Scene();
  running(scene, "job", { maxRetries: 5 });
  scene.fail("job", { permanent: true, error: "no such file" });
  assertFields(scene.job("job"), {
    status: "failed",
    deadLetter: true,
    errorKind: "permanent",
    errorMessage: "no such file",
  });
});

Deno.test("attempts handed back, and lost workers, leave the retries alone", () => {
  const scene = new Scene();
  running(scene, "job", { maxRetries: 0 });
  scene.release("job");
  running(scene);
  scene.expireWorker("w1");
  scene.register("w1", { sessionId: "new" });
  running(scene);
  assertFields(scene.job("job"), { failures: 0, crashCount: 1, attempt: 3 });
  assert.equal(scene.complete("job").status, "accepted");
});

Deno.test("a job that every worker refuses pauses instead of spinning", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("job");
  for (let round = 0; round < 3; round++) {
    scene.assign("job");
    scene.release("job");
    assert.equal(scene.job("job").status, "pending");
  }
  scene.assign("job");
  scene.release("job");
  assertFields(scene.job("job"), { status: "waiting", notBeforeMs: scene.nowMs + 1000 });
  scene.sleep(1000);
  scene.assign("job");
  scene.start("job");
  scene.release("job");
  assert.equal(scene.job("job").status, "pending");
});

Deno.test("the history has every attempt with its times, worker and end; the running one is last", () => {
  const scene = new Scene();
  const first = running(scene);
  scene.sleep(100);
  scene.fail("job", { error: "once" });
  const second = running(scene);
  assert.deepEqual(scene.machine.attempts("job"), [
    {
      attempt: 1,
      token: first,
      workerId: "w1",
      assignedAtMs: scene.nowMs - 100,
      startedAtMs: scene.nowMs - 100,
      endedAtMs: scene.nowMs,
      outcome: "failed",
      error: "once",
    },
    {
      attempt: 2,
      token: second,
      workerId: "w1",
      assignedAtMs: scene.nowMs,
      startedAtMs: scene.nowMs,
      endedAtMs: 0,
      outcome: "",
      error: "",
    },
  ]);
});

Deno.test("of very many attempts the latest are remembered", () => {
  const scene = new Scene();
  for (let round = 0; round < 30; round++) {
    running(scene, "job", { maxRetries: 100 });
    scene.fail("job");
  }
  const attempts = scene.machine.attempts("job").map(({ attempt }) => attempt);
  assert.equal(attempts.length, JOB_LIMITS.attemptsKeptMax);
  assert.equal(attempts.at(-1), 30);
});

Deno.test("a worker's clock moves nothing out of the attempt's own time", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("early");
  scene.assign("early");
  scene.sleep(1000);
  const [assignedAtMs, nowMs] = [scene.job("early").assignedAtMs, scene.nowMs];
  const report = { token: 0, workerId: "w1", durationMs: 5 };
  scene.report({ kind: "started", jobId: "early", ...report, startedAtMs: 1 });
  assert.equal(scene.job("early").startedAtMs, assignedAtMs);
  scene.submit("late");
  scene.assign("late");
  scene.complete("late", { startedAtMs: nowMs + 1e9 });
  assert.equal(scene.job("late").startedAtMs, nowMs);
});

Deno.test("the deadline is counted from the start, by the leader's clock", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("job", { timeoutMs: 5000 });
  scene.assign("job");
  scene.sleep(60_000);
  scene.start("job");
  assert.equal(scene.job("job").deadlineMs, scene.nowMs + 5000);
  const limits = { assignmentTimeoutMs: 1000, graceMs: 200, limit: 10 };
  assert.equal(scene.machine.nextDueAttemptMs(limits), scene.nowMs + 5200);
});

Deno.test("a job without a time limit is never due", () => {
  const scene = new Scene();
  running(scene, "job", { timeoutMs: 0 });
  const limits = { assignmentTimeoutMs: 1000, graceMs: 0, limit: 10 };
  assert.deepEqual(scene.machine.dueAttempts(Number.MAX_SAFE_INTEGER, limits), []);
  assert.equal(scene.machine.nextDueAttemptMs(limits), undefined);
});

Deno.test("J10: of cancel and complete, whichever comes first in the log wins whole", () => {
  const cancelFirst = new Scene();
  const token = running(cancelFirst);
  cancelFirst.cancel("job");
  assertFields(cancelFirst.complete("job", { token, workerId: "w1" }), { reason: "finished" });
  assert.equal(cancelFirst.machine.result("job"), undefined);

  const completeFirst = new Scene();
  running(completeFirst);
  completeFirst.complete("job");
  assertFields(completeFirst.cancel("job"), { reason: "finished", jobStatus: "completed" });
  assert.equal(completeFirst.machine.result("job")?.output.length, 3);
});

Deno.test("a failed attempt leaves its output only when it was the last one", () => {
  const scene = new Scene();
  running(scene, "job", { maxRetries: 1 });
  scene.fail("job", { output: new Uint8Array([1]), contentType: "a", logTail: ["first"] });
  assert.equal(scene.machine.result("job"), undefined);
  assert.deepEqual(scene.machine.logTail("job"), ["first"]);
  scene.machine.flush();
  assert.deepEqual(scene.machine.logTail("job"), ["first"]);
  running(scene);
  scene.fail("job", { output: new Uint8Array([1, 2]), contentType: "b", logTail: ["second"] });
  for (const flush of [false, true]) {
    if (flush) scene.machine.flush();
    const expected = { output: new Uint8Array([1, 2]), contentType: "b" };
    assert.deepEqual(scene.machine.result("job"), expected);
    assert.deepEqual(scene.machine.logTail("job"), ["second"]);
  }
});

Deno.test("an attempt that logged nothing does not show the log of the one before", () => {
  const scene = new Scene();
  running(scene);
  scene.fail("job", { logTail: ["old"] });
  scene.machine.flush();
  running(scene);
  scene.complete("job", { output: new Uint8Array(0), logTail: [] });
  scene.machine.flush();
  assert.deepEqual(scene.machine.logTail("job"), []);
  assert.deepEqual(scene.machine.result("job")?.output, new Uint8Array(0));
});

Deno.test("the log of a redriven job's new attempt stays through later flushes", () => {
  const scene = new Scene();
  running(scene, "job", { maxRetries: 1 });
  scene.fail("job", { permanent: true, logTail: ["old"] });
  scene.machine.flush();
  scene.redrive("job");
  assert.deepEqual(scene.machine.logTail("job"), []);
  scene.machine.flush();
  assert.deepEqual(scene.machine.logTail("job"), []);
  running(scene);
  scene.fail("job", { logTail: ["new"] });
  scene.machine.flush();
  running(scene);
  scene.machine.flush();
  assert.deepEqual(scene.machine.logTail("job"), ["new"]);
});

Deno.test("messages and logs that are too long are cut, logs at their beginning", () => {
  const scene = new Scene();
  running(scene, "job", { maxRetries: 5 });
  const logTail = Array.from({ length: 1_500 }, (_, number) => `line ${number}`);
  scene.fail("job", { error: "x".repeat(10_000), logTail, logLinesCut: 0 });
  assert.equal(scene.job("job").errorMessage.length, JOB_LIMITS.messageCharactersMax);
  // One more line says how many were cut.
  assert.equal(scene.machine.logTail("job").length, JOB_LIMITS.logTailLinesMax + 1);
  assert.equal(scene.machine.logTail("job").at(-1), "line 1499");
  running(scene);
  const long = ["y".repeat(JOB_LIMITS.logTailCharactersMax), "kept"];
  scene.fail("job", { logTail: long, logLinesCut: 0 });
  assert.deepEqual(scene.machine.logTail("job"), ["[1 earlier lines were cut]", "kept"]);
});
