import assert from "node:assert/strict";
import type { Operation } from "./linearizability.ts";
import { faultOfHistory } from "./linearizability.ts";

function append(value: string, position: number, from: number, to: number): Operation {
  return operation({ kind: "append", value, position, invokedAtMs: from, returnedAtMs: to });
}

function read(seen: readonly string[], from: number, to: number): Operation {
  return operation({ kind: "read", seen, invokedAtMs: from, returnedAtMs: to });
}

function operation(fields: Partial<Operation> & Pick<Operation, "kind">): Operation {
  return {
    client: "c",
    key: "x",
    value: "",
    invokedAtMs: 0,
    returnedAtMs: Infinity,
    seen: [],
    position: 0,
    ...fields,
  };
}

const HISTORIES: readonly [
  name: string,
  fault: RegExp | undefined,
  operations: readonly Operation[],
  list: readonly string[],
][] = [
  ["appends and reads one after another", undefined, [
    append("a", 1, 0, 1),
    read(["a"], 2, 3),
    append("b", 2, 4, 5),
    read(["a", "b"], 6, 7),
  ], ["a", "b"]],
  ["an append that was acknowledged and is gone", /Durability/, [append("a", 1, 0, 1)], []],
  ["an append that was never answered and is gone", undefined, [append("a", 0, 0, Infinity)], []],
  ["an append that was done twice", /twice/, [append("a", 1, 0, 1)], ["a", "a"]],
  ["a client that was told another place", /was told 2/, [append("a", 2, 0, 1)], ["a"]],
  ["a read that missed what was there before it", /Linearizability/, [
    append("a", 1, 0, 1),
    read([], 2, 3),
  ], ["a"]],
  ["a read of what is never there", /saw z/, [read(["z"], 0, 1)], ["a"]],
  ["reads during an append, first new then old", /Linearizability/, [
    append("a", 1, 0, 9),
    read(["a"], 1, 2),
    read([], 3, 4),
  ], ["a"]],
  ["appends whose places contradict their times", /Linearizability/, [
    append("a", 2, 0, 1),
    append("b", 1, 2, 3),
  ], ["b", "a"]],
];

for (const [name, fault, operations, list] of HISTORIES) {
  Deno.test(`${name}: ${fault === undefined ? "no fault" : fault.source}`, () => {
    const found = faultOfHistory(operations, new Map([["x", list]]));
    if (fault === undefined) assert.equal(found, undefined);
    else assert.match(found ?? "", fault);
  });
}
