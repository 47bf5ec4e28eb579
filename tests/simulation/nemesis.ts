/** Makes trouble: a random choice of faults for each seed, then random moments and victims. */

import type { SimulatedCluster } from "./cluster.ts";
import { FAIR } from "./network.ts";
import type { Random } from "./random.ts";
import type { SimulatedNode } from "./simulated_node.ts";

/** Kinds of trouble; a seed draws which of them it makes. */
const KINDS = [
  "partition",
  "isolate_leader",
  "one_way",
  "bridge",
  "reset",
  "crash",
  "crash_many",
  "pause",
  "weather",
  "slow_disk",
  "disk_full",
  "sync_faults",
  "clock",
  "transfer",
  "membership",
  "lose_tail",
  "quiet",
] as const;
type Kind = typeof KINDS[number];

/** See the module's text. */
export class Nemesis {
  readonly #cluster: SimulatedCluster;
  readonly #random: Random;
  readonly #kinds: readonly Kind[];
  /** Once a disk lied, members stay as they are, and no other disk does. */
  #diskLied = false;
  #changing = false;
  #stopped = false;
  /** Nodes that were removed and may be switched off. */
  readonly removed = new Set<string>();

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster;
    this.#random = cluster.world.random.fork();
    const enabled = KINDS.filter(() => this.#random.chance(0.5));
    this.#kinds = enabled.length > 0 ? enabled : KINDS;
    cluster.world.trace(`nemesis: ${this.#kinds.join(" ")}`);
    this.#next();
  }

  /** Ends all faults: everybody runs, sees everybody, and writes. */
  stop(): void {
    this.#stopped = true;
    const { network, nodes } = this.#cluster;
    network.heal();
    network.drop = () => false;
    network.weather = { ...FAIR };
    for (const node of nodes.values()) {
      this.#calm(node);
      node.clockRate = 1;
      node.resume();
      if (!this.removed.has(node.id)) node.start();
    }
  }

