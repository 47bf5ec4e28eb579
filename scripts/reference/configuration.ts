/**
 * docs/reference/configuration.md, from the schema.
 *
 * @module
 */

import { describeConfig, type KeyDescription, type Raw } from "../../src/config/mod.ts";
import { code, opening, table } from "./markdown.ts";

const INTRODUCTION =
  `Every key there is. A key is set, the strongest first, by its flag, by a variable of the environment,
by a YAML file (\`--config FILE\` or \`CONDUCTOR_CONFIG\`), and by the profile (\`--profile\` or \`CONDUCTOR_PROFILE\`).
Keys without a flag of their own are set on the command line by \`--set path=value\`. \`conductor config show\` prints what
holds for a node and where each value is from. An unknown key is refused by name.

Durations are written \`500ms\`, \`30s\`, \`1m30s\`, \`7d\`; sizes \`64KiB\`, \`10MiB\`, or bytes. Lists in variables are separated by commas.
Variables that do not begin with \`CONDUCTOR_\` and the section are the original system's, which are read as well.`;

/** Variables that the program reads or sets and that no key has; a test looks for others. */
export const OTHER_VARIABLES: readonly (readonly [name: string, what: string])[] = [
  ["CONDUCTOR_CONFIG", "The configuration file, as `--config`."],
  ["CONDUCTOR_CA_PASSPHRASE", "The passphrase of an authority's key, for `conductor certs`."],
  ["CONDUCTOR_CACHE_DIR", "Where a self-extracting executable unpacks itself."],
  ["CONDUCTOR_JOB_ID", "Set for commands of `exec`: the job's id."],
  ["CONDUCTOR_ATTEMPT", "Set for commands of `exec`: the number of the attempt."],
  [
    "CONDUCTOR_EXECUTOR",
    "Set for processes of jobs: by it a worker knows what an earlier one left.",
  ],
];

/** The page. */
export function configurationPage(): string {
  const keys = describeConfig();
  const sections = Map.groupBy(keys, ({ path }) => path.includes(".") ? path.split(".")[0]! : "");
  return [
    opening("Configuration", INTRODUCTION),
    ...[...sections].map(([name, rows]) => section(name, rows)),
    "## Other variables",
    "Variables of the environment that are no keys.",
    table(["variable", "what"], OTHER_VARIABLES.map(([name, what]) => [code(name), what])),
  ].join("\n\n") + "\n";
}

function section(name: string, keys: readonly KeyDescription[]): string {
  return [
    ...(name === "" ? [] : [`## ${name}`]),
    ...keys.map(entry),
  ].join("\n\n");
}

function entry(key: KeyDescription): string {
  const { development, staging, production } = key.defaults;
  const isSame = [staging, production].every((each) => written(each) === written(development));
  const facts = [
    ["Takes", key.allowed],
    ["Default", isSame ? shown(development) : ""],
    ["Default in development", isSame ? "" : shown(development)],
    ["Default in staging", isSame ? "" : shown(staging)],
    ["Default in production", isSame ? "" : shown(production)],
    ["Environment", key.environment.map(code).join(", ")],
    ["Flags", flagsOf(key)],
    ["Read by", key.usedBy.join(", ")],
    ["Taken over", key.live ? "by a running node, when its file has changed" : ""],
    ["Earlier name", key.formerPaths.map(code).join(", ")],
  ] as const;
  return [
    `### ${code(key.path)}`,
    key.doc + (key.secret ? " It is a secret: it is never shown." : ""),
    table(["", ""], facts.filter(([, text]) => text !== "")),
  ].join("\n\n");
}

function flagsOf({ flags }: KeyDescription): string {
  const byName = Map.groupBy(Object.entries(flags), ([, name]) => name);
  return [...byName].map(([name, uses]) =>
    `${code(`--${name}`)} (${uses.map(([role]) => role).join(", ")})`
  ).join(", ");
}

function written(value: Raw): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function shown(value: Raw): string {
  const text = written(value);
  return ["", "[]", "{}", "null"].includes(text) ? "nothing" : code(text);
}
