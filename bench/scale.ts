/**
 * `deno task bench:scale`: what submitting, dispatching, listing and cancelling cost when nothing is
 * stored, beside a long queue, and beside many finished jobs; all in one run, so that the ratios mean
 * something. Then one great batch: accepted, run and listed. Figures belong to the machine and the
 * moment.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { JobClient } from "../src/rpc/mod.ts";
import { eventually } from "../tests/ha/wait.ts";
import { Masters } from "./masters.ts";
import { cpuMsOf } from "./suite/meter.ts";

/** One look at a cluster in a certain state. */
interface Look {
  readonly state: string;
  readonly submitsPerSecond: number;
  readonly submitMs: Spread;
  /** Of the leader, for a submission by itself: what other processes do changes it least. */
  readonly submitCpuMs: number;
  readonly dispatchMs: Spread;
  readonly listMs: Spread;
  readonly listByTypeMs: Spread;
  readonly cancelMs: Spread;
}

interface Spread {
  readonly p50: number;
  readonly p99: number;
}

const payload = new Uint8Array(200);
/** Runs at once on the one worker. */
const quickJob = { type: "noop", payload, priority: 5 };
/** Nobody offers its type. */
const waitingJob = { type: "nobodys", payload, priority: 5 };
const BATCH = 1_000;
/** So many times as many single submissions and cancels as of the rest: they are short, and vary. */
const SINGLES_FACTOR = 8;
/** Unfinished jobs in the air while finished ones are made. */
const IN_THE_AIR_MAX = 20_000;

function spreadOf(tookMs: number[]): Spread {
  const sorted = tookMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

async function timed(times: number, call: () => Promise<unknown>): Promise<Spread> {
  const tookMs: number[] = [];
  for (let time = 0; time < times; time++) {
    const beforeMs = performance.now();
    await call();
    tookMs.push(performance.now() - beforeMs);
  }
  return spreadOf(tookMs);
}

async function submitRate(client: JobClient, lanes: number, measuredMs: number): Promise<number> {
  const startedMs = performance.now();
  const jobIds: string[] = [];
  await Promise.all(Array.from({ length: lanes }, async () => {
    while (performance.now() - startedMs < measuredMs) {
      jobIds.push((await client.submit(waitingJob)).jobId);
    }
  }));
  const seconds = (performance.now() - startedMs) / 1_000;
  // The next look shall find the state that it is about.
  const made = jobIds.length;
  await Promise.all(Array.from({ length: lanes }, async () => {
    for (let jobId = jobIds.pop(); jobId !== undefined; jobId = jobIds.pop()) {
      await client.cancel(jobId, "");
    }
  }));
  return made / seconds;
}

/** From the leader's stamp on the submission to the worker's on the start, one job after the other. */
async function dispatch(client: JobClient, jobs: number): Promise<Spread> {
  const tookMs: number[] = [];
  for (let job = 0; job < jobs; job++) {
    const { jobId } = await client.submit(quickJob);
    const details = await eventually("the job is completed", async () => {
      const found = await client.getJob(jobId);
      return found.job.status === "completed" ? found : undefined;
    });
    tookMs.push((details.job.startedAtMs ?? 0) - details.job.createdAtMs);
  }
  return spreadOf(tookMs);
}

async function look(
  state: string,
  client: JobClient,
  masters: Masters,
  measuredMs: number,
): Promise<Look> {
  const times = Math.max(20, Math.floor(measuredMs / 25));
  await submitRate(client, 64, measuredMs / 4); // warms up
  const submitsPerSecond = await submitRate(client, 64, measuredMs);
  const jobIds: string[] = [];
  const leader = (await masters.leader()).process.pid ?? 0;
  const cpuBeforeMs = cpuMsOf(leader);
  const submitMs = await timed(SINGLES_FACTOR * times, async () => {
    jobIds.push((await client.submit(waitingJob)).jobId);
  });
  const submitCpuMs = (cpuMsOf(leader) - cpuBeforeMs) / (SINGLES_FACTOR * times);
  const cancelMs = await timed(
    SINGLES_FACTOR * times,
    () => client.cancel(jobIds.pop() ?? "", ""),
  );
  const dispatchMs = await dispatch(client, times);
  const listMs = await timed(times, () => client.listJobs({ limit: 100 }));
  const listByTypeMs = await timed(
    times,
    () => client.listJobs({ type: "noop", status: "completed", limit: 100 }),
  );
  const found = {
    ...{ state, submitsPerSecond, submitMs, submitCpuMs, dispatchMs },
    ...{ listMs, listByTypeMs, cancelMs },
  };
  console.error(row(found));
  return found;
}

async function submitMany(client: JobClient, job: typeof quickJob, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += BATCH) {
    const jobs = Array.from({ length: Math.min(BATCH, count - sent) }, () => job);
    const refused = (await client.submitBatch(jobs)).find((each) => "error" in each);
    if (refused !== undefined) throw new Error(`a job was refused: ${JSON.stringify(refused)}`);
  }
}

