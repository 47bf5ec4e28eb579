/** What a leader lets schedules be, and what it answers about them. */

import assert from "node:assert/strict";
import { builtinJobTypes } from "../job_types/mod.ts";
import { type Command, JobMachine, MemoryJobStore, type ScheduleFire } from "../jobs/mod.ts";
import { workerOf } from "../jobs/scene_test_support.ts";
import { type CallContext, Refusal, type ScheduleDefinition } from "../rpc/mod.ts";
import { Admission } from "./admission.ts";
import type { MasterContext } from "./context.ts";
import type { AuditedAct } from "./options.ts";
import { SchedulesApi } from "./schedules_api.ts";

const NOON_MS = Date.parse("2026-06-01T12:00:00Z");
const CALL = { caller: { userId: "ann" }, method: "m", requestId: "r" } as unknown as CallContext;

function named(name: string) {
  return { name, namespace: "" };
}

class Leader {
  readonly machine = new JobMachine(new MemoryJobStore());
  readonly audited: AuditedAct[] = [];
  nowMs = NOON_MS;
  looks = 0;
  liveJobsMax = 100;
  readonly api: SchedulesApi;
  #index = 0;
  #jobs = 0;

  constructor() {
    const rules = {
      payloadBytesMax: 1024 * 1024,
      maxRetriesDefault: 3,
      timeoutMsDefault: 0,
      retryDelayMsDefault: 0,
      ofTypes: new Map(),
    };
    const context = {
      machine: this.machine,
      admission: new Admission(() => rules, builtinJobTypes()),
      proposer: {
        propose: (command: Omit<Command, "atMs">) => Promise.resolve(this.#apply(command)),
        fireSchedules: (fires: readonly ScheduleFire[]) =>
          Promise.resolve(
            this.#apply({ kind: "fire_schedule", fires, liveJobsMax: this.liveJobsMax } as Command),
          ),
        readBarrier: () => Promise.resolve(),
      },
      now: () => this.nowMs,
      newJobId: () => `job-${++this.#jobs}`,
      schedulesMax: 3,
      barrierTimeoutMs: 1,
      audit: (act: AuditedAct) => this.audited.push(act),
      duties: { schedule: () => this.looks++, view: () => this.machine.view() },
    };
    this.api = new SchedulesApi(context as unknown as MasterContext);
  }

  add(changes: Partial<ScheduleDefinition> = {}, replace = false) {
    return this.api.addSchedule({ ...definition, ...changes }, { replace }, CALL);
  }

  /** A worker that offers one type. */
  register(type: string): void {
    this.#apply(
      { kind: "register_worker", worker: workerOf("w1", { jobTypes: [type] }) } as Command,
    );
  }

