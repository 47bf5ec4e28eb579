/**
 * The operation `group_by`: one row for each combination of keys, with aggregates of the rest.
 *
 * @module
 */

import { PermanentJobError } from "../contract.ts";
import type { StoredValue } from "./cells.ts";
import type { Column, ColumnType } from "./column_profile.ts";
import { type ComparedColumn, conditionsSql } from "./conditions.ts";
import { type CurrentRows, orderSql } from "./current_rows.ts";
import { type Aggregate, aggregateName, groupColumns, type OperationOf } from "./payload.ts";
import { identifier, literal } from "./sql_text.ts";
import type { Table } from "./table.ts";

/** A query, and what its first columns are. */
export interface GroupQuery {
  readonly sql: string;
  readonly columns: readonly ComparedColumn[];
  /** Puts exact sums in the place of the rounded ones that SQL sorted by. */
  readonly restore: (row: readonly StoredValue[]) => StoredValue[];
}

/**
 * Writes a `group_by` as SQL.
 *
 * Standard deviations are Welford's. A quantile needs its groups sorted, so it is computed in a
 * subquery of its own, by window functions, which SQLite does in bounded memory.
 *
 * @throws {PermanentJobError} when an aggregate does not suit its column, or `having` its value.
 */
export function groupQuery(
  operation: OperationOf<"group_by">,
  table: Table,
  current: CurrentRows,
): GroupQuery {
  const { by, aggregates, having = [], sort, limit } = operation;
  for (const aggregate of aggregates) requireSuitable(aggregate, table);
  const results = resultColumns(operation, table);
  const sums = aggregates.flatMap((aggregate, index) =>
    aggregate.fn === "sum" && mayOverflow(table, aggregate.column) ? [by.length + index] : []
  );
  const groups = `SELECT ${
    [
      ...by.map((key, index) => `${identifier(key)} AS k${index}`),
      ...aggregates.map((aggregate, index) => `${plainSql(aggregate, table)} AS a${index}`),
      ...sums.flatMap((at) => exactParts(aggregates[at - by.length]!, at)),
    ].join(", ")
  } FROM ${current.from} GROUP BY ${by.map(identifier).join(", ")}`;
  const medians = aggregates.flatMap((aggregate, index) =>
    isRanked(aggregate) ? [quantileJoin(by, aggregate, index, current)] : []
  );
  const named = [
    ...by.map((key, index) => `g.k${index} AS ${identifier(key)}`),
    ...aggregates.map((aggregate, index) =>
      `${isRanked(aggregate) ? `m${index}.quantile` : `g.a${index}`} AS ${
        identifier(aggregateName(aggregate))
      }`
    ),
    // Hidden from the result; the control character keeps them apart from any name of a payload.
    ...sums.flatMap((at) => [`g.high${at} AS "\u0001high${at}"`, `g.low${at} AS "\u0001low${at}"`]),
  ];
  const find = (name: string) => results.find((column) => column.name === name)!;
  const where = having.length === 0 ? "" : ` WHERE ${conditionsSql(having, find)}`;
  const order = orderSql(sort ?? by.map((column) => ({ column, descending: false })));
  return {
    sql: `SELECT * FROM (SELECT ${named.join(", ")} FROM (${groups}) AS g${medians.join("")})` +
      `${where} ORDER BY ${order}${limit === undefined ? "" : ` LIMIT ${limit + 1}`}`,
    columns: results,
    restore: (row) => withExactSums(row, sums, results.length),
  };
}

/** Names that `having` and `sort` may use and the result does not have. */
export function unknownInGroup(operation: OperationOf<"group_by">, names: readonly string[]) {
  const known = new Set(groupColumns(operation));
  return names.filter((name) => !known.has(name));
}

function resultColumns(operation: OperationOf<"group_by">, table: Table): ComparedColumn[] {
  return [
    // What the view hands out is uniform already, and literals are made so too.
    ...operation.by.map((name) => table.column(name)),
    ...operation.aggregates.map((aggregate) => {
      const column = aggregate.column === undefined ? undefined : table.column(aggregate.column);
      return { ...column, name: aggregateName(aggregate), type: resultType(aggregate, column) };
    }),
  ];
}

function resultType({ fn }: Aggregate, column: Column | undefined): ColumnType {
  switch (fn) {
    case "count":
    case "distinct":
      return "integer";
    case "min":
    case "max":
      return column?.type ?? "text";
    case "sum":
      return column?.type === "real" ? "real" : "integer";
    default:
      return "real";
  }
}

