import assert from "node:assert/strict";
import { encode } from "cborg";
import fc from "fast-check";
import type { Command } from "../jobs/mod.ts";
import {
  COMMAND_FORMAT_VERSION,
  CommandFormatError,
  decodeCommand,
  encodeCommand,
} from "./command_codec.ts";

const name = fc.string({ unit: "grapheme" });
const time = fc.maxSafeNat();
const bytes = fc.uint8Array({ maxLength: 300 });
const stringMap = fc.dictionary(fc.oneof(name, fc.constant("__proto__")), name, { maxKeys: 4 })
  .map((map) => Object.fromEntries(Object.entries(map)));
const lines = fc.array(name, { maxLength: 3 });

function record<T>(
  required: { [K in keyof T]: fc.Arbitrary<T[K]> },
  requiredKeys: (keyof T)[],
): fc.Arbitrary<T> {
  return fc.record(required, {
    requiredKeys: requiredKeys as never,
    noNullPrototype: true,
  }) as fc.Arbitrary<T>;
}

/** An object like those that code makes, with every field. */
function plain<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const spec = record({
  id: name,
  type: name,
  payload: bytes,
  priority: fc.integer(),
  maxRetries: fc.nat(),
  timeoutMs: time,
  retryDelayMs: time,
  notBeforeMs: time,
  idempotencyKey: name,
  fingerprint: name,
  labels: stringMap,
  requiredTags: stringMap,
  submittedBy: name,
  traceparent: name,
}, ["id", "type", "payload", "priority", "maxRetries", "timeoutMs", "retryDelayMs"]);

const base = { jobId: name, token: time, workerId: name };
const report = fc.oneof(
  record({ kind: fc.constant("started"), ...base, startedAtMs: time }, [
    "kind",
    "jobId",
    "token",
    "workerId",
  ]),
  record({
    kind: fc.constant("completed"),
    ...base,
    output: bytes,
    contentType: name,
    durationMs: time,
    startedAtMs: time,
    logTail: lines,
  }, ["kind", "jobId", "token", "workerId", "output", "contentType", "durationMs"]),
  record({
    kind: fc.constant("failed"),
    ...base,
    error: name,
    permanent: fc.boolean(),
    timedOut: fc.boolean(),
    durationMs: time,
    startedAtMs: time,
    output: bytes,
    contentType: name,
    logTail: lines,
  }, ["kind", "jobId", "token", "workerId", "error", "permanent", "durationMs"]),
  plain({ kind: fc.constant("released"), ...base, reason: name }),
);

const worker = record({
  id: name,
  sessionId: name,
  address: name,
  slots: fc.nat(),
  jobTypes: fc.option(lines),
  tags: stringMap,
  version: name,
  unary: fc.boolean(),
}, ["id", "sessionId", "address", "slots", "jobTypes", "tags", "version"]);

const attempt = plain({ jobId: name, token: time });
const session = { atMs: time, workerId: name, sessionId: name };

const command = fc.oneof(
  record({
    kind: fc.constant("submit"),
    atMs: time,
    jobs: fc.array(spec, { maxLength: 5 }),
    allOrNothing: fc.boolean(),
    liveJobsMax: fc.nat(),
  }, ["kind", "atMs", "jobs"]),
  plain({
    kind: fc.constant("assign"),
    atMs: time,
    assignments: fc.array(plain({ jobId: name, workerId: name, sessionId: name })),
  }),
  plain({ kind: fc.constant("report"), atMs: time, reports: fc.array(report) }),
  plain({ kind: fc.constant("cancel"), atMs: time, jobIds: lines, reason: name, by: name }),
  plain({ kind: fc.constant("redrive"), atMs: time, jobIds: lines }),
  record({
    kind: fc.constant("register_worker"),
    atMs: time,
    worker,
    runningAttempts: fc.array(attempt),
  }, ["kind", "atMs", "worker"]),
  record({ kind: fc.constant("expire_worker"), ...session, reason: name, leaderTerm: fc.nat() }, [
    "kind",
    "atMs",
    "workerId",
    "sessionId",
    "reason",
  ]),
  plain({ kind: fc.constant("deregister_worker"), ...session }),
  record({
    kind: fc.constant("drain_worker"),
    atMs: time,
    workerId: name,
    draining: fc.boolean(),
    by: fc.constantFrom("operator", "worker"),
  }, ["kind", "atMs", "workerId", "draining"]),
  record({
    kind: fc.constant("expire_attempts"),
    atMs: time,
    attempts: fc.array(
      plain({ jobId: name, token: time, reason: fc.constantFrom("timeout", "not_started") }),
    ),
    leaderTerm: fc.nat(),
  }, ["kind", "atMs", "attempts"]),
  plain({ kind: fc.constant("advance"), atMs: time }),
  plain({ kind: fc.constant("prune"), atMs: time, jobSeqs: fc.array(time) }),
) as fc.Arbitrary<Command>;

Deno.test("every command comes back from its bytes as it was", () => {
  fc.assert(
    fc.property(command, (original) => {
      assert.deepEqual(decodeCommand(encodeCommand(original)), original);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("bytes that were changed give a command or a CommandFormatError, nothing else", () => {
  fc.assert(
    fc.property(command, fc.nat(), fc.nat(255), (original, place, value) => {
      const damaged = encodeCommand(original);
      damaged[place % damaged.length] = value;
      try {
        decodeCommand(damaged);
      } catch (error) {
        assert.ok(error instanceof CommandFormatError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("truncated bytes are refused", () => {
  const whole = encodeCommand({ kind: "cancel", atMs: 1, jobIds: ["a"], reason: "b", by: "c" });
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decodeCommand(whole.subarray(0, length)), {
      name: "CommandFormatError",
      reason: "malformed",
    });
  }
});

Deno.test("a command of a later format is refused and says that a newer program is needed", () => {
  const bytes = encodeCommand({ kind: "advance", atMs: 1 });
  bytes[0] = COMMAND_FORMAT_VERSION + 1;
  assert.throws(() => decodeCommand(bytes), {
    name: "CommandFormatError",
    reason: "unknown_version",
    message: /run a newer version/,
  });
});

Deno.test("unknown kinds and wrong types are malformed and named", () => {
  const cases: [unknown, RegExp][] = [
    [[99, 1], /no kind of command 99/],
    [[1, "now", []], /string where a number was to be/],
    [[1, 1, [["id", "type", "payload", 0, 0, 0, 0]]], /string where bytes were to be/],
    [[1, 1, [["id", "type", new Uint8Array(0), 0, 0, 0, 0, 99, 1]]], /an option 99/],
    [[3, 1, [[9, "job", 1, "worker"]]], /no kind of report 9/],
    [[9, 1, "worker", true, "nobody"], /none of operator, worker/],
    [{ kind: "submit" }, /object where a list was to be/],
  ];
  for (const [wire, message] of cases) {
    const bytes = new Uint8Array([COMMAND_FORMAT_VERSION, ...encode(wire)]);
    assert.throws(() => decodeCommand(bytes), { reason: "malformed", message });
  }
});

Deno.test("a label named like a property of all objects stays a label", () => {
  const labels = Object.fromEntries([["__proto__", "x"], ["constructor", "y"]]);
  const submit: Command = {
    kind: "submit",
    atMs: 1,
    jobs: [{
      id: "a",
      type: "t",
      payload: new Uint8Array(0),
      priority: 0,
      maxRetries: 0,
      timeoutMs: 0,
      retryDelayMs: 0,
      labels,
    }],
  };
  assert.deepEqual(decodeCommand(encodeCommand(submit)), submit);
});
