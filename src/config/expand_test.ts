import assert from "node:assert/strict";
import fc from "fast-check";
import { escapeVariables, expandVariables } from "./expand.ts";

const env = { A: "1", EMPTY: "", NESTED: "${A}", DOLLAR: "$$" };

Deno.test("variables are filled in wherever they stand", () => {
  const rows: [string, string][] = [
    ["${A}", "1"],
    ["a${A}b${A}", "a1b1"],
    ["${A:-2}", "1"],
    ["${NONE:-2}", "2"],
    ["${EMPTY:-2}", "2"],
    ["${NONE:-}", ""],
    ["${NONE:-http://h:1/}", "http://h:1/"],
    ["${NONE}", ""],
    ["$$", "$"],
    ["$${A}", "${A}"],
    ["$1 and $", "$1 and $"],
    ["${}", "${}"],
    ["${1A}", "${1A}"],
    ["${A", "${A"],
    ["$A", "$A"],
  ];
  for (const [written, text] of rows) {
    assert.equal(expandVariables(written, env).text, text, written);
  }
});

Deno.test("what a variable holds is taken as it stands", () => {
  assert.equal(expandVariables("${NESTED}", env).text, "${A}");
  assert.equal(expandVariables("${DOLLAR}", env).text, "$$");
});

Deno.test("a variable is told to be unset unless it has a default", () => {
  const expanded = expandVariables("${A} ${NONE} ${EMPTY} ${OTHER:-x} ${toString}", env);
  assert.deepEqual(expanded.unset, ["NONE", "EMPTY", "toString"]);
  assert.deepEqual(expanded.named, ["A", "NONE", "EMPTY", "OTHER", "toString"]);
  assert.equal(expanded.hasBareVariable, false);
  assert.equal(expandVariables("$A", env).hasBareVariable, true);
});

Deno.test("any text is itself again after escaping and expanding", () => {
  const word = fc.constantFrom("$", "{", "}", "A", "${A}", "${NONE:-x}", ":-", "$$");
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.array(word).map((words) => words.join(""))), (text) => {
      const expanded = expandVariables(escapeVariables(text), env);
      assert.equal(expanded.text, text);
      assert.deepEqual(expanded.named, []);
      assert.equal(expanded.hasBareVariable, false);
    }),
  );
});
