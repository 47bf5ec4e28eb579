import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ackFromWire,
  ackToWire,
  detailsFromWire,
  detailsToWire,
  eventFromWire,
  eventToWire,
  jobFromWire,
  jobToWire,
  reportFromWire,
  reportToWire,
  submissionFromWire,
  submissionToWire,
} from "./convert.ts";
import { workerFromWire, workerToWire } from "./worker_messages.ts";
import {
  AttemptReportSchema,
  GetJobStatusResponseSchema,
  JobEventSchema,
  JobSchema,
  ReportAckSchema,
  SubmitJobRequestSchema,
  WorkerInfoSchema,
} from "./gen/scheduler_pb.ts";
import type { JobOptionsView } from "./job_options.ts";
import type { JobDetails, JobEventView, JobView, Submission } from "./master_api.ts";
import type { AttemptReportView, ReportAckView, WorkerView } from "./worker_calls.ts";

const text = fc.string({ unit: "grapheme" });
const texts = fc.array(text, { maxLength: 5 });
const time = fc.integer({ min: 0, max: 4_102_444_800_000 });
const count = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const token = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const bytes = fc.uint8Array({ maxLength: 64 });
const fraction = fc.double({ min: 0, max: 1, noNaN: true, noDefaultInfinity: true })
  .map((each) => each + 0);
const stringMap = fc.array(fc.tuple(text.filter((key) => key !== "__proto__"), text), {
  maxLength: 4,
}).map((entries) => Object.fromEntries(entries));

const result = fc.record({
  success: fc.boolean(),
  output: bytes,
  contentType: text,
  error: text,
  durationMs: count,
});

const some = text.filter((each) => each !== "");
const someTexts = fc.array(text, { minLength: 1, maxLength: 3 });
const positive = fc.integer({ min: 1, max: 2 ** 31 - 1 });
const options: fc.Arbitrary<JobOptionsView> = fc.record({
  queue: some,
  backoff: some,
  retryDelayMaxMs: positive,
  nonRetryableErrors: someTexts,
  expireAfterMs: positive,
  uniqueKey: some,
  uniqueMode: some,
  group: some,
  groupLimit: positive,
  rateKey: some,
  rate: fc.record({ count, perMs: count, burst: count }),
  dependsOn: fc.array(
    fc.record({ jobId: some, ref: some, on: some }, { requiredKeys: ["on"] }),
    { minLength: 1, maxLength: 3 },
  ),
  whenDependencyFails: some,
  batchId: some,
  require: someTexts,
  prefer: someTexts,
  cpuMillis: positive,
  memoryBytes: positive,
  schedule: some,
  scheduledAtMs: time,
}, { requiredKeys: [] });

const job: fc.Arbitrary<JobView> = fc.record({
  id: text,
  type: text,
  namespace: text.map((name) => name || "default"),
  status: text,
  priority: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  assignedTo: text,
  createdAtMs: time,
  startedAtMs: time,
  completedAtMs: time,
  notBeforeMs: time,
  retryCount: count,
  maxRetries: count,
  errorMessage: text,
  timeoutMs: token,
  fencingToken: token,
  attempt: count,
  labels: stringMap,
  deadLetter: fc.boolean(),
  traceparent: text,
  queuedAtMs: time,
  expiresAtMs: time,
  options,
  submittedBy: text,
  queue: text,
  requiredTags: stringMap.filter((tags) => Object.keys(tags).length > 0),
  retryDelayMs: count.filter((ms) => ms > 0),
  payload: bytes,
  result,
}, {
  requiredKeys: [
    "id",
    "type",
    "namespace",
    "status",
    "priority",
    "assignedTo",
    "createdAtMs",
    "retryCount",
    "maxRetries",
    "errorMessage",
    "timeoutMs",
    "fencingToken",
    "attempt",
    "labels",
    "deadLetter",
    "traceparent",
    "submittedBy",
    "queue",
    "payload",
  ],
});

/** Typed arrays of different classes (Buffer, Uint8Array) with the same bytes are the same to us. */
function assertSame(actual: unknown, expected: unknown): void {
  assert.deepEqual(plain(actual), plain(expected));
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes:${[...value].join(",")}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([key]) => !key.startsWith("$"))
      .map(([key, each]) => [key, plain(each)]),
  );
}

Deno.test("a job is the same after its way over the wire", () => {
  fc.assert(fc.property(job, (view) => {
    const sent = toBinary(JobSchema, create(JobSchema, jobToWire(view)));
    assertSame(jobFromWire(fromBinary(JobSchema, sent)), view);
  }));
});

