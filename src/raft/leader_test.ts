/** Replication, flow control, reads, and membership, as a leader does them. */

import assert from "node:assert/strict";
import {
  ELECTION_TICKS,
  envelope,
  loneNode,
  makeLeader,
  member,
  TestNetwork,
} from "./test_network.ts";

const THREE = ["a", "b", "c"];

Deno.test("a lost append is sent again after a heartbeat, without a further proposal", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  network.tickAll(2);
  network.drop = (message) => message.kind === "append_request" && message.to === "b";
  a.propose("x");
  network.settle();
  network.drop = () => false;
  network.tickAll(4);
  assert.deepEqual(network.node("b").applied, ["x"]);
});

Deno.test("answers that were lost with a connection are not waited for once there is another", () => {
  for (const isLostFromTheStart of [true, false]) {
    const network = new TestNetwork(THREE);
    const lose = () =>
      network.drop = ({ kind, from }) => kind === "append_accepted" && from === "b";
    if (isLostFromTheStart) lose();
    const a = network.elect("a");
    lose();
    network.isolate("c");
    a.propose("x");
    network.settle();
    assert.deepEqual(a.applied, []);
    network.drop = () => false;
    a.core.reportConnected("b");
    network.isolate("c");
    network.settle();
    assert.deepEqual(a.applied, ["x"], `lost from the start: ${isLostFromTheStart}`);
  }
});

Deno.test("followers are told of a commit with the next entries, or with the next tick", () => {
  const network = new TestNetwork(THREE, { commitNews: "by_tick" });
  const a = network.elect("a");
  network.tickAll(2);
  const { delivered } = network;
  const before = delivered.length;
  a.propose("x");
  network.settle();
  assert.deepEqual([a.applied, network.node("b").applied], [["x"], []]);
  assert.equal(delivered.length - before, 4, "an append and its answer, for each follower");
  a.propose("y");
  network.settle();
  assert.deepEqual(network.node("b").applied, ["x"]);
  network.tickAll();
  assert.deepEqual(network.node("b").applied, ["x", "y"]);
});

Deno.test("who asks for a read index is told that it is committed, and need not wait for a tick", () => {
  const network = new TestNetwork(THREE, { commitNews: "by_tick" });
  const a = network.elect("a");
  network.tickAll(2);
  a.propose("w");
  network.settle();
  network.drop = ({ kind, from }) => kind === "append_accepted" && from === "b";
  a.propose("x");
  network.settle(); // committed by c's answer; as far as a knows, b lacks it
  network.drop = () => false;
  const b = network.node("b");
  assert.equal(b.core.requestRead(7), true);
  network.settle();
  const reads = b.readies.flatMap((each) => each.reads);
  assert.deepEqual(reads, [{ requestId: 7, index: a.view.log.committed }]);
  assert.deepEqual(b.applied, ["w", "x"]);
});

Deno.test("what is under way to a follower is bounded, and flows on as it answers", () => {
  const network = new TestNetwork(THREE, { messageBytesMax: 1, inflightMessagesMax: 4 });
  const a = network.elect("a");
  network.tickAll(2);
  network.isolate("c");
  network.drop = (message) => message.to === "b" && message.kind === "append_request";
  for (let n = 0; n < 20; n++) a.propose(`${n}`);
  const appends = a.work().filter((each) => each.to === "b" && each.kind === "append_request");
  assert.equal(appends.length, 4);
  network.drop = () => false;
  network.tickAll(10);
  assert.equal(network.node("b").applied.length, 20);
});

Deno.test("heartbeats are not held back by a full window", () => {
  const node = loneNode(THREE, [], { messageBytesMax: 1, inflightMessagesMax: 1 });
  makeLeader(node);
  for (let n = 0; n < 5; n++) node.propose(`${n}`);
  node.work();
  node.tick();
  assert.equal(node.work().filter((each) => each.kind === "heartbeat_request").length, 2);
});

