/**
 * `deno task bench:workers`: what workers do in a second, and what it costs to run a job in a process of
 * its own. All runs on one machine in one run: compare the ratios. With `--short` it takes seconds, and
 * shows only that it runs.
 *
 * @module
 */

import { join } from "node:path";
import type { JobClient } from "../src/rpc/mod.ts";
import { end, Host, until } from "../tests/e2e/support.ts";

const IS_SHORT = Deno.args.includes("--short");
const WORKERS = IS_SHORT ? [1] : [1, 4, 16];
const EMPTY_JOBS = IS_SHORT ? 500 : 20_000;
const ISOLATED_JOBS = IS_SHORT ? 50 : 4_000;
const COMMANDS = IS_SHORT ? 20 : 1_000;
const SINGLES = IS_SHORT ? 3 : 30;
const BATCH = 500;
/** Attempts that one worker runs at once. */
const SLOTS = 16;
/** With two cores more processes would only wait for each other. */
const PROCESSES = 4;

/** The same job in the worker's own event loop, and in a process of its own. */
const HANDLERS = `
export default {
  bench_inline: { isolation: "inline", run: () => null },
  bench_isolated: { isolation: "process", run: () => null },
};`;

interface Row {
  readonly what: string;
  readonly perSecond?: number;
  readonly ms?: number;
}

const rows: Row[] = [];

function add(row: Row): void {
  rows.push(row);
  console.error(`${row.what}: ${(row.perSecond ?? row.ms)!.toFixed(1)}`);
}

/** Calls `use` with a master that has these workers, and nothing else. */
async function withWorkers(
  count: number,
  flags: readonly string[],
  use: (client: JobClient) => Promise<void>,
): Promise<void> {
  const host = new Host();
  const handlers = join(host.directory, "handlers.js");
  await Deno.writeTextFile(handlers, HANDLERS);
  try {
    await host.startMaster("--set=scheduler.max_pending_jobs=100000000", "--log-level=warn");
    const client = host.library();
    const own = [`--handlers=${handlers}`, "--allow-exec=true=/bin/true", "--log-level=warn"];
    const workers = Array.from(
      { length: count },
      (_, index) => host.startWorker(`w${index}`, ...own, ...flags),
    );
    await until(
      "every worker is there",
      async () => (await client.listWorkers()).length >= count,
    );
    await use(client);
    client.close();
    for (const worker of workers) await end(worker, "SIGTERM");
  } finally {
    await host.stop();
  }
}

function job(type: string, payload: unknown = {}) {
  const bytes = new TextEncoder().encode(JSON.stringify(payload));
  return { type, payload: bytes, priority: 5, maxRetries: 0 };
}

/** Jobs submitted, run and completed in a second. */
async function cycles(
  client: JobClient,
  type: string,
  jobs: number,
  payload?: unknown,
): Promise<number> {
  const completed = async () =>
    (await client.listJobs({ type, status: "completed", limit: 1 })).total;
  const before = await completed();
  const startedMs = performance.now();
  for (let sent = 0; sent < jobs; sent += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, jobs - sent) }, () => job(type, payload));
    const items = await client.submitBatch(batch);
    if (items.some((item) => "error" in item)) throw new Error("a job of a batch was refused");
  }
  await until(
    `all ${type} jobs are completed`,
    async () => await completed() >= before + jobs,
  );
  return jobs / ((performance.now() - startedMs) / 1_000);
}

/**
 * Median time from a submission to its job's end, one job after the other, in ms.
 *
 * @param restMs between two jobs, in which a spare process may be started
 */
async function single(
  client: JobClient,
  type: string,
  payload?: unknown,
  { singles = SINGLES, restMs = 0 } = {},
): Promise<number> {
  const times: number[] = [];
  for (let time = 0; time < singles; time++) {
    if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs));
    const startedMs = performance.now();
    const { jobId } = await client.submit(job(type, payload));
    const { status, errorMessage } = await client.waitFor(jobId, AbortSignal.timeout(60_000));
    if (status !== "completed") throw new Error(errorMessage);
    times.push(performance.now() - startedMs);
  }
  return times.sort((a, b) => a - b)[Math.floor(singles / 2)]!;
}

async function measureWorkers(): Promise<void> {
  for (const count of WORKERS) {
    await withWorkers(count, [`--concurrency=${SLOTS}`], async (client) => {
      const perSecond = await cycles(client, "noop", EMPTY_JOBS);
      add({ what: `empty jobs, workers: ${count}`, perSecond });
    });
  }
}

async function measureIsolation(): Promise<void> {
  const warm = [`--concurrency=${PROCESSES}`, "--set=worker.executor_spares=1"];
  await withWorkers(1, warm, async (client) => {
    const command = { command: "true" };
    await single(client, "bench_inline");
    add({ what: "an empty job in the worker itself", ms: await single(client, "bench_inline") });
    await single(client, "bench_isolated");
    add({ what: "in a process that is warm", ms: await single(client, "bench_isolated") });
    await single(client, "exec", command);
    add({ what: "exec of /bin/true, warm", ms: await single(client, "exec", command) });
    for (const type of ["bench_inline", "bench_isolated"]) {
      const perSecond = await cycles(client, type, ISOLATED_JOBS);
      const where = type === "bench_inline" ? "in the worker" : `in ${PROCESSES} processes, warm`;
      add({ what: `empty jobs ${where}`, perSecond });
    }
    const perSecond = await cycles(client, "exec", COMMANDS, command);
    add({ what: `exec of /bin/true in ${PROCESSES} processes, warm`, perSecond });
  });
  for (const spares of IS_SHORT ? [0] : [1, 0]) {
    // Each process is replaced after one attempt: the next one is there already, or it is not.
    const flags = [`--set=worker.executor_spares=${spares}`, "--set=worker.executor_attempts=1"];
    await withWorkers(1, flags, async (client) => {
      const how = spares === 1 ? "a spare that was ready" : "a process that is started for it";
      const pauses = { singles: IS_SHORT ? 2 : 10, restMs: IS_SHORT ? 100 : 1_500 };
      add({ what: `in ${how}`, ms: await single(client, "bench_isolated", undefined, pauses) });
    });
  }
}

function printTable(): void {
  const base = rows.find(({ perSecond }) => perSecond !== undefined)!.perSecond!;
  const inline = rows.find(({ ms }) => ms !== undefined)!.ms!;
  console.log("| | cycles/s | to one worker | one at a time, ms | to the worker itself |");
  console.log("|---|---|---|---|---|");
  for (const { what, perSecond, ms } of rows) {
    const cells = perSecond === undefined
      ? ["", "", ms!.toFixed(1), (ms! / inline).toFixed(1)]
      : [Math.round(perSecond).toLocaleString("en-GB"), (perSecond / base).toFixed(2), "", ""];
    console.log(`| ${[what, ...cells].join(" | ")} |`);
  }
}

if (import.meta.main) {
  const load = Deno.loadavg()[0]?.toFixed(2);
  await measureWorkers();
  await measureIsolation();
  const { hardwareConcurrency: cores } = navigator;
  console.log(
    `${cores} cores, Deno ${Deno.version.deno}, load ${load} to ${Deno.loadavg()[0]?.toFixed(2)}\n`,
  );
  printTable();
}
