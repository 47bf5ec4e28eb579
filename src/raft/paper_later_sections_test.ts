/**
 * One test for each claim of the paper behind §5.4, and of the thesis where it goes further. Elections
 * (§3.10, §4.2.3, §6.2, §9.6) are in `election_test.ts`; reads (§6.4), learners, removals (§4.2) and
 * figure 13 in `leader_test.ts`.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Membership, MembershipChange } from "./membership.ts";
import { changed } from "./membership.ts";
import { majority } from "./quorum.ts";
import { entry, envelope, loneNode, makeLeader, member, TestNetwork } from "./test_network.ts";

const THREE = ["a", "b", "c"];

Deno.test("§5.5 a request that comes twice, because its answer was lost, changes nothing", () => {
  const node = loneNode(THREE);
  const append = {
    kind: "append_request" as const,
    ...envelope("b", "a", 1),
    prevIndex: 0,
    prevTerm: 0,
    entries: [entry(1, 1), entry(2, 1)],
    commit: 0,
  };
  node.core.step(append);
  const first = node.work();
  node.core.step(append);
  assert.deepEqual(node.work(), first, "it is answered as before");
  assert.deepEqual(node.terms, [1, 1]);
});

Deno.test("§5.5 a follower that was down is brought up to date by retries", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  network.isolate("c");
  for (let n = 0; n < 20; n++) a.propose(`${n}`);
  network.tickAll(8);
  network.node("c").restart();
  network.heal();
  network.tickAll(3);
  assert.equal(network.node("c").applied.length, 20);
});

Deno.test("§6 a membership is in force on each server as soon as it is in its log", () => {
  const network = new TestNetwork(THREE);
  const a = network.elect("a");
  network.tickAll(2);
  network.drop = (message) => message.kind === "append_accepted";
  assert.equal(a.core.changeMembership({ kind: "remove", id: "c" }).kind, "appended");
  network.settle();
  assert.ok(a.view.memberships.currentIndex > a.view.log.committed);
  for (const id of ["a", "b"]) {
    assert.deepEqual(network.node(id).view.voterIds, ["a", "b"], `${id} uses it uncommitted`);
  }
});

Deno.test("thesis §4.1: any majority before a change shares a server with any majority after it", () => {
  const ids = ["a", "b", "c", "d", "e", "f", "g"];
  const changeOf = (kind: number, id: string): MembershipChange => {
    if (kind === 0) return { kind: "promote", id };
    return kind === 1 ? { kind: "demote", id } : { kind: "remove", id };
  };
  fc.assert(fc.property(
    fc.subarray(ids, { minLength: 1 }),
    fc.integer({ min: 0, max: 2 }),
    fc.constantFrom(...ids),
    (voting, kind, id) => {
      const learners = ids.filter((each) => !voting.includes(each)).map(member);
      const before: Membership = { voters: voting.map(member), learners };
      const after = changed(before, changeOf(kind, id));
      if ("refusal" in after) return;
      for (const old of majorities(before)) {
        for (const fresh of majorities(after)) {
          assert.ok(old.some((each) => fresh.includes(each)), `${old} and ${fresh}`);
        }
      }
    },
  ));
});

Deno.test("§7 a log that was compacted still has the entry before its first for the check of appends", () => {
  const node = loneNode(THREE, [1, 1, 2]);
  const membership = { voters: THREE.map(member), learners: [] };
  const append = { kind: "append_request" as const, prevIndex: 3, prevTerm: 2, commit: 3 };
  node.core.step({ ...append, ...envelope("b", "a", 2), entries: [] });
  node.work();
  node.log.compact({ index: 3, term: 2, membership });
  node.core.compacted(3);
  node.core.step({ ...append, ...envelope("b", "a", 2), entries: [entry(4, 2)] });
  const [answer] = node.work();
  assert.ok(answer?.kind === "append_accepted" && answer.match === 4);
});

Deno.test("§7 a snapshot's membership is in force once it is taken, and later ones in the log are", () => {
  const node = loneNode(THREE);
  const membership = { voters: ["a", "b", "c", "d"].map(member), learners: [member("e")] };
  const snapshot = { index: 5, term: 1, membership };
  node.core.step({ kind: "snapshot_received", ...envelope("b", "a", 1), snapshot });
  node.work();
  assert.deepEqual(node.view.voterIds, ["a", "b", "c", "d"]);
  node.restart();
  assert.deepEqual(node.view.voterIds, ["a", "b", "c", "d"], "after a restart too");
});

Deno.test("§7 a snapshot below what is committed is of no use, and is acknowledged as had", () => {
  const node = loneNode(THREE, [1, 1, 1]);
  const append = { kind: "append_request" as const, prevIndex: 3, prevTerm: 1, commit: 3 };
  node.core.step({ ...append, ...envelope("b", "a", 1), entries: [] });
  node.work();
  const membership = { voters: [member("b")], learners: [] };
  const snapshot = { index: 2, term: 1, membership };
  node.core.step({ kind: "snapshot_received", ...envelope("b", "a", 1), snapshot });
  const [answer] = node.work();
  assert.ok(answer?.kind === "append_accepted" && answer.match === 3);
  assert.deepEqual(node.view.voterIds, THREE);
  assert.equal(node.log.boundary.index, 0);
});

Deno.test("§7 a leader sends a snapshot only for entries that it has no more", () => {
  for (const [compactTo, needsSnapshot] of [[2, false], [8, true]] as const) {
    const network = new TestNetwork(THREE);
    const a = network.elect("a");
    network.isolate("c");
    for (let n = 0; n < 10; n++) a.propose(`${n}`);
    network.tickAll(1);
    const membership = a.view.memberships.current;
    a.log.compact({ index: compactTo, term: a.log.term(compactTo), membership });
    a.core.compacted(compactTo);
    network.heal();
    network.tickAll(4);
    const asked = a.readies.some((ready) => ready.snapshotsToSend.includes("c"));
    assert.equal(asked, needsSnapshot, `compacted to ${compactTo}`);
    assert.equal(network.node("c").applied.length, needsSnapshot ? 0 : 10);
  }
});

Deno.test("§8 a follower knows who leads, so that it can send clients there", () => {
  const network = new TestNetwork(THREE);
  network.elect("a");
  for (const id of ["b", "c"]) {
    assert.equal(network.node(id).view.leaderId, "a");
    assert.deepEqual(network.node(id).propose("x"), { kind: "refused", reason: "not_leader" });
  }
});

Deno.test("§8 a leader's first entry is empty, and tells it what is committed", () => {
  const node = loneNode(THREE, [1, 1]);
  makeLeader(node);
  const { log, term } = node.view;
  assert.equal(log.lastIndex, 3);
  assert.equal(log.entries(3, 3, Infinity)[0]?.kind, "noop");
  assert.equal(log.committed, 0, "what the last leader committed is not known yet");
  node.core.step({ kind: "append_accepted", ...envelope("b", "a", term), match: 3 });
  assert.equal(node.view.log.committed, 3);
});

Deno.test("thesis §10.2.1: entries that a majority of others holds are committed before the leader's own write is done, and applied after it", () => {
  const node = loneNode(THREE);
  makeLeader(node);
  const { term } = node.view;
  for (const from of ["b", "c"]) {
    node.core.step({ kind: "append_accepted", ...envelope(from, "a", term), match: 1 });
  }
  node.work();
  node.propose("x");
  const ready = node.core.takeReady();
  assert.ok(ready?.write !== undefined);
  assert.ok(
    ready.messages.some((each) => each.kind === "append_request" && each.entries.length > 0),
    "it is sent in parallel with the write",
  );
  const match = node.view.log.lastIndex;
  for (const from of ["b", "c"]) {
    node.core.step({ kind: "append_accepted", ...envelope(from, "a", term), match });
  }
  assert.equal(node.view.log.committed, match);
  assert.equal(node.core.takeReady()?.committed.some((each) => each.index === match), false);
  node.log.append(ready.write.entries, ready.write.hardState);
  node.core.wrote(ready.write.ticket);
  node.work();
  assert.deepEqual(node.applied, ["x"]);
});

Deno.test("thesis §10.2.2: appends follow each other without waiting for answers", () => {
  const node = loneNode(THREE);
  makeLeader(node);
  const { term } = node.view;
  node.core.step({ kind: "append_accepted", ...envelope("b", "a", term), match: 1 });
  node.work();
  const sent = ["x", "y", "z"].flatMap((text) => {
    node.propose(text);
    return node.work().filter((each) => each.kind === "append_request" && each.to === "b");
  });
  assert.deepEqual(
    sent.map((each) => each.kind === "append_request" ? each.entries.map(({ index }) => index) : 0),
    [[2], [3], [4]],
  );
});

/** Every smallest majority. */
function majorities({ voters }: Membership): string[][] {
  const needed = majority(voters.length);
  let sets: string[][] = [[]];
  for (const { id } of voters) sets = [...sets, ...sets.map((each) => [...each, id])];
  return sets.filter((each) => each.length === needed);
}
