/**
 * The real program on a disk that fails: a master under `strace`, which makes chosen calls on one
 * chosen file fail as the kernel would, or on a file system that is really full.
 *
 * @module
 */

import { credentials } from "@grpc/grpc-js";
import { JobClient } from "../../src/rpc/mod.ts";
import { unusedPorts } from "../ha/ports.ts";
import { until } from "../e2e/support.ts";
import { MAIN, RUNTIME_ENVIRONMENT } from "../program.ts";

/** Calls on a file that fail, or that the process does not survive. */
export interface Injection {
  /** Within the data directory. */
  readonly file: string;
  readonly calls: string;
  readonly error: "EIO" | "ENOSPC" | "SIGKILL";
  /** Which of these calls of this file fail, as strace has it: `7`, or `7..20`. */
  readonly when: string;
}

/** How a process ended. */
export interface Ended {
  readonly code: number;
  readonly stderr: string;
}

/** One master, its directory and its ports, through several lives. */
export class FaultyMaster {
  readonly #directory: string;
  readonly dataDir: string;
  readonly #ports = unusedPorts(4);
  #process: Deno.ChildProcess | undefined;
  #ended: Promise<Ended> = Promise.resolve({ code: 0, stderr: "it was not started" });

  constructor(directory: string, dataDir = `${directory}/data`) {
    this.#directory = directory;
    this.dataDir = dataDir;
  }

  /** Starts it; resolves with how it ends. */
  start(injection?: Injection): Promise<Ended> {
    const program = [
      Deno.execPath(),
      ...["run", "--quiet", "--no-check", "--allow-all", MAIN, "master"],
      ...this.#flags(),
    ];
    const [first, ...rest] = injection === undefined
      ? program
      : [...strace(`${this.dataDir}/${injection.file}`, injection), ...program];
    const command = new Deno.Command(first!, {
      args: rest,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
      // The tester's own settings are none of the master's.
      clearEnv: true,
      env: {
        ...inherited("PATH", "HOME", "DENO_DIR", "TMPDIR"),
        ...RUNTIME_ENVIRONMENT,
        NO_COLOR: "1",
      },
    });
    const process = command.spawn();
    this.#process = process;
    this.#ended = Promise.all([process.status, new Response(process.stderr).text()])
      .then(([{ code }, stderr]) => ({ code, stderr }));
    return this.#ended;
  }

  /** Waits until it can serve; says why when it ends instead. */
  async ready(): Promise<void> {
    let failure: string | undefined;
    this.#ended.then(({ code, stderr }) => failure = `it ended with ${code}: ${stderr}`);
    await until("the master is ready", () => {
      if (failure !== undefined) throw new Error(failure);
      return this.isReady();
    });
  }

  async isReady(): Promise<boolean> {
    const response = await fetch(`http://127.0.0.1:${this.#ports[2]}/ready`);
    await response.body?.cancel();
    return response.ok;
  }

  /** Whether its log says `text`. */
  logged(text: string): boolean {
    return Deno.readTextFileSync(`${this.#directory}/master.log`).includes(text);
  }

  /** Where clients and workers reach it. */
  get address(): string {
    return `127.0.0.1:${this.#ports[0]}`;
  }

  /** A client: patient, or one that soon takes a master for gone whose port is closed. */
  client(patience: "patient" | "impatient" = "patient"): JobClient {
    const isPatient = patience === "patient";
    return new JobClient({
      addresses: [this.address],
      credentials: credentials.createInsecure(),
      messageBytesMax: 8 * 1024 * 1024,
      callTimeoutMs: 60_000,
      connectionWaitMs: isPatient ? 30_000 : 500,
      dialTimeoutMs: 10_000,
      // One that has no processor for a while is not gone: else none of its answers would be waited for.
      silenceMs: 30_000,
    });
  }

