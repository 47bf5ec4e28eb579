/**
 * `deno task bench:node`: one master and one worker as processes of their own on free loopback ports, and
 * the table that the README quotes. Figures belong to the machine and the moment: compare ratios.
 * With `--short` it takes seconds, and shows only that it runs.
 *
 * @module
 */

import { type BatchItem, type JobClient, Refusal } from "../src/rpc/mod.ts";
import { end, Host, run, until } from "../tests/e2e/support.ts";

const IS_SHORT = Deno.args.includes("--short");
const MEASURED_MS = IS_SHORT ? 100 : 4_000;
const FINISHED_JOBS = IS_SHORT ? 1_000 : 100_000;
/** How long V8 takes at most to give back, of its own accord, what is garbage. */
const QUIET_MS = IS_SHORT ? 100 : 30_000;
const payload = new TextEncoder().encode(JSON.stringify({ pad: "x".repeat(190) }));
const nobodysJob = { type: "bench", payload, priority: 5 };

interface Row {
  readonly what: string;
  readonly figure: string;
}

/** Calls per second of `call`, `lanes` at a time. */
async function rate(lanes: number, call: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  let calls = 0;
  await Promise.all(Array.from({ length: lanes }, async () => {
    while (performance.now() - startedMs < MEASURED_MS) {
      await call();
      calls++;
    }
  }));
  return calls / ((performance.now() - startedMs) / 1_000);
}

async function median(times: number, measure: () => Promise<number>): Promise<number> {
  const figures: number[] = [];
  for (let time = 0; time < times; time++) figures.push(await measure());
  return figures.sort((a, b) => a - b)[Math.floor(times / 2)]!;
}

async function elapsedMs(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

async function residentMebibytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

async function batch(client: JobClient, jobs: typeof nobodysJob[]): Promise<BatchItem[]> {
  while (true) {
    const items = await client.submitBatch(jobs);
    const refused = items.find((each) => "error" in each);
    if (refused === undefined) return items;
    throw new Refusal("internal", `a job of a batch was refused: ${JSON.stringify(refused)}`);
  }
}

async function measure(): Promise<Row[]> {
  const rows: Row[] = [];
  const add = (what: string, figure: string) => {
    rows.push({ what, figure });
    console.error(`${what}: ${figure}`);
  };
  const count = (value: number) => Math.round(value).toLocaleString("en-GB");
  const flags = ["--set=scheduler.max_pending_jobs=100000000", "--log-level=warn"];
  const host = new Host();
  try {
    const version = await median(5, () => elapsedMs(() => run(["--version"])));
    add("`conductor --version`, ms", count(version));
    let master: Deno.ChildProcess | undefined;
    add(
      "start of a master until it is ready, ms",
      count(await elapsedMs(async () => master = await host.startMaster(...flags))),
    );
    add("memory of an idle master, MiB", count(await residentMebibytes(master!.pid)));
    const client = host.library();
    for (const lanes of [1, 64]) {
      const figure = await median(3, () => rate(lanes, () => client.submit(nobodysJob)));
      add(`durable submits/s, one by one through the client, ${lanes} in flight`, count(figure));
    }
    const hundred = Array.from({ length: 100 }, () => nobodysJob);
    const batches = await median(3, () => rate(8, () => batch(client, hundred)));
    add("durable jobs/s, batches of 100", count(batches * 100));
    host.startWorker("w1", "--concurrency=256", "--log-level=warn");
    const thousand = Array.from({ length: 1_000 }, () => ({ ...nobodysJob, type: "noop" }));
    const cyclesMs = await elapsedMs(async () => {
      for (let sent = 0; sent < FINISHED_JOBS; sent += 1_000) {
        await batch(client, thousand);
        await until("few jobs wait", async () => {
          const page = await client.listJobs({ type: "noop", status: "completed", limit: 1 });
          return page.total >= sent - 2_000;
        });
      }
      await until("every job is completed", async () => {
        const page = await client.listJobs({ type: "noop", status: "completed", limit: 1 });
        return page.total >= FINISHED_JOBS;
      });
    });
    add("full cycles/s of an empty job, one worker", count(FINISHED_JOBS / (cyclesMs / 1_000)));
    client.close();
    await end(master!, "SIGTERM");
  } finally {
    await host.stop();
  }
  return rows;
}

/** A master that holds nothing but finished jobs: its memory, and how soon it is back. */
async function measureFinished(): Promise<Row[]> {
  const host = new Host();
  try {
    const flags = ["--set=scheduler.max_pending_jobs=100000000", "--log-level=warn"];
    let master = await host.startMaster(...flags);
    const client = host.library();
    host.startWorker("w1", "--concurrency=256", "--log-level=warn");
    const thousand = Array.from({ length: 1_000 }, () => ({ ...nobodysJob, type: "noop" }));
    for (let sent = 0; sent < FINISHED_JOBS; sent += 1_000) await batch(client, thousand);
    await until("every job is completed", async () => {
      const page = await client.listJobs({ status: "completed", limit: 1 });
      return page.total >= FINISHED_JOBS;
    });
    const after = await residentMebibytes(master.pid);
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    const afterQuiet = await residentMebibytes(master.pid);
    await end(master, "SIGTERM");
    const restartMs = await elapsedMs(async () => master = await host.startMaster(...flags));
    const restarted = await residentMebibytes(master.pid);
    client.close();
    const jobs = FINISHED_JOBS.toLocaleString("en-GB");
    const seconds = QUIET_MS / 1_000;
    return [
      { what: `memory after ${jobs} finished jobs, MiB`, figure: after.toFixed(0) },
      { what: `memory of the same ${seconds} s later, MiB`, figure: afterQuiet.toFixed(0) },
      { what: "memory of the same after a restart, MiB", figure: restarted.toFixed(0) },
      { what: `restart with ${jobs} finished jobs until ready, ms`, figure: restartMs.toFixed(0) },
    ];
  } finally {
    await host.stop();
  }
}

if (import.meta.main) {
  const load = Deno.loadavg()[0]?.toFixed(2);
  const rows = [...await measure(), ...await measureFinished()];
  const { hardwareConcurrency: cores } = navigator;
  const endLoad = Deno.loadavg()[0]?.toFixed(2);
  console.log(`${cores} cores, Deno ${Deno.version.deno}, load ${load} to ${endLoad}\n`);
  console.log("| one node | |\n|---|---|");
  for (const { what, figure } of rows) console.log(`| ${what} | ${figure} |`);
}
