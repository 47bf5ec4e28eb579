/** Runs the simulation of a broken copy of the sources, in a process of its own. */

import { dirname, join } from "node:path";
import type { Mutant } from "./mutants.ts";

/** Who noticed. */
export interface Verdict {
  /** Scenarios that failed. */
  readonly scenarios: readonly string[];
  /** The first seed, counted from 1, that failed; undefined: none did. */
  readonly seeds: number | undefined;
  /** Names of the checkers, or the reason why the process ended. */
  readonly checker: string;
  readonly seconds: number;
}

/** What the simulation needs of the sources, below the repository's root. */
const FOLDERS = ["src/raft", "src/jobs", "src/scheduler", "src/calendar", "tests/simulation"];
const FILES = ["src/master/said.ts", "src/master/schedule_duty.ts", "src/master/succession.ts"];
/** A broken core may spin; then it is found, too. */
const PATIENCE_MS = 3_600_000;

const root = new URL("../../", import.meta.url).pathname;

/** Plays all scenarios, unless only seeds are wanted, then seeds from 1 until one fails. */
export async function hunt(mutant: Mutant, onlySeeds = false): Promise<Verdict> {
  const startedMs = performance.now();
  return await withMutant(mutant, async (directory) => {
    const told = onlySeeds ? { text: "", code: 0 } : await simulateIn(directory, ["--scenarios"]);
    const failed = [...told.text.matchAll(/^(S\d+\w*): (?!ok )([^:\n]*)/gm)];
    const swarm = mutant.seedsMax === 0 ? { text: "", code: 0 } : await simulateIn(directory, [
      "--seed",
      "1",
      "--seeds",
      String(mutant.seedsMax),
      "--stop",
    ]);
    const seed = /^seed (\d+): ([^:\n]*)/m.exec(swarm.text);
    const checkers = [seed?.[2], ...failed.map((match) => match[2])].filter((each) =>
      each !== undefined
    );
    if (swarm.code !== 0 && seed === null) checkers.push(`the process: ${lastLine(swarm.text)}`);
    if (told.code !== 0 && failed.length === 0) {
      checkers.push(`the process: ${lastLine(told.text)}`);
    }
    return {
      scenarios: failed.map((match) => match[1] ?? ""),
      seeds: seed === null ? undefined : Number(seed[1]),
      checker: [...new Set(checkers)].join(", "),
      seconds: (performance.now() - startedMs) / 1000,
    };
  });
}

/** Calls `use` with a directory that holds the mutant, and removes it. */
export async function withMutant<Result>(
  mutant: Mutant,
  use: (directory: string) => Promise<Result>,
): Promise<Result> {
  const directory = Deno.makeTempDirSync({ prefix: `conductor-${mutant.id}-` });
  try {
    copySources(directory);
    applyEdits(mutant, directory);
    return await use(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

/** Runs `deno task sim` with `args` in a copy. */
export async function simulateIn(
  directory: string,
  args: readonly string[],
): Promise<{ readonly text: string; readonly code: number }> {
  const script = join(directory, "tests/simulation/main.ts");
  const config = join(directory, "deno.json");
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-lock", "--no-check", "--config", config, script, ...args],
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(PATIENCE_MS),
  }).output();
  const decoder = new TextDecoder();
  return { text: decoder.decode(stdout) + decoder.decode(stderr), code };
}

function copySources(directory: string): void {
  const { imports } = JSON.parse(Deno.readTextFileSync(join(root, "deno.json")));
  Deno.writeTextFileSync(join(directory, "deno.json"), JSON.stringify({ imports }));
  for (const folder of FOLDERS) {
    Deno.mkdirSync(join(directory, folder), { recursive: true });
    for (const { name, isFile } of Deno.readDirSync(join(root, folder))) {
      if (isFile && name.endsWith(".ts") && !name.endsWith("_test.ts")) {
        Deno.copyFileSync(join(root, folder, name), join(directory, folder, name));
      }
    }
  }
  for (const file of FILES) {
    Deno.mkdirSync(dirname(join(directory, file)), { recursive: true });
    Deno.copyFileSync(join(root, file), join(directory, file));
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

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}
