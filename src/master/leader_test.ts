import assert from "node:assert/strict";
import type { Command, Report } from "../jobs/mod.ts";
import { Scene, specOf } from "../jobs/scene_test_support.ts";
import { silentTracer } from "../observability/mod.ts";
import { ProposalRefused } from "../raft/mod.ts";
import { Refusal } from "../rpc/mod.ts";
import { explain } from "../scheduler/mod.ts";
import { LeaderDuties, type LeaderOptions } from "./leader.ts";
import type { SchedulingRules } from "./scheduling_rules.ts";
import { Sessions } from "./sessions.ts";

const LEAST_LOADED: SchedulingRules = {
  policy: "least-loaded",
  typePolicies: new Map(),
  priorityAgeingMs: 0,
};

/** What is to be applied, and how its outcome is told. */
type Entry = () => void;

/**
 * The duties of a leader over a machine, whose proposals are written down and applied at once, or when
 * `held` is given, by whoever takes them from there.
 */
function dutiesOver(
  scene: Scene,
  held?: Entry[],
  scheduling: LeaderOptions["scheduling"] = () => LEAST_LOADED,
  heartbeatTimeoutMs = 60_000,
  assignmentTimeoutMs = 60_000,
) {
  const proposed: string[] = [];
  const failures: { next?: Error | undefined } = {};
  const clock = { aheadMs: 0 };
  const sessions = new Sessions(() => {
    throw new Error("no worker is dialled here");
  });
  const startedMs = performance.now();
  const beganMs = scene.nowMs;
  const now = () => Math.floor(beganMs + performance.now() - startedMs + clock.aheadMs);
  const warned: string[] = [];
  const log = { debug() {}, info() {}, warn: (text: string) => void warned.push(text), error() {} };
  const duties = new LeaderDuties({
    machine: scene.machine,
    proposer: {
      propose: (command: Command) => {
        proposed.push(command.kind);
        const { next: failure } = failures;
        failures.next = undefined;
        if (failure !== undefined) return Promise.reject(failure);
        const apply = () => {
          scene.nowMs = now();
          return scene.apply(command);
        };
        if (held === undefined) return Promise.resolve(apply());
        return new Promise((resolve) => held.push(() => resolve(apply())));
      },
    },
    sessions,
    scheduling,
    crashLimit: 3,
    timings: {
      heartbeatTimeoutMs,
      assignmentTimeoutMs,
      rebalanceIntervalMs: 60_000,
      killGraceMs: 0,
    },
    watchers: { progressOf: () => undefined },
    now,
    random: () => 0,
    log,
    tracer: silentTracer,
    observer: { planned() {}, assigned() {}, assignFailed() {}, undelivered() {} },
  } as unknown as LeaderOptions, 1);
  return { duties, proposed, failures, clock, now, sessions, warned };
}

