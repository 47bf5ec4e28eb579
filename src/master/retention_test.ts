import assert from "node:assert/strict";
import {
  type Command,
  type FinishedStatus,
  JobMachine,
  MemoryJobStore,
  type Outcome,
} from "../jobs/mod.ts";
import type { Proposer, Unstamped } from "./proposer.ts";
import { Retention, type RetentionRules } from "./retention.ts";

const FOR_EVER = { ageMs: 0, jobsMax: 0 };

/** A machine whose clock is stepped, and a log that takes everything at once. */
class Bench {
  readonly machine = new JobMachine(new MemoryJobStore());
  nowMs = 1_000_000;
  index = 0;
  readonly proposed: Command["kind"][] = [];
  /** Ms that each Command takes. */
  commandMs = 0;
  fails = false;
  #monotonicMs = 0;

  readonly proposer = {
    propose: (command: Unstamped<Command>) => {
      if (this.fails) return Promise.reject(new Error("no majority"));
      this.proposed.push(command.kind);
      this.#monotonicMs += this.commandMs;
      return Promise.resolve(this.apply(command));
    },
  } as Pick<Proposer, "propose">;

  retention(rules: Partial<RetentionRules>): Retention {
    return new Retention({
      rules: { completed: FOR_EVER, failed: FOR_EVER, cancelled: FOR_EVER, ...rules },
      machine: this.machine,
      proposer: this.proposer,
      now: () => this.nowMs,
      monotonicNow: () => this.#monotonicMs,
      log: { debug() {}, warn() {} },
    });
  }

  apply(command: Unstamped<Command>): Outcome {
    const stamped = { ...command, atMs: this.nowMs } as Command;
    return this.machine.apply(stamped, { index: ++this.index, term: 1 });
  }

  /** Jobs that are cancelled at once: the shortest way to finish. */
  cancelled(jobs: number): void {
    const ids = Array.from({ length: jobs }, () => `job-${++this.index}`);
    const common = { priority: 0, maxRetries: 0, timeoutMs: 0, retryDelayMs: 0 };
    const payload = new Uint8Array(0);
    this.apply({
      kind: "submit",
      jobs: ids.map((id) => ({ id, type: "noop", payload, ...common })),
    } as Unstamped<Command>);
    this.apply({ kind: "cancel", jobIds: ids, reason: "", by: "" } as Unstamped<Command>);
    this.machine.flush();
  }

  count(status: FinishedStatus): number {
    return this.machine.counts().byStatus[status];
  }

  /** One sweep, to its end. */
  async sweep(retention: Retention): Promise<void> {
    while (await retention.step() < 1_000);
  }
}

Deno.test("what is older than its age is forgotten, and what is not yet stays", async () => {
  const bench = new Bench();
  bench.cancelled(3);
  bench.nowMs += 1_000;
  bench.cancelled(2);
  const retention = bench.retention({ cancelled: { ageMs: 500, jobsMax: 0 } });
  await bench.sweep(retention);
  assert.equal(bench.count("cancelled"), 2);
  bench.nowMs += 1_000;
  await bench.sweep(retention);
  assert.equal(bench.count("cancelled"), 0);
});

Deno.test("of too many the ones that finished last stay, and each Command takes a bounded number", async () => {
  const bench = new Bench();
  bench.cancelled(1_000);
  await bench.sweep(bench.retention({ cancelled: { ageMs: 0, jobsMax: 10 } }));
  assert.equal(bench.count("cancelled"), 10);
  assert.equal(bench.proposed.length, 4);
  assert.deepEqual(
    bench.machine.list({ order: "oldest" }).jobs.map(({ seq }) => seq),
    Array.from({ length: 10 }, (_, place) => 991 + place),
  );
});

Deno.test("without bounds nothing is looked for", async () => {
  const bench = new Bench();
  bench.cancelled(5);
  await bench.sweep(bench.retention({}));
  assert.deepEqual(bench.proposed, []);
});

Deno.test("a step that takes long is followed by a pause that is longer", async () => {
  const bench = new Bench();
  bench.cancelled(600);
  bench.commandMs = 100;
  const retention = bench.retention({ cancelled: { ageMs: 0, jobsMax: 1 } });
  assert.equal(await retention.step(), 400);
});

Deno.test("a successor goes on where a deposed leader stopped", async () => {
  const bench = new Bench();
  bench.cancelled(600);
  const rules = { cancelled: { ageMs: 0, jobsMax: 1 } };
  const deposed = bench.retention(rules);
  await deposed.step();
  bench.fails = true;
  await assert.rejects(deposed.step());
  bench.fails = false;
  await bench.sweep(bench.retention(rules));
  assert.equal(bench.count("cancelled"), 1);
});
