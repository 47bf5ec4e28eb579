import assert from "node:assert/strict";
import {
  type Attempt,
  type HistoryEntry,
  type Job,
  NO_OPTIONS,
  type StoredJob,
  type UnmovedJob,
} from "../jobs/mod.ts";
import { JobKinds } from "../jobs/job_kind.ts";
import { JobRecord } from "../jobs/job_record.ts";
import { decodeJob, encodeFinished, encodeJob, encodeLive } from "./job_store_rows.ts";

Deno.test("a submission that nothing has moved has the row of the job that it is", () => {
  const kinds = new JobKinds();
  const names = ["", "ann", 'a "quoted" name', "né\u0000\ud800", "\udc00"];
  for (const [at, name] of names.entries()) {
    const kind = kinds.of({
      ...{ type: `type ${name}`, namespace: name || "default", priority: at, maxRetries: 3 },
      ...{ timeoutMs: 60_000, retryDelayMs: 0, submittedBy: name },
    });
    const own: Omit<UnmovedJob, "kind"> = {
      ...{ id: `job ${name}`, seq: at + 1, payloadBytes: at, createdAtMs: 1_000 + at },
      ...{ idempotencyKey: name, traceparent: name },
    };
    for (const id of [own.id, `another ${name}`]) {
      const record = JobRecord.submitted(
        kind.at(own.createdAtMs),
        { ...own, id },
        new Uint8Array(at),
      );
      const row = encodeLive(record);
      const { job, attempts, history } = record;
      assert.deepEqual(decodeJob(row), { job, attempts, history });
      assert.deepEqual(JSON.parse(row), JSON.parse(encodeJob(record)));
    }
  }
});

const finished: Job = {
  ...{ id: "a", seq: 1, type: "resize", namespace: "default", status: "completed", priority: 5 },
  ...{ maxRetries: 3, timeoutMs: 60_000, retryDelayMs: 1000, payloadBytes: 200 },
  ...{ createdAtMs: 1_000, changedAtMs: 1_020, notBeforeMs: 0, queuedAtMs: 1_000, expiresAtMs: 0 },
  ...{ assignedTo: "w", attempt: 1, failures: 0, crashCount: 0, suspicions: 0, releaseCount: 0 },
  ...{ token: 9, assignedAtMs: 1_010, startedAtMs: 1_011, completedAtMs: 1_020, deadlineMs: 0 },
  ...{ durationMs: 2, errorMessage: "", errorKind: "", deadLetter: false },
  ...{ idempotencyKey: 'k"\ud800é', labels: {}, requiredTags: {}, submittedBy: "ann" },
  ...{ traceparent: "", resultBytes: 0, contentType: "", options: NO_OPTIONS },
};
/** Differs from it in every field. */
const otherJob: Job = {
  ...{ id: "b", seq: 2, type: "scan", namespace: "red", status: "failed", priority: 6 },
  ...{ maxRetries: 4, timeoutMs: 1, retryDelayMs: 2, payloadBytes: 201 },
  ...{ createdAtMs: 999, changedAtMs: 2_000, notBeforeMs: 3, queuedAtMs: 4, expiresAtMs: 5 },
  ...{ assignedTo: "v", attempt: 6, failures: 7, crashCount: 8, suspicions: 9, releaseCount: 10 },
  ...{ token: 11, assignedAtMs: 12, startedAtMs: 13, completedAtMs: 14, deadlineMs: 15 },
  ...{ durationMs: 16, errorMessage: "no", errorKind: "timeout", deadLetter: true },
  ...{ idempotencyKey: "", labels: { a: "b" }, requiredTags: { gpu: "yes" }, submittedBy: "bob" },
  ...{ traceparent: "00-1", resultBytes: 17, contentType: "text/plain" },
  options: { ...NO_OPTIONS, queue: "q" },
};
const attempt: Attempt = {
  ...{ attempt: 1, token: 9, workerId: "w", assignedAtMs: 1_010, startedAtMs: 1_011 },
  ...{ endedAtMs: 1_020, outcome: "completed", error: "" },
};
const otherAttempt: Attempt = {
  ...{ attempt: 2, token: 8, workerId: "v", assignedAtMs: 1_009, startedAtMs: 1_012 },
  ...{ endedAtMs: 1_021, outcome: "failed", error: "no" },
};
const entry: HistoryEntry = {
  ...{ atMs: 1_020, to: "completed", cause: "complete", attempt: 1, workerId: "w", reason: "" },
};
const otherEntry: HistoryEntry = {
  ...{ atMs: 1_001, to: "failed", cause: "fail", attempt: 2, workerId: "v", reason: "why" },
};

Deno.test("a finished job that differs from the one before in a single field has its own row", () => {
  const base: StoredJob = { job: finished, attempts: [attempt], history: [entry] };
  const keysOf = <Item extends object>(item: Item) => Object.keys(item) as (keyof Item)[];
  const others: StoredJob[] = [
    ...keysOf(finished).map((field) => ({
      ...base,
      job: { ...finished, [field]: otherJob[field] },
    })),
    ...keysOf(attempt).map((field) => ({
      ...base,
      attempts: [{ ...attempt, [field]: otherAttempt[field] }],
    })),
    ...keysOf(entry).map((field) => ({
      ...base,
      history: [{ ...entry, [field]: otherEntry[field] }],
    })),
    { ...base, attempts: [] },
    { ...base, history: [] },
    { ...base, attempts: [attempt, otherAttempt], history: [entry, otherEntry] },
  ];
  for (const other of others) {
    for (const stored of [base, base, other, other]) {
      const row = encodeFinished(stored);
      assert.deepEqual(decodeJob(row), stored);
      assert.deepEqual(JSON.parse(row), JSON.parse(encodeJob(stored)));
    }
  }
});
