/**
 * `conductor worker`.
 *
 * @module
 */

import { join, resolve } from "node:path";
import type { Config } from "../config/mod.ts";
import { builtinJobTypes, EXEC, type JobTypeRegistry, type Programs } from "../job_types/mod.ts";
import {
  createRpcClientObserver,
  createTracer,
  createWorkerMetrics,
  type Logger,
  type MetricsRegistry,
  MetricsSampler,
  observeLog,
  observeProcess,
} from "../observability/mod.ts";
import { ClusterChannel, observedCalls, SecurityClient } from "../rpc/mod.ts";
import { assertRuntimeSafe } from "../security/mod.ts";
import {
  type AttemptEnvironment,
  claimDirectory,
  clearAttempts,
  endLeftovers,
  executorObserver,
  hostResources,
  hostUsageMeter,
  InlineExecutor,
  processUsageMeter,
  ReportJournal,
  startWorkerHttp,
  Worker,
  workerObserver,
  type WorkerOptions,
  type WorkerSize,
} from "../worker/mod.ts";
import { channelFrom } from "./connect.ts";
import { configFrom } from "./config_flags.ts";
import { Misuse } from "./failure.ts";
import { greetFromWorker } from "./greeting.ts";
import { Lifetime, StartGivenUp } from "./lifecycle.ts";
import { openLog } from "./node_log.ts";
import { openMetrics } from "./node_metrics.ts";
import { startReloading } from "./node_reload.ts";
import { hostsOf, pagesDoor } from "./node_pages.ts";
import { workerPages } from "./node_security.ts";
import { channelRules, openNodeTls } from "./node_tls.ts";
import { registerHandlers } from "./own_types.ts";
import { reloadableKeys } from "./node_token_keys.ts";
import { tracerOptions } from "./node_tracing.ts";
import { refuseExits, runsInline, surviveOrphanedFailures } from "./orphaned_failures.ts";
import { LivePayloadKeys } from "./payload_keys.ts";
import { returnMemoryAtRest } from "./returned_memory.ts";
import type { Flags } from "./router.ts";
import type { Terminal } from "./terminal.ts";
import { VERSION } from "./version.ts";
import { type CredentialCalls, WorkerCredentials } from "./worker_credentials.ts";
import { openWorkerDoor, type WorkerDoor } from "./worker_door.ts";
import { programsOf, workerExecutors } from "./worker_executors.ts";

/** Time allowed to one unary call of a worker, in ms. */
const CALL_TIMEOUT_MS = 10_000;
/** How often in the time of a lease a worker makes sure that a silent master still lives. */
const LOOKS_A_LEASE = 6;