Deno.test("more uncommitted bytes or entries than the bound are refused as overload", () => {
  const node = loneNode(THREE, [], { uncommittedEntriesMax: 3 });
  makeLeader(node);
  assert.equal(node.propose("1").kind, "appended");
  assert.equal(node.propose("2").kind, "appended");
  assert.deepEqual(node.propose("3"), { kind: "refused", reason: "overloaded" });
  const match = node.view.log.lastIndex;
  node.work();
  node.core.step({ kind: "append_accepted", ...envelope("b", "a", node.view.term), match });
  assert.equal(node.propose("3").kind, "appended");
});

Deno.test("a proposal above the limit is refused for good", () => {
  const node = loneNode(["a"], [], { proposalBytesMax: 3 });
  makeLeader(node);
  assert.deepEqual(node.propose("1234"), { kind: "refused", reason: "too_large" });
});

Deno.test("a late answer never moves what is known to match backwards", () => {
  const node = loneNode(THREE);
  makeLeader(node);
  for (let n = 0; n < 5; n++) node.propose(`${n}`);
  node.work();
  const { term } = node.view;
  node.core.step({ kind: "append_accepted", ...envelope("b", "a", term), match: 6 });
  node.core.step({ kind: "append_accepted", ...envelope("b", "a", term), match: 2 });
  node.core.step({
    kind: "append_rejected",
    ...envelope("b", "a", term),
    prevIndex: 3,
    hintIndex: 0,
    hintTerm: 0,
  });
  const { role } = node.view;
  assert.equal(role.kind === "leader" && role.peers.get("b")?.match, 6);
});

Deno.test("thesis §6.4: a leader confirms a read by a round of heartbeats, not by the log", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  const { lastIndex } = a.view.log;
  a.core.requestRead(1);
  a.core.requestRead(2);
  network.settle();
  assert.deepEqual(readsOf(a), [
    { requestId: 1, index: lastIndex },
    { requestId: 2, index: lastIndex },
  ]);
  assert.equal(a.view.log.lastIndex, lastIndex);
});

Deno.test("a deposed leader that nobody answers confirms no read", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  network.isolate("a");
  network.elect("b");
  a.core.requestRead(1);
  network.tickAll(ELECTION_TICKS);
  assert.deepEqual(readsOf(a), []);
});

Deno.test("etcd #7331: a leader that has committed nothing in its term lets reads wait", () => {
  const node = loneNode(THREE);
  makeLeader(node);
  node.core.requestRead(1);
  const beats = node.work().filter((each) => each.kind === "heartbeat_request");
  assert.deepEqual(beats, []);
  const { term } = node.view;
  node.core.step({ kind: "append_accepted", ...envelope("b", "a", term), match: 1 });
  const round = node.work().find((each) => each.kind === "heartbeat_request");
  assert.ok(round?.kind === "heartbeat_request" && round.readRound > 0);
  node.core.step({
    kind: "heartbeat_response",
    ...envelope("b", "a", term),
    readRound: round.readRound,
  });
  node.work();
  assert.deepEqual(readsOf(node), [{ requestId: 1, index: 1 }]);
});

Deno.test("an answer to an earlier round does not confirm a later read", () => {
  const node = loneNode(THREE);
  makeLeader(node);
  const { term } = node.view;
  node.core.step({ kind: "append_accepted", ...envelope("b", "a", term), match: 1 });
  node.work();
  node.core.requestRead(1);
  node.work();
  node.core.requestRead(2);
  node.work();
  node.core.step({ kind: "heartbeat_response", ...envelope("b", "a", term), readRound: 1 });
  node.work();
  assert.deepEqual(readsOf(node).map((each) => each.requestId), [1]);
});

Deno.test("a follower's read asks the leader", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  const b = network.node("b");
  assert.equal(b.core.requestRead(7), true);
  network.settle();
  assert.deepEqual(readsOf(b), [{ requestId: 7, index: a.view.log.committed }]);
});

Deno.test("thesis §4.2.1: a learner receives the log, and does not count", () => {
  const network = new TestNetwork(["a"]);
  const a = network.elect("a");
  network.join("d");
  a.core.changeMembership({ kind: "add_learner", member: member("d") });
  a.propose("x");
  network.tickAll(3);
  assert.deepEqual(network.node("d").applied, ["x"]);
  network.isolate("d");
  a.propose("y");
  network.settle();
  assert.deepEqual(a.applied, ["x", "y"], "one voter is still a majority");
});

