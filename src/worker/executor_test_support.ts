/**
 * Executor processes of handlers that a test writes down, for the tests of this room.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AttemptListener, AttemptTask } from "./attempt.ts";
import { ALL_GRANTED, denoFlags, type Grants, refusedBy } from "./executor_permissions.ts";
import { ProcessExecutor, type ProcessExecutorOptions } from "./process_executor.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));

/** What a test changes of the usual. */
export interface TestExecutorOptions extends Partial<ProcessExecutorOptions> {
  readonly grants?: Grants;
  /** As in the compiled program: started with every permission, of which some are given up. */
  readonly givesUp?: boolean;
  /** What starts the process, given its command. */
  readonly startedBy?: readonly string[];
  /** Memory that the system gives a process beyond what the runtime has. */
  readonly dataBytesMax?: number;
}

/** Calls `use` with an executor of the handlers in `source`, and a directory of the call's own. */
export async function withExecutor(
  source: string,
  use: (executor: ProcessExecutor, directory: string) => Promise<void>,
  {
    grants = ALL_GRANTED,
    givesUp = false,
    startedBy = [],
    dataBytesMax = 1024 * 1024 * 1024,
    ...changes
  }: TestExecutorOptions = {},
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "conductor-executor-" });
  const handlers = join(directory, "handlers.js");
  await Deno.writeTextFile(handlers, source);
  const executor = new ProcessExecutor({
    command: [
      ...startedBy,
      ...[Deno.execPath(), "run", "--quiet", "--no-check"],
      ...denoFlags(givesUp ? ALL_GRANTED : grants),
      ...["--unstable-raw-imports", MAIN, "__executor"],
    ],
    setup: {
      environment: ENVIRONMENT,
      programs: {},
      handlerPaths: [handlers],
      confinement: { dataBytesMax, diesWithWorker: true },
      drop: refusedBy(grants),
    },
    bounds: { memoryMebibytesMax: 512, processesMax: 16, diskMebibytesMax: 64 },
    heapMebibytesMax: 128,
    startsProcesses: grants.run !== undefined,
    killGraceMs: 5_000,
    markPrefix: `${directory}#`,
    onRefused: (bounds) => {
      throw new Error(`the system refuses ${bounds.join(", ")}`);
    },
    spares: 0,
    prepares: [],
    idleMax: () => 1,
    attemptsMax: 1_000,
    ...changes,
  });
  try {
    await use(executor, directory);
  } finally {
    await executor.close();
    await Deno.remove(directory, { recursive: true });
  }
}

/** Small bounds, and nothing to reach. */
export const ENVIRONMENT = {
  limits: {
    resultBytesMax: 1024,
    inputBytesMax: 1024,
    streamBytesMax: 1024,
    pixelsMax: 1024,
  },
  files: { readRoots: [], writeRoots: [] },
  fetchPolicy: {
    privateAddresses: "refuse",
    allowList: [],
    userAgent: "test",
    bodyBytesMax: 1024,
  },
} as const;

/** Nobody aborts it. */
export const never = new AbortController().signal;

/** Hears nothing, and knows no parent. */
export const silent: AttemptListener = {
  progress: () => {},
  log: () => {},
  span: () => {},
  parentResult: (jobId) => Promise.reject(new Error(`nobody knows job ${jobId}`)),
};

/** A first attempt at a job of that type, whose directory is below `directory`. */
export function taskOf(directory: string, jobType: string): AttemptTask {
  return {
    jobId: jobType,
    jobType,
    attempt: 1,
    payload: new TextEncoder().encode("{}"),
    parents: [],
    tempDir: join(directory, "attempt"),
    traced: false,
  };
}

/** Processes that live and whose command line holds `word`. */
export function processesWith(word: string): number[] {
  return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter((pid) => {
    if (!Number.isInteger(pid) || pid === Deno.pid) return false;
    try {
      const isDead = /^State:\s+[ZX]/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
      return !isDead && Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes(word);
    } catch {
      return false; // gone meanwhile
    }
  });
}
