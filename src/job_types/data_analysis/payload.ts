/**
 * What a `data_analysis` job may ask for. Loads neither parser nor database, so that a client or a
 * master can check a payload without paying for one.
 *
 * @module
 */

import { z } from "zod";
import { jobUrl } from "../job_url_schema.ts";
import { ruleAbout } from "../rule_about.ts";
import { csvOptions } from "./csv_options.ts";

export type { CsvOptions } from "./csv_options.ts";

/** Longest list of operations. */
export const OPERATIONS_MAX = 64;

/** Most rows that one result may list. */
export const ROWS_MAX = 1_000_000;

/** Most bins of a histogram. */
export const BINS_MAX = 10_000;

/** Deepest nesting of `and`, `or` and `not`. */
export const FILTER_DEPTH_MAX = 32;

const columnName = z.string().min(1).max(1_024);
const columnNames = z.array(columnName).min(1).max(2_000);
const rowLimit = z.int().min(0).max(ROWS_MAX);
const resultName = z.string().min(1).max(100).optional();

/** A cell to compare with. Integers beyond 2^53 are written as strings of digits. */
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** Comparisons with one value. */
export const comparisons = ["eq", "ne", "lt", "lte", "gt", "gte"] as const;

/** Comparisons with a piece of text, upper and lower case distinct. */
export const textComparisons = ["contains", "starts_with", "ends_with"] as const;

const comparison = z.strictObject({
  column: columnName,
  /** `eq` and `ne` with null are `is_null` and `not_null`; no other comparison matches a null. */
  op: z.enum(comparisons),
  value: scalar,
});
const textComparison = z.strictObject({
  column: columnName,
  op: z.enum(textComparisons),
  value: z.string(),
});
const membership = z.strictObject({
  column: columnName,
  op: z.enum(["in", "not_in"]),
  value: z.array(z.union([z.string(), z.number(), z.boolean()])).max(10_000),
});
const range = z.strictObject({
  column: columnName,
  /** Both ends included. */
  op: z.literal("between"),
  value: z.tuple([z.union([z.string(), z.number()]), z.union([z.string(), z.number()])]),
});
const nullness = z.strictObject({ column: columnName, op: z.enum(["is_null", "not_null"]) });

const singleCondition = z.discriminatedUnion("op", [
  comparison,
  textComparison,
  membership,
  range,
  nullness,
]);

/** One comparison of a column. */
export type SingleCondition = z.infer<typeof singleCondition>;

/** A condition on a row; a list of them must all hold. */
export type Condition =
  | SingleCondition
  | { readonly and: readonly Condition[] }
  | { readonly or: readonly Condition[] }
  | { readonly not: Condition };

const condition: z.ZodType<Condition> = z.lazy(() =>
  z.union([
    singleCondition,
    z.strictObject({ and: z.array(condition).min(1).max(1_000) }),
    z.strictObject({ or: z.array(condition).min(1).max(1_000) }),
    z.strictObject({ not: condition }),
  ])
);
const conditions = z.preprocess(
  refuseDeepNesting,
  z.union([condition, z.array(condition).min(1).max(1_000)]).transform((given) =>
    Array.isArray(given) ? given : [given]
  ),
);

/** Before the recursive schema walks it: a depth that would end the walk with a full stack. */
function refuseDeepNesting(value: unknown, context: z.RefinementCtx): unknown {
  if (nestingOf(value) <= FILTER_DEPTH_MAX * 2) return value;
  context.addIssue({
    code: "custom",
    message: `conditions are nested more than ${FILTER_DEPTH_MAX} deep`,
  });
  return z.NEVER;
}

function nestingOf(root: unknown): number {
  let level = [root];
  for (let depth = 0; depth <= FILTER_DEPTH_MAX * 2; depth++) {
    level = level.flatMap((value) =>
      typeof value === "object" && value !== null ? Object.values(value) : []
    );
    if (level.length === 0) return depth;
  }
  return Infinity;
}

const sortKeys = z.array(z.strictObject({
  column: columnName,
  descending: z.boolean().default(false),
})).min(1).max(100);

