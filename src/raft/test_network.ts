/** Cores in one process with a network that a test controls; nothing moves unless the test says so. */

import { RaftCore } from "./core.ts";
import type { Entry, NodeId } from "./entry.ts";
import { MemoryLog } from "./memory_log.ts";
import type { Member } from "./membership.ts";
import type { CoreMessage } from "./message.ts";
import type { OutgoingMessage, Ready } from "./ready.ts";
import { foundCluster, installInLog, openMemberships } from "./start.ts";
import type { CoreState, RaftBounds, RaftTimings } from "./state.ts";
import { DEFAULT_BOUNDS } from "./state.ts";

/** A member whose address and incarnation do not matter. */
export function member(id: NodeId): Member {
  return { id, address: `${id}:7000`, incarnation: "" };
}

/** Ticks of every core here. */
export const ELECTION_TICKS = 10;
export const HEARTBEAT_TICKS = 1;

/** How a core differs from others. */
type CoreChanges = Partial<RaftBounds> & Pick<RaftTimings, "commitNews" | "spares">;

/** A core with its durable log and what it applied. */
export class TestNode {
  readonly id: NodeId;
  readonly log: MemoryLog;
  readonly bounds: RaftBounds;
  readonly #timings: RaftTimings;
  random: () => number;
  core: RaftCore;
  appliedIndex = 0;
  /** Texts of the applied commands. */
  applied: string[] = [];
  /** What the core asked for; kept for assertions. */
  readies: Ready[] = [];

  constructor(id: NodeId, log: MemoryLog, random: () => number, changes: CoreChanges = {}) {
    const { commitNews = "at_once", spares = "at_once", ...bounds } = changes;
    this.#timings = {
      electionTicks: ELECTION_TICKS,
      heartbeatTicks: HEARTBEAT_TICKS,
      commitNews,
      spares,
    };
    this.id = id;
    this.log = log;
    this.random = random;
    this.bounds = { ...DEFAULT_BOUNDS, ...bounds };
    this.appliedIndex = log.boundary.index;
    this.core = this.#start();
  }

  get view(): Readonly<CoreState> {
    return this.core.view;
  }

  /** Comes back with what is durable; the state machine starts from the boundary. */
  restart(): void {
    this.appliedIndex = this.log.boundary.index;
    this.applied = [];
    this.core = this.#start();
  }

  tick(count = 1): void {
    for (let n = 0; n < count; n++) this.core.tick();
  }

  propose(text: string) {
    return this.core.propose(new TextEncoder().encode(text));
  }

  /** Does what the core wants, until it wants nothing; returns what it sends. */
  work(): OutgoingMessage[] {
    const sent: OutgoingMessage[] = [];
    for (let ready = this.core.takeReady(); ready !== undefined; ready = this.core.takeReady()) {
      this.readies.push(ready);
      sent.push(...ready.messages);
      if (ready.snapshotToInstall !== undefined) {
        installInLog(this.log, ready.snapshotToInstall);
        this.appliedIndex = ready.snapshotToInstall.index;
        this.core.snapshotInstalled();
      }
      if (ready.write !== undefined) {
        this.log.append(ready.write.entries, ready.write.hardState);
        this.core.wrote(ready.write.ticket);
      }
      sent.push(...ready.messagesAfterWrite);
      this.#apply(ready.committed);
    }
    return sent;
  }

  /** Terms of the log, oldest first: enough to tell two logs apart. */
  get terms(): readonly number[] {
    const { log } = this.view;
    const terms: number[] = [];
    for (let index = log.firstIndex; index <= log.lastIndex; index++) {
      terms.push(log.term(index) ?? 0);
    }
    return terms;
  }

  #start(): RaftCore {
    return new RaftCore({
      id: this.id,
      log: this.log,
      hardState: this.log.hardState,
      memberships: openMemberships(this.log, this),
      appliedIndex: this.appliedIndex,
      timings: this.#timings,
      bounds: this.bounds,
      random: () => this.random(),
    });
  }

  #apply(committed: readonly Entry[]): void {
    const last = committed.at(-1);
    if (last === undefined) return;
    for (const { kind, data } of committed) {
      if (kind === "command") this.applied.push(new TextDecoder().decode(data));
    }
    this.appliedIndex = last.index;
    this.core.applied(last.index);
  }
}

/** Several nodes; messages wait in one queue until {@linkcode TestNetwork.settle}. */
export class TestNetwork {
  readonly nodes = new Map<NodeId, TestNode>();
  readonly #cuts = new Set<string>();
  /** Messages for which this says true are lost. */
  drop: (message: OutgoingMessage) => boolean = () => false;
  /** What arrives instead of a message. */
  alter: (message: OutgoingMessage) => OutgoingMessage = (message) => message;
  /** All that was delivered, for transcripts. */
  readonly delivered: OutgoingMessage[] = [];

