/**
 * Chooses faults at random, and takes each of them back. What it chooses follows from its seed;
 * what comes of it does not.
 *
 * @module
 */

import type { Random } from "../simulation/random.ts";
import type { Cluster, MasterNode } from "./cluster.ts";
import { CLIENT, type Traffic } from "./network.ts";
import { pause } from "./wait.ts";

/** A fault that was begun: what it is, and what ends it. */
interface Trouble {
  readonly what: string;
  readonly end: () => Promise<void> | void;
}

type Fault = (nemesis: Nemesis) => Promise<Trouble>;

interface Choice {
  /** How often it is chosen, beside the others. */
  readonly weight: number;
  readonly begin: Fault;
}

const FAULTS: readonly Choice[] = [
  { weight: 4, begin: (nemesis) => nemesis.killOne() },
  { weight: 1, begin: (nemesis) => nemesis.killSeveral() },
  { weight: 4, begin: (nemesis) => nemesis.freezeOne() },
  { weight: 4, begin: (nemesis) => nemesis.isolate() },
  { weight: 2, begin: (nemesis) => nemesis.oneWay() },
  { weight: 2, begin: (nemesis) => nemesis.breakLink() },
  { weight: 1, begin: (nemesis) => nemesis.flap() },
  { weight: 2, begin: (nemesis) => nemesis.slowLinks() },
  { weight: 2, begin: (nemesis) => nemesis.halfOpen() },
  { weight: 2, begin: (nemesis) => nemesis.hideLeader() },
  { weight: 2, begin: (nemesis) => nemesis.restartOne() },
  { weight: 2, begin: (nemesis) => nemesis.killWorker() },
  { weight: 2, begin: (nemesis) => nemesis.freezeWorker() },
];

const WIPE: Choice = { weight: 2, begin: (nemesis) => nemesis.wipeOne() };

const HELD_MS_MIN = 200;
const HELD_MS_MAX = 2_500;
/** How often a round brings a second fault into the first. */
const SECOND_FAULT = 0.3;
/** How often the leader is the one that is chosen. */
const AT_THE_LEADER = 0.6;

export interface NemesisOptions {
  readonly tell: (line: string) => void;
  readonly wipes?: boolean;
}

export class Nemesis {
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #tell: (line: string) => void;
  readonly #faults: readonly Choice[];

  /** @param wipes whether masters lose their disks, too */
  constructor(cluster: Cluster, random: Random, { tell, wipes = true }: NemesisOptions) {
    this.#cluster = cluster;
    this.#random = random;
    this.#tell = tell;
    this.#faults = wipes ? [...FAULTS, WIPE] : FAULTS;
  }

