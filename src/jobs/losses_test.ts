import assert from "node:assert/strict";
import { LOSSES_FOR_A_CRASH } from "./losses.ts";
import { assertFields, Scene, workerOf } from "./scene_test_support.ts";

const CRASH_LIMIT = 3;

/** Workers that come and go, under a leader that tells crashes from silence. */
class Workers extends Scene {
  #processes = 0;

  /** The same process comes back; `running` is what it lists. */
  back(id: string, running: { jobId: string; token: number }[] = []) {
    const sessionId = this.machine.worker(id)?.sessionId ?? `${id}-session`;
    return this.#arrive(id, sessionId, running);
  }

  /** Another process of the same name. */
  restart(id: string, running: { jobId: string; token: number }[] = []) {
    return this.#arrive(id, `${id}-process-${++this.#processes}`, running);
  }

  #arrive(id: string, sessionId: string, runningAttempts: { jobId: string; token: number }[]) {
    const outcome = this.apply({
      kind: "register_worker",
      worker: workerOf(id, { sessionId }),
      runningAttempts,
      crashLimit: CRASH_LIMIT,
    });
    assert.equal(outcome.status, "registered");
    return outcome;
  }

  silence(id: string) {
    const sessionId = this.machine.worker(id)!.sessionId;
    const session = { workerId: id, sessionId, reason: "no heartbeat", crashLimit: CRASH_LIMIT };
    return this.apply({ kind: "expire_worker", ...session });
  }

  run(jobId: string, workerId: string): number {
    const token = this.assign(jobId, workerId);
    this.start(jobId);
    return token;
  }
}

Deno.test("a job that is cut off with ten workers, each of which comes back, is never given up", () => {
  const scene = new Workers();
  scene.submit("job", { maxRetries: 0 });
  for (let round = 0; round < 10; round++) {
    const id = `w${round}`;
    scene.back(id);
    const token = scene.run("job", id);
    scene.silence(id);
    assertFields(scene.job("job"), { status: "pending", suspicions: 1, crashCount: 0 });
    assertFields(scene.back(id), { forgiven: [{ jobId: "job", token }], confirmed: [] });
    assertFields(scene.job("job"), {
      status: "pending",
      suspicions: 0,
      crashCount: 0,
      failures: 0,
    });
    assert.match(scene.machine.attempts("job").at(-1)!.error, /it came back/);
  }
});

Deno.test("J5: a job that kills its workers is a dead letter with the last that its limit allows", () => {
  const scene = new Workers();
  scene.submit("job");
  for (let round = 1; round <= CRASH_LIMIT; round++) {
    scene.restart("w1");
    scene.run("job", "w1");
    if (round < CRASH_LIMIT) continue;
    const { lost } = scene.restart("w1");
    assertFields(lost[0]!, { jobStatus: "failed" });
  }
  assertFields(scene.job("job"), {
    status: "failed",
    deadLetter: true,
    crashCount: CRASH_LIMIT,
    failures: 0,
    errorKind: "worker_lost",
    errorMessage:
      "3 attempts were lost with workers that died, the last one because worker w1 was " +
      "lost: it restarted",
  });
});

Deno.test("a crash that shows only after the lease is over counts then, and may end a waiting job", () => {
  const scene = new Workers();
  scene.submit("job");
  for (const id of ["w1", "w2", "w3"]) {
    scene.restart(id);
    scene.run("job", id);
    scene.silence(id);
  }
  assertFields(scene.job("job"), { status: "pending", suspicions: 3, crashCount: 0 });
  assert.equal(scene.restart("w1").confirmed.length, 1);
  assert.equal(scene.restart("w2").confirmed.length, 1);
  assertFields(scene.job("job"), { status: "pending", suspicions: 1, crashCount: 2 });
  scene.restart("w3");
  assertFields(scene.job("job"), { status: "failed", deadLetter: true, crashCount: 3 });
});

