/** PreVote, CheckQuorum and leadership transfer: what the thesis adds to elections, and its traps. */

import assert from "node:assert/strict";
import { ELECTION_TICKS, envelope, loneNode, makeLeader, TestNetwork } from "./test_network.ts";

const THREE = ["a", "b", "c"];
const FIVE = ["a", "b", "c", "d", "e"];

Deno.test("thesis §9.6: a node that cannot reach a majority never raises its term", () => {
  const network = new TestNetwork(THREE);
  network.elect("a");
  network.isolate("c");
  const { term } = network.node("c").view;
  network.tickAll(20 * ELECTION_TICKS);
  assert.equal(network.node("c").view.term, term);
  network.heal();
  network.tickAll(2 * ELECTION_TICKS);
  assert.equal(network.leader?.id, "a", "its return disturbs nobody");
  assert.equal(network.node("a").view.term, term);
});

Deno.test("etcd #8243: a pre-vote of a lower term is answered with our term, not dropped", () => {
  const node = loneNode(THREE, [1, 5]);
  node.core.step({
    kind: "vote_request",
    ...envelope("b", "a", 3),
    pre: true,
    transfer: false,
    lastIndex: 9,
    lastTerm: 2,
  });
  const [answer] = node.work();
  assert.ok(answer?.kind === "vote_response" && answer.pre && !answer.granted);
  assert.equal(answer.term, 5);
});

Deno.test("etcd #9586: a pre-candidate has no leader, so it grants others' pre-votes", () => {
  const network = new TestNetwork(THREE);
  network.elect("a");
  network.isolate("a");
  const b = network.node("b");
  b.core.campaign();
  assert.equal(b.view.leaderId, undefined);
});

Deno.test("a granted pre-vote changes neither term nor vote, and resets no timer", () => {
  const node = loneNode(THREE);
  node.tick(3);
  node.core.step({
    kind: "vote_request",
    ...envelope("b", "a", 1),
    pre: true,
    transfer: false,
    lastIndex: 0,
    lastTerm: 0,
  });
  const [answer] = node.work();
  assert.ok(answer?.kind === "vote_response" && answer.granted && answer.term === 1);
  assert.deepEqual([node.view.term, node.view.vote], [0, null]);
  assert.equal(node.view.electionElapsedTicks, 3);
});

Deno.test("etcd #12959: a vote request of a higher term that is refused resets no timer", () => {
  const node = loneNode(THREE, [1]);
  node.tick(7);
  node.core.step({
    kind: "vote_request",
    ...envelope("b", "a", 9),
    pre: false,
    transfer: false,
    lastIndex: 0,
    lastTerm: 0,
  });
  assert.equal(node.view.electionElapsedTicks, 7);
});

Deno.test("thesis §4.2.3: who hears of a leader ignores requests for votes, of whatever term", () => {
  const network = new TestNetwork(THREE);
  network.elect("a");
  const b = network.node("b");
  const { term } = b.view;
  b.core.step({
    kind: "vote_request",
    ...envelope("c", "b", term + 7),
    pre: false,
    transfer: false,
    lastIndex: 99,
    lastTerm: term,
  });
  assert.equal(b.view.term, term);
  assert.deepEqual(b.work(), []);
});

Deno.test("thesis §6.2: a leader without a majority for an election timeout steps down", () => {
  for (let ticksBefore = 0; ticksBefore < ELECTION_TICKS; ticksBefore++) {
    const network = new TestNetwork(THREE);
    const a = network.elect("a");
    network.tickAll(ticksBefore);
    a.propose("x");
    network.settle(); // heard of just now
    network.isolate("a");
    network.tickAll(ELECTION_TICKS - 1);
    assert.equal(a.view.role.kind, "leader", `cut off after ${ticksBefore} ticks`);
    network.tickAll();
    assert.notEqual(a.view.role.kind, "leader", `cut off after ${ticksBefore} ticks`);
  }
});

