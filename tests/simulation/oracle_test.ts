/** Each promise that the oracle watches, broken on purpose and by itself. */

import assert from "node:assert/strict";
import type { DurableView } from "./oracle.ts";
import { Oracle } from "./oracle.ts";
import { World } from "./world.ts";

/** A disk with entries of these terms behind `boundaryIndex`. */
function disk(
  terms: readonly number[],
  boundaryIndex = 0,
  vote: string | null = null,
): DurableView {
  const term = terms.at(-1) ?? 1;
  return {
    boundaryIndex,
    lastIndex: boundaryIndex + terms.length,
    hardState: { term, vote, commit: 0 },
    term: (index) => terms[index - boundaryIndex - 1] ?? 0,
    text: (index) => `entry ${index}`,
    membership: () => undefined,
  };
}

const THREE = ["a", "b", "c"];

/** `a` commits entries of these terms that all hold. */
function committed(oracle: Oracle, terms: readonly number[]): void {
  const disks = new Map(THREE.map((id) => [id, disk(terms)]));
  oracle.commits("a", 1, terms.length, disks, [THREE]);
}

const BROKEN: readonly [checker: string, how: string, act: (oracle: Oracle) => void][] = [
  ["Election safety", "two lead one term", (oracle) => {
    oracle.leads("a", 2, disk([]));
    oracle.leads("b", 2, disk([]));
  }],
  ["Leader completeness", "a leader lacks what was committed", (oracle) => {
    committed(oracle, [1, 1]);
    oracle.leads("b", 2, disk([1]));
  }],
  ["State machine safety", "two commit different entries at one index", (oracle) => {
    committed(oracle, [1, 1]);
    oracle.commits("b", 1, 2, new Map([["b", disk([1, 2])]]), [THREE]);
  }],
  ["State machine safety", "two differ after the same entry", (oracle) => {
    oracle.applied("a", 5, 17);
    oracle.applied("b", 5, 18);
  }],
  ["State machine safety", "a snapshot brings another state", (oracle) => {
    oracle.applied("a", 5, 17);
    oracle.installed("b", 6, 18);
  }],
  ["Commit", "an entry is committed that a minority holds", (oracle) => {
    const disks = new Map([["a", disk([1])], ["b", disk([])], ["c", disk([])]]);
    oracle.commits("a", 1, 1, disks, [THREE]);
  }],
  ["Log matching", "one index and term, two entries", (oracle) => {
    oracle.wroteEntries("a", [{ index: 1, term: 1, text: "x" }], disk([]));
    oracle.wroteEntries("b", [{ index: 1, term: 1, text: "y" }], disk([]));
  }],
  ["Log matching", "the same entry behind others", (oracle) => {
    oracle.wroteEntries("a", [{ index: 3, term: 3, text: "x" }], disk([1, 1]));
    oracle.wroteEntries("b", [{ index: 3, term: 3, text: "x" }], disk([1, 2]));
  }],
  ["Committed entries stay", "one is overwritten", (oracle) => {
    committed(oracle, [1, 1]);
    oracle.wroteEntries("b", [{ index: 2, term: 2, text: "y" }], disk([1, 1]));
  }],
  ["One vote a term", "a node votes twice", (oracle) => {
    oracle.wroteHardState("a", { term: 1, vote: "b", commit: 0 });
    oracle.wroteHardState("a", { term: 1, vote: "c", commit: 0 });
  }],
  ["One vote a term", "a node forgets its vote", (oracle) => {
    oracle.wroteHardState("a", { term: 1, vote: "a", commit: 0 });
    oracle.wroteHardState("a", { term: 1, vote: null, commit: 0 });
  }],
  ["Durable term", "a term falls", (oracle) => {
    oracle.wroteHardState("a", { term: 2, vote: "a", commit: 0 });
    oracle.wroteHardState("a", { term: 1, vote: null, commit: 0 });
  }],
  ["Terms", "a term in which nobody campaigned", (oracle) => {
    oracle.wroteHardState("a", { term: 7, vote: null, commit: 0 });
  }],
  ["Persist before answering", "a vote that is not on disk", (oracle) => {
    const envelope = { from: "a", to: "b", toIncarnation: "", term: 1 };
    const vote = { kind: "vote_response" as const, ...envelope, pre: false, granted: true };
    oracle.sends(vote, disk([1], 0, null));
  }],
  ["Persist before answering", "an entry that is not on disk", (oracle) => {
    const envelope = { from: "a", to: "b", toIncarnation: "", term: 1 };
    oracle.sends({ kind: "append_accepted", ...envelope, match: 2 }, disk([1]));
  }],
];

for (const [checker, how, act] of BROKEN) {
  Deno.test(`${checker} notices: ${how}`, () => {
    const oracle = new Oracle(new World(1));
    act(oracle);
    assert.equal(oracle.violation?.checker, checker, `${oracle.violation}`);
  });
}

Deno.test("a leader of an earlier term, of which one hears late, need not have later commits", () => {
  const oracle = new Oracle(new World(1));
  committed(oracle, [1, 3]);
  oracle.leads("b", 2, disk([1]));
  assert.equal(oracle.violation, undefined);
});

Deno.test("what a disk held before it lied still counts, until it is replaced", () => {
  const disks = new Map([["a", disk([1])], ["b", disk([])], ["c", disk([])]]);
  const oracle = new Oracle(new World(1));
  oracle.lied("b", disk([1]));
  oracle.commits("a", 1, 1, disks, [THREE]);
  assert.ok(oracle.violation === undefined);
  oracle.lied("b", undefined);
  oracle.commits("a", 2, 2, new Map([...disks, ["a", disk([1, 1])]]), [THREE]);
  assert.match(String(oracle.violation), /Commit/);
});
