/**
 * A master, put together: opens what it left behind, joins consensus, serves, and on the way out
 * does it all in reverse.
 *
 * @module
 */

import { join } from "node:path";
import type { ApiMaster } from "../api/mod.ts";
import type { ClusterStatusView, FailoverStatusView } from "../http/mod.ts";
import { describeJobType } from "../job_types/mod.ts";
import { JobMachine, type Outcome } from "../jobs/mod.ts";
import { LogForgotten, RaftNode, StartRefused } from "../raft/mod.ts";
import {
  bound,
  ForwardClient,
  HealthRegistry,
  MasterService,
  masterService,
  PeerTransport,
  type RpcServer,
  type ServiceHandlers,
} from "../rpc/mod.ts";
import {
  createDataDirectory,
  REJOIN_ADVICE,
  SqliteJobStore,
  type SqliteRaftLog,
  withRoomAdvice,
} from "../storage/mod.ts";
import { ApplyTracing } from "./apply_tracing.ts";
import { masterApi } from "./api.ts";
import { clockToldIn, type ClusterClock } from "./cluster_clock.ts";
import type { MasterContext } from "./context.ts";
import { SettledFormat } from "./entry_format.ts";
import { onJobEvents } from "./events.ts";
import { DiskPace } from "./disk_pace.ts";
import type { HeldPorts } from "./held_ports.ts";
import { untilLetIn } from "./joining.ts";
import { Router } from "./leader_router.ts";
import { Leadership } from "./leadership.ts";
import { Live } from "./live.ts";
import type { MemberAddress } from "./member_address.ts";
import { MemberDirectory } from "./member_directory.ts";
import { newContext } from "./new_context.ts";
import { LISTEN_SETTINGS, type MasterOptions } from "./options.ts";
import { PeerDoor } from "./peer_door.ts";
import { membersEverOf, type OpenedLog, openRaftLog } from "./raft_start.ts";
import { notReadyReasons } from "./readiness.ts";
import { answeringAnywhere, newClientServer, newPeerServer } from "./servers.ts";
import { ageingOf } from "./scheduling_rules.ts";
import { clusterStatusView, failoverStatusView } from "./status_views.ts";
import { JobStateMachine } from "./state_machine.ts";
import { Succession } from "./succession.ts";
import { type Tempo, tempoOf } from "./tempo.ts";
import { Upkeep } from "./upkeep.ts";
import { ownWorkersOnly } from "./worker_ownership.ts";

/** How long calls may go on when the master stops, in ms. */
const STOP_GRACE_MS = 3_000;
/** How often connections to other members are looked after, and idle ones spoken on (`lives.ts`), in ms. */
const RECONNECT_INTERVAL_MS = 500;
/**
 * For five times this long a leader keeps from some followers what commits without them. A follower
 * that commits wait for, and that stands still, holds them up for once or twice this long.
 */
const SPARES_PAUSE_MS = 10;
/** The log is compacted by so many entries at most: removing ten thousand rows holds up the loop. */
const COMPACTED_ENTRIES_MAX = 1_000;
/** A part of a snapshot that is not acknowledged for so many election timeouts is sent again. */
const SNAPSHOT_PATIENCE_ELECTIONS = 3;

