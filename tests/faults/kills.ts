/**
 * `deno task kills --lives N [--seed S]`: one master under load, on one directory, through many lives. Each ends
 * with a kill amid a call on one of its files, which strace brings about, or at some other moment, or in order.
 * After each, all that clients were ever told is compared with what the master says now.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { ConductorWorker, defineJobType } from "../../src/sdk/worker.ts";
import { type JobClient, Refusal } from "../../src/rpc/mod.ts";
import { eventually, pause } from "../ha/wait.ts";
import { Random } from "../simulation/random.ts";
import { resultOf, ToldJobs } from "./told_jobs.ts";
import { canInject, type FaultyMaster, type Injection, onFaultyDisk } from "./process.ts";

const TYPE = "digest";
/** Longer payloads fill write-ahead logs, so that they are moved. */
const PAYLOAD_BYTES = [0, 10, 40, 300, 1_500, 20_000, 200_000];
/** Files and what is done to them; those of which nothing comes in a life are survived. */
const CALLS = [
  ["state.db", "write,pwrite64"],
  ["state.db", "fsync,fdatasync"],
  ["state.db-wal", "write,pwrite64"],
  ["state.db-wal", "fsync,fdatasync"],
  ["state.db-wal", "ftruncate"],
  ["state.marker", "write,pwrite64"],
  ["raft/raft.db", "write,pwrite64"],
  ["raft/raft.db", "fsync,fdatasync"],
  ["raft/raft.db-wal", "write,pwrite64"],
  ["raft/raft.db-wal", "fsync,fdatasync"],
  ["raft/raft.journal", "write,pwrite64"],
  ["raft/raft.journal", "fsync,fdatasync"],
  ["raft/raft.marker", "write,pwrite64"],
] as const;
const LIFE_MS_MAX = 5_000;
const LOOKED_AT_A_LIFE = 2_000;
const JOBS_AT_ONCE = 32;

export interface KillsReport {
  readonly jobs: number;
  readonly kills: number;
  readonly faults: readonly string[];
}

/** Which call each life ends in, and what is submitted, is decided by the seed; when things happen is not. */
export async function kills(
  master: FaultyMaster,
  { seed, lives, tell }: {
    readonly seed: number;
    readonly lives: number;
    readonly tell: (line: string) => void;
  },
): Promise<KillsReport> {
  const random = new Random(seed);
  const model = new ToldJobs();
  let killed = 0;
  const worker = startWorker(master);
  try {
    for (let life = 0; life < lives; life++) {
      const injection = random.chance(0.8) ? chosenInjection(random) : undefined;
      let end: { readonly code: number } | undefined;
      const ended = master.start(injection).then((how) => end = how);
      while (end === undefined && !await isReady(master)) await pause(50);
      const startedMs = performance.now();
      const isOver = () => end !== undefined || performance.now() - startedMs > LIFE_MS_MAX;
      const where = injection === undefined
        ? "any moment"
        : `${injection.calls} ${injection.when} of ${injection.file}`;
      const load = Promise.all([submitSome, submitSome, look, cancelOne].map((act) => {
        const own = new Random(random.between(0, 1e9));
        return goesOn(master, isOver, (client) => act(client, model, own));
      }));
      if (injection === undefined) {
        await pause(random.between(500, LIFE_MS_MAX));
        await master.stop(random.chance(0.7) ? "SIGKILL" : "SIGTERM");
      }
      await load;
      const how = end === undefined ? "lived on" : "died of it";
      if (end === undefined) await master.stop("SIGKILL");
      await ended;
      killed++;
      tell(
        `life ${life + 1}: ${where} (${how}), after ${
          ((performance.now() - startedMs) / 1_000).toFixed(1)
        } s`,
      );
      master.start();
      await master.ready();
      const client = master.client();
      try {
        await seesSome(client, model, LOOKED_AT_A_LIFE, random);
        if (life === lives - 1) await untilAllEnded(client, model, random);
      } finally {
        client.close();
      }
      tell(
        `  ${model.jobs.size} jobs, ${
          [...model.jobs.values()].filter(({ end }) => end).length
        } ended`,
      );
      // Orderly or not, so that the next start finds a seal or none.
      await master.stop(random.chance(0.5) ? "SIGKILL" : "SIGTERM");
      if (model.faults.length > 0) break;
    }
  } finally {
    await worker.stop();
  }
  return { jobs: model.jobs.size, kills: killed, faults: model.faults };
}

/** A start that is traced call by call takes its time. */
async function isReady(master: FaultyMaster): Promise<boolean> {
  try {
    return await master.isReady();
  } catch (failure) {
    if (!(failure instanceof TypeError)) throw failure; // nobody listens yet
    return false;
  }
}

function chosenInjection(random: Random): Injection {
  const [file, calls] = random.pick(CALLS);
  const when = String(
    Math.ceil(2 ** (random.between(0, calls === "write,pwrite64" ? 700 : 300) / 100)),
  );
  return { file, calls, error: "SIGKILL", when };
}

function startWorker(master: FaultyMaster): ConductorWorker {
  const worker = new ConductorWorker({
    addresses: master.address,
    workerId: "w",
    concurrency: 32,
    types: [defineJobType({
      name: TYPE,
      run: (payload: unknown) => resultOf(JSON.stringify(payload)),
    })],
    log: {},
  });
  worker.start();
  return worker;
}