Deno.test("the original's timeout_seconds counts where timeout_ms is not given", () => {
  const sent = create(JobSchema, { timeoutSeconds: 90n });
  assert.equal(jobFromWire(sent).timeoutMs, 90_000);
  assert.equal(jobFromWire(create(JobSchema, { timeoutSeconds: 90n, timeoutMs: 5n })).timeoutMs, 5);
  const submitted = create(SubmitJobRequestSchema, { timeoutSeconds: 2n });
  assert.equal(submissionFromWire(submitted).timeoutMs, 2_000);
});

Deno.test("a timeout below a second is not told to the original's clients as none", () => {
  const view = { ...fc.sample(job, { seed: 1, numRuns: 1 })[0]!, timeoutMs: 1 };
  assert.equal(create(JobSchema, jobToWire(view)).timeoutSeconds, 1n);
});

Deno.test("a submission is the same after its way over the wire", () => {
  const submission: fc.Arbitrary<Submission> = fc.record({
    type: text,
    payload: bytes,
    priority: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    maxRetries: count,
    timeoutMs: count.filter((ms) => ms > 0),
    retryDelayMs: count.filter((ms) => ms > 0),
    delayMs: count.filter((ms) => ms > 0),
    idempotencyKey: text.filter((key) => key !== ""),
    labels: stringMap,
    requiredTags: stringMap,
    options,
    runAtMs: time,
    ref: some,
  }, { requiredKeys: ["type", "payload", "priority", "labels", "requiredTags"] });
  fc.assert(fc.property(submission, (view) => {
    const sent = create(SubmitJobRequestSchema, submissionToWire(view));
    const bytes = toBinary(SubmitJobRequestSchema, sent);
    assertSame(submissionFromWire(fromBinary(SubmitJobRequestSchema, bytes)), view);
  }));
});

Deno.test("who asks for a retry at once gets one a millisecond later, not the cluster's default", () => {
  const arrived = (asked: Pick<Submission, "retryDelayMs">) => {
    const submission = { type: "t", payload: new Uint8Array(0), priority: 5, ...asked };
    return submissionFromWire(submissionToWire(submission)).retryDelayMs;
  };
  assert.equal(arrived({ retryDelayMs: 0 }), 1);
  assert.equal(arrived({ retryDelayMs: 250 }), 250);
  assert.equal(arrived({}), undefined);
});

Deno.test("what the original's client sends means one attempt after max_retries others", () => {
  const sent = create(SubmitJobRequestSchema, { type: "noop", maxRetries: 0 });
  assert.equal(submissionFromWire(sent).maxRetries, 0);
  const defaulted = create(SubmitJobRequestSchema, { type: "noop", defaultRetries: true });
  assert.equal(submissionFromWire(defaulted).maxRetries, undefined);
});

Deno.test("a job's details are the same after their way over the wire", () => {
  const attempt = fc.record({
    attempt: count,
    workerId: text,
    assignedAtMs: time,
    startedAtMs: time,
    endedAtMs: time,
    outcome: text,
    error: text,
  }, { requiredKeys: ["attempt", "workerId", "assignedAtMs", "outcome", "error"] });
  const details: fc.Arbitrary<JobDetails> = fc.record({
    job,
    reasons: fc.array(
      fc.record({
        code: text,
        message: text,
        sinceMs: time,
        untilMs: time,
        jobIds: fc.array(text, { minLength: 1, maxLength: 2 }),
      }, { requiredKeys: ["code", "message"] }),
      { maxLength: 2 },
    ),
    waitingReasons: texts,
    attempts: fc.array(attempt, { maxLength: 3 }),
    progress: fraction,
    progressMessage: text,
    logTail: texts,
    history: fc.array(
      fc.record({
        atMs: time,
        status: text,
        cause: text,
        attempt: count,
        workerId: text,
        reason: text,
      }),
      { maxLength: 3 },
    ),
  });
  fc.assert(fc.property(details, (view) => {
    const sent = create(GetJobStatusResponseSchema, detailsToWire(view));
    const back = fromBinary(GetJobStatusResponseSchema, toBinary(GetJobStatusResponseSchema, sent));
    assertSame(detailsFromWire(back, back.job!), view);
  }));
});

Deno.test("a job's event is the same after its way over the wire", () => {
  const event: fc.Arbitrary<JobEventView> = fc.oneof(
    fc.record({ kind: fc.constant("state" as const), atMs: time, job }),
    fc.record({ kind: fc.constant("progress" as const), atMs: time, fraction, message: text }),
    fc.record({
      kind: fc.constant("log" as const),
      atMs: time,
      lines: texts,
      firstLine: fc.nat(),
      attempt: fc.nat(),
    }),
  );
  fc.assert(fc.property(event, (view) => {
    const sent = toBinary(JobEventSchema, create(JobEventSchema, eventToWire("j", view)));
    assertSame(eventFromWire(fromBinary(JobEventSchema, sent)), view);
  }));
});

