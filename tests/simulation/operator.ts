/**
 * What an operator does to a running cluster: changes its membership, hands leadership over, starts
 * dead nodes again, and replaces a node whose disk is not what it was.
 */

import type { MembershipChange, RaftStatus } from "../../src/raft/mod.ts";
import type { SimulatedCluster } from "./cluster.ts";
import type { Random } from "./random.ts";
import type { SimulatedNode } from "./simulated_node.ts";

const MEMBERS_MAX = 8;
const VOTERS_MAX = 7;
/** A change that has not been heard of for this long is looked at anew, in ms. */
const PATIENCE_MS = 1000;
const REPAIR_INTERVAL_MS = 50;

/** See the module's text. */
export class Operator {
  readonly #cluster: SimulatedCluster;
  /** Nodes that were removed and stay switched off. */
  readonly removed = new Set<string>();
  #changing = false;
  /** The node whose disk lied. Until it is replaced no other disk lies, and no membership changes. */
  #liar: string | undefined;
  /** Whether a member with a new disk replaces the old one, or joins after that was removed. */
  readonly #inOneStep: boolean;
  #disks = 0;

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster;
    this.#inOneStep = cluster.world.random.chance(0.5);
  }

  /** Starts `node` again, unless it was removed. */
  revive(node: SimulatedNode): void {
    const current = this.#cluster.nodes.get(node.id);
    if (current !== undefined && !this.removed.has(node.id)) current.start();
  }

  transfer(target: string | undefined): void {
    this.#cluster.leader?.call((raft) => {
      try {
        raft.transferLeadership(target);
      } catch (error) {
        this.#cluster.world.trace(`no transfer: ${error instanceof Error ? error.message : error}`);
      }
    });
  }

  /** One change: a learner, a promotion, a demotion, a removal, or the repair that is due. */
  change(random: Random): void {
    const status = this.#status();
    if (status === undefined || this.#changing) return;
    if (this.#liar !== undefined) return this.#repair(status, this.#liar);
    const voters = status.members.filter((each) => each.votes).map(({ id }) => id);
    const learners = status.members.filter((each) => !each.votes).map(({ id }) => id);
    const options: (() => void)[] = [];
    if (status.members.length < MEMBERS_MAX) {
      options.push(() => {
        const node = this.#cluster.add();
        node.start();
        this.#change({ kind: "add_learner", member: this.#cluster.memberOf(node) });
      });
    }
    if (learners.length > 0 && voters.length < VOTERS_MAX) {
      const promote = () => this.#change({ kind: "promote", id: random.pick(learners) });
      // Learners that stay learners would leave most runs with the voters they began with.
      options.push(promote, promote);
    }
    if (voters.length > 1) {
      options.push(() => this.#change({ kind: "demote", id: random.pick(voters) }));
      options.push(() => this.#change({ kind: "remove", id: random.pick(voters) }));
    }
    random.pick(options)();
  }

  /**
   * The disk of `victim` loses or changes what it had promised, in one of four ways. At most one disk
   * at a time: with more, nobody could tell what was promised.
   *
   * @returns whether it did
   */
  lie(victim: SimulatedNode, random: Random): boolean {
    const status = this.#status();
    const voters = status?.members.filter((each) => each.votes).length ?? 0;
    const isMember = status?.members.some(({ id }) => id === victim.id) ?? false;
    if (this.#liar !== undefined || this.#changing || voters < 3 || !isMember) return false;
    // A change that is still under way might leave the cluster in the hands of the liar.
    if (status === undefined || !this.#isSettled(status)) return false;
    this.#liar = victim.id;
    victim.crash();
    this.#cluster.oracle.lied(victim.id, victim.durable);
    const how = random.pick(["lost", "rotten", "misdirected", "wiped"]);
    this.#cluster.world.trace(`the disk of ${victim.id} is ${how}`);
    if (how === "lost") victim.disk.loseTail("journal", random.between(1, 10));
    else if (how === "rotten") victim.disk.rot("journal");
    else if (how === "misdirected") victim.disk.misdirect("journal");
    else this.#cluster.replace(victim.id, this.#newDisk(victim.id));
    return true;
  }

  /** Goes on until the node whose disk lied is a member again, with another disk. */
  repairUntilDone(): void {
    this.#cluster.world.after(REPAIR_INTERVAL_MS, () => {
      if (this.#liar === undefined) return;
      const status = this.#status();
      if (status !== undefined && !this.#changing) this.#repair(status, this.#liar);
      this.repairUntilDone();
    });
  }

  /** Gives it a new disk if that is still to be done, and lets it join anew, in one step or two. */
  #repair(status: RaftStatus, id: string): void {
    const node = this.#cluster.node(id);
    // Only a start tells whether the disk is good: another one must not lie until then.
    if (node.state === "down") return node.start();
    if (node.state !== "refused" && isMember(status, node)) {
      // Its disk was good after all, or it is a member again.
      this.#liar = undefined;
      this.#cluster.oracle.lied(id, undefined);
      return;
    }
    const fresh = node.state === "refused" ? this.#cluster.replace(id, this.#newDisk(id)) : node;
    fresh.start();
    const member = this.#cluster.memberOf(fresh);
    const known = status.members.some((each) => each.id === id);
    if (!known) this.#change({ kind: "add_learner", member });
    else if (this.#inOneStep) this.#change({ kind: "replace", member });
    else this.#change({ kind: "remove", id });
  }

  #isSettled({ id, term, commitIndex, membershipIndex }: RaftStatus): boolean {
    const disk = this.#cluster.node(id).durable;
    // Its followers may have made durable, and so committed, what its own disk is still writing.
    if (disk === undefined || commitIndex > disk.lastIndex) return false;
    if (commitIndex < disk.boundaryIndex) return false;
    return membershipIndex <= commitIndex && disk.term(commitIndex) === term;
  }

  #newDisk(id: string): string {
    return `disk-${id}-${++this.#disks}`;
  }

  #change(change: MembershipChange): void {
    this.#changing = true;
    let over = false;
    const liar = this.#liar;
    const stillWanted = () => this.#liar === liar;
    this.#cluster.change({ change, stillWanted }, (committed) => {
      if (!over) this.#changing = false;
      over = true;
      if (committed && change.kind === "remove" && change.id !== this.#liar) {
        this.removed.add(change.id);
      }
    });
    this.#cluster.world.after(PATIENCE_MS, () => {
      if (!over) this.#changing = false;
      over = true;
    });
  }

  #status(): RaftStatus | undefined {
    const { leader } = this.#cluster;
    return leader === undefined ? undefined : this.#cluster.statusOf(leader.id);
  }
}

function isMember(status: RaftStatus, { id, incarnation }: SimulatedNode): boolean {
  return status.members.some((each) => each.id === id && each.incarnation === incarnation) &&
    status.membershipIndex <= status.commitIndex;
}
