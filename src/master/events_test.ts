import assert from "node:assert/strict";
import { type Job, type JobEvent, type JobStatus, NO_OPTIONS } from "../jobs/mod.ts";
import { stepView } from "./events.ts";

/** A job that was started and failed for good within one batch. */
const failed = {
  status: "failed",
  attempt: 2,
  startedAtMs: 5,
  completedAtMs: 9,
  notBeforeMs: 0,
  deadLetter: true,
  requiredTags: {},
  options: NO_OPTIONS,
} as Job;

function step(to: JobStatus, attempt: number): JobEvent {
  return { to, attempt } as JobEvent;
}

Deno.test("a step that a job has left behind tells nothing of its end", () => {
  const running = stepView(failed, step("running", 2));
  assert.equal(running.status, "running");
  assert.equal(running.deadLetter, false);
  assert.equal(running.completedAtMs, undefined);
  assert.equal(stepView(failed, step("pending", 1)).attempt, 1);
});

Deno.test("the last step tells that the job is a dead letter, and since when", () => {
  const { status, deadLetter, completedAtMs } = stepView(failed, step("failed", 2));
  assert.deepEqual({ status, deadLetter, completedAtMs }, {
    status: "failed",
    deadLetter: true,
    completedAtMs: 9,
  });
});
