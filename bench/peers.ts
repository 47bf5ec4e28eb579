/**
 * `deno task bench:peers`: this program beside what people would pick instead, on one machine in one
 * run: the same payload, one client process each, servers on loopback ports. Installs the peers from
 * Debian's packages and npm (as root). Prints each measure, and the ratio of ours to the best of them.
 *
 * All of them are measured in turn, in three rounds, and each measure is the round's with the middle
 * rate: a machine that others use is faster in one quarter of an hour than in the next, and what is
 * measured first would be compared with what is measured in another.
 *
 *     --quick      in six minutes: shorter runs, one round, no failover
 *     --seconds N --runs N (a round) --rounds N
 *     --only etcd,rabbitmq,nats,bullmq,postgres,beanstalkd,conductor
 *     --json FILE  for bench:compare
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ConductorBench } from "./suite/conductor.ts";
import { failoverGaps } from "./suite/failover_gap.ts";
import { conclude, countFrom, type Row, type Settings, settingsFrom } from "./suite/result.ts";
import { type Gap, middleOf, type PeerRow, ratiosOf, rowOf } from "./suite/peer_results.ts";
import { medianOf } from "./suite/latency.ts";

const PEERS = ["etcd", "rabbitmq", "nats", "bullmq", "postgres", "beanstalkd"];
const SCRIPTS = fileURLToPath(new URL("./peers/", import.meta.url));
/** Long enough for the slowest to start. */
const PEER_MS_MAX = 600_000;

async function run(command: string, args: readonly string[], env: Record<string, string> = {}) {
  const { success } = await new Deno.Command(command, {
    args: [...args],
    env,
    stdout: "null",
    stderr: "inherit",
    signal: AbortSignal.timeout(PEER_MS_MAX),
  }).output();
  if (!success) throw new Error(`${command} ${args.join(" ")} failed`);
}

async function peerRows(
  peer: string,
  directory: string,
  { measuredMs, warmUpMs, firstMs, runs, inFlight }: Settings,
  trials: number,
): Promise<PeerRow[]> {
  console.error(`${peer}, load ${Deno.loadavg()[0]?.toFixed(1)}`);
  const results = join(directory, "results", `${peer}.jsonl`);
  await Deno.remove(results).catch((failure) => {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure; // there was no round before
  });
  const env = {
    PEERS_TMP: directory,
    SECS: String(measuredMs / 1_000),
    WARM: String(warmUpMs / 1_000),
    FIRST: String(firstMs / 1_000),
    RUNS: String(runs),
    CONCS: inFlight.join(","),
    TRIALS: String(trials),
  };
  try {
    await run("node", [join(directory, "scripts", `${peer}.mjs`), "all"], env);
  } catch (failure) {
    // One that does not run here is left out of the table, and the others are measured.
    console.error(`${peer}: ${failure instanceof Error ? failure.message : failure}`);
  }
  const text = await Deno.readTextFile(results).catch((failure) => {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure; // it did not come to a result
    return "";
  });
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

async function conductorRows(settings: Settings): Promise<Row[]> {
  const rows: Row[] = [];
  for (const size of [3, 1]) {
    await using bench = await ConductorBench.start(size, { ...settings, workers: [1] });
    await bench.warmUp();
    rows.push(...await bench.cycles(), ...await bench.submits());
    if (size === 3) rows.push(...await bench.unarySubmits(), ...await bench.batches());
  }
  return rows;
}

const settings = settingsFrom(Deno.args);
const { values } = settings;
const shorter = values.quick ? { ...settings, warmUpMs: 500 } : {
  ...settings,
  measuredMs: Math.min(settings.measuredMs, 2_000),
  warmUpMs: 700,
  runs: values.runs === undefined ? 1 : settings.runs,
};
const rounds = values.rounds === undefined
  ? (values.quick ? 1 : 3)
  : countFrom("rounds", values.rounds);
const wanted = values.only?.split(",") ?? [...PEERS, "conductor"];
const trials = values.quick ? 0 : 1;
const loadBefore = Deno.loadavg()[0] ?? 0;
const directory = await Deno.makeTempDir({ prefix: "conductor-peers-" });
// PostgreSQL's own user must be able to enter it.
await Deno.chmod(directory, 0o755);
try {
  const measured: Row[] = [];
  const gaps: Gap[] = [];
  const peers = wanted.filter((name) => PEERS.includes(name));
  if (peers.length > 0) {
    await run("sh", [join(SCRIPTS, "install.sh"), join(directory, "scripts")]);
  }
  for (let round = 1; round <= rounds; round++) {
    if (rounds > 1) console.error(`round ${round} of ${rounds}`);
    if (wanted.includes("conductor")) {
      measured.push(...await conductorRows(shorter));
      const eachMs = await failoverGaps(trials);
      gaps.push(...eachMs.map((ms) => ({ system: "conductor, 3 masters", ms })));
    }
    for (const peer of peers) {
      for (const found of await peerRows(peer, directory, shorter, trials)) {
        if (found.test === "failover") gaps.push({ system: peer, ms: found.gap_ms });
        else measured.push(rowOf(peer, found));
      }
    }
  }
  const rows = middleOf(measured);
  await conclude({ ...shorter, runs: rounds * shorter.runs }, {
    rows,
    loadBefore,
    json: values.json,
  });
  console.log(`\n${ratiosOf(rows)}`);
  if (gaps.length > 0) {
    console.log(
      "\n| kill -9 of the leader | longest gap between acknowledgements, ms | of each round |\n" +
        "|---|---|---|",
    );
  }
  for (const [system, each] of Map.groupBy(gaps, (gap) => gap.system)) {
    const middle = medianOf(each, ({ ms }) => ms);
    const all = each.map(({ ms }) => ms.toFixed(0)).join(", ");
    console.log(`| ${system} | ${middle.ms.toFixed(0)} | ${all} |`);
  }
} finally {
  await Deno.remove(directory, { recursive: true });
}
