/**
 * A cluster of the real program: masters and workers as processes of their own on loopback, each
 * with its own directory, reached by everybody else through a {@linkcode Network} that can fail.
 *
 * @module
 */

import { credentials } from "@grpc/grpc-js";
import { join } from "node:path";
import { JobClient } from "../../src/rpc/mod.ts";
import type { ClusterStatusView } from "../../src/http/mod.ts";
import { LEDGER_JOB_TYPE, ledgerHandler } from "./ledger.ts";
import { Network } from "./network.ts";
import { NodeProcess } from "./node_process.ts";
import { clusterStatusOf, isReady } from "./pages.ts";
import { unusedPorts } from "./ports.ts";
import { eventually } from "./wait.ts";
import { MAIN } from "../program.ts";

/** How a cluster is made. */
export interface ClusterOptions {
  readonly masters?: number;
  readonly workers?: number;
  /** Further flags of every master. */
  readonly masterFlags?: readonly string[];
  /** Further flags of every worker. */
  readonly workerFlags?: readonly string[];
  /** `join`: the first one founds it and the others join; `static`: all are named to all. */
  readonly founding?: "join" | "static";
  /** The program's `main.ts`, if not this checkout's. */
  readonly main?: string;
  /** Environment of a master, by its name. */
  readonly environment?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Silence after which a follower stands for election: short, but not too short for two cores. */
export const ELECTION_TIMEOUT_MS = 800;
const HEARTBEAT_TIMEOUT_MS = 100;

const MASTER_TIMINGS = [
  `--set=raft.heartbeat_timeout=${HEARTBEAT_TIMEOUT_MS}ms`,
  `--set=raft.election_timeout=${ELECTION_TIMEOUT_MS}ms`,
  "--set=raft.snapshot_interval=2s",
  "--set=raft.snapshot_threshold=200",
  "--set=worker.heartbeat_interval=200ms",
  "--set=worker.heartbeat_timeout=3s",
  "--set=scheduler.retry_delay=100ms",
  "--set=scheduler.rebalance_interval=1s",
  "--set=metrics.enabled=false",
];

/** A master, and how to reach it. */
export interface MasterNode {
  readonly name: string;
  readonly process: NodeProcess;
  readonly directory: string;
  /** Where clients and workers are told to reach it: through the network. */
  readonly grpcAddress: string;
  /** Where its peers are told to reach it: through the network. */
  readonly raftAddress: string;
  /** Where it listens for clients: past the network. */
  readonly directAddress: string;
  /** Its pages; past the network. */
  readonly httpUrl: string;
}

export class Cluster {
  readonly directory = Deno.makeTempDirSync({ prefix: "conductor-ha-" });
  readonly network = new Network();
  readonly ledgerFile = join(this.directory, "ledger.jsonl");
  readonly masters: MasterNode[] = [];
  readonly workers: NodeProcess[] = [];
  readonly #options: ClusterOptions;
  readonly #clients: JobClient[] = [];
  readonly #processes: NodeProcess[] = [];
  #isStopped = false;

  constructor(options: ClusterOptions = {}) {
    this.#options = options;
  }

