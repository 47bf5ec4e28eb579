/**
 * One test for each claim of "In Search of an Understandable Consensus Algorithm" (Ongaro and
 * Ousterhout, extended version), by section. After etcd's raft_paper_test.go.
 */

import assert from "node:assert/strict";
import type { Entry } from "./entry.ts";
import type { CoreMessage } from "./message.ts";
import type { OutgoingMessage } from "./ready.ts";
import {
  ELECTION_TICKS,
  entry,
  envelope,
  HEARTBEAT_TICKS,
  loneNode,
  makeLeader,
  TestNetwork,
} from "./test_network.ts";
import type { TestNode } from "./test_network.ts";

const THREE = ["a", "b", "c"];
const FIVE = ["a", "b", "c", "d", "e"];

for (const role of ["follower", "candidate", "leader"] as const) {
  Deno.test(`§5.1 a ${role} that sees a higher term takes it and follows`, () => {
    const node = inRole(role);
    const term = node.view.term + 1;
    node.core.step(append({ to: "a", from: "b", term }));
    assert.equal(node.view.term, term);
    assert.deepEqual(node.view.role, { kind: "follower", leaderId: "b" });
  });
}

Deno.test("§5.1 a request of an older term is refused and changes nothing", () => {
  const node = loneNode(THREE, [1, 2]);
  node.core.step(append({ term: 1, prevIndex: 0, entries: [entry(1, 1)] }));
  const [answer] = node.work();
  assert.equal(answer?.kind, "append_rejected");
  assert.equal(answer?.term, 2, "the answer tells the stale leader the term");
  assert.deepEqual(node.terms, [1, 2]);
  assert.equal(node.view.leaderId, undefined);
});

Deno.test("§5.2 a server starts as a follower", () => {
  assert.deepEqual(loneNode(THREE).view.role, { kind: "follower", leaderId: undefined });
});

Deno.test("§5.2 a leader sends heartbeats to all its followers every heartbeat interval", () => {
  const node = inRole("leader");
  node.tick(HEARTBEAT_TICKS);
  const beats = node.work().filter((message) => message.kind === "heartbeat_request");
  assert.deepEqual(beats.map((message) => message.to), ["b", "c"]);
});

Deno.test("§5.2 a follower without a leader for an election timeout asks to be elected", () => {
  const node = loneNode(THREE);
  node.tick(ELECTION_TICKS);
  const asked = node.work();
  assert.deepEqual(asked.map(({ kind, to, term }) => [kind, to, term]), [
    ["vote_request", "b", 1],
    ["vote_request", "c", 1],
  ]);
  assert.equal(node.view.role.kind, "pre_candidate");
  assert.equal(node.view.term, 0, "a pre-vote changes no term (thesis §9.6)");
});

Deno.test("§5.2 a candidate increments its term, votes for itself and asks all others", () => {
  const node = inRole("candidate");
  assert.equal(node.view.term, 1);
  assert.equal(node.view.vote, "a");
  assert.equal(node.log.hardState.vote, "a", "its vote is durable");
});

Deno.test("§5.2 a candidate whose election times out starts another", () => {
  const node = inRole("candidate");
  node.tick(ELECTION_TICKS);
  const asked = node.work();
  assert.equal(asked.length, 2);
  assert.ok(asked.every((message) => message.kind === "vote_request" && message.term === 2));
});

for (
  const [size, votes, role] of [
    [1, {}, "leader"],
    [3, { b: true, c: true }, "leader"],
    [3, { b: true }, "leader"],
    [5, { b: true, c: true, d: true, e: true }, "leader"],
    [5, { b: true, c: true }, "leader"],
    [3, { b: false, c: false }, "follower"],
    [5, { b: false, c: false, d: false, e: false }, "follower"],
    [5, { b: true, c: false, d: false, e: false }, "follower"],
    [3, {}, "candidate"],
    [5, { b: true }, "candidate"],
    [5, { b: false, c: false }, "candidate"],
  ] as const
) {
  Deno.test(`§5.2 of ${size} servers, a candidate with ${JSON.stringify(votes)} is ${role}`, () => {
    const node = loneNode(FIVE.slice(0, size));
    becomeCandidate(node);
    for (const [from, granted] of Object.entries(votes)) {
      node.core.step(voteAnswer(from, node.view.term, granted));
    }
    assert.equal(node.view.role.kind, role);
    assert.equal(node.view.term, 1);
  });
}

