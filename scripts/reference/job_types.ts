/**
 * docs/reference/job-types.md, from the types' own schemas.
 *
 * @module
 */

import {
  builtinJobTypes,
  describeJobType,
  type JobTypeDescription,
  outlineOf,
} from "../../src/job_types/mod.ts";
import { block, code, opening, table } from "./markdown.ts";

const INTRODUCTION =
  `What jobs of each built-in type take and give. \`conductor job-types show TYPE\` says the same. A payload is
checked when the job is submitted and again by the worker. Types of your own are described in [custom workers](../custom-workers.md).`;

/** The page. */
export function jobTypesPage(): string {
  const registry = builtinJobTypes();
  const types = registry.names().map((name) => describeJobType(registry.get(name)!));
  return [opening("Job types", INTRODUCTION), ...types.map(section)].join("\n\n") + "\n";
}

function section(type: JobTypeDescription): string {
  const { name, summary, payload, result, limits, examples } = type;
  return [
    `## ${name}`,
    summary,
    "Payload:",
    fields(payload),
    ...(result === undefined ? [] : ["Result:", fields(result)]),
    ...(limits.length === 0 ? [] : [
      table(["bound", "is", "what for"], limits.map(limitRow)),
    ]),
    ...examples.flatMap((example) => [
      `${example.title}:`,
      block("json", JSON.stringify(example.payload, null, 2)),
    ]),
  ].join("\n\n");
}

function fields(schema: JobTypeDescription["payload"]): string {
  return table(
    ["field", "takes", "default", "what"],
    outlineOf(schema).map((row) => [
      `${code(row.path || "(the whole)")}${row.isRequired ? ", required" : ""}`,
      row.type,
      code(row.default ?? ""),
      row.description,
    ]),
  );
}

function limitRow(limit: JobTypeDescription["limits"][number]): string[] {
  return [limit.name, limit.key === undefined ? limit.value ?? "" : code(limit.key), limit.meaning];
}
