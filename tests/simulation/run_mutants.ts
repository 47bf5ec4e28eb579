/**
 * `deno task sim:mutants [--only M1,M2] [--cheap] [--seeds N]`: applies each mutant to a copy of the
 * sources, and runs the scripted scenarios and then seeds from 1 until one fails. Prints what was
 * broken, and who noticed. A mutant that nobody notices is a hole in the checkers.
 */

import { parseArgs } from "node:util";
import { hunt } from "./mutant_hunt.ts";
import { MUTANTS } from "./mutants.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    /** Those that a scenario or few seeds find. */
    cheap: { type: "boolean", default: false },
    /** Instead of each mutant's own limit. */
    seeds: { type: "string" },
  },
});

const only = values.only?.split(",");
const chosen = MUTANTS.filter(({ id, seedsMax }) =>
  (only === undefined || only.includes(id)) && (!values.cheap || seedsMax <= 20)
);
const WIDTHS = [4, 58, 14, 7, 7];
let survivors = 0;
let seedsUsed = 20;
console.log(row(["", "broken", "scenarios", "seeds", "time", "who noticed"]));
for (const mutant of chosen) {
  const seedsMax = values.seeds === undefined ? mutant.seedsMax : Number(values.seeds);
  const { scenarios, seeds, checker, seconds } = await hunt({ ...mutant, seedsMax });
  const found = scenarios.length > 0 || seeds !== undefined;
  if (!found) survivors++;
  seedsUsed = Math.max(seedsUsed, seeds ?? seedsMax);
  console.log(row([
    mutant.id,
    mutant.title,
    scenarios.join(" ") || "-",
    seeds === undefined ? `> ${seedsMax}` : `${seeds}`,
    `${seconds.toFixed(0)} s`,
    found ? checker : "SURVIVED",
  ]));
}
const unchanged = await hunt({ id: "M0", title: "", edits: [], seedsMax: seedsUsed });
const innocent = unchanged.scenarios.length === 0 && unchanged.seeds === undefined;
console.log(
  `the code as it is: ${innocent ? "nothing" : unchanged.checker} was found in all scenarios and ` +
    `${seedsUsed} seeds`,
);
console.log(`${chosen.length} mutants, ${survivors} survived`);
Deno.exit(survivors > 0 || !innocent ? 1 : 0);

function row(cells: readonly string[]): string {
  return cells.map((cell, at) => cell.padEnd(WIDTHS[at] ?? 0)).join(" ");
}
