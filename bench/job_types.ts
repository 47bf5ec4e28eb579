/**
 * `deno task bench:types`: the built-in job types beside well-known command-line tools in the same
 * run, on this machine and at this moment: compare ratios. A tool that is missing leaves its column
 * empty. With `--short` it takes seconds, and shows only that it runs; with `--gigabyte` a gigabyte of
 * NDJSON shows that memory stays where it is.
 *
 * @module
 */

import { measureImages } from "./job_types/images.ts";
import type { Cost, Row } from "./job_types/measure.ts";
import { measurePages } from "./job_types/pages.ts";
import { measureTables } from "./job_types/tables.ts";

const IS_SHORT = Deno.args.includes("--short");
const IS_LONG = Deno.args.includes("--gigabyte");

async function measureAll(directory: string): Promise<Row[]> {
  return [
    ...await measureTables({
      directory,
      csvBytes: IS_SHORT ? 500_000 : 100_000_000,
      ndjsonBytes: IS_SHORT ? [] : IS_LONG ? [100_000_000, 1_000_000_000] : [100_000_000],
    }),
    ...await measureImages({
      directory,
      width: IS_SHORT ? 1_000 : 4_000,
      height: IS_SHORT ? 750 : 3_000,
      times: IS_SHORT ? 1 : 5,
    }),
    ...await measurePages({
      directory,
      pages: IS_SHORT ? 50 : 2_000,
      rows: IS_SHORT ? 1_000 : 75_000,
    }),
  ];
}

function printed({ what, amount, unit, ours, tool, theirs }: Row): string {
  const rate = ({ ms }: Cost) => {
    const perSecond = amount / (ms / 1_000);
    return perSecond < 100 ? perSecond.toFixed(2) : Math.round(perSecond).toLocaleString("en-GB");
  };
  const memory = ({ peakMebibytes }: Cost) => peakMebibytes.toFixed(0);
  const beside = tool === undefined || theirs === undefined
    ? ["", "", "", ""]
    : [tool, rate(theirs), memory(theirs), (ours.ms / theirs.ms).toFixed(2)];
  return `| ${[what, unit, rate(ours), memory(ours), ...beside].join(" | ")} |`;
}

if (import.meta.main) {
  const load = Deno.loadavg()[0]?.toFixed(2);
  const directory = await Deno.makeTempDir({ prefix: "conductor-bench-types-" });
  try {
    const rows = await measureAll(await Deno.realPath(directory));
    const endLoad = Deno.loadavg()[0]?.toFixed(2);
    const { hardwareConcurrency: cores } = navigator;
    console.log(`${cores} cores, Deno ${Deno.version.deno}, load ${load} to ${endLoad}\n`);
    console.log("| job | | figure | peak MiB | beside | its figure | its MiB | times as long |");
    console.log("|---|---|---|---|---|---|---|---|");
    for (const row of rows) console.log(printed(row));
    const tools = new Set(rows.map(({ tool }) => tool));
    for (const tool of ["sqlite3", "convert", "wget -r"]) {
      if (!tools.has(tool)) {
        console.log(`\n${tool} is missing here, and so is what stands beside it.`);
      }
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
