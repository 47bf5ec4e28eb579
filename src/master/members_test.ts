import assert from "node:assert/strict";
import type { MemberDetails, MembersView } from "../rpc/mod.ts";
import { deadVoter, quorumFaultWithout } from "./members.ts";

/** Members by letter: upper case votes and answers, lower case votes and is silent; `+x` learns. */
function cluster(letters: string): MembersView {
  const members = [...letters.replace(/\+./g, "")].map((letter) => member(letter, "voter"));
  const learners = [...letters.matchAll(/\+(.)/g)].map(([, letter]) => member(letter!, "learner"));
  return {
    members: [...members, ...learners],
    leaderId: "a",
    term: 1,
    commitIndex: 9,
    lastLogIndex: 9,
    membershipIndex: 1,
    entryFormat: 1,
  };
}

function member(letter: string, suffrage: MemberDetails["suffrage"]): MemberDetails {
  const id = letter.toLowerCase();
  return {
    id,
    incarnation: "",
    raftAddress: "",
    grpcAddress: "",
    suffrage,
    role: id === "a" ? "leader" : suffrage === "voter" ? "follower" : "learner",
    matchIndex: 9,
    lag: 0,
    lastContactMs: 0,
    version: "",
    answers: letter !== id,
    entryFormat: 1,
  };
}

Deno.test("a member may go when enough of the other voters answer", () => {
  const table: [string, string, RegExp | undefined][] = [
    ["ABC", "c", undefined],
    ["ABc", "c", undefined],
    ["ABc", "b", /needs 2 of them, but only 1 answers \(silent: c\)/],
    ["AB", "b", undefined],
    ["A", "a", /only voter/],
    ["ABCde", "e", undefined],
    ["ABCde", "c", /has 4 voters and needs 3 of them, but only 2 answer/],
    ["Ab+C", "b", undefined],
    ["Ab+C", "c", /needs 2 of them, but only 1/],
  ];
  for (const [members, id, fault] of table) {
    const found = quorumFaultWithout(cluster(members), id);
    if (fault === undefined) assert.equal(found, undefined, `${members} without ${id}`);
    else assert.match(found ?? "", fault, `${members} without ${id}`);
  }
});

Deno.test("a dead voter is removed only on request, after its time, above the floor, with a quorum", () => {
  const policy = { cleanup: true, afterMs: 100, votersMin: 3 };
  const silence: Record<string, number> = { c: 150, d: 300, e: 200 };
  const silentMs = (id: string) => silence[id] ?? 0;
  assert.equal(deadVoter(cluster("ABCde"), policy, silentMs), "d", "the longest silent first");
  assert.equal(deadVoter(cluster("ABCde"), { ...policy, cleanup: false }, silentMs), undefined);
  assert.equal(deadVoter(cluster("ABCde"), { ...policy, afterMs: 301 }, silentMs), undefined);
  assert.equal(deadVoter(cluster("ABc"), policy, silentMs), undefined, "three are the floor");
  assert.equal(deadVoter(cluster("ABc"), { ...policy, votersMin: 2 }, silentMs), "c");
  assert.equal(deadVoter(cluster("Abcde"), policy, silentMs), undefined, "no quorum is left");
  assert.equal(deadVoter(cluster("ABC+d"), policy, silentMs), undefined, "learners are no voters");
});
