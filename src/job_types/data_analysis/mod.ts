/**
 * The job type `data_analysis`: reads a table (CSV, TSV, JSON, NDJSON) of any length that the
 * worker allows, finds out the types of its columns, and answers questions about it. With only a
 * source it describes every column and shows the first rows.
 *
 * Statistics are exact and computed over all rows, whatever their number: what does not fit in memory
 * is sorted on disk. See `statistics.ts` for their definitions.
 *
 * @module
 */

import { defineJobType } from "../contract.ts";
import { type AnalysisPayload, payloadSchema } from "./payload.ts";
import { resultSchema } from "./result_schema.ts";

/** See the module's comment. */
export const dataAnalysis = defineJobType<AnalysisPayload>({
  name: "data_analysis",
  summary: "Describe, filter, group or query a CSV, TSV, JSON or NDJSON table, with SQL too.",
  isolation: "process",
  payloadSchema,
  exactNumbersIn: "data",
  resultSchema,
  limits: [
    {
      name: "bytes of the source",
      key: "jobs.stream_bytes_max",
      meaning: "Read as a stream, counted before and after decompression; more fail for good.",
    },
    {
      name: "a row",
      key: "jobs.input_bytes_max",
      meaning: "A longer one fails for good: a quote is never closed, most likely.",
    },
    { name: "columns", value: "1999", meaning: "More fail for good." },
    {
      name: "result",
      key: "jobs.result_bytes_max",
      meaning: "Rows that do not fit are left out, and the result says truncated; what cannot be " +
        "cut, and CSV, fails for good.",
    },
    { name: "operations", value: "64", meaning: "At most." },
    { name: "rows that a result lists", value: "1000000", meaning: "At most; 1000 unless told." },
    {
      name: "memory",
      value: "some 300 MiB",
      meaning:
        "However long the table is: it lies in a file of the attempt's own directory, which " +
        "takes about as much disk as the table has bytes.",
    },
    {
      name: "integers",
      value: "64 bits",
      meaning: "Those beyond 2^53 come back as text, with every digit; longer ones are text.",
    },
    {
      name: "files",
      key: "jobs.file_read_roots",
      meaning: "A file: url must lie in one of these directories.",
    },
  ],
  example: {
    data: "region,units,price\nnorth,3,2.50\nsouth,5,4.00\nnorth,2,3.10\n",
    operations: [
      { type: "describe" },
      {
        type: "group_by",
        by: ["region"],
        aggregates: [{ fn: "sum", column: "units" }, { fn: "mean", column: "price" }],
        sort: [{ column: "sum_units", descending: true }],
      },
    ],
    sql: "SELECT region, sum(units * price) AS revenue FROM data GROUP BY region",
  },
  examples: [
    {
      title: "What is in a file: types, holes, statistics, frequent values, a sample",
      payload: { url: "https://example.com/orders.csv.gz" },
    },
    {
      title: "A German export: semicolons, decimal commas, days first, old encoding",
      payload: {
        url: "https://example.com/umsatz.csv",
        csv: {
          delimiter: ";",
          decimal: ",",
          thousands: ".",
          dates: "dmy",
          encoding: "windows-1252",
          null_values: ["n/a", "-"],
          long_rows: "skip",
        },
        operations: [{ type: "describe", quantiles: [0.05, 0.95] }],
      },
    },
    {
      title: "Slow requests of a log, by path",
      payload: {
        url: "https://example.com/requests.ndjson",
        operations: [
          { type: "filter", where: [{ column: "status", op: "lt", value: 500 }] },
          {
            type: "group_by",
            by: ["path"],
            aggregates: [
              { fn: "count" },
              { fn: "quantile", column: "ms", q: 0.99, as: "p99_ms" },
            ],
            having: [{ column: "count", op: "gte", value: 100 }],
            sort: [{ column: "p99_ms", descending: true }],
            limit: 20,
          },
        ],
      },
    },
    {
      title: "What the jobs before it left, as one CSV",
      payload: { parents: true, output: { format: "csv" } },
    },
  ],
  async prepare() {
    await import("./analysis.ts");
  },
  run: async (payload, context) => {
    const { analyse } = await import("./analysis.ts");
    return await analyse(payload, context);
  },
});
