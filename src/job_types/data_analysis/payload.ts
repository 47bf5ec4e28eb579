/**
 * What a `data_analysis` job may ask for. Loads neither parser nor database, so that a client or a
 * master can check a payload without paying for one.
 *
 * @module
 */

import { z } from "zod";
import { jobUrl } from "../job_url_schema.ts";
import { recordOf } from "../record_of.ts";
import { ruleAbout } from "../rule_about.ts";
import { columnName, conditions } from "./condition_schema.ts";
import { csvOptions } from "./csv_options.ts";

export type { Condition, SingleCondition } from "./condition_schema.ts";
export type { CsvOptions } from "./csv_options.ts";

/** Longest list of operations. */
const OPERATIONS_MAX = 64;

/** Most rows that one result may list. */
const ROWS_MAX = 1_000_000;

/** Most bins of a histogram. */
export const BINS_MAX = 10_000;

const resultName = z.string().min(1).max(100).optional()
  .describe("Of its result. Left out: the operation's, then sql_2, sql_3 and so on.");
const columnNames = z.array(columnName).min(1).max(2_000);
const rowLimit = z.int().min(0).max(ROWS_MAX).describe("Most rows listed. Left out: output.limit.");
const sortKeys = z.array(z.strictObject({
  column: columnName.describe("By its name."),
  descending: z.boolean().default(false).describe("Greatest first. Nulls come last either way."),
})).min(1).max(100);

/** What `group_by` may compute of a column. */
const aggregateFunctions = [
  "count",
  "sum",
  "mean",
  "min",
  "max",
  "stddev",
  "variance",
  "median",
  "quantile",
  "distinct",
] as const;

const aggregate = z.strictObject({
  fn: z.enum(aggregateFunctions).describe(
    "Of the values that are there. stddev and variance are those of a sample (n - 1), median and " +
      "quantile interpolate between two values.",
  ),
  column: columnName.optional()
    .describe("May be left out for count alone, which then counts rows instead of values."),
  q: z.number().min(0).max(1).optional()
    .describe("Of quantile alone: the share of the values, 0.9 for the ninetieth percentile."),
  as: columnName.optional()
    .describe("Its name in the result. Left out: such as count, sum_units, quantile_0.9_price."),
}).refine(({ fn, column }) => fn === "count" || column !== undefined, {
  error: "needs a column",
  path: ["column"],
  ...ruleAbout("fn", "column"),
}).refine(({ fn, q }) => (fn === "quantile") === (q !== undefined), {
  error: "is for quantile, which needs it: a share such as 0.9",
  path: ["q"],
  ...ruleAbout("fn", "q"),
});

