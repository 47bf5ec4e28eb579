/**
 * Spans of applied Commands, one in the trace of each job that the Command is about. There is none of
 * this while tracing is off.
 *
 * @module
 */

import type { Command, JobMachine, LogPosition } from "../jobs/mod.ts";
import { isSampled, type Tracer } from "../observability/mod.ts";

export interface ApplyTracingOptions {
  readonly tracer: Tracer;
  readonly machine: Pick<JobMachine, "get">;
  /** Spans are the leader's: every replica applies, and one that restarts applies again. */
  readonly isLeader: () => boolean;
}

/** Traces of one Command; a batch may be about thousands of jobs. */
const TRACES_MAX = 64;

export class ApplyTracing {
  readonly #options: ApplyTracingOptions;

  constructor(options: ApplyTracingOptions) {
    this.#options = options;
  }

  /** Runs `apply` within a span in each trace that the Command belongs to. */
  run<Result>(command: Command, position: LogPosition, apply: () => Result): Result {
    const { tracer, isLeader } = this.#options;
    if (!isLeader()) return apply();
    const traces = this.#tracesOf(command);
    if (traces.size === 0) return apply();
    const spans = [...traces].map((parent) =>
      tracer.startSpan("raft.apply_command", {
        parent,
        attributes: {
          "raft.index": position.index,
          "raft.term": position.term,
          "raft.command_type": command.kind,
        },
      })
    );
    try {
      return apply();
    } catch (failure) {
      for (const span of spans) span.recordError(failure);
      throw failure;
    } finally {
      for (const span of spans) span.end();
    }
  }

  #tracesOf(command: Command): Set<string> {
    const traces = new Set<string>();
    for (const traceparent of this.#parentsOf(command)) {
      if (isSampled(traceparent)) traces.add(traceparent);
      if (traces.size === TRACES_MAX) break;
    }
    return traces;
  }

  *#parentsOf(command: Command): Generator<string> {
    switch (command.kind) {
      case "submit":
        for (const { traceparent = "" } of command.jobs) yield traceparent;
        return;
      case "assign":
        for (const { jobId } of command.assignments) yield this.#traceOf(jobId);
        return;
      case "report":
        for (const { jobId } of command.reports) yield this.#traceOf(jobId);
        return;
      case "expire_attempts":
        for (const { jobId } of command.attempts) yield this.#traceOf(jobId);
        return;
      case "cancel":
      case "redrive":
        for (const jobId of command.jobIds) yield this.#traceOf(jobId);
    }
  }

  #traceOf(jobId: string): string {
    return this.#options.machine.get(jobId)?.traceparent ?? "";
  }
}
