/**
 * Stories of a few cores, told message by message and compared with `testdata/*.txt`, which read as
 * stories too. After a change that is meant, `UPDATE_TRANSCRIPTS=1 deno test -A src/raft` writes them
 * anew, and the difference shows what the change did to the protocol.
 */

import assert from "node:assert/strict";
import { isVoter } from "./membership.ts";
import type { OutgoingMessage } from "./ready.ts";
import { ELECTION_TICKS, envelope, member, TestNetwork } from "./test_network.ts";

const THREE = ["a", "b", "c"];
const DIRECTORY = new URL("./testdata/", import.meta.url);

/** A network that writes down what arrives, what is lost, and who becomes what. */
class Storyteller extends TestNetwork {
  readonly lines: string[] = [];
  readonly #roles = new Map<string, string>();

  /** What the author says. */
  tell(text: string): void {
    this.lines.push("", `# ${text}`);
  }

  override deliver(message: OutgoingMessage): void {
    const before = this.delivered.length;
    super.deliver(message);
    const lost = this.delivered.length === before ? "  (lost)" : "";
    this.lines.push(`${message.from} > ${message.to}  ${describe(message)}${lost}`);
    this.noteRoles();
  }

  /** Writes down who is something else than before. */
  noteRoles(): void {
    for (const node of this.nodes.values()) {
      const { role, term, log, memberships } = node.view;
      const learns = !isVoter(memberships.current, node.id);
      const now = `${role.kind.replace("_", "-")} of term ${term}${
        learns ? ", without a vote" : ""
      }`;
      if (this.#roles.get(node.id) !== now) this.lines.push(`  ${node.id} is ${now}`);
      this.#roles.set(node.id, now);
      assert.ok(log.committed <= log.lastIndex);
    }
  }

  /** Writes down every log: terms of its entries, with a bar behind the committed ones. */
  noteLogs(): void {
    for (const node of this.nodes.values()) {
      const { log } = node.view;
      const terms = node.terms.map((term, at) =>
        log.firstIndex + at === log.committed ? `${term} |` : `${term}`
      );
      this.lines.push(`  ${node.id} holds ${log.firstIndex}.. [${terms.join(" ")}]`);
    }
  }
}

function describe(message: OutgoingMessage): string {
  const term = `term ${message.term}`;
  switch (message.kind) {
    case "vote_request": {
      const kind = message.pre ? "would you vote for me" : "vote for me";
      const forced = message.transfer ? ", the leader asked for it" : "";
      return `${kind} in ${term}? last ${message.lastIndex}@${message.lastTerm}${forced}`;
    }
    case "vote_response":
      return `${message.granted ? "yes" : "no"}${message.pre ? ", I would" : ""}, ${term}`;
    case "append_request": {
      const entries = message.entries.map((each) => `${each.index}@${each.term} ${each.kind}`);
      return `append behind ${message.prevIndex}@${message.prevTerm} [${entries.join(", ")}], ` +
        `commit ${message.commit}, ${term}`;
    }
    case "append_accepted":
      return `I match up to ${message.match}, ${term}`;
    case "append_rejected":
      return `I lack ${message.prevIndex}; we may agree at ` +
        `${message.hintIndex}@${message.hintTerm}, ${term}`;
    case "heartbeat_request":
      return `heartbeat, commit ${message.commit}, round ${message.readRound}, ${term}`;
    case "heartbeat_response":
      return `alive, round ${message.readRound}, ${term}`;
    case "timeout_now":
      return `campaign now if you hold ${message.lastIndex}, ${term}`;
    case "read_index_request":
      return `where may read ${message.requestId} look? ${term}`;
    case "read_index_response":
      return `read ${message.requestId} may look at ${message.index}, ${term}`;
  }
}

story("election", (network) => {
  network.tell("a's timer runs out first: it asks before it raises its term");
  network.node("a").core.campaign();
  network.settle();
  network.noteLogs();
});

story("prevote", (network) => {
  elected(network, "a");
  network.isolate("c");
  network.tell("c hears nothing and asks in vain; its term stays");
  network.node("c").tick(ELECTION_TICKS + 4);
  network.settle();
  network.heal();
  network.tell("back again, it asks those who hear of a leader: they do not even answer");
  network.node("c").tick();
  network.settle();
  network.tell("the leader's next heartbeat makes it a follower");
  network.node("a").tick();
  network.settle();
});

story("replication_conflict", (network) => {
  elected(network, "a");
  network.isolate("a");
  network.tell("a, cut off, appends three entries that nobody gets");
  for (const text of ["x", "y", "z"]) network.node("a").propose(text);
  network.node("a").work();
  network.tell("b is elected without it, and appends others in their place");
  network.elect("b");
  network.node("b").propose("other");
  network.settle();
  network.noteLogs();
  network.heal();
  network.tell("a hears of the later term, and gives up what nobody else holds");
  network.node("b").tick();
  network.settle();
  network.node("b").tick();
  network.settle();
  network.noteLogs();
});

story("transfer", (network) => {
  elected(network, "a");
  network.isolate("b");
  network.node("a").propose("x");
  network.settle();
  network.heal();
  network.tell("a hands over to b, which must hold everything first");
  network.node("a").core.transferLeadership("b");
  network.node("a").tick();
  network.settle();
  network.noteLogs();
});

story("read_index", (network) => {
  elected(network, "a");
  network.tell("two reads at b: a confirms by heartbeats that it leads, and writes nothing");
  network.node("b").core.requestRead(1);
  network.node("b").core.requestRead(2);
  network.settle();
  network.noteLogs();
});

story("membership", (network) => {
  elected(network, "a");
  network.tell("d joins as a learner, and is given the log");
  network.join("d");
  network.noteRoles();
  network.node("a").core.changeMembership({ kind: "add_learner", member: member("d") });
  network.settle();
  network.node("a").tick();
  network.settle();
  network.tell("it is promoted, and counts from the moment the entry is appended");
  network.node("a").core.changeMembership({ kind: "promote", id: "d" });
  network.settle();
  network.tell("a removes itself: it leads until that is committed, and does not count itself");
  network.node("a").core.changeMembership({ kind: "remove", id: "a" });
  network.settle();
  network.noteLogs();
});

story("snapshot", (network) => {
  const a = elected(network, "a");
  network.isolate("c");
  for (const text of ["x", "y", "z"]) a.propose(text);
  network.settle();
  network.tell("a compacts what c lacks");
  const index = a.view.log.applied;
  const snapshot = { index, term: a.view.term, membership: a.view.memberships.current };
  a.log.compact(snapshot);
  a.core.compacted(index);
  network.noteLogs();
  network.heal();
  network.tell("c answers again, and its log cannot be joined to what a has left");
  a.tick();
  network.settle();
  a.tick();
  network.settle();
  network.tell("the drivers carry a snapshot over, and c goes on behind it");
  network.node("c").core.step({
    kind: "snapshot_received",
    ...envelope("a", "c", a.view.term),
    snapshot,
  });
  a.propose("after");
  network.settle();
  network.noteLogs();
});

/** Elects `id` before the story begins. */
function elected(network: Storyteller, id: string) {
  const node = network.elect(id);
  network.tickAll(1);
  network.lines.length = 0;
  network.tell(`${id} leads term ${node.view.term}`);
  network.noteLogs();
  return node;
}

function story(name: string, tell: (network: Storyteller) => void): void {
  Deno.test(`the story of ${name.replaceAll("_", " ")} goes as it is written`, () => {
    const network = new Storyteller(THREE);
    network.noteRoles();
    tell(network);
    const told = `${network.lines.join("\n").trim()}\n`;
    const path = new URL(`${name}.txt`, DIRECTORY);
    if (Deno.env.get("UPDATE_TRANSCRIPTS") === "1") {
      Deno.mkdirSync(DIRECTORY, { recursive: true });
      Deno.writeTextFileSync(path, told);
    }
    assert.equal(told, Deno.readTextFileSync(path));
  });
}
