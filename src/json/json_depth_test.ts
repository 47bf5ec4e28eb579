import assert from "node:assert/strict";
import { isDeeperThan } from "./json_depth.ts";

Deno.test("levels are counted outside of texts, up to the one that is too many", () => {
  const cases: [string, number, boolean][] = [
    ["[[]]", 2, false],
    ["[[]]", 1, true],
    ['{"a":{"b":[1,2]}}', 3, false],
    ['{"a":{"b":[1,2]}}', 2, true],
    ["[[],[],[],[]]", 2, false],
    ['["[[[[[[", "{{{{"]', 1, false],
    ['["\\"[[[[", 1]', 1, false],
    ['["\\\\\\\\", [[]]]', 2, true],
    ["[".repeat(101), 100, true],
    [`${"[".repeat(100)}${"]".repeat(100)}`, 100, false],
    ['"[[[[', 1, false],
    ["", 0, false],
  ];
  for (const [json, levelsMax, isDeeper] of cases) {
    assert.equal(isDeeperThan(levelsMax, json), isDeeper, json.slice(0, 40));
  }
});
