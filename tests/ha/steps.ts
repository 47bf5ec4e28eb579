/**
 * What the demonstration does to its cluster, one fault after the other. Each step leaves all nodes
 * running, and says in a few words what was to be seen.
 *
 * @module
 */

import type { Cluster } from "./cluster.ts";
import type { Load } from "./load.ts";
import { PinnedReader } from "./pinned_client.ts";

export interface Step {
  readonly title: string;
  /** Resolves when the fault is over; the load goes on all along. */
  readonly run: (cluster: Cluster, load: Load) => Promise<string>;
}

/** Submissions that must be accepted during a fault, and after it, before it counts as survived. */
const DURING = 25;
const AFTER = 25;

export const STEPS: readonly Step[] = [
  { title: "no fault", run: nothing },
  { title: "kill -9 of the leader", run: killLeader },
  { title: "the leader freezes", run: freezeLeader },
  { title: "the leader is cut off", run: partitionLeader },
  { title: "a wiped disk", run: wipeFollower },
  { title: "a graceful stop", run: stopLeader },
  { title: "a rolling restart", run: rollingRestart },
];

async function nothing(_cluster: Cluster, load: Load): Promise<string> {
  await load.accepts(DURING + AFTER);
  return "for comparison";
}

async function killLeader(cluster: Cluster, load: Load): Promise<string> {
  const old = await cluster.leader();
  await old.process.kill();
  await load.accepts(DURING);
  const next = await cluster.leader();
  old.process.start();
  await cluster.settled();
  await load.accepts(AFTER);
  return `${old.name} died, ${next.name} leads`;
}

async function freezeLeader(cluster: Cluster, load: Load): Promise<string> {
  const old = await cluster.leader();
  old.process.freeze();
  const next = await cluster.leader([old.name]);
  await load.accepts(DURING);
  old.process.thaw();
  // Awake again, it may still believe that it leads.
  const reader = new PinnedReader(old, load.history);
  await load.accepts(AFTER);
  await reader.stop();
  await cluster.settled();
  return `${old.name} slept, ${next.name} leads; ${told(reader)}`;
}

async function partitionLeader(cluster: Cluster, load: Load): Promise<string> {
  const old = await cluster.leader();
  const others = cluster.masters.filter((each) => each !== old).map((each) => each.name);
  const reader = new PinnedReader(old, load.history);
  // Clients and workers still reach it; its peers do not.
  cluster.network.part([old.name], others);
  const next = await cluster.leader([old.name]);
  await load.accepts(DURING);
  cluster.network.heal();
  await load.accepts(AFTER);
  await reader.stop();
  await cluster.settled();
  return `${old.name} was alone, ${next.name} leads; ${told(reader)}`;
}

async function wipeFollower(cluster: Cluster, load: Load): Promise<string> {
  const leader = await cluster.leader();
  const wiped = cluster.masters.find((each) => each !== leader)!;
  await wiped.process.kill();
  await load.accepts(DURING);
  await cluster.rejoinWiped(wiped);
  await load.accepts(AFTER);
  await cluster.settled();
  const members = (await cluster.status(wiped))?.servers ?? [];
  const suffrage = members.find((each) => each.id === wiped.name)?.suffrage;
  return `${wiped.name} came back empty and is a ${suffrage ?? "stranger"}`;
}

async function stopLeader(cluster: Cluster, load: Load): Promise<string> {
  const old = await cluster.leader();
  const code = await old.process.terminate();
  const next = await cluster.leader();
  await load.accepts(DURING);
  old.process.start();
  await load.accepts(AFTER);
  await cluster.settled();
  return `${old.name} left (exit ${code}), ${next.name} leads`;
}

async function rollingRestart(cluster: Cluster, load: Load): Promise<string> {
  for (const { process } of cluster.masters) {
    await process.terminate();
    process.start();
    await cluster.settled();
  }
  for (const worker of cluster.workers) {
    await worker.terminate();
    worker.start();
  }
  await load.accepts(AFTER);
  return "every master, then every worker";
}

function told(reader: PinnedReader): string {
  return `asked, it answered ${reader.answered} reads and refused ${reader.refused}`;
}
