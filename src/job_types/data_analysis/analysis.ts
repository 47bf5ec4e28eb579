/**
 * A whole analysis: load, operate, put the result together. Imported by `mod.ts` when a job runs,
 * since it brings the parsers and the database with it.
 *
 * @module
 */

import { type JobContext, ResultTooLargeError } from "../contract.ts";
import type { ColumnType } from "./column_profile.ts";
import { loadTable } from "./load.ts";
import { type OperationResult, runOperations } from "./operations.ts";
import type { AnalysisPayload, SourceFormat } from "./payload.ts";
import { ResultBudget } from "./result_budget.ts";
import { Table } from "./table.ts";

/** What a job returns when it is asked for JSON. */
export interface AnalysisResult {
  readonly source: {
    readonly format: SourceFormat;
    /** Read from the source, before decompression. */
    readonly bytes: number;
    readonly rows: number;
    readonly columns: readonly { readonly name: string; readonly type: ColumnType }[];
    /** Of CSV: rows shorter and longer than the first line, and how many of them were left out. */
    readonly ragged_rows?: {
      readonly short: number;
      readonly long: number;
      readonly skipped: number;
    };
  };
  readonly results: readonly OperationResult[];
}

/** Runs a payload; for CSV, the bytes of its text. */
export async function analyse(
  payload: AnalysisPayload,
  context: JobContext,
): Promise<AnalysisResult | Uint8Array> {
  const loaded = await context.span("load", () => loadTable(payload, context));
  context.log(
    `read ${loaded.rows} rows of ${loaded.columns.length} columns from ${loaded.bytes} bytes ` +
      `of ${loaded.format}`,
  );
  const budget = new ResultBudget(context.limits.resultBytesMax, payload.output.format);
  const { format, bytes, rows } = loaded;
  const columns = loaded.columns.map(({ name, type }) => ({ name, type }));
  const { short, long } = loaded.ragged;
  const source = {
    format,
    bytes,
    rows,
    columns,
    ...(short + long > 0 ? { ragged_rows: loaded.ragged } : {}),
  };
  budget.requireRoom(source, `The list of ${columns.length} columns`, "Ask for CSV.");
  using table = new Table(loaded, context.tempDir);
  const outcome = await context.span(
    "analyse",
    () => runOperations({ payload, table, budget, context }),
    { rows },
  );
  context.progress(1);
  if (outcome.kind === "json") return { source, results: outcome.results };
  return bounded(new TextEncoder().encode(outcome.text), context.limits.resultBytesMax);
}

function bounded(text: Uint8Array, bytesMax: number): Uint8Array {
  if (text.length <= bytesMax) return text;
  throw new ResultTooLargeError(
    `The CSV has ${text.length} bytes; a job may return at most ${bytesMax}. ` +
      "Set a limit or select fewer columns.",
  );
}
