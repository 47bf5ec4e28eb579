/**
 * `deno task sim:mutants [--only M1,M2] [--cheap]`: applies each mutant to a copy of the sources and
 * runs the scripted scenarios, then seeds from 1, until one fails. A mutant that survives its seeds is a hole in the checkers.
 */

import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Mutant } from "./mutants.ts";
import { MUTANTS } from "./mutants.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    /** Those that are found within 20 seeds. */
    cheap: { type: "boolean", default: false },
  },
});
const root = new URL("../../", import.meta.url).pathname;
const only = values.only?.split(",");
const chosen = MUTANTS.filter(({ id, seedsMax }) =>
  (only === undefined || only.includes(id)) && (!values.cheap || seedsMax <= 20)
);
let survivors = 0;
let highestSeed = 20;
for (const mutant of chosen) {
  const directory = Deno.makeTempDirSync({ prefix: `conductor-${mutant.id}-` });
  try {
    copySources(directory);
    applyEdits(mutant, directory);
    const startedMs = performance.now();
    const verdict = await hunt(mutant, directory);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    console.log(
      `${mutant.id.padEnd(4)} ${verdict.padEnd(70)} ${seconds.padStart(6)} s  ${mutant.title}`,
    );
    if (verdict.startsWith("SURVIVED")) survivors++;
    highestSeed = Math.max(highestSeed, Number(/^seed (\d+)/.exec(verdict)?.[1] ?? 0));
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}
await proveInnocence(highestSeed);
console.log(`${chosen.length} mutants, ${survivors} survived`);
Deno.exit(survivors > 0 ? 1 : 0);

/** The same scenarios and seeds must find nothing in the code as it is. */
async function proveInnocence(seedsMax: number): Promise<void> {
  const directory = Deno.makeTempDirSync({ prefix: "conductor-M0-" });
  try {
    copySources(directory);
    const verdict = await hunt({ id: "M0", title: "", edits: [], seedsMax }, directory);
    console.log(`M0   ${verdict}, as it must: nothing was changed`);
    if (!verdict.startsWith("SURVIVED")) survivors++;
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

function copySources(directory: string): void {
  for (const folder of ["src/raft", "src/jobs", "src/scheduler", "tests/simulation"]) {
    Deno.mkdirSync(join(directory, folder), { recursive: true });
    for (const { name, isFile } of Deno.readDirSync(join(root, folder))) {
      if (isFile && name.endsWith(".ts") && !name.endsWith("_test.ts")) {
        Deno.copyFileSync(join(root, folder, name), join(directory, folder, name));
      }
    }
  }
}

function applyEdits(mutant: Mutant, directory: string): void {
  for (const { file, find, replace } of mutant.edits) {
    const path = join(directory, file);
    const parts = Deno.readTextFileSync(path).split(find);
    if (parts.length !== 2) {
      throw new Error(
        `${mutant.id}: "${find}" occurs ${parts.length - 1} times in ${file}, not once`,
      );
    }
    Deno.writeTextFileSync(path, parts.join(replace));
  }
}

async function hunt(mutant: Mutant, directory: string): Promise<string> {
  const script = join(directory, "tests/simulation/main.ts");
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-config",
      "--no-check",
      script,
      "--scenarios",
      "--seed",
      "1",
      "--seeds",
      String(mutant.seedsMax),
      "--stop",
    ],
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stdout);
  const found = /^(seed \d+|S\d+b?): (.*)$/m.exec(text);
  if (code === 0) return `SURVIVED ${mutant.seedsMax} seeds`;
  if (found === null) throw new Error(`${mutant.id}: ${new TextDecoder().decode(stderr)}`);
  return `${found[1]}: ${found[2]}`.slice(0, 68);
}
