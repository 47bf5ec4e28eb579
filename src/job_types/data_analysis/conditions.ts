/**
 * Conditions on rows, as SQL.
 *
 * @module
 */

import { PermanentJobError } from "../contract.ts";
import { type ColumnType, numberForm } from "./column_profile.ts";
import type { Condition, SingleCondition } from "./payload.ts";
import { identifier, literal } from "./sql_text.ts";
import { uniformTimestamp } from "./timestamp.ts";

/** What a condition must know of a column. */
export interface ComparedColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly uniformDigits?: number | undefined;
}

/** Every column that the conditions name. */
export function columnsOf(conditions: readonly Condition[]): string[] {
  return conditions.flatMap((condition) => {
    if ("and" in condition) return columnsOf(condition.and);
    if ("or" in condition) return columnsOf(condition.or);
    return "not" in condition ? columnsOf([condition.not]) : [condition.column];
  });
}

/**
 * All of the conditions, as one SQL expression.
 *
 * @throws {PermanentJobError} when a value cannot be compared with its column.
 */
export function conditionsSql(
  conditions: readonly Condition[],
  column: (name: string) => ComparedColumn,
): string {
  const sql = (condition: Condition): string => {
    if ("and" in condition) return joined(condition.and, "AND");
    if ("or" in condition) return joined(condition.or, "OR");
    if ("not" in condition) return `(NOT ${sql(condition.not)})`;
    return `(${singleSql(condition, column(condition.column))})`;
  };
  // Balanced, since SQLite bounds the depth of an expression, and `a AND b AND c ...` is as deep
  // as it is long.
  const joined = (parts: readonly Condition[], operator: "AND" | "OR"): string => {
    if (parts.length === 1) return sql(parts[0]!);
    const half = parts.length >> 1;
    return `(${joined(parts.slice(0, half), operator)} ${operator} ${
      joined(parts.slice(half), operator)
    })`;
  };
  return joined(conditions, "AND");
}

const OPERATORS = { eq: "=", ne: "<>", lt: "<", lte: "<=", gt: ">", gte: ">=" } as const;

function singleSql(condition: SingleCondition, column: ComparedColumn): string {
  const name = identifier(column.name);
  switch (condition.op) {
    case "is_null":
      return `${name} IS NULL`;
    case "not_null":
      return `${name} IS NOT NULL`;
    case "in":
    case "not_in": {
      const values = condition.value.map((value) => comparable(value, column));
      return `${name} ${condition.op === "in" ? "IN" : "NOT IN"} (${values.join(", ")})`;
    }
    case "between": {
      const [from, to] = condition.value;
      return `${name} BETWEEN ${comparable(from, column)} AND ${comparable(to, column)}`;
    }
    case "contains":
    case "starts_with":
    case "ends_with":
      return textSql(condition.op, condition.value, column);
    default:
      if (condition.value === null) return nullSql(condition.op, column);
      return `${name} ${OPERATORS[condition.op]} ${comparable(condition.value, column)}`;
  }
}

function nullSql(op: keyof typeof OPERATORS, { name }: ComparedColumn): string {
  if (op === "eq") return `${identifier(name)} IS NULL`;
  if (op === "ne") return `${identifier(name)} IS NOT NULL`;
  throw new PermanentJobError(
    `A condition on ${JSON.stringify(name)} compares with null by ${op}; use is_null or not_null.`,
  );
}

function textSql(
  op: "contains" | "starts_with" | "ends_with",
  value: string,
  { name, type }: ComparedColumn,
): string {
  if (type === "integer" || type === "real" || type === "boolean") {
    throw new PermanentJobError(
      `A condition asks whether ${JSON.stringify(name)} ${op.replace("_", " ")} a text, ` +
        `but that column is ${type}.`,
    );
  }
  const column = identifier(name);
  const text = literal(value);
  if (op === "contains") return `instr(${column}, ${text}) > 0`;
  // Not the length of SQLite, which counts characters as substr does, but JavaScript's count of them.
  const length = [...value].length;
  if (length === 0) return `${column} IS NOT NULL`;
  return op === "starts_with"
    ? `substr(${column}, 1, ${length}) = ${text}`
    : `substr(${column}, -${length}) = ${text}`;
}

/** A value of a payload as a literal of the column's type. */
function comparable(value: string | number | boolean, column: ComparedColumn): string {
  switch (column.type) {
    case "integer":
    case "real":
      return literal(numberFor(value, column));
    case "boolean":
      return literal(booleanFor(value, column));
    case "timestamp":
      return literal(
        column.uniformDigits === undefined
          ? String(value)
          : uniformTimestamp(String(value), column.uniformDigits),
      );
    default:
      return literal(String(value));
  }
}

function numberFor(value: string | number | boolean, column: ComparedColumn): number | bigint {
  if (typeof value === "number") return value;
  const form = typeof value === "string" ? numberForm(value) : "none";
  if (typeof value === "boolean" || form === "none") throw mismatch(value, column, "a number");
  if (form !== "wide") return Number(value);
  const integer = BigInt(value.trim());
  return BigInt.asIntN(64, integer) === integer ? integer : Number(value);
}

function booleanFor(value: string | number | boolean, column: ComparedColumn): boolean {
  if (typeof value === "boolean") return value;
  const text = String(value).toLowerCase();
  if (text !== "true" && text !== "false") throw mismatch(value, column, "true or false");
  return text === "true";
}

function mismatch(value: unknown, { name, type }: ComparedColumn, wanted: string) {
  return new PermanentJobError(
    `A condition compares ${JSON.stringify(name)}, which is ${type}, with ` +
      `${JSON.stringify(value)}; write ${wanted}.`,
  );
}
