/**
 * `deno task bench:peers`: this program beside what people would pick instead, on one machine in one
 * run: the same payload, one client process each, servers on loopback ports. Installs the peers from
 * Debian's packages and npm (as root). Prints each measure, and the ratio of ours to the best of them.
 *
 *     --quick      in six minutes: shorter runs, one of each, no failover
 *     --seconds N --runs N     --only etcd,rabbitmq,nats,bullmq,postgres,beanstalkd,conductor
 *     --json FILE  for bench:compare
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ConductorBench } from "./suite/conductor.ts";
import { failoverGaps } from "./suite/failover_gap.ts";
import { conclude, type Row, type Settings, settingsFrom } from "./suite/result.ts";
import { type Gap, type PeerRow, ratiosOf, rowOf } from "./suite/peer_results.ts";

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
  const text = await Deno.readTextFile(results).catch(() => "");
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
};
const wanted = values.only?.split(",") ?? [...PEERS, "conductor"];
const trials = values.quick ? 0 : 1;
const loadBefore = Deno.loadavg()[0] ?? 0;
const directory = await Deno.makeTempDir({ prefix: "conductor-peers-" });
// PostgreSQL's own user must be able to enter it.
await Deno.chmod(directory, 0o755);
try {
  const rows: Row[] = [];
  const gaps: Gap[] = [];
  const peers = wanted.filter((name) => PEERS.includes(name));
  if (peers.length > 0) {
    await run("sh", [join(SCRIPTS, "install.sh"), join(directory, "scripts")]);
  }
  if (wanted.includes("conductor")) {
    rows.push(...await conductorRows(shorter));
    const eachMs = await failoverGaps(trials);
    gaps.push(...eachMs.map((ms) => ({ system: "conductor, 3 masters", ms })));
  }
  for (const peer of peers) {
    for (const found of await peerRows(peer, directory, shorter, trials)) {
      if (found.test === "failover") gaps.push({ system: peer, ms: found.gap_ms });
      else rows.push(rowOf(peer, found));
    }
  }
  await conclude(shorter, { rows, loadBefore, json: values.json });
  console.log(`\n${ratiosOf(rows)}`);
  if (gaps.length > 0) {
    console.log(
      "\n| kill -9 of the leader | longest gap between acknowledgements, ms |\n|---|---|",
    );
    for (const { system, ms } of gaps) console.log(`| ${system} | ${ms.toFixed(0)} |`);
  }
} finally {
  await Deno.remove(directory, { recursive: true });
}
