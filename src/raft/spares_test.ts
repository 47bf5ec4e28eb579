/** Who gets entries at once, who gets them later, and who takes whose place. */

import assert from "node:assert/strict";
import { HEARTBEAT_TICKS, TestNetwork } from "./test_network.ts";
import type { OutgoingMessage } from "./ready.ts";
import type { TestNode } from "./test_network.ts";

const THREE = ["a", "b", "c"];
const BY_TICK = { commitNews: "by_tick", spares: "later" } as const;

/** A cluster led by "a" in which all is quiet. */
function ledByA(ids: readonly string[] = THREE): { network: TestNetwork; a: TestNode } {
  const network = new TestNetwork(ids, BY_TICK);
  const a = network.elect("a");
  network.tickAll(2);
  return { network, a };
}

/** The followers that were sent entries by "a" since there were `from` deliveries. */
function served(network: TestNetwork, from: number): readonly string[] {
  const ids = network.delivered.slice(from)
    .flatMap((each) => each.kind === "append_request" && each.entries.length > 0 ? [each.to] : []);
  return [...new Set(ids)].sort();
}

/** What `network` delivers while "a" commits `text`: to whom it goes. */
function commit(network: TestNetwork, text: string): readonly string[] {
  const from = network.delivered.length;
  const a = network.node("a");
  a.propose(text);
  network.settle();
  assert.equal(a.applied.at(-1), text);
  return served(network, from);
}

/** The driver of "a" makes `count` pauses. */
function pause(network: TestNetwork, count = 1): void {
  for (let n = 0; n < count; n++) {
    network.node("a").core.pausePassed();
    network.settle();
  }
}

/** The one that is not among `front`, beside "a". */
function spareOf(front: readonly string[], ids: readonly string[] = THREE): string {
  const [spare, ...more] = ids.filter((id) => id !== "a" && !front.includes(id));
  assert.ok(spare !== undefined && more.length === 0);
  return spare;
}

Deno.test("an entry commits by the front of a majority, and its spare has it five pauses later", () => {
  const { network } = ledByA();
  const front = commit(network, "x");
  assert.equal(front.length, 1);
  assert.deepEqual(commit(network, "y"), front, "the front stays");
  const spare = network.node(spareOf(front));
  const last = network.node("a").view.log.lastIndex;
  assert.equal(spare.view.log.lastIndex, last - 2);
  assert.equal(network.node("a").core.hasSparesBehind, true);
  pause(network, 4);
  assert.equal(spare.view.log.lastIndex, last - 2);
  const from = network.delivered.length;
  pause(network);
  assert.equal(spare.view.log.lastIndex, last);
  assert.deepEqual(spare.applied, ["x", "y"]);
  assert.equal(network.node("a").core.hasSparesBehind, false);
  const appends = network.delivered.slice(from)
    .filter((each) => each.kind === "append_request" && each.entries.length > 0);
  assert.equal(appends.length, 1, "in one message");
});

Deno.test("of five voters two are in front", () => {
  const { network } = ledByA(["a", "b", "c", "d", "e"]);
  assert.equal(commit(network, "x").length, 2);
  network.tickAll();
  for (const { applied } of network.nodes.values()) assert.deepEqual(applied, ["x"]);
});

Deno.test("of two voters nobody can be spared", () => {
  const { network } = ledByA(["a", "b"]);
  assert.deepEqual(commit(network, "x"), ["b"]);
});

Deno.test("a spare has what it lacks with the leader's heartbeats, if no driver makes pauses", () => {
  const { network } = ledByA();
  const spare = network.node(spareOf(commit(network, "x")));
  network.tickAll(HEARTBEAT_TICKS);
  assert.deepEqual(spare.applied, ["x"]);
});

Deno.test("one in front that stands still holds up commits for two pauses, and then no more", () => {
  const { network, a } = ledByA();
  const [front] = commit(network, "x");
  assert.ok(front !== undefined);
  const spare = spareOf([front]);
  network.drop = ({ to, from }) => to === front || from === front;
  a.propose("y");
  network.settle();
  pause(network);
  assert.deepEqual(a.applied, ["x"], "the spare knows nothing of it yet");
  pause(network);
  assert.deepEqual(a.applied, ["x", "y"]);
  assert.deepEqual(commit(network, "z"), [spare], "and is in front now");
});

