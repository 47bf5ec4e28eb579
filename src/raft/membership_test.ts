/** What one change makes of a membership, and what becomes of a node that lost its disk. */

import assert from "node:assert/strict";
import {
  changed,
  decodeMembership,
  encodeMembership,
  type Membership,
  type MembershipChange,
} from "./membership.ts";
import { RaftNode } from "./node.ts";
import { MemoryLog } from "./memory_log.ts";
import { foundCluster } from "./start.ts";
import { member, TestNetwork } from "./test_network.ts";
import type { Message } from "./message.ts";

const WIPED = { ...member("b"), incarnation: "b2" };

function voters(...ids: string[]): Membership {
  return { voters: ids.map(member), learners: [] };
}

Deno.test("what one change makes of a membership, or why it makes nothing", () => {
  const of = ({ voters, learners }: Membership) =>
    `${voters.map(({ id }) => id).join("")}|${learners.map(({ id }) => id).join("")}`;
  const table: [Membership, MembershipChange, string | RegExp][] = [
    [voters("a"), { kind: "add_learner", member: member("d") }, "a|d"],
    [voters("a", "d"), { kind: "add_learner", member: member("d") }, /already a member/],
    [voters("a", "b", "c"), { kind: "replace", member: WIPED }, "ac|b"],
    [
      { voters: [member("a")], learners: [member("b")] },
      { kind: "replace", member: WIPED },
      "a|b",
    ],
    [voters("a", "b"), { kind: "replace", member: member("b") }, /under this incarnation already/],
    [voters("b"), { kind: "replace", member: WIPED }, /only voter/],
    [voters("a"), { kind: "replace", member: WIPED }, /not a member/],
    [voters("a", "b"), { kind: "remove", id: "b" }, "a|"],
    [voters("a"), { kind: "remove", id: "a" }, /only voter/],
    [voters("a", "b"), { kind: "demote", id: "b" }, "a|b"],
    [voters("a", "b"), { kind: "promote", id: "b" }, /already votes/],
    [voters("a", "b"), { kind: "readdress", id: "b", address: "x" }, "ab|"],
  ];
  for (const [before, change, expected] of table) {
    const after = changed(before, change);
    if (typeof expected === "string") assert.ok(!("refusal" in after) && of(after) === expected);
    else assert.ok("refusal" in after && expected.test(after.refusal), JSON.stringify(after));
  }
});

Deno.test("a membership of a format that is not known is refused, and none means the first", () => {
  const membership = voters("a", "b");
  assert.deepEqual(decodeMembership(encodeMembership(membership)), membership);
  const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  assert.deepEqual(decodeMembership(bytes(membership)), membership);
  assert.throws(() => decodeMembership(bytes({ ...membership, format: 2 })), /format 2.*newer/);
});

Deno.test("P17: what a voter held before its disk was lost is not counted for its successor", () => {
  const network = new TestNetwork(["a", "b", "c"]);
  const a = network.elect("a");
  a.propose("x");
  network.tickAll(3);
  network.isolate("b");
  assert.equal(a.core.changeMembership({ kind: "replace", member: WIPED }).kind, "appended");
  network.tickAll(2);
  const { role } = a.view;
  assert.ok(role.kind === "leader");
  assert.equal(role.peers.get("b")?.match, 0);
  assert.deepEqual(a.view.voterIds, ["a", "c"]);
  assert.ok(a.view.memberships.currentIndex <= a.view.log.committed, "two of two committed it");
});

Deno.test("an answer of another incarnation than the member's is dropped, a request is not", () => {
  const log = new MemoryLog();
  foundCluster(log, ["a", "b"].map((id) => ({ ...member(id), incarnation: `${id}1` })));
  const refused: string[] = [];
  const node = new RaftNode({
    id: "a",
    incarnation: "a1",
    timings: { electionTicks: 10, heartbeatTicks: 1 },
    log,
    stateMachine: { appliedIndex: 0, durableAppliedIndex: 0, apply: () => [] },
    transport: { send: () => {} },
    random: () => 0,
    defer: (run) => run(),
    observer: {
      failed: (error) => {
        throw error;
      },
      messageRefused: (_, reason) => refused.push(reason),
    },
  });
  const envelope = { from: "b", to: "a", toIncarnation: "a1", term: 2 };
  const answer: Message = { kind: "vote_response", ...envelope, pre: true, granted: true };
  node.step(answer, "b2");
  assert.match(refused[0] ?? "", /incarnation b2 of "b", not b1/);
  node.step(answer, "b1");
  node.step(
    { kind: "heartbeat_request", ...envelope, commit: 0, readRound: 0 },
    "b2",
  );
  assert.equal(refused.length, 1);
  assert.equal(node.leaderId, "b");
});
