/**
 * Rows of a query as a result: as many as asked for and as fit.
 *
 * @module
 */

import type { Breathing } from "../breathing.ts";
import { type Cell, cellOf, type StoredValue } from "./cells.ts";
import type { ColumnType } from "./column_profile.ts";
import type { ResultBudget } from "./result_budget.ts";

/** A result that is a table. */
export interface Listing {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** Whether there are more rows than these. */
  readonly truncated: boolean;
}

/** What decides how many rows are listed. */
export interface ListingTerms {
  readonly limit: number;
  readonly budget: ResultBudget;
  readonly breathing: Breathing;
  /** Rows cut by the budget rather than by `limit` are an error: the format cannot say so. */
  readonly mustFit: boolean;
}

/** A column of a listing; without a type, values appear as SQLite has them. */
export interface ListedColumn {
  readonly name: string;
  readonly type?: ColumnType;
}

/** Reads rows until `limit`, or until the result is full. */
export async function listed(
  stored: Iterable<readonly StoredValue[]>,
  columns: readonly ListedColumn[],
  { limit, budget, breathing, mustFit }: ListingTerms,
): Promise<Listing> {
  const names = columns.map(({ name }) => name);
  const rows: Cell[][] = [];
  let truncated = false;
  for (const values of stored) {
    truncated = rows.length === limit;
    if (truncated) break;
    const row = columns.map(({ type }, index) => cellOf(values[index] ?? null, type));
    truncated = !budget.admitRow(names, row);
    if (truncated && mustFit) {
      budget.refuse(`More than ${rows.length} rows of CSV`, "Set a limit or select fewer columns.");
    }
    if (truncated) break;
    rows.push(row);
    if (rows.length % 256 === 0) await breathing.pause();
  }
  return { columns: names, rows, truncated };
}
