/**
 * How values of the table appear in results.
 *
 * @module
 */

import type { ColumnType } from "./column_profile.ts";

/** A value as a result holds it. */
export type Cell = string | number | boolean | null;

/** What SQLite hands out, integers as bigints where so asked. */
export type StoredValue = null | number | bigint | string | Uint8Array;

/**
 * A stored value for a result. What JSON's numbers cannot hold becomes text: an integer beyond
 * ±(2^53 - 1) its digits, the infinities `Infinity` and `-Infinity`; NaN is null. Bytes are base64.
 */
export function cellOf(value: StoredValue, type?: ColumnType): Cell {
  if (type === "boolean" && value !== null) return Number(value) === 1;
  switch (typeof value) {
    case "bigint":
      return exactInteger(value);
    case "number":
      return numberCell(value);
    case "string":
      return value;
    default:
      return value === null ? null : value.toBase64();
  }
}

function exactInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

function numberCell(value: number): number | string | null {
  if (Number.isFinite(value)) return value === 0 ? 0 : value;
  return Number.isNaN(value) ? null : value > 0 ? "Infinity" : "-Infinity";
}

/** One line of CSV, CRLF included: RFC 4180. One null alone is quoted: readers skip an empty line. */
export function csvLine(cells: readonly Cell[]): string {
  if (cells.length === 1 && cells[0] === null) return '""\r\n';
  return `${cells.map(csvField).join(",")}\r\n`;
}

function csvField(cell: Cell): string {
  if (cell === null) return "";
  const text = String(cell);
  // An empty text is quoted, so that it is told from a null.
  return text === "" || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A row as an object. Safe for any name, `__proto__` too. */
export function rowObject(
  columns: readonly string[],
  row: readonly Cell[],
): Record<string, Cell> {
  return Object.fromEntries(columns.map((column, index) => [column, row[index] ?? null]));
}
