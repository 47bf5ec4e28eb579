/**
 * `deno task bench:scale`: what submitting, dispatching, listing and cancelling cost when nothing is
 * stored, beside a long queue, and beside many finished jobs; the memory of such a master, and how soon
 * it is back after an orderly stop and after a kill. Rates are compared with those of a master beside
 * nothing that is under the same load at the same time (`suite/scale_ratio.ts`). Then a thousand workers (`bench:fleet`). Figures belong to the machine and the moment.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { JobClient } from "../src/rpc/mod.ts";
import { eventually } from "../tests/ha/wait.ts";
import { fleetTable, measureFleet } from "./fleet.ts";
import { Masters } from "./masters.ts";
import { residentMebibytesOf } from "./suite/meter.ts";
import { type Loaded, type LoadRatio, type LoadRatios, ratiosOf } from "./suite/scale_ratio.ts";
import { type Cost, type Look, lookAt, payload, quickJob, waitingJob } from "./suite/scale_look.ts";

/** What is stored before a look. */
interface Stored {
  readonly pending: number;
  readonly finished: number;
}

interface Restart {
  readonly readyMs: number;
  /** Resident, in MiB, a moment after it is ready. */
  readonly mebibytes: number;
}

interface Found extends Stored, Look {
  /** To what the same load brings at the same time where nothing is stored; left out there. */
  readonly toNothing: LoadRatios | undefined;
  readonly afterStop: Restart;
  readonly afterKill: Restart;
}

/** So that a list has what to show where "nothing" is stored. */
const FINISHED_MIN = 2_000;
const BATCH = 1_000;
const QUIET_MS = 3_000;

async function measure(stored: Stored, wish: Wish): Promise<Found> {
  await using masters = await mastersBeside(stored, wish);
  const client = masters.client();
  try {
    await workerOf(client);
    const look = await lookAt(masters, client, wish.measuredMs);
    if (stored.pending > 0 && stored.finished > 0 && wish.batch > 0) {
      console.error(await greatBatch(client, masters, wish.batch));
    }
    const found = {
      ...stored,
      ...look,
      toNothing: stored.pending + stored.finished > 0
        ? await comparedWithNothing({ masters, client }, wish)
        : undefined,
      afterStop: await restart(masters, "terminate"),
      afterKill: await restart(masters, "kill"),
    };
    console.error(lineOf(found));
    return found;
  } finally {
    client.close();
  }
}

/** With one worker. */
async function mastersBeside(stored: Stored, wish: Wish): Promise<Masters> {
  const filling = {
    pending: stored.pending,
    finished: Math.max(FINISHED_MIN, stored.finished),
    ...{ pendingType: waitingJob.type, payload },
  };
  const masters = await Masters.start(wish.masters, [
    "--set=jobs.keep_completed_max=100000000",
  ], { filling });
  masters.startWorker("w1", "--concurrency=256");
  return masters;
}

async function workerOf(client: JobClient): Promise<void> {
  await eventually(
    "the worker is there",
    async () => (await client.clusterHealth()).activeWorkers > 0 ? true : undefined,
  );
}

async function comparedWithNothing(loaded: Loaded, wish: Wish): Promise<LoadRatios> {
  await using masters = await mastersBeside({ pending: 0, finished: 0 }, wish);
  const client = masters.client();
  try {
    await workerOf(client);
    return await ratiosOf(loaded, { masters, client }, wish.measuredMs);
  } finally {
    client.close();
  }
}

/** Of the first master, which is ready as soon as there is a quorum with it. */
async function restart(masters: Masters, how: "terminate" | "kill"): Promise<Restart> {
  const [first] = masters.all;
  if (first === undefined) throw new Error("there is no master");
  await first.process[how]();
  const beganMs = performance.now();
  first.process.start([]);
  await masters.ready();
  const readyMs = performance.now() - beganMs;
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  return { readyMs, mebibytes: residentMebibytesOf(first.process.pid ?? 0) };
}

/** Many jobs at once, to their end. */
async function greatBatch(client: JobClient, masters: Masters, jobs: number): Promise<string> {
  const completed = async () =>
    (await client.listJobs({ type: "noop", status: "completed", limit: 1 })).total;
  const before = await completed();
  const startedMs = performance.now();
  for (let sent = 0; sent < jobs; sent += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, jobs - sent) }, () => quickJob);
    const refused = (await client.submitBatch(batch)).find((each) => "error" in each);
    if (refused !== undefined) throw new Error(`a job was refused: ${JSON.stringify(refused)}`);
  }
  const acceptedMs = performance.now() - startedMs;
  await eventually(
    "all of the batch is completed",
    async () => await completed() >= before + jobs ? true : undefined,
    600_000,
  );
  const memory = masters.all.map(({ name, process }) =>
    `${name} ${residentMebibytesOf(process.pid ?? 0).toFixed(0)}`
  );
  return `A batch of ${jobs}: accepted in ${seconds(acceptedMs)}, finished after ` +
    `${seconds(performance.now() - startedMs)}; memory then (MiB) ${memory.join(", ")}`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

