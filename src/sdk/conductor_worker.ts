/**
 * A worker for job types of one's own, in the program that defines them.
 *
 * @module
 */

import { mkdirSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Logger } from "../observability/light.ts";
import type { ClusterChannel } from "../rpc/light.ts";
import {
  hostResources,
  hostUsageMeter,
  InlineExecutor,
  keepsNothing,
  processUsageMeter,
  ReportJournal,
  type ReportKeeper,
  Worker,
} from "../worker/light.ts";
import { type AttemptEnd, type AttemptInfo, observerOf } from "./attempt_hooks.ts";
import { type ConnectOptions, openChannel, payloadKeysOf } from "./connection.ts";
import type { JobType } from "./job_type.ts";
import { offeredTypes } from "./offered_types.ts";
import type { TokenSource } from "./token_source.ts";
import { loggerOf, type WorkerLog } from "./worker_log.ts";

/** How a worker is set up; see {@linkcode ConnectOptions} for how it reaches its cluster. */
export interface ConductorWorkerOptions extends ConnectOptions {
  /** What it offers: made with `defineJobType`. */
  readonly types: readonly JobType[];
  /**
   * Its name; no two workers of a cluster may share one, and a token of a worker has it as its subject.
   * Default: `WORKER_ID` of the environment, else host, process id and a few letters.
   */
  readonly workerId?: string;
  /** Attempts that run at once, of all types. Default: 10. */
  readonly concurrency?: number;
  /** What jobs may ask for with `tags`, `require` and `prefer`. */
  readonly tags?: Readonly<Record<string, string>>;
  /** It gets jobs of these namespaces alone. Default: `namespace`, else all that its token is for. */
  readonly namespaces?: readonly string[];
  /** The version of your program, to be seen in `conductor workers`. */
  readonly version?: string;
  /** What its jobs may ask for together, in thousandths of a processor. Default: what the host has. */
  readonly cpuMillis?: number;
  /** The same of memory, in bytes. */
  readonly memoryBytes?: number;
  /**
   * A directory of this worker alone, in which ends of attempts are kept until a master has acknowledged
   * them: should the process die in between, its next life reports them, and no job runs again. Goes with
   * a `workerId` that stays. Default: they are in memory.
   */
  readonly dataDir?: string;
  /** How long {@linkcode ConductorWorker.stop} lets running attempts go on, in ms; `Infinity`: to their ends. Default: 30,000. */
  readonly drainTimeoutMs?: number;
  /** Longest result, in bytes, as the cluster's `jobs.result_bytes_max`. Default: 1 MiB. */
  readonly resultBytesMax?: number;
  /** Where it says what happens to its connection. Default: warnings and errors to the console. */
  readonly log?: WorkerLog;
  /** Called when an attempt starts, for metrics. */
  readonly onAttemptStart?: (attempt: AttemptInfo) => void;
  /** Called when an attempt has ended, however it did. */
  readonly onAttemptEnd?: (attempt: AttemptInfo, end: AttemptEnd) => void;
}

const CONCURRENCY = 10;
const DRAIN_TIMEOUT_MS = 30_000;
const RESULT_BYTES_MAX = 1024 * 1024;
const HEARTBEAT_INTERVAL_MS = 3_000;
/** A master that hangs closes nothing: the worker must be with the next one before its lease is over. */
const STREAM_SILENCE_MS = 1_500;
const RESULT_TIMEOUT_MS = 10_000;
/** How long the last reports may wait for their acknowledgement. */
const SHUTDOWN_DELAY_MS = 2_000;
const TOKEN_REFRESH_MS = 30_000;

const LEFT = "this worker has left; make a new one";

/**
 * Keeps a session with whichever master leads, runs the handlers in this process's event loop, and
 * reports until it is believed. Handlers that compute for long block each other and the heartbeats:
 * give such work to a thread or a process of its own, or to `conductor worker --handlers`, which does.
 *
 * ```ts
 * const worker = new ConductorWorker({ addresses: "localhost:9000", types: [greet] });
 * await worker.run(); // until SIGTERM
 * ```
 */
