/** The nodes of one run, and what an operator does with them. */

import { ProposalRefused } from "../../src/raft/mod.ts";
import type { Member, MembershipChange, Message, RaftStatus } from "../../src/raft/mod.ts";
import type { MemoryJobStore } from "../../src/jobs/mod.ts";
import { JobOracle } from "./job_oracle.ts";
import { SimulatedNetwork } from "./network.ts";
import { Oracle } from "./oracle.ts";
import type { DurableView } from "./oracle.ts";
import { SimulatedNode } from "./simulated_node.ts";
import type { NodeSettings } from "./simulated_node.ts";
import type { World } from "./world.ts";

/** How long the news of a closed connection may take. */
const RESET_DELAY_MS_MAX = 20;

/** See the module's text. */
export class SimulatedCluster {
  readonly world: World;
  readonly oracle: Oracle;
  readonly network: SimulatedNetwork;
  readonly nodes = new Map<string, SimulatedNode>();
  readonly #settings: NodeSettings;
  /** Job stores of snapshots, by name. */
  readonly #shelf = new Map<string, MemoryJobStore>();
  readonly jobOracle: JobOracle;
  /** Until then nobody asks for anything. */
  quietUntilMs = 0;
  #made = 0;

  /** Founds and starts a cluster of `size` voters, n1 to n`size`. */
  constructor(world: World, size: number, settings: NodeSettings) {
    this.world = world;
    this.oracle = new Oracle(world);
    this.jobOracle = new JobOracle(this.oracle);
    this.#settings = settings;
    this.network = new SimulatedNetwork(world, (message: Message, incarnation: string) => {
      this.nodes.get(message.to)?.receive(message, incarnation);
    });
    const founders: SimulatedNode[] = [];
    for (let n = 0; n < size; n++) founders.push(this.add());
    for (const node of founders) node.found(founders);
    for (const node of founders) node.start();
  }

  /** Adds a node with an empty disk, not started. */
  add(): SimulatedNode {
    return this.#make(`n${++this.#made}`, `disk-${this.#made}`);
  }

  /** Puts a node with an empty disk, not started, in the place of the one called `id`. */
  replace(id: string, incarnation: string): SimulatedNode {
    this.node(id).crash();
    this.oracle.forget(id);
    return this.#make(id, incarnation);
  }

  /** Whoever can still be reached by the lost node's machine learns that its process is gone. */
  #tellOthers(lost: string): void {
    for (const other of this.ids) {
      if (other !== lost && this.network.reaches(lost, other)) this.resetConnection(lost, other);
    }
  }

  /** The connection between two nodes breaks, though both may live; `to` notices. */
  resetConnection(from: string, to: string): void {
    this.world.after(
      this.world.random.next() * RESET_DELAY_MS_MAX,
      () => this.nodes.get(to)?.lostConnection(from),
    );
  }

  #make(id: string, incarnation: string): SimulatedNode {
    const node = new SimulatedNode(id, incarnation, {
      world: this.world,
      oracle: this.oracle,
      settings: this.#settings,
      leaders: () => this.#leaders(),
      shelf: this.#shelf,
      onJob: (...told) => this.jobOracle.applied(...told),
      connectionsClosed: (lost) => this.#tellOthers(lost),
      network: () => this.network,
      disks: () => this.disks(),
    });
    this.nodes.set(id, node);
    return node;
  }

  node(id: string): SimulatedNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`There is no node ${id}`);
    return node;
  }

  get ids(): readonly string[] {
    return [...this.nodes.keys()];
  }

  disks(): ReadonlyMap<string, DurableView> {
    const disks = new Map<string, DurableView>();
    for (const [id, node] of this.nodes) {
      const { durable } = node;
      if (durable !== undefined) disks.set(id, durable);
    }
    return disks;
  }

  statusOf(id: string): RaftStatus | undefined {
    const node = this.nodes.get(id);
    return node?.state === "running" ? node.raft?.status() : undefined;
  }

  /** The running leader of the highest term. */
  get leader(): SimulatedNode | undefined {
    let best: { readonly node: SimulatedNode; readonly term: number } | undefined;
    for (const node of this.nodes.values()) {
      if (node.raft?.isLeader !== true) continue;
      const status = this.statusOf(node.id);
      if (status?.role !== "leader") continue;
      if (best === undefined || status.term > best.term) best = { node, term: status.term };
    }
    return best?.node;
  }

  #leaders(): readonly RaftStatus[] {
    const leaders: RaftStatus[] = [];
    for (const { raft } of this.nodes.values()) {
      if (raft?.isLeader === true) leaders.push(raft.status());
    }
    return leaders;
  }

  /**
   * Whether all members hold the same log, as far back as the shortest one goes.
   *
   * @returns what differs
   */
  differenceOfLogs(): string | undefined {
    const status = this.leader && this.statusOf(this.leader.id);
    const disks = [...this.disks()].filter(([id]) =>
      status?.members.some((member) => member.id === id)
    );
    const from = Math.max(...disks.map(([, disk]) => disk.boundaryIndex)) + 1;
    const [firstId, first] = disks[0] ?? [];
    if (first === undefined) return undefined;
    for (const [id, disk] of disks) {
      if (disk.lastIndex !== first.lastIndex) {
        return `logs of ${firstId} and ${id} differ in length`;
      }
      for (let index = from; index <= disk.lastIndex; index++) {
        const same = disk.term(index) === first.term(index) &&
          disk.text(index) === first.text(index);
        if (!same) return `${firstId} and ${id} differ in entry ${index}`;
      }
    }
    return undefined;
  }

  memberOf(node: SimulatedNode): Member {
    return { id: node.id, address: node.id, incarnation: node.incarnation };
  }

  /**
   * Asks the leader for a change; `done` hears whether it was committed. A leader that is stopped
   * looks at it when it goes on, if it is still wanted then.
   */
  change(
    { change, stillWanted = () => true }: {
      readonly change: MembershipChange;
      readonly stillWanted?: () => boolean;
    },
    done: (committed: boolean) => void,
  ): void {
    const { leader } = this;
    if (leader === undefined) return done(false);
    const about = "member" in change ? change.member.id : change.id;
    this.world.trace(`${leader.id} is asked to ${change.kind} ${about}`);
    leader.call((raft) => {
      if (!stillWanted()) return done(false);
      raft.changeMembership(change).then(() => done(true), (error: unknown) => {
        if (!(error instanceof ProposalRefused)) throw error;
        done(false);
      });
    });
  }

  /** Why the cluster has not come to rest: no single leader, or members that differ from it. */
  unrest(): string | undefined {
    const { leader } = this;
    const status = leader === undefined ? undefined : this.statusOf(leader.id);
    if (leader === undefined || status === undefined) return "there is no leader";
    for (const { id, incarnation } of status.members) {
      const node = this.nodes.get(id);
      if (node === undefined || node.state === "refused") continue;
      if (node.incarnation !== incarnation) return `${id} has another disk than its member`;
      const other = this.statusOf(id);
      if (other === undefined) return `${id} does not run`;
      if (other.term !== status.term) return `${id} is in term ${other.term}, not ${status.term}`;
      if (other.appliedIndex !== status.lastIndex || other.lastIndex !== status.lastIndex) {
        return `${id} has applied ${other.appliedIndex} of ${other.lastIndex}, the leader ` +
          `${leader.id} holds ${status.lastIndex}`;
      }
      if (membersOf(other) !== membersOf(status)) return `${id} has other members`;
    }
    return undefined;
  }
}

function membersOf(status: RaftStatus): string {
  return status.members.map(({ id, votes }) => `${id} ${votes}`).join();
}
