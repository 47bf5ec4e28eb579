/**
 * `deno task docs`: writes the README's table of job types from the schemas of the types themselves.
 * A test holds the README against it.
 *
 * @module
 */

import { builtinJobTypes, describeJobType, type JobTypeDescription } from "../src/job_types/mod.ts";

const README = new URL("../README.md", import.meta.url);

const BEGIN = "<!-- job types: written by `deno task docs` -->";
const END = "<!-- job types end -->";

/** The table as it has to be. */
export function jobTypeTable(): string {
  const registry = builtinJobTypes();
  const rows = registry.names().map((name) => row(describeJobType(registry.get(name)!)));
  return ["| job type | what it does | its payload |", "|---|---|---|", ...rows].join("\n");
}

function row({ name, summary, payload }: JobTypeDescription): string {
  const required = payload.required ?? [];
  const fields = Object.keys(payload.properties ?? {})
    .map((field) => required.includes(field) ? `**\`${field}\`**` : `\`${field}\``);
  const text = fields.length === 0 ? "anything" : fields.join(", ");
  return `| \`${name}\` | ${cell(summary)} | ${cell(text)} |`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
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

if (import.meta.main) {
  await Deno.writeTextFile(README, withTable(await Deno.readTextFile(README)));
  console.error("README.md has the table of job types.");
}