export class ConductorWorker implements AsyncDisposable {
  /** Its name. */
  readonly workerId: string;
  readonly #drainTimeoutMs: number;
  readonly #tempRoot: string;
  readonly #tokens: TokenSource;
  readonly #channel: ClusterChannel;
  readonly #worker: Worker;
  #refresh: ReturnType<typeof setInterval> | undefined;
  #started: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  /** Settles when it has left. */
  readonly #left: Promise<void>;
  #leave: (left: Promise<void>) => void = () => {};

  /** Sets it up; nothing happens before `start` or `run`. @throws TypeError or RangeError for options that cannot be */
  constructor(options: ConductorWorkerOptions) {
    const { concurrency = CONCURRENCY, types } = options;
    if (!(Number.isInteger(concurrency) && concurrency >= 1)) {
      const shown = typeof concurrency === "string" ? JSON.stringify(concurrency) : concurrency;
      throw new RangeError(`concurrency is ${shown}; it must be a whole number, 1 or more`);
    }
    this.workerId = options.workerId ?? nameFromEnvironment() ??
      `${hostname()}-${process.pid}-${letters()}`;
    this.#drainTimeoutMs = options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS;
    requireGrace("drainTimeoutMs", this.#drainTimeoutMs);
    const registry = offeredTypes(types);
    const payloadKeys = payloadKeysOf(options);
    const { channel, tokens } = openChannel(options, { streamSilenceMs: STREAM_SILENCE_MS });
    this.#channel = channel;
    this.#tokens = tokens;
    // Made when a job first asks for its directory; a name that nobody else can have taken.
    this.#tempRoot = join(tmpdir(), `conductor-worker-${crypto.randomUUID()}`);
    this.#left = new Promise((resolve) => this.#leave = resolve);
    this.#left.catch(() => {}); // whoever stops it is told
    const host = hostResources();
    const log = loggerOf(options.log);
    const executor = new InlineExecutor(registry, {
      limits: { ...NO_LIMITS, resultBytesMax: options.resultBytesMax ?? RESULT_BYTES_MAX },
      files: { readRoots: [], writeRoots: [] },
      fetchPolicy: { privateAddresses: "refuse", allowList: [], userAgent: "Conductor" },
    });
    const [hostUsage, ownUsage] = [hostUsageMeter(), processUsageMeter()];
    this.#worker = new Worker({
      workerId: this.workerId,
      address: () => "",
      slots: concurrency,
      typeSlots: Object.fromEntries(
        types.flatMap((type) =>
          type.concurrency === undefined ? [] : [[type.name, type.concurrency]]
        ),
      ),
      cpuMillis: options.cpuMillis ?? host.cpuMillis,
      memoryBytes: options.memoryBytes ?? host.memoryBytes,
      tags: options.tags ?? {},
      namespaces: options.namespaces ?? options.namespace?.split(",") ?? [],
      version: options.version ?? "",
      registry,
      jobTypes: types.map(({ name }) => name),
      inline: executor,
      isolated: executor,
      channel,
      tempRoot: this.#tempRoot,
      log,
      reports: keeperOf(options, log),
      payloadKeys: () => payloadKeys,
      observer: observerOf(options),
      usage: () => ({ ...hostUsage(), ...ownUsage() }),
      heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
      resultTimeoutMs: RESULT_TIMEOUT_MS,
      shutdownDelayMs: SHUTDOWN_DELAY_MS,
    });
  }

  /** A master that leads has let it in. */
  get isConnected(): boolean {
    return this.#worker.isConnected;
  }

  /** Attempts that run now. */
  get activeJobs(): number {
    return this.#worker.activeJobs;
  }

  /** Ends of attempts that no master has acknowledged yet. */
  get pendingReports(): number {
    return this.#worker.pendingReports;
  }

  /**
   * Starts to look for a master, and goes on looking whatever happens; once, however often it is called.
   *
   * @throws what the token's function throws
   */
  async start(): Promise<void> {
    if (this.#stopped !== undefined) throw new Error(LEFT);
    const started = this.#started ??= this.#start();
    try {
      await started;
    } catch (failure) {
      // It may be tried again.
      if (this.#started === started) this.#started = undefined;
      throw failure;
    }
  }

  /**
   * Leaves: takes nothing new, lets running attempts finish for `graceMs` (default `drainTimeoutMs`),
   * hands the rest back to the cluster, and says goodbye once its reports are acknowledged. What a handler
   * still does then, in spite of its signal, keeps its process alive: end that with `process.exit`.
   *
   * @throws RangeError for a time that is none
   */
  stop(graceMs: number = this.#drainTimeoutMs): Promise<void> {
    requireGrace("graceMs", graceMs);
    if (this.#stopped === undefined) {
      this.#stopped = this.#stop(graceMs);
      this.#leave(this.#stopped);
    }
    return this.#stopped;
  }

  /** Starts unless it has, and resolves when it has left: told to by a signal of the system, or by `stop`. */
  async run(
    options: {
      /** Default: SIGTERM and SIGINT. */
      readonly signals?: readonly ("SIGTERM" | "SIGINT" | "SIGHUP")[];
    } = {},
  ): Promise<void> {
    const { signals = ["SIGTERM", "SIGINT"] } = options;
    const leave = () => void this.stop();
    for (const signal of signals) process.on(signal, leave);
    try {
      if (this.#stopped === undefined) {
        await this.start().catch((failure) => {
          // Told to leave while its token was still being asked for, it has nothing to start.
          if (this.#stopped === undefined) throw failure;
        });
      }
      await this.#left;
    } finally {
      for (const signal of signals) process.off(signal, leave);
    }
  }

  /** For `await using`: {@linkcode ConductorWorker.stop}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #start(): Promise<void> {
    await this.#tokens.refresh();
    if (this.#stopped !== undefined) throw new Error(LEFT);
    if (this.#tokens.isAsked) {
      // One that cannot be had just now leaves the last one in use, which the cluster judges.
      this.#refresh = setInterval(() => this.#tokens.refresh().catch(() => {}), TOKEN_REFRESH_MS);
    }
    this.#worker.start();
  }

  async #stop(graceMs: number): Promise<void> {
    clearInterval(this.#refresh);
    await this.#worker.stop(graceMs);
    this.#channel.close();
    rmSync(this.#tempRoot, { recursive: true, force: true });
  }
}

/** A timer takes what is none for the shortest time there is. @throws RangeError */
function requireGrace(name: string, ms: number): void {
  if (typeof ms === "number" && ms >= 0) return;
  throw new RangeError(`${name} is ${String(ms)}; it must be a number of milliseconds, 0 or more`);
}

/** @throws TypeError without a name by which the next life would be known */
function keeperOf({ dataDir, workerId }: ConductorWorkerOptions, log: Logger): ReportKeeper {
  if (dataDir === undefined) return keepsNothing;
  if (workerId === undefined) {
    throw new TypeError("dataDir goes with a workerId: what is kept there is that worker's");
  }
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  return ReportJournal.open(join(dataDir, "reports.journal"), { log });
}

/** Handlers of one's own have no road through the worker that would have to be bounded. */
const NO_LIMITS = {
  inputBytesMax: Number.MAX_SAFE_INTEGER,
  streamBytesMax: Number.MAX_SAFE_INTEGER,
  pixelsMax: Number.MAX_SAFE_INTEGER,
};

function nameFromEnvironment(): string | undefined {
  const { CONDUCTOR_WORKER_WORKER_ID: whole, WORKER_ID: short } = process.env;
  return whole || short || undefined;
}

function letters(): string {
  return crypto.randomUUID().slice(0, 8);
}
