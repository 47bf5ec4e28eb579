import assert from "node:assert/strict";
import type { IntroductionAnswer } from "../rpc/mod.ts";
import { SoleLife, untilAlone } from "./sole_life.ts";

function answerOf(nodeId: string, otherLifeAddress = ""): IntroductionAnswer {
  const incarnation = `${nodeId}1`;
  return {
    nodeId,
    incarnation,
    grpcAddress: `${nodeId}:9`,
    initialCluster: [],
    cluster: undefined,
    otherLifeAddress,
  };
}

/** A start of `a`, of which each round of asking gets the next of `rounds`, the last for ever. */
function started(...rounds: readonly (readonly IntroductionAnswer[])[]): Promise<void> {
  let nowMs = 0;
  let round = 0;
  return untilAlone(
    { nodeId: "a", incarnation: "a1" },
    () => Promise.resolve(rounds[Math.min(round++, rounds.length - 1)]!),
    {
      now: () => nowMs,
      pause: (ms) => {
        nowMs += ms;
        return Promise.resolve();
      },
    },
  );
}

Deno.test("a master starts when nobody answers, or knows of another process", async () => {
  await started([]);
  await started([answerOf("b"), answerOf("c")]);
});

Deno.test("a former process that seems alive for a moment is waited for", () =>
  started([answerOf("b", "a:7")], [answerOf("b", "a:7"), answerOf("c")], [answerOf("b")]));

Deno.test("a master that runs already is refused, and told where and what to do", async () => {
  const advice = /data directory.*stop the other.*--node-id NEW --join/;
  for (
    const [answer, where] of [
      [answerOf("b", "a:7"), /b hears it from a:7/],
      [answerOf("a"), /it answers, with gRPC at a:9/],
    ] as const
  ) {
    await assert.rejects(started([answer]), where);
    await assert.rejects(started([answer]), advice);
  }
});

Deno.test("a process that peers doubt promises nothing, and ends when they do not stop to", () => {
  let nowMs = 0;
  const failures: string[] = [];
  const life = new SoleLife(() => nowMs, ({ message }) => failures.push(message));
  assert.equal(life.isDoubted, false);
  for (; nowMs < 4_000; nowMs += 500) life.doubted("b", "a is heard at a:7");
  assert.equal(life.isDoubted, true);
  nowMs += 2_000;
  assert.equal(life.isDoubted, false, "nobody says so any more");
  for (const endMs = nowMs + 4_500; nowMs <= endMs; nowMs += 500) life.doubted("b", "again");
  assert.equal(failures.length, 0, "what was said before a pause does not count");
  life.doubted("b", "a is heard at a:7");
  assert.match(failures[0] ?? "", /b says: a is heard at a:7/);
});