Deno.test("what another worker is running is not taken from it by the crash of one before", () => {
  const scene = new Workers();
  scene.submit("job");
  for (const id of ["w1", "w2", "w3"]) {
    scene.restart(id);
    scene.run("job", id);
    scene.silence(id);
  }
  scene.restart("w4");
  scene.run("job", "w4");
  for (const id of ["w1", "w2", "w3"]) scene.restart(id);
  assertFields(scene.job("job"), { status: "running", assignedTo: "w4", crashCount: 3 });
  assert.equal(scene.complete("job").status, "accepted");
  assert.equal(scene.job("job").status, "completed");
});

Deno.test("workers that nobody hears of again count too, a few for each crash", () => {
  const scene = new Workers();
  scene.submit("job");
  const losses = CRASH_LIMIT * LOSSES_FOR_A_CRASH;
  for (let round = 1; round <= losses; round++) {
    assert.equal(scene.job("job").status, "pending");
    scene.restart(`w${round}`);
    scene.run("job", `w${round}`);
    scene.silence(`w${round}`);
  }
  assertFields(scene.job("job"), { status: "failed", suspicions: losses });
  assert.match(scene.job("job").errorMessage, /^9 attempts were lost with their workers/);
});

Deno.test("a new process that knows of the attempt shows that it had not died of it", () => {
  const scene = new Workers();
  scene.submit("job");
  scene.restart("w1");
  const token = scene.run("job", "w1");
  scene.silence("w1");
  assertFields(scene.restart("w1", [{ jobId: "job", token }]), {
    forgiven: [{ jobId: "job", token }],
    foreign: [{ jobId: "job", token }],
  });
  assertFields(scene.job("job"), { suspicions: 0, crashCount: 0 });
});

Deno.test("a worker that is restarted while it drains, by whomever, costs its jobs nothing", () => {
  for (const by of ["operator", "worker"] as const) {
    for (const end of ["restart", "silence"] as const) {
      const scene = new Workers();
      scene.submit("job");
      scene.restart("w1");
      scene.run("job", "w1");
      scene.apply({ kind: "drain_worker", workerId: "w1", draining: true, by });
      scene[end]("w1");
      assertFields(scene.job("job"), { status: "pending", suspicions: 0, crashCount: 0 });
      assertFields(scene.machine.attempts("job").at(-1)!, { outcome: "released" });
    }
  }
});

Deno.test("a loss that was judged is judged once, through flushes and a crash of the master", () => {
  const scene = new Workers();
  scene.submit("job");
  scene.restart("w1");
  scene.run("job", "w1");
  scene.silence("w1");
  scene.machine.flush();
  scene.crash();
  assert.equal(scene.back("w1").forgiven.length, 1);
  assert.equal(scene.back("w1").forgiven.length, 0);
  scene.restart("w1");
  assertFields(scene.job("job"), { suspicions: 0, crashCount: 0 });
});

Deno.test("entries of leaders that do not tell crashes from silence mean what they meant", () => {
  const scene = new Scene();
  scene.submit("job");
  for (let round = 0; round < 3; round++) {
    scene.register("w1");
    scene.assign("job");
    scene.expireWorker("w1");
  }
  assertFields(scene.job("job"), { status: "failed", crashCount: 3, suspicions: 0 });
  assert.match(scene.job("job").errorMessage, /^3 attempts were lost with their workers/);
});

Deno.test("by what the clock was put forward since a drain was ordered, its grace is longer", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("job");
  scene.assign("job");
  const handBackAtMs = scene.nowMs + 2000;
  scene.apply({ kind: "drain_worker", workerId: "w1", draining: true, handBackAtMs });
  const orderedAtMs = scene.nowMs;
  const limits = {
    assignmentTimeoutMs: 600_000,
    graceMs: 0,
    limit: 10,
    skippedSince: (sinceMs: number) => sinceMs <= orderedAtMs ? 60_000 : 0,
  };
  const orderedSince = () => orderedAtMs;
  const dueAt = (nowMs: number) =>
    scene.machine.dueAttempts(nowMs, { ...limits, orderedSince }).length;
  assert.deepEqual([dueAt(handBackAtMs + 59_999), dueAt(handBackAtMs + 60_000)], [0, 1]);
  const unknown = scene.machine.dueAttempts(handBackAtMs, limits);
  assert.equal(unknown.length, 1, "of an order that nobody saw come nothing is known");
});

