import assert from "node:assert/strict";
import { type Command, JobMachine, MemoryJobStore, type SubmitSpec } from "../jobs/mod.ts";
import { type CallContext, Refusal } from "../rpc/mod.ts";
import { BulkApi } from "./bulk_api.ts";
import type { MasterContext } from "./context.ts";
import type { AuditedAct } from "./options.ts";
import type { Unstamped } from "./proposer.ts";

/** A leader whose log takes everything at once. */
class Bench {
  readonly machine = new JobMachine(new MemoryJobStore());
  readonly proposed: Command[] = [];
  readonly audited: AuditedAct[] = [];
  /** Called before each Command. */
  before: () => void = () => {};
  readonly api: BulkApi;
  readonly call = {
    method: "/proto.MasterService/CancelJobs",
    requestId: "r1",
    caller: { userId: "ann", roles: [] },
    signal: new AbortController().signal,
  } as unknown as CallContext;
  #index = 0;

  constructor() {
    this.api = new BulkApi({
      machine: this.machine,
      proposer: {
        propose: async (command: Unstamped<Command>) => {
          await Promise.resolve();
          this.before();
          this.proposed.push(command as Command);
          return this.apply(command);
        },
        readBarrier: () => Promise.resolve(),
      },
      duties: { schedule() {} },
      audit: (act: AuditedAct) => this.audited.push(act),
    } as unknown as MasterContext);
  }

  apply(command: Unstamped<Command>) {
    const stamped = { ...command, atMs: 1_000 } as Command;
    return this.machine.apply(stamped, { index: ++this.#index, term: 1 });
  }

  submit(count: number, prefix: string, spec: Partial<SubmitSpec> = {}): void {
    const common = { type: "noop", priority: 0, maxRetries: 0, timeoutMs: 0, retryDelayMs: 0 };
    const jobs = Array.from({ length: count }, (_, number) => ({
      id: `${prefix}-${number}`,
      payload: new Uint8Array(0),
      ...common,
      ...spec,
    }));
    this.apply({ kind: "submit", jobs } as Unstamped<Command>);
  }

  /** Jobs that failed for good. */
  deadLetters(count: number, prefix: string): void {
    this.apply({
      kind: "register_worker",
      worker: {
        id: "w1",
        sessionId: "s1",
        address: "",
        slots: 10_000,
        jobTypes: null,
        tags: {},
        version: "1",
      },
    } as Unstamped<Command>);
    this.submit(count, prefix);
    const ids = Array.from({ length: count }, (_, number) => `${prefix}-${number}`);
    this.apply({
      kind: "assign",
      assignments: ids.map((jobId) => ({ jobId, workerId: "w1", sessionId: "s1" })),
    } as Unstamped<Command>);
    this.apply({
      kind: "report",
      reports: ids.map((jobId) => ({
        kind: "failed",
        jobId,
        token: 0,
        workerId: "w1",
        error: "no",
        permanent: true,
        durationMs: 1,
      })),
    } as Unstamped<Command>);
  }

  count(status: "pending" | "cancelled" | "failed"): number {
    return this.machine.counts().byStatus[status];
  }
}

Deno.test("all unfinished jobs of a filter are cancelled, in Commands of a bounded size, and no others", async () => {
  const bench = new Bench();
  bench.submit(1_200, "wanted", { labels: { team: "red" } });
  bench.submit(5, "other");
  const selection = { filter: { labels: { team: "red" } }, dryRun: true };
  const dry = await bench.api.cancelJobs(selection, "", bench.call);
  assert.deepEqual(dry, { matched: 1_200, changed: 0 });
  assert.deepEqual(bench.proposed, []);
  const answer = await bench.api.cancelJobs({ ...selection, dryRun: false }, "why", bench.call);
  assert.deepEqual(answer, { matched: 1_200, changed: 1_200 });
  assert.equal(bench.proposed.length, 3);
  assert.equal(bench.count("pending"), 5);
  assert.match(bench.machine.get("wanted-0")!.errorMessage, /by ann: why/);
  assert.deepEqual(
    bench.audited.map(({ act, target, detail, outcome }) => ({ act, target, detail, outcome })),
    [{ act: "cancel_jobs", target: "label team=red", detail: "1200 jobs", outcome: "done" }],
  );
});

Deno.test("jobs that are submitted while others are cancelled stay", async () => {
  const bench = new Bench();
  bench.submit(600, "early");
  let late = 0;
  bench.before = () => bench.submit(10, `late-${++late}`);
  const selection = { filter: { type: "noop" }, dryRun: false };
  const answer = await bench.api.cancelJobs(selection, "", bench.call);
  assert.deepEqual(answer, { matched: 600, changed: 600 });
  assert.equal(bench.count("pending"), 20);
});

Deno.test("what ended meanwhile is counted as found and not as cancelled", async () => {
  const bench = new Bench();
  bench.submit(3, "job");
  bench.before = () => {
    bench.apply({ kind: "cancel", jobIds: ["job-1"], reason: "", by: "" } as Unstamped<Command>);
  };
  const selection = { filter: { type: "noop" }, dryRun: false };
  const answer = await bench.api.cancelJobs(selection, "", bench.call);
  assert.deepEqual(answer, { matched: 3, changed: 2 });
});

Deno.test("a call that is cut short says how far it came, and is not tried again by others", async () => {
  const bench = new Bench();
  bench.submit(1_000, "job");
  bench.before = () => {
    if (bench.proposed.length === 1) throw new Refusal("not_leader", "b leads");
  };
  const selection = { filter: { type: "noop" }, dryRun: false };
  await assert.rejects(bench.api.cancelJobs(selection, "", bench.call), {
    reason: "outcome_unknown",
    message: "b leads; it had been done to 500 jobs, so call again",
  });
  assert.equal(bench.audited[0]?.outcome, "failed");
});

Deno.test("dead letters of a filter are retried, flushed or not", async () => {
  const bench = new Bench();
  bench.deadLetters(3, "flushed");
  bench.machine.flush();
  bench.deadLetters(2, "fresh");
  bench.submit(1, "pending");
  const answer = await bench.api.retryDeadLetters({ filter: {}, dryRun: false }, bench.call);
  assert.deepEqual(answer, { matched: 5, changed: 5 });
  assert.equal(bench.count("pending"), 6);
});

Deno.test("dead letters are purged for ever, and one that was redriven meanwhile is spared", async () => {
  const bench = new Bench();
  bench.deadLetters(3, "dead");
  bench.before = () => {
    bench.apply({ kind: "redrive", jobIds: ["dead-1"] } as Unstamped<Command>);
    bench.apply({ kind: "cancel", jobIds: ["dead-1"], reason: "", by: "" } as Unstamped<Command>);
  };
  const answer = await bench.api.purgeDeadLetters({ filter: {}, dryRun: false }, bench.call);
  assert.deepEqual(answer, { matched: 3, changed: 2 });
  assert.equal(bench.machine.get("dead-0"), undefined);
  assert.equal(bench.machine.get("dead-1")?.status, "cancelled");
});

Deno.test("one job that is no dead letter among those named, and nothing is purged", async () => {
  const bench = new Bench();
  bench.deadLetters(1, "dead");
  bench.submit(1, "alive");
  const purge = (jobIds: string[]) =>
    bench.api.purgeDeadLetters({ jobIds, dryRun: false }, bench.call);
  await assert.rejects(purge(["dead-0", "alive-0"]), { reason: "failed_precondition" });
  await assert.rejects(purge(["dead-0", "nobody"]), { reason: "not_found" });
  assert.deepEqual(await purge(["dead-0"]), { matched: 1, changed: 1 });
});
