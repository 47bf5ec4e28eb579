import assert from "node:assert/strict";
import type { DueFire } from "./schedule_command.ts";
import { SCHEDULE_LIMITS, type ScheduleSpec } from "./schedule.ts";
import { assertFields, Scene, scheduleOf, specOf } from "./scene_test_support.ts";

/** A schedule that is due now. */
function sceneWith(spec: Partial<ScheduleSpec> = {}): Scene {
  const scene = new Scene();
  put(scene, spec);
  return scene;
}

function put(scene: Scene, spec: Partial<ScheduleSpec> = {}, nextAtMs = scene.nowMs) {
  return scene.apply({
    kind: "put_schedule",
    schedule: scheduleOf("nightly", spec),
    replace: true,
    nextAtMs,
    schedulesMax: 10,
  });
}

function dueFire(scene: Scene, jobId: string, changes: Partial<DueFire> = {}): DueFire {
  const { revision, nextAtMs } = scene.machine.schedule("nightly")!;
  return {
    kind: "due",
    name: "nightly",
    revision,
    dueAtMs: nextAtMs,
    runs: [{ scheduledAtMs: nextAtMs, jobId }],
    missed: 0,
    nextAtMs: nextAtMs + 1000,
    ...changes,
  };
}

function fire(scene: Scene, fire: DueFire, leaderTerm?: number) {
  return scene.apply({ kind: "fire_schedule", fires: [fire], leaderTerm }).results[0]!;
}

/** Lets the next time come, and fires it. */
function next(scene: Scene, jobId: string) {
  scene.sleep(1000);
  return fire(scene, dueFire(scene, jobId));
}

/** The status of the first run. */
function statusOf(outcome: ReturnType<typeof fire>): string | undefined {
  return outcome.status === "fired" ? outcome.runs[0]?.status : outcome.reason;
}

Deno.test("a time that has come makes one job of the template, which knows what it is for", () => {
  const template = { ...specOf("", { labels: { a: "b" } }), submittedBy: "ann" };
  const scene = sceneWith({ template });
  const { nowMs } = scene;
  assert.deepEqual(fire(scene, dueFire(scene, "a")), {
    status: "fired",
    name: "nightly",
    runs: [{ status: "submitted", scheduledAtMs: nowMs, jobId: "a" }],
  });
  const { options, ...job } = scene.job("a");
  assertFields(job, { type: "resize", status: "pending", submittedBy: "ann", labels: { a: "b" } });
  assertFields(options, { schedule: "nightly", scheduledAtMs: nowMs });
  assert.deepEqual(scene.machine.payload("a"), template.payload);
  assertFields(scene.machine.schedule("nightly")!, {
    runs: 1,
    lastJobId: "a",
    lastScheduledAtMs: nowMs,
    nextAtMs: nowMs + 1000,
  });
});

Deno.test("the same time proposed again, by the same leader or another, makes no second job", () => {
  const scene = sceneWith();
  const first = dueFire(scene, "a");
  const second = { ...first, runs: [{ ...first.runs[0]!, jobId: "b" }] };
  assert.equal(fire(scene, first).status, "fired");
  scene.term++;
  for (const again of [first, second]) assert.equal(statusOf(fire(scene, again)), "stale");
  assert.equal(scene.machine.counts().total, 1);
});

Deno.test("what a leader of an earlier term proposed is refused", () => {
  const scene = sceneWith();
  scene.term = 5;
  assert.equal(statusOf(fire(scene, dueFire(scene, "a"), 4)), "stale_term");
  assert.equal(statusOf(fire(scene, dueFire(scene, "a"), 5)), "submitted");
});

Deno.test("what was computed for a schedule that was replaced, paused or removed is refused", () => {
  const scene = sceneWith();
  const computed = dueFire(scene, "a");
  put(scene, { overlap: "skip" });
  assert.equal(statusOf(fire(scene, computed)), "stale");
  const { revision } = scene.machine.schedule("nightly")!;
  const alter = {
    kind: "alter_schedule",
    name: "nightly",
    nextAtMs: scene.nowMs,
    revision,
  } as const;
  scene.apply({ ...alter, to: "paused" });
  assert.equal(statusOf(fire(scene, dueFire(scene, "a"))), "stale");
  scene.apply({ ...alter, to: "active" });
  assert.equal(statusOf(fire(scene, dueFire(scene, "a"))), "submitted");
  const late = dueFire(scene, "b");
  scene.apply({ ...alter, to: "removed" });
  assert.equal(statusOf(fire(scene, late)), "unknown_schedule");
});

Deno.test("no time is acted on before it has come, out of order, or past the next", () => {
  const scene = sceneWith();
  const { dueAtMs } = dueFire(scene, "a");
  const run = (scheduledAtMs: number, jobId = "a") => ({ scheduledAtMs, jobId });
  const wrong: Partial<DueFire>[] = [
    { runs: [run(dueAtMs - 1)] },
    { runs: [run(dueAtMs + 1)] },
    { runs: [run(dueAtMs), run(dueAtMs, "b")] },
    { nextAtMs: dueAtMs },
    { runs: [], missed: 1, nextAtMs: dueAtMs },
  ];
  for (const changes of wrong) {
    assert.equal(statusOf(fire(scene, dueFire(scene, "a", changes))), "not_due");
  }
  assert.equal(scene.machine.counts().total, 0);
});

