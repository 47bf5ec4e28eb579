/**
 * Results as CSV: RFC 4180, a header line, CRLF, UTF-8.
 *
 * @module
 */

import { type Cell, csvLine } from "./cells.ts";
import type { ColumnDescription } from "./describe.ts";
import type { Listing } from "./listing.ts";

/** A table as CSV. Nulls are empty fields, empty texts are `""`. */
export function csvText({ columns, rows }: Pick<Listing, "columns" | "rows">): string {
  return [columns, ...rows].map(csvLine).join("");
}

/** A description as a table, one row for each column described; its top values as JSON. */
export function describedTable(
  columns: readonly ColumnDescription[],
): Pick<Listing, "columns" | "rows"> {
  return {
    columns: [...FIELDS, "top"],
    rows: columns.map((column): Cell[] => [
      ...FIELDS.map((field) => column[field] ?? null),
      JSON.stringify(column.top),
    ]),
  };
}

const FIELDS = [
  "name",
  "type",
  "count",
  "nulls",
  "distinct",
  "min",
  "max",
  "sum",
  "mean",
  "variance",
  "stddev",
  "q1",
  "median",
  "q3",
] as const;
