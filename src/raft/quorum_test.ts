import assert from "node:assert/strict";
import fc from "fast-check";
import { majority, quorumValue, voteResult } from "./quorum.ts";

Deno.test("two majorities of the same voters always share one", () => {
  for (let count = 1; count <= 100; count++) assert.ok(2 * majority(count) > count);
});

Deno.test("quorumValue is the largest value that more than half have reached", () => {
  fc.assert(fc.property(fc.array(fc.nat(50), { maxLength: 9 }), (values) => {
    assert.equal(quorumValue(values), naiveQuorumValue(values));
  }));
});

Deno.test("voteResult counts each voter once, and nobody else", () => {
  const ids = ["a", "b", "c", "d", "e", "f", "g"];
  const votes = fc.dictionary(fc.constantFrom(...ids), fc.boolean());
  fc.assert(fc.property(fc.subarray(ids), votes, (voters, answers) => {
    const map = new Map(Object.entries(answers));
    assert.equal(voteResult(voters, map), naiveVoteResult(voters, map));
  }));
});

/** Tries every value, by counting. */
function naiveQuorumValue(values: readonly number[]): number {
  let best = 0;
  for (let candidate = 0; candidate <= 50; candidate++) {
    let reached = 0;
    for (const value of values) if (value >= candidate) reached++;
    if (reached * 2 > values.length) best = candidate;
  }
  return best;
}

/** Asks what happens if all who are silent agree, or all refuse. */
function naiveVoteResult(voters: readonly string[], votes: ReadonlyMap<string, boolean>) {
  const winsIf = (silent: boolean) =>
    voters.filter((id) => votes.get(id) ?? silent).length * 2 > voters.length;
  if (winsIf(false)) return "won";
  return winsIf(true) ? "pending" : "lost";
}
