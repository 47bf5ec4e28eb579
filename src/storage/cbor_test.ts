import assert from "node:assert/strict";
import { decode, encode } from "cborg";
import fc from "fast-check";
import { decodeItem, encodeItem } from "./cbor.ts";

const FIRST = 3;

/** What log entries are made of, and what only looks like it. */
const { item } = fc.letrec<{ item: unknown }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 4 },
    fc.maxSafeInteger(),
    fc.constantFrom(...[0, 8, 16, 32].flatMap((bits) => [2 ** bits, 2 ** bits - 1, -(2 ** bits)])),
    fc.constantFrom(-0, 23, 24, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 60, 0.5),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constantFrom(null, undefined),
    fc.string({ unit: "binary-ascii", maxLength: 200 }),
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.constantFrom(
      "\ud800",
      "\ufeffa text that begins with a byte order mark, and a long one at that",
    ),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("item"), { maxLength: 5 }),
    fc.dictionary(fc.string(), tie("item"), { maxKeys: 2, noNullPrototype: true }),
  ),
}));

Deno.test("the bytes are those of the library", () => {
  fc.assert(
    fc.property(item, (value) => {
      const bytes = encodeItem(FIRST, value);
      assert.deepEqual(bytes, new Uint8Array([FIRST, ...encode(value)]));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("what is read is what the library reads", () => {
  fc.assert(
    fc.property(item, (value) => {
      const bytes = new Uint8Array([FIRST, ...encode(value)]);
      assert.deepEqual(decodeItem(bytes, 1), decode(bytes.subarray(1)));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("of bytes that were changed or cut, the library has the last word", () => {
  const attempt = (read: () => unknown) => {
    try {
      return { value: read() };
    } catch (error) {
      assert.ok(error instanceof Error);
      return { error: error.message };
    }
  };
  fc.assert(
    fc.property(item, fc.nat(), fc.nat(255), fc.nat(), (value, place, byte, cut) => {
      const whole = new Uint8Array([FIRST, ...encode(value), 0]);
      whole[1 + place % (whole.length - 1)] = byte;
      const bytes = whole.subarray(0, 1 + cut % whole.length);
      assert.deepEqual(
        attempt(() => decodeItem(bytes, 1)),
        attempt(() => decode(bytes.subarray(1))),
      );
    }),
    { numRuns: 3000 },
  );
});

Deno.test("an item larger than the buffer that it is written in is whole", () => {
  const value = Array.from({ length: 3000 }, (_, at) => ["a text", at, new Uint8Array(at)]);
  const bytes = encodeItem(FIRST, value);
  assert.deepEqual(decodeItem(bytes, 1), value);
  assert.deepEqual(encodeItem(FIRST, [1]), new Uint8Array([FIRST, 0x81, 1]));
});

Deno.test("bytes are parts of the entry, not copies", () => {
  const entry = encodeItem(FIRST, [new Uint8Array([1, 2])]);
  const [part] = decodeItem(entry, 1) as [Uint8Array];
  assert.equal(part.buffer, entry.buffer);
});