Deno.test("one follower that answers is majority enough for a leader of three", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  network.isolate("c");
  network.tickAll(10 * ELECTION_TICKS);
  assert.equal(a.view.role.kind, "leader");
});

Deno.test("a leader that receives nothing, though it sends, steps down, and another leads", () => {
  const network = new TestNetwork(THREE);
  network.elect("a");
  for (const id of ["b", "c"]) network.cutOneWay(id, "a");
  network.tickAll(6 * ELECTION_TICKS);
  assert.notEqual(network.leader?.id, "a");
  assert.notEqual(network.leader, undefined);
});

Deno.test("a node with a higher term rejoins with one election at most", () => {
  const network = new TestNetwork(THREE);
  network.elect("a");
  network.isolate("c");
  const c = network.node("c");
  // An older version without PreVote would have raised its term like this.
  c.core.step({ kind: "heartbeat_response", ...envelope("b", "c", 40), readRound: 0 });
  network.heal();
  network.tickAll(5 * ELECTION_TICKS);
  assert.notEqual(network.leader, undefined);
  assert.ok((network.leader?.view.term ?? 0) <= 42);
});

Deno.test("Cloudflare 2020: with a bridge of links, one leader holds", () => {
  const network = new TestNetwork(FIVE);
  network.elect("a");
  // d reaches only b, and e only c.
  for (const id of ["a", "c", "e"]) network.cut("d", id);
  for (const id of ["a", "b"]) network.cut("e", id);
  network.tickAll(5 * ELECTION_TICKS);
  const { leader } = network;
  assert.notEqual(leader, undefined);
  const term = leader?.view.term;
  network.tickAll(20 * ELECTION_TICKS);
  assert.equal(network.leader?.id, leader?.id);
  assert.equal(network.leader?.view.term, term);
});

Deno.test("thesis §3.10: leadership is handed to a caught-up voter, against the lease", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  assert.deepEqual(a.core.transferLeadership("b"), { to: "b" });
  assert.deepEqual(a.propose("x"), { kind: "refused", reason: "transferring" });
  network.settle();
  assert.equal(network.leader?.id, "b");
});

Deno.test("a transfer first brings its target up to date", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  network.isolate("c");
  for (let n = 0; n < 10; n++) a.propose(`${n}`);
  network.settle();
  network.heal();
  a.core.transferLeadership("c");
  network.tickAll(3);
  assert.equal(network.leader?.id, "c");
  assert.equal(network.node("c").applied.length, 10);
});

Deno.test("a transfer waits until all that was accepted is committed: no outcome is left unknown", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  // The followers write, and their answers are on their way when leadership is to move.
  a.propose("x");
  const appends = a.work();
  a.core.transferLeadership("b");
  assert.deepEqual(a.work(), [], "nobody is told to campaign before x is committed");
  for (const message of appends) network.deliver(message);
  network.settle();
  assert.deepEqual(a.applied, ["x"], "and this leader applied it itself, so it could answer");
  assert.equal(network.leader?.id, "b");
});

Deno.test("a transfer to a node that does not answer is given up after an election timeout", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  network.isolate("c");
  a.core.transferLeadership("c");
  network.tickAll(ELECTION_TICKS);
  assert.equal(network.leader?.id, "a");
  assert.equal(a.propose("x").kind, "appended");
});

for (
  const [target, refusal] of [
    ["a", '"a" leads already'],
    ["x", '"x" does not vote'],
  ] as const
) {
  Deno.test(`leadership is not handed to "${target}": ${refusal}`, () => {
    const network = new TestNetwork(THREE);
    assert.deepEqual(network.elect("a").core.transferLeadership(target), { refusal });
  });
}

