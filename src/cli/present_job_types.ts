/**
 * Job types for people.
 *
 * @module
 */

import { type JsonSchema, outlineOf, type OutlineRow, type TypeLimit } from "../job_types/mod.ts";
import type { KnownType, TypeStanding } from "./job_types.ts";
import { renderPairs, renderTable } from "./table.ts";
import { printable, type Sheet, type Styles } from "./terminal.ts";

/** One line a type; counts where the cluster was asked. */
export function listTypes(types: readonly KnownType[], sheet: Sheet): string {
  const isOfCluster = types.some(({ standing }) => standing !== undefined);
  return renderTable(
    [
      "TYPE",
      { title: "FROM", rank: 1 },
      ...(isOfCluster ? ["WORKERS", "PENDING", "RUNNING"] : []),
      { title: "WHAT", cutTo: 20 },
    ],
    types.map(({ name, source, standing, description }) => [
      printable(name),
      source,
      ...(standing === undefined ? [] : [
        String(standing.workers.length),
        String(standing.pending + standing.waiting),
        String(standing.running),
      ]),
      printable(description?.summary ?? "its workers alone know"),
    ]),
    sheet,
  );
}

/** Everything about one type. */
export function describeType(type: KnownType, { style, columns }: Sheet): string {
  const { name, description, standing } = type;
  const width = Math.min(100, columns);
  if (description === undefined) {
    return `${renderPairs([["Type", printable(name)], ...standingPairs(standing)])}\n` +
      "Only its workers know what it takes; --handlers FILE shows it from its module.\n";
  }
  const parts = [
    renderPairs([
      ["Type", printable(name)],
      ["From", type.source],
      ["Runs in", PLACES[description.isolation]],
      ...standingPairs(standing),
    ]),
    `${wrapped(description.summary, width, "")}\n`,
    `${style.bold("Payload")}\n${fields(description.payload, { style, width })}`,
    ...(description.result === undefined
      ? []
      : [`${style.bold("Result")}\n${fields(description.result, { style, width })}`]),
    ...(description.limits.length === 0
      ? []
      : [`${style.bold("Limits")}\n${limits(description.limits, { style, width })}`]),
    ...description.examples.map(({ title, payload }) =>
      `${style.bold(printable(title))}\n  ${printable(exampleCommand(name, payload))}\n`
    ),
  ];
  return parts.join("\n");
}

const PLACES = {
  process: "an executor process of its own",
  inline: "the worker itself, for it only waits",
} as const;

function standingPairs(standing: TypeStanding | undefined): [string, string][] {
  if (standing === undefined) return [];
  const { workers, pending, waiting, running } = standing;
  const names = workers.length === 0 ? "" : ` (${printable(workers.join(", "))})`;
  return [
    ["Workers", `${workers.length}${names}`],
    ["Pending", String(pending)],
    ["Waiting", String(waiting)],
    ["Running", String(running)],
  ];
}

/** The command that submits `payload`, for a POSIX shell. */
export function exampleCommand(name: string, payload: unknown): string {
  const json = (JSON.stringify(payload) ?? "null").replaceAll("'", String.raw`'\''`);
  return `conductor submit --type ${name} --payload '${json}' --wait`;
}

interface Look {
  readonly style: Styles;
  /** In characters. */
  readonly width: number;
}

function fields(schema: JsonSchema, look: Look): string {
  const about = schema.properties === undefined ? undefined : schema.description;
  const head = about === undefined ? "" : `${wrapped(about, look.width, "  ")}\n`;
  return head + outlineOf(schema).map((row) => field(row, look)).join("");
}

function field({ path, type, isRequired, default: initial, description }: OutlineRow, look: Look) {
  const isWhole = path === "";
  const facts = [
    type,
    ...(isRequired && !isWhole ? ["required"] : []),
    ...(initial === undefined ? [] : [`default ${initial}`]),
  ].join(", ");
  const head = isWhole ? facts : `${look.style.cyan(printable(path))}  ${printable(facts)}`;
  const text = description === "" ? "" : `${wrapped(description, look.width, "      ")}\n`;
  return `  ${head}\n${text}`;
}

function limits(given: readonly TypeLimit[], { style, width }: Look): string {
  return given.map(({ name, value, key, meaning }) => {
    const bound = [value, key === undefined ? undefined : `set by ${key}`]
      .filter((each) => each !== undefined).join(", ");
    return `  ${style.cyan(printable(name))}  ${printable(bound)}\n` +
      `${wrapped(meaning, width, "      ")}\n`;
  }).join("");
}

/** Breaks a text at blanks, each line after `indent`. */
function wrapped(text: string, width: number, indent: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of printable(text).split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && indent.length + longer.length > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  lines.push(line);
  return lines.map((each) => indent + each).join("\n");
}
