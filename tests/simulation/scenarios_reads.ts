/** Scenarios about handing leadership over, and about reads meanwhile. */

import { FIVE, healed, scenario } from "./scenario_steps.ts";
import type { Scenario } from "./scenario_steps.ts";
import { PLAIN, Script, TIMEOUT_MS } from "./script.ts";
import { TICK_MS } from "./simulated_node.ts";

export const SCENARIOS_OF_READS: readonly Scenario[] = [
  scenario("S13", "writes while leadership is handed over, to whomever", async (seed) => {
    const script = new Script(3, PLAIN, seed);
    await script.elect("n1");
    for (const target of ["n2", "n3", "n1"]) {
      const old = await script.leader();
      if (old.id === target) continue;
      const late = script.hold((each) => each.kind === "timeout_now");
      script.propose(old.id, 5);
      old.call((raft) => raft.transferLeadership(target));
      script.propose(old.id, 5);
      await script.wait(TIMEOUT_MS / 2);
      late.release();
      await script.wait(3 * TIMEOUT_MS);
      late.release();
      await script.write(3);
    }
    const leader = await script.leader();
    const target = script.cluster.ids.find((id) => id !== leader.id) ?? "";
    script.node(target).crash();
    leader.call((raft) => raft.transferLeadership(target));
    await script.wait(2 * TIMEOUT_MS);
    await script.write(3);
    return await healed(script);
  }),
  scenario(
    "S14",
    "a read asked of a leader that was stopped and passed over is not stale (etcd-20418)",
    async (seed) => {
      const script = new Script(3, PLAIN, seed);
      await script.elect("n1");
      await script.commit("n1", 2);
      let seen = Infinity;
      const held = script.hold((each) =>
        each.kind === "heartbeat_response" || each.kind === "heartbeat_request"
      );
      let asked = 0;
      script.node("n1").call((raft, machine) => {
        raft.readIndex().then(() => seen = machine.list("x").length, () => {});
        asked = script.acknowledged.length;
      });
      await script.wait(2);
      script.node("n1").pause();
      await script.wait(3 * TIMEOUT_MS);
      script.network.drop = () => false;
      await script.until("another leads", () => ["n2", "n3"].some((id) => script.leads(id)));
      await script.write(3);
      let seenLater = Infinity;
      const written = script.acknowledged.length;
      script.node("n1").call((raft, machine) => {
        raft.readIndex().then(() => seenLater = machine.list("x").length, () => {});
      });
      held.release();
      script.node("n1").resume();
      await script.wait(2 * TIMEOUT_MS);
      script.expect(seen >= asked, `the first read saw ${seen} of ${asked}`);
      script.expect(seenLater >= written, `the second read saw ${seenLater} of ${written}`);
      return await healed(script);
    },
  ),
  scenario("S14b", "a stopped leader that wakes alone serves no stale read", async (seed) => {
    const script = new Script(3, PLAIN, seed);
    await script.elect("n1");
    await script.commit("n1", 2);
    let reads = 0;
    const read = (done: (seen: number) => void) =>
      script.node("n1").call((raft, machine) => {
        raft.readIndex().then(() => done(machine.list("x").length), () => {});
      });
    read(() => reads++);
    await script.until("the first read is served", () => reads === 1);
    script.network.isolate("n1", FIVE);
    script.node("n1").pause();
    await script.until("another leads", () => ["n2", "n3"].some((id) => script.leads(id)));
    await script.write(3);
    const written = script.acknowledged.length;
    let seen = Infinity;
    script.node("n1").resume();
    read((length) => seen = length);
    await script.wait(3 * TIMEOUT_MS);
    script.expect(seen >= written, `the read saw ${seen} of ${written}`);
    return await healed(script);
  }),
  scenario(
    "S14c",
    "a read that comes when another's question has left asks anew",
    async (seed) => {
      const script = new Script(3, PLAIN, seed);
      await script.elect("n1");
      await script.commit("n1", 2);
      await script.until("all have all", () => script.cluster.unrest() === undefined);
      const seen: number[] = [];
      const read = () =>
        script.node("n2").call((raft, machine) => {
          raft.readIndex().then(() => seen.push(machine.list("x").length), () => {});
        });
      const { held, release } = script.hold(({ to, kind }) =>
        to === "n2" && (kind === "append_request" || kind === "read_index_response")
      );
      read();
      const answer = () => held.find(({ kind }) => kind === "read_index_response");
      await script.until("the first read has its answer", () => answer() !== undefined);
      await script.commit("n1", 3);
      const written = script.acknowledged.length;
      read();
      await script.wait(TICK_MS);
      const first = answer();
      if (first !== undefined) script.node("n2").receive(first);
      await script.wait(TICK_MS);
      script.expect(seen.length === 1, `${seen.length} reads are served by one answer`);
      release();
      await script.until("both are served", () => seen.length === 2);
      script.expect((seen[1] ?? 0) >= written, `the later read saw ${seen[1]} of ${written}`);
      return await healed(script);
    },
  ),
  scenario(
    "S14d",
    "a new leader that has not heard what was committed serves no read yet (etcd-7331)",
    async (seed) => {
      const script = new Script(3, PLAIN, seed);
      await script.elect("n1");
      await script.commit("n1", 2);
      await script.until("all have all", () => script.cluster.unrest() === undefined);
      const known = script.cluster.statusOf("n1")?.commitIndex ?? 0;
      script.network.drop = (message) =>
        ("commit" in message && message.commit > known) ||
        (message.kind === "append_request" && message.from === "n2");
      await script.commit("n1", 3);
      const written = script.acknowledged.length;
      script.node("n1").crash();
      await script.elect("n2");
      let seen = Infinity;
      script.node("n2").call((raft, machine) => {
        raft.readIndex().then(() => seen = machine.list("x").length, () => {});
      });
      await script.wait(TIMEOUT_MS / 2);
      script.expect(seen >= written, `the read saw ${seen} of ${written}`);
      return await healed(script);
    },
  ),
  scenario(
    "S14e",
    "a leader that leaves, and is passed over, does not count itself towards what a read is confirmed by",
    async (seed) => {
      const script = new Script(4, PLAIN, seed);
      await script.elect("n1");
      await script.commit("n1", 2);
      await script.until("all have all", () => script.cluster.unrest() === undefined);
      // n2 alone hears that n1 leaves, so two of n2, n3 and n4 elect it; n4 hears n1 alone.
      const isWithFirst = (id: string) => id === "n1" || id === "n4";
      script.network.drop = ({ from, to, kind }) =>
        from === "n1" && to !== "n2" && kind === "append_request";
      const before = script.last("n1");
      script.ask({ kind: "remove", id: "n1" });
      await script.until("n2 has it", () => script.last("n2") > before);
      script.network.drop = ({ from, to }) => isWithFirst(from) !== isWithFirst(to);
      script.node("n1").pause();
      await script.until("n2 leads", () => script.leads("n2"));
      await script.commit("n2", 3);
      const written = script.acknowledged.length;
      let seen = Infinity;
      script.node("n1").resume();
      script.node("n1").call((raft, machine) => {
        raft.readIndex().then(() => seen = machine.list("x").length, () => {});
      });
      await script.wait(3 * TIMEOUT_MS);
      script.expect(seen >= written, `the read saw ${seen} of ${written}`);
      return await healed(script);
    },
  ),
];
