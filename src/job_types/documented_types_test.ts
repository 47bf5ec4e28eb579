import assert from "node:assert/strict";
import type { JobType } from "./contract.ts";
import { describeJobType } from "./description.ts";
import { noop } from "./noop.ts";
import { parsePayload } from "./payload.ts";
import { builtinJobTypes } from "./registry.ts";
import { outlineOf, type OutlineRow } from "./schema_outline.ts";
import { testContext } from "./test_context.ts";
import { testSleep } from "./test_sleep.ts";

/** Fields that nobody has said the meaning of; a kind of an object says it by its name. */
function undescribed(rows: readonly OutlineRow[]): string[] {
  return rows.filter(({ path, description }) => description === "" && !path.endsWith("]"))
    .map(({ path }) => path);
}

/** All that a type has yet to say of itself. */
function missing(type: JobType): string[] {
  const { payload, result, limits, examples } = describeJobType(type);
  const faults = undescribed(outlineOf(payload)).map((path) => `payload ${path}: no description`);
  if (result === undefined) faults.push("no resultSchema");
  else {faults.push(
      ...undescribed(outlineOf(result)).map((path) => `result ${path}: no description`),
    );}
  if (limits.length === 0) faults.push("no limits");
  for (const { name, value, key, meaning } of limits) {
    if (value === undefined && key === undefined) faults.push(`limit ${name}: no value and no key`);
    if (!meaning.endsWith(".")) faults.push(`limit ${name}: its meaning is no sentence`);
  }
  for (const { title, payload: example } of examples) {
    const parsed = parsePayload(type, new TextEncoder().encode(JSON.stringify(example)));
    if (!parsed.ok) faults.push(`example ${title}: ${parsed.message}`);
  }
  if (!type.summary.endsWith(".")) faults.push("its summary is no sentence");
  return faults;
}

Deno.test("every built-in type says what it takes and gives, where it ends, and by examples that it accepts", () => {
  const registry = builtinJobTypes();
  for (const name of registry.names()) {
    assert.deepEqual(missing(registry.get(name)!), [], name);
  }
});

Deno.test("what is missing is noticed", () => {
  const bare: JobType = {
    name: "bare",
    summary: "Bare",
    isolation: "inline",
    payloadSchema: testSleep.payloadSchema,
    limits: [{ name: "size", meaning: "none" }],
    example: { duration: "never" },
    run: () => Promise.resolve(),
  };
  const faults = missing(bare).join("\n");
  for (
    const fault of [
      "no resultSchema",
      "limit size: no value and no key",
      "limit size: its meaning is no sentence",
      "example An example: The payload of this bare job",
      "its summary is no sentence",
    ]
  ) assert.ok(faults.includes(fault), `${fault} in ${faults}`);
  assert.deepEqual(
    undescribed([{ path: "a", type: "text", isRequired: false, description: "" }]),
    ["a"],
  );
});

Deno.test("what the small types hand back is what they say", async () => {
  const slept = await testSleep.run(testSleep.payloadSchema.parse({ duration: 1 }), testContext());
  const [sleeps] = (testSleep.resultSchema as unknown as { options: typeof noop.payloadSchema[] })
    .options;
  assert.deepEqual(sleeps?.parse(slept), { slept_ms: 1, attempt: 1 });
  assert.equal(noop.resultSchema?.parse(await noop.run({}, testContext())), undefined);
});

Deno.test("what is nested a hundred thousand deep is a fault of every type's payload, wherever it is", () => {
  const deep = (open: string, close: string, inside = "1") =>
    open.repeat(100_000) + inside + close.repeat(100_000);
  const registry = builtinJobTypes();
  for (const type of registry.names().map((name) => registry.get(name)!)) {
    if (type.name === "noop") continue; // Takes anything and reads none of it.
    for (
      const text of [
        deep("[", "]"),
        deep('{"a":', "}"),
        `{"data":${deep("[", "]")}}`,
        `{"data":"a","operations":[{"type":"filter","where":${deep('{"not":', "}")}}]}`,
        `{"data":"a","operations":[{"type":"filter","where":${deep('{"and":[', "]}")}}]}`,
        // Closed nowhere.
        "[".repeat(100_000),
      ]
    ) {
      const parsed = parsePayload(type, new TextEncoder().encode(text));
      assert.ok(!parsed.ok, `${type.name} takes ${text.slice(0, 80)}`);
      assert.ok(parsed.message.length < 5_000, `${type.name}: ${parsed.message.slice(0, 200)}`);
    }
  }
});
