/**
 * `deno task sim --seeds N [--seed S] [--ticks T] [--nodes 3|5]`: runs seeds and prints how each
 * failing one is replayed.
 */

import { parseArgs } from "node:util";
import { SCENARIOS } from "./scenarios.ts";
import { simulate } from "./simulation.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "20" },
    seed: { type: "string" },
    ticks: { type: "string", default: "1500" },
    nodes: { type: "string" },
    verbose: { type: "boolean", default: false },
    /** Runs the scripted scenarios first. */
    scenarios: { type: "boolean", default: false },
    /** Ends at the first failing seed. */
    stop: { type: "boolean", default: false },
  },
});
const ticks = Number(values.ticks);
const first = values.seed === undefined ? Date.now() % 1_000_000_007 : Number(values.seed);
const count = values.seed === undefined ? Number(values.seeds) : Number(values.seeds ?? "1");
const startedMs = performance.now();
let simulatedMs = 0;
let failures = 0;
let ran = 0;
const totals = {
  events: 0,
  elections: 0,
  committed: 0,
  operations: 0,
  jobs: 0,
  completions: 0,
  staleReports: 0,
};
console.log(`seeds ${first} to ${first + count - 1}, ${ticks} ticks of trouble each`);
if (values.scenarios) {
  for (const { id, run } of SCENARIOS) {
    const violation = await run();
    if (violation === undefined) continue;
    console.log(`${id}: ${violation.message}`);
    if (values.stop) Deno.exit(1);
    failures++;
  }
}
for (let seed = first; seed < first + count; seed++) {
  const nodes = values.nodes === undefined ? (seed % 2 === 0 ? 3 : 5) : Number(values.nodes);
  const result = await simulate({ seed, nodes, ticks });
  simulatedMs += result.simulatedMs;
  totals.events += result.events;
  totals.elections += result.elections;
  totals.committed += result.committed;
  totals.operations += result.operations;
  totals.jobs += result.jobs;
  totals.completions += result.completions;
  totals.staleReports += result.staleReports;
  if (values.verbose || values.seeds === "1") {
    const { traceHash, events, elections, committed, operations } = result;
    console.log(
      `seed ${seed} nodes ${nodes} trace ${traceHash} events ${events} elections ${elections} ` +
        `committed ${committed} operations ${operations}`,
    );
  }
  ran++;
  if (result.violation === undefined) continue;
  failures++;
  console.log(`seed ${seed}: ${result.violation.message}`);
  if (values.verbose) { for (const line of result.recent.slice(-400)) console.log(`  ${line}`); }
  console.log(
    `  replay: deno task sim --seeds 1 --seed ${seed} --nodes ${nodes} --ticks ${ticks} --verbose`,
  );
  if (values.stop) break;
}
const wallMs = performance.now() - startedMs;
console.log(
  `${ran} seeds, ${failures} failures, ${(simulatedMs / 3_600_000).toFixed(2)} simulated hours ` +
    `in ${(wallMs / 1000).toFixed(1)} s; ${totals.events} events, ${totals.elections} leaders, ` +
    `${totals.committed} entries committed, ${totals.operations} client operations, ${totals.jobs} jobs ` +
    `(${totals.completions} completed, ${totals.staleReports} stale reports refused)`,
);
Deno.exit(failures > 0 ? 1 : 0);