  /** Starts everything; resolves once all masters vote, one leads and all workers are known. */
  async start(): Promise<void> {
    const { masters = 3, workers = 2 } = this.#options;
    await Deno.writeTextFile(this.ledgerFile, "");
    await Deno.writeTextFile(this.#handlers, ledgerHandler(this.ledgerFile));
    for (let number = 1; number <= masters; number++) {
      this.masters.push(this.newMaster(`m${number}`));
    }
    for (const [position, master] of this.masters.entries()) {
      const environment = this.#options.environment?.[master.name];
      master.process.start(this.#foundingFlags(position), environment);
    }
    await this.settled();
    for (let number = 1; number <= workers; number++) this.startWorker(`w${number}`);
    if (workers > 0) await this.#workersKnown();
  }

  /** A master that is not started yet. Its name is its node id. */
  newMaster(name: string): MasterNode {
    const [grpc = 0, raft = 0, http = 0] = unusedPorts(3);
    const directory = join(this.directory, name);
    const grpcAddress = this.network.route(name, grpc);
    const raftAddress = this.network.route(name, raft);
    const process = this.#newProcess(name, [
      "master",
      `--node-id=${name}`,
      `--grpc-port=${grpc}`,
      `--grpc-advertise-addr=${grpcAddress}`,
      `--bind-addr=127.0.0.1:${raft}`,
      `--advertise-addr=${raftAddress}`,
      `--http-port=${http}`,
      `--data-dir=${directory}`,
      `--log-output=${join(this.directory, `${name}.log`)}`,
      "--log-level=info",
      "--set=log.format=json",
      `--set=log.audit_output=${join(this.directory, `${name}.audit.log`)}`,
      ...MASTER_TIMINGS,
      ...(this.#options.masterFlags ?? []),
    ]);
    return {
      name,
      process,
      directory,
      grpcAddress,
      raftAddress,
      directAddress: `127.0.0.1:${grpc}`,
      httpUrl: `http://127.0.0.1:${http}`,
    };
  }

  /** Empties a stopped master's disk and starts it again, to be let in through another member. */
  async rejoinWiped(master: MasterNode): Promise<void> {
    const others = this.masters.filter((each) => each !== master);
    const other = others.find((each) => each.process.isRunning) ?? others[0];
    if (other === undefined) throw new Error("nobody is left to join");
    await Deno.remove(master.directory, { recursive: true });
    master.process.start([`--join=${other.grpcAddress}`]);
  }

  /** Starts a worker that knows every master and runs, beside the built-in types, the ledger's. */
  startWorker(name: string, ...flags: string[]): NodeProcess {
    const worker = this.#newProcess(name, [
      "worker",
      ...this.masters.map((each) => `--join=${each.grpcAddress}`),
      `--worker-id=${name}`,
      "--grpc-port=0",
      "--concurrency=3",
      `--data-dir=${join(this.directory, "workers")}`,
      `--handlers=${this.#handlers}`,
      `--log-output=${join(this.directory, `${name}.log`)}`,
      "--log-level=info",
      "--set=log.format=json",
      "--set=worker.heartbeat_interval=200ms",
      "--set=worker.heartbeat_timeout=3s",
      "--set=worker.result_timeout=2s",
      ...(this.#options.workerFlags ?? []),
      ...flags,
    ]);
    this.workers.push(worker);
    worker.start();
    return worker;
  }

  master(name: string): MasterNode {
    const found = this.masters.find((each) => each.name === name);
    if (found === undefined) throw new Error(`there is no master ${name}`);
    return found;
  }

  /** The program's own client, through the network and with every address. */
  client(options: {
    readonly callTimeoutMs?: number;
    readonly only?: string;
    readonly token?: string;
  } = {}): JobClient {
    const { token } = options;
    const client = new JobClient({
      addresses: options.only === undefined
        ? this.masters.map((each) => each.grpcAddress)
        : [options.only],
      credentials: credentials.createInsecure(),
      messageBytesMax: 4 * 1024 * 1024,
      callTimeoutMs: options.callTimeoutMs ?? 30_000,
      dialTimeoutMs: 1_000,
      ...(token === undefined ? {} : { token: () => token }),
    });
    this.#clients.push(client);
    return client;
  }

  /** What a master says of itself; undefined while it does not answer. */
  async status(master: MasterNode): Promise<ClusterStatusView | undefined> {
    if (!master.process.isRunning || master.process.isFrozen) return undefined;
    return await clusterStatusOf(master);
  }

  /** The master that leads now: of those that think so, the one of the highest term. */
  leader(except: readonly string[] = []): Promise<MasterNode> {
    return eventually("a master leads", () => this.leaderNow(except));
  }