Deno.test("while a run is not finished, the next is skipped, allowed, or takes its place", () => {
  const skip = sceneWith({ overlap: "skip" });
  fire(skip, dueFire(skip, "a"));
  assert.equal(statusOf(next(skip, "b")), "skipped");
  assertFields(skip.machine.schedule("nightly")!, {
    skipped: 1,
    lastFault: "job a of it was not finished",
  });
  skip.cancel("a");
  assert.equal(statusOf(next(skip, "c")), "submitted");

  const allow = sceneWith({ overlap: "allow" });
  fire(allow, dueFire(allow, "a"));
  assert.equal(statusOf(next(allow, "b")), "submitted");
  assert.equal(allow.machine.unfinishedRuns({ name: "nightly" }), 2);

  const replace = sceneWith({ overlap: "replace" });
  fire(replace, dueFire(replace, "a"));
  replace.register("w1");
  replace.assign("a");
  assert.equal(statusOf(next(replace, "b")), "submitted");
  assertFields(replace.job("a"), {
    status: "cancelled",
    errorMessage: "replaced by job b, the next of schedule nightly",
  });
  assert.deepEqual(
    replace.machine.drainEvents().filter(({ cause }) => cause === "cancel").map((each) =>
      each.workerId
    ),
    ["w1"],
    "its worker is told",
  );
});

Deno.test("a run that is to replace the one before, and is refused, leaves that one alone", () => {
  const taken = specOf("", { options: { uniqueKey: "report", uniqueMode: "reject" } });
  const stoodFor = specOf("", { options: { uniqueKey: "report", uniqueMode: "existing" } });
  for (const [template, status] of [[taken, "missed"], [stoodFor, "skipped"]] as const) {
    const scene = sceneWith({ overlap: "replace" });
    fire(scene, dueFire(scene, "a"));
    scene.submit("other", {
      options: { uniqueKey: "report" },
      submittedBy: template.submittedBy ?? "",
    });
    put(scene, { overlap: "replace", template }, scene.nowMs + 1000);
    scene.sleep(1000);
    const fires = (jobId: string) => [dueFire(scene, jobId)];
    const decided = { kind: "fire_schedule", replacesIfAccepted: true } as const;
    const [refused] = scene.apply({ ...decided, fires: fires("b") }).results;
    assert.equal(statusOf(refused!), status);
    assert.equal(scene.job("a").status, "pending");
    scene.cancel("other");
    scene.sleep(1000);
    // The earlier runs leave their keys and their room to the next one.
    for (const jobId of ["c", "d"]) {
      const [taken] = scene.apply({ ...decided, fires: fires(jobId), liveJobsMax: 1 }).results;
      assert.equal(statusOf(taken!), "submitted");
      scene.sleep(1000);
    }
    assert.deepEqual(["a", "c", "d"].map((id) => scene.job(id).status), [
      ...["cancelled", "cancelled", "pending"],
    ]);
  }
});

Deno.test("an entry of before format 5 cancels the run before, whatever becomes of the new one", () => {
  const scene = sceneWith({ overlap: "replace" });
  fire(scene, dueFire(scene, "a"));
  scene.submit("other");
  scene.sleep(1000);
  const fires = [dueFire(scene, "b")];
  const [refused] = scene.apply({ kind: "fire_schedule", fires, liveJobsMax: 1 }).results;
  assert.equal(statusOf(refused!), "missed");
  assert.equal(scene.job("a").status, "cancelled");
});

Deno.test("a queued run depends on the end of the one before it", () => {
  const scene = sceneWith({ overlap: "queue" });
  fire(scene, dueFire(scene, "a"));
  next(scene, "b");
  next(scene, "c");
  const parents = ["a", "b", "c"].map((id) => scene.job(id).options.dependencies);
  assert.deepEqual(parents, [
    [],
    [{ jobId: "a", on: "completion" }],
    [{ jobId: "b", on: "completion" }],
  ]);
});

Deno.test("a run that was brought back from the dead letters is in the way again", () => {
  const scene = sceneWith({ overlap: "skip", template: specOf("", { maxRetries: 0 }) });
  fire(scene, dueFire(scene, "a"));
  scene.register("w1");
  scene.assign("a");
  scene.fail("a");
  scene.machine.flush();
  scene.redrive("a");
  assert.equal(statusOf(next(scene, "b")), "skipped");
});

Deno.test("a run for which there is no room is missed, and the schedule goes on", () => {
  const scene = sceneWith();
  scene.submit("x");
  const full = dueFire(scene, "a");
  const { results: [outcome] } = scene.apply({
    kind: "fire_schedule",
    fires: [full],
    liveJobsMax: 1,
  });
  assert.equal(statusOf(outcome!), "missed");
  assertFields(scene.machine.schedule("nightly")!, { missed: 1, nextAtMs: full.nextAtMs });
  assert.match(scene.machine.schedule("nightly")!.lastFault, /the queue is full/);
  assert.equal(statusOf(next(scene, "a")), "submitted");
});

