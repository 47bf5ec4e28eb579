/**
 * Full cycles: submitted, given to a worker, run, reported and completed, with so many jobs on the way
 * at most. What is on the way is asked of the leader, which knows without looking anything up: a cycle
 * counts when its end is committed and applied. It is asked only when what is known leaves less room than
 * the submissions in flight may need, since questions cost the leader and the client some 0.3 ms each.
 *
 * @module
 */

import type { JobClient } from "../../src/rpc/mod.ts";
import { after, type Run } from "./closed_loop.ts";
import { type Latency, latencyOf } from "./latency.ts";
import { Meter, type MeteredProcess } from "./meter.ts";

export interface CycleLoad {
  /** Submitted and not completed. */
  readonly window: number;
  /** Submissions in flight. */
  readonly lanes: number;
  readonly warmUpMs: number;
  readonly measuredMs: number;
  readonly processes: readonly MeteredProcess[];
  readonly submitter: JobClient;
  /** Of the leader alone. */
  readonly leader: JobClient;
  readonly payload: Uint8Array;
}

/** Time between two questions to the leader, at least. */
const POLL_MS = 10;
/** Jobs whose times are looked up when the run is over. */
const LATENCY_SAMPLE = 1_000;
/** For what is still on the way when the load ends. */
const DRAIN_MS_MAX = 60_000;

/**
 * Runs it once. The latency is that from a job's creation to its completion, by the leader's stamps, of
 * the last jobs of the run.
 */
export async function cycleLoad(load: CycleLoad): Promise<Run> {
  const { submitter, leader, window, lanes } = load;
  let submitted = 0;
  let completed = 0;
  let isOver = false;
  let hasRoom = Promise.withResolvers<void>();
  let isTight = Promise.withResolvers<void>();
  // Jobs of other loads, which nobody runs.
  const others = await unfinishedJobs(leader);
  const look = async () => {
    const before = submitted;
    // What was submitted while the answer was on its way may be among them.
    completed = Math.max(completed, before - (await unfinishedJobs(leader) - others));
    hasRoom.resolve();
    hasRoom = Promise.withResolvers();
  };
  const watch = async () => {
    while (!isOver) {
      if (window - (submitted - completed) >= lanes) {
        isTight = Promise.withResolvers();
        await isTight.promise;
        continue;
      }
      await look();
      await after(POLL_MS);
    }
  };
  const lane = async () => {
    while (!isOver) {
      if (submitted - completed >= window) {
        await hasRoom.promise;
        continue; // others may have taken the room, or the load is over
      }
      submitted++;
      if (window - (submitted - completed) < lanes) isTight.resolve();
      await submitter.submit({ type: "noop", payload: load.payload, priority: 5 });
    }
  };
  const all = Promise.all([watch(), ...Array.from({ length: lanes }, lane)]).then(() => {});
  await Promise.race([all, after(load.warmUpMs)]);
  await look();
  const meter = new Meter(load.processes);
  const before = completed;
  await Promise.race([all, after(load.measuredMs)]);
  await look();
  const { seconds, usages } = meter.read();
  const jobs = completed - before;
  isOver = true;
  hasRoom.resolve(); // nobody looks any more
  isTight.resolve();
  await all;
  const untilMs = performance.now() + DRAIN_MS_MAX;
  while (completed < submitted) {
    if (performance.now() > untilMs) throw new Error(`${submitted - completed} jobs never ended`);
    await after(POLL_MS);
    await look();
  }
  return {
    perSecond: jobs / seconds,
    latency: await sampledLatency(leader, jobs),
    seconds,
    jobs,
    usages,
  };
}

export async function unfinishedJobs(leader: JobClient): Promise<number> {
  const { pendingJobs, runningJobs } = await leader.clusterHealth();
  return pendingJobs + runningJobs;
}

async function sampledLatency(leader: JobClient, jobsOfRun: number): Promise<Latency> {
  const { jobs } = await leader.listJobs({
    type: "noop",
    status: "completed",
    limit: Math.max(1, Math.min(LATENCY_SAMPLE, jobsOfRun)),
  });
  return latencyOf(jobs.map((job) => (job.completedAtMs ?? job.createdAtMs) - job.createdAtMs));
}
