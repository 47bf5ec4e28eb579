import assert from "node:assert/strict";
import { encode } from "cborg";
import fc from "fast-check";
import type { Command } from "../jobs/mod.ts";
import { anyCommand } from "../jobs/command_arbitrary_test_support.ts";
import { decodeCommand, encodeCommand } from "./command_codec.ts";
import { COMMAND_FORMAT_VERSION } from "./command_format.ts";
import { assertDamageIsRefused } from "./damaged_bytes_test_support.ts";

const command = anyCommand({ name: fc.string({ unit: "grapheme" }), time: fc.maxSafeNat() });

Deno.test("every command comes back from its bytes as it was", () => {
  fc.assert(
    fc.property(command, (original) => {
      assert.deepEqual(decodeCommand(encodeCommand(original)), original);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("bytes that were changed give a command or a CommandFormatError, nothing else", () =>
  assertDamageIsRefused(command, 2000));

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

Deno.test("a number that is none is refused before it can stop a replica", () => {
  for (const atMs of [NaN, Infinity, -Infinity]) {
    assert.throws(() => encodeCommand({ kind: "advance", atMs }), { name: "RangeError" });
    const bytes = new Uint8Array([COMMAND_FORMAT_VERSION, ...encode([11, atMs])]);
    assert.throws(() => decodeCommand(bytes), { reason: "malformed" });
  }
});

Deno.test("what older members cannot read is not written in their format", () => {
  const spec = {
    id: "a",
    type: "t",
    payload: new Uint8Array(0),
    priority: 0,
    maxRetries: 0,
    timeoutMs: 0,
    retryDelayMs: 0,
  };
  const plain: Command = { kind: "submit", atMs: 1, jobs: [spec] };
  assert.deepEqual(decodeCommand(encodeCommand(plain, 1)), plain);
  const special: Command = { ...plain, jobs: [{ ...spec, options: { queue: "q" } }] };
  assert.throws(() => encodeCommand(special, 1), {
    name: "CommandNeedsNewerFormat",
    message: /upgrade the members/,
  });
  const elsewhere: Command = { ...plain, jobs: [{ ...spec, namespace: "red" }] };
  const confined: Command = {
    kind: "register_worker",
    atMs: 1,
    worker: {
      ...{ id: "w", sessionId: "s", address: "", slots: 1, jobTypes: null, tags: {}, version: "" },
      namespaces: ["red"],
    },
  };
  const paused: Command = {
    ...{ kind: "alter_schedule", atMs: 1, name: "n", namespace: "red" },
    ...{ to: "paused", nextAtMs: 0, revision: 1 },
  };
  for (const command of [elsewhere, confined, paused]) {
    assert.throws(() => encodeCommand(command, 2), { name: "CommandNeedsNewerFormat" });
    assert.deepEqual(decodeCommand(encodeCommand(command, 3)), command);
  }
});

Deno.test("a way to decide that older members do not know is not asked for in their format", () => {
  const submit = { kind: "submit", atMs: 1, jobs: [] } as const;
  const fire = { kind: "fire_schedule", atMs: 1, fires: [] } as const;
  const redrive = { kind: "redrive", atMs: 1, jobIds: ["j"] } as const;
  const change = { rate: null };
  const configure = {
    kind: "configure",
    atMs: 1,
    scope: "type",
    name: "t",
    change,
    by: "",
  } as const;
  const asked: [plain: Command, asking: Command, since: number][] = [
    [submit, { ...submit, keysOfExisting: true }, 5],
    [fire, { ...fire, replacesIfAccepted: true }, 5],
    [redrive, { ...redrive, newPlace: true }, 7],
    [configure, { ...configure, easesRate: true }, 7],
  ];
  for (const [plain, asking, since] of asked) {
    for (const format of [2, 4, since - 1]) {
      assert.deepEqual(decodeCommand(encodeCommand(asking, format)), plain);
    }
    assert.deepEqual(decodeCommand(encodeCommand(asking, since)), asking);
  }
});

Deno.test("payloads and outputs are parts of their entry, the payload of a schedule is a copy", () => {
  const payload = new Uint8Array([1, 2, 3]);
  const spec = {
    ...{ id: "a", type: "t", payload, priority: 0 },
    ...{ maxRetries: 0, timeoutMs: 0, retryDelayMs: 0 },
  };
  const submit = encodeCommand({ kind: "submit", atMs: 1, jobs: [spec] });
  const submitted = decodeCommand(submit) as Command & { kind: "submit" };
  assert.equal(submitted.jobs[0]?.payload.buffer, submit.buffer);
  assert.equal(submitted.jobs[0]?.payload.constructor, Uint8Array);
  const report = encodeCommand({
    kind: "report",
    atMs: 1,
    reports: [{
      ...{ kind: "completed", jobId: "a", token: 1, workerId: "w" },
      ...{ output: payload, contentType: "", durationMs: 1 },
    }],
  });
  const reported = decodeCommand(report) as Command & { kind: "report" };
  const [completed] = reported.reports;
  assert.ok(completed?.kind === "completed");
  assert.equal(completed.output.buffer, report.buffer);
  const put = encodeCommand({
    ...{ kind: "put_schedule", atMs: 1, replace: false, nextAtMs: 1, schedulesMax: 1 },
    schedule: {
      ...{ name: "s", timing: { kind: "at", atMs: 1, startAtMs: 0, endAtMs: 0 } },
      ...{ template: spec, overlap: "skip", catchUp: "last", catchUpMax: 1, graceMs: 0 },
      createdBy: "ann",
    },
  });
  const scheduled = decodeCommand(put) as Command & { kind: "put_schedule" };
  assert.deepEqual(scheduled.schedule.template.payload, payload);
  assert.notEqual(scheduled.schedule.template.payload.buffer, put.buffer);
});
