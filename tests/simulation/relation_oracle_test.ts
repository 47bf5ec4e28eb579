import assert from "node:assert/strict";
import type { Command, JobEvent, JobMachine, JobOptions, Outcome } from "../../src/jobs/mod.ts";
import type { Oracle } from "./oracle.ts";
import { RelationOracle } from "./relation_oracle.ts";

/** What would be there if nobody had a batch. */
const NO_BATCHES = { batches: () => [] } as unknown as JobMachine;

/** Tells an oracle what happened, and gathers what it finds. */
class Told {
  readonly faults: string[] = [];
  readonly #oracle = new RelationOracle({
    check: (holds: boolean, sentence: () => string) => {
      if (!holds) this.faults.push(sentence());
    },
  } as unknown as Oracle);

  submit(id: string, options: Partial<JobOptions>, to: string, atMs = 0): void {
    const command = { kind: "submit", atMs, jobs: [{ id, options }] } as unknown as Command;
    const outcome = {
      kind: "submit",
      results: [{ status: "accepted", jobId: id, jobStatus: "pending" }],
    } as Outcome;
    this.#oracle.applied(command, outcome, [event(id, "", to, "submit", atMs)], NO_BATCHES);
  }

  move(id: string, from: string, to: string, cause: string, atMs = 0): void {
    this.#oracle.applied(
      { kind: "advance", atMs },
      { kind: "advance", dueJobs: 0 },
      [event(id, from, to, cause, atMs)],
      NO_BATCHES,
    );
  }

  /** `gone` is what is not there any more after jobs were to be forgotten. */
  prune(named: number, removedJobs: number, gone: readonly string[]): void {
    const machine = {
      batches: () => [],
      get: (id: string) => gone.includes(id) ? undefined : { id },
    } as unknown as JobMachine;
    const jobSeqs = Array.from({ length: named }, (_, at) => at);
    const command = { kind: "prune", atMs: 0, jobSeqs } as const;
    this.#oracle.applied(command, { kind: "prune", removedJobs }, [], machine);
  }

  judge(machine: JobMachine): void {
    this.#oracle.judge(machine);
  }
}

function event(jobId: string, from: string, to: string, cause: string, atMs: number): JobEvent {
  return { jobId, from, to, cause, attempt: 0, atMs } as JobEvent;
}

const after = (jobId: string): Partial<JobOptions> => ({
  dependencies: [{ jobId, on: "success" }],
});

Deno.test("what is as it should be is no fault", () => {
  const told = new Told();
  told.submit("a", { uniqueKey: "u", expireAfterMs: 100 }, "pending");
  told.submit("b", after("a"), "waiting");
  told.move("a", "pending", "completed", "complete", 50);
  told.move("b", "waiting", "pending", "dependencies", 50);
  told.submit("c", { uniqueKey: "u", expireAfterMs: 100 }, "pending", 60);
  told.move("c", "pending", "failed", "expire", 160);
  assert.deepEqual(told.faults, []);
});

Deno.test("a child that runs before its parent ended, or after it failed, is found", () => {
  const early = new Told();
  early.submit("a", {}, "pending");
  early.submit("b", after("a"), "pending");
  assert.match(early.faults[0]!, /Dependencies: job b may run after success of a.*pending/);
  const failed = new Told();
  failed.submit("a", {}, "pending");
  failed.submit("b", after("a"), "waiting");
  failed.move("a", "pending", "failed", "fail");
  failed.move("b", "waiting", "pending", "dependencies");
  assert.match(failed.faults[0]!, /which is failed/);
});

Deno.test("a child that is ended for a parent that has not ended is found", () => {
  const told = new Told();
  told.submit("a", {}, "pending");
  told.submit("b", after("a"), "waiting");
  told.move("b", "waiting", "cancelled", "dependencies");
  assert.match(told.faults[0]!, /gave no reason/);
});

Deno.test("two unfinished jobs of one unique key are found", () => {
  const told = new Told();
  told.submit("a", { uniqueKey: "u" }, "pending");
  told.submit("b", { uniqueKey: "u" }, "pending");
  assert.match(told.faults[0]!, /Unique keys: a and b/);
});

Deno.test("a job that outlives its time, or fails for it too early, is found", () => {
  const late = new Told();
  late.submit("a", { expireAfterMs: 100 }, "pending");
  late.submit("b", {}, "pending", 100);
  assert.match(late.faults[0]!, /Expiry: job a should have failed at 100/);
  const early = new Told();
  early.submit("a", { expireAfterMs: 100 }, "pending");
  early.move("a", "pending", "failed", "expire", 99);
  assert.match(early.faults[0]!, /expires at 100 and failed for it at 99/);
});

Deno.test("a job that is forgotten while it runs, is waited for, or unasked is found", () => {
  const told = new Told();
  for (const id of ["a", "b", "c"]) told.submit(id, {}, "pending");
  told.submit("child", after("b"), "waiting");
  for (const id of ["a", "b"]) told.move(id, "pending", "completed", "complete");
  told.prune(4, 1, ["a"]);
  assert.deepEqual(told.faults, []);
  told.prune(1, 1, ["b"]);
  assert.match(told.faults.pop()!, /Retention: job b is gone, and job child depends on it/);
  told.prune(1, 1, ["c"]);
  assert.match(told.faults.pop()!, /Retention: job c is gone, which was pending/);
  told.prune(1, 0, ["child"]);
  assert.match(told.faults[0]!, /Retention: 0 jobs are told to be gone, and 1 are/);
});

Deno.test("a batch whose counts are not what its jobs are is found", () => {
  const told = new Told();
  told.submit("a", { batchId: "n" }, "pending");
  const batch = { id: "n", total: 1, byStatus: { pending: 0, completed: 1 } };
  const machine = { batches: () => [batch], get: () => ({ status: "pending" }) };
  told.judge(machine as unknown as JobMachine);
  assert.deepEqual(told.faults, [
    "Batches: of n 1 are pending, told are 0",
    "Batches: of n 0 are completed, told are 1",
  ]);
});
