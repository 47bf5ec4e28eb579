/**
 * `deno task bench:compare A B`: two results of `bench` or `bench:peers` (`--json`) beside each other.
 *
 * @module
 */

import type { Report, Row } from "./suite/result.ts";

const [before, after] = Deno.args;
if (before === undefined || after === undefined) {
  console.error("deno task bench:compare BEFORE.json AFTER.json");
  Deno.exit(1);
}

function read(path: string): Report {
  return JSON.parse(Deno.readTextFileSync(path));
}

const keyOf = ({ system, what, inFlight }: Row) => `${system} | ${what} | ${inFlight}`;
const [older, newer] = [read(before), read(after)];
const known = new Map(older.rows.map((row) => [keyOf(row), row]));
console.log(
  "| system | what | in flight | /s | /s | ratio | p99, ms | p99, ms | CPU a job, ms | " +
    "CPU a job, ms | ratio |\n|---|---|---|---|---|---|---|---|---|---|---|",
);
for (const row of newer.rows) {
  const was = known.get(keyOf(row));
  if (was === undefined) continue;
  const ratio = (a: number, b: number) => b === 0 ? "" : (a / b).toFixed(2);
  console.log(
    `| ${keyOf(row)} | ${was.perSecond.toFixed(0)} | ${row.perSecond.toFixed(0)} | ` +
      `${ratio(row.perSecond, was.perSecond)} | ${was.p99.toFixed(1)} | ${row.p99.toFixed(1)} | ` +
      `${was.serverCpuMs.toFixed(3)} | ${row.serverCpuMs.toFixed(3)} | ` +
      `${ratio(row.serverCpuMs, was.serverCpuMs)} |`,
  );
}
console.log(`\n${older.at} (load ${older.load}) and ${newer.at} (load ${newer.load})`);
