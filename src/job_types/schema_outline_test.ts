import assert from "node:assert/strict";
import { z } from "zod";
import { describeJobType } from "./description.ts";
import { noop } from "./noop.ts";
import { outlineOf } from "./schema_outline.ts";

/** Each row as `path: type[!][=default] description`. */
function rowsOf(payloadSchema: z.ZodType): string[] {
  const { payload } = describeJobType({ ...noop, payloadSchema });
  return outlineOf(payload).map(({ path, type, isRequired, default: initial, description }) =>
    `${path}: ${type}${isRequired ? "!" : ""}${initial === undefined ? "" : `=${initial}`}` +
    (description === "" ? "" : ` ${description}`)
  );
}

Deno.test("plain fields have a row each, with type, need, default and meaning", () => {
  const schema = z.strictObject({
    name: z.string().describe("Who."),
    age: z.int().min(0).optional(),
    weight: z.number().gt(0).lt(500).optional(),
    level: z.number().min(1).max(9).default(3),
    loud: z.boolean().default(false).describe("Or quiet."),
    size: z.enum(["s", "m"]).nullable().optional(),
    free: z.unknown().optional(),
  });
  assert.deepEqual(rowsOf(schema), [
    "name: text! Who.",
    "age: integer from 0",
    "weight: number above 0 below 500",
    "level: number from 1 to 9=3",
    "loud: true or false=false Or quiet.",
    'size: "s" | "m" or null',
    "free: anything",
  ]);
});

Deno.test("what is inside lists, maps and objects is told with the path to it", () => {
  const schema = z.strictObject({
    items: z.array(z.strictObject({ id: z.string() })),
    words: z.array(z.string()).default([]),
    codes: z.union([z.int(), z.array(z.union([z.int(), z.string()]))]).optional(),
    pair: z.tuple([z.string().describe("First."), z.number().describe("Second.")]).optional(),
    by: z.record(z.string(), z.strictObject({ n: z.int() })).optional(),
    deep: z.strictObject({ a: z.strictObject({ b: z.literal(1) }) }).prefault({ a: { b: 1 } }),
  });
  assert.deepEqual(rowsOf(schema), [
    "items: list of object!",
    "items[].id: text!",
    "words: list of text=[]",
    "codes: integer or list of (integer or text)",
    "pair: list",
    "pair[0]: text First.",
    "pair[1]: number Second.",
    "by: object",
    "by.NAME.n: integer!",
    "deep: object",
    "deep.a: object!",
    "deep.a.b: 1!",
  ]);
});

Deno.test("kinds of an object are told apart by the field that names them, or by their title", () => {
  const step = z.discriminatedUnion("type", [
    z.strictObject({ type: z.literal("turn"), degrees: z.number() }).describe("Turns it."),
    z.strictObject({ type: z.literal("flip") }),
    z.strictObject({ type: z.enum(["x", "y"]), by: z.int() }),
  ]);
  const titled = z.union([
    z.strictObject({ a: z.string() }).meta({ title: "one" }),
    z.strictObject({ b: z.string() }).meta({ title: "other" }),
  ]);
  assert.deepEqual(rowsOf(z.strictObject({ steps: z.array(step), titled: titled.optional() })), [
    "steps: list of object!",
    'steps[turn]: object with type "turn" Turns it.',
    "steps[turn].degrees: number!",
    'steps[flip]: object with type "flip"',
    "steps[x|y]: object",
    'steps[x|y].type: "x" | "y"!',
    "steps[x|y].by: integer!",
    "titled: object",
    "titled[one]: object",
    "titled[one].a: text!",
    "titled[other]: object",
    "titled[other].b: text!",
  ]);
});

Deno.test("a schema that holds itself is told once", () => {
  interface Tree {
    readonly leaf?: string | undefined;
    readonly branches?: readonly Tree[] | undefined;
  }
  const tree: z.ZodType<Tree> = z.lazy(() =>
    z.strictObject({
      leaf: z.string().optional(),
      branches: z.array(tree).readonly().optional(),
    })
  );
  assert.deepEqual(rowsOf(z.strictObject({ tree, again: tree })), [
    "tree: object!",
    "tree.leaf: text",
    "tree.branches: list of object",
    "again: object!",
  ]);
  assert.deepEqual(rowsOf(tree), ["leaf: text", "branches: list of object"]);
});

Deno.test("what is no object has one row for the whole", () => {
  assert.deepEqual(rowsOf(z.string().describe("A word.")), [": text! A word."]);
  assert.deepEqual(rowsOf(z.unknown()), [": anything!"]);
});

Deno.test("a value that is prepared before it is checked is told as it is written", () => {
  const duration = z.union([z.string(), z.number()]).transform(Number);
  const schema = z.preprocess((json) => json ?? {}, z.strictObject({ duration }));
  assert.deepEqual(rowsOf(schema), ["duration: text or number!"]);
});
