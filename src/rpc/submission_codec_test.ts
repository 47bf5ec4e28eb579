/** What is written and read by hand is what the library writes and reads. */

import {
  create,
  type DescMessage,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import fc from "fast-check";
import assert from "node:assert/strict";
import {
  type SubmitJobRequest,
  SubmitJobRequestSchema,
  type SubmitJobResponse,
  SubmitJobResponseSchema,
  SubmitJobsRequestSchema,
  SubmitJobsResponseSchema,
  SubmitStreamRequestSchema,
  SubmitStreamResponseSchema,
} from "./gen/scheduler_pb.ts";
import { submissionBytes, submissionMessage, submitJobRequest } from "./submission_codec.ts";

const int32 = fc.oneof(fc.constant(0), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));
const long = fc.oneof(
  fc.constant(0n),
  fc.bigInt({ min: 0n, max: 100_000n }),
  fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
);
const unsigned = fc.oneof(
  fc.bigInt({ min: 0n, max: 300n }),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
);
const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.string({ minLength: 30, maxLength: 300 }),
  fc.constant("\ufffd \ufeff"),
);
const texts = fc.dictionary(fc.oneof(text, fc.constant("__proto__"), fc.constant("7")), text, {
  maxKeys: 3,
});
const bytes = fc.uint8Array({ maxLength: 300 });
const options = fc.record({
  queue: text,
  batchId: text,
  nonRetryableErrors: fc.array(text, { maxLength: 2 }),
  groupLimit: int32,
}, { requiredKeys: [] });

const jobFields = fc.record({
  type: text,
  payload: bytes,
  priority: int32,
  maxRetries: int32,
  timeoutSeconds: long,
  timeoutMs: long,
  idempotencyKey: text,
  labels: texts,
  delayMs: long,
  requiredTags: texts,
  retryDelayMs: long,
  defaultRetries: fc.boolean(),
  options,
  runAt: fc.record({ seconds: long, nanos: int32 }),
  ref: text,
  namespace: text,
}, { requiredKeys: [] });
const job: fc.Arbitrary<SubmitJobRequest> = jobFields.map((each) =>
  create(SubmitJobRequestSchema, each)
);
const answer: fc.Arbitrary<SubmitJobResponse> = fc.record({
  jobId: text,
  status: text,
  message: text,
  duplicate: fc.boolean(),
  code: int32,
  retryAfterMs: long,
  existing: fc.boolean(),
  refusalReason: text,
}, { requiredKeys: [] }).map((each) => create(SubmitJobResponseSchema, each));
const few = <Each>(each: fc.Arbitrary<Each>) => fc.array(each, { maxLength: 3 });

/** Both ways, and what a newer program may add. */
function alike<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>): void {
  const expected = toBinary(schema, message);
  const written = submissionBytes(schema, message);
  if (written !== undefined) assert.deepEqual(new Uint8Array(written), expected);
  const read = submissionMessage(schema, expected);
  if (read !== undefined) assert.deepEqual(read, fromBinary(schema, expected));
}

function property<Schema extends DescMessage>(
  schema: Schema,
  messages: fc.Arbitrary<MessageShape<Schema>>,
): void {
  fc.assert(fc.property(messages, (message) => alike(schema, message)), { numRuns: 150 });
}

Deno.test("what is written and read by hand is what the library writes and reads", () => {
  property(SubmitJobRequestSchema, job);
  property(SubmitJobResponseSchema, answer);
  property(
    SubmitJobsRequestSchema,
    fc.record({ jobs: few(job), allOrNothing: fc.boolean(), traceparents: few(text) })
      .map((each) => create(SubmitJobsRequestSchema, each)),
  );
  property(
    SubmitJobsResponseSchema,
    few(answer).map((results) => create(SubmitJobsResponseSchema, { results })),
  );
  property(
    SubmitStreamRequestSchema,
    fc.record({
      sequence: unsigned,
      jobs: few(job),
      timeoutMs: unsigned,
      requestIds: few(text),
      traceparents: few(text),
    }).map((each) => create(SubmitStreamRequestSchema, each)),
  );
  property(
    SubmitStreamResponseSchema,
    fc.record({ sequence: unsigned, results: few(answer), clusterView: text })
      .map((each) => create(SubmitStreamResponseSchema, each)),
  );
});

const usual = create(SubmitJobRequestSchema, {
  type: "noop",
  payload: new Uint8Array(200),
  priority: -5,
  idempotencyKey: "auto:0199-é".repeat(8),
  labels: { team: "a" },
  options: { batchId: "b" },
});

Deno.test("what nearly all submissions are goes by hand, both ways", () => {
  const request = create(SubmitStreamRequestSchema, { sequence: 1n, jobs: [usual, usual] });
  const written = submissionBytes(SubmitStreamRequestSchema, request);
  assert.deepEqual(
    new Uint8Array(written ?? []),
    toBinary(SubmitStreamRequestSchema, request),
  );
  assert.deepEqual(submissionMessage(SubmitStreamRequestSchema, written!), request);
});

Deno.test("one job with a field of a newer program is read by the library, and the others by hand", () => {
  const newer = create(SubmitJobRequestSchema, { type: "newer" });
  newer.$unknown = [{ no: 99, wireType: 0, data: new Uint8Array([7]) }];
  const request = create(SubmitStreamRequestSchema, { jobs: [usual, newer] });
  const bytes = toBinary(SubmitStreamRequestSchema, request);
  assert.equal(submissionBytes(SubmitStreamRequestSchema, request), undefined);
  assert.deepEqual(submissionMessage(SubmitStreamRequestSchema, bytes), request);
});

Deno.test("damaged bytes are read as the library reads them, or not at all", () => {
  const whole = toBinary(
    SubmitStreamRequestSchema,
    create(SubmitStreamRequestSchema, {
      sequence: 3n,
      jobs: [usual],
      requestIds: ["r"],
    }),
  );
  const at = fc.nat(whole.length - 1);
  fc.assert(
    fc.property(at, fc.nat(255), at, (place, byte, end) => {
      const damaged = whole.slice(0, end === 0 ? whole.length : whole.length - end % 3);
      if (place < damaged.length) damaged[place] = byte;
      const by = (read: () => unknown): unknown => {
        try {
          return read();
        } catch (failure) {
          return String(failure);
        }
      };
      const read = by(() => submissionMessage(SubmitStreamRequestSchema, damaged));
      if (read === undefined) return;
      assert.deepEqual(read, by(() => fromBinary(SubmitStreamRequestSchema, damaged)));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("a submission is filled up as the library does it", () => {
  fc.assert(
    fc.property(jobFields, (fields) => {
      assert.deepEqual(submitJobRequest(fields), create(SubmitJobRequestSchema, fields));
    }),
    { numRuns: 100 },
  );
});

Deno.test("what fits no field fails as it does in the library", () => {
  const wrong = { ...usual, priority: 1.5 };
  assert.equal(submissionBytes(SubmitJobRequestSchema, wrong), undefined);
  assert.equal(submissionBytes(SubmitJobRequestSchema, { ...usual, type: "\ud800" }), undefined);
});
