/** One seed: trouble for a while, then peace, then judgement. */

import { SimulatedClient } from "./client.ts";
import { SimulatedCluster } from "./cluster.ts";
import { JobWorld } from "./job_actors.ts";
import type { Operation } from "./linearizability.ts";
import { faultOfHistory } from "./linearizability.ts";
import { Nemesis } from "./nemesis.ts";
import type { PlannedEvent } from "./nemesis_plan.ts";
import { planTrouble } from "./nemesis_plan.ts";
import { Violation } from "./oracle.ts";
import { Peace } from "./peace.ts";
import { Random } from "./random.ts";
import { ScheduleKeeper } from "./schedule_keeper.ts";
import { TrustKeeper } from "./trust_keeper.ts";
import type { NodeSettings } from "./simulated_node.ts";
import { TICK_MS } from "./simulated_node.ts";
import { World } from "./world.ts";

/** What to run. */
export interface SimulationOptions {
  readonly seed: number;
  /** Voters at the start. */
  readonly nodes: number;
  /** How long there is trouble, in ticks of 10 simulated ms. */
  readonly ticks: number;
  /** Which planned events happen, by position; all, if it is left out. */
  readonly kept?: ReadonlySet<number>;
}

/** How it went. */
export interface SimulationResult {
  readonly seed: number;
  readonly violation: Violation | undefined;
  readonly plan: readonly PlannedEvent[];
  readonly traceHash: string;
  readonly simulatedMs: number;
  readonly events: number;
  readonly messages: number;
  readonly elections: number;
  readonly committed: number;
  /** Of clients, on lists and on jobs. */
  readonly operations: number;
  readonly jobs: number;
  readonly completions: number;
  readonly staleReports: number;
  /** Attempts lost with a silent worker that was only out of reach; that had died. */
  readonly forgivenLosses: number;
  readonly confirmedCrashes: number;
  /** Jobs that schedules made, and times that were acted on already when they were proposed. */
  readonly scheduledRuns: number;
  /** Jobs that were forgotten, and such as were asked to be and must not. */
  readonly forgotten: number;
  readonly keptFromForgetting: number;
  readonly refusedFires: number;
  /** The last lines of the trace. */
  readonly recent: readonly string[];
}

const CLIENTS = 5;
const KEYS = ["x", "y", "z"];
/** Writes, and reads of them, that a cluster at peace must serve. */
const PROBES = 10;
const PROBE_MS_MAX = 5_000;

/** The trouble of a seed, which does not depend on how the run goes. */
export function planOf({ seed, ticks }: SimulationOptions): readonly PlannedEvent[] {
  return planTrouble(new Random(seed).fork(), ticks * TICK_MS);
}

/** Runs one seed. The same options give the same result, to the hash of the trace. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const world = new World(options.seed);
  const cluster = new SimulatedCluster(world, options.nodes, drawSettings(world.random));
  const operations: Operation[] = [];
  const client = (id: string, thinkMsMax: number) =>
    new SimulatedClient(id, {
      world,
      nodes: cluster.nodes,
      operations,
      keys: KEYS,
      thinkMsMax,
      quietUntilMs: () => cluster.quietUntilMs,
    });
  const clients = Array.from({ length: CLIENTS }, (_, at) => client(`c${at + 1}`, 60));
  const jobs = new JobWorld(cluster, 3, 2);
  const keeper = new ScheduleKeeper(jobs);
  const truster = new TrustKeeper(jobs);
  const plan = planOf(options);
  const nemesis = new Nemesis(cluster, plan, options.kept);
  await run(world, cluster, options.ticks * TICK_MS);
  nemesis.stop();
  world.trace("peace");
  await run(world, cluster, world.nowMs + 500);
  for (const each of [...clients, ...jobs.submitters, keeper, truster]) each.stop();
  for (const worker of jobs.workers) worker.troubled = false;
  const rest = { world, cluster, clients, jobs, keeper, truster };
  await untilRest(rest);
  await probe(rest, client("probe", 5), operations);
  await powerCycle(rest);
  judge(cluster, operations, jobs);
  return {
    seed: options.seed,
    violation: cluster.oracle.violation,
    plan,
    traceHash: world.traceHash,
    simulatedMs: world.nowMs,
    events: world.events,
    messages: cluster.network.sent,
    elections: cluster.oracle.elections,
    committed: cluster.oracle.highestCommitted,
    operations: operations.length + jobs.history.answered,
    jobs: cluster.jobOracle.acknowledged,
    completions: cluster.jobOracle.completions,
    staleReports: cluster.jobOracle.staleReports,
    forgivenLosses: cluster.jobOracle.forgivenLosses,
    confirmedCrashes: cluster.jobOracle.confirmedCrashes,
    scheduledRuns: cluster.jobOracle.schedules.counts.made,
    forgotten: cluster.jobOracle.relations.seen.forgotten,
    keptFromForgetting: cluster.jobOracle.relations.seen.kept,
    refusedFires: cluster.jobOracle.schedules.counts.refused,
    recent: world.recent,
  };
}

/** Runs events until `untilMs`, or until something is broken. */
export async function run(world: World, cluster: SimulatedCluster, untilMs: number): Promise<void> {
  while (cluster.oracle.violation === undefined && world.step(untilMs)) {
    // Promises that the event settled reach their callers before the next one.
    for (let turn = 0; turn < 3; turn++) await null;
  }
}

interface Resting {
  readonly world: World;
  readonly cluster: SimulatedCluster;
  readonly clients: readonly SimulatedClient[];
  readonly jobs: JobWorld;
  readonly keeper: ScheduleKeeper;
  readonly truster: TrustKeeper;
}

