import assert from "node:assert/strict";
import { Succession } from "./succession.ts";

/** A follower of `leader` among a, b and c, whose time the test moves. */
function follower(id: string, leader: string, slowBeside: readonly string[] = []) {
  const node = {
    leaderId: leader as string | undefined,
    campaigns: [] as number[],
    campaign: () => void node.campaigns.push(nowMs),
    status: () => ({ id, members: ["a", "b", "c"].map((each) => ({ id: each, votes: true })) }),
    reportUnreachable: (peer: string) => {
      const wasLeader = peer === node.leaderId;
      if (wasLeader) node.leaderId = undefined;
      return wasLeader;
    },
  };
  let nowMs = 0;
  const timers: { atMs: number; run: () => void }[] = [];
  const succession = new Succession({
    node: node as unknown as ConstructorParameters<typeof Succession>[0]["node"],
    pace: {
      faster: (candidates) => {
        const nodeId = candidates.find((each) => slowBeside.includes(each));
        return nodeId === undefined ? undefined : { nodeId, syncMs: 1, ownSyncMs: 80 };
      },
    },
    random: () => 0.5,
    after: (delayMs, run) => void timers.push({ atMs: nowMs + delayMs, run }),
  });
  const runUntil = (untilMs: number) => {
    while (true) {
      timers.sort((one, other) => one.atMs - other.atMs);
      const next = timers[0];
      if (next === undefined || next.atMs > untilMs) return;
      timers.shift();
      nowMs = next.atMs;
      next.run();
    }
  };
  return { node, succession, runUntil };
}

Deno.test("a follower whose disk is slow beside another's lets that one campaign first", () => {
  const firstAt = (slowBeside: readonly string[]) => {
    const { node, succession, runUntil } = follower("b", "a", slowBeside);
    succession.peerLost("a");
    runUntil(99);
    return node.campaigns[0];
  };
  assert.deepEqual([firstAt([]), firstAt(["c"])], [5, 55]);
  assert.equal(firstAt(["a"]), 5, "that one is gone");
});

Deno.test("followers of a lost leader campaign soon, one after the other", () => {
  const first = follower("b", "a");
  const second = follower("c", "a");
  for (const { succession, runUntil } of [first, second]) {
    succession.peerLost("a");
    runUntil(60);
  }
  assert.deepEqual(first.node.campaigns, [5]);
  assert.deepEqual(second.node.campaigns, [30]);
});

Deno.test("a follower that is lost, or a leader that was heard of again, is no reason to campaign", () => {
  const { node, succession, runUntil } = follower("b", "a");
  succession.peerLost("c");
  runUntil(1_000);
  assert.deepEqual(node.campaigns, []);
  succession.peerLost("a");
  node.leaderId = "a";
  runUntil(1_000);
  assert.deepEqual(node.campaigns, []);
});

Deno.test("a split vote is tried again with growing pauses, then left to the election timer", () => {
  const { node, succession, runUntil } = follower("b", "a");
  succession.peerLost("a");
  runUntil(100_000);
  assert.deepEqual(node.campaigns, [5, 155, 455, 1055]);
});

Deno.test("tries end when somebody is elected, and when this master stops", () => {
  for (const ending of ["elected", "stopped"]) {
    const { node, succession, runUntil } = follower("b", "a");
    succession.peerLost("a");
    runUntil(10);
    if (ending === "elected") node.leaderId = "c";
    else succession.stop();
    runUntil(100_000);
    assert.deepEqual(node.campaigns, [5], ending);
  }
});
