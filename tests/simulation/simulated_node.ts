/** A node of the simulation: real Raft, on a simulated disk, with a clock of its own rate. */

import { RaftNode } from "../../src/raft/mod.ts";
import { Succession } from "../../src/master/succession.ts";
import type {
  Message,
  RaftBounds,
  RaftStatus,
  RaftTimings,
  SnapshotBounds,
} from "../../src/raft/mod.ts";
import type { MemoryJobStore } from "../../src/jobs/mod.ts";
import { decodeMembership, DiskFull, foundCluster } from "../../src/raft/mod.ts";
import { SimulatedCrash, SimulatedDeviceError, SimulatedDisk } from "./disk.ts";
import { ListStorage, SimulatedMachine } from "./simulated_machine.ts";
import type { JobListener, ProposalOutcome } from "./simulated_machine.ts";
import { NodeWatch } from "./node_watch.ts";
import type { SimulatedNetwork } from "./network.ts";
import type { DurableView, Oracle } from "./oracle.ts";
import type { Random } from "./random.ts";
import { SimulatedLog, SimulatedLogRefused } from "./simulated_log.ts";
import type { World } from "./world.ts";

/** Length of a tick by a clock that is right, in ms. */
export const TICK_MS = 10;

/** Timings and bounds of every node of a run. */
export interface NodeSettings {
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly commitNews?: RaftTimings["commitNews"];
  readonly spares?: RaftTimings["spares"];
  /** Left out: they wait for the tick. */
  readonly sparesPauseMs?: number;
  /** Election timeouts that an operator set wrong: that of a node is multiplied by one of these. */
  readonly electionFactors?: readonly number[];
  readonly bounds: Partial<RaftBounds>;
  readonly snapshotBounds: Partial<SnapshotBounds>;
}

/** What all nodes of a run share. */
export interface Surroundings {
  readonly world: World;
  readonly oracle: Oracle;
  readonly settings: NodeSettings;
  /** Of all nodes that lead, as far as they know. */
  leaders(): readonly RaftStatus[];
  /** Job stores of snapshots. */
  readonly shelf: Map<string, MemoryJobStore>;
  /** Hears of every job command that any node applies. */
  readonly onJob: JobListener;
  /** A process is gone, and with it its connections. */
  readonly connectionsClosed: (id: string) => void;
  network(): SimulatedNetwork;
  /** Disks of all nodes, as they would be found after a power failure. */
  disks(): ReadonlyMap<string, DurableView>;
}

/** While a slower turn than this is under way, nobody expects a campaign. */
const TURN_MS_WATCHED = 90;
/** A program that cannot start is started again after this, in ms. */
const RESTART_MS = 200;

/** `refused`: its disk forgot or changed what it had promised. */
export type NodeState = "running" | "paused" | "down" | "refused";

/** See the module's text. */
export class SimulatedNode {
  readonly id: string;
  readonly incarnation: string;
  readonly disk: SimulatedDisk;
  readonly electionTicks: number;
  readonly #around: Surroundings;
  readonly #random: Random;
  readonly #storage: ListStorage;
  state: NodeState = "down";
  /** Speed of its clock; 1 is right. */
  clockRate = 1;
  /** How far its clock is off, in ms; jumps. */
  clockSkewMs = 0;
  /** Time that a turn takes, most of it waiting for the disk, in ms. */
  turnMs = 0.1;
  raft: RaftNode<ProposalOutcome> | undefined;
  machine: SimulatedMachine | undefined;
  #succession: Succession | undefined;
  #log: SimulatedLog | undefined;
  /** Changes with every crash: what was scheduled before does not happen. */
  #life = 0;
  #backlog: (() => void)[] = [];
  readonly #watch: NodeWatch;
  #peekedAt = -1;
  /** When its last slow turn ends. */
  #slowUntilMs = 0;

  constructor(id: string, incarnation: string, around: Surroundings) {
    this.id = id;
    this.incarnation = incarnation;
    this.#around = around;
    this.#random = around.world.random.fork();
    const { electionTicks, heartbeatTicks, electionFactors = [1] } = around.settings;
    const drawn = Math.round(electionTicks * this.#random.pick(electionFactors));
    this.electionTicks = Math.max(drawn, 2 * heartbeatTicks + 2);
    this.#watch = new NodeWatch({
      id,
      electionTicks: this.electionTicks,
      bounds: around.settings.bounds,
      oracle: around.oracle,
      leaders: () => around.leaders(),
      disks: () => around.disks(),
    });
    this.#storage = new ListStorage(around.shelf);
    this.disk = new SimulatedDisk(this.#random);
    this.#log = new SimulatedLog(this.disk);
  }

