/**
 * Writes SQL that holds names and values from outside: always quoted, never pasted.
 *
 * @module
 */

import type { Column } from "./column_profile.ts";
import type { FieldFormat } from "./field_format.ts";

/** The table that the fields are stored in as they were written; `data` is a view of it. */
export const RAW_TABLE = "raw_data";

/** A name in double quotes. Names hold no NUL: see `column_names.ts`. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A value as a literal that SQLite reads back as exactly that value. */
export function literal(value: string | number | bigint | boolean | null): string {
  switch (typeof value) {
    case "string":
      return textLiteral(value);
    case "number":
      return numberLiteral(value);
    case "bigint":
      // The digits of the least integer, without its minus, are one too many for an integer.
      return value === -(2n ** 63n) ? "(-9223372036854775807 - 1)" : `${value}`;
    case "boolean":
      return value ? "1" : "0";
    default:
      return "NULL";
  }
}

function numberLiteral(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NULL" : value > 0 ? "9e999" : "-9e999";
}

function textLiteral(value: string): string {
  // A NUL would end the statement; no stored text holds one.
  return `'${value.replaceAll("\0", "\ufffd").replaceAll("'", "''")}'`;
}

/** The column of the raw table that holds `column`. */
function rawColumn({ index }: Pick<Column, "index">): string {
  return `c${index}`;
}

/**
 * The definition of the view `data`: each field as its column's type. Booleans are 1 and 0; NaN is
 * NULL, as SQLite has it anyway, and the infinities are real ones.
 */
export function typedView(columns: readonly Column[], format?: FieldFormat): string {
  const typed = columns.map((column) =>
    `${typedExpression(column, format)} AS ${identifier(column.name)}`
  );
  return `CREATE VIEW data AS SELECT ${typed.join(", ")} FROM ${RAW_TABLE}`;
}

function typedExpression(column: Column, format: FieldFormat | undefined): string {
  const raw = rawColumn(column);
  const number = format?.numberSql(raw) ?? raw;
  const date = format?.dateSql(raw) ?? raw;
  switch (column.type) {
    case "integer":
      return withSpecials(column, `CAST(${number} AS INTEGER)`);
    case "real":
      return withSpecials(column, `CAST(${number} AS REAL)`);
    case "boolean":
      return `(lower(${raw}) = 'true')`;
    case "date":
      return date;
    case "timestamp":
      return column.uniformDigits === undefined
        ? date
        : `uniform_timestamp(${date}, ${column.uniformDigits})`;
    default:
      return raw;
  }
}

function withSpecials(column: Column, expression: string): string {
  if (!column.hasSpecials) return expression;
  const raw = rawColumn(column);
  return `CASE lower(${raw}) WHEN 'nan' THEN NULL ` +
    `WHEN 'inf' THEN 9e999 WHEN 'infinity' THEN 9e999 ` +
    `WHEN '-inf' THEN -9e999 WHEN '-infinity' THEN -9e999 ELSE ${expression} END`;
}
