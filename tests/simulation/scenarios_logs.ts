/** Scenarios about logs, snapshots and disks. */

import type { Message } from "../../src/raft/mod.ts";
import { AsynchronousNode } from "./asynchronous_node.ts";
import { SimulatedCrash } from "./disk.ts";
import { changed, FIVE, healed, scenario } from "./scenario_steps.ts";
import type { Scenario } from "./scenario_steps.ts";
import { PLAIN, Script, TIMEOUT_MS } from "./script.ts";
import { TICK_MS } from "./simulated_node.ts";

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
  scenario(
    "S4",
    "a snapshot over a log that conflicts with it discards that log (hashicorp-697)",
    async (seed) => {
      const script = new Script(3, PLAIN, seed);
      await script.elect("n1");
      await script.commit("n1", 3);
      await script.wait(TIMEOUT_MS / 2);
      script.network.isolate("n1", FIVE);
      script.propose("n1", 100);
      await script.until("n1 has a long tail", () => script.last("n1") > 100);
      await script.elect("n2");
      // For who was in reach of late the log is kept.
      await script.wait(2 * TIMEOUT_MS);
      for (let round = 0; round < 16; round++) await script.commit("n2", 5);
      const compacted = script.node("n2").durable?.boundaryIndex ?? 0;
      script.expect(compacted > 10 && compacted < 100, `n2 compacted to ${compacted}`);
      return await healed(script);
    },
  ),
  scenario(
    "S4b",
    "a crash between the two halves of an installation leaves no log that conflicts with the state",
    async (seed) => {
      const script = new Script(3, PLAIN, seed);
      await script.elect("n1");
      await script.commit("n1", 3);
      await script.wait(TIMEOUT_MS / 2);
      script.network.isolate("n1", FIVE);
      script.propose("n1", 100);
      await script.until("n1 has a long tail", () => script.last("n1") > 100);
      await script.elect("n2");
      for (let round = 0; round < 16; round++) await script.commit("n2", 5);
      let crashes = 0;
      script.node("n1").call((_, machine) => {
        const { onInstalled } = machine;
        machine.onInstalled = (index, hash) => {
          onInstalled(index, hash);
          crashes++;
          throw new SimulatedCrash();
        };
      });
      script.network.heal();
      await script.until("n1 crashes once its state is the snapshot's", () => crashes > 0);
      return await healed(script);
    },
  ),
  scenario(
    "S5",
    "a learner that was cut off while all was compacted still catches up (openraft-1828)",
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
      // In such weather leadership may move at any time.
      await script.write(60);
      script.node("n3").start();
      await script.wait(TIMEOUT_MS);
      const { id } = await script.leader();
      script.node(id).crash();
      await script.leader();
      script.node(id).start();
      await script.write(60);
      script.network.weather = { ...script.network.weather, loss: 0, duplication: 0, damage: 0 };
      return await healed(script);
    },
  ),
  scenario(
    "S15",
    "a slow write that is done after others took its place promises nothing (async ABA)",
    (seed) => {
      const script = new Script(1, PLAIN, seed);
      const voters = ["n1", "n2", "n3"].map((id) => ({ id, address: id, incarnation: "" }));
      const follower = new AsynchronousNode("n2", voters, () => script.world.random.next());
      const sent: Message[] = [];
      const append = (from: string, term: number, entryTerm: number) => {
        const entry = { index: 1, term: entryTerm, kind: "noop" as const, data: new Uint8Array() };
        const where = { prevIndex: 0, prevTerm: 0, commit: 0 };
        const envelope = { from, to: "n2", toIncarnation: "", term };
        follower.step({ kind: "append_request", ...envelope, ...where, entries: [entry] });
        sent.push(...follower.work());
      };
      const promised = (term: number) =>
        sent.some((each) =>
          each.kind === "append_accepted" && each.term === term && each.match === 1
        );
      // The same entry twice, and another between them; each with a write of its own.
      append("n1", 1, 1);
      append("n3", 2, 2);
      append("n1", 3, 1);
      script.expect(follower.writesPending === 3, "nothing is written yet");
      sent.push(...follower.completeWrite());
      script.expect(!promised(3), "the first write promises nothing in term 3");
      script.expect(follower.core.view.log.stableIndex === 0, "nor does the core believe it");
      sent.push(...follower.completeWrite());
      script.expect(follower.disk.term(1) === 2, "the disk holds the entry between them now");
      script.expect(!promised(3), "which promises nothing either");
      sent.push(...follower.completeWrite());
      script.expect(promised(3), "the last write does");
      script.expect(follower.disk.term(1) === 1, "because the disk holds it now");
      return Promise.resolve(script.violation);
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
  scenario("S17b", "one disk after another loses what it had acknowledged", async (seed) => {
    const script = new Script(5, PLAIN, seed);
    await script.elect("n1");
    for (const [liar, incarnation] of [["n2", "another-2"], ["n3", "another-3"]] as const) {
      await script.write(10);
      await script.until("all have all", () => script.cluster.unrest() === undefined);
      script.node(liar).crash();
      script.node(liar).disk.loseTail("journal", 3);
      script.node(liar).start();
      script.expect(script.node(liar).state === "refused", `${liar} notices`);
      await script.write(3);
      // Its operator gives it another disk; what it had promised is forgotten with the old one.
      const fresh = script.cluster.replace(liar, incarnation);
      fresh.start();
      await changed(script, { kind: "replace", member: script.cluster.memberOf(fresh) });
      await script.until("it catches up", () => script.cluster.unrest() === undefined);
      await changed(script, { kind: "promote", id: liar });
    }
    return await healed(script);
  }),
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
  scenario("S18b", "a lone voter loses nothing that it acknowledged (etcd-14143)", async (seed) => {
    const script = new Script(1, PLAIN, seed);
    await script.elect("n1");
    const { faults } = script.node("n1").disk;
    for (let round = 0; round < 20; round++) {
      Object.assign(faults, { crashBeforeSync: 0.3, crashAfterSync: 0.3 });
      script.propose("n1", 5);
      await script.wait(20);
      Object.assign(faults, { crashBeforeSync: 0, crashAfterSync: 0 });
      script.node("n1").crash();
      script.node("n1").start();
      await script.elect("n1");
      await script.commit("n1", 1);
    }
    return await healed(script);
  }),
  scenario(
    "S21",
    "whichever follower stands still, commits wait for it two pauses and then no more",
    async (seed) => {
      for (const nodes of [3, 5]) {
        const settings = {
          ...PLAIN,
          commitNews: "by_tick",
          spares: "later",
          sparesPauseMs: TICK_MS,
        } as const;
        const script = new Script(nodes, settings, seed);
        await script.elect("n1");
        await script.chain("n1", TIMEOUT_MS);
        const pauses = 30;
        for (const id of script.cluster.ids) {
          if (id === "n1") continue;
          script.network.isolate(id, FIVE);
          const commits = await script.chain("n1", pauses * TICK_MS);
          // With the spares' acknowledgements alone there would be one for two.
          script.expect(
            commits > 1.3 * pauses,
            `${commits} commits in ${pauses} pauses without ${id}`,
          );
          script.network.heal();
          await script.wait(TIMEOUT_MS);
        }
        const violation = await healed(script);
        if (violation !== undefined) return violation;
      }
      return undefined;
    },
  ),
  scenario(
    "S22",
    "who needs a snapshot catches up, though the leader takes more meanwhile than its log is to keep",
    async (seed) => {
      const script = new Script(3, {
        ...PLAIN,
        bounds: { messageBytesMax: 500, inflightMessagesMax: 4 },
        snapshotBounds: { ...PLAIN.snapshotBounds, resendTicks: 1 },
      }, seed);
      await script.elect("n1");
      script.node("n3").crash();
      await script.wait(2 * TIMEOUT_MS);
      await script.commit("n1", 60);
      let isLoaded = true;
      const load = () => {
        if (isLoaded) script.propose("n1", 2);
        script.world.after(1, load);
      };
      load();
      script.node("n3").start();
      await script.until("n3 keeps up", () => {
        const { peers = [], lastIndex = 0 } = script.cluster.statusOf("n1") ?? {};
        return peers.some(({ id, match }) => id === "n3" && match > lastIndex - 20);
      });
      isLoaded = false;
      return await healed(script);
    },
  ),
];
