import assert from "node:assert/strict";
import fc from "fast-check";
import { PermanentJobError } from "../contract.ts";
import { stringifyBigIntegers } from "../../json/mod.ts";
import { jsonRows, ndjsonRows } from "./json_rows.ts";
import { analysed } from "./test_context.ts";

const TERMS = { recordLengthMax: 200 };

type Read = typeof jsonRows;

async function rowsOf(read: Read, pieces: readonly string[]) {
  const rows: unknown[] = [];
  for await (const batch of read(ReadableStream.from(pieces), TERMS)) rows.push(...batch);
  return rows;
}

async function faultOf(read: Read, ...pieces: string[]): Promise<string> {
  const error = await rowsOf(read, pieces).then(
    (rows) => assert.fail(`read as ${JSON.stringify(rows)}`),
    (error: unknown) => error,
  );
  assert.ok(error instanceof PermanentJobError, String(error));
  return error.message;
}

Deno.test("an array's objects are read wherever the text is cut", async () => {
  const text = ' [ {"a":"}]{[,\\"\\\\"} ,\n{"b":[{"c":[]}],"d":{}},{}\n] \n';
  const rows = [{ a: '}]{[,"\\' }, { b: [{ c: [] }], d: {} }, {}];
  for (let at = 0; at < text.length; at++) {
    assert.deepEqual(await rowsOf(jsonRows, [text.slice(0, at), text.slice(at)]), rows);
  }
  assert.deepEqual(await rowsOf(jsonRows, [...text]), rows);
});

Deno.test("any array of objects is read back, indented or not, in pieces of any size", async () => {
  const rows = fc.array(
    fc.dictionary(fc.string({ maxLength: 3 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
    { maxLength: 4 },
  );
  const terms = { recordLengthMax: 10_000 };
  await fc.assert(fc.asyncProperty(
    rows,
    fc.integer({ min: 1, max: 20 }),
    fc.nat(2),
    async (rows, size, indent) => {
      const text = JSON.stringify(rows, null, indent);
      const pieces: string[] = [];
      for (let at = 0; at < text.length; at += size) pieces.push(text.slice(at, at + size));
      const read: unknown[] = [];
      for await (const batch of jsonRows(ReadableStream.from(pieces), terms)) read.push(...batch);
      assert.deepEqual(JSON.parse(stringifyBigIntegers(read)), JSON.parse(text));
    },
  ));
});

Deno.test("objects one after the other are rows too", async () => {
  assert.deepEqual(await rowsOf(jsonRows, ['{"a":1}{"a":2}\n{\n"a":3}']), [
    { a: 1 },
    { a: 2 },
    { a: 3 },
  ]);
});

Deno.test("an empty array has no rows", async () => {
  assert.deepEqual(await rowsOf(jsonRows, ["[]"]), []);
});

Deno.test("what is wrong between an array's elements is named with its line", async () => {
  assert.match(await faultOf(jsonRows, ""), /The JSON is empty/);
  assert.match(await faultOf(jsonRows, "[\n{},\n]"), /^Line 3 of the JSON: rows are objects/);
  assert.match(await faultOf(jsonRows, "[\n{}{}]"), /^Line 2 of the JSON: a comma or the \]/);
  assert.match(await faultOf(jsonRows, "[{},1]"), /rows are objects, so a \{ is expected.*"1\]"/);
  assert.match(await faultOf(jsonRows, "[[1]]"), /rows are objects/);
  assert.match(await faultOf(jsonRows, "[] x"), /the array has ended/);
  assert.match(await faultOf(jsonRows, "{}]"), /rows are objects/);
  assert.match(await faultOf(jsonRows, "5"), /an array of objects is expected/);
  assert.match(await faultOf(jsonRows, "[{}\n,{}\n"), /ends on line 3 before the \]/);
  assert.match(await faultOf(jsonRows, '[\n{"a":"}]'), /ends within the object.*line 2/);
});

Deno.test("what is wrong within an element is named with the line where it begins", async () => {
  assert.match(await faultOf(jsonRows, '[{},\n{"a":tru}]'), /^Line 2 is not JSON: /);
  assert.match(await faultOf(jsonRows, '[{"a":1]]'), /^Line 1 is not JSON: /);
});

Deno.test("a row beyond the bound is refused before it is whole", async () => {
  assert.match(
    await faultOf(jsonRows, `[{"a":"${"x".repeat(300)}`),
    /begins on line 1 of the JSON is longer than 200/,
  );
  assert.match(await faultOf(ndjsonRows, "{}\n", `{"a":"${"x".repeat(300)}`), /on line 2/);
});

Deno.test("NDJSON is read line by line wherever it is cut, empty lines and CRLF too", async () => {
  const text = '{"a":1}\r\n\n{"a":"\\n"}\n  \n{"b":null}';
  const rows = [{ a: 1 }, { a: "\n" }, { b: null }];
  for (let at = 0; at < text.length; at++) {
    assert.deepEqual(await rowsOf(ndjsonRows, [text.slice(0, at), text.slice(at)]), rows);
  }
});

Deno.test("a line of NDJSON that is no object is named", async () => {
  assert.match(await faultOf(ndjsonRows, "{}\n\n{\n"), /^Line 3 is not JSON: /);
  assert.match(await faultOf(ndjsonRows, "{}\n[1]"), /^Line 2: .* this is an array/);
  assert.match(await faultOf(ndjsonRows, "null"), /^Line 1: .* this is null/);
  assert.match(await faultOf(ndjsonRows, "{}\n7\n"), /^Line 2: .* this is a number/);
});

Deno.test("integers that a number cannot hold become bigints, fractions and texts do not", async () => {
  const text = '{"a":9007199254740993,"b":0.12345678901234567,"c":"9007199254740993",' +
    '"d":[-12345678901234567890],"e":9007199254740991,"f":1e30}';
  const [row] = await rowsOf(ndjsonRows, [text]) as [Record<string, unknown>];
  assert.deepEqual(row, {
    a: 9007199254740993n,
    b: 0.12345678901234567,
    c: "9007199254740993",
    d: [-12345678901234567890n],
    e: 9007199254740991,
    f: 1e30,
  });
  assert.equal(stringifyBigIntegers(row.d), "[-12345678901234567890]");
});

Deno.test("a number of JSON that is too great for a double is listed as it is described", async () => {
  const { results } = await analysed({
    data: '{"a":1.5}\n{"a":1e999}\n{"a":-1e999}',
    operations: [{ type: "describe" }, { type: "sort", by: [{ column: "a" }] }, { type: "select" }],
  });
  const [described, listed] = results as unknown as readonly [
    { readonly columns: readonly [{ readonly min: unknown; readonly max: unknown }] },
    { readonly rows: unknown },
  ];
  assert.deepEqual(described.columns.map(({ min, max }) => [min, max]), [[
    "-Infinity",
    "Infinity",
  ]]);
  assert.deepEqual(listed.rows, [{ a: "-Infinity" }, { a: 1.5 }, { a: "Infinity" }]);
});

Deno.test("what is nested too deeply for the stack fails for good, and says where", async () => {
  const nested = (json: string) => "[".repeat(200_000) + json + "]".repeat(200_000);
  for (
    const [data, message] of [
      [`{"a":1}\n{"a":${nested("1")}}`, /^Row 2, "a": its value is nested too deeply/],
      [`{"a":1}\n{"a":${nested("12345678901234567890")}}`, /^Line 2 is nested too deeply/],
    ] as const
  ) await assert.rejects(analysed({ data }), { name: "PermanentJobError", message });
});