for (
  const [vote, from, granted] of [
    [null, "b", true],
    [null, "c", true],
    ["b", "b", true],
    ["c", "c", true],
    ["b", "c", false],
    ["c", "b", false],
  ] as const
) {
  Deno.test(`§5.2 a voter that voted for ${vote} answers ${from} with ${granted}`, () => {
    const node = loneNode(THREE);
    if (vote !== null) node.core.step(voteRequest(vote, 1));
    node.work();
    node.core.step(voteRequest(from, 1));
    const [answer] = node.work();
    assert.equal(answer?.kind === "vote_response" && answer.granted, granted);
  });
}

Deno.test("§5.2 a vote outlives a restart: nobody else gets it in that term", () => {
  const node = loneNode(THREE);
  node.core.step(voteRequest("b", 1));
  node.work();
  node.restart();
  node.core.step(voteRequest("c", 1));
  const [answer] = node.work();
  assert.equal(answer?.kind === "vote_response" && answer.granted, false);
});

for (const term of [1, 2]) {
  Deno.test(`§5.2 a candidate of term 1 that hears of a leader of term ${term} follows it`, () => {
    const node = inRole("candidate");
    node.core.step(append({ term }));
    assert.deepEqual(node.view.role, { kind: "follower", leaderId: "b" });
    assert.equal(node.view.term, term);
  });
}

Deno.test("§5.2 election timeouts are drawn between one and one and a half of the setting", () => {
  const seen = new Set<number>();
  const node = loneNode(THREE);
  for (let draw = 0; draw < 50; draw++) {
    node.random = () => draw / 50;
    node.core.step(append({ term: draw + 1 }));
    seen.add(node.view.electionTimeoutTicks);
  }
  assert.equal(Math.min(...seen), ELECTION_TICKS);
  assert.equal(Math.max(...seen), 1.5 * ELECTION_TICKS - 1);
  assert.equal(seen.size, ELECTION_TICKS / 2);
});

Deno.test("§5.2 of servers with different timeouts the first to time out is elected alone", () => {
  const network = new TestNetwork(THREE);
  network.tickAll(ELECTION_TICKS + 2);
  assert.equal(network.leader?.id, "a");
  assert.equal(network.node("a").view.term, 2);
});

Deno.test("§5.3 a leader appends a proposal and sends it with the entry before it", () => {
  const node = inRole("leader");
  acceptAll(node);
  const last = node.view.log.lastIndex;
  node.propose("x");
  const appends = node.work().filter((message) => message.kind === "append_request");
  assert.deepEqual(appends.map(({ to, prevIndex, prevTerm }) => [to, prevIndex, prevTerm]), [
    ["b", last, 1],
    ["c", last, 1],
  ]);
  assert.deepEqual(appends.map(({ entries }) => entries.map(textOf)), [["x"], ["x"]]);
});

Deno.test("§5.3 an entry that a majority stores is committed, applied, and made known", () => {
  const node = inRole("leader");
  acceptAll(node);
  node.propose("x");
  node.work();
  assert.deepEqual(node.applied, []);
  node.core.step(accepted("b", node));
  const sent = node.work();
  assert.deepEqual(node.applied, ["x"]);
  const { committed } = node.view.log;
  assert.ok(
    sent.some((message) => message.kind === "append_request" && message.commit === committed),
  );
});

for (
  const [size, acceptors, commits] of [
    [1, [], true],
    [3, [], false],
    [3, ["b"], true],
    [3, ["b", "c"], true],
    [5, [], false],
    [5, ["b"], false],
    [5, ["b", "c"], true],
    [5, ["b", "c", "d"], true],
  ] as const
) {
  Deno.test(`§5.3 of ${size} servers, ${acceptors.length} followers' answers commit: ${commits}`, () => {
    const node = loneNode(FIVE.slice(0, size));
    makeLeader(node);
    const before = node.view.log.committed;
    for (const from of acceptors) node.core.step(accepted(from, node));
    node.work();
    assert.equal(node.view.log.committed > before || size === 1, commits);
  });
}

for (const terms of [[], [2], [1, 2], [1]]) {
  Deno.test(`§5.3 committing an entry commits all before it, of terms [${terms}]`, () => {
    const node = loneNode(THREE, terms);
    makeLeader(node);
    node.propose("x");
    node.work();
    for (const from of ["b", "c"]) node.core.step(accepted(from, node));
    node.work();
    assert.equal(node.view.log.committed, terms.length + 2);
    assert.equal(node.applied.length, terms.length + 1);
  });
}

for (const commit of [1, 2, 3]) {
  Deno.test(`§5.3 a follower applies what the leader says is committed, up to ${commit}`, () => {
    const node = loneNode(THREE);
    const entries = [entry(1, 1), entry(2, 1), entry(3, 1)];
    node.core.step(append({ term: 1, entries, commit }));
    node.work();
    assert.deepEqual(node.applied, ["1@1", "2@1", "3@1"].slice(0, commit));
  });
}

