import assert from "node:assert/strict";
import { boolean, byType, choice, identifier, integer, type Kind, list, map } from "./kinds.ts";
import { matching, number, path, port, type Raw, text, type ValueUnit } from "./kinds.ts";

/** What a kind makes of each spelling: `[raw, value]`, or `[raw, /problem/]`. */
function table<Value, Unit extends ValueUnit>(
  kind: Kind<Value, Unit>,
  rows: readonly (readonly [Raw, Value | RegExp])[],
): void {
  for (const [raw, expected] of rows) {
    const parsed = kind.parse(raw);
    const label = `${kind.name} of ${JSON.stringify(raw)}`;
    if (expected instanceof RegExp) {
      assert.ok("problem" in parsed, `${label} should be refused`);
      assert.match(parsed.problem, expected, label);
    } else {
      assert.deepEqual(parsed, { value: expected }, label);
    }
  }
}

Deno.test("text is one line, as it is, and empty only where that is allowed", () => {
  table(text(), [
    ["a b ", "a b "],
    [7, "7"],
    ["", /is empty/],
    ["a\n", /control character/],
    ["a\u2028b", /control character/],
    ["\ud800", /not well-formed/],
    [["a"], /not a single value/],
  ]);
  table(text({ emptyAllowed: true }), [["", ""]]);
  assert.match(text({ emptyAllowed: true }).allowed, /or empty/);
});

Deno.test("a pattern is held against everything but an allowed emptiness", () => {
  table(matching(/^[a-z]+$/, "letters", { emptyAllowed: true }), [
    ["abc", "abc"],
    ["", ""],
    ["a1", /right form/],
  ]);
});

Deno.test("an identifier is safe as a file name, a label and a word", () => {
  table(identifier(), [
    ["node-1", "node-1"],
    ["A.b_c-9", "A.b_c-9"],
    ["007", "007"],
    ["x".repeat(63), "x".repeat(63)],
    ["x".repeat(64), /right form/],
    ["", /is empty/],
    ["..", /right form/],
    ["a/b", /right form/],
    ["a b", /right form/],
    ["-a", /right form/],
  ]);
});

Deno.test("a path may be held to be absolute, on either kind of system", () => {
  table(path(), [["data", "data"], ["", /is empty/]]);
  table(path({ absolute: true }), [
    ["/srv", "/srv"],
    ["C:\\srv", "C:\\srv"],
    ["\\\\host\\share", "\\\\host\\share"],
    ["srv", /not absolute/],
    ["./srv", /not absolute/],
  ]);
});

Deno.test("a boolean is read in every spelling that the original read", () => {
  const spellings = (words: string, value: boolean) =>
    words.split(" ").map((word) => [word, value] as const);
  table(boolean(), [
    ...spellings("true TRUE True t T 1 yes on", true),
    ...spellings("false FALSE False f F 0 no off", false),
    [true, true],
    [false, false],
    ["", /neither/],
    ["y e s", /neither/],
    [{}, /single value/],
  ]);
});

Deno.test("an integer is whole, plainly written and within its bounds", () => {
  table(integer({ min: -1, max: 10 }), [
    ["10", 10],
    [3, 3],
    [" 4 ", 4],
    ["-1", -1],
    ["11", /more than 10/],
    ["-2", /less than -1/],
    ["1.5", /not a whole number/],
    ["1e1", /not a whole number/],
    ["0x1", /not a whole number/],
    ["", /not a whole number/],
    ["9".repeat(30), /more than 10/],
    [["1"], /not a whole number/],
  ]);
});

Deno.test("a port is 1 to 65535, and 0 only where that switches it off", () => {
  table(port(), [["1", 1], ["65535", 65535], ["0", /less than 1/], ["65536", /more than 65535/]]);
  table(port({ zeroIsOff: true }), [["0", 0]]);
});

Deno.test("a number may have a fraction and an exponent, and is never infinite", () => {
  table(number({ min: 0, max: 1 }), [
    ["0.25", 0.25],
    [".5", 0.5],
    ["1e-3", 0.001],
    ["1.1", /more than 1/],
    ["NaN", /not a number/],
    ["Infinity", /not a number/],
    ["1e999", /more than 1/],
    ["half", /not a number/],
  ]);
});

Deno.test("a choice is one of its words or their synonyms, in any case", () => {
  table(choice(["json", "pretty"], { console: "pretty" }), [
    ["json", "json"],
    ["JSON", "json"],
    ["console", "pretty"],
    ["xml", /not one/],
    ["constructor", /not one/],
    ["__proto__", /not one/],
    ["", /not one/],
  ]);
});

Deno.test("a list comes as a sequence or between commas, and names its wrong item", () => {
  table<readonly string[], "">(list(identifier()), [
    ["a, b ,c", ["a", "b", "c"]],
    ["", []],
    ["a,,b,", ["a", "b"]],
    [["a", "b"], ["a", "b"]],
    [[], []],
    ["a,b!,c", /item 2 \("b!"\) that does not have the right form/],
    [["a", ""], /item 2 \(""\) that is empty/],
    [{ a: "b" }, /not a list/],
  ]);
  table<readonly string[], "">(list(identifier(), { emptyAllowed: false }), [["", /is empty/]]);
});

Deno.test("a map comes as a mapping or as name=value, and its names are no more than names", () => {
  table<Readonly<Record<string, string>>, "">(map(), [
    ["gpu=true, zone=eu-1", { gpu: "true", zone: "eu-1" }],
    [{ gpu: "true" }, { gpu: "true" }],
    [{ gpu: "=true" }, { gpu: "=true" }],
    ["gpu==true", /entry gpu with two "=" before its value/],
    ["a=b=c", { a: "b=c" }],
    ["a=", { a: "" }],
    ["", {}],
    [["a=b", "c=d"], { a: "b", c: "d" }],
    ["a=1,a=2", /names a twice/],
    ["a", /entry "a" without "="/],
    ["__proto__=x", /entry named "__proto__"/],
    [{ "a b": "c" }, /entry named "a b"/],
    [{ a: "x\ny" }, /entry a that has a control character/],
  ]);
});

Deno.test("a map by job type takes every type that a submission may have", () => {
  const longest = "t".repeat(128);
  table<Readonly<Record<string, number>>, "">(byType(integer({ min: 1, max: 9 })), [
    ["acme:resize=2,_own=3", { "acme:resize": 2, _own: 3 }],
    [{ [longest]: "4" }, { [longest]: 4 }],
    [{ [`${longest}t`]: "4" }, /entry named "t+"/],
    [{ "a b": "1" }, /entry named "a b"/],
    ["__proto__=1", /entry named "__proto__"/],
    [{ resize: "0" }, /entry resize that is less than 1/],
  ]);
});
