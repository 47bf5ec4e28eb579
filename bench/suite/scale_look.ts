/**
 * One look at a cluster in a certain state: what submitting, dispatching, listing and cancelling cost
 * there, in time and in the leader's processor time, and the memory of the masters meanwhile.
 *
 * @module
 */

import type { JobClient } from "../../src/rpc/mod.ts";
import { eventually } from "../../tests/ha/wait.ts";
import type { Masters } from "../masters.ts";
import { closedLoop } from "./closed_loop.ts";
import { cycleLoad } from "./cycles.ts";
import { type Latency, latencyOf } from "./latency.ts";
import { cpuMsOf, residentMebibytesOf } from "./meter.ts";

/** What one thing costs, done one after the other. */
export interface Cost extends Latency {
  /** Of the leader, for each: what other processes do changes it least. */
  readonly cpuMs: number;
}

export interface Look {
  readonly submitsPerSecond: number;
  /** Of the leader, for a submission with 64 in flight. */
  readonly submitsCpuMs: number;
  readonly cyclesPerSecond: number;
  /** Of the leader, for a full cycle with 64 jobs on the way. */
  readonly cyclesCpuMs: number;
  readonly submit: Cost;
  readonly cancel: Cost;
  readonly dispatch: Cost;
  readonly listNewest: Cost;
  readonly listByStatus: Cost;
  readonly listByType: Cost;
  /** Resident memory of each master in MiB: before anything was asked, the most meanwhile, and after. */
  readonly memory: Readonly<Record<string, { before: number; peak: number; after: number }>>;
}

export const payload = new Uint8Array(200);
/** Runs at once on the one worker. */
export const quickJob = { type: "noop", payload, priority: 5 };
/** Nobody offers its type. */
export const waitingJob = { type: "nobodys", payload, priority: 5 };

export const LANES = 64;
/** So many times as many single submissions and cancels as of the rest: they are short, and vary. */
const SINGLES_FACTOR = 8;
/** Masters fall silent before their memory is looked at. */
const QUIET_MS = 3_000;

/** Takes one. The cluster has one worker; it holds as many pending jobs afterwards as before. */
export async function lookAt(
  masters: Masters,
  client: JobClient,
  measuredMs: number,
): Promise<Look> {
  const leader = await masters.leader();
  const leaderPid = leader.process.pid ?? 0;
  const processes = [{ name: "leader", pid: leaderPid }];
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  const memory = new MemoryWatch(masters);
  const times = Math.max(20, Math.floor(measuredMs / 20));
  const cost = (count: number, call: () => Promise<number | void>) =>
    costOf(leaderPid, count, call);
  const leaderClient = masters.client(leader);
  try {
    const jobIds: string[] = [];
    const submits = await closedLoop({
      ...{ lanes: LANES, warmUpMs: measuredMs / 4, measuredMs, processes },
      call: async () => jobIds.push((await client.submit(waitingJob)).jobId),
    });
    await cancelAll(client, jobIds);
    const submit = await cost(SINGLES_FACTOR * times, async () => {
      jobIds.push((await client.submit(waitingJob)).jobId);
    });
    const cancel = await cost(
      SINGLES_FACTOR * times,
      async () => void await client.cancel(jobIds.pop() ?? "", ""),
    );
    const cycles = await cycleLoad({
      ...{ lanes: LANES, window: LANES, warmUpMs: measuredMs / 4, measuredMs, processes, payload },
      ...{ submitter: client, leader: leaderClient },
    });
    const dispatch = await cost(times, () => dispatched(client));
    const list = (query: Parameters<JobClient["listJobs"]>[0]) =>
      cost(2 * times, async () => void await leaderClient.listJobs({ ...query, limit: 100 }));
    return {
      submitsPerSecond: submits.perSecond,
      submitsCpuMs: perJob(submits.usages[0]?.cpuMs, submits.jobs),
      cyclesPerSecond: cycles.perSecond,
      cyclesCpuMs: perJob(cycles.usages[0]?.cpuMs, cycles.jobs),
      ...{ submit, cancel, dispatch },
      listNewest: await list({}),
      listByStatus: await list({ status: "completed" }),
      listByType: await list({ type: "noop", status: "completed" }),
      memory: memory.stop(),
    };
  } finally {
    memory.stop();
    leaderClient.close();
  }
}

/** Resident memory of all masters, looked at five times a second. */
class MemoryWatch {
  readonly #masters: Masters;
  readonly #before: ReadonlyMap<string, number>;
  readonly #peak: Map<string, number>;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(masters: Masters) {
    this.#masters = masters;
    this.#before = this.#look();
    this.#peak = new Map(this.#before);
    this.#timer = setInterval(() => this.#look(), 200);
  }

  stop(): Look["memory"] {
    clearInterval(this.#timer);
    return Object.fromEntries([...this.#look()].map(([name, after]) => [name, {
      ...{ before: this.#before.get(name) ?? 0, peak: this.#peak.get(name) ?? 0, after },
    }]));
  }

  #look(): Map<string, number> {
    const all = this.#masters.all.map(({ name, process }): [string, number] => [
      name,
      residentMebibytesOf(process.pid ?? 0),
    ]);
    for (const [name, mebibytes] of all) {
      this.#peak?.set(name, Math.max(this.#peak.get(name) ?? 0, mebibytes));
    }
    return new Map(all);
  }
}

/** @param call may say itself how long it took, in ms */
async function costOf(
  pid: number,
  times: number,
  call: () => Promise<number | void>,
): Promise<Cost> {
  const tookMs: number[] = [];
  const cpuBeforeMs = cpuMsOf(pid);
  for (let time = 0; time < times; time++) {
    const beforeMs = performance.now();
    const said = await call();
    tookMs.push(said ?? performance.now() - beforeMs);
  }
  return { ...latencyOf(tookMs), cpuMs: (cpuMsOf(pid) - cpuBeforeMs) / times };
}

/** From the leader's stamp on the submission to the worker's on the start. */
async function dispatched(client: JobClient): Promise<number> {
  const { jobId } = await client.submit(quickJob);
  const { job } = await eventually("the job is completed", async () => {
    const found = await client.getJob(jobId);
    return found.job.status === "completed" ? found : undefined;
  });
  return (job.startedAtMs ?? 0) - job.createdAtMs;
}

/** Takes the jobs out again, and their ids out of `jobIds`. */
export async function cancelAll(client: JobClient, jobIds: string[]): Promise<void> {
  await Promise.all(Array.from({ length: LANES }, async () => {
    for (let jobId = jobIds.pop(); jobId !== undefined; jobId = jobIds.pop()) {
      await client.cancel(jobId, "");
    }
  }));
}

function perJob(cpuMs: number | undefined, jobs: number): number {
  return (cpuMs ?? 0) / Math.max(1, jobs);
}