Deno.test("a learner never campaigns, but votes when asked", () => {
  const network = new TestNetwork(["a"]);
  const a = network.elect("a");
  const d = network.join("d");
  a.core.changeMembership({ kind: "add_learner", member: member("d") });
  network.tickAll(3);
  network.isolate("d");
  d.tick(5 * ELECTION_TICKS);
  assert.equal(d.view.role.kind, "follower");
  const { term, log: { lastIndex, lastTerm } } = d.view;
  d.core.step({
    kind: "vote_request",
    ...envelope("a", "d", term + 1),
    pre: false,
    transfer: false,
    lastIndex,
    lastTerm,
  });
  const [answer] = d.work();
  assert.ok(answer?.kind === "vote_response" && answer.granted);
});

Deno.test("a learner that is silent or far behind is not promoted", () => {
  const network = new TestNetwork(["a"], { promotionLagMax: 3 });
  const a = network.elect("a");
  network.join("d");
  a.core.changeMembership({ kind: "add_learner", member: member("d") });
  network.settle();
  network.isolate("d");
  for (let n = 0; n < 5; n++) a.propose(`${n}`);
  network.settle();
  const refused = a.core.changeMembership({ kind: "promote", id: "d" });
  assert.ok(refused.kind === "refused" && refused.reason === "not_caught_up");
  network.heal();
  network.tickAll(3);
  assert.equal(a.core.changeMembership({ kind: "promote", id: "d" }).kind, "appended");
});

Deno.test("a learner that lacks few entries but many bytes is not promoted", () => {
  const network = new TestNetwork(["a"], { promotionLagBytesMax: 1_000 });
  const a = network.elect("a");
  network.join("d");
  a.core.changeMembership({ kind: "add_learner", member: member("d") });
  network.settle();
  network.isolate("d");
  for (const size of [900, 900]) a.propose("x".repeat(size));
  network.settle();
  const refused = a.core.changeMembership({ kind: "promote", id: "d" });
  assert.ok(refused.kind === "refused" && refused.reason === "not_caught_up");
  network.heal();
  network.tickAll(3);
  assert.equal(a.core.changeMembership({ kind: "promote", id: "d" }).kind, "appended");
});

Deno.test("one membership change at a time", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  assert.equal(a.core.changeMembership({ kind: "remove", id: "c" }).kind, "appended");
  const second = a.core.changeMembership({ kind: "remove", id: "b" });
  assert.ok(second.kind === "refused" && second.reason === "change_in_progress");
});

Deno.test("raft-dev 2015: a leader changes no membership before it committed in its term", () => {
  const node = loneNode(THREE, [1]);
  makeLeader(node);
  const refused = node.core.changeMembership({ kind: "add_learner", member: member("d") });
  assert.ok(refused.kind === "refused" && refused.reason === "not_ready");
});

Deno.test("raft-dev 2015: {1,2,3,4} with two changes by two leaders never has two majorities", () => {
  // s1 appends "add s5" and crashes; s2 is elected by s2, s3 and s4 and would remove s1 at once.
  const network = new TestNetwork(["s1", "s2", "s3", "s4"]);
  const s1 = network.elect("s1");
  network.join("s5");
  network.isolate("s1");
  network.heal();
  for (const id of ["s2", "s3", "s4"]) network.cut("s1", id);
  s1.core.changeMembership({ kind: "add_learner", member: member("s5") });
  network.settle();
  assert.equal(s1.view.memberships.current.learners.length, 1, "in force when appended");
  const s2 = network.elect("s2");
  assert.equal(s2.view.role.kind, "leader");
  // The guard: its change needs a committed entry of its own term, which a majority then holds, so
  // s1's log loses every later election.
  assert.equal(s2.core.changeMembership({ kind: "remove", id: "s1" }).kind, "appended");
  network.settle();
  network.heal();
  network.tickAll(5 * ELECTION_TICKS);
  const { leader } = network;
  assert.notEqual(leader?.id, "s1");
  assert.deepEqual(leader?.view.voterIds, ["s2", "s3", "s4"]);
});

