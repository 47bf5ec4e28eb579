import assert from "node:assert/strict";
import fc from "fast-check";
import type { TagRule } from "./job_options.ts";
import { formatTagRule, fulfils, parseTagRule } from "./tag_rules.ts";

function ruleOf(text: string): TagRule {
  const rule = parseTagRule(text);
  assert.ok(!("fault" in rule), text);
  return rule;
}

Deno.test("a rule is read as it is written", () => {
  const rules: [string, TagRule][] = [
    ["gpu", { tag: "gpu", op: "exists", values: [] }],
    [" !gpu ", { tag: "gpu", op: "missing", values: [] }],
    ["zone=a", { tag: "zone", op: "in", values: ["a"] }],
    ["zone == a", { tag: "zone", op: "in", values: ["a"] }],
    ["url=http://a/?b=(c),d", { tag: "url", op: "in", values: ["http://a/?b=(c),d"] }],
    ["zone!=b", { tag: "zone", op: "not_in", values: ["b"] }],
    ["zone=", { tag: "zone", op: "in", values: [""] }],
    ["zone in (a, b,a)", { tag: "zone", op: "in", values: ["a", "b"] }],
    ["zone not in(a)", { tag: "zone", op: "not_in", values: ["a"] }],
    ["zone notin (a,b)", { tag: "zone", op: "not_in", values: ["a", "b"] }],
    ["mem>=8", { tag: "mem", op: ">=", values: ["8"] }],
    ["mem > -1.5", { tag: "mem", op: ">", values: ["-1.5"] }],
    ["version<2.0.0-rc.1", { tag: "version", op: "<", values: ["2.0.0-rc.1"] }],
    ["in in (in)", { tag: "in", op: "in", values: ["in"] }],
  ];
  for (const [text, rule] of rules) assert.deepEqual(parseTagRule(text), rule, text);
});

Deno.test("what is no rule is refused with the text and what to write", () => {
  const faults: [string, RegExp][] = [
    ["", /^tag rule "" is not one: write it like "gpu"/],
    ["a b", /"a b" is not one: write it like/],
    ["=a", /write it like/],
    ["!gpu=1", /write it like/],
    ["zone in ()", /a value of its list is empty/],
    ["zone in (a,,b)", /a value of its list is empty/],
    ["zone in (a", /write it like/],
    ["mem>=much", /"much" is neither a number nor a version/],
    ["mem>=", /"" is neither a number nor a version/],
    [`zone=${"x".repeat(257)}`, /has 257 characters, of 256 at most/],
    [`zone in (${Array.from({ length: 65 }, (_, at) => at).join()})`, /names 65 values, of 64/],
  ];
  for (const [text, expected] of faults) {
    const found = parseTagRule(text);
    assert.ok("fault" in found, text);
    assert.match(found.fault, expected);
  }
});

Deno.test("a rule that was read, written and read again is the same", () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9._/-]{0,8}$/);
  const value = fc.stringMatching(/^[a-zA-Z0-9._/-]{1,8}$/);
  const number = fc.integer().map(String);
  const rule: fc.Arbitrary<TagRule> = fc.oneof(
    fc.record({ tag: name, op: fc.constantFrom("exists", "missing"), values: fc.constant([]) }),
    fc.record({
      tag: name,
      op: fc.constantFrom("in", "not_in"),
      values: fc.uniqueArray(value, { minLength: 1, maxLength: 4 }),
    }),
    fc.record({ tag: name, op: fc.constantFrom(">", ">=", "<", "<="), values: fc.tuple(number) }),
  );
  fc.assert(
    fc.property(rule, (rule) => assert.deepEqual(ruleOf(formatTagRule(rule)), { ...rule })),
  );
});

Deno.test("tags fulfil what they should", () => {
  const tags = { gpu: "", zone: "a", mem: "16", version: "1.10.2", preview: "v2.0.0-rc.2" };
  const yes = [
    "gpu",
    "!tpu",
    "zone=a",
    "zone!=b",
    "zone in (b, a)",
    "zone not in (b, c)",
    "tpu!=x",
    "tpu not in (x)",
    "mem>=16",
    "mem>9",
    "mem<100.5",
    "version>=1.9.3",
    "version>1.10",
    "version<1.10.2.1",
    "version<=1.10.2",
    "version<v2",
    "preview<2.0.0",
    "preview>2.0.0-rc.1",
    "preview<2.0.0-rc.10",
    "preview>1.99.0",
  ];
  const no = [
    "!gpu",
    "tpu",
    "zone=b",
    "zone!=a",
    "zone in (b)",
    "zone not in (a, b)",
    "tpu=x",
    "tpu>1",
    "tpu<1",
    "zone>1",
    "zone<1",
    "mem>16",
    "mem<=15.9",
    "version>=1.11.0",
    "version>=2",
    "preview>=2.0.0",
  ];
  for (const text of yes) assert.ok(fulfils(tags, ruleOf(text)), text);
  for (const text of no) assert.ok(!fulfils(tags, ruleOf(text)), text);
});

Deno.test("of versions with two parts 1.10 is above 1.9, and of other numbers below", () => {
  const rows: [string, string, string, boolean][] = [
    ["version", "1.10", "version>=1.9", true],
    ["version", "1.9", "version>=1.10", false],
    ["version", "1.10", "version<=1.10.0", true],
    ["version", "2", "version>1.10", true],
    ["cudaVersion", "12.10", "cudaVersion>12.9", true],
    ["go", "1.10", "go>=v1.9", true],
    ["load", "1.10", "load<1.9", true],
  ];
  for (const [tag, value, text, expected] of rows) {
    assert.equal(fulfils({ [tag]: value }, ruleOf(text)), expected, `${value}: ${text}`);
  }
});

Deno.test("tags that every object has by birth are nobody's", () => {
  for (const name of ["constructor", "__proto__", "toString"]) {
    assert.ok(!fulfils({}, ruleOf(name)), name);
    assert.ok(fulfils({}, ruleOf(`!${name}`)), name);
  }
});
