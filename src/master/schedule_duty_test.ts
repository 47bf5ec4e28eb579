import assert from "node:assert/strict";
import {
  type CatchUpPolicy,
  type Command,
  type FireScheduleCommand,
  JobMachine,
  MemoryJobStore,
  type OutcomeOf,
  type ScheduleFire,
  type ScheduleSpec,
  type ScheduleTiming,
} from "../jobs/mod.ts";
import { scheduleOf } from "../jobs/scene_test_support.ts";
import { discardLogger } from "../observability/mod.ts";
import { ScheduleDuty } from "./schedule_duty.ts";

/** A noon, so that times are round. */
const NOON_MS = Date.parse("2026-06-01T12:00:00Z");

/** A leader's duty over a machine of its own, on a clock that is stepped. */
class Bench {
  readonly machine = new JobMachine(new MemoryJobStore());
  readonly commands: FireScheduleCommand[] = [];
  readonly failures: unknown[] = [];
  /** What observers were told, by result. */
  readonly told = { submitted: 0, skipped: 0, missed: 0 };
  nowMs = NOON_MS;
  term = 1;
  /** What stands in the way of Commands. */
  fault: Error | undefined;
  duty = this.#newDuty(1);
  #index = 0;
  #jobs = 0;
  #timer: { readonly atMs: number; readonly run: () => void } | undefined;

  /** When the duty wakes next. */
  get wakesAtMs(): number | undefined {
    return this.#timer?.atMs;
  }

