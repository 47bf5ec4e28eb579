/**
 * The executor processes of a worker, from its configuration: what each kind of job may do, within which
 * bounds.
 *
 * @module
 */

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Config } from "../config/mod.ts";
import {
  builtinJobTypes,
  EXEC,
  type Programs,
  ProgramsError,
  readPrograms,
} from "../job_types/mod.ts";
import type { Logger } from "../observability/mod.ts";
import {
  type AttemptEnvironment,
  denoFlags,
  type ExecutorObserver,
  ExecutorPools,
  type Grants,
  parseGrants,
  PermissionsError,
  ProcessExecutor,
  refusedBy,
  withHandlers,
} from "../worker/mod.ts";
import { Misuse } from "./failure.ts";

/** What the pools are made of, besides the configuration. */
export interface WorkerExecutorsOptions {
  readonly environment: AttemptEnvironment;
  readonly programs: Programs;
  /** Where attempts have their directories. */
  readonly attemptsRoot: string;
  /** Begins the marks of this worker's processes. */
  readonly markPrefix: string;
  /** Idle processes that each pool keeps for a while; asked whenever one becomes idle. */
  readonly idleMax: () => number;
  /** Types that this worker offers. */
  readonly jobTypes: readonly string[];
  readonly observer: ExecutorObserver;
  readonly log: Logger;
}

const MEBIBYTE = 1024 * 1024;
/**
 * What the system gives one process beyond `worker.executor_memory`, in bytes: the runtime's own
 * reservations count there, and the worker, which counts what is used, shall be the first to notice.
 */
const DATA_BYTES_BEYOND = 1024 * MEBIBYTE;

/** Builds the pools; nothing is started yet. */
export function workerExecutors(config: Config, options: WorkerExecutorsOptions): ExecutorPools {
  const { worker } = config;
  const handlerPaths = worker.handlers.map((path) => resolve(path));
  const builtin = new Set(builtinJobTypes().names());
  const poolOf = (type: string) =>
    type === EXEC ? "exec" : builtin.has(type) ? "builtin" : "handlers";
  const offered = new Set<string>(options.jobTypes.map(poolOf));
  const pools = new Map<string, ProcessExecutor>();
  const add = (name: string, grants: Grants, paths: readonly string[] = []) => {
    if (!offered.has(name)) return;
    const jobTypes = options.jobTypes.filter((type) => poolOf(type) === name);
    pools.set(name, newPool(config, { ...options, jobTypes }, grants, paths));
  };
  add("builtin", builtinGrants(config, options));
  add("exec", execGrants(options));
  add(
    "handlers",
    withHandlers(handlerGrants(worker.handlerPermissions), handlerPaths),
    handlerPaths,
  );
  return new ExecutorPools(pools, poolOf);
}

/** The commands that `worker.exec_commands` allows. */
export function programsOf({ worker }: Config): Programs {
  try {
    return readPrograms(worker.execCommands);
  } catch (failure) {
    if (!(failure instanceof ProgramsError)) throw failure;
    throw new Misuse(`worker.exec_commands (--allow-exec): ${failure.message}`);
  }
}

/** The network for the guarded fetch, and the files that jobs may reach. */
function builtinGrants({ jobs }: Config, { attemptsRoot }: WorkerExecutorsOptions): Grants {
  const writable = [attemptsRoot, ...jobs.fileWriteRoots].flatMap(bothNames);
  return {
    net: "all",
    read: [...writable, ...jobs.fileReadRoots.flatMap(bothNames)],
    write: writable,
  };
}

/** The commands, and the attempts' directories; what a command may do is its own business. */
function execGrants({ attemptsRoot, programs }: WorkerExecutorsOptions): Grants {
  const root = bothNames(attemptsRoot);
  return { run: Object.values(programs).map(([program]) => program), read: root, write: root };
}

function handlerGrants(written: readonly string[]): Grants {
  try {
    return parseGrants(written, Deno.build.standalone);
  } catch (failure) {
    if (!(failure instanceof PermissionsError)) throw failure;
    throw new Misuse(`worker.handler_permissions: ${failure.message}`);
  }
}

/** A path, and what it is behind links: the runtime asks for either. */
function bothNames(path: string): string[] {
  try {
    return [...new Set([path, Deno.realPathSync(path)])];
  } catch {
    return [path]; // not there yet: then there is no link either
  }
}

function newPool(
  { worker }: Config,
  { environment, programs, markPrefix, jobTypes, idleMax, observer, log }: WorkerExecutorsOptions,
  grants: Grants,
  handlerPaths: readonly string[],
): ProcessExecutor {
  return new ProcessExecutor({
    command: executorCommand(grants),
    setup: {
      environment,
      programs,
      handlerPaths,
      confinement: {
        dataBytesMax: worker.executorMemoryBytes + DATA_BYTES_BEYOND,
        // Where commands run, the process sees its worker's end itself, and ends them with it.
        diesWithWorker: grants.run === undefined || grants.run === "all",
      },
      drop: refusedBy(grants),
    },
    bounds: {
      memoryMebibytesMax: Math.ceil(worker.executorMemoryBytes / MEBIBYTE),
      processesMax: worker.executorProcesses,
      diskMebibytesMax: Math.ceil(worker.executorDiskBytes / MEBIBYTE),
    },
    heapMebibytesMax: Math.ceil(worker.executorHeapBytes / MEBIBYTE),
    v8Flags: Deno.env.get("DENO_V8_FLAGS"),
    startsProcesses: grants.run !== undefined,
    killGraceMs: worker.killGraceMs,
    markPrefix,
    spares: worker.executorSpares,
    prepares: jobTypes,
    idleMax,
    attemptsMax: worker.executorAttempts,
    observer,
    onRefused: once((bounds) =>
      log.warn("this system refuses to limit executor processes", { bounds: bounds.join(", ") })
    ),
    onOrphan: ({ jobId, jobType, error }) =>
      log.warn("a promise or a timer that a job left behind failed after the job's end", {
        job_id: jobId,
        type: jobType,
        error,
      }),
  });
}

/** All processes of a worker are refused the same. */
function once(tell: (bounds: readonly string[]) => void): (bounds: readonly string[]) => void {
  let isTold = false;
  return (bounds) => {
    if (!isTold) tell(bounds);
    isTold = true;
  };
}

/** How this very program is started again as an executor process. */
function executorCommand(grants: Grants): readonly string[] {
  if (Deno.build.standalone) return [Deno.execPath(), "__executor"];
  const main = fileURLToPath(Deno.mainModule);
  // A bundle (scripts/build.ts) needs neither configuration nor packages; the sources need both.
  const isBundle = main.endsWith(".js");
  const options = isBundle ? ["--no-config", "--no-lock", "--no-remote", "--cached-only"] : [];
  options.push("--unstable-raw-imports");
  return [Deno.execPath(), "run", "--quiet", ...denoFlags(grants), ...options, main, "__executor"];
}
