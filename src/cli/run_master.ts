/**
 * `conductor master`.
 *
 * @module
 */

import {
  type Config,
  type HostAndPort,
  type LoadedConfig,
  splitAddress,
  splitMember,
} from "../config/mod.ts";
import { builtinJobTypes } from "../job_types/mod.ts";
import {
  type AdmissionRules,
  type Founding,
  Master,
  type MasterOptions,
  metricsObserver,
  sampleMaster,
  type SchedulingRules,
  startMasterHttp,
} from "../master/mod.ts";
import {
  createMasterMetrics,
  createRpcClientObserver,
  createRpcObserver,
  createTracer,
  type MasterMetrics,
  type MetricsRegistry,
  MetricsSampler,
  observeLog,
  observeProcess,
  type RootLogger,
  type Tracer,
} from "../observability/mod.ts";
import { observedCalls, pause, STREAMING_METHODS } from "../rpc/mod.ts";
import { assertRuntimeSafe, channelOptions, createChannelCredentials } from "../security/mod.ts";
import { addressCautions, masterAddresses } from "./addresses.ts";
import { configFrom } from "./config_flags.ts";
import { channelFrom } from "./connect.ts";
import { tellOfMadeSecret } from "./development_token.ts";
import { greetFromMaster } from "./greeting.ts";
import { Lifetime, StartGivenUp } from "./lifecycle.ts";
import { openLog } from "./node_log.ts";
import { apiGate, clientServerSetup, forwardedAuthority, peerServerSetup } from "./node_doors.ts";
import { type MasterSecurity, masterSecurity } from "./node_security.ts";
import { openMetrics } from "./node_metrics.ts";
import { startReloading } from "./node_reload.ts";
import { hostsOf, hostsOfNode, pagesDoor } from "./node_pages.ts";
import { channelRules } from "./node_tls.ts";
import { reloadableKeys } from "./node_token_keys.ts";
import { propagatesTraces, tracerOptions } from "./node_tracing.ts";
import { returnMemoryAtRest } from "./returned_memory.ts";
import type { Flags } from "./router.ts";
import type { Terminal } from "./terminal.ts";
import { VERSION } from "./version.ts";

/** Time allowed to one call to another master, in ms. */
const CALL_TIMEOUT_MS = 5_000;
const PEER_FRAME_BYTES_MAX = 64 * 1024 * 1024;
/** A master that has not started after this long, in ms, shows its pages all the same. */
const PAGES_WAIT_MS = 500;

/** Runs a master until it is told to stop. */
export async function runMaster(flags: Flags, terminal: Terminal): Promise<void> {
  const loaded = configFrom(flags, "master");
  const { config } = loaded;
  const log = await openLog(loaded, "master", config.cluster.nodeId, terminal);
  assertRuntimeSafe(Deno.version.deno, loaded.profile, (fault) => log.warn(fault));
  for (const caution of addressCautions(config)) log.warn(caution);
  const lifetime = new Lifetime(log);
  const tracer = await createTracer(tracerOptions(loaded, "conductor-master", log));
  const registry = await openMetrics(config, log);
  const metrics = createMasterMetrics(registry);
  observeLog(registry, metrics, log);
  const stopObserving = observeProcess(registry, {
    version: VERSION,
    role: "master",
    nodeId: config.cluster.nodeId,
  });
  const stopReturning = returnMemoryAtRest();
  const security = await masterSecurity(loaded, { log, metrics });
  const admission = { rules: admissionRules(config) };
  const scheduling = { rules: schedulingRules(config) };
  const reloading = await startReloading(loaded, flags, {
    log,
    tls: security.tls,
    takeOver(next) {
      // The payload's bound goes with that of messages, which is read at the start.
      const { payloadBytesMax } = admission.rules;
      admission.rules = { ...admissionRules(next), payloadBytesMax };
      scheduling.rules = schedulingRules(next);
    },
    audit: () => security.audit,
    more: [reloadableKeys(loaded, flags, (text) => log.warn(text), () => security.takeKeys)],
  });
  try {
    await live({
      loaded,
      log,
      tracer,
      registry,
      metrics,
      security,
      admission,
      scheduling,
      lifetime,
      terminal,
    });
  } finally {
    reloading.stop();
    stopObserving();
    stopReturning();
    security.tls.flushRefusals();
    security.audit?.close();
    await tracer.shutdown();
    log.close();
  }
}