const COLUMNS = [
  "stored",
  "submits/s, 64 in flight",
  "cycles/s",
  "rate (CPU) to nothing's: submits at 64",
  "cycles",
  "submit, ms",
  "dispatch, ms",
  "cancel, ms",
  "list 100",
  "of a status",
  "of a type",
  "leader's CPU, ms: submit at 64",
  "cycle",
  "submit alone",
  "list",
  "of a status",
  "of a type",
  "memory, MiB: ready",
  "peak",
  "after",
  "restart, s (MiB)",
  "after kill -9",
];

function lineOf(found: Found): string {
  const spread = ({ p50, p99 }: Cost) => `${p50.toFixed(1)} / ${p99.toFixed(1)}`;
  const cpu = (ms: number) => ms.toFixed(3);
  const ratio = (of: LoadRatio | undefined) =>
    of === undefined ? "" : `${of.perSecond.toFixed(2)} (${of.cpu.toFixed(2)})`;
  const most = (of: (memory: Look["memory"][string]) => number) =>
    Math.max(...Object.values(found.memory).map(of)).toFixed(0);
  const again = ({ readyMs, mebibytes }: Restart) =>
    `${(readyMs / 1_000).toFixed(1)} (${mebibytes.toFixed(0)})`;
  const cells = [
    `${found.pending} pending, ${found.finished} finished`,
    found.submitsPerSecond.toFixed(0),
    found.cyclesPerSecond.toFixed(0),
    ...[found.toNothing?.submits, found.toNothing?.cycles].map(ratio),
    ...[found.submit, found.dispatch, found.cancel].map(spread),
    ...[found.listNewest, found.listByStatus, found.listByType].map(spread),
    ...[found.submitsCpuMs, found.cyclesCpuMs, found.submit.cpuMs].map(cpu),
    ...[found.listNewest, found.listByStatus, found.listByType].map((each) => cpu(each.cpuMs)),
    ...[most(({ before }) => before), most(({ peak }) => peak), most(({ after }) => after)],
    ...[found.afterStop, found.afterKill].map(again),
  ];
  return `| ${cells.join(" | ")} |`;
}

interface Wish {
  readonly masters: number;
  readonly measuredMs: number;
  /** Jobs of the great batch; 0: there is none. */
  readonly batch: number;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      masters: { type: "string", default: "1" },
      seconds: { type: "string", default: "3" },
      pending: { type: "string", default: "100000" },
      finished: { type: "string", default: "1000000" },
      batch: { type: "string", default: "20000" },
      workers: { type: "string", default: "1000" },
      json: { type: "string" },
    },
  });
  const load = Deno.loadavg()[0]?.toFixed(2);
  const [pending, finished] = [Number(values.pending), Number(values.finished)];
  const states: Stored[] = [
    { pending: 0, finished: 0 },
    { pending, finished: 0 },
    { pending, finished: Math.max(0, finished - pending) },
    { pending: 0, finished },
  ];
  const looks: Found[] = [];
  for (const state of states) {
    looks.push(
      await measure(state, {
        masters: Number(values.masters),
        measuredMs: Number(values.seconds) * 1_000,
        batch: Number(values.batch),
      }),
    );
  }
  const workers = Number(values.workers);
  const fleet = workers > 0 ? await measureFleet({ masters: 3, workers }) : undefined;
  console.log(
    `${navigator.hardwareConcurrency} cores, Deno ${Deno.version.deno}, load ${load} to ${
      Deno.loadavg()[0]?.toFixed(2)
    }, ${values.masters} master(s), one worker; p50 / p99\n`,
  );
  console.log(
    [`| ${COLUMNS.join(" | ")} |`, `|${"---|".repeat(COLUMNS.length)}`, ...looks.map(lineOf)]
      .join("\n"),
  );
  if (fleet !== undefined) console.log(`\n${fleetTable(fleet)}`);
  if (values.json !== undefined) {
    await Deno.writeTextFile(values.json, `${JSON.stringify({ looks, fleet }, undefined, 2)}\n`);
  }
}
