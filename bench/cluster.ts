/**
 * `deno task bench:cluster`: one master, then three on the same machine, by the same measures and in
 * one run, so that their ratio means something; then how long the three take to fail over, and an
 * empty master to catch up. Acknowledged means on disk on a majority. Figures belong to the machine
 * and the moment.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { type JobClient, Refusal } from "../src/rpc/mod.ts";
import { eventually } from "../tests/ha/wait.ts";
import { measureCatchUp } from "./catch_up.ts";
import { failoverTable, measureFailover } from "./failover.ts";
import { type MasterProcess, Masters } from "./masters.ts";

/** One measure of one cluster. */
interface Figure {
  readonly what: string;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const LANES = [1, 16, 64, 256];
const BATCH = 100;
const payload = new Uint8Array(200);
const nobodysJob = { type: "bench", payload, priority: 5 };

/** Calls `call` from `lanes` lanes for `measuredMs`; each call counts for `units`. */
async function measured(
  what: string,
  lanes: number,
  measuredMs: number,
  call: () => Promise<unknown>,
  units = 1,
): Promise<Figure> {
  const tookMs: number[] = [];
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: lanes }, async () => {
    while (performance.now() - startedMs < measuredMs) {
      const beforeMs = performance.now();
      await call();
      tookMs.push(performance.now() - beforeMs);
    }
  }));
  const seconds = (performance.now() - startedMs) / 1_000;
  tookMs.sort((a, b) => a - b);
  const at = (share: number) => tookMs[Math.floor((tookMs.length - 1) * share)] ?? 0;
  const figure = {
    what,
    perSecond: tookMs.length * units / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
  console.error(
    `  ${what}: ${figure.perSecond.toFixed(0)}/s, p50 ${figure.p50Ms.toFixed(1)} ms, ` +
      `p99 ${figure.p99Ms.toFixed(1)} ms`,
  );
  return figure;
}

async function measureSubmits(client: JobClient, measuredMs: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  await measured("warming up", 64, measuredMs / 2, () => client.submit(nobodysJob));
  for (const lanes of LANES) {
    figures.push(
      await measured(
        `submits, one by one, ${lanes} in flight`,
        lanes,
        measuredMs,
        () => client.submit(nobodysJob),
      ),
    );
  }
  const jobs = Array.from({ length: BATCH }, () => nobodysJob);
  for (const lanes of LANES.slice(0, 3)) {
    figures.push(
      await measured(
        `submits, batches of ${BATCH}, ${lanes} in flight`,
        lanes,
        measuredMs,
        () => client.submitBatch(jobs),
        BATCH,
      ),
    );
  }
  return figures;
}

async function measureReads(
  leader: MasterProcess,
  follower: MasterProcess | undefined,
  masters: Masters,
  measuredMs: number,
): Promise<Figure[]> {
  const figures: Figure[] = [];
  const roads = follower === undefined ? { leader } : { leader, follower };
  for (const [name, master] of Object.entries(roads)) {
    const client = masters.client(master);
    const { jobId } = await client.submit(nobodysJob);
    for (const stale of [false, true]) {
      figures.push(
        await measured(
          `${stale ? "stale" : "linearizable"} reads from the ${name}, 64 in flight`,
          64,
          measuredMs,
          () => client.getJob(jobId, { stale }),
        ),
      );
    }
    client.close();
  }
  return figures;
}

/** Jobs that are submitted, given to a worker, run, reported and completed. */
async function measureCycles(masters: Masters, client: JobClient, jobs: number): Promise<Figure> {
  masters.startWorker("w1", "--concurrency=256");
  const noops = Array.from({ length: 500 }, () => ({ ...nobodysJob, type: "noop" }));
  const completed = async () =>
    (await client.listJobs({ type: "noop", status: "completed", limit: 1 })).total;
  await client.submitBatch(noops.slice(0, 1));
  await eventually("the worker works", async () => await completed() === 1 ? true : undefined);
  const startedMs = performance.now();
  for (let sent = 0; sent < jobs; sent += noops.length) {
    const items = await client.submitBatch(noops);
    const refused = items.find((each) => "error" in each);
    if (refused !== undefined) {
      throw new Refusal("internal", `a job was refused: ${JSON.stringify(refused)}`);
    }
    await eventually(
      "few jobs wait",
      async () => await completed() >= sent - 2_000 ? true : undefined,
    );
  }
  await eventually("all are completed", async () => await completed() > jobs ? true : undefined);
  const seconds = (performance.now() - startedMs) / 1_000;
  const figure = { what: "full cycles, one worker", perSecond: jobs / seconds, p50Ms: 0, p99Ms: 0 };
  console.error(`  ${figure.what}: ${figure.perSecond.toFixed(0)}/s`);
  return figure;
}

async function measureSize(
  size: number,
  measuredMs: number,
  cycles: number,
): Promise<readonly Figure[]> {
  console.error(`${size} master${size === 1 ? "" : "s"}`);
  await using masters = await Masters.start(size);
  const client = masters.client();
  try {
    const leader = await masters.leader();
    const follower = masters.all.find((each) => each !== leader);
    return [
      ...await measureSubmits(client, measuredMs),
      ...await measureReads(leader, follower, masters, measuredMs),
      await measureCycles(masters, client, cycles),
    ];
  } finally {
    client.close();
  }
}

function comparison(one: readonly Figure[], three: readonly Figure[]): string {
  const rows = three.map((figure) => {
    const alone = one.find((each) => each.what === figure.what);
    const ratio = alone === undefined ? "" : (figure.perSecond / alone.perSecond).toFixed(2);
    const cell = (each: Figure | undefined) =>
      each === undefined
        ? "| | | "
        : `| ${each.perSecond.toFixed(0)} | ${each.p50Ms.toFixed(1)} | ${each.p99Ms.toFixed(1)} `;
    return `| ${figure.what} ${cell(alone)}${cell(figure)}| ${ratio} |`;
  });
  return [
    "| | one master, /s | p50, ms | p99, ms | three masters, /s | p50, ms | p99, ms | ratio |",
    "|---|---|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "5" },
      cycles: { type: "string", default: "20000" },
      trials: { type: "string", default: "20" },
      "catch-up-mebibytes": { type: "string", default: "1024" },
    },
  });
  const measuredMs = Number(values.seconds) * 1_000;
  const cycles = Number(values.cycles);
  const load = Deno.loadavg()[0]?.toFixed(2);
  const one = await measureSize(1, measuredMs, cycles);
  const three = await measureSize(3, measuredMs, cycles);
  const trials = Number(values.trials);
  const failover = trials === 0 ? [] : await measureFailover(trials);
  const mebibytes = Number(values["catch-up-mebibytes"]);
  const catchUp = mebibytes === 0 ? undefined : await measureCatchUp(mebibytes);
  console.log(
    `${navigator.hardwareConcurrency} cores, Deno ${Deno.version.deno}, load before ${load}\n`,
  );
  console.log(comparison(one, three));
  if (failover.length > 0) console.log(`\n${failoverTable(failover)}`);
  if (catchUp !== undefined) {
    console.log(
      `\nAn empty master caught up ${catchUp.mebibytes} MiB in ` +
        `${(catchUp.tookMs / 1_000).toFixed(1)} s`,
    );
  }
  console.log(`\n${JSON.stringify({ load, one, three, failover, catchUp })}`);
}
