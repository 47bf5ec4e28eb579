import assert from "node:assert/strict";
import type { RaftStatus } from "../raft/mod.ts";
import { SilentMembers } from "./silent_members.ts";

type Status = Pick<RaftStatus, "id" | "members" | "peers">;

/** A leader of `b`, and what it writes to its log. */
function leaderOfOne() {
  const said: string[] = [];
  const tell = (text: string, fields?: Readonly<Record<string, unknown>>) =>
    void said.push([text.split(",")[0], fields?.raft_address, fields?.reason].join(" ").trim());
  const silent = new SilentMembers({
    log: { warn: tell, info: tell },
    tickMs: 100,
    memberTimeoutMs: 2_000,
    reasonOf: () => "refused",
  });
  const look = (silentMs: number, answers = 1) =>
    silent.look({
      id: "a",
      members: [{ id: "a", address: "h1:7" }, { id: "b", address: "h2:7/h2:9" }],
      peers: [{ id: "b", lastContactTicks: silentMs / 100, answers }],
    } as unknown as Status);
  return { said, look };
}

Deno.test("a member that does not answer is told of once a silence, with where it is and why", () => {
  const { said, look } = leaderOfOne();
  for (const silentMs of [0, 9_900, 10_000, 60_000]) look(silentMs);
  assert.deepEqual(said, ["a member does not answer h2:7 refused"]);
  look(2_000);
  assert.equal(said.length, 1, "not yet");
  for (const silentMs of [100, 0, 10_000]) look(silentMs);
  assert.deepEqual(said.slice(1), [
    "a member answers again",
    "a member does not answer h2:7 refused",
  ]);
});
