/**
 * `deno task chaos --rounds N [--seed S]`: random faults under load, each taken back, then an audit
 * of everything that was acknowledged. Prints its seed first; exits with 0 only if all is right.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { Random } from "../simulation/random.ts";
import { audit, describeFaults } from "./audit.ts";
import { Cluster } from "./cluster.ts";
import { gather } from "./evidence.ts";
import { History } from "./history.ts";
import { Load } from "./load.ts";
import { Nemesis } from "./nemesis.ts";
import { PinnedReader } from "./pinned_client.ts";
import { tryCluster } from "./trial.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly rounds: number;
  readonly tell: (line: string) => void;
}

export interface ChaosReport {
  readonly faults: readonly string[];
  readonly submitted: number;
  readonly accepted: number;
  readonly reads: number;
  readonly runs: number;
  /** Between two accepted submissions, while there was load: audits take their time too. */
  readonly longestGapMs: number;
  /** Why submissions were not accepted; each client tries for half a minute. */
  readonly refusals: readonly string[];
}

/** Rounds between two audits, so that a fault is found near where it was made. */
const ROUNDS_PER_AUDIT = 10;
/** Submissions that must be accepted after each round: the cluster serves again. */
const ACCEPTED_PER_ROUND = 15;

/** Faults under load on a started cluster; resolves once everything was judged. */
export async function chaos(cluster: Cluster, options: ChaosOptions): Promise<ChaosReport> {
  const { seed, rounds, tell } = options;
  const random = new Random(seed);
  const history = new History();
  const nemesis = new Nemesis(cluster, random, { tell });
  let longestGapMs = 0;
  for (let round = 0; round < rounds; round += ROUNDS_PER_AUDIT) {
    const startedMs = performance.now();
    const prefix = `${round}/`;
    const load = Load.start(cluster, { history, prefix, lanes: 3, batchLanes: 1, sleepMs: 20 });
    const readers = cluster.masters.map((each) => new PinnedReader(each, history));
    try {
      for (let turn = round; turn < Math.min(rounds, round + ROUNDS_PER_AUDIT); turn++) {
        tell(`round ${turn + 1}`);
        await nemesis.round();
        await load.accepts(ACCEPTED_PER_ROUND);
        tell(`  ${(await cluster.leader()).name} leads`);
      }
    } finally {
      await Promise.all([load.stop(), ...readers.map((each) => each.stop())]);
    }
    longestGapMs = Math.max(longestGapMs, history.longestGapMs(startedMs));
    const found = describeFaults(audit(await gather(cluster, history)));
    if (found.length > 0) return report(cluster, history, longestGapMs, found);
    tell(`all is right: ${history.acknowledged().length} accepted`);
  }
  return report(cluster, history, longestGapMs, []);
}

async function report(
  cluster: Cluster,
  history: History,
  longestGapMs: number,
  faults: readonly string[],
): Promise<ChaosReport> {
  return {
    faults,
    submitted: history.submissions.length,
    accepted: history.acknowledged().length,
    reads: history.reads.length,
    runs: (await Deno.readTextFile(cluster.ledgerFile)).split("\n").length - 1,
    longestGapMs,
    refusals: history.submissions.flatMap((each) => each.failure ?? []),
  };
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "20" },
      seed: { type: "string" },
      masters: { type: "string", default: "3" },
    },
  });
  const seed = Number(values.seed ?? Date.now() % 1_000_000_007);
  const rounds = Number(values.rounds);
  const masters = Number(values.masters);
  if (![seed, rounds, masters].every(Number.isSafeInteger)) {
    throw new Error("--rounds, --seed and --masters are whole numbers");
  }
  console.log(`seed ${seed}, ${rounds} rounds, ${masters} masters`);
  const cluster = new Cluster({ masters });
  return await tryCluster(cluster, async (tell) => {
    const told = await chaos(cluster, { seed, rounds, tell });
    console.log(
      `${told.submitted} submitted, ${told.accepted} accepted, ${told.reads} reads, ` +
        `${told.runs} lines of work; longest gap ${Math.round(told.longestGapMs)} ms`,
    );
    told.refusals.forEach((each) => console.log(`not accepted: ${each}`));
    return told.faults;
  });
}

if (import.meta.main) Deno.exit(await main() ? 0 : 1);