  /** Founds a cluster of `ids`, whose election timeouts differ, the first one's being shortest. */
  constructor(ids: readonly NodeId[], changes: CoreChanges = {}) {
    ids.forEach((id, position) => {
      const log = new MemoryLog();
      foundCluster(log, ids.map(member));
      this.nodes.set(id, new TestNode(id, log, () => (position + 1) / (ids.length + 2), changes));
    });
  }

  /** Adds a node with an empty log that belongs to no cluster yet. */
  join(id: NodeId): TestNode {
    const node = new TestNode(id, new MemoryLog(), () => 0.9);
    this.nodes.set(id, node);
    return node;
  }

  node(id: NodeId): TestNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`There is no node "${id}"`);
    return node;
  }

  /** Elects `id` in the ordinary way and lets everything settle. */
  elect(id: NodeId): TestNode {
    for (const each of this.nodes.values()) {
      // The lease of the last leader runs out.
      while (each.id !== id && each.view.role.kind === "follower" && each.view.inLease) each.tick();
    }
    this.node(id).core.campaign();
    this.settle();
    return this.node(id);
  }

  /** Lets no message pass between `a` and `b`, either way. */
  cut(a: NodeId, b: NodeId): void {
    this.cutOneWay(a, b);
    this.cutOneWay(b, a);
  }

  cutOneWay(from: NodeId, to: NodeId): void {
    this.#cuts.add(`${from}>${to}`);
  }

  isolate(id: NodeId): void {
    for (const other of this.nodes.keys()) if (other !== id) this.cut(id, other);
  }

  heal(): void {
    this.#cuts.clear();
    this.drop = () => false;
    this.alter = (message) => message;
  }

  /** One tick of everybody, `count` times, with all messages delivered after each. */
  tickAll(count = 1): void {
    for (let n = 0; n < count; n++) {
      for (const node of this.nodes.values()) node.tick();
      this.settle();
    }
  }

  /** Works and delivers until nothing is under way. */
  settle(): void {
    for (let round = 0; round < 10_000; round++) {
      const queue = [...this.nodes.values()].flatMap((node) => node.work());
      if (queue.length === 0) return;
      for (const message of queue) this.deliver(message);
    }
    throw new Error("The network did not settle");
  }

  deliver(message: OutgoingMessage): void {
    const lost = this.#cuts.has(`${message.from}>${message.to}`) || this.drop(message);
    const target = this.nodes.get(message.to);
    if (lost || target === undefined) return;
    const altered = this.alter(message);
    this.delivered.push(altered);
    target.core.step(altered);
  }

  /** Who leads; undefined if nobody or several do. */
  get leader(): TestNode | undefined {
    const leaders = [...this.nodes.values()].filter((node) => node.view.role.kind === "leader");
    return leaders.length === 1 ? leaders[0] : undefined;
  }
}

/** A lone core of a cluster of `ids`, with the log given by `terms`, to be stepped by hand. */
export function loneNode(
  ids: readonly NodeId[],
  terms: readonly number[] = [],
  bounds: Partial<RaftBounds> = {},
): TestNode {
  const log = new MemoryLog();
  const membership = { voters: ids.map(member), learners: [] };
  log.reset({ index: 0, term: 0, membership }, { term: terms.at(-1) ?? 0, vote: null, commit: 0 });
  log.append(
    terms.map((term, position) => entry(position + 1, term)),
    { term: terms.at(-1) ?? 0, vote: null, commit: 0 },
  );
  return new TestNode(ids[0] ?? "", log, () => 0, bounds);
}

/** An entry that holds its own index and term as text. */
export function entry(index: number, term: number): Entry {
  return { index, term, kind: "command", data: new TextEncoder().encode(`${index}@${term}`) };
}

/** Makes `node`, which is alone or has granting peers, the leader of the next term. */
export function makeLeader(node: TestNode): void {
  node.core.campaign();
  for (let round = 0; round < 2; round++) {
    for (const message of node.work()) {
      if (message.kind !== "vote_request") continue;
      const { from: to, to: from, term, pre } = message;
      node.core.step({
        kind: "vote_response",
        from,
        to,
        toIncarnation: "",
        term,
        pre,
        granted: true,
      });
    }
  }
  node.work();
}

/** What a message needs beside its own fields, from `from` to `to`. */
export function envelope(from: NodeId, to: NodeId, term: number) {
  return { from, to, toIncarnation: "", term };
}

export type { CoreMessage };