  /** The same, if there is one at this moment. */
  async leaderNow(except: readonly string[] = []): Promise<MasterNode | undefined> {
    const asked = this.masters.filter((each) => !except.includes(each.name));
    const statuses = await Promise.all(asked.map((each) => this.status(each)));
    const leading = asked
      .map((master, position) => ({ master, status: statuses[position] }))
      .filter(({ status }) => status?.state === "Leader")
      .sort((a, b) => (b.status?.term ?? 0) - (a.status?.term ?? 0));
    return leading[0]?.master;
  }

  /** @throws Error when a process ended that nobody ended. */
  async assertAlive(): Promise<void> {
    for (const node of [...this.masters.map((each) => each.process), ...this.workers]) {
      if (node.hasDied) {
        throw new Error(
          `${node.name} ended by itself (code ${await node.ended()}): ${await node.said}`,
        );
      }
    }
  }

  /** All running masters vote, agree on a leader that serves, and have applied the same entries. */
  async settled(): Promise<void> {
    await eventually("the masters agree", async () => {
      await this.assertAlive();
      const running = this.masters.filter((each) => each.process.isRunning);
      const ready = await Promise.all(running.map((each) => isReady(each)));
      if (ready.includes(false)) return undefined;
      const statuses = await Promise.all(running.map((each) => this.status(each)));
      const [first] = statuses;
      const voters = first?.servers.filter((each) => each.suffrage === "Voter").length ?? 0;
      const agree = statuses.every((status) =>
        status !== undefined && status.leader_id !== undefined &&
        status.leader_id === first?.leader_id && status.applied_index === first?.applied_index &&
        status.servers.length === first?.servers.length
      );
      return agree && voters >= running.length ? true : undefined;
    });
  }

  async #workersKnown(): Promise<void> {
    const client = this.client();
    await eventually("the workers are known", async () => {
      const known = await client.listWorkers("active");
      return known.length >= this.workers.length ? true : undefined;
    });
    client.close();
  }

  /** Lets `master` lead: whoever leads in its place is frozen until it does not. */
  async makeLead(master: MasterNode): Promise<void> {
    await eventually(`${master.name} leads`, async () => {
      const leader = await this.leader();
      if (leader === master) return true;
      leader.process.freeze();
      await this.leader([leader.name]);
      leader.process.thaw();
      await this.settled();
      return undefined;
    });
  }

  /** Ends every process for good, and removes every file unless `keep`. */
  async stop(options: { readonly keep?: boolean } = {}): Promise<void> {
    this.#isStopped = true;
    for (const client of this.#clients) client.close();
    await Promise.all(this.#processes.map((each) => each.retire()));
    this.network.close();
    if (!options.keep) await Deno.remove(this.directory, { recursive: true });
  }

  /** Whoever still uses a cluster that was stopped must not start anything that nobody ends. */
  #newProcess(name: string, args: readonly string[]): NodeProcess {
    if (this.#isStopped) throw new Error(`${name} is not started: the cluster was stopped`);
    const main = this.#options.main ?? MAIN;
    const process = new NodeProcess(name, main, args, (pid) => this.network.register(name, pid));
    this.#processes.push(process);
    return process;
  }

  get #handlers(): string {
    return join(this.directory, `${LEDGER_JOB_TYPE}.js`);
  }

  #foundingFlags(position: number): string[] {
    if (this.#options.founding === "static") {
      return this.masters.map((each) => `--initial-cluster=${each.name}=${each.raftAddress}`);
    }
    return position === 0 ? ["--bootstrap"] : [`--join=${this.masters[0]!.grpcAddress}`];
  }
}

/** Runs a test on a cluster of its own; with HA_KEEP=1 a failed one leaves its logs behind. */
export async function onCluster(
  options: ClusterOptions,
  test: (cluster: Cluster) => Promise<void>,
): Promise<void> {
  const cluster = new Cluster(options);
  let keep = Deno.env.get("HA_KEEP") === "1";
  try {
    await cluster.start();
    await test(cluster);
    keep = false;
  } finally {
    if (keep) console.error(`kept: ${cluster.directory}`);
    await cluster.stop({ keep });
  }
}