/** A running master. */
export class Master {
  readonly #options: MasterOptions;
  readonly #log: SqliteRaftLog;
  readonly #joinThrough: OpenedLog["joinThrough"];
  readonly #door: PeerDoor;
  readonly #tempo: Tempo;
  readonly #directory = new MemberDirectory();
  readonly #store: SqliteJobStore;
  readonly #stateMachine: JobStateMachine;
  readonly #upkeep: Upkeep;
  readonly #transport: PeerTransport;
  readonly #node: RaftNode<Outcome>;
  readonly #context: MasterContext;
  readonly #live: Live;
  readonly #health = new HealthRegistry([MasterService.typeName]);
  readonly #router = new Router(() =>
    this.#upkeep.diskIsFull
      ? `the disk of ${this.#context.facts.nodeId} is full: make room there`
      : undefined
  );
  readonly #clock: ClusterClock;
  readonly #pace = new DiskPace(() => performance.now());
  readonly #succession: Succession;
  readonly #leadership: Leadership;
  readonly #forwardClient: ForwardClient;
  readonly #handlers: ServiceHandlers<typeof MasterService>;
  readonly #clientServer: RpcServer;
  readonly #peerServer: RpcServer;
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  #sparesTimer: ReturnType<typeof setTimeout> | undefined;
  #ports = { grpc: 0, raft: 0 };
  readonly #stopping = new AbortController();
  /** What it needs to lead no longer works. */
  #hasFailed = false;

  /**
   * Opens the data directory and starts to serve; resolves when all ports are bound.
   *
   * @throws Error with a message for the operator when a directory or a port cannot be had.
   */
  static async start(options: MasterOptions): Promise<Master> {
    try {
      return await Master.#started(options);
    } catch (failure) {
      throw withRoomAdvice(failure, [options.dataDir, options.raftDir]);
    }
  }

  static async #started(options: MasterOptions): Promise<Master> {
    const opened = await openRaftLog(options);
    let master: Master;
    try {
      master = new Master(options, opened);
    } catch (failure) {
      opened.log.close();
      await opened.held.releaseAll();
      throw failure instanceof StartRefused ? withAdvice(failure, options) : failure;
    }
    try {
      await master.#listen(opened.held);
    } catch (failure) {
      await opened.held.releaseAll();
      await master.stop();
      throw failure;
    }
    return master;
  }

  private constructor(given: MasterOptions, { log, joinThrough }: OpenedLog) {
    const options: MasterOptions = {
      ...given,
      onFailed: (failure) => {
        this.#hasFailed = true;
        given.onFailed(failure);
      },
    };
    this.#options = options;
    this.#tempo = tempoOf(options.raftTimings);
    this.#log = log;
    this.#clock = clockToldIn(options.log);
    this.#joinThrough = joinThrough;
    log.onAppended = (duration) => {
      this.#pace.synced(duration.syncMs);
      options.observer.appended(duration);
    };
    createDataDirectory(options.dataDir);
    this.#store = SqliteJobStore.open(options.dataDir, {
      clusterId: log.identity.clusterId,
      onFailed: options.onFailed,
    });
    const machine = new JobMachine(this.#store, {
      priorityAgeingMs: ageingOf(options.scheduling()),
    });
    options.trust.bind(() => machine.trust);
    this.#stateMachine = new JobStateMachine({
      machine,
      store: this.#store,
      snapshotDirectory: join(options.dataDir, "snapshots"),
      ...(options.tracer.isEnabled
        ? {
          tracing: new ApplyTracing({
            tracer: options.tracer,
            machine,
            isLeader: () => this.#context.duties !== undefined,
          }),
        }
        : {}),
      onSnapshotMade: (made) => options.observer.snapshotMade(made),
      onRestored: (index) => {
        options.observer.snapshotInstalled();
        options.log.info("a snapshot was installed", { applied_index: index });
      },
      onEvents: (events) => {
        const isLeader = this.#context.duties !== undefined;
        for (const event of events) {
          options.observer.jobChanged(event, isLeader);
          this.#live.note(event);
        }
        onJobEvents(this.#context, events);
      },
      onFailed: options.onFailed,
    });
    this.#upkeep = new Upkeep({
      stateMachine: this.#stateMachine,
      node: () => this.#node,
      entriesMax: options.snapshots.entriesMax,
      log: options.log,
      onFailed: options.onFailed,
    });
    this.#door = new PeerDoor({
      master: options,
      log,
      directory: this.#directory,
      isLeading: () => this.#context.duties !== undefined,
      step: (message, sender) => {
        this.#transport.heardFrom(message.from, sender.address);
        this.#leadership.heardFrom(message.from);
        this.#node.step(message, sender.incarnation);
      },
    });
    this.#transport = new PeerTransport({
      clusterId: log.identity.clusterId,
      ...options.peerChannel,
      own: () => this.#door.ownFacts,
      addressOf: (id) => this.#directory.addressOf(id)?.raft,
      syncMs: () => this.#pace.ownMs,
      onPeerLost: (id, reason) => {
        this.#door.peers.lost(id, reason);
        this.#succession.peerLost(id);
      },
      onPeerRefused: (id, reason) =>
        this.#door.warnOnce("a peer turned us away", { peer: id, reason }),
      onOtherLife: (id, reason) => this.#door.doubted(id, reason),
    });
    this.#node = this.#newNode();
    this.#directory.remember(membersEverOf(log));
    this.#directory.update(this.#node.status().members);
    this.#succession = new Succession({
      node: this.#node,
      pace: this.#pace,
      random: Math.random,
      after: (delayMs, run) => setTimeout(run, delayMs),
    });
    this.#context = newContext(options, {
      clusterId: log.identity.clusterId,
      entryFormat: new SettledFormat(log),
      node: this.#node,
      machine,
      snapshots: this.#stateMachine.snapshots,
      upkeep: this.#upkeep,
      directory: this.#directory,
      peers: this.#door.peers,
      clock: this.#clock,
      pace: this.#pace,
      tempo: this.#tempo,
    });
    this.#live = new Live(this.#context);
    this.#leadership = new Leadership({
      context: this.#context,
      clock: this.#clock,
      router: this.#router,
      health: this.#health,
      addressOf: (id) => this.#reachableAddressOf(id),
      ownAddress: () => this.#door.ownAddress,
      incarnation: log.identity.incarnation,
      master: options,
    });
    this.#forwardClient = new ForwardClient({
      clusterId: log.identity.clusterId,
      nodeId: options.nodeId,
      ...options.peerChannel,
      connectionWaitMs: options.raftTimings.electionTimeoutMs,
      policyRevision: () => options.security.policies.revision,
    });
    const api = masterApi(
      this.#context,
      (workerId, accepted) => options.observer.heartbeat(workerId, accepted),
    );
    const handlers = ownWorkersOnly(
      masterService(api),
      options.security,
      (workerId) => this.#context.machine.worker(workerId),
    );
    this.#handlers = answeringAnywhere(options, {
      handlers,
      router: this.#router,
      forwardClient: this.#forwardClient,
    });
    this.#clientServer = newClientServer(options, {
      handlers: this.#handlers,
      health: this.#health,
      clusterView: () => this.#leadership.view,
    });
    this.#peerServer = this.#newPeerServer(handlers);
  }

  /** What the parts share; for status views and tests. */
  get context(): MasterContext {
    return this.#context;
  }

  /** What the HTTP API asks. */
  get api(): ApiMaster {
    const { registry } = this.#options;
    return {
      ...this.#context.facts,
      handlers: this.#handlers,
      live: this.#live,
      jobTypes: () => registry.names().map((name) => describeJobType(registry.get(name)!)),
    };
  }

  /** Ports that were bound. */
  get ports(): { readonly grpc: number; readonly raft: number } {
    return this.#ports;
  }

  /** Why this node cannot serve now; empty: it can. */
  notReadyReasons(): string[] {
    return notReadyReasons({
      status: this.#node.status(),
      incarnation: this.#log.identity.incarnation,
      isStopping: this.#isStopping,
      diskIsFull: this.#upkeep.diskIsFull,
      isCaughtUp: this.#leadership.isCaughtUp,
      isServing: this.#context.duties !== undefined,
    });
  }

  /** What `GET /cluster/status` shows. */
  clusterStatus(): ClusterStatusView {
    return clusterStatusView(this.#context, this.#tempo.tickMs);
  }

  /** What `GET /failover/status` shows. */
  failoverStatus(): FailoverStatusView {
    return failoverStatusView(this.#context);
  }

  /** Stops taking calls, hands leadership over, writes everything, closes. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#health.setServing(false);
    // A leader that nobody could take over from, or that cannot hand over what it lacks a disk for, must not
    // be waited for: as if it died now, then.
    const isFree = !this.#hasFailed && await this.#leadership.handOver();
    const drained = this.#clientServer.stop(isFree ? STOP_GRACE_MS : 0);
    this.#leadership.stop();
    this.#live.stop();
    await drained;
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#sparesTimer);
    this.#succession.stop();
    this.#node.stop();
    this.#context.proposer.stop();
    this.#transport.close();
    this.#forwardClient.close();
    await this.#peerServer.stop(STOP_GRACE_MS);
    this.#stateMachine.close();
    this.#store.close();
    this.#log.close();
    this.#options.log.info("master stopped", { applied_index: this.#stateMachine.appliedIndex });
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  #newNode(): RaftNode<Outcome> {
    const options = this.#options;
    return new RaftNode<Outcome>({
      id: options.nodeId,
      incarnation: this.#log.identity.incarnation,
      timings: { ...this.#tempo, commitNews: "by_tick", spares: "later" },
      bounds: {
        proposalBytesMax: options.raftBounds.entryBytesMax,
        uncommittedEntriesMax: options.raftBounds.proposalQueueMax,
      },
      snapshotBounds: {
        compactAfterEntries: Math.min(options.snapshots.entriesMax, COMPACTED_ENTRIES_MAX),
        // Installing a large one takes a while, in which its receiver says nothing.
        resendTicks: SNAPSHOT_PATIENCE_ELECTIONS * this.#tempo.electionTicks,
      },
      log: this.#log,
      stateMachine: this.#stateMachine,
      transport: this.#transport,
      random: Math.random,
      defer: (run) => setImmediate(run),
      pause: (run) => this.#sparesTimer = setTimeout(run, SPARES_PAUSE_MS),
      observer: {
        roleChanged: (status) => this.#leadership.roleChanged(status),
        membershipChanged: () => this.#membershipChanged(),
        messageRefused: (message, reason) =>
          this.#door.warnOnce("a raft message was refused", { from: message.from, reason }),
        snapshotFailed: (failure) => this.#upkeep.snapshotFailed(failure),
        diskFullChanged: (full) => this.#upkeep.diskFullChanged(full),
        failed: (failure) =>
          options.onFailed(
            failure instanceof LogForgotten ? withAdvice(failure, options) : failure,
          ),
      },
    });
  }

  #newPeerServer(handlers: ServiceHandlers<typeof MasterService>): RpcServer {
    return newPeerServer(this.#options, {
      clusterId: this.#log.identity.clusterId,
      handlers,
      listener: {
        ...this.#door.streams,
        onMessage: (message, sender) => this.#door.take(message, sender),
        onOpened: (nodeId) => this.#node.reportConnected(nodeId),
        onTime: (nodeId, timeMs) => this.#clock.heard(nodeId, timeMs),
        onPace: (nodeId, syncMs) => this.#pace.heard(nodeId, syncMs),
        onRefused: (reason) => this.#door.warnOnce("a peer was turned away", { reason }),
        onLost: (nodeId) => {
          if (!this.#isStopping) this.#succession.peerLost(nodeId);
        },
      },
      introduction: (asker) => this.#door.introduction(asker),
      isMember: (id) => this.#directory.get(id) !== undefined,
      untilServing: ({ deadlineMs, signal }) => this.#leadership.untilServing(deadlineMs, signal),
    });
  }

  async #listen(held: HeldPorts): Promise<void> {
    const { raft, grpc, log } = this.#options;
    await this.#door.alone();
    await held.release(raft);
    const raftPort = await bound(this.#peerServer, raft, LISTEN_SETTINGS.raft);
    await held.release(grpc);
    const grpcPort = await bound(this.#clientServer, grpc, LISTEN_SETTINGS.grpc);
    this.#ports = { raft: raftPort, grpc: grpcPort };
    this.#door.open(this.#ports);
    this.#timers.push(
      setInterval(() => this.#tick(), this.#tempo.tickMs),
      setInterval(() => this.#connectPeers(), RECONNECT_INTERVAL_MS),
      setInterval(() => this.#upkeep.checkpointWhenDue(), this.#options.snapshots.intervalMs),
    );
    this.#connectPeers();
    if (this.#isOnlyVoter()) this.#node.campaign();
    log.info("master listens", {
      grpc: `${grpc.host}:${grpcPort}`,
      raft: `${raft.host}:${raftPort}`,
      cluster_id: this.#log.identity.clusterId,
    });
    this.#door.compareInitialCluster();
    void this.#join();
  }

  #tick(): void {
    if (!this.#door.isDoubted) this.#node.tick();
    this.#leadership.tick();
  }

  /** A node that came to join asks until it is let in; its own API says "no leader" meanwhile. */
  async #join(): Promise<void> {
    if (this.#joinThrough === undefined) return;
    const { incarnation, clusterId } = this.#log.identity;
    const own = { ...this.#door.ownAddress, incarnation, clusterId };
    const isLetIn = await untilLetIn(this.#options, {
      own,
      through: this.#joinThrough,
      status: () => this.#node.status(),
      signal: this.#stopping.signal,
    });
    if (isLetIn) this.#leadership.letIn(own.raft);
  }

  /** Nobody else could be leader: there is no reason to wait for an election timeout. */
  #isOnlyVoter(): boolean {
    const voters = this.#node.status().members.filter((each) => each.votes);
    return voters.length === 1 && voters[0]?.id === this.#options.nodeId;
  }

  #membershipChanged(): void {
    this.#directory.update(this.#node.status().members);
    const ids = new Set(this.#directory.ids);
    this.#clock.retain(ids);
    this.#pace.retain(ids);
    this.#door.peers.retain(ids);
    this.#connectPeers();
    this.#leadership.membershipChanged();
  }

  /** Keeps a connection to every member: an election should not have to wait for one. */
  #connectPeers(): void {
    const { nodeId } = this.#options;
    for (const id of this.#directory.ids) {
      if (id !== nodeId) this.#transport.connect(id);
    }
  }

  /** A node that is being let in knows its leader from its messages before its log names it. */
  #reachableAddressOf(nodeId: string): MemberAddress | undefined {
    const known = this.#directory.addressOf(nodeId);
    if (known !== undefined) return known;
    const raft = this.#transport.addressOf(nodeId);
    return raft === undefined ? undefined : { raft, grpc: "" };
  }
}

/** Consensus knows what does not fit together; which directories that means is known here. */
function withAdvice(failure: Error, { raftDir, dataDir }: MasterOptions): Error {
  const directories = `(log in "${raftDir}", state in "${dataDir}")`;
  return new Error(`${failure.message} ${directories}. ${REJOIN_ADVICE}`, { cause: failure });
}
