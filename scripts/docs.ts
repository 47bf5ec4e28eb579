/**
 * `deno task docs`: writes what documentation says of the program from the program itself: the pages of
 * docs/reference and the README's table of job types. With `--check` it writes nothing and fails when
 * one of them is not what would be written.
 *
 * @module
 */

import { builtinJobTypes, describeJobType, type JobTypeDescription } from "../src/job_types/mod.ts";
import { apiPage } from "./reference/calls.ts";
import { commandsPage } from "./reference/commands.ts";
import { configurationPage } from "./reference/configuration.ts";
import { errorsPage } from "./reference/errors.ts";
import { httpApiPage } from "./reference/http_api.ts";
import { jobTypesPage } from "./reference/job_types.ts";
import { table } from "./reference/markdown.ts";
import { metricsPage } from "./reference/metrics.ts";

const ROOT = new URL("../", import.meta.url);
const BEGIN = "<!-- job types: written by `deno task docs` -->";
const END = "<!-- job types end -->";

/** The README's table as it has to be. */
function jobTypeTable(): string {
  const registry = builtinJobTypes();
  const rows = registry.names().map((name) => row(describeJobType(registry.get(name)!)));
  return table(["job type", "what it does", "its payload"], rows);
}

function row({ name, summary, payload }: JobTypeDescription): string[] {
  const required = payload.required ?? [];
  const fields = Object.keys(payload.properties ?? {})
    .map((field) => required.includes(field) ? `**\`${field}\`**` : `\`${field}\``);
  return [`\`${name}\``, summary, fields.length === 0 ? "anything" : fields.join(", ")];
}

/**
 * The README with the table in its place.
 *
 * @throws when it has no place for one.
 */
export function withTable(readme: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`README.md has no lines ${BEGIN} and ${END}`);
  return `${readme.slice(0, begin + BEGIN.length)}\n${jobTypeTable()}\n${readme.slice(end)}`;
}

/** Every file that is written from the program, with its text. */
async function pages(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ["README.md", withTable(await Deno.readTextFile(new URL("README.md", ROOT)))],
    ["docs/reference/api.md", await apiPage()],
    ["docs/reference/commands.md", commandsPage()],
    ["docs/reference/configuration.md", configurationPage()],
    ["docs/reference/errors.md", errorsPage()],
    ["docs/reference/http-api.md", httpApiPage()],
    ["docs/reference/job-types.md", jobTypesPage()],
    ["docs/reference/metrics.md", metricsPage()],
  ]);
}

async function textOf(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(new URL(path, ROOT));
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return "";
    throw failure;
  }
}

if (import.meta.main) {
  const stale: string[] = [];
  for (const [path, text] of await pages()) {
    if (await textOf(path) !== text) stale.push(path);
    if (Deno.args.includes("--check")) continue;
    await Deno.mkdir(new URL("docs/reference/", ROOT), { recursive: true });
    await Deno.writeTextFile(new URL(path, ROOT), text);
  }
  if (Deno.args.includes("--check") && stale.length > 0) {
    console.error(`docs: not what the program says: ${stale.join(", ")}; run "deno task docs"`);
    Deno.exit(1);
  }
  console.error(stale.length === 0 ? "docs: current" : `docs: written: ${stale.join(", ")}`);
}