/** Liveness: within a bounded time of peace one leads, all agree, and every client has its answer. */
async function untilRest(
  { world, cluster, clients, jobs, keeper, truster }: Resting,
): Promise<void> {
  const startedMs = world.nowMs;
  const peace = new Peace(startedMs);
  const unrestBesideJobs = () => {
    const busy = clients.find((client) => client.busy);
    if (busy !== undefined) return `${busy.id} has no answer`;
    if (jobs.submitters.some((each) => each.busy > 0)) return "a submitter has no answer";
    if (keeper.unrest !== undefined) return keeper.unrest;
    return truster.unrest;
  };
  for (;;) {
    if (cluster.oracle.violation !== undefined) break;
    const { open } = cluster.jobOracle;
    const beside = unrestBesideJobs();
    const unrest = beside ?? (open > 0 ? `${open} jobs have not ended` : cluster.unrest());
    if (unrest === undefined) break;
    if (peace.isOver(world.nowMs, beside === undefined ? open : undefined)) {
      const lastedMs = Math.round(world.nowMs - startedMs);
      cluster.oracle.check(false, () => `Liveness: after ${lastedMs} ms of peace ${unrest}`);
      return;
    }
    await run(world, cluster, world.nowMs + 50);
  }
  const difference = cluster.differenceOfLogs();
  cluster.oracle.check(difference === undefined, () => `Log matching: at rest ${difference}`);
}

/** At peace, a client is served: so many writes, and as many linearizable reads. */
async function probe(
  { world, cluster }: Resting,
  client: SimulatedClient,
  operations: readonly Operation[],
): Promise<void> {
  const deadlineMs = world.nowMs + PROBE_MS_MAX;
  const served = (kind: Operation["kind"]) =>
    operations.filter((each) =>
      each.client === client.id && each.kind === kind && each.returnedAtMs < Infinity
    ).length;
  const left = () => Math.min(served("append"), served("read")) < PROBES;
  while (cluster.oracle.violation === undefined && left()) {
    if (world.nowMs >= deadlineMs) {
      cluster.oracle.check(
        false,
        () =>
          `Liveness: in ${PROBE_MS_MAX} ms of peace only ${served("append")} writes and ` +
          `${served("read")} reads were served`,
      );
      return;
    }
    await run(world, cluster, world.nowMs + 20);
  }
  client.stop();
}

/** The power fails once more, everywhere: what is judged is what the disks hold. */
async function powerCycle(resting: Resting): Promise<void> {
  const { world, cluster } = resting;
  if (cluster.oracle.violation !== undefined) return;
  world.trace("power cycle");
  const running = [...cluster.nodes.values()].filter((node) => node.state === "running");
  for (const node of running) node.crash();
  for (const node of running) node.start();
  await untilRest(resting);
}

function judge(
  cluster: SimulatedCluster,
  operations: readonly Operation[],
  jobs: JobWorld,
): void {
  const machine = cluster.leader?.machine;
  if (cluster.oracle.violation !== undefined || machine === undefined) return;
  const lists = new Map(machine.keys.map((key) => [key, machine.list(key)]));
  for (const fault of [faultOfHistory(operations, lists), jobs.history.fault()]) {
    cluster.oracle.check(fault === undefined, () => fault ?? "");
  }
  cluster.jobOracle.judge((id) => machine.jobs.get(id)?.status);
  cluster.jobOracle.relations.judge(machine.jobs);
  const members = cluster.leader === undefined ? [] : cluster.statusOf(cluster.leader.id)?.members;
  for (const { id } of members ?? []) {
    const other = cluster.nodes.get(id)?.machine;
    const same = other === undefined || other.hash === machine.hash;
    cluster.oracle.check(same, () => `State machine safety: ${id} ends in another state`);
  }
}

/** Sizes small enough that every bound is met. */
function drawSettings(random: Random): NodeSettings {
  const messageBytesMax = random.pick([1, 300, 1000, 8000]);
  const inflightMessagesMax = random.pick([1, 4, 16, 64]);
  // A slow pipe with a long queue before it answers nobody in time, and is then asked all the more:
  // what may wait must be what can be done while a client waits.
  const slow = messageBytesMax < 1000 || inflightMessagesMax === 1;
  return {
    electionTicks: random.between(8, 20),
    heartbeatTicks: random.between(1, 3),
    electionFactors: random.chance(0.3) ? [0.5, 1, 3] : [1],
    bounds: {
      messageBytesMax,
      inflightMessagesMax,
      inflightBytesMax: random.pick([4_000, 100_000]),
      uncommittedEntriesMax: random.pick(slow ? [8, 64] : [8, 64, 1000]),
      applyBytesMax: random.pick([200, 100_000]),
      promotionLagMax: random.pick([5, 100]),
    },
    snapshotBounds: {
      chunkBytes: random.pick([300, 1000, 5000]),
      windowChunks: random.pick([1, 4]),
      resendTicks: 10,
      resendsMax: random.pick([3, 10]),
      trailingEntries: random.pick([0, 0, 5, 50]),
      compactAfterEntries: random.pick([1, 10, 40, 400]),
      compactAfterBytes: random.pick([3_000, 1_000_000]),
    },
    commitNews: random.pick(["at_once", "by_tick", "by_tick"]),
    spares: random.pick(["at_once", "later", "later"]),
    sparesPauseMs: random.pick([1, 5, 100]),
  };
}

export { Violation };
