import { create, toBinary } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { assignedBytes } from "./assigned_bytes.ts";
import { jobToWire } from "./convert.ts";
import { JobSchema } from "./gen/scheduler_pb.ts";
import type { JobView } from "./master_api.ts";

const text = "ü".repeat(256);
const texts = Array.from({ length: 32 }, () => text);
const map = Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`${at}${text}`, text]));
const ids = Array.from({ length: 1_000 }, (_, at) => `01a21d2a-7c8a-75e1-8c26-${at + 1e11}`);

const plain = {
  ...{ id: ids[0]!, type: "noop", namespace: "default", priority: 5, status: "assigned" },
  ...{ assignedTo: "w1", createdAtMs: 1, retryCount: 0, maxRetries: 3, errorMessage: "" },
  ...{ fencingToken: 7, attempt: 1, timeoutMs: 1, deadLetter: false, submittedBy: "s", queue: "q" },
  ...{ labels: {}, traceparent: "" },
} as unknown as JobView;

const jobs: readonly (readonly [what: string, job: JobView])[] = [
  ["a plain job", plain],
  ["one of a long payload", { ...plain, payload: new Uint8Array(900_000) }],
  ["one of many labels", { ...plain, labels: map, requiredTags: map }],
  ["one of many conditions", {
    ...plain,
    options: { nonRetryableErrors: texts, require: texts, prefer: texts },
  }],
  ["one of many parents", {
    ...plain,
    parents: ids.map((jobId) => ({ jobId, status: "completed" })),
    options: { dependsOn: ids.map((jobId) => ({ jobId, on: "completion" as const })) },
  }],
];

for (const [what, job] of jobs) {
  Deno.test(`what is reckoned for ${what} is as much as it takes up`, () => {
    const bytes = toBinary(JobSchema, create(JobSchema, jobToWire(job))).byteLength;
    assert.ok(bytes <= assignedBytes(job), `${bytes} bytes, reckoned ${assignedBytes(job)}`);
  });
}
