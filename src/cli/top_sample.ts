/**
 * How a cluster stands at one moment, as `conductor top` asks for it.
 *
 * @module
 */

import {
  type ClusterHealthView,
  type JobClient,
  type JobPage,
  type MemberClient,
  type MembersView,
  Refusal,
  type StandingView,
  type WorkerView,
} from "../rpc/mod.ts";
import { overviewJson } from "./cluster.ts";
import { membersJson } from "./members.ts";
import { jobJson } from "./present.ts";
import { workerJson } from "./present_workers.ts";
import { standingJson } from "./settings.ts";
import { JOB_CHOICES, type JobChoice } from "./top_view.ts";

/** Jobs that are asked for: more than most terminals have lines. */
const JOBS_MAX = 100;

export interface TopSample {
  /** Milliseconds since the epoch, by the clock of this machine. */
  readonly atMs: number;
  readonly health: ClusterHealthView;
  /** Undefined: this caller may not see them, or nobody leads who would know. */
  readonly members: MembersView | undefined;
  /** Undefined: nobody leads who would tell. */
  readonly queues: readonly StandingView[] | undefined;
  /** As `queues`. */
  readonly workers: readonly WorkerView[] | undefined;
  /** Where nobody leads, as the master that answers has them. */
  readonly jobs: JobPage["jobs"];
}

/** Asks for everything at once, once it is known that somebody leads: calls would wait for that. */
export async function takeSample(
  client: JobClient,
  memberClient: MemberClient,
  choice: JobChoice,
): Promise<TopSample> {
  const health = await client.clusterHealth();
  const wanted = { limit: JOBS_MAX, ...JOB_CHOICES[choice] };
  if (health.leaderId === "") {
    const { jobs } = await client.listJobs({ ...wanted, stale: true });
    const unknown = { members: undefined, queues: undefined, workers: undefined };
    return { atMs: Date.now(), health, ...unknown, jobs };
  }
  const [members, queues, workers, page] = await Promise.all([
    allowed(memberClient.listMembers()),
    client.listStandings("queue"),
    client.listWorkers(),
    client.listJobs(wanted),
  ]);
  return { atMs: Date.now(), health, members, queues, workers, jobs: page.jobs };
}

/** Undefined where the caller's roles do not reach; the other parts may still be shown. */
async function allowed<Answer>(asked: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await asked;
  } catch (failure) {
    if (failure instanceof Refusal && failure.reason === "permission_denied") return undefined;
    throw failure;
  }
}

/** A sample for programs. */
export function sampleJson(sample: TopSample): Record<string, unknown> {
  return {
    at: new Date(sample.atMs).toISOString(),
    cluster: overviewJson(sample.health),
    members: sample.members === undefined ? null : membersJson(sample.members).members,
    queues: sample.queues?.map((each) => standingJson("queue", each)) ?? null,
    workers: sample.workers?.map(workerJson) ?? null,
    jobs: sample.jobs.map(jobJson),
  };
}

/** Attempts that ended a second between two samples; undefined while there is one sample only. */
export function endedPerSecond(
  before: TopSample | undefined,
  now: TopSample,
): number | undefined {
  if (before?.workers === undefined || now.workers === undefined) return undefined;
  if (now.atMs <= before.atMs) return undefined;
  // Worker by worker: one that was deregistered takes its counts along, and is no work undone.
  const known = new Map(before.workers.map((each) => [each.id, endedBy(each)]));
  const ended = now.workers.reduce(
    (sum, each) => sum + Math.max(0, endedBy(each) - (known.get(each.id) ?? endedBy(each))),
    0,
  );
  return ended * 1000 / (now.atMs - before.atMs);
}

function endedBy({ completedJobs, failedJobs }: WorkerView): number {
  return completedJobs + failedJobs;
}

/** Places for jobs that are taken, of how many there are with workers that take any. */
export function slotsOf(workers: readonly WorkerView[]): { taken: number; all: number } {
  const present = workers.filter(({ status }) => status !== "disconnected");
  return {
    taken: present.reduce((sum, each) => sum + each.activeJobs, 0),
    all: present.reduce((sum, each) => sum + each.slots, 0),
  };
}
