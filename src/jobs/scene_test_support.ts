/**
 * A machine with a log of what was applied to it, a clock that is stepped, and short words for what
 * leaders, workers and people do. For tests.
 *
 * @module
 */

import assert from "node:assert/strict";
import type {
  Command,
  CompletedReport,
  FailedReport,
  OutcomeOf,
  Report,
  ReportOutcome,
  SubmitSpec,
} from "./command.ts";
import type { WorkerSpec } from "./worker_command.ts";
import type { Job, LogPosition } from "./job.ts";
import { JobMachine, type JobMachineOptions } from "./machine.ts";
import { MemoryJobStore } from "./memory_store.ts";
import type { ScheduleSpec } from "./schedule.ts";
import type { JobStore } from "./store.ts";

type Unstamped<C> = C extends Command ? Omit<C, "atMs"> & { readonly atMs?: number } : never;

/** Which attempt is meant; without a token, the current one. */
interface AttemptOptions {
  readonly token?: number;
  readonly workerId?: string;
}

export class Scene {
  readonly log: { readonly command: Command; readonly position: LogPosition }[] = [];
  readonly store: JobStore;
  readonly options: JobMachineOptions;
  machine: JobMachine;
  nowMs = 1_700_000_000_000;
  term = 1;

  constructor(options: JobMachineOptions = {}, store: JobStore = new MemoryJobStore()) {
    this.options = options;
    this.store = store;
    this.machine = new JobMachine(store, options);
  }

  /** Stamps, logs and applies. */
  apply<U extends Unstamped<Command>>(unstamped: U): OutcomeOf[U["kind"]] {
    const command = { atMs: this.nowMs, ...unstamped } as unknown as Command & { kind: U["kind"] };
    const position = { index: this.log.length + 1, term: this.term };
    this.log.push({ command, position });
    return this.machine.apply(command, position) as OutcomeOf[U["kind"]];
  }

  /** The process dies: what was flushed remains, the log replays the rest. */
  crash(): void {
    this.machine = new JobMachine(this.store, this.options);
    const { index } = this.machine.applied;
    for (const { command, position } of this.log.slice(index)) {
      this.machine.apply(command, position);
    }
  }

  sleep(ms: number): void {
    this.nowMs += ms;
    this.apply({ kind: "advance" });
  }

  submit(id: string, spec: Partial<SubmitSpec> = {}): string {
    const { results: [outcome] } = this.apply({ kind: "submit", jobs: [specOf(id, spec)] });
    assert.equal(outcome?.status, "accepted", JSON.stringify(outcome));
    return id;
  }

  register(
    id: string,
    spec: Partial<WorkerSpec> = {},
    running?: { jobId: string; token: number }[],
  ) {
    const outcome = this.apply({
      kind: "register_worker",
      worker: workerOf(id, spec),
      ...(running && { runningAttempts: running }),
    });
    assert.equal(outcome.status, "registered", JSON.stringify(outcome));
    return outcome;
  }

  /** Returns the token. */
  assign(jobId: string, workerId = "w1", sessionId = this.machine.worker(workerId)?.sessionId) {
    const { results: [outcome] } = this.apply({
      kind: "assign",
      assignments: [{ jobId, workerId, sessionId: sessionId ?? "" }],
    });
    assert.equal(outcome?.status, "assigned", JSON.stringify(outcome));
    return outcome.token;
  }

  report(report: Report): ReportOutcome {
    return this.apply({ kind: "report", reports: [report] }).results[0]!;
  }

  start(jobId: string, attempt: AttemptOptions = {}): ReportOutcome {
    return this.report({ kind: "started", ...this.#attempt(jobId, attempt) });
  }

  complete(
    jobId: string,
    { token, workerId, ...report }: AttemptOptions & Partial<CompletedReport> = {},
  ) {
    return this.report({
      output: new Uint8Array([1, 2, 3]),
      contentType: "text/plain",
      durationMs: 5,
      ...report,
      kind: "completed",
      ...this.#attempt(jobId, { token, workerId }),
    });
  }

  fail(jobId: string, { token, workerId, ...report }: AttemptOptions & Partial<FailedReport> = {}) {
    return this.report({
      error: "it broke",
      permanent: false,
      durationMs: 5,
      ...report,
      kind: "failed",
      ...this.#attempt(jobId, { token, workerId }),
    });
  }

  release(jobId: string, attempt: AttemptOptions = {}): ReportOutcome {
    return this.report({ kind: "released", reason: "drain", ...this.#attempt(jobId, attempt) });
  }

  cancel(jobId: string) {
    const command = { kind: "cancel", jobIds: [jobId], reason: "not needed", by: "ann" } as const;
    return this.apply(command).results[0]!;
  }

  redrive(jobId: string) {
    return this.apply({ kind: "redrive", jobIds: [jobId], newPlace: true }).results[0]!;
  }

  expireWorker(workerId: string) {
    const sessionId = this.machine.worker(workerId)?.sessionId ?? "";
    return this.apply({ kind: "expire_worker", workerId, sessionId, reason: "silent for 10 s" });
  }

  expireAttempt(jobId: string, reason: "timeout" | "not_started", token = this.job(jobId).token) {
    return this.apply({ kind: "expire_attempts", attempts: [{ jobId, token, reason }] })
      .results[0]!;
  }

  /** Pending jobs of one shape, class and lane, in their order. */
  pendingIds(): string[] {
    const [shape] = [...this.machine.view().shapes];
    const lane = shape?.classes().next().value?.lanes().next().value;
    const ids: string[] = [];
    const jobs = lane?.inOrder();
    for (let step = jobs?.next(); step?.done === false; step = jobs?.next()) {
      ids.push(step.value.id);
    }
    return ids;
  }

  job(id: string): Job {
    const job = this.machine.get(id);
    assert.ok(job !== undefined, `there is no job ${id}`);
    return job;
  }

  #attempt(jobId: string, { token, workerId }: { token?: number; workerId?: string }) {
    const job = this.machine.get(jobId);
    return { jobId, token: token ?? job?.token ?? 0, workerId: workerId ?? job?.assignedTo ?? "" };
  }
}

/** The object has these fields, among others. */
export function assertFields(object: object, fields: Record<string, unknown>): void {
  const found = Object.fromEntries(
    Object.keys(fields).map((name) => [name, (object as Record<string, unknown>)[name]]),
  );
  assert.deepEqual(found, fields);
}

/** A submission with nothing special about it. */
export function specOf(id: string, spec: Partial<SubmitSpec> = {}): SubmitSpec {
  return {
    id,
    type: "resize",
    payload: new TextEncoder().encode(`payload of ${id}`),
    priority: 0,
    maxRetries: 2,
    timeoutMs: 30_000,
    retryDelayMs: 1000,
    ...spec,
  };
}

/** A worker that takes everything. */
export function workerOf(id: string, spec: Partial<WorkerSpec> = {}): WorkerSpec {
  return {
    id,
    sessionId: `${id}-session`,
    address: "127.0.0.1:1",
    slots: 10,
    jobTypes: null,
    tags: {},
    version: "1.0.0",
    ...spec,
  };
}

/** A schedule that is due every second, whoever computes when. */
export function scheduleOf(name: string, spec: Partial<ScheduleSpec> = {}): ScheduleSpec {
  return {
    name,
    timing: { kind: "every", everyMs: 1000, anchorMs: 0, startAtMs: 0, endAtMs: 0 },
    template: specOf(""),
    overlap: "allow",
    catchUp: "last",
    catchUpMax: 1,
    graceMs: 0,
    createdBy: "ann",
    ...spec,
  };
}
