/**
 * The real program as processes of their own, for tests that drive it from outside: free loopback
 * ports, directories that are removed, and no process left behind.
 *
 * @module
 */

import { credentials } from "@grpc/grpc-js";
import { join } from "node:path";
import { recording } from "../../src/cli/terminal_test_support.ts";
import { JobClient } from "../../src/rpc/mod.ts";
import { unusedPorts } from "../ha/ports.ts";
import { MAIN, RUNTIME_ENVIRONMENT } from "../program.ts";

/** Far beyond what anything here takes on a machine with much else to do, so that only a fault runs into it. */
const DEADLINE_MS = 180_000;

/** How the program is started: from its sources, or as what `deno task build` made of them. */
export interface Program {
  readonly command: readonly [string, ...string[]];
  /** Where processes start; left out: here. */
  readonly directory?: string;
  /** Added to this process's. */
  readonly environment?: Readonly<Record<string, string>>;
}

const FROM_SOURCE: Program = {
  command: [
    ...[Deno.execPath(), "run", "--quiet", "--no-check", "--allow-all"] as const,
    MAIN,
  ],
  environment: RUNTIME_ENVIRONMENT,
};

/** What a command answered. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One machine's worth of processes and files. */
export class Host {
  readonly directory = Deno.makeTempDirSync({ prefix: "conductor-e2e-" });
  readonly #ports = unusedPorts(4);
  readonly #processes = new Set<Deno.ChildProcess>();
  readonly #program: Program;

  constructor(program: Program = FROM_SOURCE) {
    this.#program = program;
  }

  get grpcAddress(): string {
    return `127.0.0.1:${this.#ports[0]}`;
  }

  get raftAddress(): string {
    return `127.0.0.1:${this.#ports[1]}`;
  }

  get httpUrl(): string {
    return `http://127.0.0.1:${this.#ports[2]}`;
  }

  get metricsUrl(): string {
    return `http://127.0.0.1:${this.#ports[3]}/metrics`;
  }

  /** Flags of this host's master; the same at every start, so that it is the same node. */
  masterFlags(): string[] {
    const [grpc, raft, http, metrics] = this.#ports;
    return [
      "--bootstrap",
      `--grpc-port=${grpc}`,
      `--bind-addr=127.0.0.1:${raft}`,
      `--http-port=${http}`,
      `--metrics-port=${metrics}`,
      `--data-dir=${join(this.directory, "master")}`,
      `--log-output=${join(this.directory, "master.log")}`,
      `--set=log.audit_output=${join(this.directory, "audit.log")}`,
      "--set=worker.heartbeat_timeout=2s",
      "--set=worker.heartbeat_interval=200ms",
      "--set=scheduler.retry_delay=100ms",
    ];
  }

  /** Starts the master and waits until it can serve. */
  async startMaster(...flags: string[]): Promise<Deno.ChildProcess> {
    const master = this.start(["master", ...this.masterFlags(), ...flags]);
    // One that has ended never becomes ready.
    let ended: Deno.CommandStatus | undefined;
    master.status.then((status) => ended = status);
    await until(`${this.httpUrl}/ready`, async () => {
      if (ended !== undefined) {
        throw new Error(`the master ended before it was ready, with ${JSON.stringify(ended)}`);
      }
      const response = await fetch(`${this.httpUrl}/ready`);
      await response.body?.cancel();
      return response.ok;
    });
    return master;
  }

  startWorker(id: string, ...flags: string[]): Deno.ChildProcess {
    return this.start([
      "worker",
      `--join=${this.grpcAddress}`,
      `--worker-id=${id}`,
      "--grpc-port=0",
      `--data-dir=${join(this.directory, "worker")}`,
      `--log-output=${join(this.directory, `${id}.log`)}`,
      "--set=worker.heartbeat_interval=200ms",
      "--set=worker.heartbeat_timeout=2s",
      ...flags,
    ]);
  }