/** What `group_by` may compute of a column. */
export const aggregateFunctions = [
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
  fn: z.enum(aggregateFunctions),
  /** May be left out for `count` alone, which then counts rows instead of values. */
  column: columnName.optional(),
  /** Of `quantile` alone: the share of the values, 0.9 for the ninetieth percentile. */
  q: z.number().min(0).max(1).optional(),
  /** Default: `count`, or the function and the column joined by `_`. */
  as: columnName.optional(),
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
  columns: columnNames.optional(),
  /** How many of the most frequent values to list for each column. */
  top: z.int().min(0).max(100).default(5),
  /** Shares of the values, such as 0.05 and 0.95, beside the quartiles that are always given. */
  quantiles: z.array(z.number().min(0).max(1)).max(100).default([]),
});
const groupBy = z.strictObject({
  type: z.literal("group_by"),
  name: resultName,
  by: z.array(columnName).min(1).max(100),
  aggregates: z.array(aggregate).min(1).max(200).default([{ fn: "count" }]),
  /** Conditions on the result's columns: keys and aggregates by their names. */
  having: conditions.optional(),
  /** By the result's columns. Default: the keys, ascending. */
  sort: sortKeys.optional(),
  limit: rowLimit.optional(),
});
const filter = z.strictObject({
  type: z.literal("filter"),
  name: resultName,
  /** One condition, or a list of which all must hold. */
  where: conditions,
});
const sort = z.strictObject({ type: z.literal("sort"), name: resultName, by: sortKeys });
const select = z.strictObject({
  type: z.literal("select"),
  name: resultName,
  /** Default: all. */
  columns: columnNames.optional(),
  limit: rowLimit.optional(),
  offset: z.int().min(0).default(0),
});
const histogram = z.strictObject({
  type: z.literal("histogram"),
  name: resultName,
  column: columnName,
  /** Bins of equal width from the least value to the greatest. Default 10. */
  bins: z.int().min(1).max(BINS_MAX).optional(),
  /** Bins of this width, whose edges are its multiples. */
  bin_width: z.number().positive().optional(),
}).refine(({ bins, bin_width }) => bins === undefined || bin_width === undefined, {
  error: "bins and bin_width exclude each other",
  path: ["bin_width"],
  ...ruleAbout("bins", "bin_width"),
});
const correlation = z.strictObject({
  type: z.literal("correlation"),
  name: resultName,
  /** Default: every numeric column. */
  columns: columnNames.optional(),
  method: z.enum(["pearson", "spearman"]).default("pearson"),
});
const sql = z.strictObject({
  type: z.literal("sql"),
  name: resultName,
  /** One SELECT (or WITH ... SELECT, or VALUES) over the table `data`. */
  query: z.string().min(1).max(100_000),
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
  format: z.enum(["json", "csv"]).default("json"),
  /** Most rows that a result lists unless its operation says otherwise. Default 1,000; CSV: all. */
  limit: rowLimit.optional(),
});

const payload = z.strictObject({
  /** http, https, data: or file: (where the worker allows it). gzip is recognised. */
  url: jobUrl.optional(),
  /** The table itself: text in one of the formats, or a list of objects. */
  data: z.union([z.string(), z.array(z.record(z.string(), z.unknown()))]).optional(),
  /**
   * The results of jobs that this one depends on, each a JSON object or a list of them: all that
   * completed (`true`), or these.
   */
  parents: z.union([z.literal(true), z.array(z.string().min(1).max(256)).min(1).max(1_000)])
    .optional(),
  /** Default auto: by file name, content type, and the first characters. */
  format: z.enum(["auto", ...sourceFormats]).default("auto"),
  csv: csvOptions.default(csvOptions.parse({})),
  operations: z.array(operation).max(OPERATIONS_MAX).optional(),
  /** Short for a last operation of type sql. */
  sql: sql.shape.query.optional(),
  output: output.default({ format: "json" }),
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
        refuse(["operations", index, "aggregates"], `two columns would be named ${quoted(twice)}`);
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