const describe = z.strictObject({
  type: z.literal("describe"),
  name: resultName,
  columns: columnNames.optional().describe("Left out: all."),
  top: z.int().min(0).max(100).default(5)
    .describe("How many of the most frequent values to list for each column."),
  quantiles: z.array(z.number().min(0).max(1)).max(100).default([])
    .describe("Shares of the values, such as 0.05 and 0.95, beside the quartiles."),
});
const groupBy = z.strictObject({
  type: z.literal("group_by"),
  name: resultName,
  by: z.array(columnName).min(1).max(100)
    .describe("The columns whose combinations of values are the groups; null is a value."),
  aggregates: z.array(aggregate).min(1).max(200).default([{ fn: "count" }])
    .describe("What is computed of each group."),
  having: conditions.optional()
    .describe("Conditions on the result's columns: keys and aggregates by their names."),
  sort: sortKeys.optional().describe("By the result's columns. Left out: the keys, ascending."),
  limit: rowLimit.optional(),
});
const filter = z.strictObject({
  type: z.literal("filter"),
  name: resultName,
  where: conditions.describe(
    "One condition, or a list of which all must hold. What comes after sees the rows that are left.",
  ),
});
const sort = z.strictObject({
  type: z.literal("sort"),
  name: resultName,
  by: sortKeys
    .describe("The order in which select and sql list, first key first."),
});
const select = z.strictObject({
  type: z.literal("select"),
  name: resultName,
  columns: columnNames.optional().describe("Left out: all."),
  limit: rowLimit.optional(),
  offset: z.int().min(0).default(0).describe("Rows passed over."),
});
const histogram = z.strictObject({
  type: z.literal("histogram"),
  name: resultName,
  column: columnName.describe("A numeric one."),
  bins: z.int().min(1).max(BINS_MAX).optional()
    .describe("Bins of equal width from the least value to the greatest. Left out: 10."),
  bin_width: z.number().positive().optional()
    .describe("Bins of this width, whose edges are its multiples; in place of bins."),
}).refine(({ bins, bin_width }) => bins === undefined || bin_width === undefined, {
  error: "bins and bin_width exclude each other",
  path: ["bin_width"],
  ...ruleAbout("bins", "bin_width"),
});
const correlation = z.strictObject({
  type: z.literal("correlation"),
  name: resultName,
  columns: columnNames.optional().describe("Left out: every numeric column."),
  method: z.enum(["pearson", "spearman"]).default("pearson").describe(
    "Of the values (at most 100 columns), or of their ranks (at most 20); each pair over the rows " +
      "where both have a value.",
  ),
});
const sql = z.strictObject({
  type: z.literal("sql"),
  name: resultName,
  query: z.string().min(1).max(100_000).describe(
    "One SELECT (or WITH ... SELECT, or VALUES) of SQLite over the table data.",
  ),
  limit: rowLimit.optional(),
});

const spelledOutOperation = z.discriminatedUnion("type", [
  describe,
  groupBy,
  filter,
  sort,
  select,
  histogram,
  correlation,
  sql,
]);
const operationTypes = spelledOutOperation.options.map(({ shape }) => shape.type.value);
const operation = z.preprocess(spelledOut, spelledOutOperation);

/**
 * Accepts two shorter spellings: `"describe"` for `{"type":"describe"}`, and a filter's single
 * condition written into the filter itself.
 */
