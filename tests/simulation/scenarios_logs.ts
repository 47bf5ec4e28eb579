/** Scenarios about logs, snapshots and disks. */

import type { Message } from "../../src/raft/mod.ts";
import { FIVE, healed, scenario } from "./scenario_steps.ts";
import type { Scenario } from "./scenario_steps.ts";
import { PLAIN, Script, TIMEOUT_MS } from "./script.ts";

export const SCENARIOS_OF_LOGS: readonly Scenario[] = [
  scenario("S3", "old appends that come late do not shorten a log", async (seed) => {
    const script = new Script(3, { ...PLAIN, bounds: { messageBytesMax: 1 } }, seed);
    await script.elect("n1");
    const recorded: Message[] = [];
    script.network.drop = (each) => {
      if (each.kind === "append_request" && each.to === "n3") recorded.push(each);
      return false;
    };
    await script.commit("n1", 10);
    await script.until("n3 has all", () => script.last("n3") === script.last("n1"));
    const last = script.last("n3");
    for (const message of recorded.reverse()) script.node("n3").receive(message);
    await script.wait(TIMEOUT_MS / 4);
    script.expect(script.last("n3") === last, "n3 keeps its log");
    script.network.isolate("n2", ["n1", "n3"]);
    await script.commit("n1", 3);
    return await healed(script);
  }),
  scenario("S4", "a snapshot over a log that conflicts with it discards that log", async (seed) => {
    const script = new Script(3, PLAIN, seed);
    await script.elect("n1");
    await script.commit("n1", 3);
    await script.wait(TIMEOUT_MS / 2);
    script.network.isolate("n1", FIVE);
    script.propose("n1", 100);
    await script.until("n1 has a long tail", () => script.last("n1") > 100);
    await script.elect("n2");
    for (let round = 0; round < 16; round++) await script.commit("n2", 5);
    const compacted = script.node("n2").durable?.boundaryIndex ?? 0;
    script.expect(compacted > 10 && compacted < 100, `n2 compacted to ${compacted}`);
    return await healed(script);
  }),
  scenario(
    "S5",
    "a learner that was cut off while all was compacted still catches up",
    async (seed) => {
      const script = new Script(1, {
        ...PLAIN,
        snapshotBounds: { trailingEntries: 0, compactAfterEntries: 1, chunkBytes: 50 },
      }, seed);
      await script.elect("n1");
      const learner = script.cluster.add();
      learner.start();
      script.network.isolate(learner.id, ["n1"]);
      script.ask({ kind: "add_learner", member: script.cluster.memberOf(learner) });
      await script.commit("n1", 100);
      await script.wait(5 * TIMEOUT_MS);
      return await healed(script);
    },
  ),
  scenario(
    "S6",
    "a second snapshot amid the first, lost chunks and a crash do no harm",
    async (seed) => {
      const script = new Script(3, {
        ...PLAIN,
        snapshotBounds: { ...PLAIN.snapshotBounds, chunkBytes: 50, windowChunks: 3 },
      }, seed);
      await script.elect("n1");
      script.network.isolate("n3", FIVE);
      await script.commit("n1", 60);
      script.network.heal();
      script.network.weather = {
        ...script.network.weather,
        loss: 0.2,
        duplication: 0.2,
        damage: 0.2,
      };
      await script.until("n3 receives", () => script.node("n3").state === "running", TIMEOUT_MS);
      await script.wait(TIMEOUT_MS);
      script.node("n3").crash();
      await script.commit("n1", 60);
      script.node("n3").start();
      await script.wait(TIMEOUT_MS);
      script.node("n1").crash();
      const { id } = await script.leader();
      script.node("n1").start();
      await script.commit(id, 60);
      script.network.weather = { ...script.network.weather, loss: 0, duplication: 0, damage: 0 };
      return await healed(script);
    },
  ),
  scenario(
    "S17",
    "a disk that lost acknowledged entries abstains, and nothing is lost",
    async (seed) => {
      const script = new Script(3, PLAIN, seed);
      await script.elect("n1");
      await script.commit("n1", 10);
      script.node("n2").crash();
      script.node("n2").disk.loseTail("journal", 3);
      script.node("n2").start();
      script.expect(script.node("n2").state === "refused", "n2 notices");
      await script.commit("n1", 3);
      return await healed(script);
    },
  ),
  scenario("S18", "all crash amid writes, and lose what was not synced", async (seed) => {
    const script = new Script(3, PLAIN, seed);
    await script.elect("n1");
    for (let round = 0; round < 5; round++) {
      const { id } = await script.leader();
      script.propose(id, 20);
      await script.wait(1 + round);
      for (const each of script.cluster.ids) {
        script.node(each).disk.faults.crashBeforeSync = 0.5;
      }
      script.propose(id, 20);
      await script.wait(10);
      for (const each of script.cluster.ids) {
        script.node(each).disk.faults.crashBeforeSync = 0;
        script.node(each).crash();
      }
      for (const each of script.cluster.ids) script.node(each).start();
    }
    return await healed(script);
  }),
];