/** Runs a worker until it is told to stop. */
export async function runWorker(flags: Flags, terminal: Terminal): Promise<void> {
  const loaded = configFrom(flags, "worker");
  const { config } = loaded;
  const log = await openLog(loaded, "worker", config.worker.workerId, terminal);
  assertRuntimeSafe(Deno.version.deno, loaded.profile, (fault) => log.warn(fault));
  const lifetime = new Lifetime(log);
  const tracer = await createTracer(tracerOptions(loaded, "conductor-worker", log));
  const programs = programsOf(config);
  const { registry, jobTypes, ownTypes } = await offeredTypes(config, programs);
  if (runsInline(registry, ownTypes)) {
    surviveOrphanedFailures(log);
    refuseExits();
  }
  const claim = claimDirectory(directoryOf(config), config.worker.workerId);
  await putAwayFormerLife(config, log);
  const metricsRegistry = await openMetrics(config, log);
  const metrics = createWorkerMetrics(metricsRegistry);
  observeLog(metricsRegistry, metrics, log);
  const tls = await openNodeTls(loaded, "worker", { log, metrics });
  const audited: { door?: WorkerDoor } = {};
  // A file may change before there is a worker to tell.
  const size = { now: sizeOf(config), changed: (_: WorkerSize) => {} };
  const payloadKeys = new LivePayloadKeys(config);
  const reloading = await startReloading(loaded, flags, {
    log,
    tls,
    takeOver(next) {
      size.now = sizeOf(next);
      size.changed(size.now);
    },
    audit: () => audited.door?.security.audit ?? null,
    more: [
      payloadKeys,
      reloadableKeys(
        loaded,
        flags,
        (text) => log.warn(text),
        () => audited.door?.security.takeKeys,
      ),
    ],
  });
  const directory = directoryOf(config);
  const credentials = new WorkerCredentials({
    config,
    directory,
    onRenewed: () => worker.renewSession(),
    now: () => Date.now(),
    log,
  });
  const channel = new ClusterChannel({
    ...channelFrom(
      config,
      tls.section,
      CALL_TIMEOUT_MS,
      channelRules(tls),
      observedCalls(createRpcClientObserver(metrics.rpcClient)),
    ),
    token: () => credentials.token,
    // A master that hangs, or a cable that is cut, closes nothing. The worker must be back with the
    // next leader well before its lease there is over.
    streamSilenceMs: config.worker.heartbeatTimeoutMs / LOOKS_A_LEASE,
  });
  const stopObserving = observeProcess(metricsRegistry, {
    version: VERSION,
    role: "worker",
    nodeId: config.worker.workerId,
  });
  const stopReturning = returnMemoryAtRest();
  const reach = { address: config.worker.advertiseAddr };
  const environment = attemptEnvironment(config);
  const executors = workerExecutors(config, {
    environment,
    programs,
    attemptsRoot: attemptsRootOf(config),
    markPrefix: markPrefixOf(config),
    idleMax: () => size.now.slots,
    jobTypes: jobTypes.filter((name) => registry.get(name)?.isolation === "process"),
    observer: executorObserver(metrics),
    log,
  });
  const reports = ReportJournal.open(join(directoryOf(config), "reports.journal"), { log });
  const worker = newWorker(config, {
    inline: new InlineExecutor(registry, environment),
    isolated: executors,
    address: () => reach.address,
    registry,
    jobTypes,
    channel,
    log,
    observer: workerObserver({ metrics, tracer, log, workerId: config.worker.workerId }),
    reports,
    payloadKeys: () => payloadKeys.current,
    ...size.now,
  });
  size.changed = (changed) => worker.resize(changed);
  const door = await openWorkerDoor(loaded, worker, { tls, log, tracer, metrics });
  if (door !== undefined) {
    reach.address = door.address;
    audited.door = door;
  }
  const warn = (text: string) => log.warn(text);
  const { peers, pages } = door?.security ?? await workerPages(loaded, tls, warn);
  const sampler = new MetricsSampler({
    registry: metricsRegistry,
    intervalMs: config.metrics.collectIntervalMs,
    log,
  });
  const http = config.worker.httpPort === 0 ? undefined : await startWorkerHttp(worker, {
    host: config.worker.bindHost,
    port: config.worker.httpPort,
    setting: "worker.http_port (--http-port)",
    hostSetting: "worker.bind_host (--bind-host)",
    ...(config.metrics.enabled ? { metrics: metricsPage(config, metricsRegistry, sampler) } : {}),
    ...pagesDoor(tls, peers, pages, metrics),
    ...hostsOf(loaded, config.worker.bindHost),
    log,
  });
  const usage = usageMeter();
  sampler.register("worker", () => {
    metrics.slotsMax.set(worker.slots);
    metrics.slotsBusy.set(worker.activeJobs);
    metrics.sessionConnected.set(worker.isConnected ? 1 : 0);
    metrics.reportsPending.set(worker.pendingReports);
    metrics.reportsUnkept.set(reports.isAmiss ? 1 : 0);
    metrics.executorProcesses.set(executors.processes);
    const { cpuUsage, memoryUsage, executorsCpu, executorsMemoryBytes } = usage();
    metrics.hostCpuUsage.set(cpuUsage);
    metrics.hostMemoryUsage.set(memoryUsage);
    metrics.executorsCpu.set(executorsCpu);
    metrics.executorsMemoryBytes.set(executorsMemoryBytes);
  });
  sampler.start();
  greetFromWorker(loaded, jobTypes, terminal.err);
  try {
    await credentials.open(credentialCalls(channel, config), lifetime.giveUp);
    worker.start();
    executors.warm();
    log.info("worker started", {
      version: VERSION,
      masters: config.worker.masterAddrs.join(","),
      job_types: jobTypes.join(","),
      slots: worker.slots,
    });
    await lifetime.ended;
  } catch (failure) {
    if (!(failure instanceof StartGivenUp)) throw failure;
    log.info("stopped before it had started");
  } finally {
    await worker.stop(config.worker.drainTimeoutMs);
    credentials.close();
    await door?.close();
    channel.close();
    reloading.stop();
    sampler.stop();
    stopObserving();
    stopReturning();
    await http?.stop();
    await tracer.shutdown();
    claim.release();
    log.info("worker stopped");
    log.close();
  }
}

function credentialCalls(channel: ClusterChannel, { worker }: Config): CredentialCalls {
  const client = new SecurityClient(channel);
  return {
    refresh: (token, requestKey) => client.refreshToken(token, requestKey),
    enrol: (requestKey) => client.enrolWorker(worker.workerId, requestKey),
  };
}

