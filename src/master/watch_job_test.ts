import assert from "node:assert/strict";
import { type Command, JobMachine, MemoryJobStore } from "../jobs/mod.ts";
import type { JobEventView } from "../rpc/mod.ts";
import type { MasterContext } from "./context.ts";
import { stepView } from "./events.ts";
import { JobsApi } from "./jobs_api.ts";
import type { Unstamped } from "./proposer.ts";
import { JobWatchers } from "./watchers.ts";

type Body = { [Kind in Command["kind"]]: Unstamped<Command & { kind: Kind }> }[Command["kind"]];

/** A master with one worker that runs the job "j". */
class Bench {
  readonly machine = new JobMachine(new MemoryJobStore());
  readonly watchers = new JobWatchers();
  readonly api = new JobsApi({
    machine: this.machine,
    watchers: this.watchers,
    proposer: { readBarrier: () => Promise.resolve() },
    barrierTimeoutMs: 1_000,
    now: () => 0,
  } as unknown as MasterContext);
  #index = 0;

  constructor() {
    const worker = { id: "w1", sessionId: "s1", address: "", slots: 1, jobTypes: null, tags: {} };
    this.apply({ kind: "register_worker", worker: { ...worker, version: "1" } });
    const spec = { id: "j", type: "noop", payload: new Uint8Array(0), priority: 0, maxRetries: 0 };
    this.apply({ kind: "submit", jobs: [{ ...spec, timeoutMs: 0, retryDelayMs: 0 }] });
    this.apply({
      kind: "assign",
      assignments: [{ jobId: "j", workerId: "w1", sessionId: "s1" }],
    });
    this.report({ kind: "started", jobId: "j", token: 0, workerId: "w1" });
    this.machine.drainEvents();
  }

  apply(command: Body): void {
    const stamped = { ...command, atMs: 1_000 } as unknown as Command;
    this.machine.apply(stamped, { index: ++this.#index, term: 1 });
  }

  report(report: (Command & { kind: "report" })["reports"][number]): void {
    this.apply({ kind: "report", reports: [report] });
  }

  complete(...logTail: string[]): void {
    this.report({
      kind: "completed",
      jobId: "j",
      token: 0,
      workerId: "w1",
      output: new Uint8Array(0),
      contentType: "",
      durationMs: 1,
      logTail,
      logLinesCut: 0,
    });
    for (const event of this.machine.drainEvents()) {
      const job = stepView(this.machine.get("j")!, event);
      this.watchers.tell("j", { kind: "state", atMs: event.atMs, job });
      this.watchers.forget("j");
    }
  }

  log(firstLine: number, ...logLines: string[]): void {
    const { token, attempt } = this.machine.get("j")!;
    this.watchers.take(
      { jobId: "j", token, fraction: 0, message: "", logLines, firstLine },
      attempt,
      0,
    );
  }

  /** What a watcher hears until the job is over; `during` runs once it has heard what there is. */
  async heard(logFromLine: number, during: () => void): Promise<string[]> {
    const heard: string[] = [];
    const send = (event: JobEventView) => {
      if (event.kind === "log") heard.push(`${event.firstLine}: ${event.lines.join()}`);
      if (event.kind === "state") heard.push(event.job.status);
      if (heard.length === 1) setImmediate(during);
      return Promise.resolve();
    };
    const call = {
      caller: { userId: "ann", roles: [] },
      signal: new AbortController().signal,
    };
    await this.api.watchJob("j", send, call, logFromLine);
    return heard;
  }
}

Deno.test("who watches hears the lines that come, and before them those kept if that was asked for", async () => {
  const bench = new Bench();
  bench.log(1, "a", "b");
  const all = await bench.heard(1, () => {
    bench.log(3, "c");
    bench.complete("a", "b", "c");
  });
  assert.deepEqual(all, ["running", "1: a,b", "3: c", "completed"]);
  const other = new Bench();
  other.log(1, "a", "b");
  const later = await other.heard(0, () => {
    other.log(3, "c");
    other.complete("a", "b", "c");
  });
  assert.deepEqual(later, ["running", "3: c", "completed"]);
});

Deno.test("lines that came with the end of the attempt alone are told before it", async () => {
  const bench = new Bench();
  const heard = await bench.heard(1, () => {
    bench.log(1, "a");
    bench.complete("a", "b", "c");
  });
  assert.deepEqual(heard, ["running", "1: a", "2: b,c", "completed"]);
});

Deno.test("of a job that is over the log is told, and then its end", async () => {
  const bench = new Bench();
  bench.complete("a", "b");
  assert.deepEqual(await bench.heard(1, () => {}), ["1: a,b", "completed"]);
  assert.deepEqual(await bench.heard(2, () => {}), ["2: b", "completed"]);
  assert.deepEqual(await bench.heard(0, () => {}), ["completed"]);
});
