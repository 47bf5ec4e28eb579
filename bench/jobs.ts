/**
 * How fast the replicated state applies Commands, on one core and without Raft or network: the
 * bytes of a log entry are decoded, applied, and flushed to `state.db`.
 *
 *     deno run -A bench/jobs.ts [--jobs N]
 *
 * @module
 */

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "node:os";
import process from "node:process";
import {
  type AssignCommand,
  type Assignment,
  type Command,
  JobMachine,
  type LogPosition,
  type OutcomeOf,
  type ReportCommand,
  type SubmitCommand,
} from "../src/jobs/mod.ts";
import { plan } from "../src/scheduler/mod.ts";
import { decodeCommand, encodeCommand, SqliteJobStore } from "../src/storage/mod.ts";

const jobsPerRun = Number(Deno.args[Deno.args.indexOf("--jobs") + 1] ?? NaN) || 100_000;
const payload = new Uint8Array(200).fill(7);
const startMs = 1_700_000_000_000;

/** A machine on a temporary state.db, fed with encoded Commands. */
class Bench {
  readonly directory = mkdtempSync(join(tmpdir(), "conductor-bench-"));
  store = SqliteJobStore.open(this.directory);
  machine = new JobMachine(this.store, { eventsMax: 10_000 });
  #index = 0;
  #jobs = 0;
  #unflushed = 0;
  /** How long each flush took, in ms; it holds up the node. */
  readonly flushMs: number[] = [];

