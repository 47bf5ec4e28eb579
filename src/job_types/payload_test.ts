import assert from "node:assert/strict";
import { z } from "zod";
import { defineJobType, type JobType } from "./contract.ts";
import { parsePayload } from "./payload.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function typeOf(payloadSchema: z.ZodType, more: Partial<JobType> = {}): JobType {
  return defineJobType({
    name: "sample",
    summary: "",
    isolation: "inline",
    payloadSchema,
    example: {},
    run: () => Promise.resolve(),
    ...more,
  });
}

function faultsOf(schema: z.ZodType, json: unknown): readonly string[] {
  const parsed = parsePayload(typeOf(schema), encode(JSON.stringify(json)));
  return parsed.ok ? [] : parsed.faults;
}

Deno.test("JSON is read, with a byte order mark too", () => {
  const type = typeOf(z.strictObject({ a: z.number() }));
  assert.deepEqual(parsePayload(type, encode('{"a":1}')), { ok: true, payload: { a: 1 } });
  assert.deepEqual(parsePayload(type, encode('\ufeff {"a":1}\n')), { ok: true, payload: { a: 1 } });
});

Deno.test("broken JSON is told by line and column", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['{"a":', /end of JSON input at line 1, column 6, near "\{\\"a\\":"/],
    ['{\n  "a": 1\n  "b": 2\n}', /at line 3, column 3/],
    ['{"a" 1}', /at line 1, column 6/],
    ["nope", /near "nope"/],
    ["{'a': 1}", /at line 1, column 2/],
    ["", /it is empty; JSON is expected/],
    [" \n", /it is empty/],
    ['{"a": 01}', /line 1/],
  ];
  for (const [text, pattern] of cases) {
    const parsed = parsePayload(typeOf(z.unknown()), encode(text));
    assert.match(parsed.ok ? "accepted" : parsed.message, pattern, text);
  }
  const bytes = parsePayload(typeOf(z.unknown()), new Uint8Array([0xff, 0xfe, 0x00]));
  assert.match(bytes.ok ? "accepted" : bytes.message, /nor any text in UTF-8/);
});

Deno.test("each fault says where it is, what was found and what is allowed", () => {
  const schema = z.strictObject({
    name: z.string().min(2).max(4),
    mode: z.enum(["fast", "slow"]),
    count: z.number().int().min(1).max(9),
    ratio: z.number().gt(0).lt(1).optional(),
    tags: z.array(z.string()).max(2).optional(),
    either: z.union([z.string(), z.number()]).optional(),
    inner: z.strictObject({ deep: z.boolean() }).optional(),
    shape: z.discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("a"), size: z.number() }),
      z.strictObject({ kind: z.literal("b") }),
    ]).optional(),
  });
  const good = { name: "ab", mode: "fast", count: 1 };
  const cases: readonly (readonly [object, string])[] = [
    [{ name: 5 }, "name is 5; it must be a string"],
    [{ name: "a" }, 'name is "a"; it must have at least 2 characters'],
    [{ name: "abcde" }, 'name is "abcde"; it must have at most 4 characters'],
    [{ name: undefined }, "name is missing; it must be a string"],
    [{ mode: "fats" }, 'mode is "fats"; allowed: "fast", "slow"'],
    [{ count: 0 }, "count is 0; it must be at least 1"],
    [{ count: 10 }, "count is 10; it must be at most 9"],
    [{ count: 1.5 }, "count is 1.5; it must be an integer"],
    [{ ratio: 0 }, "ratio is 0; it must be more than 0"],
    [{ ratio: 1 }, "ratio is 1; it must be less than 1"],
    [{ tags: ["a", 2] }, "tags[1] is 2; it must be a string"],
    [{ tags: ["a", "b", "c"] }, "tags is an array of 3; it must have at most 2 items"],
    [{ either: true }, "either is true; it must be a string or a number"],
    [{ inner: null }, "inner is null; it must be an object"],
    [{ inner: { deep: 1 } }, "inner.deep is 1; it must be a boolean"],
    [
      { inner: { deep: true, depe: 1 } },
      'inner has the unknown key "depe" (did you mean deep?); known: deep',
    ],
    [{ shape: { kind: "c" } }, 'shape.kind is "c"; allowed: "a", "b"'],
    [{ shape: { kind: "a", size: "x" } }, 'shape.size is "x"; it must be a number'],
  ];
  for (const [change, fault] of cases) {
    const faults = faultsOf(schema, { ...good, ...change });
    assert.ok(faults.includes(fault), `${JSON.stringify(change)}: ${faults.join(" | ")}`);
  }
  assert.deepEqual(faultsOf(schema, []), ["it is []; it must be an object"]);
});

Deno.test("one message lists all faults", () => {
  const parsed = parsePayload(
    typeOf(z.strictObject({ a: z.number(), b: z.string() })),
    encode('{"a":"x","c":1}'),
  );
  assert.equal(
    parsed.ok ? "" : parsed.message,
    'The payload of this sample job has 3 faults: a is "x"; it must be a number; ' +
      'b is missing; it must be a string; it has the unknown key "c"; known: a, b. ' +
      "`conductor job-types show sample` says what it takes.",
  );
});

Deno.test("secrets and long values are not shown", () => {
  const schema = z.object({ headers: z.record(z.string(), z.number()), text: z.number() });
  const faults = faultsOf(schema, {
    headers: { authorization: "Bearer abc", "X-Api-Key": "abc" },
    text: "y".repeat(10_000),
  }).concat(faultsOf(z.number(), "https://user:abc@example.org/")).join("\n");
  assert.doesNotMatch(faults, /abc/);
  assert.match(faults, /"https:\/\/…@example\.org\/"/);
  assert.ok(faults.length < 400);
});

Deno.test("of very many faults the first are told and the rest counted", () => {
  const faults = faultsOf(z.array(z.string()), Array.from({ length: 1_000 }, (_, index) => index));
  assert.equal(faults.length, 21);
  assert.equal(faults.at(-1), "and 980 more");
});

Deno.test("a schema that throws refuses the payload instead of the worker", () => {
  const type = typeOf(
    z.unknown().transform(() => {
      throw new TypeError("schema bug");
    }),
  );
  const parsed = parsePayload(type, encode("1"));
  assert.match(
    parsed.ok ? "" : parsed.message,
    /its schema failed on it \(TypeError: schema bug\)/,
  );
});

Deno.test("a type may read what is no JSON in its own way", () => {
  const type = typeOf(z.unknown(), { payloadOfText: (text) => text === "" ? "nothing" : { text } });
  assert.deepEqual(parsePayload(type, encode("plain")), { ok: true, payload: { text: "plain" } });
  assert.deepEqual(parsePayload(type, encode("")), { ok: true, payload: "nothing" });
  assert.deepEqual(parsePayload(type, encode("[1]")), { ok: true, payload: [1] });
});
