/**
 * `deno task sim --seeds N [--seed S] [--ticks T] [--nodes 1|3|5] [--keep 1,2]`: runs seeds, and says
 * of each that fails how it is replayed, whole and shrunk.
 */

import { parseArgs } from "node:util";
import { reportOf } from "./report.ts";
import { SCENARIOS } from "./scenarios.ts";
import type { SimulationOptions } from "./simulation.ts";
import { simulate } from "./simulation.ts";

// Refusals are many here, and nobody looks at where they were made.
if (!Deno.args.includes("--verbose")) Error.stackTraceLimit = 0;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "20" },
    seed: { type: "string" },
    ticks: { type: "string", default: "1500" },
    nodes: { type: "string" },
    /** Positions of the planned events that happen, or "none". */
    keep: { type: "string" },
    verbose: { type: "boolean", default: false },
    /** Runs the scripted scenarios instead of seeds. */
    scenarios: { type: "boolean", default: false },
    /** Ends at the first failing seed, and does not shrink it. */
    stop: { type: "boolean", default: false },
  },
});

const startedMs = performance.now();
const failures = values.scenarios ? await runScenarios() : await runSeeds();
Deno.exit(failures > 0 ? 1 : 0);

async function runScenarios(): Promise<number> {
  let failures = 0;
  for (const { id, title, run } of SCENARIOS) {
    const violation = await run(1);
    console.log(`${id}: ${violation?.message.split("\n")[0] ?? "ok"} (${title})`);
    if (violation !== undefined) failures++;
  }
  return failures;
}

async function runSeeds(): Promise<number> {
  const ticks = Number(values.ticks);
  const first = values.seed === undefined ? Date.now() % 1_000_000_007 : Number(values.seed);
  const count = Number(values.seeds);
  const totals = new Map<string, number>();
  let failures = 0;
  let ran = 0;
  console.log(`seeds ${first} to ${first + count - 1}, ${ticks} ticks of trouble each`);
  for (let seed = first; seed < first + count; seed++) {
    const options = { seed, nodes: nodesOf(seed), ticks, ...keptOf() };
    const result = await simulate(options);
    ran++;
    for (const [name, value] of Object.entries(result)) {
      if (typeof value === "number") totals.set(name, (totals.get(name) ?? 0) + value);
    }
    if (values.verbose || count === 1) {
      console.log(`seed ${seed} nodes ${options.nodes} trace ${result.traceHash}`);
    }
    if (ran % 25 === 0 && ran < count) console.log(`so far ${summaryOf(ran, failures, totals)}`);
    if (result.violation === undefined) continue;
    failures++;
    if (values.verbose) { for (const line of result.recent.slice(-400)) console.log(`  ${line}`); }
    if (values.stop || values.keep !== undefined) {
      console.log(`seed ${seed}: ${result.violation.message.split("\n")[0]}`);
      if (values.stop) break;
    } else console.log(await reportOf(options, result));
  }
  console.log(summaryOf(ran, failures, totals));
  return failures;
}

function summaryOf(ran: number, failures: number, totals: ReadonlyMap<string, number>): string {
  const total = (name: string) => totals.get(name) ?? 0;
  const seconds = (performance.now() - startedMs) / 1000;
  return `${ran} seeds, ${failures} failures, ${(total("simulatedMs") / 3_600_000).toFixed(2)} ` +
    `simulated hours in ${seconds.toFixed(1)} s; ${total("events")} events, ` +
    `${total("elections")} leaders, ${total("committed")} entries committed, ` +
    `${total("operations")} client operations, ${total("jobs")} jobs ` +
    `(${total("completions")} completed, ${total("staleReports")} stale reports refused, ` +
    `${total("forgivenLosses")} losses forgiven, ${
      total("confirmedCrashes")
    } crashes confirmed), ` +
    `${total("forgotten")} forgotten (${total("keptFromForgetting")} kept that had to be), ` +
    `${total("scheduledRuns")} runs of schedules (${total("refusedFires")} refused)`;
}

/** Mostly three or five, now and then one, two, four or seven. */
function nodesOf(seed: number): number {
  if (values.nodes !== undefined) return Number(values.nodes);
  return [3, 5, 3, 5, 3, 5, 1, 2, 4, 7][seed % 10] ?? 3;
}

function keptOf(): Pick<SimulationOptions, "kept"> {
  if (values.keep === undefined) return {};
  return { kept: new Set(values.keep === "none" ? [] : values.keep.split(",").map(Number)) };
}