Deno.test("one whose connection broke is passed by at once", () => {
  const { network, a } = ledByA();
  const [front] = commit(network, "x");
  assert.ok(front !== undefined);
  network.isolate(front);
  a.propose("y");
  network.settle();
  assert.deepEqual(a.applied, ["x"]);
  a.core.reportUnreachable(front);
  network.settle();
  assert.deepEqual(a.applied, ["x", "y"]);
});

/** Lets the spare be faster than "a"'s present front for `times` times, with nothing held up. */
function beFaster(network: TestNetwork, front: string, times: number): void {
  const a = network.node("a");
  for (let n = 0; n < times; n++) {
    pause(network, 4);
    const held: OutgoingMessage[] = [];
    network.drop = (each) => {
      const isLate = each.kind === "append_accepted" && each.from === front;
      if (isLate) held.push(each);
      return isLate;
    };
    a.propose(`faster ${n}`);
    pause(network); // the fifth, and the entry was not there before it
    network.drop = () => false;
    for (const each of held) network.deliver(each);
    network.settle();
  }
}

Deno.test("a spare that was faster three times in a row is in front", () => {
  for (const times of [1, 2, 3]) {
    const { network, a } = ledByA();
    const [front] = commit(network, "x");
    assert.ok(front !== undefined);
    pause(network, 5);
    beFaster(network, front, times);
    const expected = times === 3 ? spareOf([front]) : front;
    assert.deepEqual(commit(network, "y"), [expected], `${times} times`);
    assert.equal(a.view.role.kind, "leader");
  }
});

Deno.test("a learner is a spare, and never in front", () => {
  const { network, a } = ledByA(["a", "b"]);
  network.join("c");
  a.core.changeMembership({
    kind: "add_learner",
    member: { id: "c", address: "c:7000", incarnation: "" },
  });
  network.settle();
  network.tickAll(3);
  assert.deepEqual(network.node("c").view.log.lastIndex, a.view.log.lastIndex);
  network.drop = ({ kind, from }) => kind === "append_accepted" && from === "b";
  a.propose("x");
  network.tickAll(2); // c acknowledges what b seems not to have
  network.drop = () => false;
  network.tickAll(3);
  assert.deepEqual(commit(network, "y"), ["b"]);
});

Deno.test("who is handed leadership is sent all at once", () => {
  const { network, a } = ledByA();
  const spare = spareOf(commit(network, "x"));
  a.core.transferLeadership(spare);
  network.settle();
  assert.equal(network.leader?.id, spare);
});

Deno.test("a spare that asks for a read index is sent what it reads at once", () => {
  const { network } = ledByA();
  const spare = network.node(spareOf(commit(network, "x")));
  assert.deepEqual(spare.applied, []);
  assert.equal(spare.core.requestRead(7), true);
  network.settle();
  assert.equal(spare.readies.flatMap((each) => each.reads).length, 1);
  assert.deepEqual(spare.applied, ["x"]);
});

Deno.test("without a leader, a spare that asks first has the one with the newer log go ahead", () => {
  const { network } = ledByA();
  const [front] = commit(network, "x");
  assert.ok(front !== undefined);
  const spare = network.node(spareOf([front]));
  network.isolate("a");
  for (const id of [front, spare.id]) network.node(id).core.reportUnreachable("a");
  spare.core.campaign();
  network.settle();
  assert.equal(network.node(front).view.role.kind, "leader");
  assert.deepEqual(network.node(front).applied, ["x"]);
  assert.equal(spare.view.log.lastIndex, network.node(front).view.log.lastIndex);
});

Deno.test("a follower that hears its leader does not go ahead of one that asks with an older log", () => {
  const { network, a } = ledByA();
  const [front] = commit(network, "x");
  assert.ok(front !== undefined);
  const spare = network.node(spareOf([front]));
  network.cut("a", spare.id);
  spare.core.reportUnreachable("a");
  spare.core.campaign();
  network.settle();
  assert.equal(network.node(front).view.role.kind, "follower");
  assert.equal(a.view.role.kind, "leader");
});
