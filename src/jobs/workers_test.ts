import assert from "node:assert/strict";
import { assertFields, Scene } from "./scene_test_support.ts";

/** Worker w1 holds jobs a and b, a started. */
function busy(): { scene: Scene; tokens: Record<string, number> } {
  const scene = new Scene();
  scene.register("w1");
  const tokens: Record<string, number> = {};
  for (const id of ["a", "b"]) {
    scene.submit(id);
    tokens[id] = scene.assign(id);
  }
  scene.start("a");
  return { scene, tokens };
}

Deno.test("a worker that reconnects keeps what it lists, and what never reached it goes back", () => {
  const { scene, tokens } = busy();
  const outcome = scene.register("w1", {}, [{ jobId: "a", token: tokens.a! }]);
  assertFields(outcome, {
    replacedSessionId: "",
    kept: [{ jobId: "a", token: tokens.a }],
    lost: [{ jobId: "b", token: tokens.b, workerId: "w1", jobStatus: "pending" }],
    foreign: [],
  });
  assertFields(scene.job("b"), { crashCount: 0, failures: 0 });
  assert.equal(scene.complete("a").status, "accepted");
});

Deno.test("a reconnect without a list changes nothing about what the worker holds", () => {
  const { scene } = busy();
  assertFields(scene.register("w1", { slots: 3 }), { kept: [], lost: [], foreign: [] });
  assertFields(scene.machine.worker("w1")!, { activeJobs: 2, slots: 3 });
});

Deno.test("a new session may go on with an attempt of the old one by naming it", () => {
  const { scene, tokens } = busy();
  const running = [{ jobId: "a", token: tokens.a! }];
  const outcome = scene.register("w1", { sessionId: "new" }, running);
  assertFields(outcome, { replacedSessionId: "w1-session", kept: running });
  assertFields(scene.job("a"), { status: "running", token: tokens.a });
  assertFields(scene.job("b"), { status: "pending", crashCount: 1 });
});

Deno.test("what a worker lists and does not own it is told to stop", () => {
  const { scene, tokens } = busy();
  scene.expireWorker("w1");
  scene.register("w2");
  const current = scene.assign("a", "w2");
  const listed = [
    { jobId: "a", token: tokens.a! },
    { jobId: "a", token: current },
    { jobId: "unheard-of", token: 1 },
  ];
  assertFields(scene.register("w1", {}, listed), { kept: [], lost: [], foreign: listed });
  assertFields(scene.job("a"), { status: "assigned", assignedTo: "w2" });
});

Deno.test("an old token of a job that the worker holds again is not its own", () => {
  const { scene, tokens } = busy();
  scene.expireAttempt("a", "timeout");
  scene.sleep(2000);
  const current = scene.assign("a");
  const outcome = scene.register("w1", {}, [{ jobId: "a", token: tokens.a! }]);
  assertFields(outcome, { kept: [], foreign: [{ jobId: "a", token: tokens.a }] });
  assert.ok(current > tokens.a!);
  assert.equal(scene.job("a").status, "pending");
});

Deno.test("a session that was replaced can neither expire nor leave", () => {
  const { scene } = busy();
  scene.register("w1", { sessionId: "new" });
  scene.assign("a");
  const session = { workerId: "w1", sessionId: "w1-session" };
  const expired = scene.apply({ kind: "expire_worker", ...session, reason: "silent" });
  const left = scene.apply({ kind: "deregister_worker", ...session });
  for (const outcome of [expired, left]) assertFields(outcome, { reason: "stale_session" });
  assert.equal(scene.job("a").status, "assigned");
});

Deno.test("S20: what a leader decided in its term has no say in a later one", () => {
  const { scene, tokens } = busy();
  scene.term = 5;
  const worker = { workerId: "w1", sessionId: "w1-session", reason: "silent" };
  const expired = scene.apply({ kind: "expire_worker", ...worker, leaderTerm: 4 });
  assertFields(expired, { status: "refused", reason: "stale_term" });
  const attempts = [{ jobId: "a", token: tokens.a!, reason: "timeout" as const }];
  const { results } = scene.apply({ kind: "expire_attempts", attempts, leaderTerm: 4 });
  assertFields(results[0]!, { status: "refused", reason: "stale_term" });
  assert.equal(scene.machine.worker("w1")?.activeJobs, 2);
  const again = scene.apply({ kind: "expire_attempts", attempts, leaderTerm: 5 });
  assert.equal(again.results[0]?.status, "ended");
});

