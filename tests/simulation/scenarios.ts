/** The named scenarios of the project's reliability notes, as far as they concern consensus. */

import type { Message } from "../../src/raft/mod.ts";
import type { Violation } from "./oracle.ts";
import { PLAIN, Script, TIMEOUT_MS } from "./script.ts";

/** One scenario; it passes when it returns no violation. */
export interface Scenario {
  readonly id: string;
  readonly title: string;
  run(): Promise<Violation | undefined>;
}

const FIVE = ["n1", "n2", "n3", "n4", "n5"];

/** In their order. Those about leases of jobs are in `job_scenarios.ts`. */
export const SCENARIOS: readonly Scenario[] = [
  scenario("S1", "figure 8: an old entry on a majority is not committed by count", async () => {
    const script = new Script(5, { ...PLAIN, bounds: { messageBytesMax: 1 } });
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
  scenario("S2", "a voter that crashes around its write votes once a term", async () => {
    const script = new Script(3);
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
  scenario("S3", "old appends that come late do not shorten a log", async () => {
    const script = new Script(3, { ...PLAIN, bounds: { messageBytesMax: 1 } });
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
  scenario("S4", "a snapshot over a log that conflicts with it discards that log", async () => {
    const script = new Script(3);
    await script.elect("n1");
    await script.commit("n1", 3);
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
    async () => {
      const script = new Script(1, {
        ...PLAIN,
        snapshotBounds: { trailingEntries: 0, compactAfterEntries: 1, chunkBytes: 50 },
      });
      await script.elect("n1");
      const learner = script.cluster.add();
      learner.start();
      script.network.isolate(learner.id, ["n1"]);
      script.cluster.change(
        { kind: "add_learner", member: script.cluster.memberOf(learner) },
        () => {},
      );
      await script.commit("n1", 100);
      await script.wait(5 * TIMEOUT_MS);
      return await healed(script);
    },
  ),
  scenario(
    "S6",
    "a second snapshot amid the first, lost chunks and a crash do no harm",
    async () => {
      const script = new Script(3, {
        ...PLAIN,
        snapshotBounds: { ...PLAIN.snapshotBounds, chunkBytes: 50, windowChunks: 3 },
      });
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
  scenario("S7", "a node of a lower term with the newer log can still be elected", async () => {
    const script = new Script(3);
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
    script.network.drop = (each) => each.kind === "vote_request" && each.from === "n3";
    script.node("n1").start();
    await script.elect("n1");
    script.network.drop = () => false;
    await script.commit("n1", 3);
    await script.until("n3 has all", () => script.last("n3") === script.last("n1"));
    const [low, high] = ["n3", "n2"].map((id) => script.cluster.statusOf(id)?.term ?? 0);
    script.expect((low ?? 0) + 1 < (high ?? 0), `n3 is in ${low}, n2 far above in ${high}`);
    // n1 dies for good: only n3 can win, and needs n2's vote.
    script.node("n1").crash();
    script.network.heal();
    await script.until("n3 leads", () => script.leads("n3"), 10 * TIMEOUT_MS);
    return await healed(script);
  }),
  scenario("S8", "a node with a higher term disturbs the cluster once at most", async () => {
    const script = new Script(3);
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
  scenario("S9", "with links from n4 to n2 and n5 to n3 alone one leader holds", async () => {
    const script = new Script(5);
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
  scenario("S10", "a leader that only sends, or only receives, gives way", async () => {
    const script = new Script(3);
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
  scenario("S11", "two leaders cannot each change the membership by one", async () => {
    const script = new Script(4);
    await script.elect("n1");
    await script.commit("n1", 2);
    const n5 = script.cluster.add();
    n5.start();
    script.cluster.change({ kind: "add_learner", member: script.cluster.memberOf(n5) }, () => {});
    await script.until("n5 follows", () => script.last("n5") === script.last("n1"));
    await script.wait(TIMEOUT_MS);
    // n1 promotes n5, and only n5 hears of it.
    for (const id of ["n2", "n3", "n4"]) {
      script.network.cut("n1", id);
      script.network.cut("n5", id);
    }
    const before = script.last("n1");
    script.cluster.change({ kind: "promote", id: "n5" }, () => {});
    await script.until("n5 hears of it", () => script.last("n5") > before);
    // n2 is elected by n2, n3 and n4, and at once removes n1; n4 does not hear of it.
    script.network.drop = (each) => each.kind === "append_request" && each.to === "n4";
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
  scenario("S12", "leaders removed and demoted, all replaced, two made one", async () => {
    const script = new Script(3);
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
  scenario("S13", "writes while leadership is handed over, to whomever", async () => {
    const script = new Script(3);
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
    "a read asked of a leader that was stopped and passed over is not stale",
    async () => {
      const script = new Script(3);
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
  scenario("S14b", "a stopped leader that wakes alone serves no stale read", async () => {
    const script = new Script(3);
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
    "S16",
    "a voter that lost its disk and comes back under its name is not heard",
    async () => {
      const script = new Script(3);
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
  scenario(
    "S17",
    "a disk that lost acknowledged entries abstains, and nothing is lost",
    async () => {
      const script = new Script(3);
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
  scenario("S18", "all crash amid writes, and lose what was not synced", async () => {
    const script = new Script(3);
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

function scenario(id: string, title: string, run: Scenario["run"]): Scenario {
  return { id, title, run };
}

async function healed(script: Script): Promise<Violation | undefined> {
  if (script.violation === undefined) await script.heal();
  return script.violation;
}

/** Asks for a change until it is committed; a leader that steps down may leave that unknown. */
async function changed(
  script: Script,
  change: Parameters<Script["cluster"]["change"]>[0],
): Promise<void> {
  const done = () => {
    const leader = script.cluster.leader;
    const members = leader === undefined ? [] : script.cluster.statusOf(leader.id)?.members ?? [];
    const id = "member" in change ? change.member.id : change.id;
    const member = members.find((each) => each.id === id);
    if (leader === undefined) return false;
    switch (change.kind) {
      case "add_learner":
      case "demote":
        return member?.votes === false;
      case "promote":
        return member?.votes === true;
      case "remove":
        return member === undefined;
      default:
        return true;
    }
  };
  let waiting = false;
  await script.until(`the change ${change.kind} is made`, () => {
    if (done()) return true;
    if (!waiting) {
      waiting = true;
      script.cluster.change(change, () => waiting = false);
    }
    return false;
  }, 60 * TIMEOUT_MS);
}

/** Whether the receiver holds the entry before those of `message`. */
function wouldAccept(
  script: Script,
  message: Extract<Message, { kind: "append_request" }>,
): boolean {
  const disk = script.node(message.to).durable;
  if (disk === undefined || message.prevIndex > disk.lastIndex) return false;
  return message.prevIndex < disk.boundaryIndex ||
    disk.term(message.prevIndex) === message.prevTerm;
}
