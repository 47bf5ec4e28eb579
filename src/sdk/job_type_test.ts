import assert from "node:assert/strict";
import { z } from "zod";
import type { JobContext as WholeContext, ParsedPayload } from "../job_types/light.ts";
import { JobTypeNameError } from "../job_types/light.ts";
import { defineJobType, type JobContext } from "./job_type.ts";
import type { JobKind } from "./job_kind.ts";
import { offeredTypes } from "./offered_types.ts";

const encoder = new TextEncoder();
const anything = defineJobType({ name: "anything", run: (payload: unknown) => payload });
const greet = defineJobType({
  name: "greet",
  payload: z.object({ name: z.string(), times: z.number().default(1) }),
  run: ({ name, times }, job: JobContext) => ({ text: `${name}${times}`, attempt: job.attempt }),
});

// The compiler holds these: what goes in is the schema's input, what comes out the function's return.
const _kind: JobKind<
  { name: string; times?: number | undefined },
  { text: string; attempt: number }
> = greet;

async function parsed(
  text: string,
  type: { readonly name: string } = greet,
): Promise<ParsedPayload> {
  const types = offeredTypes([greet, anything]);
  return await types.parsePayload(types.get(type.name)!, encoder.encode(text));
}

function messageOf(payload: ParsedPayload): string {
  assert.ok(!payload.ok);
  return payload.message;
}

Deno.test("a payload is read as JSON and held against the schema before the handler sees it", async () => {
  assert.deepEqual(await parsed('{"name":"Ada"}'), {
    ok: true,
    payload: { name: "Ada", times: 1 },
  });
  assert.equal(
    messageOf(await parsed('{"times":"x"}')),
    "The payload of this greet job has 2 faults: name is missing; it must be a string; " +
      'times is "x"; it must be a number',
  );
  assert.match(messageOf(await parsed("{")), /it is not JSON/);
  assert.match(messageOf(await parsed("")), /it is empty; JSON is expected/);
});

Deno.test("a type without a schema takes any JSON, and nothing at all as null", async () => {
  assert.deepEqual(await parsed("[1]", anything), { ok: true, payload: [1] });
  assert.deepEqual(await parsed("", anything), { ok: true, payload: null });
});

Deno.test("a handler is given the context that it is promised, and parents' results as values", async () => {
  const context = {
    jobId: "j1",
    attempt: 3,
    parents: [{ jobId: "p1", status: "completed" }],
    tempDir: "/nowhere",
    parentResult: () =>
      Promise.resolve({
        status: "completed",
        output: encoder.encode('{"n":4}'),
        contentType: "application/json",
        error: "",
      }),
  } as unknown as WholeContext;
  const child = defineJobType({
    name: "child",
    run: async (_: unknown, job) => {
      const { value } = await job.parentResult<{ n: number }>(job.parents[0]!.jobId);
      return [value?.n, job.attempt, job.tempDir, "fetch" in job];
    },
  });
  const run = offeredTypes([child]).get("child")!;
  assert.deepEqual(await run.run({}, context), [4, 3, "/nowhere", false]);
});

Deno.test("names that can be none, and two of one name, are refused where they are written", () => {
  assert.throws(() => defineJobType({ name: "two words", run: () => 1 }), JobTypeNameError);
  assert.throws(
    () => defineJobType({ name: "x", concurrency: 0, run: () => 1 }),
    /the concurrency of "x" is 0; it must be 1 or more/,
  );
  assert.throws(() => offeredTypes([]), /types is empty/);
  assert.throws(() => offeredTypes([greet, anything, greet]), /two .* are called "greet"/);
});

Deno.test("a type that asks for it is given integers of 64 bits as they are, in its payload and of its parents", async () => {
  const text = '{"id":9007199254740993,"half":0.5,"few":3}';
  const exact = defineJobType({
    name: "exact",
    bigints: true,
    run: async (_payload: unknown, job: JobContext) => (await job.parentResult("p")).value,
  });
  const types = offeredTypes([exact, anything]);
  const of = async (name: string) =>
    await types.parsePayload(types.get(name)!, encoder.encode(text));
  const kept = { id: 9007199254740993n, half: 0.5, few: 3 };
  assert.deepEqual(await of("exact"), { ok: true, payload: kept });
  assert.deepEqual(await of("anything"), { ok: true, payload: JSON.parse(text) });
  const parent = { status: "completed", output: encoder.encode(text), error: "" };
  const parentResult = () => Promise.resolve({ ...parent, contentType: "application/json" });
  const context = { parents: [], parentResult } as unknown as WholeContext;
  assert.deepEqual(await types.get("exact")!.run(null, context), kept);
});