/** A client of its own does it again and again. */
async function goesOn(
  master: FaultyMaster,
  isOver: () => boolean,
  act: (client: JobClient) => Promise<void>,
): Promise<void> {
  const client = master.client("impatient");
  try {
    while (!isOver()) await act(client);
  } finally {
    client.close();
  }
}

async function submitSome(client: JobClient, model: ToldJobs, random: Random): Promise<void> {
  const payloads = Array.from({ length: random.between(1, 40) }, () => payloadOf(random));
  const hasLabels = random.chance(0.3);
  try {
    const items = await client.submitBatch(payloads.map((payload) => ({
      type: TYPE,
      payload,
      priority: random.between(0, 9),
      maxRetries: 50,
      retryDelayMs: 10,
      ...(hasLabels ? { labels: { some: "label" } } : {}),
      ...(random.chance(0.05) ? { delayMs: 1_000 } : {}),
    })));
    items.forEach((item, place) => {
      if ("error" in item) return;
      model.jobs.set(item.jobId, { payload: payloads[place]!, isCancelled: false });
    });
  } catch (failure) {
    if (!(failure instanceof Refusal)) throw failure;
  }
  await pause(random.between(1, 60));
}

async function look(client: JobClient, model: ToldJobs, random: Random): Promise<void> {
  const known = [...model.jobs.keys()].slice(-400);
  if (known.length > 0) await sees(client, model, random.pick(known));
  await pause(3);
}

async function cancelOne(client: JobClient, model: ToldJobs, random: Random): Promise<void> {
  const known = [...model.jobs.keys()].slice(-20);
  const id = known.length > 0 ? random.pick(known) : undefined;
  try {
    if (id !== undefined && / cancelled$/.test(await client.cancel(id))) {
      model.jobs.get(id)!.isCancelled = true;
    }
  } catch (failure) {
    if (!(failure instanceof Refusal)) throw failure;
  }
  await pause(50);
}

/** What the master does not say is no fault while it may be dead; that it has no such job is one. */
async function sees(client: JobClient, model: ToldJobs, id: string): Promise<void> {
  try {
    const { isCancelled } = model.jobs.get(id)!;
    model.see(id, await client.getJob(id), isCancelled);
  } catch (failure) {
    if (!(failure instanceof Refusal)) throw failure;
    if (failure.reason === "not_found") model.missing(id, "it is not there");
  }
}

/** As many jobs as that, half of them of late; and every job in lists. */
async function seesSome(
  client: JobClient,
  model: ToldJobs,
  count: number,
  random: Random,
): Promise<void> {
  const ids = [...model.jobs.keys()];
  const chosen = count >= ids.length
    ? ids
    : [...ids.slice(-count / 2), ...Array.from({ length: count / 2 }, () => random.pick(ids))];
  const some = [...new Set(chosen)];
  for (let start = 0; start < some.length; start += JOBS_AT_ONCE) {
    await Promise.all(
      some.slice(start, start + JOBS_AT_ONCE).map((id) => sees(client, model, id)),
    );
  }
  const listed: string[] = [];
  for (let cursor = "";;) {
    const page = await client.listJobs({ limit: 500, cursor });
    listed.push(...page.jobs.map(({ id }) => id));
    cursor = page.nextCursor;
    if (cursor === "") break;
  }
  const held = new Set(listed);
  if (held.size !== listed.length) throw new Error("a job is listed twice");
  for (const id of ids) if (!held.has(id)) model.missing(id, "it is not listed");
}

async function untilAllEnded(
  client: JobClient,
  model: ToldJobs,
  random: Random,
): Promise<void> {
  await eventually("all jobs come to their end", async () => {
    for (const status of ["pending", "waiting", "assigned", "running"] as const) {
      if ((await client.listJobs({ status, limit: 1 })).total > 0) return undefined;
    }
    return true;
  }, 300_000);
  await seesSome(client, model, Infinity, random);
}

let payloads = 0;

function payloadOf(random: Random): Uint8Array {
  const bytes = random.chance(0.9)
    ? random.pick(PAYLOAD_BYTES.slice(0, 5))
    : random.pick(PAYLOAD_BYTES);
  return new TextEncoder().encode(JSON.stringify({ at: payloads++, more: "x".repeat(bytes) }));
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: { lives: { type: "string", default: "20" }, seed: { type: "string" } },
  });
  const seed = Number(values.seed ?? Date.now() % 1_000_000_007);
  const lives = Number(values.lives);
  if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(lives)) {
    throw new Error("--lives and --seed are whole numbers");
  }
  if (!await canInject()) throw new Error("strace is needed, and the right to trace");
  console.log(`seed ${seed}, ${lives} lives`);
  return await onFaultyDisk(async (master) => {
    const { faults, jobs, kills: count } = await kills(master, { seed, lives, tell: console.log });
    faults.slice(0, 50).forEach((each) => console.log(each));
    console.log(`${jobs} jobs, ${count} lives, ${faults.length} faults`);
    return faults.length === 0;
  });
}

if (import.meta.main) Deno.exit(await main() ? 0 : 1);
