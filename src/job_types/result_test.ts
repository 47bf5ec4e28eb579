import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { PermanentJobError, ResultTooLargeError } from "./contract.ts";
import { encodeResult } from "./result.ts";

const textOf = (value: unknown) => new TextDecoder().decode(encodeResult(value).bytes);

Deno.test("bytes stay bytes, nothing stays nothing, anything else is JSON", () => {
  const bytes = new Uint8Array([1, 2]);
  assert.deepEqual(encodeResult(bytes), { bytes, contentType: "application/octet-stream" });
  assert.deepEqual(encodeResult(undefined), { bytes: new Uint8Array(), contentType: "" });
  assert.deepEqual(encodeResult(bytes.buffer).bytes, bytes);
  assert.equal(textOf({ a: [1, "é", null] }), '{"a":[1,"é",null]}');
  assert.equal(textOf("x"), '"x"');
  assert.equal(textOf(null), "null");
  assert.equal(encodeResult({}).contentType, "application/json");
});

Deno.test("the bound is on encoded bytes, and holds to the byte", () => {
  assert.equal(encodeResult("éé", 6).bytes.length, 6);
  assert.throws(() => encodeResult("éé", 5), ResultTooLargeError);
  assert.throws(() => encodeResult(new Uint8Array(11), 10), /11 bytes.*at most 10/);
});

Deno.test("bytes are kept as they were returned, and bytes that were given away are no result", () => {
  const pooled = new Uint8Array([1, 2, 3, 4]);
  for (const value of [pooled.subarray(1, 3), Buffer.from(pooled.buffer, 1, 2)]) {
    const { bytes } = encodeResult(value);
    pooled.fill(9);
    assert.deepEqual([...bytes], [2, 3]);
    pooled.set([1, 2, 3, 4]);
  }
  const { bytes } = encodeResult(pooled.buffer);
  pooled.fill(9);
  assert.deepEqual([...bytes], [1, 2, 3, 4]);
  structuredClone(pooled, { transfer: [pooled.buffer] });
  assert.throws(() => encodeResult(pooled), PermanentJobError);
  assert.throws(() => encodeResult(pooled.buffer), PermanentJobError);
});

Deno.test("a value without a form in JSON fails for good", () => {
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  for (const value of [circle, () => 1, Symbol("x")]) {
    assert.throws(() => encodeResult(value), PermanentJobError);
  }
});

Deno.test("bigints are written as the integers that they are", () => {
  const { bytes } = encodeResult({ ids: [9007199254740993n, 1] });
  assert.equal(new TextDecoder().decode(bytes), '{"ids":[9007199254740993,1]}');
});

Deno.test("what JSON would lose without a word is refused", () => {
  const values = [
    new Map([[1, 2]]),
    new Set([1]),
    new Error("x"),
    new Response("x"),
    new Blob(["x"]),
    (function* () {})(),
    (async function* () {})(),
    new Map().values(),
    [].values(),
    new WeakRef({}),
  ];
  const views = [new Float64Array([1, 2]), new DataView(new ArrayBuffer(4))];
  for (const value of [...values, ...views]) {
    assert.throws(
      () => encodeResult(value),
      /The job's result is an? [\w ]+, which JSON cannot hold/,
    );
  }
  class Nothing {}
  const text = (value: unknown) => new TextDecoder().decode(encodeResult(value).bytes);
  assert.equal(text(new Nothing()), "{}");
  assert.equal(text(Object.assign(new Error("x"), { code: 7 })), '{"code":7}');
});

Deno.test("what is lost within a result is told, and fails nothing", () => {
  const lostOf = (value: unknown) => encodeResult(value).lost;
  assert.equal(lostOf({ rows: [{ data: Promise.resolve(1) }] }), 'a Promise at "data"');
  assert.equal(lostOf([{}, new Map([[1, 2]])]), 'a Map at "1"');
  const nothingLost = [{ a: {}, b: [], c: new Date(0) }, [Object.assign(new Error("x"), { e: 1 })]];
  for (const value of nothingLost) assert.equal(lostOf(value), undefined);
});
