/**
 * The job type `data_analysis`: reads a table (CSV, TSV, JSON, NDJSON) of any length that the
 * worker allows, finds out the types of its columns, and answers questions about it. With only a
 * source it describes every column and shows the first rows.
 *
 * Statistics are exact and computed over all rows; see `statistics.ts` for their definitions, and
 * `README.md` beside this file for the payload, the rules of types, and what was measured.
 *
 * @module
 */

import { defineJobType } from "../contract.ts";
import { type AnalysisPayload, payloadSchema } from "./payload.ts";

export type { AnalysisResult } from "./analysis.ts";
export type { AnalysisPayload, Operation } from "./payload.ts";

/** See the module's comment. */
export const dataAnalysis = defineJobType<AnalysisPayload>({
  name: "data_analysis",
  summary: "Describe, filter, group or query a CSV, TSV, JSON or NDJSON table, with SQL too.",
  isolation: "process",
  payloadSchema,
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
  run: async (payload, context) => {
    const { analyse } = await import("./analysis.ts");
    return await analyse(payload, context);
  },
});