function turns(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

Deno.test("what is due soon is woken, and what is due in months costs nothing until then", async () => {
  const scene = new Scene();
  scene.submit("soon", { notBeforeMs: scene.nowMs + 20 });
  scene.submit("later", { notBeforeMs: scene.nowMs + 90 * 24 * 3_600_000 });
  const { duties, proposed } = dutiesOver(scene);
  try {
    while (scene.job("soon").status !== "pending") await turns(5);
    // Long enough for a timer that overflows to have fired many times.
    await turns(60);
    assert.deepEqual(proposed, ["advance"]);
    assert.equal(scene.job("later").status, "waiting");
  } finally {
    duties.stop();
  }
});

Deno.test("the leader looks again when a rate lets the next job start, and not before", async () => {
  const scene = new Scene();
  const rate = { count: 1, perMs: 40, burst: 1 };
  scene.register("w1", { unary: true });
  for (const id of ["a", "b"]) scene.submit(id, { options: { rateKey: "api", rate } });
  const { duties } = dutiesOver(scene);
  try {
    while (scene.job("b").status !== "assigned") await turns(5);
    assert.ok(scene.job("b").assignedAtMs - scene.job("a").assignedAtMs >= 40);
  } finally {
    duties.stop();
  }
});

Deno.test("rules that change while the leader rules hold at its next plan, for what waits already", async () => {
  const scene = new Scene({ priorityAgeingMs: 1 });
  let rules: SchedulingRules = { ...LEAST_LOADED, priorityAgeingMs: 1 };
  // Whoever has waited for 100 ms is worth more than what is more urgent by a step.
  for (const [id, priority] of [["old", 1], ["urgent", 2], ["last", 1]] as const) {
    scene.submit(id, { priority });
    scene.sleep(100);
  }
  scene.register("w1", { unary: true, slots: 1 });
  const { duties } = dutiesOver(scene, undefined, () => rules);
  const freeSlot = (jobId: string) => {
    scene.complete(jobId);
    duties.schedule();
  };
  try {
    duties.schedule();
    while (scene.job("old").status !== "assigned") await turns(1);
    scene.submit("most urgent", { priority: 9 });
    rules = { ...rules, policy: "priority" };
    freeSlot("old");
    while (scene.job("most urgent").status !== "assigned") await turns(1);
    assert.equal(scene.job("urgent").status, "pending");
    rules = { ...LEAST_LOADED, policy: "round-robin" };
    freeSlot("most urgent");
    while (scene.job("urgent").status !== "assigned") await turns(1);
  } finally {
    duties.stop();
  }
});

Deno.test("when the clock is put forward what runs is not over its time, and what begins later is when its own is over", async () => {
  const scene = new Scene();
  scene.register("w1", { unary: true, slots: 9 });
  scene.submit("long", { timeoutMs: 60_000 });
  scene.assign("long");
  scene.start("long");
  const { duties, clock, now, sessions } = dutiesOver(scene, undefined, undefined, 40);
  const turnsHeard = async () => {
    await turns(5);
    const session = sessions.get("w1");
    if (session !== undefined) session.lastHeardMs = now();
  };
  try {
    clock.aheadMs = 3_600_000;
    await turnsHeard();
    scene.nowMs = now();
    scene.submit("short", { timeoutMs: 1, maxRetries: 0 });
    duties.schedule();
    while (scene.job("short").status !== "assigned") await turnsHeard();
    scene.nowMs = now();
    scene.start("short");
    while (scene.job("short").status !== "failed") await turnsHeard();
    assert.equal(scene.job("short").errorKind, "timeout");
    assert.equal(scene.job("long").status, "running");
  } finally {
    duties.stop();
  }
});

Deno.test("who did not start a job in time gets none until it is heard of, and is not held back then", async () => {
  const scene = new Scene();
  for (const id of ["frozen", "lively"]) scene.register(id, { slots: 2 });
  scene.submit("long");
  scene.assign("long", "lively");
  scene.start("long", { workerId: "lively" });
  scene.submit("job");
  const { duties, now, sessions } = dutiesOver(scene, undefined, undefined, 200, 300);
  const link = { send: () => true, close() {} };
  for (const { workerId, sessionId } of [...sessions.all()]) {
    sessions.open(workerId, sessionId, { kind: "stream", link }, now());
  }
  const turnsInLease = async () => {
    await turns(5);
    for (const session of sessions.all()) session.lastHeardMs = now();
  };
  try {
    while (scene.job("job").status !== "assigned") await turnsInLease();
    assert.equal(scene.job("job").assignedTo, "frozen", "it holds the fewest jobs");
    while (scene.job("job").assignedTo !== "lively") {
      await turnsInLease();
      const workers = scene.machine.attempts("job").map(({ workerId }) => workerId);
      assert.notDeepEqual(workers.slice(1), ["frozen"]);
    }
    scene.start("job", { workerId: "lively" });
    scene.submit("next");
    duties.schedule();
    for (let turn = 0; turn < 3; turn++) await turnsInLease();
    assert.equal(scene.job("next").status, "pending", "the lively one is full");
    const why = () => {
      const [reason] = explain(scene.job("next"), duties.view(), scene.machine.standing("next"));
      return reason?.message;
    };
    assert.equal(why(), "the one worker that may run it is full (2 slots are in use)");
    scene.apply({ kind: "drain_worker", workerId: "lively", draining: true });
    assert.equal(
      why(),
      "the one worker that may run it did not start in time what came before, and was not heard of since",
    );
    if (sessions.heard(sessions.get("frozen")!, now())) duties.schedule();
    while (scene.job("next").status !== "assigned") await turnsInLease();
  } finally {
    duties.stop();
  }
});

Deno.test("a job that was cancelled before its worker was told of it is not handed out", async () => {
  const scene = new Scene();
  scene.register("w1", { unary: true, slots: 2 });
  for (const id of ["wanted", "cancelled"]) scene.submit(id);
  const held: Entry[] = [];
  const { duties, sessions } = dutiesOver(scene, held);
  try {
    while (held.length === 0) await turns(1);
    // Both entries are applied at once: the leader hears of the assignment when the job has ended.
    held.shift()?.();
    assert.equal(scene.job("cancelled").status, "assigned");
    scene.cancel("cancelled");
    await turns(5);
    const { mailbox } = sessions.get("w1")!;
    assert.deepEqual(mailbox.assignments.map(({ id }) => id), ["wanted"]);
  } finally {
    duties.stop();
  }
});

/** One worker of one slot, which holds `first`; `next` waits. With the report that ends `first`. */
async function withOneSlotTaken(scene: Scene, held: Entry[]) {
  scene.register("w1", { unary: true, slots: 1 });
  for (const id of ["first", "next"]) scene.submit(id);
  const { duties } = dutiesOver(scene, held);
  while (held.length === 0) await turns(1);
  held.shift()?.();
  await turns(5);
  assert.equal(scene.job("first").status, "assigned");
  assert.equal(held.length, 0, "there is no other slot");
  const { token } = scene.job("first");
  const bytes = { output: new Uint8Array(0), contentType: "" };
  const ending = { jobId: "first", token, workerId: "w1", durationMs: 1, ...bytes };
  const report: Report = { kind: "completed", ...ending };
  return { duties, report };
}

Deno.test("a slot is given away with the report that frees it, and goes behind it in the log", async () => {
  const scene = new Scene();
  const held: Entry[] = [];
  const { duties, report } = await withOneSlotTaken(scene, held);
  try {
    const known = duties.reported([report, report]);
    assert.equal(held.length, 1, "in the same turn");
    scene.apply({ kind: "report", reports: [report, report] });
    known();
    held.shift()?.();
    assert.equal(scene.job("next").status, "assigned");
    await turns(5);
    assert.equal(held.length, 0, "and one slot is given away once");
  } finally {
    duties.stop();
  }
});

Deno.test("an assignment that relied on a report which was refused is planned again", async () => {
  const scene = new Scene();
  const held: Entry[] = [];
  const { duties, report } = await withOneSlotTaken(scene, held);
  try {
    const known = duties.reported([report]);
    held.shift()?.();
    known();
    await turns(5);
    assert.equal(scene.job("next").status, "pending", "the worker is full");
    assert.equal(held.length, 0, "and nothing more is expected of it");
    scene.apply({ kind: "report", reports: [report] });
    duties.schedule();
    while (held.length === 0) await turns(1);
    held.shift()?.();
    assert.equal(scene.job("next").status, "assigned");
  } finally {
    duties.stop();
  }
});

Deno.test("reports of attempts that their worker does not hold free no slot", async () => {
  const scene = new Scene();
  const held: Entry[] = [];
  const { duties, report } = await withOneSlotTaken(scene, held);
  try {
    duties.reported([
      { ...report, token: report.token + 1 },
      { ...report, workerId: "w2" },
      { ...report, jobId: "next" },
      { kind: "started", jobId: "first", token: report.token, workerId: "w1" },
    ]);
    assert.equal(held.length, 0);
  } finally {
    duties.stop();
  }
});

Deno.test("a job is given away with its submission, and its assignment goes behind it in the log", async () => {
  const scene = new Scene();
  const held: Entry[] = [];
  scene.register("w1", { unary: true, slots: 1 });
  const { duties, proposed } = dutiesOver(scene, held);
  try {
    await turns(5);
    const jobs = [specOf("first"), specOf("second")];
    const known = duties.submitted(jobs);
    assert.deepEqual(proposed, ["assign"], "in the same turn");
    scene.apply({ kind: "submit", jobs });
    known();
    held.shift()?.();
    await turns(5);
    assert.equal(scene.job("first").status, "assigned");
    assert.equal(scene.job("second").status, "pending", "there is one slot");
    assert.equal(held.length, 0, "and one slot is given away once");
  } finally {
    duties.stop();
  }
});

Deno.test("a slot given to a job whose submission was refused goes to the next one", async () => {
  const scene = new Scene();
  const held: Entry[] = [];
  scene.register("w1", { unary: true, slots: 1 });
  const { duties } = dutiesOver(scene, held);
  try {
    await turns(5);
    const known = duties.submitted([specOf("refused")]);
    known();
    scene.submit("taken");
    held.shift()?.();
    while (held.length === 0) await turns(1);
    held.shift()?.();
    assert.equal(scene.job("taken").status, "assigned");
  } finally {
    duties.stop();
  }
});

Deno.test("what fails while leadership is handed over is no fault, and nobody is warned of it", async () => {
  const scene = new Scene();
  scene.register("w1", { unary: true, slots: 9 });
  const { duties, failures, warned, proposed } = dutiesOver(scene);
  try {
    await turns(5);
    for (const reason of ["transferring", "outcome_unknown"] as const) {
      const cause = new ProposalRefused(reason, undefined);
      failures.next = new Refusal("unavailable", cause.message, { cause });
      duties.submitted([specOf("lost")])();
      await turns(5);
    }
    assert.deepEqual([duties.faults, warned], [[], []]);
    failures.next = new Refusal("overloaded", "the disk is full");
    duties.submitted([specOf("lost")])();
    await turns(5);
    assert.deepEqual(warned, ["could not assign jobs"]);
    assert.equal(proposed.length, 3);
  } finally {
    duties.stop();
  }
});

Deno.test("while assignments fail nothing is staked on submissions, until one comes off", async () => {
  const scene = new Scene();
  const held: Entry[] = [];
  scene.register("w1", { unary: true, slots: 9 });
  const { duties, proposed, failures } = dutiesOver(scene, held);
  try {
    await turns(5);
    failures.next = new Error("the disk is full");
    duties.submitted([specOf("lost")])();
    await turns(5);
    assert.deepEqual(duties.faults, ["could not assign jobs: the disk is full"]);
    duties.submitted([specOf("lost too")])();
    assert.deepEqual(proposed, ["assign"], "it was not tried again");
    scene.submit("there");
    duties.schedule();
    while (held.length === 0) await turns(1);
    held.shift()?.();
    await turns(5);
    assert.equal(scene.job("there").status, "assigned");
    duties.submitted([specOf("coming")])();
    assert.deepEqual(proposed, ["assign", "assign", "assign"]);
  } finally {
    duties.stop();
  }
});

Deno.test("a slot freed while a submission is on its way goes to its job, behind both", async () => {
  const scene = new Scene();
  const held: Entry[] = [];
  const { duties, report } = await withOneSlotTaken(scene, held);
  try {
    scene.cancel("next");
    const jobs = [specOf("coming")];
    const submitted = duties.submitted(jobs);
    assert.equal(held.length, 0, "no slot is free");
    const reported = duties.reported([report]);
    assert.equal(held.length, 1, "in the same turn");
    scene.apply({ kind: "submit", jobs });
    scene.apply({ kind: "report", reports: [report] });
    submitted();
    reported();
    held.shift()?.();
    assert.equal(scene.job("coming").status, "assigned");
  } finally {
    duties.stop();
  }
});