function spelledOut(value: unknown, context: z.RefinementCtx): unknown {
  if (typeof value === "string") {
    if (operationTypes.some((type) => type === value)) return { type: value };
    context.addIssue({ code: "invalid_value", values: operationTypes, input: value });
    return z.NEVER;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  if (!("type" in value) || value.type !== "filter" || "where" in value) return value;
  const { type, name, ...where } = value as Record<string, unknown>;
  return name === undefined ? { type, where } : { type, name, where };
}

/** Formats that a table can be read from. */
export const sourceFormats = ["csv", "tsv", "json", "ndjson"] as const;

/** See {@linkcode sourceFormats}. */
export type SourceFormat = (typeof sourceFormats)[number];

const output = z.strictObject({
  format: z.enum(["json", "csv"]).default("json")
    .describe("csv: the one table that the operations yield, as RFC 4180 has it."),
  limit: z.int().min(0).max(ROWS_MAX).optional().describe(
    "Most rows that a result lists unless its operation says otherwise. Left out: 1000, all for csv.",
  ),
});

const payload = z.strictObject({
  url: jobUrl.optional().describe(
    "The table: http, https, data or file (where the worker allows it). gzip and zstd are undone.",
  ),
  data: z.union([z.string(), z.array(recordOf(z.string(), z.unknown()))]).optional()
    .describe("The table itself: text in one of the formats, or a list of objects."),
  parents: z.union([z.literal(true), z.array(z.string().min(1).max(256)).min(1).max(1_000)])
    .optional().describe(
      "The results of jobs that this one depends on, each a JSON object or a list of them: all " +
        "that completed and left something (true), or these.",
    ),
  format: z.enum(["auto", ...sourceFormats]).default("auto")
    .describe("auto: by file name, content type, and the first characters."),
  csv: csvOptions.default(csvOptions.parse({})).describe("How CSV and TSV are read."),
  operations: z.array(operation).max(OPERATIONS_MAX).optional().describe(
    "In their order; each by its name alone where it needs nothing more. Left out: describe, and a " +
      "sample of ten rows.",
  ),
  sql: sql.shape.query.optional().describe("Short for a last operation of type sql."),
  output: output.default({ format: "json" }).describe("What comes back."),
});

/** Names every fault at once; fills in the defaults. */
export const payloadSchema = payload.refine(
  ({ url, data, parents }) =>
    [url, data, parents].filter((each) => each !== undefined).length === 1,
  {
    path: ["url"],
    message: "give one of url, data and parents",
    ...ruleAbout("url", "data", "parents"),
  },
).superRefine((given, context) => {
  const refuse = (path: PropertyKey[], message: string) =>
    context.addIssue({ code: "custom", path, message });
  const operations = plannedOperations(given);
  for (const [index, planned] of operations.entries()) {
    if (planned.type === "group_by") {
      const twice = firstRepeated(groupColumns(planned));
      if (twice !== undefined) {
        const field = firstRepeated(planned.by) === undefined ? "aggregates" : "by";
        refuse(["operations", index, field], `two columns would be named ${quoted(twice)}`);
      }
    }
    const named = operations.findIndex(({ name }) => name !== undefined && name === planned.name);
    if (named >= 0 && named < index) {
      refuse(["operations", index, "name"], `${quoted(planned.name ?? "")} is used twice`);
    }
  }
  const tables = operations.filter(({ type }) => type !== "filter" && type !== "sort");
  if (given.output.format === "csv" && tables.length > 1) {
    refuse(
      ["output", "format"],
      `csv holds one table, and ${tables.length} operations yield one (` +
        `${tables.map(({ type }) => type).join(", ")}); leave one, or ask for json`,
    );
  }
});

/** A payload with its defaults filled in. */
export type AnalysisPayload = z.infer<typeof payload>;

/** One operation of a payload. */
export type Operation = z.infer<typeof operation>;

/** Operations that yield a result, by their type. */
export type OperationOf<Type extends Operation["type"]> = Extract<Operation, { type: Type }>;

/** One key of an order. */
export type SortKey = z.infer<typeof sortKeys>[number];

/** One aggregate of `group_by`. */
export type Aggregate = z.infer<typeof aggregate>;

/**
 * What is done, in order. With no operation at all: the whole table as CSV when that is asked for,
 * otherwise a description and a sample. A filter or a sort that nothing follows lists the rows.
 */
export function plannedOperations(
  { operations = [], sql: query, output }: Pick<AnalysisPayload, "operations" | "sql" | "output">,
): Operation[] {
  const planned: Operation[] = [...operations];
  if (query !== undefined) planned.push({ type: "sql", query });
  const last = planned.at(-1);
  if (last === undefined && output.format === "json") {
    return [{ type: "describe", top: 5, quantiles: [] }, {
      type: "select",
      name: "sample",
      limit: 10,
      offset: 0,
    }];
  }
  if (last === undefined || last.type === "filter" || last.type === "sort") {
    planned.push({ type: "select", offset: 0 });
  }
  return planned;
}

/** The name under which an aggregate appears in its result. */
export function aggregateName({ fn, column, as, q }: Aggregate): string {
  if (as !== undefined) return as;
  const what = q === undefined ? fn : `${fn}_${q}`;
  return column === undefined ? what : `${what}_${column}`;
}

/** The columns of a `group_by`'s result, keys first. */
export function groupColumns({ by, aggregates }: OperationOf<"group_by">): string[] {
  return [...by, ...aggregates.map(aggregateName)];
}

/** SQLite tells names apart without regard to the case of a to z. */
function firstRepeated(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => {
    const folded = name.toLowerCase();
    if (seen.has(folded)) return true;
    seen.add(folded);
    return false;
  });
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