/** From the start of the master, which may wait for a cluster, to its end. */
async function live(parts: LivingParts): Promise<void> {
  const { loaded, log, registry, metrics, security, lifetime, terminal } = parts;
  const { config } = loaded;
  let started: Master | undefined;
  const sampler = new MetricsSampler({
    registry,
    intervalMs: config.metrics.collectIntervalMs,
    log,
  });
  let pages: ReturnType<typeof startMasterHttp> | undefined;
  const openPages = () =>
    pages ??= startMasterHttp(() => started, {
      host: config.cluster.httpBindHost,
      port: config.cluster.httpPort,
      setting: "cluster.http_port (--http-port, HTTP_PORT)",
      hostSetting: "cluster.http_bind_host (--http-bind-host)",
      ...(config.metrics.enabled ? { metrics: metricsPage(config, registry, sampler) } : {}),
      ...pagesDoor(security.tls, security.peers, security.pages, metrics),
      ...hostsOf(loaded, config.cluster.httpBindHost),
      api: {
        gate: apiGate(security, metrics),
        takesHost: hostsOfNode(config),
        observer: rpcObserver(loaded, parts),
        audit: security.audit === null
          ? undefined
          : { log: security.audit, output: config.log.auditOutput },
        messageBytesMax: config.grpc.maxMsgSizeBytes,
      },
      log,
    });
  try {
    const starting = startTold(parts, openPages).then((master) => started = master);
    // Why it cannot start is told before what is wrong with a port; and who waits to join is alive.
    await Promise.race([starting, pause(PAGES_WAIT_MS)]);
    await openPages().catch((failure) => {
      lifetime.fail(failure);
      throw failure;
    });
    const master = await starting;
    sampler.register("master", () => {
      metrics.masterReady.set(master.notReadyReasons().length === 0 ? 1 : 0);
      sampleMaster(metrics, master.context);
    });
    sampler.start();
    log.info("master started", { version: VERSION, profile: loaded.profile });
    greetFromMaster(loaded, terminal.err);
    await lifetime.ended;
  } catch (failure) {
    if (!(failure instanceof StartGivenUp)) throw failure;
    log.info("stopped before it had started");
  } finally {
    const http = await pages?.catch(() => undefined);
    // What the API's calls need goes with the master; that it stops is told until it has.
    await http?.quiet();
    await started?.stop();
    sampler.stop();
    await http?.stop();
  }
}

/** Before anybody sees that it is ready, a token that was made for this start is there to be used. */
async function startTold(
  parts: LivingParts,
  openPages: MasterOptions["beforeFounding"],
): Promise<Master> {
  const { loaded, log, security: { madeSecret } } = parts;
  const master = await Master.start(masterOptions(loaded, parts, openPages));
  try {
    if (madeSecret !== undefined) await tellOfMadeSecret(loaded, madeSecret, log);
  } catch (failure) {
    await master.stop();
    throw failure;
  }
  return master;
}

function metricsPage({ metrics }: Config, registry: MetricsRegistry, sampler: MetricsSampler) {
  return {
    port: metrics.port,
    setting: "metrics.port (--metrics-port, METRICS_PORT)",
    path: metrics.path,
    async expose() {
      await sampler.freshen();
      return await registry.expose();
    },
  };
}

interface LivingParts extends Parts {
  readonly loaded: LoadedConfig;
  readonly registry: MetricsRegistry;
  readonly terminal: Terminal;
}

interface Parts {
  readonly log: RootLogger;
  readonly tracer: Tracer;
  readonly metrics: MasterMetrics;
  readonly security: MasterSecurity;
  /** What submissions that do not say get; replaced when the configuration's file changes. */
  readonly admission: { rules: AdmissionRules };
  /** Replaced likewise. */
  readonly scheduling: { rules: SchedulingRules };
  readonly lifetime: Lifetime;
}