Deno.test("a schedule keeps no more unfinished runs than its limit", () => {
  const scene = sceneWith();
  const { unfinishedRunsMax } = SCHEDULE_LIMITS;
  const runs = Array.from({ length: unfinishedRunsMax + 1 }, (_, at) => ({
    scheduledAtMs: scene.nowMs + at,
    jobId: `job-${at}`,
  }));
  const whole = dueFire(scene, "", { runs, nextAtMs: scene.nowMs + 60_000 });
  scene.sleep(60_000);
  fire(scene, whole);
  assertFields(scene.machine.schedule("nightly")!, { runs: unfinishedRunsMax, missed: 1 });
});

Deno.test("a triggered run is beside the schedule's times, and heeds its overlap policy", () => {
  const scene = sceneWith({ overlap: "skip" });
  const before = scene.machine.schedule("nightly")!;
  const trigger = (jobId: string) =>
    scene.apply({ kind: "fire_schedule", fires: [{ kind: "triggered", name: "nightly", jobId }] })
      .results[0]!;
  assert.equal(statusOf(trigger("a")), "submitted");
  assert.equal(statusOf(trigger("b")), "skipped");
  assert.equal(scene.job("a").options.scheduledAtMs, 0);
  assertFields(scene.machine.schedule("nightly")!, {
    nextAtMs: before.nextAtMs,
    lastScheduledAtMs: 0,
    lastJobId: "a",
  });
});

Deno.test("times that are passed over are counted, with the reason", () => {
  const scene = sceneWith();
  scene.sleep(5000);
  const { nowMs } = scene;
  fire(scene, dueFire(scene, "", { runs: [], missed: 5, nextAtMs: nowMs + 1000 }));
  assertFields(scene.machine.schedule("nightly")!, {
    missed: 5,
    runs: 0,
    lastFault: "5 runs were passed over: nobody could act in time",
    lastFaultAtMs: nowMs,
  });
});

Deno.test("a replaced schedule keeps its counters, its last job, and that it is paused", () => {
  const scene = sceneWith();
  fire(scene, dueFire(scene, "a"));
  const { revision, createdAtMs } = scene.machine.schedule("nightly")!;
  scene.apply({
    kind: "alter_schedule",
    name: "nightly",
    to: "paused",
    nextAtMs: 0,
    revision,
  });
  scene.sleep(1000);
  assertFields(put(scene, { overlap: "skip" }), { status: "replaced" });
  assertFields(scene.machine.schedule("nightly")!, {
    overlap: "skip",
    runs: 1,
    lastJobId: "a",
    paused: true,
    createdAtMs,
  });
  assert.ok(scene.machine.schedule("nightly")!.revision > revision);
});

Deno.test("a time that was acted on makes no second job when the schedule is replaced at that moment", () => {
  const scene = sceneWith();
  const atMs = scene.nowMs;
  fire(scene, dueFire(scene, "a"));
  // Computed before, committed after.
  put(scene, { overlap: "queue" }, atMs);
  const again = dueFire(scene, "b");
  assert.equal(again.dueAtMs, atMs);
  assert.equal(statusOf(fire(scene, again)), "skipped");
  assert.equal(statusOf(next(scene, "b")), "submitted");
});

Deno.test("too many schedules, and a name that is taken, are refused", () => {
  const scene = sceneWith();
  const again = { kind: "put_schedule", replace: false, nextAtMs: 0, schedulesMax: 1 } as const;
  const outcomes = ["nightly", "hourly"].map((name) =>
    scene.apply({ ...again, schedule: scheduleOf(name) })
  );
  assert.deepEqual(outcomes.map((each) => each.status === "refused" && each.reason), [
    "already_exists",
    "too_many_schedules",
  ]);
});

Deno.test("going on at a time of a definition that was replaced is refused", () => {
  const scene = sceneWith();
  const outcome = scene.apply({
    kind: "alter_schedule",
    name: "nightly",
    to: "active",
    nextAtMs: 1,
    revision: scene.machine.schedule("nightly")!.revision - 1,
  });
  assertFields(outcome, { status: "refused", reason: "stale" });
});

Deno.test("schedules, with payloads and progress, outlive a flush and a crash", () => {
  const scene = sceneWith({ template: specOf("", { payload: new Uint8Array([0, 255, 7]) }) });
  fire(scene, dueFire(scene, "a"));
  scene.machine.flush();
  const before = scene.machine.schedules();
  scene.crash();
  assert.deepEqual(scene.machine.schedules(), before);
  assert.equal(scene.machine.unfinishedRuns({ name: "nightly" }), 1);
  next(scene, "b");
  assert.deepEqual(scene.machine.payload("b"), new Uint8Array([0, 255, 7]));
  scene.apply({ kind: "alter_schedule", name: "nightly", to: "removed", nextAtMs: 0, revision: 0 });
  scene.machine.flush();
  scene.crash();
  assert.deepEqual(scene.machine.schedules(), []);
});
