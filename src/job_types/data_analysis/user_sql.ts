/**
 * SQL that a payload brings along: one SELECT over `data`, and nothing else, whatever it says.
 *
 * Four things keep it so, each alone enough for most of it: the connection is read-only; SQLite's
 * own authorizer is asked about everything the compiled statement would do and lets through reading
 * this table and calling functions; no other database may be attached; and the process the job runs
 * in is ended when its time is up. Rows and bytes of the result are bounded like any other's.
 *
 * @module
 */

import { constants, type DatabaseSync, type StatementSync } from "node:sqlite";
import { PermanentJobError } from "../contract.ts";
import type { CurrentRows } from "./current_rows.ts";
import { RAW_TABLE } from "./sql_text.ts";
import type { Table } from "./table.ts";

/** Longest text or blob that a statement may make, in bytes. */
const VALUE_BYTES_MAX = 32 * 1024 * 1024;

/** Tables that may be read: ours, and the two functions that yield rows of a JSON text. */
const READABLE: ReadonlySet<string> = new Set(["data", RAW_TABLE, "json_each", "json_tree"]);

/** Functions that reach beyond values. SQLite has most of them off, or not at all, as it is. */
const REFUSED_FUNCTIONS: ReadonlySet<string> = new Set([
  "load_extension",
  "fts3_tokenizer",
  "sqlite_log",
  "readfile",
  "writefile",
  "edit",
]);

/**
 * Compiles a payload's SQL.
 *
 * @throws {PermanentJobError} when it is not one SELECT, or does not compile; with SQLite's reason.
 */
export function prepareUserSql(
  query: string,
  table: Table,
  current: CurrentRows,
): StatementSync {
  requireOneStatement(query);
  const { database } = table;
  // `data` is the current rows. A temporary view comes before the table's own of the same name.
  database.exec(
    `DROP VIEW IF EXISTS temp.data; ` +
      `CREATE TEMP VIEW data AS SELECT * FROM main.data${current.where}`,
  );
  const refusal = restrict(database);
  try {
    return database.prepare(query);
  } catch (error) {
    throw new PermanentJobError(
      refusal() ?? `The SQL does not compile: ${reasonOf(error, table)}.`,
      { cause: error },
    );
  } finally {
    database.setAuthorizer(null);
  }
}

/** What went wrong while a payload's SQL ran, as it is told. */
export function explainSqlFailure(error: unknown): unknown {
  if (!(error instanceof Error) || !("errcode" in error)) return error;
  // Low byte of the code; 1 is SQLITE_ERROR, 18 TOOBIG, 20 MISMATCH, 25 RANGE: the statement's
  // fault. A full disk and the like may pass.
  const code = Number(error.errcode) & 0xff;
  if (![1, 18, 20, 25].includes(code)) return error;
  return new PermanentJobError(`The SQL failed: ${error.message}.`, { cause: error });
}

/** Sets the authorizer; the answer tells what it refused, if anything. */
function restrict(database: DatabaseSync): () => string | undefined {
  let refused: string | undefined;
  database.limits.length = VALUE_BYTES_MAX;
  database.limits.attach = 0;
  database.setAuthorizer((action, first, second) => {
    const reason = refusalOf(action, first, second);
    refused ??= reason;
    return reason === undefined ? constants.SQLITE_OK : constants.SQLITE_DENY;
  });
  return () => refused;
}

function refusalOf(
  action: number,
  first: string | null,
  second: string | null,
): string | undefined {
  switch (action) {
    case constants.SQLITE_SELECT:
    case constants.SQLITE_RECURSIVE:
      return undefined;
    case constants.SQLITE_READ:
      if (first !== null && READABLE.has(first.toLowerCase())) return undefined;
      return `The SQL reads ${first ?? "something"}; only the table data may be read.`;
    case constants.SQLITE_FUNCTION:
      if (second !== null && !REFUSED_FUNCTIONS.has(second.toLowerCase())) return undefined;
      return `The SQL calls ${second ?? "a function"}, which is not allowed.`;
    default:
      return "The SQL is not a SELECT. It may only read the table data: no changes, " +
        "no ATTACH, no PRAGMA.";
  }
}

/**
 * Refuses a text that is not exactly one statement, before SQLite sees it: it would run the first
 * and ignore the rest, and a text without any statement crashes the runtime (Deno 2.9.6).
 */
function requireOneStatement(query: string): void {
  const statements = splitStatements(query);
  if (statements === 1) return;
  throw new PermanentJobError(
    statements === 0
      ? "The SQL is empty: write one SELECT over the table data."
      : "The SQL holds more than one statement; write one SELECT.",
  );
}

/** White space and comments, a semicolon, or something that belongs to a statement. */
const TOKENS =
  /(?<blank>\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<end>;)|'(?:[^']|'')*'?|"(?:[^"]|"")*"?|`(?:[^`]|``)*`?|\[[^\]]*\]?|[\s\S]/g;

function splitStatements(query: string): number {
  if (query.includes("\0")) {
    throw new PermanentJobError("The SQL holds a NUL character.");
  }
  let count = 0;
  let isWithin = false;
  for (const { groups } of query.matchAll(TOKENS)) {
    if (groups?.blank !== undefined) continue;
    if (groups?.end !== undefined) {
      isWithin = false;
    } else if (!isWithin) {
      isWithin = true;
      count++;
    }
  }
  return count;
}

function reasonOf(error: unknown, table: Table): string {
  if (!(error instanceof Error)) return String(error);
  const missing = /^no such column: (?:data\.)?(.+)$/.exec(error.message)?.[1];
  if (missing === undefined) return error.message;
  const found = table.find(missing.replaceAll('"', ""));
  return typeof found === "string" ? found.replace(/\?$/, "") : error.message;
}
