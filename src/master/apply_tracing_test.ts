import assert from "node:assert/strict";
import type { Command, Job, SubmitSpec } from "../jobs/mod.ts";
import { silentTracer, type StartSpanOptions, type Tracer } from "../observability/mod.ts";
import { ApplyTracing } from "./apply_tracing.ts";

interface Started extends StartSpanOptions {
  readonly name: string;
  isEnded: boolean;
  failure?: unknown;
}

function scene(isLeader = true, traceparents: Readonly<Record<string, string>> = {}) {
  const started: Started[] = [];
  const tracer: Tracer = {
    ...silentTracer,
    isEnabled: true,
    startSpan: (name, options = {}) => {
      const span: Started = { name, ...options, isEnded: false };
      started.push(span);
      return {
        traceId: "",
        traceparent: "",
        isRecording: true,
        setAttribute() {},
        addEvent() {},
        end: () => span.isEnded = true,
        recordError: (failure) => span.failure = failure,
      };
    },
  };
  const machine = { get: (id: string) => ({ traceparent: traceparents[id] ?? "" }) as Job };
  const tracing = new ApplyTracing({ tracer, machine, isLeader: () => isLeader });
  return { started, tracing };
}

/** Places in traces that are recorded, and one in a trace that is not. */
const A = `00-${"a".repeat(32)}-${"a".repeat(16)}-01`;
const B = `00-${"b".repeat(32)}-${"b".repeat(16)}-01`;
const UNRECORDED = `00-${"c".repeat(32)}-${"c".repeat(16)}-00`;

function submitOf(...traceparents: (string | undefined)[]): Command {
  const jobs = traceparents.map((traceparent) => ({ traceparent }) as SubmitSpec);
  return { kind: "submit", atMs: 0, jobs };
}

const AT = { index: 7, term: 3 };

Deno.test("a Command has one span in every trace that it is about, while it is applied", () => {
  const { started, tracing } = scene();
  const result = tracing.run(submitOf(A, B, A, undefined, "", UNRECORDED), AT, () => {
    assert.deepEqual(started.map(({ isEnded }) => isEnded), [false, false]);
    return "applied";
  });
  assert.equal(result, "applied");
  assert.deepEqual(started.map(({ parent, isEnded }) => [parent, isEnded]), [[A, true], [B, true]]);
  assert.deepEqual(started[0]?.attributes, {
    "raft.index": 7,
    "raft.term": 3,
    "raft.command_type": "submit",
  });
});

Deno.test("Commands that name jobs are told in those jobs' traces, others in none", () => {
  const { started, tracing } = scene(true, { j1: A, j2: B, j3: UNRECORDED });
  const jobIds = ["j1", "j2", "j3"];
  const commands: Command[] = [
    {
      kind: "assign",
      atMs: 0,
      assignments: jobIds.map((jobId) => ({ jobId, workerId: "w", sessionId: "s" })),
    },
    {
      kind: "report",
      atMs: 0,
      reports: jobIds.map((jobId) => ({ kind: "started", jobId, token: 1, workerId: "w" })),
    },
    { kind: "cancel", atMs: 0, jobIds, reason: "", by: "" },
    { kind: "redrive", atMs: 0, jobIds },
    {
      kind: "expire_attempts",
      atMs: 0,
      attempts: jobIds.map((jobId) => ({ jobId, token: 1, reason: "timeout" })),
    },
    { kind: "advance", atMs: 0 },
  ];
  for (const command of commands) tracing.run(command, AT, () => {});
  assert.deepEqual(
    started.map(({ parent, attributes }) => `${attributes?.["raft.command_type"]} ${parent}`),
    ["assign", "report", "cancel", "redrive", "expire_attempts"].flatMap((kind) => [
      `${kind} ${A}`,
      `${kind} ${B}`,
    ]),
  );
});

Deno.test("a follower, and a node that applies its log again, record nothing", () => {
  const { started, tracing } = scene(false);
  assert.equal(tracing.run(submitOf(A), AT, () => 1), 1);
  assert.deepEqual(started, []);
});

Deno.test("an apply that fails is told in its spans, and still fails", () => {
  const { started, tracing } = scene();
  const failure = new Error("disk full");
  assert.throws(() =>
    tracing.run(submitOf(A), AT, () => {
      throw failure;
    }), failure);
  assert.deepEqual([started[0]?.failure, started[0]?.isEnded], [failure, true]);
});
