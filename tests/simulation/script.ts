/** What scripted scenarios are told with: a cluster in fair weather, and steps that wait for facts. */

import { ProposalRefused } from "../../src/raft/mod.ts";
import type { MembershipChange, Message } from "../../src/raft/mod.ts";
import { SimulatedCluster } from "./cluster.ts";
import type { Violation } from "./oracle.ts";
import { encodeProposal } from "./simulated_machine.ts";
import { run } from "./simulation.ts";
import type { NodeSettings, SimulatedNode } from "./simulated_node.ts";
import { TICK_MS } from "./simulated_node.ts";
import { World } from "./world.ts";

/** Settings of scenarios, where they do not say otherwise. */
export const PLAIN: NodeSettings = {
  electionTicks: 10,
  heartbeatTicks: 2,
  bounds: {},
  snapshotBounds: { trailingEntries: 5, compactAfterEntries: 10, chunkBytes: 100 },
};

/** An election timeout of {@linkcode PLAIN}, in ms. */
export const TIMEOUT_MS = PLAIN.electionTicks * TICK_MS;

/** One scenario while it runs. A broken expectation is a violation like any other. */
export class Script {
  readonly world: World;
  readonly cluster: SimulatedCluster;
  /** Values whose append was acknowledged. */
  readonly acknowledged: string[] = [];
  #values = 0;
  #actedAtMs = -Infinity;

  constructor(nodes: number, settings: NodeSettings = PLAIN, seed = 1) {
    this.world = new World(seed);
    this.cluster = new SimulatedCluster(this.world, nodes, settings);
  }

  get network() {
    return this.cluster.network;
  }

  get violation(): Violation | undefined {
    return this.cluster.oracle.violation;
  }

  node(id: string): SimulatedNode {
    return this.cluster.node(id);
  }

  /** Lets `ms` of simulated time pass. */
  async wait(ms: number): Promise<void> {
    await run(this.world, this.cluster, this.world.nowMs + ms);
  }

  /** Waits until `fact` is true; it must be within `withinMs`. */
  async until(what: string, fact: () => boolean, withinMs = 20 * TIMEOUT_MS): Promise<void> {
    const deadlineMs = this.world.nowMs + withinMs;
    while (!fact()) {
      if (this.violation !== undefined) return;
      if (this.world.nowMs >= deadlineMs) {
        return this.expect(false, `within ${withinMs} ms ${what}`);
      }
      await this.wait(5);
    }
  }

  /** Records a violation unless `holds`. */
  expect(holds: boolean, what: string): void {
    this.cluster.oracle.check(holds, () => `Expected: ${what}`);
  }

  /**
   * Waits until `id` leads: others' requests for votes are lost meanwhile, and one that leads hands
   * over.
   */
  async elect(id: string): Promise<void> {
    const { drop } = this.network;
    this.network.drop = (each) => drop(each) || (each.kind === "vote_request" && each.from !== id);
    await this.until(`${id} leads`, () => {
      if (this.leads(id)) return true;
      const followed = this.cluster.statusOf(id)?.leaderId;
      const reached = followed !== undefined && this.network.reaches(followed, id);
      if (!reached || !this.leads(followed)) this.campaign(id);
      else this.#handOver(followed, id);
      return false;
    }, 60 * TIMEOUT_MS);
    this.network.drop = drop;
  }

  #handOver(from: string, to: string): void {
    this.#soon(() =>
      this.node(from).call((raft) => {
        try {
          raft.transferLeadership(to);
        } catch (error) {
          // It is being handed over already, or not led any more: the next look will show.
          if (!(error instanceof ProposalRefused)) throw error;
        }
      })
    );
  }

  /** Lets `id` campaign, unless it was told to a moment ago: a campaign takes some round trips. */
  campaign(id: string): void {
    this.#soon(() => this.node(id).call((raft) => raft.campaign()));
  }

  #soon(act: () => void): void {
    if (this.world.nowMs - this.#actedAtMs < TIMEOUT_MS / 2) return;
    this.#actedAtMs = this.world.nowMs;
    act();
  }

  leads(id: string): boolean {
    return this.cluster.statusOf(id)?.role === "leader";
  }

  /** Waits for any leader. */
  async leader(): Promise<SimulatedNode> {
    await this.until("there is a leader", () => this.cluster.leader !== undefined);
    return this.cluster.leader ?? this.node("n1");
  }

  /** Proposes `count` appends at `id`, and does not wait. */
  propose(id: string, count = 1): void {
    for (let n = 0; n < count; n++) {
      const value = `v${++this.#values}`;
      const data = encodeProposal({ kind: "append", client: value, sequence: 1, key: "x", value });
      this.node(id).call((raft) => {
        raft.propose(data).then(() => this.acknowledged.push(value), () => {});
      });
    }
  }

  /** Proposes one append after another at `id` for `ms`. Returns how many were acknowledged. */
  async chain(id: string, ms: number): Promise<number> {
    const before = this.acknowledged.length;
    const endMs = this.world.nowMs + ms;
    let wanted = before;
    const next = () => {
      if (this.world.nowMs >= endMs) return;
      if (this.acknowledged.length >= wanted) {
        wanted = this.acknowledged.length + 1;
        this.propose(id);
      }
      this.world.after(1, next);
    };
    next();
    await this.wait(ms);
    return this.acknowledged.length - before;
  }

  /** Proposes `count` appends at `id`, and waits until all are acknowledged. */
  async commit(id: string, count = 1): Promise<void> {
    const wanted = this.acknowledged.length + count;
    this.propose(id, count);
    await this.until(
      `${count} appends at ${id} are done`,
      () => this.acknowledged.length >= wanted,
    );
  }

  /** Appends one after another at whoever leads, trying again when leadership moves. */
  async write(count: number): Promise<void> {
    const wanted = this.acknowledged.length + count;
    await this.until(`${count} appends are done`, () => {
      const { leader } = this.cluster;
      if (this.acknowledged.length >= wanted) return true;
      if (leader !== undefined) this.propose(leader.id);
      return false;
    }, 60 * TIMEOUT_MS);
  }

  /** Asks the leader for a change, and does not wait. */
  ask(change: MembershipChange, done: (committed: boolean) => void = () => {}): void {
    this.cluster.change({ change }, done);
  }

  last(id: string): number {
    return this.node(id).durable?.lastIndex ?? 0;
  }

  /** Keeps messages for which `choose` says true; `release` delivers them, late. */
  hold(choose: (message: Message) => boolean): { readonly held: Message[]; release(): void } {
    const held: Message[] = [];
    this.network.drop = (message) => {
      const chosen = choose(message);
      if (chosen) held.push(message);
      return chosen;
    };
    const release = () => {
      this.network.drop = () => false;
      for (const message of held) this.node(message.to).receive(message);
    };
    return { held, release };
  }

  /** Everything works again: all must agree soon, and hold all that was acknowledged. */
  async heal(): Promise<void> {
    this.network.heal();
    this.network.drop = () => false;
    for (const node of this.cluster.nodes.values()) {
      Object.assign(node.disk.faults, { crashBeforeSync: 0, crashAfterSync: 0, syncError: 0 });
      node.disk.faults.full = false;
      node.resume();
      node.start();
    }
    await this.until("all agree", () => this.cluster.unrest() === undefined, 100 * TIMEOUT_MS);
    const list = this.cluster.leader?.machine?.list("x") ?? [];
    for (const value of this.acknowledged) {
      const times = list.filter((each) => each === value).length;
      this.expect(
        times === 1,
        `${value}, which was acknowledged, is there once, not ${times} times`,
      );
    }
  }
}