  /** Ends what runs, if anything does. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (process === undefined) return;
    try {
      process.kill(signal);
    } catch (failure) {
      if (!(failure instanceof TypeError)) throw failure; // it has ended already
    }
    await process.status;
  }

  #flags(): string[] {
    const [grpc, raft, http, metrics] = this.#ports;
    return [
      "--bootstrap",
      `--grpc-port=${grpc}`,
      `--bind-addr=127.0.0.1:${raft}`,
      `--http-port=${http}`,
      `--metrics-port=${metrics}`,
      `--data-dir=${this.dataDir}`,
      `--log-output=${this.#directory}/master.log`,
      `--set=log.audit_output=${this.#directory}/audit.log`,
      // Looking for jobs to forget, a leader reads them, every few seconds; then they are in its memory.
      ...["keep_cancelled", "keep_cancelled_max"].map((key) => `--set=jobs.${key}=0`),
    ];
  }
}

function inherited(...names: string[]): Record<string, string> {
  const found = names.map((name) => [name, Deno.env.get(name)] as const);
  return Object.fromEntries(
    found.filter((each): each is [string, string] => each[1] !== undefined),
  );
}

function strace(path: string, { calls, error, when }: Injection): string[] {
  const isKill = error === "SIGKILL";
  return [
    // A filter in the kernel makes it faster, but then strace forgets to send the signal.
    ...["strace", "-D", "-f", "-qq", ...(isKill ? [] : ["--seccomp-bpf"]), "-o", "/dev/null"],
    ...["-P", path, "-e", `trace=${calls}`],
    ...["-e", `inject=${calls}:${isKill ? "signal" : "error"}=${error}:when=${when}`],
  ];
}

/** Whether faults can be injected here. `.ci/run` installs strace; elsewhere it may be missing. */
export async function canInject(): Promise<boolean> {
  try {
    const args = ["-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "true"];
    return (await new Deno.Command("strace", { args }).output()).success;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return false;
    throw failure;
  }
}

/** Runs `test` with a master on a directory of its own; ends and removes both. */
export async function onFaultyDisk<Result>(
  test: (master: FaultyMaster, directory: string) => Promise<Result>,
): Promise<Result> {
  const directory = Deno.makeTempDirSync({ prefix: "conductor-fault-" });
  const master = new FaultyMaster(directory);
  try {
    return await test(master, directory);
  } finally {
    await master.stop("SIGKILL");
    await Deno.remove(directory, { recursive: true });
  }
}

/** A file system of a few MiB. */
export interface SmallDisk {
  /** Takes every byte that is left. */
  fill(): void;
  free(): void;
}

const SMALL_DISK_MIB = 16;

/** Runs `test` with a master on a file system of its own. Needs the right to mount one. */
export function onSmallDisk(
  test: (master: FaultyMaster, disk: SmallDisk) => Promise<void>,
): Promise<void> {
  return onFaultyDisk(async (_, directory) => {
    const mountPoint = `${directory}/disk`;
    Deno.mkdirSync(mountPoint);
    await command("mount", "-t", "tmpfs", "-o", `size=${SMALL_DISK_MIB}m`, "tmpfs", mountPoint);
    const master = new FaultyMaster(directory, `${mountPoint}/data`);
    const filler = `${mountPoint}/filler`;
    try {
      await test(master, {
        fill: () => fill(filler),
        free: () => Deno.removeSync(filler),
      });
    } finally {
      await master.stop("SIGKILL");
      await command("umount", mountPoint);
    }
  });
}

/** Whether file systems can be mounted here. */
export async function canMount(): Promise<boolean> {
  try {
    await onSmallDisk(() => Promise.resolve());
    return true;
  } catch {
    return false;
  }
}

function fill(path: string): void {
  using file = Deno.openSync(path, { create: true, write: true });
  for (let chunkBytes = 1024 * 1024; chunkBytes >= 1; chunkBytes = chunkBytes >> 1) {
    try {
      while (file.writeSync(new Uint8Array(chunkBytes)) > 0);
    } catch (failure) {
      if (!(failure instanceof Error && "code" in failure && failure.code === "ENOSPC")) {
        throw failure;
      }
    }
  }
}

async function command(name: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(name, { args }).output();
  if (!success) throw new Error(`${name} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
