import assert from "node:assert/strict";
import { JobMachine, MemoryJobStore } from "../jobs/mod.ts";
import type { MasterContext } from "./context.ts";
import { Live } from "./live.ts";

function membersTold(leaderId: string | undefined) {
  const live = new Live({
    facts: { nodeId: "m2", clusterId: "c", version: "1" },
    machine: new JobMachine(new MemoryJobStore()),
    now: () => 1_000,
    node: {
      status: () => ({
        ...{ id: "m2", role: "follower", leaderId, term: 1, commitIndex: 1, appliedIndex: 1 },
        lastIndex: 1,
        members: ["m1", "m2", "m3"].map((id) => ({ id, votes: true })),
      }),
    },
  } as unknown as MasterContext);
  try {
    return live.now(["red"]).members.map(({ node_id, answers }) => [node_id, answers]);
  } finally {
    live.stop();
  }
}

Deno.test("a node says of itself and of its leader that they answer, and of nobody that it is silent", () => {
  assert.deepEqual(membersTold("m1"), [["m1", true], ["m2", true], ["m3", undefined]]);
  assert.deepEqual(membersTold(undefined), [["m1", undefined], ["m2", true], ["m3", undefined]]);
});