function metricsPage({ metrics }: Config, registry: MetricsRegistry, sampler: MetricsSampler) {
  return {
    setting: "worker.http_port (--http-port)",
    path: metrics.path,
    async expose() {
      await sampler.freshen();
      return await registry.expose();
    },
  };
}

/** What jobs may ask for: as configured, else what the host has. */
function resourcesOf({ worker }: Config): { cpuMillis: number; memoryBytes: number } {
  const host = hostResources();
  return {
    cpuMillis: Math.round(worker.cpu * 1000) || host.cpuMillis,
    memoryBytes: worker.memoryBytes || host.memoryBytes,
  };
}

type Parts = Pick<
  WorkerOptions,
  | "address"
  | "registry"
  | "jobTypes"
  | "inline"
  | "isolated"
  | "channel"
  | "log"
  | "observer"
  | "reports"
  | "payloadKeys"
  | keyof WorkerSize
>;

function sizeOf({ worker }: Config): WorkerSize {
  return { slots: worker.maxConcurrentJobs, typeSlots: worker.typeConcurrency };
}

function newWorker(config: Config, parts: Parts): Worker {
  return new Worker({
    ...parts,
    workerId: config.worker.workerId,
    ...resourcesOf(config),
    tags: config.worker.tags,
    namespaces: config.jobs.namespaces,
    version: VERSION,
    tempRoot: attemptsRootOf(config),
    usage: usageMeter(),
    heartbeatIntervalMs: config.worker.heartbeatIntervalMs,
    resultTimeoutMs: config.worker.resultTimeoutMs,
    shutdownDelayMs: config.worker.shutdownDelayMs,
    killGraceMs: config.worker.killGraceMs,
  });
}

/** How full the host is, and what of that is this worker's. */
function usageMeter(): WorkerOptions["usage"] {
  const [ofHost, ofProcesses] = [hostUsageMeter(), processUsageMeter()];
  return () => ({ ...ofHost(), ...ofProcesses() });
}

/** Each worker has its own place below `worker.data_dir`. */
function directoryOf({ worker }: Config): string {
  return resolve(worker.dataDir, worker.workerId);
}

function attemptsRootOf(config: Config): string {
  return join(directoryOf(config), "attempts");
}

/** A worker's directory is its own alone, and so what carries this mark is its own too. */
function markPrefixOf(config: Config): string {
  return `${directoryOf(config)}#`;
}

/** What a worker of this name left when it was ended without notice: processes, and their files. */
async function putAwayFormerLife(config: Config, log: Logger): Promise<void> {
  const processes = endLeftovers({ mark: markPrefixOf(config) });
  const directories = await clearAttempts(attemptsRootOf(config));
  if (processes + directories === 0) return;
  log.warn("removed what an earlier process of this worker had left", { processes, directories });
}

/** The built-in types and those of `--handlers`, of which `worker.job_types` may choose some. */
async function offeredTypes(
  config: Config,
  programs: Programs,
): Promise<{
  registry: JobTypeRegistry;
  jobTypes: readonly string[];
  /** Of the modules, whether they are offered or not. */
  ownTypes: readonly string[];
}> {
  const registry = builtinJobTypes(programs);
  const builtin = new Set(registry.names());
  for (const path of config.worker.handlers) await registerHandlers(registry, path);
  const ownTypes = registry.names().filter((name) => !builtin.has(name));
  const chosen = config.worker.jobTypes;
  // Without a command that it may run, the type is of no use.
  const canExec = Object.keys(programs).length > 0;
  const names = registry.names().filter((name) => name !== EXEC || canExec);
  if (chosen.length === 0) return { registry, jobTypes: names, ownTypes };
  const unknown = chosen.filter((name) => !names.includes(name));
  if (unknown.length === 0) return { registry, jobTypes: chosen, ownTypes };
  throw new Misuse(
    `worker.job_types names ${unknown.join(", ")}, which this worker does not have; it has ` +
      `${names.join(", ")} (more come from --handlers` +
      `${canExec ? "" : `, and ${EXEC} from --allow-exec`})`,
  );
}

function attemptEnvironment({ jobs }: Config): AttemptEnvironment {
  return {
    limits: {
      resultBytesMax: jobs.resultBytesMax,
      inputBytesMax: jobs.inputBytesMax,
      streamBytesMax: jobs.streamBytesMax,
      pixelsMax: jobs.pixelsMax,
    },
    files: { readRoots: jobs.fileReadRoots, writeRoots: jobs.fileWriteRoots },
    fetchPolicy: {
      privateAddresses: jobs.privateAddresses,
      allowList: jobs.addressAllowList,
      userAgent: jobs.userAgent,
      bodyBytesMax: jobs.inputBytesMax,
    },
  };
}