Deno.test("figure 2: a follower commits no further than the last new entry", () => {
  const node = loneNode(THREE, [1, 1, 1]);
  node.core.step(append({ term: 2, prevIndex: 1, prevTerm: 1, entries: [], commit: 3 }));
  assert.equal(node.view.log.committed, 1, "entries 2 and 3 may not be the leader's");
});

for (
  const [prevIndex, prevTerm, matches] of [
    [0, 0, true],
    [1, 1, true],
    [2, 2, true],
    [1, 2, false],
    [2, 1, false],
    [3, 3, false],
  ] as const
) {
  Deno.test(`§5.3 a log [1, 2] takes an append behind (${prevIndex}, ${prevTerm}): ${matches}`, () => {
    const node = loneNode(THREE, [1, 2]);
    node.core.step(append({ term: 2, prevIndex, prevTerm }));
    const [answer] = node.work();
    assert.equal(answer?.kind, matches ? "append_accepted" : "append_rejected");
  });
}

for (
  const [prevIndex, prevTerm, entries, log] of [
    [2, 2, [entry(3, 3)], [1, 2, 3]],
    [1, 1, [entry(2, 3), entry(3, 4)], [1, 3, 4]],
    [0, 0, [entry(1, 1)], [1, 2]],
    [0, 0, [entry(1, 3)], [3]],
    [0, 0, [entry(1, 1), entry(2, 2)], [1, 2]],
  ] as const
) {
  const sent = `(${prevIndex}, ${prevTerm}) + [${entries.map((each) => each.term)}]`;
  Deno.test(`§5.3 a log [1, 2] becomes [${log}] by ${sent}: only conflicts are removed`, () => {
    const node = loneNode(THREE, [1, 2]);
    node.core.step(append({ term: 4, prevIndex, prevTerm, entries }));
    node.work();
    assert.deepEqual(node.terms, log);
    assert.equal(node.log.lastIndex, log.length, "the store agrees");
  });
}

const FIGURE_7: Readonly<Record<string, readonly number[]>> = {
  a: [1, 1, 1, 4, 4, 5, 5, 6, 6],
  b: [1, 1, 1, 4],
  c: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
  d: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
  e: [1, 1, 1, 4, 4, 4, 4],
  f: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
};
for (const [name, terms] of Object.entries(FIGURE_7)) {
  Deno.test(`figure 7 (${name}): the leader's log replaces a follower's of [${terms}]`, () => {
    const leaderTerms = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    const leader = loneNode(["l", "f", "v"], leaderTerms);
    const follower = loneNode(["f", "l", "v"], terms);
    // The third voter elects the leader; the logs then meet by messages alone.
    leader.core.step(heartbeat({ to: "l", from: "v", term: 7 }));
    leader.work();
    makeLeader(leader);
    let rounds = 0;
    for (let queue = leader.work(), more = true; more; rounds++) {
      leader.tick();
      queue = [...queue, ...leader.work()];
      const toFollower = queue.filter((message) => message.to === "f");
      for (const message of toFollower) follower.core.step(message);
      queue = [];
      for (const answer of follower.work()) if (answer.to === "l") leader.core.step(answer);
      more = JSON.stringify(follower.terms) !== JSON.stringify(leader.terms);
      assert.ok(rounds < 20, "the logs must meet in as many round trips as there are terms");
    }
    assert.deepEqual(follower.terms, [...leaderTerms, 8]);
  });
}

Deno.test("§5.4.1 a vote request tells the candidate's last index and term", () => {
  const node = loneNode(THREE, [1, 2]);
  node.core.campaign();
  const [asked] = node.work();
  assert.ok(asked?.kind === "vote_request");
  assert.deepEqual([asked.lastIndex, asked.lastTerm], [2, 2]);
});

for (
  const [terms, lastTerm, lastIndex, granted] of [
    [[1], 1, 1, true],
    [[1], 1, 2, true],
    [[1, 1], 1, 1, false],
    [[1], 2, 1, true],
    [[1], 2, 2, true],
    [[1, 1], 2, 1, true],
    [[2], 1, 1, false],
    [[2], 1, 2, false],
    [[2, 2], 1, 1, false],
    [[1, 2], 1, 7, false],
  ] as const
) {
  Deno.test(`§5.4.1 a voter with [${terms}] grants (${lastIndex}, ${lastTerm}): ${granted}`, () => {
    const node = loneNode(THREE, terms);
    node.core.step({ ...voteRequest("b", 3), lastIndex, lastTerm });
    const [answer] = node.work();
    assert.equal(answer?.kind === "vote_response" && answer.granted, granted);
  });
}