  /** Founds the cluster of `voters` on this node's disk. */
  found(voters: readonly SimulatedNode[]): void {
    const log = new SimulatedLog(this.disk);
    foundCluster(
      log,
      voters.map(({ id, incarnation }) => ({ id, incarnation, address: id })),
    );
    this.#log = log;
  }

  /** Starts the process. */
  start(): void {
    if (this.state !== "down") return;
    const { world, settings, oracle } = this.#around;
    const { sparesPauseMs } = settings;
    this.#life++;
    this.#backlog = [];
    try {
      const log = this.#found() ?? new SimulatedLog(this.disk);
      // A crash may have come between a write and the news of it.
      oracle.wroteHardState(this.id, log.hardState);
      log.onHardState = (hard) => oracle.wroteHardState(this.id, hard);
      log.onEntries = (stored) => {
        const entries = stored.map(([index, term, , text]) => ({ index, term, text }));
        oracle.wroteEntries(this.id, entries, viewOf(log));
      };
      const machine = new SimulatedMachine(
        this.#storage,
        this.#random,
        (make) => this.#later(30, make),
      );
      machine.onJob = this.#around.onJob;
      machine.onApplied = (entries, hashes) => {
        entries.forEach(({ index }, at) => oracle.applied(this.id, index, hashes[at] ?? 0));
      };
      machine.onInstalled = (index, hash) => oracle.installed(this.id, index, hash);
      this.#log = log;
      this.machine = machine;
      this.#watch.starts(log.boundary.index);
      this.state = "running";
      this.raft = new RaftNode<ProposalOutcome>({
        id: this.id,
        incarnation: this.incarnation,
        timings: {
          electionTicks: this.electionTicks,
          heartbeatTicks: settings.heartbeatTicks,
          ...(settings.commitNews === undefined ? {} : { commitNews: settings.commitNews }),
          ...(settings.spares === undefined ? {} : { spares: settings.spares }),
        },
        bounds: settings.bounds,
        snapshotBounds: settings.snapshotBounds,
        log,
        stateMachine: machine,
        transport: { send: (messages) => this.#send(messages) },
        random: () => this.#random.next(),
        defer: (run) => this.#later(this.turnMs, run),
        ...(sparesPauseMs === undefined
          ? {}
          : { pause: (run: () => void) => this.#later(sparesPauseMs, run) }),
        observer: {
          roleChanged: (status) => this.#roleChanged(status),
          failed: (error) => this.#failed(error),
        },
      });
      this.#succession = new Succession({
        node: this.raft,
        pace: { faster: () => undefined },
        random: () => this.#random.next(),
        after: (delayMs, run) => this.#later(delayMs, run),
      });
      world.trace(`${this.id} starts at ${log.lastIndex}`);
      this.#tickLoop();
    } catch (error) {
      if (error instanceof SimulatedLogRefused) {
        this.state = "refused";
        this.#log = undefined;
        world.trace(`${this.id} refuses: ${error.message}`);
      } else if (error instanceof DiskFull) {
        world.after(RESTART_MS, () => this.start());
      } else if (error instanceof SimulatedCrash || error instanceof SimulatedDeviceError) {
        this.disk.crash();
        world.after(RESTART_MS, () => this.start());
      } else this.#failed(error);
    }
  }

  /** Kills the process; what was not synced may be lost. */
  crash(): void {
    if (this.state !== "running" && this.state !== "paused") return;
    this.#around.world.trace(`${this.id} crashes`);
    this.#life++;
    this.state = "down";
    this.raft?.stop();
    this.raft = undefined;
    this.machine = undefined;
    this.disk.crash();
    this.#storage.crash(this.#random);
    this.#log = this.#peek();
    this.#around.connectionsClosed(this.id);
  }

  /** The connection to `peer` broke: it crashed, or something between them did. */
  lostConnection(peer: string): void {
    this.#run(() => this.#succession?.peerLost(peer));
  }

  /** Stops the process for a while, as SIGSTOP does. */
  pause(): void {
    if (this.state === "running") this.state = "paused";
  }

  /** Goes on with all that came meanwhile. */
  resume(): void {
    if (this.state !== "paused") return;
    this.state = "running";
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const run of backlog) run();
  }