Deno.test("a lost worker stays listed as disconnected, and comes back by registering", () => {
  const { scene } = busy();
  scene.expireWorker("w1");
  assertFields(scene.machine.worker("w1")!, { status: "disconnected", activeJobs: 0 });
  assert.deepEqual([...scene.machine.view().workers], []);
  scene.register("w1", { sessionId: "new" });
  assertFields(scene.machine.worker("w1")!, { status: "active", disconnectedAtMs: 0 });
});

Deno.test("an operator's drain outlives the session, a worker's own does not", () => {
  const scene = new Scene();
  for (const by of ["operator", "worker"] as const) {
    scene.register(by, {});
    scene.apply({ kind: "drain_worker", workerId: by, draining: true, by });
    scene.register(by, {}, []);
    assert.equal(scene.machine.worker(by)?.status, "draining");
    scene.apply({ kind: "deregister_worker", workerId: by, sessionId: `${by}-session` });
    scene.register(by, { sessionId: "new" });
  }
  assert.equal(scene.machine.worker("operator")?.status, "draining");
  assert.equal(scene.machine.worker("worker")?.status, "active");
  scene.apply({ kind: "drain_worker", workerId: "operator", draining: false, by: "worker" });
  assert.equal(scene.machine.worker("operator")?.status, "draining");
  scene.apply({ kind: "drain_worker", workerId: "operator", draining: false });
  assert.equal(scene.machine.worker("operator")?.status, "active");
});

Deno.test("J-11: who does not offer the type, or has not the tags, is given nothing", () => {
  const scene = new Scene();
  scene.register("types", { jobTypes: ["crawl"] });
  scene.register("tags", { tags: { gpu: "no" } });
  scene.register("both", { jobTypes: ["resize"], tags: { gpu: "yes", zone: "a" } });
  scene.submit("job", { requiredTags: { gpu: "yes" } });
  const to = (workerId: string) => ({ jobId: "job", workerId, sessionId: `${workerId}-session` });
  const { results } = scene.apply({
    kind: "assign",
    assignments: [to("types"), to("tags"), to("both")],
  });
  assert.deepEqual(
    results.map((each) => each.status === "refused" ? each.reason : each.status),
    ["not_eligible", "not_eligible", "assigned"],
  );
});

Deno.test("of too many workers the one gone longest is forgotten, and connected ones never", () => {
  const scene = new Scene({ workersMax: 3 });
  for (const id of ["w1", "w2", "w3"]) scene.register(id);
  for (const id of ["w2", "w1"]) {
    scene.sleep(1000);
    scene.expireWorker(id);
  }
  scene.register("w4");
  assert.deepEqual(scene.machine.workers().map(({ id }) => id), ["w1", "w3", "w4"]);
  scene.register("w5");
  const outcome = scene.apply({
    kind: "register_worker",
    worker: {
      id: "w6",
      sessionId: "s",
      address: "",
      slots: 1,
      jobTypes: null,
      tags: {},
      version: "",
    },
  });
  assertFields(outcome, { status: "refused", reason: "too_many_workers" });
  scene.machine.flush();
  scene.crash();
  assert.deepEqual(scene.machine.workers().map(({ id }) => id), ["w3", "w4", "w5"]);
});

Deno.test("a worker without an id or with an impossible number of slots is refused", () => {
  const scene = new Scene();
  for (const spec of [{ id: "" }, { slots: -1 }, { slots: 1.5 }, { slots: NaN }]) {
    const worker = {
      id: "w",
      sessionId: "s",
      address: "",
      slots: 1,
      jobTypes: null,
      tags: {},
      version: "",
    };
    const outcome = scene.apply({ kind: "register_worker", worker: { ...worker, ...spec } });
    assertFields(outcome, { status: "refused", reason: "invalid_worker" });
  }
});

Deno.test("a worker's completed and failed attempts are counted over all of its sessions", () => {
  const { scene } = busy();
  scene.complete("a");
  scene.fail("b");
  scene.register("w1", { sessionId: "new" });
  scene.machine.flush();
  scene.crash();
  assertFields(scene.machine.worker("w1")!, { completedJobs: 1, failedJobs: 1 });
});