function masterOptions(
  loaded: LoadedConfig,
  { log, tracer, metrics, security, admission, scheduling, lifetime }: Parts,
  openPages: MasterOptions["beforeFounding"],
): MasterOptions {
  const { config } = loaded;
  const { cluster, raft, scheduler, jobs } = config;
  const raftListen = listenAddress(cluster.bindAddr);
  const told = masterAddresses(config);
  const observer = rpcObserver(loaded, { log, tracer, metrics });
  const shared = { messageBytesMax: config.grpc.maxMsgSizeBytes, observer };
  const calls = observedCalls(createRpcClientObserver(metrics.rpcClient));
  const { addresses: _, ...clientChannel } = channelFrom(
    config,
    security.tls.section,
    CALL_TIMEOUT_MS,
    channelRules(security.tls),
    calls,
  );
  return {
    nodeId: cluster.nodeId,
    version: VERSION,
    raftDir: cluster.raftDir,
    dataDir: cluster.dataDir,
    founding: foundingOf(loaded),
    beforeFounding: openPages,
    grpc: {
      host: cluster.grpcBindHost,
      port: config.grpc.masterPort,
      advertise: told.grpc,
    },
    raft: {
      ...raftListen,
      advertise: told.raft,
    },
    raftTimings: raft,
    raftBounds: raft,
    snapshots: { intervalMs: raft.snapshotIntervalMs, entriesMax: raft.snapshotThreshold },
    leaderTimings: {
      heartbeatTimeoutMs: config.worker.heartbeatTimeoutMs,
      assignmentTimeoutMs: scheduler.assignmentTimeoutMs,
      rebalanceIntervalMs: scheduler.rebalanceIntervalMs,
      killGraceMs: config.worker.killGraceMs,
    },
    crashLimit: scheduler.crashLimit,
    deadServers: {
      cleanup: cluster.deadServerCleanup,
      afterMs: cluster.deadServerAfterMs,
      votersMin: cluster.minVoters,
    },
    retention: {
      completed: { ageMs: jobs.keepCompletedMs, jobsMax: jobs.keepCompletedMax },
      failed: { ageMs: jobs.keepFailedMs, jobsMax: jobs.keepFailedMax },
      cancelled: { ageMs: jobs.keepCancelledMs, jobsMax: jobs.keepCancelledMax },
    },
    heartbeatIntervalMs: config.worker.heartbeatIntervalMs,
    barrierTimeoutMs: raft.barrierTimeoutMs,
    applyTimeoutMs: raft.applyTimeoutMs,
    scheduling: () => scheduling.rules,
    schedulesMax: scheduler.maxSchedules,
    pendingJobsMax: scheduler.maxPendingJobs,
    clientJobsMax: scheduler.maxPendingJobsPerClient,
    keyRetentionMs: jobs.keepIdempotencyKeysMs,
    resultBytesMax: jobs.resultBytesMax,
    admission: () => admission.rules,
    registry: builtinJobTypes(),
    clientServer: clientServerSetup(security, shared, metrics, "grpc"),
    peerServer: peerServerSetup(security, {
      ...shared,
      messageBytesMax: peerMessageBytesMax(config),
    }, loaded),
    authorizeForwarded: forwardedAuthority(security),
    trust: security.trust,
    security: security.tokenParts,
    policyFileText: security.policyFileText,
    peerChannel: {
      credentials: createChannelCredentials(security.tls.raft, {
        ...channelRules(security.tls),
        serverRole: "master",
      }),
      grpcOptions: { ...channelOptions(security.tls.raft), ...calls },
    },
    clientChannel,
    workerChannel: { ...workerChannel(config, security), grpcOptions: calls },
    log,
    tracer,
    observer: metricsObserver(metrics, () => scheduling.rules.policy),
    audit: (act) => security.audit?.record({ kind: "administrative_act", ...act }, Date.now()),
    onFailed: (failure) => lifetime.fail(failure),
    giveUp: lifetime.giveUp,
  };
}

/** What submissions that do not say get, and how much they may ask. */
function admissionRules({ scheduler, jobs }: Config): AdmissionRules {
  return {
    payloadBytesMax: jobs.payloadBytesMax,
    maxRetriesDefault: scheduler.maxRetries,
    timeoutMsDefault: scheduler.jobTimeoutMs,
    retryDelayMsDefault: scheduler.retryDelayMs,
    ofTypes: new Map(Object.entries(scheduler.typeDefaults)),
  };
}

function schedulingRules({ scheduler }: Config): SchedulingRules {
  return {
    policy: scheduler.schedulingPolicy,
    typePolicies: new Map(Object.entries(scheduler.typePolicies)),
    priorityAgeingMs: scheduler.priorityAgeingMs,
  };
}

/** How calls are seen, whether they came over gRPC or over the HTTP API. */
function rpcObserver(
  loaded: LoadedConfig,
  { metrics, tracer, log }: Pick<Parts, "metrics" | "tracer" | "log">,
) {
  return createRpcObserver({
    metrics: metrics.rpc,
    tracer,
    log,
    streamingMethods: STREAMING_METHODS,
    heedsCallers: propagatesTraces(loaded),
  });
}

/** Workers are called over the cluster's TLS, each with a token of its own where there is a key. */
function workerChannel(
  { grpc }: Config,
  { tls, workerTokens }: MasterSecurity,
): MasterOptions["workerChannel"] {
  return {
    credentials: createChannelCredentials(tls.section, {
      ...channelRules(tls),
      serverRole: "worker",
    }),
    messageBytesMax: grpc.maxMsgSizeBytes,
    dialTimeoutMs: grpc.dialTimeoutMs,
    ...(workerTokens === undefined
      ? {}
      : { token: (workerId) => workerTokens.tokenFor(workerId, Date.now()) }),
  };
}

/**
 * What one message of a peer may have before it is known to be one: far above what masters send, since
 * a frame that were refused would be sent again for ever. A frame holds what may be on its way to a
 * follower at a time (a few MiB) and one entry more; a call that is passed on, a message of a client.
 */
function peerMessageBytesMax({ raft, grpc }: Config): number {
  return PEER_FRAME_BYTES_MAX + 4 * raft.entryBytesMax + grpc.maxMsgSizeBytes;
}

function listenAddress(address: string): HostAndPort {
  const parts = splitAddress(address);
  if (parts === undefined) throw new Error(`invariant: ${address} was accepted as HOST:PORT`);
  return { host: parts.host === "" ? "0.0.0.0" : parts.host, port: parts.port };
}

function foundingOf({ config }: LoadedConfig): Founding {
  const { bootstrap, joinAddr, initialCluster } = config.cluster;
  if (initialCluster.length > 0) {
    const members = initialCluster.map((each) => {
      const { id, address } = splitMember(each);
      return [id, address] as const;
    });
    return { kind: "static", members: Object.fromEntries(members) };
  }
  if (joinAddr.length > 0) return { kind: "join", addresses: joinAddr };
  return { kind: bootstrap ? "bootstrap" : "none" };
}
