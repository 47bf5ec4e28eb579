/**
 * What a load costs on one cluster in terms of another, with both under it at once. One after the other
 * would compare moments rather than clusters: how busy the machine and its disk are, and how much of a
 * master V8 has compiled yet, which makes twice the difference in a master's first minute.
 *
 * @module
 */

import type { JobClient } from "../../src/rpc/mod.ts";
import type { Masters } from "../masters.ts";
import { closedLoop, type Run } from "./closed_loop.ts";
import { cycleLoad } from "./cycles.ts";
import { cancelAll, LANES, payload, waitingJob } from "./scale_look.ts";

/** Of the one to the other: 1 is as much. */
export interface LoadRatio {
  readonly perSecond: number;
  /** Of the leader's processor time for a job. */
  readonly cpu: number;
}

export interface LoadRatios {
  /** Submissions, 64 in flight. */
  readonly submits: LoadRatio;
  /** Full cycles, 64 on the way. */
  readonly cycles: LoadRatio;
}

/** A cluster with one worker, and a client of it. */
export interface Loaded {
  readonly masters: Masters;
  readonly client: JobClient;
}

/** Turns of each load; those of the first half warm. */
const TURNS = 4;

/** Each turn takes a quarter more than `measuredMs`. */
export async function ratiosOf(
  one: Loaded,
  other: Loaded,
  measuredMs: number,
): Promise<LoadRatios> {
  const submits: (readonly [Run, Run])[] = [];
  const cycles: (readonly [Run, Run])[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    submits.push(await atOnce(one, other, (each) => submitTurn(each, measuredMs)));
    cycles.push(await atOnce(one, other, (each) => cycleTurn(each, measuredMs)));
  }
  return {
    submits: ratioOf(submits.slice(TURNS / 2)),
    cycles: ratioOf(cycles.slice(TURNS / 2)),
  };
}

function atOnce(
  one: Loaded,
  other: Loaded,
  run: (loaded: Loaded) => Promise<Run>,
): Promise<[Run, Run]> {
  return Promise.all([run(one), run(other)]);
}

async function submitTurn({ masters, client }: Loaded, measuredMs: number): Promise<Run> {
  const jobIds: string[] = [];
  const run = await closedLoop({
    ...{ lanes: LANES, warmUpMs: measuredMs / 4, measuredMs, processes: await leaderOf(masters) },
    call: async () => jobIds.push((await client.submit(waitingJob)).jobId),
  });
  await cancelAll(client, jobIds);
  return run;
}

async function cycleTurn({ masters, client }: Loaded, measuredMs: number): Promise<Run> {
  const leader = masters.client(await masters.leader());
  try {
    return await cycleLoad({
      ...{ lanes: LANES, window: LANES, warmUpMs: measuredMs / 4, measuredMs, payload },
      ...{ submitter: client, leader, processes: await leaderOf(masters) },
    });
  } finally {
    leader.close();
  }
}

async function leaderOf(masters: Masters) {
  const { process } = await masters.leader();
  return [{ name: "leader", pid: process.pid ?? 0 }];
}

function ratioOf(turns: readonly (readonly [Run, Run])[]): LoadRatio {
  const sumOf = (at: 0 | 1, of: (run: Run) => number) =>
    turns.reduce((sum, runs) => sum + of(runs[at]), 0);
  const perSecond = (at: 0 | 1) => sumOf(at, ({ perSecond }) => perSecond);
  const cpu = (at: 0 | 1) =>
    sumOf(at, ({ usages }) => usages[0]?.cpuMs ?? 0) / sumOf(at, ({ jobs }) => jobs);
  return { perSecond: perSecond(0) / perSecond(1), cpu: cpu(0) / cpu(1) };
}