Deno.test("what a drained worker holds is handed back when its time is over, and costs nothing", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("job");
  const token = scene.assign("job");
  scene.start("job");
  const limits = { assignmentTimeoutMs: 5000, graceMs: 1000, limit: 10 };
  const handBackAtMs = scene.nowMs + 2000;
  scene.apply({ kind: "drain_worker", workerId: "w1", draining: true, handBackAtMs });
  assertFields(scene.machine.worker("w1")!, { status: "draining", handBackAtMs });
  assert.deepEqual(scene.machine.dueAttempts(scene.nowMs, limits), []);
  assert.equal(scene.machine.nextDueAttemptMs(limits), handBackAtMs);
  scene.sleep(2000);
  const attempts = scene.machine.dueAttempts(scene.nowMs, limits);
  assert.deepEqual(attempts, [{ jobId: "job", token, reason: "drained" }]);
  scene.apply({ kind: "expire_attempts", attempts });
  assertFields(scene.job("job"), { status: "pending", failures: 0, crashCount: 0 });
  scene.apply({ kind: "drain_worker", workerId: "w1", draining: false });
  assertFields(scene.machine.worker("w1")!, { status: "active", handBackAtMs: undefined });
});

Deno.test("a drain without an end takes the end of an earlier one away, and a worker's own has none", () => {
  const scene = new Scene();
  scene.register("w1");
  const drain = { kind: "drain_worker", workerId: "w1", draining: true } as const;
  scene.apply({ ...drain, by: "worker", handBackAtMs: 5 });
  assert.equal(scene.machine.worker("w1")?.handBackAtMs, undefined);
  scene.apply({ ...drain, handBackAtMs: scene.nowMs + 5 });
  assert.equal(scene.machine.worker("w1")?.handBackAtMs, scene.nowMs + 5);
  scene.apply({ ...drain, by: "worker" });
  scene.register("w1", { sessionId: "new" });
  assert.equal(scene.machine.worker("w1")?.handBackAtMs, scene.nowMs + 5);
  scene.apply(drain);
  assert.equal(scene.machine.worker("w1")?.handBackAtMs, undefined);
});

Deno.test("a worker is given no more jobs of a type than it takes, and the state refuses more", () => {
  const scene = new Scene();
  scene.register("w1", { slots: 5, typeSlots: { resize: 1 } });
  for (const id of ["a", "b"]) scene.submit(id);
  scene.submit("c", { type: "crawl" });
  const to = (jobId: string) => ({ jobId, workerId: "w1", sessionId: "w1-session" });
  const { results } = scene.apply({ kind: "assign", assignments: [to("a"), to("b"), to("c")] });
  assert.deepEqual(
    results.map((each) => each.status === "refused" ? each.reason : each.status),
    ["assigned", "worker_type_full", "assigned"],
  );
  // One that comes back with less keeps what it has, and the count holds through a restart.
  scene.machine.flush();
  scene.crash();
  const again = scene.apply({ kind: "assign", assignments: [to("b")] }).results[0]!;
  assertFields(again, { reason: "worker_type_full" });
  scene.complete("a");
  assert.ok(scene.assign("b") > 0);
});

Deno.test("a worker that takes no whole number of a type from 1 on is refused", () => {
  const scene = new Scene();
  for (const slots of [0, -1, 1.5, NaN]) {
    const worker = workerOf("w1", { typeSlots: { resize: slots } });
    const outcome = scene.apply({ kind: "register_worker", worker });
    assertFields(outcome, { status: "refused", reason: "invalid_worker" });
  }
});