Deno.test("raft-rs #234: a late timeout_now, of a former leader or for a longer log, is ignored", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  const { term, log: { lastIndex } } = a.view;
  const b = network.node("b");
  b.core.step({ kind: "timeout_now", ...envelope("a", "b", term), lastIndex: lastIndex + 1 });
  b.core.step({ kind: "timeout_now", ...envelope("c", "b", term), lastIndex });
  b.core.step({ kind: "timeout_now", ...envelope("a", "b", term - 1), lastIndex });
  assert.equal(b.view.role.kind, "follower");
});

Deno.test("leadership goes to nobody who is silent, though it holds as much as others", () => {
  for (let offset = 0; offset < ELECTION_TICKS; offset++) {
    const network = new TestNetwork(THREE);
    network.elect("a");
    network.isolate("b");
    network.tickAll(2 * ELECTION_TICKS + offset);
    const a = network.node("a");
    a.tick();
    assert.deepEqual(a.core.transferLeadership(), { to: "c" }, `offset ${offset}`);
  }
});

Deno.test("a candidate's own vote counts only once it is durable", () => {
  const node = loneNode(["a"]);
  node.core.campaign();
  assert.equal(node.view.role.kind, "candidate");
  const ready = node.core.takeReady();
  assert.equal(node.view.role.kind, "candidate");
  assert.ok(ready?.write !== undefined);
  assert.equal(ready.write.hardState.vote, "a");
  node.core.wrote(ready.write.ticket);
  assert.equal(node.view.role.kind, "leader");
});

Deno.test("a candidate whose own vote is still being written begins no further campaign", () => {
  for (const node of [loneNode(["a"]), loneNode(THREE, [1])]) {
    const { term } = node.view;
    node.core.campaign();
    if (node.view.role.kind === "pre_candidate") {
      node.work();
      const granted = { pre: true, granted: true };
      node.core.step({ kind: "vote_response", ...envelope("b", "a", term + 1), ...granted });
    }
    assert.equal(node.view.role.kind, "candidate");
    node.tick(5 * ELECTION_TICKS);
    assert.equal(node.view.term, term + 1);
    node.work();
    assert.equal(node.view.role.kind, node.view.voterIds.length === 1 ? "leader" : "candidate");
    node.tick(2 * ELECTION_TICKS);
    assert.notEqual(node.view.role.kind, "candidate", "what was written may be given up");
  }
});

Deno.test("etcd #14370: a lone leader commits nothing before its own write is durable", () => {
  const node = loneNode(["a"]);
  makeLeader(node);
  const { committed } = node.view.log;
  node.propose("x");
  const ready = node.core.takeReady();
  assert.equal(node.view.log.committed, committed);
  assert.deepEqual(ready?.committed, []);
  assert.ok(ready?.write !== undefined);
  node.log.append(ready.write.entries, ready.write.hardState);
  node.core.wrote(ready.write.ticket);
  assert.equal(node.view.log.committed, committed + 1);
});

Deno.test("a ticket of an older term confirms nothing (async-append ABA)", () => {
  const node = loneNode(THREE);
  const entries = [{ index: 1, term: 1, kind: "command" as const, data: new Uint8Array(1) }];
  const append = { kind: "append_request" as const, prevIndex: 0, prevTerm: 0, commit: 0 };
  node.core.step({ ...append, ...envelope("b", "a", 1), entries });
  const first = node.core.takeReady()?.write;
  // Cut by the leader of term 2, and brought back by that of term 3, before the first write ends.
  const other = [{
    ...entries[0],
    index: 1,
    term: 2,
    kind: "command" as const,
    data: new Uint8Array(2),
  }];
  node.core.step({ ...append, ...envelope("c", "a", 2), entries: other });
  node.core.takeReady();
  node.core.step({ ...append, ...envelope("b", "a", 3), entries });
  const third = node.core.takeReady()?.write;
  assert.ok(first !== undefined && third !== undefined);
  node.core.wrote(first.ticket);
  assert.equal(node.view.log.stableIndex, 0);
  node.core.wrote(third.ticket);
  assert.equal(node.view.log.stableIndex, 1);
});