  /** A message arrives. Without an incarnation the sender's is not checked. */
  receive(message: Message, senderIncarnation = ""): void {
    this.#run(() => {
      if (fromLeader(message)) this.#watch.putsOffElection();
      this.raft?.step(message, senderIncarnation);
    });
  }

  /** Runs `use` on the live process now, or when it is resumed; never if it is down. */
  call(use: (raft: RaftNode<ProposalOutcome>, machine: SimulatedMachine) => void): boolean {
    if (this.raft === undefined || this.machine === undefined) return false;
    this.#run(() => {
      if (this.raft !== undefined && this.machine !== undefined) use(this.raft, this.machine);
    });
    return true;
  }

  /** Crashes amid the installation of snapshots with this probability. */
  set crashAtInstall(probability: number) {
    this.#storage.crashAtInstall = probability;
  }

  /** What its disk holds. */
  get durable(): DurableView | undefined {
    return this.#log === undefined ? undefined : viewOf(this.#log);
  }

  #run(work: () => void): void {
    if (this.state === "paused") {
      if (this.#backlog.length < 1000) {
        const life = this.#life;
        this.#backlog.push(() => {
          if (life === this.#life) this.#run(work);
        });
      }
      return;
    }
    if (this.state !== "running") return;
    work();
    const status = this.raft?.status();
    // The work may have ended the process.
    if (status !== undefined && this.#isRunning) this.#watch.moved(status);
  }

  get #isRunning(): boolean {
    return this.state === "running";
  }

  #later(delayMs: number, run: () => void): void {
    const life = this.#life;
    const { world } = this.#around;
    const drawnMs = delayMs * (0.5 + this.#random.next());
    if (drawnMs > TURN_MS_WATCHED) this.#slowUntilMs = world.nowMs + drawnMs;
    world.after(drawnMs, () => {
      if (life === this.#life) this.#run(run);
    });
  }

  #tickLoop(): void {
    const life = this.#life;
    this.#around.world.after(TICK_MS / this.clockRate, () => {
      if (life !== this.#life) return;
      // A stopped process misses its ticks.
      if (this.state === "running") {
        this.#run(() => this.raft?.tick());
        const able = !this.disk.faults.full && this.#around.world.nowMs > this.#slowUntilMs;
        if (this.raft !== undefined) this.#watch.ticked(this.raft.status(), able);
      }
      this.#tickLoop();
    });
  }

  #send(messages: readonly Message[]): void {
    const { durable } = this;
    for (const message of messages) {
      if (durable !== undefined) this.#around.oracle.sends(message, durable);
      if (message.kind === "vote_request" || (message.kind === "vote_response" && !message.pre)) {
        this.#watch.putsOffElection();
      }
      this.#around.network().send(message, this.incarnation);
    }
  }

  #roleChanged(status: RaftStatus): void {
    const { role, term, leaderId } = status;
    this.#around.world.trace(`${this.id} is ${role} in ${term}, leader ${leaderId}`);
    const { durable } = this;
    if (role === "leader" && durable !== undefined) this.#watch.leads(status, durable);
  }

  #failed(error: unknown): void {
    if (error instanceof SimulatedCrash || error instanceof SimulatedDeviceError) {
      this.#around.world.trace(`${this.id} fails: ${error.name}`);
      this.crash();
      return;
    }
    const text = error instanceof Error
      ? `${error.name}: ${error.message}\n${error.stack}`
      : `${error}`;
    this.#around.oracle.check(
      false,
      () => `Invariant of the core: ${this.id} stopped itself: ${text}`,
    );
  }

  /** The log as it was read after the crash, if nothing has happened to the disk since. */
  #found(): SimulatedLog | undefined {
    return this.disk.changes === this.#peekedAt ? this.#log : undefined;
  }

  /** Reads the log as a program would that has no trouble of its own. */
  #peek(): SimulatedLog | undefined {
    this.#peekedAt = this.disk.changes;
    const faults = { ...this.disk.faults };
    Object.assign(this.disk.faults, {
      crashBeforeSync: 0,
      crashAfterSync: 0,
      syncError: 0,
      full: false,
    });
    try {
      return new SimulatedLog(this.disk);
    } catch (error) {
      if (error instanceof SimulatedLogRefused) return undefined;
      throw error;
    } finally {
      Object.assign(this.disk.faults, faults);
    }
  }
}

function viewOf(log: SimulatedLog): DurableView {
  const read = (index: number) => log.entries(index, index, Infinity)[0];
  return {
    boundaryIndex: log.boundary.index,
    lastIndex: log.lastIndex,
    hardState: log.hardState,
    term: (index) => log.term(index),
    text: (index) => new TextDecoder().decode(read(index)?.data),
    membership: (index) => {
      const entry = read(index);
      if (entry?.kind !== "membership") return undefined;
      return decodeMembership(entry.data).voters.map(({ id }) => id);
    },
  };
}

function fromLeader(message: Message): boolean {
  return message.kind === "append_request" || message.kind === "heartbeat_request" ||
    message.kind === "snapshot_chunk" || message.kind === "timeout_now";
}
