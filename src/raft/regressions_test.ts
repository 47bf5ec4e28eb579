/**
 * What went wrong in other implementations, each under the number of its report. More of them are in
 * the files about their subject: etcd-7331, 8243, 9586, 12959, 14370 and hashicorp-697; and among
 * the scenarios of `tests/simulation`: etcd-14143, 15247, 20418 and openraft-1828.
 */

import assert from "node:assert/strict";
import { encodeMembership } from "./membership.ts";
import { ELECTION_TICKS, entry, envelope, loneNode, makeLeader } from "./test_network.ts";
import { member, TestNetwork } from "./test_network.ts";

const THREE = ["a", "b", "c"];
const FIVE = [...THREE, "d", "e"];

Deno.test("etcd-8501: a replica with the higher term and the shorter log does not block the other", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  const b = network.node("b");
  network.isolate("b");
  a.propose("only a and c hold this");
  network.settle();
  // b comes from a time without PreVote: its term is far ahead. c is gone for good.
  b.core.step({
    kind: "vote_request",
    ...envelope("c", "b", 9),
    pre: false,
    transfer: true,
    lastIndex: 0,
    lastTerm: 0,
  });
  assert.equal(b.view.term, 9);
  network.heal();
  network.isolate("c");
  network.tickAll(6 * ELECTION_TICKS);
  assert.equal(network.leader?.id, "a");
  assert.ok(a.view.term > 9);
  assert.deepEqual(b.applied, ["only a and c hold this"]);
});

for (const asked of ["its timer", "the leader"] as const) {
  Deno.test(`etcd-12133, raft-456: a candidate asked by ${asked} counts by changes that it has not applied`, () => {
    const node = loneNode(THREE);
    const change = (index: number, voters: readonly string[]) => ({
      index,
      term: 1,
      kind: "membership" as const,
      data: encodeMembership({ voters: voters.map(member), learners: [] }),
    });
    node.core.step({
      kind: "append_request",
      ...envelope("b", "a", 1),
      prevIndex: 0,
      prevTerm: 0,
      entries: [change(1, FIVE.slice(0, 4)), change(2, FIVE)],
      commit: 0,
    });
    node.work();
    assert.equal(node.appliedIndex, 0);
    const grant = (from: string, pre: boolean) => {
      const term = node.view.term + (pre ? 1 : 0);
      const answer = { ...envelope(from, "a", term), pre, granted: true };
      node.core.step({ kind: "vote_response", ...answer });
      node.work();
    };
    if (asked === "the leader") {
      node.core.step({ kind: "timeout_now", ...envelope("b", "a", 1), lastIndex: 2 });
    } else {
      node.core.campaign();
      node.work();
      for (const from of ["b", "d"]) grant(from, true);
    }
    node.work();
    assert.equal(node.view.role.kind, "candidate");
    grant("b", false);
    assert.equal(node.view.role.kind, "candidate", "two of three, but only two of five");
    grant("e", false);
    assert.equal(node.view.role.kind, "leader");
  });
}

Deno.test("hashicorp-395: a snapshot of a later term but an older state takes nobody back", () => {
  const node = loneNode(THREE, [1, 1, 1, 1]);
  const heartbeat = { ...envelope("b", "a", 2), commit: 0, readRound: 0 };
  node.core.step({ kind: "heartbeat_request", ...heartbeat });
  node.core.step({
    kind: "append_request",
    ...envelope("b", "a", 2),
    prevIndex: 4,
    prevTerm: 1,
    entries: [],
    commit: 4,
  });
  node.work();
  assert.equal(node.appliedIndex, 4);
  node.core.step({
    kind: "snapshot_received",
    ...envelope("b", "a", 2),
    snapshot: { index: 3, term: 2, membership: { voters: THREE.map(member), learners: [] } },
  });
  const answers = node.work();
  assert.equal(node.view.log.snapshotToInstall, undefined);
  assert.equal(node.view.log.lastIndex, 4);
  const matches = answers.map((each) => each.kind === "append_accepted" ? each.match : undefined);
  assert.deepEqual(matches, [4], "it says how far it is, so that it is sent what follows");
});

Deno.test("openraft-1802: an answer to what was sent in an earlier term moves nothing", () => {
  const node = loneNode(THREE, [1, 1, 1]);
  makeLeader(node);
  const { term, role } = node.view;
  const peer = role.kind === "leader" ? role.peers.get("b") : undefined;
  const [match, next] = [peer?.match, peer?.next];
  node.core.step({ kind: "append_accepted", ...envelope("b", "a", term - 1), match: 3 });
  node.core.step({
    kind: "append_rejected",
    ...envelope("b", "a", term - 1),
    prevIndex: 3,
    hintIndex: 1,
    hintTerm: 1,
  });
  assert.deepEqual([peer?.match, peer?.next], [match, next]);
  assert.equal(node.view.log.committed, 0);
});

Deno.test("zeebe-5356: a voter that learns who leads still remembers whom it voted for", () => {
  const node = loneNode(THREE);
  const ask = (from: string) =>
    node.core.step({
      kind: "vote_request",
      ...envelope(from, "a", 5),
      pre: false,
      transfer: true,
      lastIndex: 9,
      lastTerm: 4,
    });
  ask("b");
  node.work();
  const heartbeat = { ...envelope("b", "a", 5), commit: 0, readRound: 0 };
  node.core.step({ kind: "heartbeat_request", ...heartbeat });
  node.core.stepDown();
  node.tick(2 * ELECTION_TICKS);
  ask("c");
  const granted = node.work().filter((each) => each.kind === "vote_response" && each.granted);
  assert.deepEqual(granted, []);
  assert.equal(node.log.hardState.vote, "b");
});

Deno.test("zeebe-7339: a follower that restarts amid a full window still hears its leader, and recovers", () => {
  const network = new TestNetwork(THREE, { inflightMessagesMax: 2, messageBytesMax: 1 });
  const a = network.elect("a");
  const c = network.node("c");
  network.tickAll(2);
  // Whatever is sent to c from here on is lost, and nobody says so.
  network.drop = ({ to, kind }) => to === "c" && kind === "append_request";
  for (let n = 0; n < 10; n++) a.propose(`${n}`);
  network.tickAll(2);
  c.restart();
  const { term } = a.view;
  const before = network.delivered.length;
  network.tickAll(3 * ELECTION_TICKS);
  const heartbeats = network.delivered.slice(before).filter(({ to, kind }) =>
    to === "c" && kind === "heartbeat_request"
  );
  assert.ok(heartbeats.length >= 2 * ELECTION_TICKS, `${heartbeats.length} heartbeats arrived`);
  network.heal();
  network.tickAll(5);
  assert.equal(c.view.log.lastIndex, a.view.log.lastIndex);
  assert.equal(a.view.term, term, "and nobody had to campaign for it");
});

Deno.test("etcd-1763: an append that was delayed does not shorten a log that has grown since", () => {
  const node = loneNode(THREE);
  const append = (entries: number) =>
    node.core.step({
      kind: "append_request",
      ...envelope("b", "a", 1),
      prevIndex: 0,
      prevTerm: 0,
      entries: Array.from({ length: entries }, (_, at) => entry(at + 1, 1)),
      commit: 0,
    });
  append(5);
  append(2);
  append(0);
  node.work();
  assert.equal(node.log.lastIndex, 5);
});
