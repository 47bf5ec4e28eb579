import assert from "node:assert/strict";
import { decode, encode } from "cborg";
import fc from "fast-check";
import type { SubmitCommand, SubmitSpec } from "../jobs/mod.ts";
import { decodeCommand, encodeCommand } from "./command_codec.ts";
import { COMMAND_FORMAT_VERSION } from "./command_format.ts";
import { assertDamageIsRefused } from "./damaged_bytes_test_support.ts";

const text = fc.oneof(fc.constantFrom("", "a", "b"), fc.string({ unit: "binary", maxLength: 40 }));

/** Mostly what a submission has, in few kinds, so that neighbours are alike more often than not. */
const spec: fc.Arbitrary<SubmitSpec> = fc.record({
  id: fc.oneof({ weight: 5, arbitrary: fc.uuid() }, { weight: 1, arbitrary: text }),
  type: fc.constantFrom("resize", "resize", "resize", "crawl"),
  payload: fc.oneof(fc.constant(new Uint8Array([1, 2])), fc.uint8Array({ maxLength: 300 })),
  priority: fc.constantFrom(5, 5, 5, 9),
  maxRetries: fc.constant(3),
  timeoutMs: fc.constant(60_000),
  retryDelayMs: fc.constantFrom(1_000, 1_000, 0),
  idempotencyKey: text,
  submittedBy: fc.constantFrom("ann", "ann", ""),
  traceparent: fc.oneof({ weight: 3, arbitrary: fc.constantFrom("00-1", "00-1", "00-2") }, {
    weight: 1,
    arbitrary: text,
  }),
  namespace: fc.constantFrom("red", "red", "blue"),
}, {
  noNullPrototype: true,
  requiredKeys: ["id", "type", "payload", "priority", "maxRetries", "timeoutMs", "retryDelayMs"],
});

/** What it says of nothing that neighbours may have alike, now and then. */
const moreOfIt: fc.Arbitrary<Partial<SubmitSpec>> = fc.oneof(
  { weight: 40, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Partial<SubmitSpec>>(
      ...[{ notBeforeMs: 7 }, { fingerprint: "f" }, { labels: { a: "b" } }],
      ...[{ requiredTags: { gpu: "yes" } }, { options: { queue: "q" } }, { idempotencyKey: "\n" }],
    ),
  },
);

const command: fc.Arbitrary<SubmitCommand> = fc.record({
  kind: fc.constant("submit" as const),
  atMs: fc.nat(),
  jobs: fc.array(fc.tuple(spec, moreOfIt).map(([plain, more]) => ({ ...plain, ...more })), {
    maxLength: 60,
    size: "max",
  }),
  allOrNothing: fc.boolean(),
  liveJobsMax: fc.nat(),
  clientJobsMax: fc.nat(),
  keyRetentionMs: fc.nat(),
}, { requiredKeys: ["kind", "atMs", "jobs"], noNullPrototype: true });

Deno.test("submissions come back as they were, whatever neighbours have alike, in each format", () => {
  let sideBySide = 0;
  fc.assert(
    fc.property(command, (original) => {
      const bytes = encodeCommand(original);
      assert.deepEqual(decodeCommand(bytes), original);
      for (const older of [3, 5]) {
        assert.deepEqual(decodeCommand(encodeCommand(original, older)), original);
      }
      const [kind] = decode(bytes.subarray(1));
      if (kind === 17) sideBySide++;
    }),
    { numRuns: 1000 },
  );
  assert.ok(sideBySide > 100, `${sideBySide}`);
});

Deno.test("submissions of which bytes were changed are submissions or a CommandFormatError", () =>
  assertDamageIsRefused(command, 1000));

const alike = (jobs: number): SubmitCommand => ({
  kind: "submit",
  atMs: 1,
  jobs: Array.from({ length: jobs }, (_, place) => ({
    ...{ id: `0199c0de-0000-7000-8000-${String(place).padStart(12, "0")}`, type: "resize" },
    ...{ payload: new Uint8Array(10).fill(place), priority: 5, maxRetries: 3, timeoutMs: 60_000 },
    ...{ retryDelayMs: 1_000, submittedBy: "ann", traceparent: "0".repeat(55) },
    idempotencyKey: `key ${place}`,
  })),
});

Deno.test("a hundred submissions of one kind take not much more than what is their own", () => {
  const original = alike(100);
  const own = original.jobs.reduce(
    (sum, { id, payload, idempotencyKey = "" }) =>
      sum + id.length + payload.byteLength + idempotencyKey.length,
    0,
  );
  const bytes = encodeCommand(original);
  assert.deepEqual(decodeCommand(bytes), original);
  assert.ok(bytes.byteLength < own + 400, `${bytes.byteLength} and ${own}`);
});

Deno.test("submissions that differ in their traces alone still lie side by side", () => {
  const { jobs, ...rest } = alike(100);
  const original: SubmitCommand = {
    ...rest,
    jobs: jobs.map((job, place) => ({ ...job, traceparent: String(place).padStart(55, "0") })),
  };
  const bytes = encodeCommand(original);
  assert.deepEqual(decodeCommand(bytes), original);
  const traces = 100 * "0".repeat(56).length;
  assert.ok(bytes.byteLength < encodeCommand(alike(100)).byteLength + traces + 100);
  const older = encodeCommand(original, 5);
  assert.deepEqual(decodeCommand(older), original);
  assert.ok(older.byteLength > bytes.byteLength + 2_000, "a program of before knows no such group");
});

Deno.test("columns that do not belong together are malformed, and named", () => {
  const kind = ["type", 0, 0, 0, 0];
  const none = new Uint8Array(0);
  const cases: [unknown[], RegExp][] = [
    [[[[1, null, "a", null, 0]], none], /of no kind/],
    [[[[2, kind, "abc", null, 0]], none], /ids of 3 characters for 2 jobs/],
    [[[[0, kind, "", null, 0]], none], /ids of 0 characters for 0 jobs/],
    [[[[2, kind, "ab", "one", 0]], none], /1 keys for 2 jobs/],
    [[[[2, kind, "ab", null, 0, "one"]], none], /1 traces for 2 jobs/],
    [[[[2, kind, "ab", null, 1]], new Uint8Array(1)], /a payload of 1 bytes is not there/],
    [[[[1, kind, "a", null, -1]], none], /a payload of -1 bytes is not there/],
    [[[[2, kind, "ab", null, [0]]], none], /undefined where a number was to be/],
    [[[[1, kind, "a", null, 0]], new Uint8Array(1)], /more payloads than jobs/],
    [[[[1, [...kind, 8, "x"], "a", null, 0]], none], /an option 8, which is not known/],
  ];
  for (const [columns, message] of cases) {
    const wire = [17, 1, ...columns, null, null];
    const bytes = new Uint8Array([COMMAND_FORMAT_VERSION, ...encode(wire)]);
    assert.throws(() => decodeCommand(bytes), { reason: "malformed", message });
  }
});
