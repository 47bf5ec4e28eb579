/**
 * `deno task bench`: the suite. One master and three on this machine, each by the same measures in one
 * run: single submissions through the client library and as plain calls, batches, reads, mixed calls,
 * full cycles, and latency at a pace of its own. Acknowledged means on disk on a majority. Figures
 * belong to the machine and the moment: compare what one run says.
 *
 *     --masters 1,3   which clusters      --stored N   finished jobs in the state before
 *     --quick         in two minutes      --short      in seconds: that it runs, not how fast
 *     --seconds N --runs N                --json FILE  for bench:compare
 *     --only submits,cycles               of: submits unary batches reads mixed cycles open
 *
 * @module
 */

import { ConductorBench } from "./suite/conductor.ts";
import { conclude, type Row, settingsFrom } from "./suite/result.ts";

const settings = settingsFrom(Deno.args);
const { values } = settings;
const loadBefore = Deno.loadavg()[0] ?? 0;
const wanted = values.only?.split(",");
const isWanted = (name: string) => wanted === undefined || wanted.includes(name);
const rows: Row[] = [];
for (const size of (values.masters ?? (values.short ? "1" : "1,3")).split(",").map(Number)) {
  await using bench = await ConductorBench.start(size, settings);
  await bench.warmUp();
  if (Number(values.stored) > 0) await bench.store(Number(values.stored));
  // First, while there is no queue of jobs that nobody runs.
  if (isWanted("cycles")) rows.push(...await bench.cycles(), ...await bench.singleCycles());
  const submits = isWanted("submits") || isWanted("open") ? await bench.submits() : [];
  const most = Math.max(0, ...submits.map((row) => row.perSecond));
  rows.push(...submits);
  if (isWanted("unary")) rows.push(...await bench.unarySubmits());
  if (isWanted("batches")) rows.push(...await bench.batches());
  if (isWanted("reads")) rows.push(...await bench.reads());
  if (isWanted("mixed")) rows.push(...await bench.mixed());
  if (isWanted("open")) rows.push(...await bench.openLoops(most));
}
await conclude(settings, { rows, loadBefore, json: values.json });