  position(): LogPosition {
    return { index: ++this.#index, term: 1 };
  }

  apply<C extends Command>(bytes: Uint8Array): OutcomeOf[C["kind"]] {
    const outcome = this.machine.apply(decodeCommand(bytes), this.position());
    if (++this.#unflushed % 64 === 0) this.machine.drainEvents();
    if (this.machine.dirtyCount >= 500) this.flush();
    return outcome as OutcomeOf[C["kind"]];
  }

  flush(): void {
    const startedMs = performance.now();
    this.machine.flush();
    this.flushMs.push(performance.now() - startedMs);
  }

  submission(batch: number, withKeys: boolean): Uint8Array {
    const command: SubmitCommand = {
      kind: "submit",
      atMs: startMs + this.#index,
      jobs: Array.from({ length: batch }, () => {
        const id = `0199c0de-0000-7000-8000-${String(++this.#jobs).padStart(12, "0")}`;
        return {
          id,
          type: "noop",
          payload,
          priority: 0,
          maxRetries: 3,
          timeoutMs: 60_000,
          retryDelayMs: 1000,
          submittedBy: "admin",
          ...(withKeys && { idempotencyKey: `request-${id}`, fingerprint: "f" }),
        };
      }),
    };
    return encodeCommand(command);
  }

  registerWorker(slots: number): void {
    this.apply(encodeCommand({
      kind: "register_worker",
      atMs: startMs,
      worker: {
        id: "worker-1",
        sessionId: "session-1",
        address: "",
        slots,
        jobTypes: null,
        tags: {},
        version: "1",
      },
    }));
  }

  reopen(): void {
    this.store.close();
    this.store = SqliteJobStore.open(this.directory);
    this.machine = new JobMachine(this.store, { eventsMax: 10_000 });
    this.#index = this.machine.applied.index;
  }

  close(): void {
    this.store.close();
    rmSync(this.directory, { recursive: true });
  }
}

function timed(what: string, jobs: number, run: () => void): void {
  const startedMs = performance.now();
  const cpuBefore = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(cpuBefore);
  const elapsedMs = performance.now() - startedMs;
  const rate = Math.round(jobs / elapsedMs * 1000).toLocaleString("en");
  const each = (elapsedMs * 1000 / jobs).toFixed(2);
  const cpu = ((user + system) / jobs).toFixed(2);
  console.log(
    `${what.padEnd(58)} ${rate.padStart(10)}/s ${each.padStart(9)} µs each, ${
      cpu.padStart(9)
    } µs of CPU`,
  );
}

/** Submits, and runs all jobs to their end through a worker of 1,000 slots. */
function cycle(bench: Bench, jobs: number, batch: number): void {
  for (let done = 0; done < jobs; done += batch) {
    bench.apply(bench.submission(batch, false));
    runPending(bench, batch);
  }
}

function runPending(bench: Bench, batch: number): void {
  for (;;) {
    const assignments: Assignment[] = plan(
      bench.machine.view(),
      { policy: "least-loaded", random: Math.random },
      { assignmentsMax: batch },
    );
    if (assignments.length === 0) return;
    const assign: AssignCommand = { kind: "assign", atMs: startMs, assignments };
    const outcome = bench.apply<AssignCommand>(encodeCommand(assign));
    const report: ReportCommand = {
      kind: "report",
      atMs: startMs,
      reports: outcome.results.map((each) => {
        if (each.status !== "assigned") throw new Error(each.message);
        return {
          kind: "completed",
          jobId: each.jobId,
          token: each.token,
          workerId: each.workerId,
          output: payload,
          contentType: "application/json",
          durationMs: 1,
        };
      }),
    };
    bench.apply(encodeCommand(report));
  }
}

function main(): void {
  console.log(`${jobsPerRun.toLocaleString("en")} jobs of ${payload.length} bytes a run\n`);
  const encoder = new Bench();
  const entries: Uint8Array[] = [];
  timed("encode submissions, batches of 100", jobsPerRun, () => {
    for (let jobs = 0; jobs < jobsPerRun; jobs += 100) {
      entries.push(encoder.submission(100, false));
    }
  });
  timed(`decode them (${(entries[0]!.length / 100).toFixed(0)} bytes each)`, jobsPerRun, () => {
    for (const entry of entries) decodeCommand(entry);
  });
  encoder.close();
  for (const [batch, withKeys] of [[1, false], [100, false], [100, true]] as const) {
    const bench = new Bench();
    const commands = Array.from(
      { length: jobsPerRun / batch },
      () => bench.submission(batch, withKeys),
    );
    const keys = withKeys ? ", with idempotency keys" : "";
    timed(`submit, batches of ${batch}${keys}: decode, apply, flush`, jobsPerRun, () => {
      for (const command of commands) bench.apply(command);
      bench.flush();
    });
    bench.close();
  }

  const bench = new Bench();
  bench.registerWorker(1000);
  timed("full cycle, batches of 1: encode, decode, apply, plan", jobsPerRun / 10, () => {
    cycle(bench, jobsPerRun / 10, 1);
    bench.flush();
  });
  timed("full cycle, batches of 100", jobsPerRun, () => {
    cycle(bench, jobsPerRun, 100);
    bench.flush();
  });
  timed("checkpoint", 1, () => bench.machine.checkpoint());
  timed(`open with ${bench.machine.counts().total.toLocaleString("en")} finished jobs`, 1, () => {
    bench.reopen();
  });
  timed("list the newest 100 finished", 100, () => {
    for (let round = 0; round < 100; round++) bench.machine.list({ status: "completed" });
  });
  timed(`list 100 at offset ${jobsPerRun / 2}`, 10, () => {
    for (let round = 0; round < 10; round++) bench.machine.list({ offset: jobsPerRun / 2 });
  });
  timed("full cycle, batches of 100, on top of those", jobsPerRun / 10, () => {
    cycle(bench, jobsPerRun / 10, 100);
    bench.flush();
  });
  const backlog = Array.from({ length: jobsPerRun / 100 }, () => bench.submission(100, false));
  timed("submit a backlog, batches of 100", jobsPerRun, () => {
    for (const command of backlog) bench.apply(command);
    bench.flush();
  });
  timed("full cycle with that backlog pending", jobsPerRun / 10, () => {
    cycleOnce(bench, jobsPerRun / 10);
    bench.flush();
  });
  bench.machine.checkpoint();
  timed(`open with ${bench.machine.liveJobs.toLocaleString("en")} unfinished jobs`, 1, () => {
    bench.reopen();
  });
  const flushMs = bench.flushMs.toSorted((a, b) => a - b);
  const at = (part: number) => flushMs[Math.floor((flushMs.length - 1) * part)]!.toFixed(1);
  console.log(
    `\nflushes of the cycles: median ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`,
  );
  const { rss } = Deno.memoryUsage();
  console.log(`resident memory at the end: ${Math.round(rss / 1024 / 1024)} MiB`);
  bench.close();
}

/** Assigns and completes so many jobs of the backlog, in batches of 100. */
function cycleOnce(bench: Bench, jobs: number): void {
  for (let done = 0; done < jobs; done += 100) {
    const assignments = plan(
      bench.machine.view(),
      { policy: "least-loaded", random: Math.random },
      {
        assignmentsMax: 100,
      },
    );
    const outcome = bench.apply<AssignCommand>(
      encodeCommand({ kind: "assign", atMs: startMs, assignments }),
    );
    bench.apply(encodeCommand({
      kind: "report",
      atMs: startMs,
      reports: outcome.results.map(({ jobId, workerId }) => ({
        kind: "completed" as const,
        jobId,
        token: 0,
        workerId,
        output: payload,
        contentType: "",
        durationMs: 1,
      })),
    }));
  }
}

main();
