/**
 * SQL that a payload brings along: one SELECT over `data`, and nothing else, whatever it says.
 *
 * Each of these would be enough for most of it: the connection is read-only; the text must be one
 * statement that begins as a query; SQLite's own authorizer is asked about everything that the
 * statement would do, when it is compiled and while it runs, and lets through reading this table
 * and calling functions; no other database can be attached; and the process that the job runs in is
 * ended when its time is up. Rows and bytes of the result are bounded like any other's.
 *
 * @module
 */

import { constants, type DatabaseSync } from "node:sqlite";
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

/** A query that compiles. The connection is restricted to what it may do until it is disposed of. */
export interface UserQuery extends Disposable {
  /** Without a semicolon, and without comments before and after. */
  readonly text: string;
  readonly columnNames: readonly string[];
}

/**
 * Compiles a payload's SQL.
 *
 * @throws {PermanentJobError} when it is not one SELECT, or does not compile; with SQLite's reason.
 */
export function prepareUserSql(
  query: string,
  table: Table,
  current: CurrentRows,
): UserQuery {
  const text = onlyQuery(query);
  const { database } = table;
  // `data` is the current rows. A temporary view comes before the table's own of the same name.
  database.exec(
    "DROP VIEW IF EXISTS temp.data; " +
      `CREATE TEMP VIEW data AS SELECT * FROM main.data${current.where}`,
  );
  const refusal = restrict(database);
  try {
    const columnNames = database.prepare(text).columns().map(({ name }) => name);
    return { text, columnNames, [Symbol.dispose]: () => database.setAuthorizer(null) };
  } catch (error) {
    database.setAuthorizer(null);
    throw new PermanentJobError(
      refusal() ?? `The SQL does not compile: ${reasonOf(error, table)}.`,
      { cause: error },
    );
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

const NOT_A_QUERY = "The SQL is not a SELECT. It may only read the table data: no changes, " +
  "no ATTACH, no PRAGMA.";

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
      return isReadable((first ?? "").toLowerCase(), second ?? "")
        ? undefined
        : `The SQL reads ${first}; only the table data may be read.`;
    case constants.SQLITE_FUNCTION:
      return second !== null && !REFUSED_FUNCTIONS.has(second.toLowerCase())
        ? undefined
        : `The SQL calls ${second}, which is not allowed.`;
    default:
      return NOT_A_QUERY;
  }
}

function isReadable(table: string, column: string): boolean {
  if (READABLE.has(table)) return true;
  // No column: rows are counted at most. That is how SQLite asks about a WITH's own names, too,
  // which cannot be known here; so this refuses the families of tables that SQLite has built in.
  return column === "" && !/^(?:sqlite_|pragma_|dbstat)/.test(table);
}

/**
 * Refuses a text that is not exactly one query, before SQLite sees it: it would run the first
 * statement and ignore the rest, and a text without any crashes the runtime (Deno 2.9.6).
 */
function onlyQuery(text: string): string {
  const statements = statementsOf(text);
  const [query] = statements;
  if (query === undefined) {
    throw new PermanentJobError("The SQL is empty: write one SELECT over the table data.");
  }
  if (statements.length > 1) {
    throw new PermanentJobError("The SQL holds more than one statement; write one SELECT.");
  }
  // VACUUM INTO, for one, is not told to the authorizer before it runs.
  if (!/^(?:select|with|values)\b/i.test(query)) throw new PermanentJobError(NOT_A_QUERY);
  return query;
}

/** White space and comments, a semicolon, or something that belongs to a statement. */
const TOKENS =
  /(?<blank>\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<end>;)|'(?:[^']|'')*'?|"(?:[^"]|"")*"?|`(?:[^`]|``)*`?|\[[^\]]*\]?|[\s\S]/g;

/** The statements of a text, each from its first token to its last. */
function statementsOf(text: string): string[] {
  if (text.includes("\0")) throw new PermanentJobError("The SQL holds a NUL character.");
  const statements: string[] = [];
  let span: { from: number; to: number } | undefined;
  const end = () => {
    if (span !== undefined) statements.push(text.slice(span.from, span.to));
    span = undefined;
  };
  for (const { 0: token, groups, index } of text.matchAll(TOKENS)) {
    if (groups?.blank !== undefined) continue;
    if (groups?.end !== undefined) end();
    else span = { from: span?.from ?? index, to: index + token.length };
  }
  end();
  return statements;
}

function reasonOf(error: unknown, table: Table): string {
  if (!(error instanceof Error)) return String(error);
  const missing = /^no such column: (?:data\.)?(.+)$/.exec(error.message)?.[1];
  if (missing === undefined) return error.message;
  const found = table.find(missing.replaceAll('"', ""));
  return typeof found === "string" ? found.replace(/\?$/, "") : error.message;
}
