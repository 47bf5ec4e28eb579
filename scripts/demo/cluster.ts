/**
 * A master and a worker as processes, for the demo.
 *
 * @module
 */

import { join, resolve } from "node:path";

/** Both processes. */
export interface Cluster {
  readonly grpcAddress: string;
  readonly httpUrl: string;
  stop(): Promise<void>;
}

const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;

/** Starts a master and, once it is ready, a worker that may write below `outputs`. */
export async function startCluster(
  command: readonly string[],
  directory: string,
  outputs: string,
  workerFlags: readonly string[] = [],
): Promise<Cluster> {
  const [grpc, raft, http, metrics] = freePorts(4);
  const grpcAddress = `127.0.0.1:${grpc}`;
  const httpUrl = `http://127.0.0.1:${http}`;
  const processes: Deno.ChildProcess[] = [];
  const stop = async () => {
    for (const each of processes.reverse()) await ended(each);
  };
  try {
    processes.push(conductor(command, [
      "master",
      "--bootstrap",
      `--grpc-port=${grpc}`,
      `--bind-addr=127.0.0.1:${raft}`,
      `--http-port=${http}`,
      `--metrics-port=${metrics}`,
      `--data-dir=${join(directory, "master")}`,
      `--log-output=${join(directory, "master.log")}`,
      `--set=log.audit_output=${join(directory, "audit.log")}`,
    ]));
    await ready(`${httpUrl}/ready`, processes[0]!);
    processes.push(conductor(command, [
      "worker",
      `--join=${grpcAddress}`,
      "--worker-id=demo-worker",
      "--grpc-port=0",
      `--data-dir=${join(directory, "worker")}`,
      `--log-output=${join(directory, "worker.log")}`,
      `--set=jobs.file_write_roots=${outputs}`,
      ...workerFlags,
    ]));
  } catch (failure) {
    await stop();
    throw failure;
  }
  return { grpcAddress, httpUrl, stop };
}

/** How to start the program: from its source, or the file that `deno task build` made. */
export function conductorCommand(root: string, binary: string | undefined): readonly string[] {
  return binary === undefined
    ? [Deno.execPath(), "run", "--quiet", "-A", join(root, "main.ts")]
    : [resolve(binary)];
}

function conductor(command: readonly string[], args: readonly string[]): Deno.ChildProcess {
  const [program = "", ...before] = command;
  return new Deno.Command(program, {
    args: [...before, ...args],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
}

/** Ports that are free now. All are held at once, so that no two are the same. */
export function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  const ports = listeners.map((listener) => listener.addr.port);
  for (const listener of listeners) listener.close();
  return ports;
}

async function ready(url: string, process: Deno.ChildProcess): Promise<void> {
  const untilMs = performance.now() + READY_TIMEOUT_MS;
  let exited: Deno.CommandStatus | undefined;
  process.status.then((status) => exited = status);
  while (performance.now() < untilMs) {
    if (exited !== undefined) throw new Error(`the master ended with code ${exited.code}`);
    try {
      const response = await fetch(url);
      await response.body?.cancel();
      if (response.ok) return;
    } catch (failure) {
      if (!(failure instanceof TypeError)) throw failure; // nobody listens yet
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the master was not ready within ${READY_TIMEOUT_MS} ms`);
}

/** Asks a process to end, and insists if it does not. */
async function ended(process: Deno.ChildProcess): Promise<void> {
  send(process, "SIGTERM");
  const timer = setTimeout(() => send(process, "SIGKILL"), STOP_TIMEOUT_MS);
  await process.status;
  clearTimeout(timer);
}

function send(process: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    process.kill(signal);
  } catch (failure) {
    // It has ended already: Ctrl-C reaches all processes of a terminal.
    if (!(failure instanceof TypeError)) throw failure;
  }
}