  /** `output`: whether what it prints is to be read, which the caller then must do. */
  start(args: readonly string[], output: "null" | "piped" = "null"): Deno.ChildProcess {
    const process = command(this.#program, args, output).spawn();
    this.#processes.add(process);
    process.status.then(() => this.#processes.delete(process));
    return process;
  }

  /**
   * Runs a client command against this host's master. One that runs from the sources is run within
   * this process where that makes no difference: a process costs more than most of what is asked.
   */
  client(...args: string[]): Promise<CommandResult> {
    return this.#program === FROM_SOURCE && isOnlyText(args)
      ? runHere(this.#addressed(args))
      : this.clientGiven({}, ...args);
  }

  /** The same, in a process of its own, with something on its stdin or in its environment. */
  clientGiven(given: Given, ...args: string[]): Promise<CommandResult> {
    return run(this.#addressed(args), this.#program, given);
  }

  #addressed(args: readonly string[]): string[] {
    return [...args, `--addr=${this.grpcAddress}`, "--set=grpc.connection_wait=10s"];
  }

  /** Submits a job, waits for its end and gives it as `--output json` prints it. */
  async finished(type: string, payload: unknown, ...flags: string[]) {
    const { code, stdout, stderr } = await this.client(
      "submit",
      `--type=${type}`,
      `--payload=${JSON.stringify(payload)}`,
      "--wait",
      "--output=json",
      ...flags,
    );
    if (stdout === "") throw new Error(stderr);
    const job = JSON.parse(stdout);
    if (code !== (job.status === "completed" ? 0 : 1)) {
      throw new Error(`a job that is ${job.status} gave exit code ${code}`);
    }
    return job;
  }

  /** The client library, with patience for a master that is being restarted. */
  library(): JobClient {
    return new JobClient({
      addresses: [this.grpcAddress],
      credentials: credentials.createInsecure(),
      messageBytesMax: 4 * 1024 * 1024,
      callTimeoutMs: 30_000,
      dialTimeoutMs: 2_000,
    });
  }

  async stop(): Promise<void> {
    for (const process of this.#processes) process.kill("SIGKILL");
    await Promise.all([...this.#processes].map((process) => process.status));
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** What a command finds when it starts. */
export interface Given {
  readonly stdin?: string | Uint8Array<ArrayBuffer>;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Whether a command reads no stdin, writes no bytes to stdout and starts no node. */
function isOnlyText([command = "", ...more]: readonly string[]): boolean {
  return !["master", "worker", "result", "debug", "demo", "bench"].includes(command) &&
    !more.some((each) => each === "-" || each.endsWith("=-")) &&
    !Object.keys(Deno.env.toObject()).some((name) => name.startsWith("CONDUCTOR_"));
}

/** What the program does once it has started, up to its exit code, in this process. */
async function runHere(args: readonly string[]): Promise<CommandResult> {
  const { route } = await import("../../src/cli/router.ts");
  const terminal = recording();
  const code = await route(args, terminal);
  return { code, stdout: terminal.written.out, stderr: terminal.written.err };
}

/** Runs a command to its end, in a process of its own. */
export async function run(
  args: readonly string[],
  program: Program = FROM_SOURCE,
  { stdin, environment }: Given = {},
): Promise<CommandResult> {
  const own = { ...program, environment: { ...program.environment, ...environment } };
  const process = command(own, args, "piped", stdin === undefined ? "null" : "piped").spawn();
  const fed = stdin === undefined ? Promise.resolve() : feed(process.stdin, stdin);
  const [{ code, stdout, stderr }] = await Promise.all([process.output(), fed]);
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

async function feed(
  stream: WritableStream<Uint8Array<ArrayBuffer>>,
  text: string | Uint8Array<ArrayBuffer>,
): Promise<void> {
  const writer = stream.getWriter();
  try {
    await writer.write(typeof text === "string" ? new TextEncoder().encode(text) : text);
    await writer.close();
  } catch (failure) {
    // A command that refuses its flags reads nothing; what it says is for the test to judge.
    if (!(failure instanceof Deno.errors.BrokenPipe)) throw failure;
  }
}

/** Ends a process by a signal and waits for it. */
export async function end(process: Deno.ChildProcess, signal: Deno.Signal): Promise<number> {
  process.kill(signal);
  return (await process.status).code;
}

/** Waits until `holds`; a failure to connect counts as "not yet". */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + DEADLINE_MS;
  while (performance.now() < endMs) {
    try {
      if (await holds()) return;
    } catch (failure) {
      if (!(failure instanceof TypeError)) throw failure;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what} did not come true within ${DEADLINE_MS} ms`);
}

/** Runs a test on a host of its own. */
export async function onHost(test: (host: Host) => Promise<void>): Promise<void> {
  const host = new Host();
  try {
    await test(host);
  } finally {
    await host.stop();
  }
}

function command(
  { command: [executable, ...first], directory, environment }: Program,
  args: readonly string[],
  output: "null" | "piped",
  input: "null" | "piped" = "null",
): Deno.Command {
  return new Deno.Command(executable, {
    args: [...first, ...args],
    ...(directory !== undefined && { cwd: directory }),
    stdin: input,
    stdout: output,
    stderr: output,
    clearEnv: true,
    env: { ...inherited(), NO_COLOR: "1", ...environment },
  });
}

/** Nothing that is set for another Conductor may change what a test sees. */
function inherited(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) => !name.startsWith("CONDUCTOR_")),
  );
}