/** Completes `count` more jobs. */
async function finish(client: JobClient, count: number): Promise<void> {
  const completed = async () =>
    (await client.listJobs({ type: "noop", status: "completed", limit: 1 })).total;
  const before = await completed();
  for (let sent = 0; sent < count; sent += 10 * BATCH) {
    await submitMany(client, quickJob, Math.min(10 * BATCH, count - sent));
    await eventually(
      "few jobs wait",
      async () => await completed() >= before + sent - IN_THE_AIR_MAX ? true : undefined,
      300_000,
    );
  }
  await eventually(
    `${count} jobs are completed`,
    async () => await completed() >= before + count ? true : undefined,
    600_000,
  );
}

async function greatBatch(client: JobClient, masters: Masters, jobs: number): Promise<string> {
  const peak = new Map<string, number>();
  const sampling = setInterval(() => {
    for (const { name, process } of masters.all) {
      const status = Deno.readTextFileSync(`/proc/${process.pid}/status`);
      const mebibytes = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
      peak.set(name, Math.max(peak.get(name) ?? 0, mebibytes));
    }
  }, 200);
  try {
    const startedMs = performance.now();
    await submitMany(client, { ...quickJob, type: "noop" }, jobs);
    const acceptedMs = performance.now() - startedMs;
    const unfinished = async () => {
      const pages = await Promise.all(
        (["waiting", "pending", "assigned", "running"] as const).map((status) =>
          client.listJobs({ type: "noop", status, limit: 1 })
        ),
      );
      return pages.reduce((sum, page) => sum + page.total, 0);
    };
    await eventually(
      "all of the batch is completed",
      async () => await unfinished() === 0 ? true : undefined,
      600_000,
    );
    const finishedMs = performance.now() - startedMs;
    const listingMs = performance.now();
    let listed = 0;
    for (let cursor: string | undefined = ""; cursor !== undefined && listed < jobs;) {
      const page: Awaited<ReturnType<typeof client.listJobs>> = await client.listJobs({
        limit: 1_000,
        type: "noop",
        ...(cursor === "" ? {} : { cursor }),
      });
      listed += page.jobs.length;
      cursor = page.nextCursor === "" ? undefined : page.nextCursor;
    }
    const listMs = performance.now() - listingMs;
    const memory = [...peak].map(([name, mebibytes]) => `${name} ${mebibytes.toFixed(0)}`);
    return `A batch of ${jobs}: accepted in ${seconds(acceptedMs)}, finished after ` +
      `${seconds(finishedMs)}, ${listed} listed in ${seconds(listMs)}; peak memory (MiB) ` +
      memory.join(", ");
  } finally {
    clearInterval(sampling);
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

const HEAD = [
  "| stored | submits/s, 64 in flight | submit, ms | its CPU, ms | dispatch, ms | list 100, ms | " +
  "list 100 of a type, ms | cancel, ms |",
  "|---|---|---|---|---|---|---|---|",
];

function row(look: Look): string {
  const spread = ({ p50, p99 }: Spread) => `${p50.toFixed(1)} / ${p99.toFixed(1)}`;
  return `| ${look.state} | ${look.submitsPerSecond.toFixed(0)} | ${spread(look.submitMs)} | ` +
    `${look.submitCpuMs.toFixed(2)} | ${spread(look.dispatchMs)} | ${spread(look.listMs)} | ${
      spread(look.listByTypeMs)
    } | ` +
    `${spread(look.cancelMs)} |`;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      masters: { type: "string", default: "1" },
      seconds: { type: "string", default: "4" },
      pending: { type: "string", default: "100000" },
      finished: { type: "string", default: "1000000" },
      batch: { type: "string", default: "100000" },
    },
  });
  const measuredMs = Number(values.seconds) * 1_000;
  const load = Deno.loadavg()[0]?.toFixed(2);
  await using masters = await Masters.start(Number(values.masters), [
    "--set=jobs.keep_completed_max=100000000",
  ]);
  masters.startWorker("w1", "--concurrency=256");
  const client = masters.client();
  try {
    const looks: Look[] = [];
    looks.push(await look("nothing", client, masters, measuredMs));
    const pending = Number(values.pending);
    await submitMany(client, waitingJob, pending);
    looks.push(await look(`${pending} pending`, client, masters, measuredMs));
    const finished = Number(values.finished);
    await finish(client, finished);
    looks.push(
      await look(`${pending} pending, ${finished} finished`, client, masters, measuredMs),
    );
    const batch = await greatBatch(client, masters, Number(values.batch));
    console.log(
      `${navigator.hardwareConcurrency} cores, Deno ${Deno.version.deno}, load before ${load}, ` +
        `${values.masters} master(s), one worker; p50 / p99\n`,
    );
    console.log([...HEAD, ...looks.map(row)].join("\n"));
    console.log(`\n${batch}`);
  } finally {
    client.close();
  }
}
