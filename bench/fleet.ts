/**
 * `deno task bench:fleet`: what a thousand workers cost that only stand there, each with its connection
 * and its heartbeats, and how jobs fare with them. The workers are real sessions of the SDK's, a hundred
 * in a process.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { eventually } from "../tests/ha/wait.ts";
import { Masters } from "./masters.ts";
import { after, closedLoop } from "./suite/closed_loop.ts";
import { type Latency, latencyOf } from "./suite/latency.ts";
import { Meter, type Usage } from "./suite/meter.ts";
import { SWARM_TYPE } from "./suite/worker_swarm.ts";

/** With so many workers connected. */
interface FleetLook {
  readonly workers: number;
  /** Until the leader counts all of them. */
  readonly connectedMs: number;
  /** While nothing is submitted, in % of one processor, and memory at the end. */
  readonly idle: readonly { readonly name: string; percent: number; mebibytes: number }[];
  /** From submission to the end as the client is told it, one job after the other. */
  readonly roundTripMs: Latency;
  readonly submitsPerSecond: number;
  /** Jobs done in a second, of a batch of {@linkcode BURST_JOBS}. */
  readonly burstPerSecond: number;
}

export interface Fleet {
  readonly masters: number;
  readonly looks: readonly FleetLook[];
}

const SWARM = fileURLToPath(new URL("./suite/worker_swarm.ts", import.meta.url));
/** More in one process, and a busy machine holds them all up together until they think their master dead. */
const WORKERS_A_PROCESS_MAX = 100;
const IDLE_MS = 10_000;
const SINGLES = 100;
const BURST_JOBS = 2_000;
const payload = new TextEncoder().encode(JSON.stringify({ pad: "x".repeat(188) }));

/** One worker first, to compare with; then as many more as are wanted. */
export async function measureFleet(
  { masters: size, workers }: { readonly masters: number; readonly workers: number },
): Promise<Fleet> {
  await using masters = await Masters.start(size);
  await using swarms = new Swarms(masters.all.map(({ grpcAddress }) => grpcAddress));
  const looks: FleetLook[] = [];
  for (const count of [1, workers]) {
    looks.push(await look(masters, swarms, count));
    console.error(fleetTable({ masters: size, looks: looks.slice(-1) }));
  }
  return { masters: size, looks };
}

async function look(masters: Masters, swarms: Swarms, workers: number): Promise<FleetLook> {
  const client = masters.client();
  try {
    const beganMs = performance.now();
    swarms.grow(workers);
    await eventually(
      `${workers} workers are connected`,
      async () => (await client.clusterHealth()).activeWorkers >= workers ? true : undefined,
      180_000,
    );
    const connectedMs = performance.now() - beganMs;
    await after(2_000);
    const leader = await masters.leader();
    const processes = masters.all.map(({ name, process }) => ({
      name: name === leader.name ? "leader" : "follower",
      pid: process.pid ?? 0,
    }));
    const meter = new Meter(processes);
    await after(IDLE_MS);
    const { seconds, usages } = meter.read();
    const job = { type: SWARM_TYPE, payload, priority: 5 };
    const tookMs: number[] = [];
    for (let single = 0; single < SINGLES; single++) {
      const submittedMs = performance.now();
      const { jobId } = await client.submit(job);
      await client.waitFor(jobId, AbortSignal.timeout(60_000));
      tookMs.push(performance.now() - submittedMs);
    }
    const submits = await closedLoop({
      ...{ lanes: 64, warmUpMs: 500, measuredMs: 3_000, processes },
      call: () => client.submit({ ...job, type: "nobodys" }),
    });
    const completed = async () =>
      (await client.listJobs({ type: SWARM_TYPE, status: "completed", limit: 1 })).total;
    const before = await completed();
    const burstMs = performance.now();
    for (let sent = 0; sent < BURST_JOBS; sent += 500) {
      await client.submitBatch(Array.from({ length: 500 }, () => job));
    }
    await eventually(
      "the burst is done",
      async () => await completed() >= before + BURST_JOBS ? true : undefined,
      120_000,
    );
    return {
      ...{ workers, connectedMs, idle: usages.map((each) => idleOf(each, seconds)) },
      roundTripMs: latencyOf(tookMs),
      submitsPerSecond: submits.perSecond,
      burstPerSecond: BURST_JOBS / ((performance.now() - burstMs) / 1_000),
    };
  } finally {
    client.close();
  }
}

function idleOf({ name, cpuMs, mebibytes }: Usage, seconds: number) {
  return { name, percent: cpuMs / (10 * seconds), mebibytes };
}

/** Processes of workers, killed at the end. */
class Swarms implements AsyncDisposable {
  readonly #addresses: readonly string[];
  readonly #children: Deno.ChildProcess[] = [];
  #workers = 0;

  constructor(addresses: readonly string[]) {
    this.#addresses = addresses;
  }

  /** Starts more, until there are so many. */
  grow(workers: number): void {
    while (this.#workers < workers) {
      const count = Math.min(WORKERS_A_PROCESS_MAX, workers - this.#workers);
      const prefix = `swarm${this.#children.length}-`;
      this.#children.push(
        new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", "--no-check", SWARM, prefix, String(count), ...this.#addresses],
          stdin: "null",
          stdout: "null",
          stderr: "inherit",
        }).spawn(),
      );
      this.#workers += count;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill("SIGKILL");
    await Promise.all(this.#children.map((child) => child.status));
  }
}

const COLUMNS = [
  "workers",
  "connected after, s",
  "idle, % of a processor (MiB)",
  "submit to end, ms",
  "submits/s, 64 in flight",
  `jobs/s of a burst of ${BURST_JOBS}`,
];

export function fleetTable({ masters, looks }: Fleet): string {
  const rows = looks.map((look) => {
    const { p50, p99 } = look.roundTripMs;
    const idle = look.idle.map(({ name, percent, mebibytes }) =>
      `${name} ${percent.toFixed(1)} (${mebibytes.toFixed(0)})`
    );
    const cells = [
      String(look.workers),
      (look.connectedMs / 1_000).toFixed(1),
      idle.join(", "),
      `${p50.toFixed(1)} / ${p99.toFixed(1)}`,
      look.submitsPerSecond.toFixed(0),
      look.burstPerSecond.toFixed(0),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return [
    `${masters} masters`,
    `| ${COLUMNS.join(" | ")} |`,
    `|${"---|".repeat(COLUMNS.length)}`,
    ...rows,
  ].join("\n");
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      masters: { type: "string", default: "3" },
      workers: { type: "string", default: "1000" },
      json: { type: "string" },
    },
  });
  const fleet = await measureFleet({
    masters: Number(values.masters),
    workers: Number(values.workers),
  });
  console.log(
    `${navigator.hardwareConcurrency} cores, Deno ${Deno.version.deno}, load ${
      Deno.loadavg()[0]?.toFixed(2)
    }; p50 / p99\n\n${fleetTable(fleet)}`,
  );
  if (values.json !== undefined) {
    await Deno.writeTextFile(values.json, `${JSON.stringify(fleet, undefined, 2)}\n`);
  }
}
