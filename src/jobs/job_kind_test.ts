import assert from "node:assert/strict";
import type { HistoryEntry, Job } from "./job.ts";
import { isUnmoved, JobKinds, type KindFields, submittedJob } from "./job_kind.ts";
import { NO_OPTIONS } from "./job_options.ts";
import { JobRecord } from "./job_record.ts";

const submitted = submittedJob({
  ...{ namespace: "default", status: "pending", labels: {}, requiredTags: {} },
  ...{ notBeforeMs: 0, expiresAtMs: 0, options: NO_OPTIONS },
  ...{ id: "a", seq: 7, type: "resize", priority: 5, maxRetries: 3, timeoutMs: 60_000 },
  ...{ retryDelayMs: 1000, payloadBytes: 200, createdAtMs: 1_000 },
  ...{ queuedAtMs: 1_000, idempotencyKey: "k", submittedBy: "ann", traceparent: "00-1" },
});
const submission: HistoryEntry = {
  ...{ atMs: 1_000, to: "pending", cause: "submit", attempt: 0, workerId: "", reason: "" },
};

/** Another value of the same kind, for each field. */
const other: Job = {
  ...{ id: "b", seq: 8, type: "scan", namespace: "red", status: "waiting", priority: 6 },
  ...{ maxRetries: 4, timeoutMs: 1, retryDelayMs: 2, payloadBytes: 201, createdAtMs: 999 },
  ...{ changedAtMs: 2_000, notBeforeMs: 3, queuedAtMs: 4, expiresAtMs: 5, assignedTo: "w" },
  ...{ attempt: 6, failures: 7, crashCount: 8, suspicions: 9, releaseCount: 10, token: 11 },
  ...{ assignedAtMs: 12, startedAtMs: 13, completedAtMs: 14, deadlineMs: 15, durationMs: 16 },
  ...{ errorMessage: "no", errorKind: "timeout", deadLetter: true, idempotencyKey: "" },
  ...{ labels: { a: "b" }, requiredTags: { gpu: "yes" }, submittedBy: "bob" },
  ...{ traceparent: "00-2", resultBytes: 17, contentType: "text/plain" },
  options: { ...NO_OPTIONS, queue: "q" },
};
const fields = Object.keys(submitted) as (keyof Job)[];

Deno.test("whatever field of a stored job differs from a submission's, it is the same in memory", () => {
  const kinds = new JobKinds();
  for (const field of fields) {
    const job: Job = { ...submitted, [field]: other[field] };
    const alone = { ...submission, atMs: job.createdAtMs, to: job.status };
    for (const history of [[alone], [alone, submission], []]) {
      const record = JobRecord.stored({ job, attempts: [], history }, kinds);
      assert.deepEqual(record.job, job, field);
      assert.deepEqual(record.history, history, field);
      const { id, seq, payloadBytes, createdAtMs, idempotencyKey, traceparent } = record;
      const { queuedAtMs, common } = record;
      const own = { id, seq, payloadBytes, createdAtMs, idempotencyKey, traceparent, queuedAtMs };
      assert.deepEqual({ ...common, ...own, changedAtMs: job.changedAtMs }, job, field);
      assert.equal(record.queuedAtMs, job.queuedAtMs, field);
      assert.equal(record.unmoved !== undefined, isUnmoved(job) && history.length === 1, field);
    }
  }
});

Deno.test("only what submissions may differ in leaves a job unmoved", () => {
  const loose = fields.filter((field) => isUnmoved({ ...submitted, [field]: other[field] }));
  assert.deepEqual(
    loose.sort(),
    [
      ...["id", "idempotencyKey", "maxRetries", "namespace", "payloadBytes", "priority"],
      ...["retryDelayMs", "seq", "submittedBy", "timeoutMs", "traceparent", "type"],
    ],
  );
});

Deno.test("submissions of one kind share it, those of another do not", () => {
  const kinds = new JobKinds();
  const kind = kinds.of(submitted);
  const sibling: Job = { ...submitted, id: "c", seq: 9, payloadBytes: 0, traceparent: "00-3" };
  assert.equal(kinds.of(sibling), kind);
  const kindFields: (keyof KindFields)[] = [
    ...["type", "namespace", "priority", "maxRetries", "timeoutMs"] as const,
    ...["retryDelayMs", "submittedBy"] as const,
  ];
  for (const field of kindFields) {
    const another = kinds.of({ ...submitted, [field]: other[field] });
    assert.notEqual(another, kind, field);
    assert.deepEqual(another.jobOf(submitted), { ...submitted, [field]: other[field] });
    assert.equal(kinds.of(submitted), kind, field);
  }
});

Deno.test("a job that was asked for before it moved is the one that moves", () => {
  const kinds = new JobKinds();
  const record = JobRecord.submitted(
    kinds.of(submitted).at(submitted.createdAtMs),
    submitted,
    new Uint8Array(0),
  );
  const { job } = record;
  assert.equal(record.job, job);
  assert.ok(record.unmoved);
  const moved: Job = { ...job, status: "cancelled", changedAtMs: 2_000 };
  record.move(moved, [...record.history, { ...submission, to: "cancelled", cause: "cancel" }]);
  assert.equal(record.job, moved);
  assert.equal(record.common.status, "cancelled");
  assert.equal(record.unmoved, undefined);
});
