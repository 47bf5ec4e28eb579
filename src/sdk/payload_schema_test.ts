import assert from "node:assert/strict";
import { z } from "zod";
import { type PayloadSchema, validated } from "./payload_schema.ts";

const named = z.object({ name: z.string(), times: z.number().default(1) });

Deno.test("a schema of zod gives what it made of the payload, or every fault with its place", async () => {
  const good = await validated(named as PayloadSchema<never, unknown>, { name: "Ada" });
  assert.deepEqual(good, { ok: true, payload: { name: "Ada", times: 1 } });
  const bad = await validated(named as PayloadSchema<never, unknown>, { times: "x" });
  assert.ok(!bad.ok);
  assert.deepEqual(bad.issues.map(({ path }) => path), [["name"], ["times"]]);
});

Deno.test("a schema of zod may have parts that answer later", async () => {
  const known = z.object({ name: z.string().refine((name) => Promise.resolve(name === "Ada")) });
  const schema = known as PayloadSchema<never, unknown>;
  assert.deepEqual(await validated(schema, { name: "Ada" }), {
    ok: true,
    payload: { name: "Ada" },
  });
  const bad = await validated(schema, { name: "Bob" });
  assert.ok(!bad.ok);
  assert.deepEqual(bad.issues.map(({ path }) => path), [["name"]]);
});

Deno.test("a Standard Schema may answer later, and its paths are read in both forms", async () => {
  const schema: PayloadSchema<never, number> = {
    "~standard": {
      validate: (value) =>
        Promise.resolve(
          value === 7
            ? { value: 8 }
            : { issues: [{ message: "not seven", path: [{ key: "a" }, "b", 0] }] },
        ),
    },
  };
  assert.deepEqual(await validated(schema, 7), { ok: true, payload: 8 });
  assert.deepEqual(await validated(schema, 6), {
    ok: false,
    issues: [{ code: "custom", message: "not seven", path: ["a", "b", 0] }],
  });
});

Deno.test("a function's return is the payload, and what it throws is the fault", async () => {
  const upper = (value: unknown) => {
    if (typeof value !== "string") throw new Error("it must be text");
    return value.toUpperCase();
  };
  assert.deepEqual(await validated(upper, "a"), { ok: true, payload: "A" });
  assert.deepEqual(await validated(upper, 1), {
    ok: false,
    issues: [{ code: "custom", message: "it must be text" }],
  });
});

Deno.test("a schema that fails without an issue has found one", async () => {
  const schema = {
    safeParse: () => ({ success: false as const, error: { message: "no" } }),
  };
  assert.deepEqual(await validated(schema, 1), {
    ok: false,
    issues: [{ code: "custom", message: "no" }],
  });
});