Deno.test("who loses its connection to the leader forgets it, and no longer shields it", () => {
  const network = new TestNetwork(THREE);
  network.elect("a");
  const [b, c] = [network.node("b"), network.node("c")];
  network.isolate("a");
  assert.equal(b.core.reportUnreachable("c"), false, "c is no leader");
  assert.equal(b.view.leaderId, "a");
  assert.equal(b.core.reportUnreachable("a"), true);
  assert.equal(c.core.reportUnreachable("a"), true);
  assert.equal(b.view.leaderId, undefined);
  b.core.campaign();
  network.settle();
  assert.equal(b.view.role.kind, "leader", "elected without one tick of time");
});

Deno.test("while others hear of the leader, who lost the connection to it disturbs nobody", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  const { term } = a.view;
  const b = network.node("b");
  for (let time = 0; time < 5; time++) {
    b.core.reportUnreachable("a");
    b.core.campaign();
    network.settle();
    assert.equal(b.view.role.kind, "pre_candidate");
  }
  network.tickAll(2);
  assert.deepEqual(b.view.role, { kind: "follower", leaderId: "a" }, "its next word is believed");
  assert.deepEqual([...network.nodes.values()].map((each) => each.view.term), [term, term, term]);
  assert.equal(network.leader?.id, "a");
});

Deno.test("a leader that is cut off answers no read, though a follower forgot it early", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  network.isolate("a");
  for (const id of ["b", "c"]) network.node(id).core.reportUnreachable("a");
  network.node("b").core.campaign();
  network.settle();
  assert.equal(network.node("b").propose("x").kind, "appended");
  network.settle();
  a.core.requestRead(1);
  network.tickAll(3);
  assert.deepEqual(a.readies.flatMap((each) => each.reads), [], "a still takes itself for leader");
  assert.equal(a.view.role.kind, "leader");
});

Deno.test("a pre-candidate asks again whoever did not answer, without a new election timeout", () => {
  const network = new TestNetwork(THREE);
  network.elect("a");
  network.isolate("a");
  const [b, c] = [network.node("b"), network.node("c")];
  b.core.reportUnreachable("a");
  b.core.campaign();
  network.settle();
  assert.equal(b.view.role.kind, "pre_candidate", "c still shields a");
  c.core.reportUnreachable("a");
  b.tick();
  network.settle();
  assert.equal(b.view.role.kind, "leader");
});

Deno.test("of two that campaign at the same moment one gives way, and the other is elected at once", () => {
  const network = new TestNetwork(THREE);
  network.elect("a");
  network.isolate("a");
  const [b, c] = [network.node("b"), network.node("c")];
  for (const node of [c, b]) {
    node.core.reportUnreachable("a");
    node.core.campaign();
  }
  network.settle();
  assert.equal(b.view.role.kind, "leader", "the logs are equal, and b comes first");
  assert.equal(b.view.term, 3, "there was no split vote");
});

Deno.test("a pre-candidate does not give way to one whose log is older", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  network.cut("a", "b");
  a.propose("only c has it");
  network.settle();
  network.isolate("a");
  const [b, c] = [network.node("b"), network.node("c")];
  for (const node of [b, c]) {
    node.core.reportUnreachable("a");
    node.core.campaign();
  }
  network.settle();
  assert.equal(c.view.role.kind, "leader");
});

Deno.test("who gave way campaigns again when its rival is not elected", () => {
  const network = new TestNetwork(FIVE);
  network.elect("a");
  network.isolate("a");
  // b reaches c alone and cannot win; c reaches all others.
  network.cut("b", "d");
  network.cut("b", "e");
  for (const id of ["b", "c", "d", "e"]) network.node(id).core.reportUnreachable("a");
  for (const id of ["b", "c"]) network.node(id).core.campaign();
  network.settle();
  assert.equal(network.node("c").view.role.kind, "follower", "c gave way");
  network.tickAll(4 * ELECTION_TICKS);
  assert.notEqual(network.leader, undefined);
});
