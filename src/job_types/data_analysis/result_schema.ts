/**
 * What a `data_analysis` job hands back when it is asked for JSON, described. Importable without the
 * parsers and the database.
 *
 * @module
 */

import { z } from "zod";
import type { AnalysisResult } from "./analysis.ts";
import { sourceFormats } from "./payload.ts";

/** Numbers that JSON cannot hold come as text: great integers, Infinity. */
const cell = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const number = z.union([z.number(), z.string(), z.null()]);
const count = z.int().min(0);

const columnType = z.enum(["integer", "real", "boolean", "date", "timestamp", "text", "json"])
  .describe(
    "What every value of the column is, decided from all of them; text where they differ. 007 and " +
      "+49 are text, so that nothing of them is lost.",
  );

const name = z.string().describe("As given, or the operation's own.");

const description = z.strictObject({
  name: z.string().describe("The column's."),
  type: columnType,
  count: count.describe("Values that are not null."),
  nulls: count.describe("Rows without a value."),
  distinct: count.describe("Different values, exactly."),
  min: cell.describe("The least; texts by code point."),
  max: cell.describe("The greatest."),
  sum: number.optional().describe("Of numbers, like all that follow but top."),
  mean: number.optional().describe("Of a compensated sum."),
  variance: number.optional().describe("Of a sample (n - 1); null for fewer than two values."),
  stddev: number.optional().describe("Its square root."),
  q1: number.optional().describe("Exact, between two values interpolated, as the other quantiles."),
  median: number.optional().describe("The second quartile."),
  q3: number.optional().describe("The third quartile."),
  quantiles: z.array(z.strictObject({
    q: z.number().describe("The share."),
    value: number.describe("The quantile."),
  })).optional().describe("Those that were asked for."),
  top: z.array(z.strictObject({
    value: cell.describe("Cut to 200 characters."),
    count: count.describe("How often it occurs."),
  })).describe("The most frequent values; of equally frequent ones the lesser."),
});

const listed = {
  columns: z.array(z.string()).describe("Their names, in order."),
  rows: z.array(z.record(z.string(), cell)).describe("One object a row, by the columns' names."),
  truncated: z.boolean().describe("Whether there are more rows than these."),
};

/** One result; which fields it has follows from its operation. */
const operationResult = z.discriminatedUnion("operation", [
  z.strictObject({
    operation: z.literal("describe"),
    name,
    rows: count.describe("That are described."),
    columns: z.array(description).describe("In the table's order, or as named."),
  }),
  z.strictObject({
    operation: z.literal("filter"),
    name,
    rows: count.describe("That are left."),
  }),
  z.strictObject({ operation: z.literal("select"), name, ...listed }),
  z.strictObject({ operation: z.literal("group_by"), name, ...listed }),
  z.strictObject({ operation: z.literal("sql"), name, ...listed }),
  z.strictObject({
    operation: z.literal("histogram"),
    name,
    column: z.string().describe("Whose values are counted."),
    bins: z.array(z.strictObject({
      from: z.number().describe("Included."),
      to: z.number().describe("Not included, but in the last of given bins."),
      count: count.describe("Values between."),
    })).describe("Ascending."),
    nulls: count.describe("Rows without a value."),
    infinite: count.describe("Infinite values, which are in no bin."),
  }),
  z.strictObject({
    operation: z.literal("correlation"),
    name,
    method: z.enum(["pearson", "spearman"]).describe("As asked for."),
    columns: z.array(z.string()).describe("Their names, in order."),
    matrix: z.array(z.array(z.number().nullable()))
      .describe("The coefficient of each two columns; null where it is not defined."),
  }),
]);

/** The result; of CSV there is none, it is text. */
export const resultSchema = z.strictObject({
  source: z.strictObject({
    format: z.enum(sourceFormats).describe("As it was read."),
    bytes: count.describe("Read from the source, before decompression."),
    rows: count.describe("Of the table, the header not among them."),
    columns: z.array(z.strictObject({
      name: z.string().describe("Unique: a second one of a name is name_2."),
      type: columnType,
    })).readonly().describe("In their order."),
    ragged_rows: z.strictObject({
      short: count.describe("Rows with fewer fields than the first line."),
      long: count.describe("Rows with more."),
      skipped: count.describe("Those of them that were left out."),
    }).optional().describe("Of CSV, where there are any."),
  }).describe("What was read."),
  results: z.array(operationResult).readonly()
    .describe("One for each operation but sort, in their order."),
}).describe("With output.format csv: the table's text in its place.") satisfies z.ZodType<
  Pick<AnalysisResult, "source">
>;