Deno.test("an attempt's report is the same after its way over the wire", () => {
  const report: fc.Arbitrary<AttemptReportView> = fc.oneof(
    fc.record({ jobId: text, token, kind: fc.constant("started" as const) }),
    fc.record({ jobId: text, token, kind: fc.constant("released" as const), reason: text }),
    fc.record({
      jobId: text,
      token,
      kind: fc.constant("finished" as const),
      success: fc.boolean(),
      output: bytes,
      contentType: text,
      error: text,
      permanent: fc.boolean(),
      timedOut: fc.boolean(),
      durationMs: count,
      logTail: texts,
      logLinesCut: fc.nat(),
    }),
  );
  fc.assert(fc.property(report, (view) => {
    const sent = toBinary(AttemptReportSchema, create(AttemptReportSchema, reportToWire(view)));
    assertSame(reportFromWire(fromBinary(AttemptReportSchema, sent)), view);
  }));
});

Deno.test("what a later version reports or tells is left out, not guessed at", () => {
  assert.equal(reportFromWire(create(AttemptReportSchema, { jobId: "j" })), undefined);
  assert.equal(eventFromWire(create(JobEventSchema, { jobId: "j" })), undefined);
});

Deno.test("an acknowledgement is the same after its way over the wire", () => {
  const ack: fc.Arbitrary<ReportAckView> = fc.record({
    jobId: text,
    token,
    accepted: fc.boolean(),
    message: text,
  });
  fc.assert(fc.property(ack, (view) => {
    const sent = toBinary(ReportAckSchema, create(ReportAckSchema, ackToWire(view)));
    assertSame(ackFromWire(fromBinary(ReportAckSchema, sent)), view);
  }));
});

Deno.test("a worker is the same after its way over the wire", () => {
  const stats = fc.record({
    activeJobs: count,
    completedJobs: count,
    failedJobs: count,
    cpuUsage: fraction,
    memoryUsage: fraction,
    workerCpu: fraction,
    workerMemoryBytes: count,
    executorsCpu: fraction,
    executorsMemoryBytes: count,
    executorProcesses: count,
    pendingReports: count,
  });
  const worker: fc.Arbitrary<WorkerView> = fc.record({
    id: text,
    address: text,
    namespaces: fc.array(text),
    slots: count,
    activeJobs: count,
    status: fc.constantFrom("active", "draining", "disconnected"),
    lastHeartbeatMs: time,
    tags: stringMap.map(({ job_types: _, ...tags }) => tags),
    jobTypes: texts,
    version: text,
    cpuMillis: count,
    memoryBytes: count,
    cpuMillisHeld: count,
    memoryBytesHeld: count,
    typeSlots: fc.dictionary(fc.string({ minLength: 1 }), count),
    incarnation: text,
    registeredAtMs: time,
    disconnectedAtMs: time,
    drainedBy: fc.constantFrom("", "operator", "worker"),
    handBackAtMs: time,
    road: fc.constantFrom("stream", "mailbox", "push"),
    completedJobs: count,
    failedJobs: count,
    stats,
  }, {
    requiredKeys: [
      "namespaces",
      "id",
      "address",
      "slots",
      "activeJobs",
      "status",
      "lastHeartbeatMs",
      "tags",
      "jobTypes",
      "version",
      "cpuMillis",
      "memoryBytes",
      "cpuMillisHeld",
      "memoryBytesHeld",
      "typeSlots",
      "incarnation",
      "registeredAtMs",
      "drainedBy",
      "road",
      "completedJobs",
      "failedJobs",
    ],
  });
  fc.assert(fc.property(worker, (view) => {
    const sent = toBinary(WorkerInfoSchema, create(WorkerInfoSchema, workerToWire(view)));
    assertSame(workerFromWire(fromBinary(WorkerInfoSchema, sent)), view);
  }));
});

Deno.test("a time that no Timestamp can have is shown as the nearest one", () => {
  for (
    const [notBeforeMs, shown] of [[1e18, "9999-12-31T23:59:59.999Z"], [
      -1e18,
      "0001-01-01T00:00:00.000Z",
    ]] as const
  ) {
    const [view] = fc.sample(job, 1);
    const { notBefore } = jobToWire({ ...view!, notBeforeMs });
    assert.equal(new Date(timestampMs(notBefore!)).toISOString(), shown);
  }
});
