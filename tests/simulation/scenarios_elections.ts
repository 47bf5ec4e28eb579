/** Scenarios about votes, terms and leaders. */

import { FIVE, healed, scenario, wouldAccept } from "./scenario_steps.ts";
import type { Scenario } from "./scenario_steps.ts";
import { PLAIN, Script, TIMEOUT_MS } from "./script.ts";

export const SCENARIOS_OF_ELECTIONS: readonly Scenario[] = [
  scenario("S1", "figure 8: an old entry on a majority is not committed by count", async (seed) => {
    const script = new Script(5, { ...PLAIN, bounds: { messageBytesMax: 1 } }, seed);
    await script.elect("n1");
    await script.commit("n1", 2);
    await script.wait(TIMEOUT_MS / 2);
    // n1 gives an entry to n2 alone, and crashes.
    for (const id of ["n3", "n4", "n5"]) script.network.cut("n1", id);
    const contested = script.last("n1") + 1;
    script.propose("n1");
    await script.until("n2 has it", () => script.last("n2") === contested);
    script.node("n1").crash();
    script.network.heal();
    // n5 is elected without them, appends something else there, and crashes.
    script.network.isolate("n2", FIVE);
    script.network.drop = (each) => each.kind === "append_request" && each.from === "n5";
    await script.elect("n5");
    await script.until("n5 has another", () => script.last("n5") === contested);
    const rival = script.cluster.statusOf("n5")?.term ?? 0;
    script.node("n5").crash();
    // n1 is elected again. Its old entry reaches a majority, its new one nobody.
    script.network.heal();
    script.node("n1").start();
    script.network.drop = (each) =>
      each.kind === "append_request" && each.entries.some(({ term }) => term > rival) &&
      wouldAccept(script, each);
    await script.elect("n1");
    await script.until("n3 has the old entry", () => script.last("n3") === contested);
    await script.wait(TIMEOUT_MS / 2);
    // n1 crashes, n5 wins with its later term, and replaces the entry.
    script.node("n1").crash();
    script.network.drop = () => false;
    script.node("n5").start();
    await script.elect("n5");
    await script.commit("n5");
    return await healed(script);
  }),
  scenario("S2", "a voter that crashes around its write votes once a term", async (seed) => {
    const script = new Script(3, PLAIN, seed);
    await script.elect("n1");
    for (const faults of [{ crashBeforeSync: 1 }, { crashAfterSync: 1 }]) {
      for (const [candidate, rival] of [["n2", "n3"], ["n3", "n2"]] as const) {
        script.node("n1").crash();
        Object.assign(script.node(rival).disk.faults, faults);
        await script.wait(2 * TIMEOUT_MS);
        script.node(candidate).call((raft) => raft.campaign());
        await script.wait(TIMEOUT_MS / 4);
        Object.assign(script.node(rival).disk.faults, { crashBeforeSync: 0, crashAfterSync: 0 });
        script.node(rival).start();
        script.node(rival).call((raft) => raft.campaign());
        await script.wait(TIMEOUT_MS);
        script.node("n1").start();
        await script.leader();
      }
    }
    return await healed(script);
  }),
  scenario(
    "S7",
    "a node of a lower term with the newer log can still be elected (etcd-8243)",
    async (seed) => {
      const script = new Script(3, PLAIN, seed);
      await script.elect("n1");
      await script.commit("n1");
      await script.wait(TIMEOUT_MS / 2);
      // While n1 is down, n2 campaigns thrice; its pre-votes are heard, its votes are not.
      script.node("n1").crash();
      script.network.drop = (each) =>
        each.kind === "vote_request" && (!each.pre || each.from === "n3");
      const start = script.cluster.statusOf("n2")?.term ?? 0;
      await script.until("n2's term is higher by three", () => {
        script.campaign("n2");
        return (script.cluster.statusOf("n2")?.term ?? 0) >= start + 3;
      }, 50 * TIMEOUT_MS);
      // n1 and n3 go on without n2, in a lower term.
      script.network.isolate("n2", FIVE);
      script.network.drop = () => false;
      script.node("n1").start();
      await script.elect("n1");
      await script.commit("n1", 3);
      await script.until("n3 has all", () => script.last("n3") === script.last("n1"));
      const [low, high] = ["n3", "n2"].map((id) => script.cluster.statusOf(id)?.term ?? 0);
      script.expect((low ?? 0) + 1 < (high ?? 0), `n3 is in ${low}, n2 far above in ${high}`);
      // n1 dies for good: only n3 can win, and needs n2's vote.
      script.node("n1").crash();
      script.network.heal();
      await script.until("n3 leads", () => script.leads("n3"), 10 * TIMEOUT_MS);
      return await healed(script);
    },
  ),
  scenario("S8", "a node with a higher term disturbs the cluster once at most", async (seed) => {
    const script = new Script(3, PLAIN, seed);
    await script.elect("n1");
    script.node("n3").crash();
    script.node("n2").crash();
    await script.wait(3 * TIMEOUT_MS);
    for (const id of ["n2", "n3"]) script.node(id).start();
    await script.leader();
    await script.wait(5 * TIMEOUT_MS);
    const before = script.cluster.oracle.elections;
    await script.wait(30 * TIMEOUT_MS);
    script.expect(script.cluster.oracle.elections === before, "no further election");
    return await healed(script);
  }),
  scenario("S9", "with links from n4 to n2 and n5 to n3 alone one leader holds", async (seed) => {
    const script = new Script(5, PLAIN, seed);
    await script.elect("n1");
    for (const other of ["n1", "n3", "n5"]) script.network.cut("n4", other);
    for (const other of ["n1", "n2"]) script.network.cut("n5", other);
    await script.wait(5 * TIMEOUT_MS);
    const before = script.cluster.oracle.elections;
    await script.wait(25 * TIMEOUT_MS);
    script.expect(script.cluster.oracle.elections === before, "no further election");
    const { id } = await script.leader();
    await script.commit(id, 5);
    return await healed(script);
  }),
  scenario("S10", "a leader that only sends, or only receives, gives way", async (seed) => {
    const script = new Script(3, PLAIN, seed);
    await script.elect("n1");
    for (const direction of ["deaf", "dumb"] as const) {
      const old = await script.leader();
      for (const other of script.cluster.ids.filter((id) => id !== old.id)) {
        if (direction === "deaf") script.network.cutOneWay(other, old.id);
        else script.network.cutOneWay(old.id, other);
      }
      await script.until(
        "another leads",
        () => script.cluster.leader !== undefined && script.cluster.leader !== old,
        10 * TIMEOUT_MS,
      );
      await script.commit(script.cluster.leader?.id ?? "", 3);
      script.network.heal();
      await script.wait(3 * TIMEOUT_MS);
    }
    return await healed(script);
  }),
];
