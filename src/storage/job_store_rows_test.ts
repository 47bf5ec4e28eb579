import assert from "node:assert/strict";
import type { UnmovedJob } from "../jobs/mod.ts";
import { JobKinds } from "../jobs/job_kind.ts";
import { JobRecord } from "../jobs/job_record.ts";
import { decodeJob, encodeJob, encodeLive } from "./job_store_rows.ts";

Deno.test("a submission that nothing has moved has the row of the job that it is", () => {
  const kinds = new JobKinds();
  const names = ["", "ann", 'a "quoted" name', "né\u0000\ud800", "\udc00"];
  for (const [at, name] of names.entries()) {
    const kind = kinds.of({
      ...{ type: `type ${name}`, namespace: name || "default", priority: at, maxRetries: 3 },
      ...{ timeoutMs: 60_000, retryDelayMs: 0, submittedBy: name, traceparent: name },
    });
    const own: Omit<UnmovedJob, "kind"> = {
      ...{ id: `job ${name}`, seq: at + 1, payloadBytes: at, createdAtMs: 1_000 + at },
      idempotencyKey: name,
    };
    for (const id of [own.id, `another ${name}`]) {
      const record = JobRecord.submitted(kind, { ...own, id }, new Uint8Array(at));
      const row = encodeLive(record);
      const { job, attempts, history } = record;
      assert.deepEqual(decodeJob(row), { job, attempts, history });
      assert.deepEqual(JSON.parse(row), JSON.parse(encodeJob(record)));
    }
  }
});
