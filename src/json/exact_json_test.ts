import assert from "node:assert/strict";
import {
  exactNumber,
  parseBigIntegers,
  parseExactly,
  stringifyBigIntegers,
  withBigIntegers,
} from "./exact_json.ts";

Deno.test("numbers come out of JSON with the digits that they went in with", () => {
  for (
    const text of [
      '{"id":12345678901234567890,"ids":[-9007199254740993,1]}',
      "12345678901234567890",
      '{"pi":3.14159265358979323846,"sum":12345678901.12345678}',
      '{"big":1e400,"small":1E-400,"half":5e-1}',
      "[1234567890123456789]",
    ]
  ) assert.equal(JSON.stringify(parseExactly(text)), text);
});

Deno.test("numbers that lose nothing are numbers, and texts are left alone", () => {
  const text = '{"n":9007199254740991,"x":0.1,"text":"12345678901234567890","hash":"a: 3e5"}';
  assert.deepEqual(parseExactly(text), JSON.parse(text));
});

Deno.test("a number that was kept tells its digits", () => {
  assert.equal(exactNumber(parseExactly("12345678901234567890")), "12345678901234567890");
  assert.equal(exactNumber(5), undefined);
});

Deno.test("beside the members whose digits are kept, numbers are numbers", () => {
  const text = '{"limit":12345678901234567890,"jobs":[{"payload":{"id":12345678901234567890}}]}';
  const { limit, jobs } = parseExactly(text, "payload") as { limit: unknown; jobs: unknown };
  assert.equal(limit, 12345678901234567890);
  assert.equal(JSON.stringify(jobs), '[{"payload":{"id":12345678901234567890}}]');
});

Deno.test("integers that a number cannot hold are bigints, and are written as the integers they are", () => {
  const text = '{"id":9007199254740993,"x":1.25,"in":[-12345678901234567890]}';
  const value = { id: 9007199254740993n, x: 1.25, in: [-12345678901234567890n] };
  assert.deepEqual(parseBigIntegers(text), value);
  assert.deepEqual(withBigIntegers(parseExactly(text)), value);
  assert.deepEqual(withBigIntegers(parseExactly("[1e3,12345678901.12345678]")), [
    1000,
    12345678901.12345678,
  ]);
  assert.equal(stringifyBigIntegers(value), text);
});

Deno.test("where the engine keeps no source text, as that of Node 20, numbers are what they hold", async () => {
  const known = {
    rawJSON: Reflect.get(JSON, "rawJSON"),
    isRawJSON: Reflect.get(JSON, "isRawJSON"),
  };
  for (const name of Object.keys(known)) Reflect.deleteProperty(JSON, name);
  try {
    const copy = new URL("./exact_json.ts?without", import.meta.url).href;
    const old: typeof import("./exact_json.ts") = await import(copy);
    const rounded = [12345678901234567890, 1.5];
    assert.deepEqual(old.parseExactly("[12345678901234567890,1.5]"), rounded);
    assert.deepEqual(old.parseBigIntegers("[12345678901234567890,1.5]"), rounded);
    assert.equal(old.exactNumber({ rawJSON: "1" }), undefined);
  } finally {
    Object.assign(JSON, known);
  }
});