  #next(): void {
    const pauseMs = 50 + this.#random.next() * 600;
    this.#cluster.world.after(pauseMs, () => {
      if (this.#stopped) return;
      this.#do(this.#random.pick(this.#kinds));
      this.#next();
    });
  }

  #do(kind: Kind): void {
    const { network, ids, world } = this.#cluster;
    const random = this.#random;
    const victim = this.#cluster.node(random.pick(ids));
    world.trace(`nemesis: ${kind} ${victim.id}`);
    switch (kind) {
      case "partition": {
        network.heal();
        const mixed = random.shuffled(ids);
        const at = random.between(1, mixed.length - 1);
        network.partition([mixed.slice(0, at), mixed.slice(at)]);
        return this.#later(1500, () => network.heal());
      }
      case "isolate_leader": {
        const { leader } = this.#cluster;
        if (leader !== undefined) network.isolate(leader.id, ids);
        return this.#later(1500, () => network.heal());
      }
      case "one_way":
        for (const other of ids) {
          if (other === victim.id || random.chance(0.3)) continue;
          if (random.chance(0.5)) network.cutOneWay(victim.id, other);
          else network.cutOneWay(other, victim.id);
        }
        return this.#later(1500, () => network.heal());
      case "bridge": {
        const others = random.shuffled(ids.filter((id) => id !== victim.id));
        const half = others.length >> 1;
        network.partition([others.slice(0, half), others.slice(half)]);
        return this.#later(2000, () => network.heal());
      }
      case "reset":
        // Connections break though nobody died: followers must not depose a leader that lives.
        for (const from of ids) {
          for (const to of ids) {
            if (from !== to && random.chance(0.5)) this.#cluster.resetConnection(from, to);
          }
        }
        return;
      case "crash":
        victim.crash();
        return this.#later(1000, () => this.#revive(victim));
      case "crash_many":
        for (const id of ids) {
          if (random.chance(0.7)) this.#crashAndRevive(this.#cluster.node(id));
        }
        return;
      case "pause":
        victim.pause();
        return this.#later(1200, () => victim.resume());
      case "weather":
        network.weather = {
          loss: random.next() * 0.2,
          duplication: random.next() * 0.3,
          reordering: random.pick([0, 0.05, 1]),
          delayMsMin: 0.5,
          delayMsMax: 1 + random.next() * 30,
          slow: random.next() * 0.1,
          damage: random.next() * 0.3,
        };
        return;
      case "slow_disk":
        victim.turnMs = random.next() * 60;
        return this.#later(1500, () => victim.turnMs = 0.1);
      case "disk_full":
        victim.disk.faults.full = true;
        return this.#later(800, () => victim.disk.faults.full = false);
      case "sync_faults":
        victim.disk.faults.crashBeforeSync = 0.05;
        victim.disk.faults.crashAfterSync = 0.05;
        victim.disk.faults.syncError = random.chance(0.3) ? 0.05 : 0;
        victim.crashAtInstall = 0.3;
        return this.#later(1000, () => {
          this.#calm(victim);
          this.#revive(victim);
        });
      case "clock":
        victim.clockRate = 0.95 + random.next() * 0.1;
        if (random.chance(0.3)) victim.clockSkewMs = random.pick([-1, 1]) * 86_400_000;
        return;
      case "transfer":
        return this.#transfer();
      case "membership":
        return this.#membership();
      case "lose_tail":
        return this.#loseTail(victim);
      case "quiet":
        network.heal();
    }
  }

  #crashAndRevive(node: SimulatedNode): void {
    node.crash();
    this.#later(600, () => this.#revive(node));
  }

  #revive(node: SimulatedNode): void {
    if (!this.removed.has(node.id)) node.start();
  }

  #calm(node: SimulatedNode): void {
    const { faults } = node.disk;
    faults.crashBeforeSync = 0;
    faults.crashAfterSync = 0;
    faults.syncError = 0;
    faults.full = false;
    node.turnMs = 0.1;
    node.crashAtInstall = 0;
  }

  #transfer(): void {
    const { leader, ids } = this.#cluster;
    const target = this.#random.chance(0.5) ? undefined : this.#random.pick(ids);
    leader?.call((raft) => {
      try {
        raft.transferLeadership(target);
      } catch (error) {
        this.#cluster.world.trace(`no transfer: ${error instanceof Error ? error.message : error}`);
      }
    });
  }

  /** One change: a new learner, a promotion, a demotion or a removal, between 2 and 6 voters. */
  #membership(): void {
    const { leader } = this.#cluster;
    const status = leader === undefined ? undefined : this.#cluster.statusOf(leader.id);
    if (status === undefined || this.#changing || this.#diskLied) return;
    const voters = status.members.filter((each) => each.votes).map(({ id }) => id);
    const learners = status.members.filter((each) => !each.votes).map(({ id }) => id);
    const options: (() => void)[] = [];
    if (status.members.length < 6) {
      options.push(() => {
        const node = this.#cluster.add();
        node.start();
        this.#change({ kind: "add_learner", member: this.#cluster.memberOf(node) });
      });
    }
    const learner = learners[0];
    if (learner !== undefined && voters.length < 5) {
      options.push(() => this.#change({ kind: "promote", id: learner }));
    }
    if (voters.length > 2) {
      options.push(() => this.#change({ kind: "demote", id: this.#random.pick(voters) }));
      options.push(() => this.#change({ kind: "remove", id: this.#random.pick(voters) }));
    }
    this.#random.pick(options)();
  }

  #change(change: Parameters<SimulatedCluster["change"]>[0]): void {
    this.#changing = true;
    this.#cluster.change(change, (committed) => {
      this.#changing = false;
      if (committed && change.kind === "remove") this.removed.add(change.id);
    });
    this.#later(1000, () => this.#changing = false);
  }

  /** At most one disk a run: with more, nobody could tell what was promised. */
  #loseTail(victim: SimulatedNode): void {
    const status = this.#cluster.leader && this.#cluster.statusOf(this.#cluster.leader.id);
    const voters = status?.members.filter((each) => each.votes).length ?? 0;
    const isMember = status?.members.some(({ id }) => id === victim.id) ?? false;
    if (this.#diskLied || this.#changing || voters < 3 || !isMember) return;
    this.#diskLied = true;
    victim.crash();
    if (this.#random.chance(0.5)) victim.disk.loseTail("journal", this.#random.between(1, 10));
    else victim.disk.rot("journal");
    this.#later(500, () => this.#revive(victim));
  }

  #later(delayMsMax: number, run: () => void): void {
    this.#cluster.world.after(delayMsMax * (0.1 + 0.9 * this.#random.next()), () => {
      if (!this.#stopped) run();
    });
  }
}
