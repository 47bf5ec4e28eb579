/** What pages name is there: keys, metrics, variables, tasks, commands and flags; and variables are all named. */

import assert from "node:assert/strict";
import { OTHER_VARIABLES } from "../../scripts/reference/configuration.ts";
import { buildProgram } from "../../src/cli/router.ts";
import { processTerminal } from "../../src/cli/terminal.ts";
import { describeConfig } from "../../src/config/mod.ts";
import { describeMetrics } from "../../src/observability/mod.ts";
import { type Names, unknownNames, variablesIn } from "./names.ts";
import { allPages, ROOT, textOf } from "./pages.ts";

/** What variables are called where no certain one is meant. */
const PATTERN = "CONDUCTOR_SECTION_KEY";
/** Variables of scripts beside the program, which say themselves what they mean. */
const OF_SCRIPTS = ["CONDUCTOR_RELEASES", "CONDUCTOR_HOMEPAGE"];

async function namesThatAre(): Promise<Names> {
  const { tasks } = JSON.parse(await textOf("deno.json")) as { tasks: Record<string, unknown> };
  const keys = describeConfig();
  return {
    keys: new Set(keys.flatMap(({ path, formerPaths }) => [path, ...formerPaths])),
    metrics: new Set(describeMetrics().map(({ name }) => name)),
    tasks: new Set(Object.keys(tasks)),
    variables: new Set([
      ...keys.flatMap(({ environment }) => environment),
      ...OTHER_VARIABLES.map(([name]) => name),
      ...OF_SCRIPTS,
    ]),
    program: buildProgram(processTerminal()),
  };
}

Deno.test("every key, metric, variable, task, command and flag that a page names is there", async () => {
  const names = await namesThatAre();
  const unknown: string[] = [];
  for (const page of await allPages()) {
    unknown.push(...unknownNames(await textOf(page), names).map((each) => `${page}: ${each}`));
  }
  assert.deepEqual(unknown, []);
});

Deno.test("a name of nothing would be found", async () => {
  const text = [
    "`raft.hertbeat_timeout`, `jobs.keep_*` and `raft.*` are words, `raft.db` is a file,",
    "`conductor_jobs_totl`, `conductor_job_duration_seconds_bucket`, `CONDUCTOR_TOKN`,",
    "`deno task benhc`, `conductor job list`, `conductor dlq retri`",
    "```console",
    '$ conductor list --typ noop | grep -- --x; echo "$(conductor explain --wat $(x --y))"',
    "$ conductor submit --type noop \\",
    "    --lable a=b --payload '{\"--c\":1}' # --d",
    "```",
  ].join("\n");
  assert.deepEqual(unknownNames(text, await namesThatAre()), [
    "configuration key raft.hertbeat_timeout",
    "metric conductor_jobs_totl",
    "variable CONDUCTOR_TOKN",
    "task benhc",
    "command conductor dlq retri",
    "flag conductor list --typ",
    "flag conductor explain --wat",
    "flag conductor submit --lable",
  ]);
});

Deno.test("every variable that the program has a word for stands in the reference", async () => {
  const { variables } = await namesThatAre();
  const nameless = new Set<string>();
  for await (const text of sources("src/")) {
    // Whole texts of the code: what errors say of misspelled ones is no variable.
    for (const [, literal = ""] of text.matchAll(/"(CONDUCTOR_[A-Z0-9_]+)"/g)) {
      if (!variables.has(literal) && literal !== PATTERN) nameless.add(literal);
    }
    for (const [, name = ""] of text.matchAll(/\b(CONDUCTOR_[A-Z0-9_]+): /g)) {
      if (!variables.has(name)) nameless.add(name);
    }
  }
  assert.deepEqual([...nameless], []);
  assert.deepEqual(variablesIn("CONDUCTOR_A_B CONDUCTOR_... xCONDUCTOR_C"), ["CONDUCTOR_A_B"]);
});

/** The program's own text, without its tests. */
async function* sources(directory: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(directory, ROOT))) {
    if (isDirectory) yield* sources(`${directory}${name}/`);
    else if (/\.ts$/.test(name) && !/_test(_support)?\.ts$/.test(name)) {
      yield await textOf(directory + name);
    }
  }
}
