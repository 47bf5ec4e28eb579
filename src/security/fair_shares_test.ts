import assert from "node:assert/strict";
import fc from "fast-check";
import { unfairShares } from "./fair_shares.ts";

const held = (address: string, bytes: number, weight = bytes) => ({ address, bytes, weight });

Deno.test("a flood from one address gives way, not the long call of another", () => {
  const flood = Array.from({ length: 100 }, () => held("10.0.0.1", 10, 1));
  const going = unfairShares([held("10.0.0.2", 300, 1_000_000), ...flood], 900);
  assert.equal(going.length, 40);
  assert.ok(going.every(({ address }) => address === "10.0.0.1"));
});

Deno.test("of one address the heaviest go first", () => {
  const going = unfairShares([
    held("10.0.0.1", 10, 3),
    held("10.0.0.1", 10, 5),
    held("10.0.0.1", 10, 4),
  ], 15);
  assert.deepEqual(going.map(({ weight }) => weight), [5, 4]);
});

Deno.test("an IPv6 network counts as one address", () => {
  const flood = Array.from({ length: 20 }, (_, at) => held(`2001:db8::${at + 1}`, 10));
  const going = unfairShares([held("2001:db8:0:1::1", 100), ...flood], 200);
  assert.equal(going.length, 10);
  assert.ok(going.every(({ bytes }) => bytes === 10));
});

Deno.test("what is left is no more than it may be, and nothing goes where that is so", () => {
  const holding = fc.record({
    address: fc.constantFrom("10.0.0.1", "10.0.0.2", "2001:db8::1", "unknown"),
    bytes: fc.nat(1_000),
    weight: fc.nat(100),
  });
  fc.assert(fc.property(fc.array(holding), fc.nat(10_000), (holdings, bytesMax) => {
    const going = new Set(unfairShares(holdings, bytesMax));
    const sum = (all: readonly { readonly bytes: number }[]) =>
      all.reduce((total, { bytes }) => total + bytes, 0);
    const left = sum(holdings.filter((each) => !going.has(each)));
    assert.ok(left <= bytesMax + 1e-6);
    if (sum(holdings) <= bytesMax) assert.equal(going.size, 0);
  }));
});
