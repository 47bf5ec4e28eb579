import assert from "node:assert/strict";
import { Scene } from "../jobs/scene_test_support.ts";
import type { AssignOutcome } from "../jobs/mod.ts";
import { silentTracer, type StartSpanOptions, type Tracer } from "../observability/mod.ts";
import { traceAssignments } from "./assign_tracing.ts";

const RECORDED = `00-${"a".repeat(32)}-${"a".repeat(16)}-01`;
const UNRECORDED = `00-${"b".repeat(32)}-${"b".repeat(16)}-00`;

Deno.test("an assignment is told in its job's trace, if that is recorded, with how long the job has waited", () => {
  const scene = new Scene();
  scene.register("w1", { slots: 3 });
  scene.submit("traced", { traceparent: RECORDED });
  scene.submit("unrecorded", { traceparent: UNRECORDED });
  scene.submit("untraced");
  scene.sleep(250);
  const outcomes = ["traced", "unrecorded", "untraced"].flatMap((jobId) => {
    const [outcome] = scene.apply({
      kind: "assign",
      assignments: [{
        jobId,
        workerId: "w1",
        sessionId: scene.machine.worker("w1")!.sessionId,
      }],
    }).results as readonly AssignOutcome[];
    return outcome ?? [];
  });
  const refused = { ...outcomes[0], status: "refused", reason: "unknown_job" } as AssignOutcome;
  const started: (StartSpanOptions & { readonly name: string })[] = [];
  const tracer: Tracer = {
    ...silentTracer,
    startSpan: (name, options = {}) => {
      started.push({ name, ...options });
      return silentTracer.startSpan(name, options);
    },
  };
  traceAssignments(tracer, [refused, ...outcomes], { policy: "least-loaded", plannedAtMs: 7 });
  assert.deepEqual(started, [{
    name: "scheduler.assign_job",
    parent: RECORDED,
    startMs: 7,
    attributes: {
      "scheduler.policy": "least-loaded",
      "worker.id": "w1",
      "job.attempt": 1,
      "job.wait_ms": 250,
    },
  }]);
});
