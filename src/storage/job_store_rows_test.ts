import assert from "node:assert/strict";
import type { HistoryEntry, Job, StoredJob } from "../jobs/mod.ts";
import { NO_OPTIONS } from "../jobs/mod.ts";
import { decodeJob, encodeJob } from "./job_store_rows.ts";

const submitted: Job = {
  ...{ id: "a", seq: 1, type: "resize", namespace: "default", status: "pending", priority: 5 },
  ...{ maxRetries: 3, timeoutMs: 60_000, retryDelayMs: 1000, payloadBytes: 200 },
  ...{ createdAtMs: 1_000, changedAtMs: 1_000, notBeforeMs: 0, queuedAtMs: 1_000, expiresAtMs: 0 },
  ...{ assignedTo: "", attempt: 0, failures: 0, crashCount: 0, suspicions: 0, releaseCount: 0 },
  ...{ token: 0, assignedAtMs: 0, startedAtMs: 0, completedAtMs: 0, deadlineMs: 0, durationMs: 0 },
  ...{
    errorMessage: "",
    errorKind: "",
    deadLetter: false,
    idempotencyKey: 'k"\ud800é',
    labels: {},
  },
  ...{ requiredTags: {}, submittedBy: "ann", traceparent: "", resultBytes: 0, contentType: "" },
  options: NO_OPTIONS,
};
const submission: HistoryEntry = {
  ...{ atMs: 1_000, to: "pending", cause: "submit", attempt: 0, workerId: "", reason: "" },
};
const base: StoredJob = { job: submitted, attempts: [], history: [submission] };

/** Another value of the same kind. */
const otherJob: Job = {
  ...{ id: "b", seq: 2, type: "scan", namespace: "red", status: "waiting", priority: 6 },
  ...{ maxRetries: 4, timeoutMs: 1, retryDelayMs: 2, payloadBytes: 201 },
  ...{ createdAtMs: 999, changedAtMs: 2_000, notBeforeMs: 3, queuedAtMs: 4, expiresAtMs: 5 },
  ...{ assignedTo: "w", attempt: 6, failures: 7, crashCount: 8, suspicions: 9, releaseCount: 10 },
  ...{ token: 11, assignedAtMs: 12, startedAtMs: 13, completedAtMs: 14, deadlineMs: 15 },
  ...{ durationMs: 16, errorMessage: "no", errorKind: "timeout", deadLetter: true },
  ...{ idempotencyKey: "", labels: { a: "b" }, requiredTags: { gpu: "yes" }, submittedBy: "bob" },
  ...{ traceparent: "00-1", resultBytes: 17, contentType: "text/plain" },
  options: { ...NO_OPTIONS, queue: "q" },
};
const otherEntry: HistoryEntry = {
  ...{ atMs: 1_001, to: "waiting", cause: "redrive", attempt: 1, workerId: "w", reason: "why" },
};

Deno.test("a job that differs from the one before in a single field comes back as it was", () => {
  for (const field of Object.keys(submitted) as (keyof Job)[]) {
    const other: StoredJob = { ...base, job: { ...submitted, [field]: otherJob[field] } };
    for (const stored of [base, base, other, other]) {
      assert.deepEqual(decodeJob(encodeJob(stored)), stored, field);
    }
  }
});

Deno.test("a history that differs from the one before comes back as it was", () => {
  const histories = (Object.keys(submission) as (keyof HistoryEntry)[])
    .map((field) => [{ ...submission, [field]: otherEntry[field] }]);
  for (const history of [...histories, [], [submission, otherEntry]]) {
    for (const stored of [base, { ...base, history }]) {
      assert.deepEqual(decodeJob(encodeJob(stored)), stored);
    }
  }
});
