import assert from "node:assert/strict";
import { Random } from "./random.ts";
import type { Call, Model } from "./wing_gong.ts";
import { isLinearizable } from "./wing_gong.ts";

type Register = { readonly kind: "write" | "read"; readonly value: number };

const REGISTER: Model<number, Register> = {
  initial: 0,
  step: (state, { kind, value }) => kind === "write" ? [value] : state === value ? [state] : [],
  key: String,
};

function call(
  kind: Register["kind"],
  value: number,
  invokedAtMs: number,
  returnedAtMs: number,
): Call<Register> {
  return { operation: { kind, value }, invokedAtMs, returnedAtMs };
}

const HISTORIES: readonly [
  name: string,
  linearizable: boolean,
  calls: readonly Call<Register>[],
][] = [
  ["nothing at all", true, []],
  ["a read of what was written before", true, [
    call("write", 1, 0, 1),
    call("read", 1, 2, 3),
  ]],
  ["a read that missed a write which had returned", false, [
    call("write", 1, 0, 1),
    call("read", 0, 2, 3),
  ]],
  ["reads during a write, first old then new", true, [
    call("write", 1, 0, 10),
    call("read", 0, 1, 2),
    call("read", 1, 3, 4),
  ]],
  ["reads during a write, first new then old", false, [
    call("write", 1, 0, 10),
    call("read", 1, 1, 2),
    call("read", 0, 3, 4),
  ]],
  ["a write without an answer that was seen", true, [
    call("write", 1, 0, Infinity),
    call("read", 0, 1, 2),
    call("read", 1, 3, 4),
  ]],
  ["a write without an answer that never was seen", true, [
    call("write", 1, 0, Infinity),
    call("read", 0, 1, 2),
    call("read", 0, 3, 4),
  ]],
  ["two writes at once, seen in one order by both readers", true, [
    call("write", 1, 0, 10),
    call("write", 2, 0, 10),
    call("read", 2, 1, 3),
    call("read", 2, 2, 4),
    call("read", 1, 11, 12),
  ]],
  ["two writes at once, seen in both orders", false, [
    call("write", 1, 0, 5),
    call("write", 2, 0, 5),
    call("read", 1, 6, 7),
    call("read", 2, 8, 9),
  ]],
  ["a value that nobody wrote", false, [
    call("write", 1, 0, 5),
    call("read", 7, 6, 7),
  ]],
];

for (const [name, linearizable, calls] of HISTORIES) {
  Deno.test(`${name}: ${linearizable ? "linearizable" : "not linearizable"}`, () => {
    assert.equal(isLinearizable(calls, REGISTER), linearizable);
  });
}

Deno.test("what the search finds is what trying every order finds", () => {
  const random = new Random(1);
  let good = 0;
  for (let round = 0; round < 400; round++) {
    const calls = Array.from({ length: 5 }, () => {
      const from = random.below(12);
      return call(
        random.below(2) === 0 ? "write" : "read",
        random.below(3),
        from,
        from + 1 + random.below(6),
      );
    });
    const expected = anyOrderFits(calls, []);
    assert.equal(isLinearizable(calls, REGISTER), expected, JSON.stringify(calls));
    if (expected) good++;
  }
  assert.ok(good > 40 && good < 360, `${good} of 400 histories were linearizable`);
});

/** Every permutation, without cleverness. */
function anyOrderFits(
  left: readonly Call<Register>[],
  order: readonly Call<Register>[],
): boolean {
  if (left.length === 0) return fits(order);
  return left.some((each, at) => anyOrderFits(left.toSpliced(at, 1), [...order, each]));
}

function fits(order: readonly Call<Register>[]): boolean {
  let value = 0;
  for (const [at, { operation, invokedAtMs }] of order.entries()) {
    if (order.slice(at + 1).some((later) => later.returnedAtMs < invokedAtMs)) return false;
    if (operation.kind === "write") value = operation.value;
    else if (operation.value !== value) return false;
  }
  return true;
}
