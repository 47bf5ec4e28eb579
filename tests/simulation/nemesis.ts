/** Makes the trouble that was planned, and in the end repairs what an operator has to repair. */

import { ProposalRefused } from "../../src/raft/mod.ts";
import type { SimulatedCluster } from "./cluster.ts";
import type { PlannedEvent } from "./nemesis_plan.ts";
import { FAIR } from "./network.ts";
import { Operator } from "./operator.ts";
import { Random } from "./random.ts";
import type { SimulatedNode } from "./simulated_node.ts";
import { TICK_MS } from "./simulated_node.ts";

/** See the module's text. */
export class Nemesis {
  readonly #cluster: SimulatedCluster;
  readonly #operator: Operator;
  #stopped = false;

  /** @param kept which events of `plan` happen, by position; all if it is left out */
  constructor(
    cluster: SimulatedCluster,
    plan: readonly PlannedEvent[],
    kept?: ReadonlySet<number>,
  ) {
    this.#cluster = cluster;
    this.#operator = new Operator(cluster);
    for (const [at, event] of plan.entries()) {
      if (kept !== undefined && !kept.has(at)) continue;
      cluster.world.after(event.atMs, () => {
        if (!this.#stopped) new Deed(event, at, this.#cluster, this.#operator, this).do();
      });
    }
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Ends all faults: everybody runs, sees everybody, and writes; disks that lied are replaced. */
  stop(): void {
    this.#stopped = true;
    const { network, nodes } = this.#cluster;
    network.heal();
    network.drop = () => false;
    network.weather = { ...FAIR };
    for (const node of nodes.values()) {
      calm(node);
      node.clockRate = 1;
      node.resume();
      if (!this.#operator.removed.has(node.id)) node.start();
    }
    this.#operator.repairUntilDone();
  }
}

/** One event while it lasts. */
class Deed {
  readonly #event: PlannedEvent;
  readonly #number: number;
  readonly #cluster: SimulatedCluster;
  readonly #operator: Operator;
  readonly #nemesis: Nemesis;
  readonly #random: Random;

  constructor(
    event: PlannedEvent,
    number: number,
    cluster: SimulatedCluster,
    operator: Operator,
    nemesis: Nemesis,
  ) {
    this.#event = event;
    this.#number = number;
    this.#cluster = cluster;
    this.#operator = operator;
    this.#nemesis = nemesis;
    this.#random = new Random(event.seed);
  }

  do(): void {
    const { ids, world } = this.#cluster;
    const victim = this.#cluster.node(this.#random.pick(ids));
    const { kind } = this.#event;
    world.trace(`nemesis ${this.#number}: ${kind} (${victim.id})`);
    switch (kind) {
      case "partition":
      case "isolate":
      case "isolate_leader":
      case "one_way":
      case "bridge":
      case "ring":
      case "scatter":
      case "clog":
        return this.#cut(kind, victim);
      case "reset":
        // Connections break though nobody died: followers must not depose a leader that lives.
        for (const from of ids) {
          for (const to of ids) {
            if (from !== to && this.#random.chance(0.5)) this.#cluster.resetConnection(from, to);
          }
        }
        return;
      case "crash":
        victim.crash();
        return this.#later(1000, () => this.#operator.revive(victim));
      case "crash_long":
        victim.crash();
        return this.#later(5000, () => this.#operator.revive(victim));
      case "crash_many":
        for (const id of ids) {
          if (this.#random.chance(0.7)) this.#crashAndRevive(this.#cluster.node(id));
        }
        return;
      case "pause":
        return this.#pause(victim);
      case "pause_leader":
        return this.#pause(this.#cluster.leader ?? victim);
      case "freeze_leader":
        return this.#freeze(this.#cluster.leader ?? victim);
      case "compact":
        return this.#compact();
      case "weather":
        return this.#weather();
      case "slow_disk":
        victim.turnMs = this.#random.next() * this.#random.pick([20, 60, 1000]);
        return this.#later(1500, () => victim.turnMs = 0.1);
      case "disk_full":
        victim.disk.faults.full = true;
        return this.#later(800, () => victim.disk.faults.full = false);
      case "sync_faults":
        return this.#syncFaults(victim);
      case "clock":
        victim.clockRate = 0.95 + this.#random.next() * 0.1;
        if (this.#random.chance(0.3)) victim.clockSkewMs = this.#random.pick([-1, 1]) * 86_400_000;
        return;
      case "transfer":
        return this.#operator.transfer(this.#random.chance(0.5) ? undefined : victim.id);
      case "membership":
        return this.#operator.change(this.#random);
      case "disk_lies":
        if (!this.#operator.lie(victim, this.#random)) return;
        return this.#later(500, () => this.#operator.revive(victim));
      case "quiet":
        // Traffic tails off; half the time all faults end meanwhile, half the time they go on.
        this.#cluster.quietUntilMs = world.nowMs + 300 + this.#random.next() * 1700;
        if (this.#random.chance(0.5)) this.#cluster.network.heal();
    }
  }

  #cut(kind: PlannedEvent["kind"], victim: SimulatedNode): void {
    const { network, ids, leader } = this.#cluster;
    const random = this.#random;
    const mixed = random.shuffled(ids);
    const others = mixed.filter((id) => id !== victim.id);
    switch (kind) {
      case "partition": {
        network.heal();
        const at = random.between(1, mixed.length - 1);
        network.partition([mixed.slice(0, at), mixed.slice(at)]);
        break;
      }
      case "isolate":
        network.isolate(victim.id, ids);
        break;
      case "isolate_leader":
        if (leader !== undefined) network.isolate(leader.id, ids);
        break;
      case "one_way":
        for (const other of others) {
          if (random.chance(0.3)) continue;
          if (random.chance(0.5)) network.cutOneWay(victim.id, other);
          else network.cutOneWay(other, victim.id);
        }
        break;
      case "bridge": {
        const half = others.length >> 1;
        network.partition([others.slice(0, half), others.slice(half)]);
        break;
      }
      case "ring":
        network.ring(mixed);
        break;
      case "scatter":
        network.partition(mixed.map((id) => [id]));
        break;
      case "clog": {
        const ms = random.next() * random.pick([500, 2000, 5000]);
        for (const other of others) {
          if (random.chance(0.5)) network.clog(victim.id, other, ms);
          if (random.chance(0.3)) network.clog(other, victim.id, ms);
        }
        return;
      }
    }
    this.#later(2000, () => network.heal());
  }

  /** For one to ten election timeouts, as SIGSTOP does. */
  #pause(victim: SimulatedNode): void {
    victim.pause();
    const ms = victim.electionTicks * TICK_MS * (1 + 9 * this.#random.next());
    this.#cluster.world.after(ms, () => {
      if (!this.#nemesis.stopped) victim.resume();
    });
  }

  /** It stands still until another has long led, and finds itself alone when it goes on. */
  #freeze(victim: SimulatedNode): void {
    const { network, ids, world } = this.#cluster;
    network.isolate(victim.id, ids);
    victim.pause();
    const ms = victim.electionTicks * TICK_MS * (2 + 4 * this.#random.next());
    world.after(ms, () => {
      if (this.#nemesis.stopped) return;
      victim.resume();
      this.#later(1500, () => network.heal());
    });
  }

  /** Everybody's state is made durable, and the log compacted to its tip; then nobody asks for more. */
  #compact(): void {
    const { world, nodes } = this.#cluster;
    this.#cluster.quietUntilMs = world.nowMs + 300 + this.#random.next() * 1000;
    for (const node of nodes.values()) {
      node.call((raft, machine) => {
        machine.save();
        try {
          raft.compactNow();
        } catch (error) {
          if (!(error instanceof ProposalRefused)) throw error;
        }
      });
    }
  }

  #weather(): void {
    const random = this.#random;
    this.#cluster.network.weather = {
      loss: random.next() * random.pick([0.02, 0.1, 0.3]),
      duplication: random.next() * random.pick([0.1, 0.5]),
      reordering: random.pick([0, 0.05, 1]),
      delayMsMin: 0.5,
      delayMsMax: 1 + random.next() * random.pick([5, 30, 30, 200]),
      slow: random.next() * 0.1,
      damage: random.next() * 0.3,
    };
  }

  #syncFaults(victim: SimulatedNode): void {
    victim.disk.faults.crashBeforeSync = 0.05;
    victim.disk.faults.crashAfterSync = 0.05;
    victim.disk.faults.syncError = this.#random.chance(0.3) ? 0.05 : 0;
    victim.crashAtInstall = 0.3;
    this.#later(1000, () => {
      calm(victim);
      this.#operator.revive(victim);
    });
  }

  #crashAndRevive(node: SimulatedNode): void {
    node.crash();
    this.#later(600, () => this.#operator.revive(node));
  }

  #later(delayMsMax: number, run: () => void): void {
    this.#cluster.world.after(delayMsMax * (0.1 + 0.9 * this.#random.next()), () => {
      if (!this.#nemesis.stopped) run();
    });
  }
}

/** Ends what ails the disk of `node`. */
function calm(node: SimulatedNode): void {
  const { faults } = node.disk;
  faults.crashBeforeSync = 0;
  faults.crashAfterSync = 0;
  faults.syncError = 0;
  faults.full = false;
  node.turnMs = 0.1;
  node.crashAtInstall = 0;
}