  #apply(command: Omit<Command, "atMs">) {
    const stamped = { ...command, atMs: this.nowMs } as Command;
    return this.machine.apply(stamped, { index: ++this.#index, term: 1 });
  }
}

const always = { startAtMs: 0, endAtMs: 0 };
const definition: ScheduleDefinition = {
  name: "nightly",
  timing: { kind: "cron", ...always, expression: "0 3 * * *", timeZone: "Europe/Berlin" },
  job: { type: "noop", payload: new Uint8Array([1]), priority: 5 },
};

function refused(reason: Refusal["reason"], ...messages: RegExp[]) {
  return (failure: unknown) => {
    assert.ok(failure instanceof Refusal && failure.reason === reason, String(failure));
    for (const message of messages) assert.match(failure.message, message);
    return true;
  };
}

Deno.test("a schedule that says no more gets the defaults, and its jobs are its maker's", async () => {
  const leader = new Leader();
  const { message, nextAtMs } = await leader.add();
  assert.equal(message, "schedule nightly is created; first due 2026-06-02T01:00:00.000Z");
  assert.equal(nextAtMs, Date.parse("2026-06-02T01:00:00Z"));
  const { schedule, nextRuns } = await leader.api.getSchedule(named("nightly"), {
    nextRuns: 2,
    stale: false,
  }, CALL);
  assert.deepEqual(nextRuns, [nextAtMs, nextAtMs + 86_400_000]);
  assert.deepEqual(
    [schedule.overlap, schedule.catchUp, schedule.catchUpMax, schedule.graceMs],
    ["skip", "last", 100, 30_000],
  );
  assert.deepEqual([schedule.createdBy, schedule.job.maxRetries], ["ann", 3]);
  const { jobId } = await leader.api.triggerSchedule(named("nightly"), "", CALL);
  assert.equal(leader.machine.get(jobId)?.submittedBy, "ann");
  assert.equal(leader.looks, 1, "the duty was woken");
});

Deno.test("a paused schedule that is replaced stays paused, and its maker is told so", async () => {
  const leader = new Leader();
  await leader.add();
  await leader.api.pauseSchedule(named("nightly"), CALL);
  const { message } = await leader.add({}, true);
  assert.equal(
    message,
    "schedule nightly is replaced; it is paused as before, and due again when it is resumed",
  );
  await leader.api.resumeSchedule(named("nightly"), CALL);
  assert.match((await leader.add({}, true)).message, /is replaced; first due 2026-06-02/);
});

Deno.test("every fault of a definition is named at once, and nothing is made", async () => {
  const leader = new Leader();
  await assert.rejects(
    leader.add({
      name: "no name",
      timing: { kind: "cron", ...always, expression: "0 24 * * *", timeZone: "Nowhere" },
      overlap: "perhaps",
      catchUp: "some",
      catchUpMax: 5000,
      graceMs: -1,
      job: {
        type: "",
        payload: new Uint8Array(300 * 1024),
        priority: 5,
        delayMs: 5,
        idempotencyKey: "k",
      },
    }),
    refused(
      "invalid",
      /name is "no name"/,
      /the hour is "24"/,
      /no time zone "Nowhere"/,
      /overlap is "perhaps"; it may be skip, allow, queue, replace/,
      /catch_up is "some"/,
      /catch_up_max is 5000; it may be 1 to 1000/,
      /grace_ms is -1/,
      /payload is 307200 bytes/,
      /the schedule says when its jobs run/,
      /every run of a schedule is a job of its own/,
      /type is empty/,
    ),
  );
  assert.deepEqual(leader.machine.schedules(), []);
  assert.deepEqual(leader.audited.map(({ act, outcome }) => [act, outcome]), [
    ["add a schedule", "refused"],
  ]);
});

Deno.test("what would never be due is refused", async () => {
  const leader = new Leader();
  const cron = { kind: "cron", ...always, expression: "0 0 31 2 *", timeZone: "UTC" } as const;
  const ended = { kind: "every", everyMs: 1000, anchorMs: 0, startAtMs: 0, endAtMs: 5 } as const;
  for (const timing of [cron, ended, { kind: "at", ...always, atMs: NOON_MS } as const]) {
    await assert.rejects(leader.add({ timing }), refused("invalid", /never due from now on/));
  }
});

Deno.test("the payload of a schedule's job has the bound of every payload", async () => {
  const leader = new Leader();
  const job = { ...definition.job, payload: new Uint8Array(1024 * 1024 + 1) };
  await assert.rejects(leader.add({ job }), (failure: Refusal) => {
    const { reason, message, retryAfterMs } = failure;
    assert.deepEqual([reason, retryAfterMs], ["too_large", undefined]);
    assert.match(message, /1048577 bytes; jobs\.payload_bytes_max allows 1048576/);
    return true;
  });
  assert.equal(leader.machine.schedules().length, 0);
});

Deno.test("a name that is taken, one too many, and one that is not there are refused by name", async () => {
  const leader = new Leader();
  await leader.add();
  await assert.rejects(leader.add(), refused("already_exists", /replace it, or choose another/));
  assert.match((await leader.add({ overlap: "queue" }, true)).message, /is replaced/);
  for (const name of ["b", "c"]) await leader.add({ name });
  await assert.rejects(leader.add({ name: "d" }), refused("overloaded", /max_schedules/));
  for (const act of ["removeSchedule", "pauseSchedule", "resumeSchedule"] as const) {
    await assert.rejects(
      leader.api[act](named("x"), CALL),
      refused("not_found", /no schedule "x"/),
    );
  }
  await assert.rejects(leader.api.triggerSchedule(named("x"), "", CALL), refused("not_found"));
  await assert.rejects(leader.api.nextRuns(named("x"), 5, CALL), refused("not_found"));
});

Deno.test("a period begins when the schedule is made, unless it says otherwise", async () => {
  const leader = new Leader();
  const every = { kind: "every", ...always, everyMs: 60_000, anchorMs: 0 } as const;
  assert.equal((await leader.add({ timing: every })).nextAtMs, NOON_MS + 60_000);
  const later = { ...every, startAtMs: NOON_MS + 5000 };
  assert.equal((await leader.add({ name: "b", timing: later })).nextAtMs, NOON_MS + 5000);
  assert.deepEqual(await leader.api.nextRuns({ ...every, anchorMs: 1 }, 1, CALL), [NOON_MS + 1]);
});

Deno.test("a period that is put again goes on from where it began, and another one begins", async () => {
  const leader = new Leader();
  const every = (everyMs: number, anchorMs = 0) => ({
    timing: { kind: "every", ...always, everyMs, anchorMs } as const,
  });
  await leader.add(every(60_000));
  leader.nowMs += 50_000;
  assert.equal((await leader.add(every(60_000), true)).nextAtMs, NOON_MS + 60_000);
  assert.equal((await leader.add(every(60_000, NOON_MS + 5), true)).nextAtMs, NOON_MS + 60_005);
  assert.equal((await leader.add(every(30_000), true)).nextAtMs, NOON_MS + 80_000);
});

Deno.test("a time that has come and was not acted on stays due when the schedule is put again", async () => {
  const leader = new Leader();
  const { nextAtMs } = await leader.add();
  leader.nowMs = nextAtMs + 5_000;
  assert.equal((await leader.add({ overlap: "allow" }, true)).nextAtMs, nextAtMs);
  const timing = { ...definition.timing, timeZone: "UTC" } as ScheduleDefinition["timing"];
  assert.equal((await leader.add({ timing }, true)).nextAtMs, Date.parse("2026-06-02T03:00:00Z"));
});

Deno.test("a paused schedule goes on with the next of its times, none of which it missed", async () => {
  const leader = new Leader();
  await leader.add();
  assert.match((await leader.api.pauseSchedule(named("nightly"), CALL)).message, /is paused/);
  assert.match(
    (await leader.api.pauseSchedule(named("nightly"), CALL)).message,
    /was already paused/,
  );
  leader.nowMs += 3 * 86_400_000;
  const { message } = await leader.api.resumeSchedule(named("nightly"), CALL);
  assert.match(message, /goes on; it is due 2026-06-05T01:00:00/);
  assert.match((await leader.api.resumeSchedule(named("nightly"), CALL)).message, /was not paused/);
  assert.equal(leader.machine.schedule("nightly")?.missed, 0);
});

Deno.test("whoever makes a schedule for a type that nobody offers is told so", async () => {
  const leader = new Leader();
  assert.match((await leader.add()).warning, /^no connected worker offers job type "noop"/);
  leader.register("noop");
  assert.equal((await leader.add({}, true)).warning, "");
});

Deno.test("a trigger that is repeated under its key makes one job, whatever the overlap policy", async () => {
  const leader = new Leader();
  await leader.add({ overlap: "skip" });
  await leader.add({ name: "other" });
  const first = await leader.api.triggerSchedule(named("nightly"), "k", CALL);
  const again = await leader.api.triggerSchedule(named("nightly"), "k", CALL);
  assert.deepEqual([first.duplicate, again], [false, { jobId: first.jobId, duplicate: true }]);
  assert.equal(leader.machine.schedule("nightly")?.runs, 1);
  const other = await leader.api.triggerSchedule(named("other"), "k", CALL);
  assert.notEqual(other.jobId, first.jobId, "keys of one schedule are not those of another");
  await assert.rejects(
    leader.api.triggerSchedule(named("nightly"), "k".repeat(257), CALL),
    refused("invalid", /idempotency_key has 257 characters/),
  );
});

Deno.test("a triggered run that makes no job says why", async () => {
  const leader = new Leader();
  await leader.add();
  await leader.api.triggerSchedule(named("nightly"), "", CALL);
  await assert.rejects(
    leader.api.triggerSchedule(named("nightly"), "", CALL),
    refused("failed_precondition", /was skipped: job job-1 of it was not finished/),
  );
  await leader.add({ overlap: "allow" }, true);
  leader.liveJobsMax = 1;
  await assert.rejects(
    leader.api.triggerSchedule(named("nightly"), "", CALL),
    refused("failed_precondition", /was missed: .*max_pending_jobs/),
  );
});

Deno.test("a list comes in pages by name, without payloads", async () => {
  const leader = new Leader();
  for (const name of ["c", "a", "b"]) await leader.add({ name });
  const first = await leader.api.listSchedules(
    { limit: 2, cursor: "", stale: false, namespace: "" },
    CALL,
  );
  assert.deepEqual([first.schedules.map(({ name }) => name), first.total], [["a", "b"], 3]);
  assert.equal(first.schedules[0]?.job.payload.byteLength, 0);
  const { nextCursor: cursor } = first;
  const second = await leader.api.listSchedules(
    { limit: 2, cursor, stale: true, namespace: "" },
    CALL,
  );
  assert.deepEqual([second.schedules.map(({ name }) => name), second.nextCursor], [["c"], ""]);
});