Deno.test("§5.4.2 a leader commits entries of former terms only along with one of its own", () => {
  const node = loneNode(THREE, [1, 2]);
  node.core.step(heartbeat({ from: "b", term: 2 }));
  makeLeader(node);
  for (const match of [1, 2]) {
    node.core.step({ kind: "append_accepted", ...envelope("b", "a", node.view.term), match });
    node.work();
    assert.equal(node.view.log.committed, 0, `entry ${match} is on a majority, but of an old term`);
  }
  node.core.step({ kind: "append_accepted", ...envelope("b", "a", node.view.term), match: 3 });
  assert.equal(node.view.log.committed, 3);
});

Deno.test("§5.4.2 figure 8: an old entry on a majority may be replaced, so is not committed", () => {
  const network = new TestNetwork(["s1", "s2", "s3", "s4", "s5"]);
  const s1 = network.elect("s1");
  network.tickAll(2);
  const contested = s1.view.log.lastIndex + 1;
  // (a) s1 replicates an entry to s2 alone.
  for (const id of ["s3", "s4", "s5"]) network.cut("s1", id);
  s1.propose("old");
  network.settle();
  assert.equal(network.node("s2").view.log.lastIndex, contested);
  // (b) s1 crashes; s5 is elected by s3 and s4, and appends another entry at the same index.
  network.heal();
  for (const id of ["s1", "s2"]) network.isolate(id);
  network.drop = (message) => message.from === "s5" && message.kind === "append_request";
  const s5 = network.elect("s5");
  assert.equal(s5.view.role.kind, "leader");
  assert.equal(s5.view.log.term(contested), s5.view.term);
  // (c) s5 crashes; s1 is elected again, and its old entry reaches s2, s3 and s4.
  network.heal();
  network.isolate("s5");
  s1.restart();
  const { term } = s5.view;
  // Entries of its new term do not get through.
  network.alter = (message) =>
    message.kind === "append_request"
      ? { ...message, entries: message.entries.filter((each) => each.term <= term) }
      : message;
  for (let tries = 0; tries < 3 && s1.view.role.kind !== "leader"; tries++) network.elect("s1");
  assert.equal(s1.view.role.kind, "leader");
  network.tickAll(3);
  for (const id of ["s2", "s3", "s4"]) assert.equal(network.node(id).view.log.lastIndex, contested);
  assert.equal(s1.view.log.committed, contested - 1, "counting commits no entry of an old term");
  // (e) Once an entry of its own term is on a majority, both are committed.
  network.alter = (message) => message;
  network.tickAll(2);
  assert.equal(s1.view.log.committed, contested + 1);
});

function inRole(role: "follower" | "candidate" | "leader"): TestNode {
  const node = loneNode(THREE);
  if (role === "candidate") becomeCandidate(node);
  if (role === "leader") makeLeader(node);
  return node;
}

function becomeCandidate(node: TestNode): void {
  node.core.campaign();
  const { role } = node.view;
  for (const to of node.view.voterIds) {
    if (role.kind !== "pre_candidate" || node.view.role.kind !== "pre_candidate") break;
    if (to !== node.id) node.core.step({ ...voteAnswer(to, node.view.term + 1, true), pre: true });
  }
  node.work();
}

function acceptAll(node: TestNode): void {
  for (const id of node.view.voterIds) if (id !== node.id) node.core.step(accepted(id, node));
  node.work();
}

function accepted(from: string, node: TestNode): CoreMessage {
  const match = node.view.log.lastIndex;
  return { kind: "append_accepted", ...envelope(from, node.id, node.view.term), match };
}

function append(
  fields: Partial<Extract<CoreMessage, { kind: "append_request" }>>,
): Extract<CoreMessage, { kind: "append_request" }> {
  const base = { kind: "append_request" as const, ...envelope("b", "a", 1) };
  return { ...base, prevIndex: 0, prevTerm: 0, entries: [], commit: 0, ...fields };
}

function heartbeat(fields: Partial<Extract<OutgoingMessage, { kind: "heartbeat_request" }>>) {
  const base = { kind: "heartbeat_request" as const, ...envelope("b", "a", 1) };
  return { ...base, commit: 0, readRound: 0, ...fields };
}

function voteRequest(from: string, term: number) {
  const last = { lastIndex: 0, lastTerm: 0 };
  return {
    kind: "vote_request" as const,
    ...envelope(from, "a", term),
    pre: false,
    transfer: false,
    ...last,
  };
}

function voteAnswer(from: string, term: number, granted: boolean) {
  return { kind: "vote_response" as const, ...envelope(from, "a", term), pre: false, granted };
}

function textOf(each: Entry): string {
  return new TextDecoder().decode(each.data);
}