function requireSuitable({ fn, column: name }: Aggregate, table: Table): void {
  if (name === undefined || ["count", "distinct", "min", "max"].includes(fn)) return;
  const { type } = table.column(name);
  if (type === "integer" || type === "real" || type === "boolean") return;
  throw new PermanentJobError(
    `group_by cannot compute the ${fn} of ${JSON.stringify(name)}, which is ${type}: ` +
      "it needs a numeric column.",
  );
}

function plainSql({ fn, column }: Aggregate, table: Table): string {
  if (column === undefined) return "count(*)";
  const name = identifier(column);
  switch (fn) {
    case "count":
      return `count(${name})`;
    case "sum":
      // SQLite's own sum of integers fails when it overflows, and is NULL for no values.
      return mayOverflow(table, column) ? `total(${name})` : `coalesce(sum(${name}), 0)`;
    case "mean":
      return `avg(${name})`;
    case "stddev":
      return `sample_stddev(${centred(column, table)})`;
    case "variance":
      return `sample_variance(${centred(column, table)})`;
    case "distinct":
      return `count(DISTINCT ${name})`;
    case "median":
    case "quantile":
      return "NULL";
    default:
      return `${fn}(${name})`;
  }
}

/** Integers beyond 2^53 are told from each other only by their difference to one of them. */
function centred(name: string, table: Table): string {
  const column = identifier(name);
  if (!table.column(name).isWide) return `CAST(${column} AS REAL)`;
  const [least = null] = table.single(`SELECT min(${column}) FROM main.data`, { exact: true });
  const [high] = table.single(`SELECT max(${column}) FROM main.data`, { exact: true });
  if (typeof least !== "bigint" || typeof high !== "bigint") return `CAST(${column} AS REAL)`;
  // Around the middle, the difference itself cannot overflow.
  return `CAST(${column} - (${least + (high - least) / 2n}) AS REAL)`;
}

/** Whether the sum of a column's integers may be beyond 64 bits. */
function mayOverflow(table: Table, name: string | undefined): boolean {
  if (name === undefined) return false;
  const { type, isWide } = table.column(name);
  return type === "integer" && (isWide || table.rows >= 1_000);
}

/** The sums of the upper and lower 32 bits, neither of which can overflow: together, exact. */
function exactParts({ column }: Aggregate, at: number): string[] {
  const name = identifier(column!);
  return [`sum(${name} >> 32) AS high${at}`, `sum(${name} & 4294967295) AS low${at}`];
}

function withExactSums(
  row: readonly StoredValue[],
  sums: readonly number[],
  width: number,
): StoredValue[] {
  const restored = row.slice(0, width);
  for (const [index, at] of sums.entries()) {
    const [high, low] = [row[width + index * 2], row[width + index * 2 + 1]];
    if (typeof high === "bigint" && typeof low === "bigint") restored[at] = (high << 32n) + low;
  }
  return restored;
}

/** Whether the aggregate is a value at some place of the sorted group. */
function isRanked({ fn }: Aggregate): boolean {
  return fn === "median" || fn === "quantile";
}

function quantileJoin(
  by: readonly string[],
  { column, q = 0.5 }: Aggregate,
  index: number,
  current: CurrentRows,
): string {
  const value = identifier(column!);
  const keys = by.map((_, key) => `k${key}`);
  const ranked = `SELECT ${by.map((name, key) => `${identifier(name)} AS k${key}`).join(", ")}, ` +
    `${value} AS v, row_number() OVER (PARTITION BY ${by.map(identifier).join(", ")} ` +
    `ORDER BY ${value}) - 1 AS r, ` +
    `(count(*) OVER (PARTITION BY ${by.map(identifier).join(", ")}) - 1) * ${literal(q)} AS p ` +
    `FROM ${current.from} WHERE ${value} IS NOT NULL`;
  // Between the two values around the position, as `statistics.ts` does it. Written as
  // low + step * share: where both are one integer, that integer comes out whole.
  const around = `SELECT ${keys.join(", ")}, ` +
    "min(v) + (max(v) - min(v)) * (max(p) - CAST(max(p) AS INTEGER)) AS quantile " +
    `FROM (${ranked}) WHERE r IN (CAST(p AS INTEGER), CAST(p AS INTEGER) + (p > CAST(p AS INTEGER))) ` +
    `GROUP BY ${keys.join(", ")}`;
  const matches = keys.map((key) => `m${index}.${key} IS g.${key}`).join(" AND ");
  return ` LEFT JOIN (${around}) AS m${index} ON ${matches}`;
}