  apply<C extends Command>(command: C): OutcomeOf[C["kind"]] {
    return this.machine.apply(command, { index: ++this.#index, term: this.term });
  }

  put(name: string, spec: Partial<ScheduleSpec>, nextAtMs = this.nowMs + 1000): void {
    this.apply({
      kind: "put_schedule",
      atMs: this.nowMs,
      schedule: scheduleOf(name, spec),
      replace: false,
      nextAtMs,
      schedulesMax: 10_000,
    });
    this.duty.wake();
  }

  /** Lets time pass, with all that is to happen in it. */
  async until(atMs: number): Promise<void> {
    while (this.#timer !== undefined && this.#timer.atMs <= atMs) {
      const { run, atMs: dueMs } = this.#timer;
      this.#timer = undefined;
      this.nowMs = Math.max(this.nowMs, dueMs);
      run();
      for (let turn = 0; turn < 10; turn++) await null;
    }
    this.nowMs = Math.max(this.nowMs, atMs);
  }

  /** Nobody leads for a while; then somebody new does. */
  absentFor(ms: number): void {
    this.duty.stop();
    this.#timer = undefined;
    this.nowMs += ms;
    this.duty = this.#newDuty(++this.term);
    this.duty.wake();
  }

  /** The times that jobs were made for, in seconds after the beginning. */
  get madeFor(): number[] {
    return this.machine.list({ order: "oldest", limit: 2000 }).jobs
      .map(({ options }) => (options.scheduledAtMs - NOON_MS) / 1000);
  }

  #newDuty(term: number): ScheduleDuty {
    return new ScheduleDuty({
      machine: this.machine,
      term,
      fire: (fires, leaderTerm) => this.#fire(fires, leaderTerm),
      now: () => this.nowMs,
      newJobId: () => `job-${String(++this.#jobs).padStart(5, "0")}`,
      log: discardLogger,
      after: (delayMs, run) => {
        const timer = { atMs: this.nowMs + delayMs, run };
        this.#timer = timer;
        return () => {
          if (this.#timer === timer) this.#timer = undefined;
        };
      },
      onFired: (result, runs) => this.told[result] += runs,
      guard: (_duty, run) => void run().catch((failure) => this.failures.push(failure)),
    });
  }

  async #fire(fires: readonly ScheduleFire[], leaderTerm: number) {
    await null;
    if (this.fault !== undefined) throw this.fault;
    const command = {
      kind: "fire_schedule" as const,
      atMs: this.nowMs,
      fires,
      leaderTerm,
      liveJobsMax: 5000,
    };
    this.commands.push(command);
    return this.apply(command);
  }
}

const everySecond: ScheduleTiming = {
  kind: "cron",
  expression: "* * * * * *",
  timeZone: "UTC",
  startAtMs: 0,
  endAtMs: 0,
};

Deno.test("each time becomes a job when it has come, and the duty sleeps in between", async () => {
  const bench = new Bench();
  bench.put("s", { timing: everySecond });
  assert.equal(bench.wakesAtMs, NOON_MS + 1000);
  await bench.until(NOON_MS + 3500);
  assert.deepEqual(bench.madeFor, [1, 2, 3]);
  assert.equal(bench.wakesAtMs, NOON_MS + 4000);
  assert.equal(bench.commands.length, 3);
});

Deno.test("schedules that are due at once share a command, and a nearer one is not slept over", async () => {
  const bench = new Bench();
  for (const name of ["a", "b", "c"]) bench.put(name, { timing: everySecond });
  bench.put("d", { timing: { ...everySecond, expression: "0 1 12 * * *" } }, NOON_MS + 60_000);
  await bench.until(NOON_MS + 1000);
  assert.deepEqual(bench.commands.map(({ fires }) => fires.map(({ name }) => name)), [
    ["a", "b", "c"],
  ]);
});

Deno.test("the end of a schedule, and a single time, are the last of it", async () => {
  const bench = new Bench();
  bench.put("s", { timing: { ...everySecond, endAtMs: NOON_MS + 2500 } });
  await bench.until(NOON_MS + 10_000);
  assert.deepEqual(bench.madeFor, [1, 2]);
  const atMs = NOON_MS + 11_000;
  bench.put("once", { timing: { kind: "at", atMs, startAtMs: 0, endAtMs: 0 } }, atMs);
  await bench.until(NOON_MS + 20_000);
  assert.deepEqual(bench.madeFor, [1, 2, 11]);
  assert.equal(bench.wakesAtMs, undefined);
});

const catchUps: [CatchUpPolicy, Partial<ScheduleSpec>, number[], number][] = [
  ["none", { graceMs: 500 }, [1], 5],
  ["none", { graceMs: 700 }, [1, 6], 4],
  ["last", {}, [1, 6], 4],
  ["all", { catchUpMax: 100 }, [1, 2, 3, 4, 5, 6], 0],
  ["all", { catchUpMax: 3 }, [1, 4, 5, 6], 2],
];
for (const [catchUp, spec, madeFor, missed] of catchUps) {
  Deno.test(`catch-up ${catchUp} with ${JSON.stringify(spec)} makes up for what it says`, async () => {
    const bench = new Bench();
    bench.put("s", { timing: everySecond, catchUp, ...spec });
    await bench.until(NOON_MS + 1100);
    bench.absentFor(5500); // it comes back at 6.6 s
    await bench.until(NOON_MS + 6900);
    assert.deepEqual(bench.madeFor, madeFor);
    assert.equal(bench.machine.schedule("s")?.missed, missed);
    assert.deepEqual(bench.told, { submitted: madeFor.length, skipped: 0, missed });
    assert.equal(bench.wakesAtMs, NOON_MS + 7000);
  });
}

Deno.test("a schedule that allows no grace runs all the same, as late as timers are", async () => {
  const bench = new Bench();
  bench.put("s", { timing: everySecond, catchUp: "none", graceMs: 0 });
  for (const lateMs of [0, 40, 499]) {
    bench.absentFor(1000 - (bench.nowMs - NOON_MS) % 1000 + lateMs);
    await bench.until(bench.nowMs + 1);
  }
  assert.deepEqual([bench.madeFor, bench.machine.schedule("s")?.missed], [[1, 2, 3], 0]);
  bench.absentFor(3_101);
  await bench.until(bench.nowMs + 1);
  assert.equal(bench.machine.schedule("s")?.missed, 3);
});

Deno.test("much to catch up with is done in commands of a bounded size, none twice", async () => {
  const bench = new Bench();
  bench.put("s", { timing: everySecond, catchUp: "all", catchUpMax: 1000 });
  bench.absentFor(600_000);
  await bench.until(bench.nowMs + 100);
  assert.deepEqual(bench.madeFor, Array.from({ length: 600 }, (_, at) => at + 1));
  const sizes = bench.commands.map((
    { fires },
  ) => (fires[0]?.kind === "due" && fires[0].runs.length));
  assert.deepEqual(sizes, [256, 256, 88]);
});

Deno.test("large payloads are caught up with a few at a time", async () => {
  const bench = new Bench();
  const template = { ...scheduleOf("").template, payload: new Uint8Array(6 * 1024 * 1024) };
  bench.put("s", { timing: everySecond, template, catchUp: "all", catchUpMax: 100 });
  bench.absentFor(5000);
  await bench.until(bench.nowMs + 100);
  const sizes = bench.commands.map((
    { fires },
  ) => (fires[0]?.kind === "due" && fires[0].runs.length));
  assert.deepEqual(sizes, [2, 2, 1]);
});

Deno.test("a command that did not commit is proposed again after a pause, and no faster", async () => {
  const bench = new Bench();
  bench.fault = new Error("no quorum");
  bench.put("s", { timing: everySecond });
  await bench.until(NOON_MS + 1000);
  for (let woken = 0; woken < 50; woken++) bench.duty.wake();
  await bench.until(NOON_MS + 1499);
  assert.equal(bench.failures.length, 1);
  bench.fault = undefined;
  await bench.until(NOON_MS + 1500);
  assert.deepEqual(bench.madeFor, [1]);
});

Deno.test("a leader of an earlier term makes no job, and does not spin", async () => {
  const bench = new Bench();
  bench.put("s", { timing: everySecond });
  bench.term = 2;
  await bench.until(NOON_MS + 3000);
  assert.deepEqual(bench.madeFor, []);
  assert.ok(bench.commands.length <= 5, `${bench.commands.length} commands in 2 s`);
});

Deno.test("a schedule whose times cannot be computed does not hold up the others", async () => {
  const bench = new Bench();
  bench.put("broken", { timing: { ...everySecond, timeZone: "Mars/Olympus" } });
  bench.put("s", { timing: everySecond });
  await bench.until(NOON_MS + 3500);
  assert.deepEqual(bench.madeFor, [1, 2, 3]);
});

Deno.test("a paused schedule is not due, a schedule far away wakes once a minute at most", async () => {
  const bench = new Bench();
  bench.put("far", { timing: everySecond }, NOON_MS + 86_400_000);
  assert.equal(bench.wakesAtMs, NOON_MS + 60_000);
  const { revision } = bench.machine.schedule("far")!;
  bench.apply({
    kind: "alter_schedule",
    atMs: bench.nowMs,
    name: "far",
    to: "paused",
    nextAtMs: 0,
    revision,
  });
  bench.duty.wake();
  assert.equal(bench.wakesAtMs, undefined);
  await bench.until(NOON_MS + 2 * 86_400_000);
  assert.deepEqual(bench.madeFor, []);
});