  /** One fault, sometimes two, for a while; then everything is well again. */
  async round(): Promise<void> {
    const troubles: Trouble[] = [];
    const begin = async () => {
      const trouble = await this.#chooseFault()(this);
      this.#tell(trouble.what);
      troubles.push(trouble);
      await pause(this.#random.between(HELD_MS_MIN, HELD_MS_MAX));
    };
    await begin();
    if (this.#random.chance(SECOND_FAULT)) await begin();
    for (const trouble of troubles) await trouble.end();
    this.heal();
  }

  /** Everybody runs and hears everybody. */
  heal(): void {
    const { network, masters, workers } = this.#cluster;
    network.heal();
    for (const node of [...masters.map((each) => each.process), ...workers]) {
      if (node.isFrozen) node.thaw();
      if (!node.isRunning) node.start();
    }
  }

  async killOne(): Promise<Trouble> {
    const { name, process } = await this.#target();
    await process.kill();
    return { what: `kill ${name}`, end: () => startAgain(process) };
  }

  async killSeveral(): Promise<Trouble> {
    const count = this.#random.between(2, this.#cluster.masters.length);
    const killed = this.#random.shuffled(this.#cluster.masters).slice(0, count);
    await Promise.all(killed.map((each) => each.process.kill()));
    return {
      what: `kill ${named(killed)}`,
      end: () => killed.forEach((each) => startAgain(each.process)),
    };
  }

  async freezeOne(): Promise<Trouble> {
    const { name, process } = await this.#target();
    process.freeze();
    return { what: `freeze ${name}`, end: () => process.thaw() };
  }

  async isolate(): Promise<Trouble> {
    const { name } = await this.#target();
    const others = this.#othersThan(name);
    const traffic = this.#silenceOrCut();
    this.#cluster.network.part([name], others, traffic);
    return {
      what: `part ${name} from ${others.join(" and ")} (${traffic.kind})`,
      end: () => this.#cluster.network.heal(),
    };
  }

  /** One master speaks and does not hear, or hears and is not heard. */
  async oneWay(): Promise<Trouble> {
    const { name } = await this.#target();
    const isDeaf = this.#random.chance(0.5);
    for (const other of this.#othersThan(name)) {
      const [from, to] = isDeaf ? [other, name] : [name, other];
      this.#cluster.network.set(from, to, { kind: "hold" });
    }
    return {
      what: `${name} is ${isDeaf ? "deaf" : "mute"}`,
      end: () => this.#cluster.network.heal(),
    };
  }

  /** Two masters do not hear each other; a third hears both. */
  async breakLink(): Promise<Trouble> {
    const { name } = await this.#target();
    const other = this.#random.pick(this.#othersThan(name));
    this.#cluster.network.part([name], [other], this.#silenceOrCut());
    return { what: `no link ${name}-${other}`, end: () => this.#cluster.network.heal() };
  }

  async flap(): Promise<Trouble> {
    const { name } = await this.#target();
    const others = this.#othersThan(name);
    for (let turn = 0; turn < 5; turn++) {
      this.#cluster.network.part([name], others, this.#silenceOrCut());
      await pause(this.#random.between(50, 400));
      this.#cluster.network.heal();
      await pause(this.#random.between(50, 400));
    }
    return { what: `flapped the links of ${name}`, end: () => {} };
  }

  slowLinks(): Promise<Trouble> {
    const names = this.#cluster.masters.map((each) => each.name);
    const ms = this.#random.between(5, 250);
    for (const from of names) {
      for (const to of names) {
        if (from !== to) this.#cluster.network.set(from, to, { kind: "delay", ms });
      }
    }
    return Promise.resolve({
      what: `links between masters take ${ms} ms`,
      end: () => this.#cluster.network.heal(),
    });
  }

  async halfOpen(): Promise<Trouble> {
    const { name } = await this.#target();
    const everybody = [
      ...this.#othersThan(name),
      ...this.#cluster.workers.map((each) => each.name),
      CLIENT,
    ];
    const other = this.#random.pick(everybody);
    this.#cluster.network.halfOpen(other, name);
    return { what: `connections of ${other} to ${name} are half open`, end: () => {} };
  }

  /** Clients and workers do not reach the leader; its peers do. */
  async hideLeader(): Promise<Trouble> {
    const { name } = await this.#cluster.leader();
    const outside = [CLIENT, ...this.#cluster.workers.map((each) => each.name)];
    this.#cluster.network.part([name], outside, this.#silenceOrCut());
    return {
      what: `hide leader ${name} from clients and workers`,
      end: () => this.#cluster.network.heal(),
    };
  }

  async restartOne(): Promise<Trouble> {
    const { name, process } = await this.#target();
    await process.terminate();
    return { what: `stop ${name}`, end: () => startAgain(process) };
  }

  /** One master loses its disk. Two that do so are more than a cluster of three can bear. */
  async wipeOne(): Promise<Trouble> {
    this.heal();
    await this.#cluster.settled();
    const wiped = await this.#target();
    await wiped.process.kill();
    return {
      what: `wipe ${wiped.name}`,
      end: async () => {
        if (!wiped.process.isRunning) await this.#cluster.rejoinWiped(wiped);
        this.heal();
        await this.#cluster.settled();
      },
    };
  }

  async killWorker(): Promise<Trouble> {
    const worker = this.#random.pick(this.#cluster.workers);
    await worker.kill();
    return { what: `kill ${worker.name}`, end: () => startAgain(worker) };
  }

  async freezeWorker(): Promise<Trouble> {
    const worker = this.#random.pick(this.#cluster.workers);
    worker.freeze();
    await Promise.resolve();
    return { what: `freeze ${worker.name}`, end: () => worker.thaw() };
  }

  #chooseFault(): Fault {
    const total = this.#faults.reduce((sum, each) => sum + each.weight, 0);
    let ticket = this.#random.below(total);
    for (const { weight, begin } of this.#faults) {
      if (ticket < weight) return begin;
      ticket -= weight;
    }
    throw new Error("no ticket is beyond the total");
  }

  async #target(): Promise<MasterNode> {
    const isLeader = this.#random.chance(AT_THE_LEADER);
    const anyone = this.#random.pick(this.#cluster.masters);
    if (!isLeader) return anyone;
    return await this.#cluster.leaderNow() ?? anyone;
  }

  #othersThan(name: string): string[] {
    return this.#cluster.masters.map((each) => each.name).filter((each) => each !== name);
  }

  #silenceOrCut(): Traffic {
    return this.#random.chance(0.7) ? { kind: "hold" } : { kind: "cut" };
  }
}

function startAgain(process: { readonly isRunning: boolean; start(): void }): void {
  if (!process.isRunning) process.start();
}

function named(masters: readonly MasterNode[]): string {
  return masters.map((each) => each.name).join(" and ");
}
