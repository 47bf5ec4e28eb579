/**
 * `deno task bench:observability`: what it costs to be seen. Two clusters of a master and a worker stand
 * beside each other, one with metrics that are scraped, a log at level info and a tenth of all traces
 * exported to a collector, one with nothing of that, and jobs go to one and the other in turn.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { credentials } from "@grpc/grpc-js";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { JobClient } from "../src/rpc/mod.ts";
import { NodeProcess } from "../tests/ha/node_process.ts";
import { unusedPorts } from "../tests/ha/ports.ts";
import { eventually } from "../tests/ha/wait.ts";
import { type Compared, compareInTurns, type Measure, tableOf } from "./suite/turns.ts";
import { cpuMsOf } from "./suite/meter.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
const SAMPLE_RATIO = 0.1;
const SCRAPE_INTERVAL_MS = 5_000;
const BATCH = 100;
const payload = new Uint8Array(200);
const nobodysJob = { type: "bench", payload, priority: 5 };
const emptyJob = { type: "noop", payload, priority: 5 };

const MEASURES: readonly Measure[] = [
  {
    what: "single submits, 64 in flight",
    lanes: 64,
    jobs: 1,
    submit: (client) => client.submit(nobodysJob),
  },
  {
    what: `submits in batches of ${BATCH}, 4 in flight`,
    lanes: 4,
    jobs: BATCH,
    submit: (client) => client.submitBatch(Array.from({ length: BATCH }, () => nobodysJob)),
  },
  {
    what: `full cycles in batches of ${BATCH}, 4 in flight`,
    lanes: 4,
    jobs: BATCH,
    submit: async (client) => {
      const items = await client.submitBatch(Array.from({ length: BATCH }, () => emptyJob));
      const last = items.at(-1);
      if (last === undefined || !("jobId" in last)) throw new Error(JSON.stringify(last));
      await client.waitFor(last.jobId);
    },
  },
];

/** Takes spans and leaves them unread: it lives beside the client, whose time is measured, too. */
class Collector {
  bytes = 0;
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      this.bytes += (await request.bytes()).byteLength;
      return Response.json({});
    },
  );

  get port(): number {
    return this.#server.addr.port;
  }

  async stop(): Promise<void> {
    await this.#server.shutdown();
  }
}

/** A master, a worker, and a client of them. */
class Nodes implements Compared {
  readonly client: JobClient;
  readonly #processes: readonly NodeProcess[];
  readonly #directory: string;
  readonly #scraping: ReturnType<typeof setInterval> | undefined;

  /** @param collectorPort where spans go; undefined: nothing is to be seen */
  static async start(collectorPort: number | undefined): Promise<Nodes> {
    const nodes = new Nodes(collectorPort);
    await eventually("the worker is there", async () => {
      const workers = await nodes.client.listWorkers("active").catch(() => []);
      return workers.length === 1 ? true : undefined;
    }, 120_000);
    return nodes;
  }

  private constructor(collectorPort: number | undefined) {
    this.#directory = Deno.makeTempDirSync({ prefix: "conductor-bench-" });
    const [grpc, raft, http, metrics, pages] = unusedPorts(5);
    const shown = collectorPort === undefined
      ? ["--set=metrics.enabled=false", "--set=tracing.enabled=false", "--log-level=error"]
      : [
        "--set=metrics.enabled=true",
        "--log-level=info",
        "--set=log.format=json",
        "--set=tracing.enabled=true",
        `--set=tracing.otlp_endpoint=http://127.0.0.1:${collectorPort}`,
        `--set=tracing.sample_ratio=${SAMPLE_RATIO}`,
      ];
    const logOf = (name: string) => `--log-output=${join(this.#directory, `${name}.log`)}`;
    const master = new NodeProcess("m1", MAIN, [
      ...["master", "--bootstrap", `--grpc-port=${grpc}`, `--bind-addr=127.0.0.1:${raft}`],
      ...[`--http-port=${http}`, `--metrics-port=${metrics}`, logOf("m1")],
      `--data-dir=${join(this.#directory, "m1")}`,
      ...["--set=log.audit_enabled=false", "--set=scheduler.max_pending_jobs=100000000"],
      ...shown,
    ], () => {});
    const worker = new NodeProcess("w1", MAIN, [
      ...["worker", `--join=127.0.0.1:${grpc}`, "--grpc-port=0", "--worker-id=w1", logOf("w1")],
      ...[`--set=worker.http_port=${pages}`, "--concurrency=256"],
      `--data-dir=${join(this.#directory, "w1")}`,
      ...shown,
    ], () => {});
    this.#processes = [master, worker];
    for (const each of this.#processes) each.start();
    this.client = new JobClient({
      addresses: [`127.0.0.1:${grpc}`],
      credentials: credentials.createInsecure(),
      messageBytesMax: 4 * 1024 * 1024,
      callTimeoutMs: 30_000,
      dialTimeoutMs: 2_000,
    });
    if (collectorPort === undefined) return;
    this.#scraping = setInterval(() => {
      for (const port of [metrics, pages]) {
        fetch(`http://127.0.0.1:${port}/metrics`).then((page) => page.text()).catch((failure) =>
          console.error(`not scraped: ${failure}`)
        );
      }
    }, SCRAPE_INTERVAL_MS);
  }

  cpuMs(): number {
    return this.#processes.reduce(
      (sum, { pid }) => sum + (pid === undefined ? 0 : cpuMsOf(pid)),
      0,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#scraping);
    this.client.close();
    await Promise.all(this.#processes.map((each) => each.retire()));
    await Deno.remove(this.#directory, { recursive: true });
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      help: { type: "boolean", default: false },
      turns: { type: "string", default: "7" },
      seconds: { type: "string", default: "2" },
      short: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(
      "deno task bench:observability --turns N (7), --seconds N of each (2), --short: one turn of 100 ms",
    );
    Deno.exit(0);
  }
  const load = Deno.loadavg()[0]?.toFixed(2);
  const collector = new Collector();
  await using off = await Nodes.start(undefined);
  await using on = await Nodes.start(collector.port);
  const rows = await compareInTurns({ off, on }, MEASURES, {
    name: "one master",
    turns: values.short ? 1 : Number(values.turns),
    turnMs: values.short ? 100 : Number(values.seconds) * 1_000,
  });
  const cores = navigator.hardwareConcurrency;
  console.log(`${cores} cores, Deno ${Deno.version.deno}, load before ${load}\n`);
  console.log(tableOf(rows));
  const kibibytes = Math.round(collector.bytes / 1024).toLocaleString("en-GB");
  console.log(`\n${kibibytes} KiB of spans came to the collector`);
  await collector.stop();
}
