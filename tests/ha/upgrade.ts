/**
 * `deno task upgrade --from CHECKOUT [--seed S] [--rounds N]`: a cluster of an older checkout of the program is
 * upgraded under load, one process after the other and in an order that the seed decides, with random faults
 * between any two. Then everything that was acknowledged is audited.
 *
 * @module
 */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { Random } from "../simulation/random.ts";
import { audit, describeFaults } from "./audit.ts";
import { Cluster } from "./cluster.ts";
import { MAIN } from "../program.ts";
import { gather } from "./evidence.ts";
import { History } from "./history.ts";
import { Load } from "./load.ts";
import { Nemesis } from "./nemesis.ts";
import type { NodeProcess } from "./node_process.ts";
import { tryCluster } from "./trial.ts";

interface UpgradeOptions {
  readonly seed: number;
  /** Rounds of faults before the first process is upgraded, and after each. */
  readonly rounds: number;
  /** The older program's `main.ts`. */
  readonly olderMain: string;
  readonly tell: (line: string) => void;
}

const ACCEPTED_PER_ROUND = 30;
/** Far beyond what two workers take for what comes while they are restarted, on a busy machine. */
const BACKLOG_MS_MAX = 600_000;

/** Returns the promises that were broken. */
async function upgrade(cluster: Cluster, options: UpgradeOptions): Promise<string[]> {
  const { tell, rounds } = options;
  const random = new Random(options.seed);
  const history = new History();
  // A new disk is filled by a snapshot, which the older program does not read: it would wait for its upgrade.
  const nemesis = new Nemesis(cluster, random, { tell, wipes: false });
  const processes = random.shuffled([
    ...cluster.masters.map((each) => each.process),
    ...cluster.workers,
  ]);
  const load = Load.start(cluster, { history, lanes: 3, batchLanes: 2, pauseMs: 60 });
  const trouble = async () => {
    for (let round = 0; round < rounds; round++) {
      await nemesis.round();
      await load.accepts(ACCEPTED_PER_ROUND);
    }
    await cluster.settled();
    tell(`  ${history.acknowledged().length} accepted, ${(await cluster.leader()).name} leads`);
  };
  try {
    await trouble();
    for (const process of processes) {
      await (random.chance(0.5) ? process.kill() : process.terminate());
      process.main = MAIN;
      process.start();
      await load.accepts(ACCEPTED_PER_ROUND);
      tell(`${process.name} is upgraded`);
      await goBack(cluster, process, options);
      await trouble();
    }
  } finally {
    await load.stop();
  }
  for (const each of history.submissions) {
    if (each.failure !== undefined) tell(`not accepted: ${each.id} ${each.failure}`);
  }
  return describeFaults(audit(await gather(cluster, history, BACKLOG_MS_MAX)));
}

/** The older program refuses what the newer one wrote, or goes on from it; then it is upgraded again. */
async function goBack(
  cluster: Cluster,
  process: NodeProcess,
  { olderMain, tell }: UpgradeOptions,
): Promise<void> {
  await cluster.settled();
  await process.terminate();
  process.main = olderMain;
  process.start();
  const settled = cluster.settled().then(
    () => "goes on with it",
    (failure: Error) => failure.message,
  );
  tell(`  the older program: ${(await settled).trim()}`);
  if (process.isRunning) await process.terminate();
  process.main = MAIN;
  process.start();
  await cluster.settled();
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      from: { type: "string" },
      rounds: { type: "string", default: "2" },
      seed: { type: "string" },
    },
  });
  const { from } = values;
  const seed = Number(values.seed ?? Date.now() % 1_000_000_007);
  const rounds = Number(values.rounds);
  if (from === undefined || ![seed, rounds].every(Number.isSafeInteger)) {
    throw new Error(
      "--from is a checkout of an older version; --rounds and --seed are whole numbers",
    );
  }
  console.log(`seed ${seed}, ${rounds} rounds of faults at each stage`);
  const olderMain = join(from, "main.ts");
  const cluster = new Cluster({
    main: olderMain,
    // As for a wiped disk: nobody shall be so far behind that it needs a snapshot.
    masterFlags: ["--set=raft.snapshot_threshold=1000000"],
  });
  return await tryCluster(cluster, async (tell) => {
    const faults = await upgrade(cluster, { seed, rounds, olderMain, tell });
    if (faults.length === 0) tell("all is right");
    return faults;
  });
}

if (import.meta.main) Deno.exit(await main() ? 0 : 1);