Deno.test("a membership that is cut from the log is no longer in force", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  network.tickAll(2);
  network.isolate("a");
  a.core.changeMembership({ kind: "remove", id: "c" });
  a.work();
  assert.deepEqual(a.view.voterIds, ["a", "b"]);
  network.elect("b");
  network.heal();
  network.tickAll(3);
  assert.deepEqual(a.view.voterIds, THREE);
});

Deno.test("thesis §4.2.2: a leader that removed itself does not count itself, then steps down", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  network.tickAll(2);
  network.isolate("c");
  const { committed } = a.view.log;
  a.core.changeMembership({ kind: "remove", id: "a" });
  network.settle();
  assert.equal(a.view.log.committed, committed, "a and b are one of the two that must agree");
  network.heal();
  network.tickAll(5 * ELECTION_TICKS);
  assert.notEqual(a.view.role.kind, "leader");
  assert.deepEqual(network.leader?.view.voterIds, ["b", "c"]);
});

for (const kind of ["remove", "demote"] as const) {
  Deno.test(`thesis §4.2.2: who asks to ${kind} itself still campaigns until that is committed`, () => {
    const network = new TestNetwork(["a", "b"]);
    const a = network.elect("a");
    network.tickAll(2);
    // Only a holds the change, so b cannot be elected; and b alone cannot elect itself.
    network.isolate("a");
    a.core.changeMembership({ kind, id: "a" });
    network.tickAll(3 * ELECTION_TICKS);
    assert.notEqual(a.view.role.kind, "leader");
    network.heal();
    network.tickAll(8 * ELECTION_TICKS);
    assert.equal(network.leader?.id, "b");
    assert.deepEqual(network.leader?.view.voterIds, ["b"]);
  });
}

Deno.test("a removed server that comes back disturbs nobody", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  network.tickAll(2);
  network.isolate("c");
  a.core.changeMembership({ kind: "remove", id: "c" });
  network.tickAll(3);
  const { term } = a.view;
  network.heal();
  network.tickAll(20 * ELECTION_TICKS);
  assert.equal(network.leader?.id, "a");
  assert.equal(a.view.term, term);
});

Deno.test("a follower behind the compacted log is sent a snapshot, and follows from there", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  network.isolate("c");
  for (let n = 0; n < 10; n++) a.propose(`${n}`);
  network.settle();
  const { applied: index } = a.view.log;
  const snapshot = {
    index,
    term: a.view.term,
    membership: a.view.memberships.current,
  };
  a.log.compact(snapshot);
  a.core.compacted(index);
  network.heal();
  network.tickAll(3);
  const { role } = a.view;
  assert.equal(role.kind === "leader" && role.peers.get("c")?.state, "snapshot");
  assert.ok(a.readies.some((ready) => ready.snapshotsToSend.includes("c")));
  network.node("c").core.step({
    kind: "snapshot_received",
    ...envelope("a", "c", a.view.term),
    snapshot,
  });
  a.propose("after");
  network.tickAll(3);
  assert.deepEqual(network.node("c").applied, ["after"]);
  assert.equal(network.node("c").log.boundary.index, index);
});

Deno.test("hashicorp #697: a snapshot over a conflicting log discards all of it", () => {
  const node = loneNode(THREE, [1, 1, 1, 1, 1]);
  const membership = { voters: THREE.map(member), learners: [] };
  const snapshot = { index: 3, term: 2, membership };
  node.core.step({ kind: "snapshot_received", ...envelope("b", "a", 2), snapshot });
  const [answer] = node.work();
  assert.deepEqual([node.log.boundary.index, node.log.lastIndex], [3, 3]);
  assert.ok(answer?.kind === "append_accepted" && answer.match === 3);
});

Deno.test("figure 13: a snapshot that the log already holds keeps what follows it", () => {
  const node = loneNode(THREE, [1, 1, 1]);
  const membership = { voters: THREE.map(member), learners: [] };
  const snapshot = { index: 2, term: 1, membership };
  node.core.step({ kind: "snapshot_received", ...envelope("b", "a", 1), snapshot });
  node.work();
  assert.equal(node.log.lastIndex, 3);
  assert.equal(node.view.log.committed, 2);
});

function readsOf(node: { readies: readonly { reads: readonly unknown[] }[] }) {
  return node.readies.flatMap((ready) => ready.reads) as { requestId: number; index: number }[];
}
