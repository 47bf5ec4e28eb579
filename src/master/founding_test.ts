/** What a master that starts with others does, by what they tell it. */

import assert from "node:assert/strict";
import type { IntroductionAnswer } from "../rpc/mod.ts";
import { type Heard, initialClusterText, judgeFounding, type Verdict } from "./founding.ts";
import { initialClusterFault } from "./raft_start.ts";

const MEMBERS = { a: "a:7000", b: "b:7000", c: "c:7000" };

/** `id` with incarnation `id1`, that belongs to no cluster yet. */
function unfounded(id: string, incarnation = `${id}1`): IntroductionAnswer {
  return {
    nodeId: id,
    incarnation,
    grpcAddress: `${id}:9000`,
    initialCluster: initialClusterText(MEMBERS),
    cluster: undefined,
    otherLifeAddress: "",
  };
}

/** `id` as a member of a cluster of those incarnations. */
function founded(id: string, incarnations: readonly string[], clusterId = "x"): IntroductionAnswer {
  const members = incarnations.map((incarnation) => ({
    id: incarnation[0]!,
    address: `${incarnation[0]}:7000/${incarnation[0]}:9000`,
    incarnation,
  }));
  return { ...unfounded(id), cluster: { id: clusterId, members, founders: members } };
}

function heard(
  answers: Heard["answers"],
  unheard: Record<string, string> = {},
): Heard {
  return { answers, unheard: new Map(Object.entries(unheard)) };
}

function verdict(nodeId: string, ...answers: readonly IntroductionAnswer[]): Verdict {
  const own = { incarnation: `${nodeId}1`, grpcAddress: `${nodeId}:9000` };
  return judgeFounding(
    nodeId,
    own,
    MEMBERS,
    heard(new Map(answers.map((each) => [each.nodeId, each]))),
  );
}

Deno.test("the first by id founds, once it has heard from all that nobody has", () => {
  const first = verdict("a", unfounded("b"), unfounded("c"));
  assert.ok(first.kind === "found");
  assert.deepEqual(first.founders, [
    { id: "a", incarnation: "a1", address: "a:7000/a:9000" },
    { id: "b", incarnation: "b1", address: "b:7000/b:9000" },
    { id: "c", incarnation: "c1", address: "c:7000/c:9000" },
  ]);
  const others = verdict("b", unfounded("a"), unfounded("c"));
  assert.ok(others.kind === "wait" && /a, the first by id/.test(others.reason));
  const alone = verdict("a", unfounded("b"));
  assert.ok(alone.kind === "wait" && /not heard from c/.test(alone.reason));
});

Deno.test("why one was not heard from is said, for it may be no matter of waiting", () => {
  const why =
    'c:7000 cannot be connected to: the certificate is not for "conductor.production.svc"';
  const waits = judgeFounding(
    "a",
    { incarnation: "a1", grpcAddress: "a:9000" },
    MEMBERS,
    heard(new Map(), { c: why }),
  );
  assert.deepEqual(waits, { kind: "wait", reason: `not heard from b, c (${why}) yet` });
});

Deno.test("a founder whom the cluster knows by this incarnation founds its log with the same list", () => {
  const follows = verdict("c", founded("a", ["a1", "b1", "c1"]));
  assert.ok(follows.kind === "follow" && follows.clusterId === "x");
  assert.deepEqual(follows.founders.map((each) => each.incarnation), ["a1", "b1", "c1"]);
});

Deno.test("P17: a founder whom the cluster knows by another incarnation joins as a new member", () => {
  for (const nodeId of ["a", "b", "c"]) {
    const others = ["a", "b", "c"].filter((each) => each !== nodeId);
    const incarnations = ["a1", "b1", "c1"].map((each) =>
      each === `${nodeId}1` ? `${each}x` : each
    );
    const joins = verdict(nodeId, ...others.map((each) => founded(each, incarnations)));
    assert.ok(joins.kind === "join", nodeId);
    assert.deepEqual(joins.addresses, others.map((each) => `${each}:9000`));
    // One that has founded is enough to know; the other is still asking.
    assert.equal(
      verdict(nodeId, founded(others[0]!, incarnations), unfounded(others[1]!)).kind,
      "join",
    );
  }
});

Deno.test("P17: the first by id founds no second cluster while one that may know is silent", () => {
  assert.equal(verdict("a", unfounded("b")).kind, "wait");
  assert.equal(verdict("a").kind, "wait");
});

Deno.test("what only people can settle is said", () => {
  const table: [Verdict, "refuse" | "wait", RegExp][] = [
    [verdict("a", founded("b", ["b1", "c1"])), "refuse", /no member a .*--join/],
    [
      verdict("a", founded("b", ["a1"], "x"), founded("c", ["a1"], "y")),
      "refuse",
      /different clusters: b to x, c to y/,
    ],
    [
      verdict("a", { ...unfounded("b"), initialCluster: ["a=a:7000", "b=b:7000"] }, unfounded("c")),
      "wait",
      /b was started with another cluster.initial_cluster \(a=a:7000,b=b:7000; here a=/,
    ],
    [
      judgeFounding(
        "a",
        { incarnation: "a1", grpcAddress: "" },
        MEMBERS,
        heard(new Map([["b", unfounded("z")]])),
      ),
      "refuse",
      /at b:7000 there is z, not b/,
    ],
  ];
  for (const [found, kind, reason] of table) {
    assert.ok(
      found.kind === kind && "reason" in found && reason.test(found.reason),
      String(reason),
    );
  }
});

Deno.test("a flag is compared with the membership in force, if there is one", () => {
  const of = (...ids: string[]) => ids.map((id) => ({ id }));
  assert.equal(initialClusterFault(MEMBERS, of("a", "b", "c")), undefined);
  assert.equal(initialClusterFault(MEMBERS, []), undefined);
  assert.match(initialClusterFault(MEMBERS, of("a", "b", "d")) ?? "", /c left and d came/);
});
