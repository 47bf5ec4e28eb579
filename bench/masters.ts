/**
 * Masters as processes of their own on loopback ports, with the development profile's timings, and
 * nothing between them: what a user on one machine gets.
 *
 * @module
 */

import { credentials } from "@grpc/grpc-js";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { JobClient, MemberClient } from "../src/rpc/mod.ts";
import { eventually } from "../tests/ha/wait.ts";
import { NodeProcess } from "../tests/ha/node_process.ts";
import { clusterStatusOf, isReady } from "../tests/ha/pages.ts";
import { unusedPorts } from "../tests/ha/ports.ts";
import { fillDirectory, type Filling } from "./suite/filled_state.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));

export interface MasterProcess {
  readonly name: string;
  readonly process: NodeProcess;
  readonly grpcAddress: string;
  readonly httpUrl: string;
  readonly directory: string;
  /** Where its inspector listens, if it has one. */
  readonly inspector: string | undefined;
}

/** A worker as a process of its own. */
export interface WorkerProcess {
  readonly name: string;
  readonly process: NodeProcess;
  readonly inspector: string | undefined;
}

export interface MastersOptions {
  /** Each process gets an inspector, for profiles. */
  readonly isInspected?: boolean;
  /** What the first master holds from the beginning; the others copy it. */
  readonly filling?: Filling | undefined;
}

export class Masters implements AsyncDisposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "conductor-bench-" });
  readonly all: MasterProcess[] = [];
  readonly workers: WorkerProcess[] = [];
  readonly #flags: readonly string[];
  readonly #options: MastersOptions;

  private constructor(flags: readonly string[], options: MastersOptions) {
    this.#flags = flags;
    this.#options = options;
  }

  /** Starts `count` masters; resolves when all are ready and vote. */
  static async start(
    count: number,
    flags: readonly string[] = [],
    options: MastersOptions = {},
  ): Promise<Masters> {
    const masters = new Masters(flags, options);
    for (let number = 1; number <= count; number++) masters.add(`m${number}`);
    await masters.ready();
    return masters;
  }

  /** Starts one more, which joins the first. */
  add(name: string): MasterProcess {
    const [grpc = 0, raft = 0, http = 0] = unusedPorts(3);
    const { inspector, runtimeFlags } = this.#inspection();
    const directory = join(this.directory, name);
    const first = this.all[0];
    const process = new NodeProcess(
      name,
      MAIN,
      [
        "master",
        `--node-id=${name}`,
        `--grpc-port=${grpc}`,
        `--bind-addr=127.0.0.1:${raft}`,
        `--http-port=${http}`,
        `--data-dir=${directory}`,
        `--log-output=${join(this.directory, `${name}.log`)}`,
        "--log-level=warn",
        `--set=log.audit_output=${join(this.directory, `${name}.audit.log`)}`,
        "--set=metrics.enabled=false",
        "--set=scheduler.max_pending_jobs=100000000",
        ...this.#flags,
      ],
      () => {},
      runtimeFlags,
    );
    process.start(
      first === undefined ? this.#founding(name, directory, { grpc, raft }) : [
        `--join=${first.grpcAddress}`,
      ],
    );
    const master = {
      name,
      process,
      directory,
      inspector,
      grpcAddress: `127.0.0.1:${grpc}`,
      httpUrl: `http://127.0.0.1:${http}`,
    };
    this.all.push(master);
    return master;
  }

  /** Flags by which the first master comes to its cluster: a new one, or that of its directory. */
  #founding(name: string, directory: string, ports: { grpc: number; raft: number }): string[] {
    const { filling } = this.#options;
    if (filling === undefined) return ["--bootstrap"];
    const address = { grpc: `127.0.0.1:${ports.grpc}`, raft: `127.0.0.1:${ports.raft}` };
    fillDirectory({ name, directory, address }, filling);
    return [];
  }

  #inspection(): { readonly inspector: string | undefined; readonly runtimeFlags: string[] } {
    if (!this.#options.isInspected) return { inspector: undefined, runtimeFlags: [] };
    const [port = 0] = unusedPorts(1);
    const inspector = `127.0.0.1:${port}`;
    return { inspector, runtimeFlags: [`--inspect=${inspector}`] };
  }

  startWorker(name: string, ...flags: string[]): void {
    const { inspector, runtimeFlags } = this.#inspection();
    const worker = new NodeProcess(
      name,
      MAIN,
      [
        "worker",
        ...this.all.map((each) => `--join=${each.grpcAddress}`),
        `--worker-id=${name}`,
        "--grpc-port=0",
        `--data-dir=${join(this.directory, "workers")}`,
        `--log-output=${join(this.directory, `${name}.log`)}`,
        "--log-level=warn",
        ...flags,
      ],
      () => {},
      runtimeFlags,
    );
    worker.start();
    this.workers.push({ name, process: worker, inspector });
  }

  /** Resolves when every running master is ready and votes. */
  async ready(): Promise<void> {
    await eventually("every master is ready and votes", async () => {
      const running = this.all.filter((each) => each.process.isRunning);
      const statuses = await Promise.all(running.map(clusterStatusOf));
      const voters = statuses[0]?.servers.filter((each) => each.suffrage === "Voter").length ?? 0;
      const areReady = await Promise.all(running.map(isReady));
      return !areReady.includes(false) && voters >= running.length ? true : undefined;
    }, 120_000);
  }

  async leader(): Promise<MasterProcess> {
    return await eventually("a master leads", async () => {
      for (const master of this.all) {
        if (!master.process.isRunning || master.process.isFrozen) continue;
        if ((await clusterStatusOf(master))?.state === "Leader") return master;
      }
      return undefined;
    });
  }

  /** The client library with every address, or that of one master, at which it stays. */
  client(only?: MasterProcess): JobClient {
    return new JobClient(this.#channel(only));
  }

  /** For what is asked of one master alone. */
  memberClient(of: MasterProcess): MemberClient {
    return new MemberClient(this.#channel(of));
  }

  #channel(only: MasterProcess | undefined) {
    return {
      addresses: only === undefined ? this.all.map((each) => each.grpcAddress) : [only.grpcAddress],
      followsLeader: only === undefined,
      credentials: credentials.createInsecure(),
      messageBytesMax: 4 * 1024 * 1024,
      callTimeoutMs: 30_000,
      dialTimeoutMs: 2_000,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const processes = [...this.workers, ...this.all];
    await Promise.all(processes.map(({ process }) => process.retire()));
    await Deno.remove(this.directory, { recursive: true });
  }
}
