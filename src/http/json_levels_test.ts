import assert from "node:assert/strict";
import fc from "fast-check";
import { isNestedTooDeeply, JSON_LEVELS_MAX } from "./json_levels.ts";

const encoder = new TextEncoder();
const isTooDeep = (json: string, levelsMax?: number) =>
  isNestedTooDeeply(encoder.encode(json), levelsMax);

Deno.test("JSON may have as many levels as are allowed, of lists and objects together", () => {
  const nested = (levels: number) => `${'{"a":['.repeat(levels / 2)}${"]}".repeat(levels / 2)}`;
  assert.equal(isTooDeep(nested(JSON_LEVELS_MAX)), false);
  assert.equal(isTooDeep(nested(JSON_LEVELS_MAX + 2)), true);
  assert.equal(isTooDeep("[".repeat(JSON_LEVELS_MAX)), false);
  assert.equal(isTooDeep("[".repeat(JSON_LEVELS_MAX + 1)), true, "whether it ends or not");
  assert.equal(isTooDeep(`[${"[],{},".repeat(1_000)}1]`, 2), false, "side by side is not deep");
});

Deno.test("what stands in texts is no level, however they are escaped", () => {
  const open = "[{".repeat(200);
  for (const text of [open, `\\${open}`, `"${open}`, `${"x".repeat(500)}"\\${open}`, `ü"${open}`]) {
    assert.equal(isTooDeep(JSON.stringify({ text }), 1), false, text);
    assert.equal(isTooDeep(`[${JSON.stringify(text)},[[]]]`, 2), true, "and what follows is");
  }
  assert.equal(isTooDeep(`"${"\\\\".repeat(90)}",${"[".repeat(200)}`), true, "none is escaped");
  assert.equal(isTooDeep(`"${"[".repeat(200)}`), false, "a text without an end");
});

Deno.test("any JSON has as many levels as one counts in what comes of it", () => {
  const levelsOf = (value: unknown): number =>
    typeof value !== "object" || value === null
      ? 0
      : 1 + Object.values(value).reduce((most: number, each) => Math.max(most, levelsOf(each)), 0);
  const text = fc.string({
    unit: fc.constantFrom('"', "\\", "[", "{", "]", "x", "ü"),
    maxLength: 200,
  });
  const { json } = fc.letrec((tie) => ({
    json: fc.oneof(
      { maxDepth: 6 },
      text,
      fc.integer(),
      fc.array(tie("json"), { maxLength: 4 }),
      fc.dictionary(text, tie("json"), { maxKeys: 4 }),
    ),
  }));
  fc.assert(fc.property(json, (value) => {
    const levels = levelsOf(value);
    const written = JSON.stringify(value);
    assert.equal(isTooDeep(written, levels), false);
    if (levels > 0) assert.equal(isTooDeep(written, levels - 1), true);
  }));
});
