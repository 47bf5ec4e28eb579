/** Scenarios about who is a member. */

import { changed, FIVE, healed, scenario } from "./scenario_steps.ts";
import type { Scenario } from "./scenario_steps.ts";
import { PLAIN, Script, TIMEOUT_MS } from "./script.ts";

export const SCENARIOS_OF_MEMBERSHIP: readonly Scenario[] = [
  scenario("S11", "two leaders cannot each change the membership by one", async (seed) => {
    const script = new Script(4, PLAIN, seed);
    await script.elect("n1");
    await script.commit("n1", 2);
    const n5 = script.cluster.add();
    n5.start();
    script.ask({ kind: "add_learner", member: script.cluster.memberOf(n5) });
    await script.until("n5 follows", () => script.last("n5") === script.last("n1"));
    await script.wait(TIMEOUT_MS);
    // n1 promotes n5, and only n5 hears of it.
    for (const id of ["n2", "n3", "n4"]) {
      script.network.cut("n1", id);
      script.network.cut("n5", id);
    }
    const before = script.last("n1");
    script.ask({ kind: "promote", id: "n5" });
    await script.until("n5 hears of it", () => script.last("n5") > before);
    // n2 is elected by n2, n3 and n4, and at once removes n1; n4 does not hear of it.
    script.network.drop = (each) =>
      (each.kind === "append_request" && each.to === "n4") ||
      (each.kind === "vote_request" && each.from !== "n2");
    await script.until("n2 leads", () => {
      script.campaign("n2");
      return script.leads("n2");
    }, 30 * TIMEOUT_MS);
    script.node("n2").call((raft) => void raft.remove("n1").catch(() => {}));
    await script.wait(TIMEOUT_MS / 2);
    // n4 is with n1 and n5 now, who are three of five by their own membership.
    script.network.heal();
    script.network.drop = () => false;
    script.network.partition([["n1", "n4", "n5"], ["n2", "n3"]]);
    for (let tries = 0; tries < 5; tries++) {
      script.node("n1").call((raft) => raft.campaign());
      await script.wait(2 * TIMEOUT_MS);
    }
    return await healed(script);
  }),
  scenario("S12", "leaders removed and demoted, all replaced, two made one", async (seed) => {
    const script = new Script(3, PLAIN, seed);
    await script.elect("n1");
    await changed(script, { kind: "remove", id: "n1" });
    await script.until("another leads", () => ["n2", "n3"].some((id) => script.leads(id)));
    await script.write(3);
    for (const old of ["n2", "n3"]) {
      const fresh = script.cluster.add();
      fresh.start();
      const member = script.cluster.memberOf(fresh);
      await changed(script, { kind: "add_learner", member });
      await script.until("it catches up", () => script.cluster.unrest() === undefined);
      await changed(script, { kind: "promote", id: fresh.id });
      await changed(script, { kind: "demote", id: old });
      await changed(script, { kind: "remove", id: old });
      await script.write(3);
    }
    await changed(script, { kind: "remove", id: (await script.leader()).id });
    await script.write(3);
    return await healed(script);
  }),
  scenario(
    "S12b",
    "who was removed while cut off cannot disturb when it comes back",
    async (seed) => {
      const script = new Script(3, PLAIN, seed);
      await script.elect("n1");
      await script.commit("n1", 3);
      script.network.isolate("n3", FIVE);
      await changed(script, { kind: "remove", id: "n3" });
      await script.write(3);
      await script.wait(10 * TIMEOUT_MS);
      const before = script.cluster.oracle.elections;
      script.network.heal();
      await script.wait(30 * TIMEOUT_MS);
      script.expect(script.cluster.oracle.elections === before, "no further election");
      return await healed(script);
    },
  ),
  scenario(
    "S12c",
    "a leader that is demoted commits that without itself, and follows",
    async (seed) => {
      const script = new Script(3, PLAIN, seed);
      await script.elect("n1");
      await script.commit("n1", 3);
      await changed(script, { kind: "demote", id: "n1" });
      await script.until("another leads", () => ["n2", "n3"].some((id) => script.leads(id)));
      await script.write(3);
      await script.wait(5 * TIMEOUT_MS);
      script.expect(!script.leads("n1"), "a learner does not lead");
      return await healed(script);
    },
  ),
  scenario(
    "S12d",
    "a learner that does not know it was promoted votes when it is asked",
    async (seed) => {
      const script = new Script(2, PLAIN, seed);
      await script.elect("n1");
      const learner = script.cluster.add();
      learner.start();
      await changed(script, { kind: "add_learner", member: script.cluster.memberOf(learner) });
      await script.until("it catches up", () => script.cluster.unrest() === undefined);
      // n1 and n2 agree on the promotion, which n3 does not hear of; then n1 dies.
      script.network.drop = ({ to, kind }) => to === "n3" && kind === "append_request";
      const before = script.last("n2");
      script.ask({ kind: "promote", id: "n3" });
      await script.until("n2 has it", () => script.last("n2") > before);
      await script.wait(TIMEOUT_MS / 2);
      script.node("n1").crash();
      script.network.drop = () => false;
      await script.until("n2 leads", () => script.leads("n2"), 20 * TIMEOUT_MS);
      await script.write(3);
      return await healed(script);
    },
  ),
  scenario(
    "S12e",
    "of two voters one leaves, and is the only one that knows (seed 9036)",
    async (seed) => {
      const script = new Script(2, PLAIN, seed);
      await script.elect("n1");
      await script.commit("n1", 2);
      script.network.isolate("n1", FIVE);
      script.ask({ kind: "demote", id: "n1" });
      await script.wait(4 * TIMEOUT_MS);
      script.network.heal();
      await script.until("n2 leads", () => script.leads("n2"), 20 * TIMEOUT_MS);
      await script.write(3);
      return await healed(script);
    },
  ),
  scenario(
    "S12f",
    "a leader that leaves does not count itself towards what commits that",
    async (seed) => {
      const script = new Script(3, PLAIN, seed);
      await script.elect("n1");
      await script.commit("n1", 2);
      await script.until("all have all", () => script.cluster.unrest() === undefined);
      script.network.isolate("n3", FIVE);
      const before = script.last("n1");
      script.ask({ kind: "remove", id: "n1" });
      await script.until("n2 has it", () => script.last("n2") > before);
      await script.wait(TIMEOUT_MS / 2);
      const committed = script.cluster.statusOf("n2")?.commitIndex ?? Infinity;
      script.expect(committed <= before, "n2 alone is no majority of n2 and n3");
      script.network.heal();
      await script.until(
        "another leads",
        () => ["n2", "n3"].some((id) => script.leads(id)),
        20 * TIMEOUT_MS,
      );
      await script.write(3);
      return await healed(script);
    },
  ),
  scenario(
    "S12g",
    "a snapshot names the members of its own place in the log, not of a change that may be undone",
    async (seed) => {
      const script = new Script(3, PLAIN, seed);
      await script.elect("n1");
      script.network.isolate("n3", FIVE);
      await script.wait(2 * TIMEOUT_MS);
      await script.commit("n1", 60);
      await script.until("n2 has all", () => script.last("n2") === script.last("n1"));
      script.network.isolate("n2", FIVE);
      const before = script.last("n1");
      const learner = script.cluster.add();
      script.ask({ kind: "add_learner", member: script.cluster.memberOf(learner) });
      await script.until("n1 has the change", () => script.last("n1") > before);
      script.network.heal();
      script.network.isolate("n2", FIVE);
      script.network.drop = (message) =>
        message.kind === "append_request" &&
        message.entries.some(({ kind }) => kind === "membership");
      const compacted = script.node("n1").durable?.boundaryIndex ?? 0;
      await script.until(
        "n3 has the snapshot",
        () => (script.node("n3").durable?.boundaryIndex ?? 0) >= compacted,
      );
      script.network.heal();
      script.network.isolate("n1", FIVE);
      await script.elect("n2");
      await script.commit("n2", 3);
      return await healed(script);
    },
  ),
  scenario(
    "S16",
    "a voter that lost its disk and comes back under its name is not heard",
    async (seed) => {
      const script = new Script(3, PLAIN, seed);
      await script.elect("n1");
      await script.commit("n1", 3);
      const wiped = script.cluster.replace("n3", "another-disk");
      wiped.start();
      await script.wait(3 * TIMEOUT_MS);
      script.expect(script.last("n3") === 0, "it takes nothing");
      // n2 and the wiped n3 must not elect each other into forgetting.
      script.network.isolate("n1", FIVE);
      await script.wait(5 * TIMEOUT_MS);
      script.expect(!script.leads("n2"), "its vote does not count");
      script.network.heal();
      await changed(script, { kind: "remove", id: "n3" });
      script.cluster.nodes.delete("n3");
      return await healed(script);
    },
  ),
];
