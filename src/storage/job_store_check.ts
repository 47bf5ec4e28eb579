/**
 * Looks through a `state.db`, or a copy of one: whether SQLite finds every row and every index sound, and
 * whether what is in rows and pages is what was written. The first says nothing of the second: SQLite
 * hands out a changed byte of a blob as if nothing were.
 */

import { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { BodyRows, verifyPayloadRow, verifyResultRow } from "./body_rows.ts";
import {
  headsOf,
  NO_TOTALS,
  type PageRow,
  refuseOtherTotals,
  type TotalsRow,
  verifyPageBytes,
  verifyTotalsRow,
} from "./finished_jobs.ts";
import { type KindRow, verifyKindRow } from "./finished_kinds.ts";
import type { FinishedHeads } from "./finished_page.ts";
import { verifyFinishedRow } from "./finished_rows.ts";
import { RowDamaged } from "./job_store_rows.ts";
import { type DetailRow, verifyDetailRow, verifyStateRow } from "./job_store_tables.ts";
import { keyPageOf, verifyKeyRow } from "./key_rows.ts";
import { LiveJobs, livePageOf, verifyGoneRow, verifyLiveRow } from "./live_jobs.ts";
import { failureOf, inOneLine, isDamage, isOfOtherTables } from "./storage_failure.ts";

/** Rows in memory at once: small ones, pages of finished jobs, and what may be large. */
const SMALL_ROWS_MAX = 1_000;
const FINISHED_PAGES_MAX = 32;
const LARGE_ROWS_MAX = 16;

/** "ok", or one line of what was found. */
export function damageIn(database: DatabaseSync): string {
  return damageFoundBy(() => {
    askSqlite(database, "1");
    // Nothing else is done meanwhile.
    for (const _ of lookThroughRows(database));
  });
}

/**
 * As {@linkcode damageIn}, a little at a time, and other things between. SQLite looks at a table at a time,
 * and so not at what belongs to none.
 */
export async function damageInSlowly(database: DatabaseSync): Promise<string> {
  return await foundInParts(lookThroughAll(database));
}

/** As {@linkcode damageIn}, of a file that nobody is writing; a -wal file beside it is not looked at. */
export function damageInFile(path: string): string {
  const database = openAsItIs(path);
  try {
    return damageIn(database);
  } finally {
    database.close();
  }
}

/**
 * "ok", or one line of what was found in rows and pages of a file that nobody is writing; indexes are not
 * looked at. It is done a little at a time, and other things between.
 */
export async function rowDamageInFile(path: string): Promise<string> {
  const database = openAsItIs(path);
  try {
    return await foundInParts(lookThroughRows(database));
  } finally {
    database.close();
  }
}

async function foundInParts(parts: Iterator<void>): Promise<string> {
  for (;;) {
    let isDone = false;
    const found = damageFoundBy(() => isDone = parts.next().done === true);
    if (isDone || found !== "ok") return found;
    await setImmediate();
  }
}

function damageFoundBy(look: () => void): string {
  try {
    look();
    return "ok";
  } catch (cause) {
    if (!isDamageOfRows(cause) && !isOfOtherTables(cause)) throw failureOf("check state.db", cause);
    return inOneLine(cause);
  }
}

/** Whether what was read is not what was written. */
export function isDamageOfRows(error: unknown): boolean {
  return error instanceof RowDamaged || isDamage(error) || isNoNumberOfOurs(error);
}

/** Of a column with a number that is greater than any that is ever written. */
function isNoNumberOfOurs(error: unknown): boolean {
  return error instanceof RangeError && "code" in error && error.code === "ERR_OUT_OF_RANGE";
}

function openAsItIs(path: string): DatabaseSync {
  const url = pathToFileURL(path);
  url.searchParams.set("immutable", "1");
  return new DatabaseSync(url, { readOnly: true });
}

/** @throws {RowDamaged} when SQLite finds something: anywhere ("1"), or in what belongs to a table */
function askSqlite(database: DatabaseSync, where: string): void {
  const found = database.prepare(`PRAGMA integrity_check(${where})`).get()?.integrity_check;
  if (found !== "ok") throw new RowDamaged(String(found).trim().replaceAll(/\s+/g, " "));
}

/** @throws {RowDamaged} */
function* lookThroughAll(database: DatabaseSync): Generator<void, void> {
  for (const table of tablesOf(database)) {
    askSqlite(database, `"${table}"`);
    yield;
  }
  yield* lookThroughRows(database);
}

function tablesOf(database: DatabaseSync): ReadonlySet<string> {
  const names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  return new Set(names.map(({ name }) => String(name)));
}

/**
 * Holds all rows and pages against their checksums, a few at a step. Tables and columns that a file of an
 * older format has not are passed over.
 *
 * @throws {RowDamaged} when something is not what was written
 */
function* lookThroughRows(database: DatabaseSync): Generator<void, void> {
  const tables = tablesOf(database);
  const totals = new FinishedTotals();
  for (const check of [...CHECKS, ...checksOfFinished(totals)]) {
    if (tables.has(check.table)) yield* lookThrough(database, check);
  }
  if (tables.has("live_pages")) new LiveJobs(database, new BodyRows(database)).readPages();
  if (tables.has("finished_pages")) totals.compare();
}

function* lookThrough(
  database: DatabaseSync,
  { table, key, rowsMax, check }: TableCheck,
): Generator<void, void> {
  if (key === undefined) {
    for (const row of database.prepare(`SELECT * FROM ${table}`).all()) check(row);
    return;
  }
  // Not by `iterate`: in Deno 2.9.6 it takes a step that failed for the end of the rows.
  const select = database.prepare(
    `SELECT * FROM ${table} WHERE ${key} > ? ORDER BY ${key} LIMIT ${rowsMax}`,
  );
  for (let after = Number.MIN_SAFE_INTEGER;;) {
    const rows = select.all(after);
    for (const row of rows) check(row);
    if (rows.length < rowsMax) return;
    after = Number(rows.at(-1)![key]);
    yield;
  }
}

/** How the rows of a table are looked through. */
interface TableCheck {
  readonly table: string;
  /** The number that rows are ordered by; undefined: they have none, and are read at once, as at a start. */
  readonly key: string | undefined;
  readonly rowsMax: number;
  /** @throws {RowDamaged} */
  readonly check: (row: unknown) => void;
}

/** @param check is handed rows as the schema has them */
function tableCheck<Row>(
  table: string,
  check: (row: Row) => void,
  { key, rowsMax = SMALL_ROWS_MAX }: { readonly key?: string; readonly rowsMax?: number } = {},
): TableCheck {
  return { table, key, rowsMax, check: (row) => check(row as Row) };
}

/** What is read, and checked, by its owner. */
const CHECKS: readonly TableCheck[] = [
  tableCheck("state", verifyStateRow),
  ...(["workers", "counts", "records"] as const).map((table) =>
    tableCheck<DetailRow>(table, (row) => verifyDetailRow(table, row))
  ),
  tableCheck("live", verifyLiveRow, { key: "seq" }),
  tableCheck("live_pages", livePageOf, { key: "first_seq", rowsMax: LARGE_ROWS_MAX }),
  tableCheck("page_gone", verifyGoneRow, { key: "first_seq", rowsMax: LARGE_ROWS_MAX }),
  tableCheck("keys", verifyKeyRow, { key: "seq" }),
  tableCheck("key_pages", keyPageOf, { key: "first_seq", rowsMax: LARGE_ROWS_MAX }),
  tableCheck("payloads", verifyPayloadRow, { key: "seq", rowsMax: LARGE_ROWS_MAX }),
  tableCheck("results", verifyResultRow, { key: "seq", rowsMax: LARGE_ROWS_MAX }),
];

/** Finished jobs, which are counted too. */
function checksOfFinished(totals: FinishedTotals): readonly TableCheck[] {
  return [
    tableCheck<Parameters<typeof verifyFinishedRow>[0]>("finished", (row) => {
      verifyFinishedRow(row);
      totals.rows++;
    }, { key: "seq", rowsMax: FINISHED_PAGES_MAX }),
    tableCheck<KindRow>("finished_kinds", (row) => {
      verifyKindRow(row);
      totals.kinds++;
    }, { key: "number" }),
    tableCheck<PageRow>("finished_pages", (row) => {
      verifyPageBytes(row);
      totals.count(headsOf(row), row.bytes === null);
    }, { key: "number", rowsMax: FINISHED_PAGES_MAX }),
    tableCheck<TotalsRow>("finished_totals", (row) => {
      verifyTotalsRow(row);
      totals.written = row;
    }),
  ];
}

/** How many finished jobs there are, and how many there should be. */
class FinishedTotals {
  rows = 0;
  pages = 0;
  jobs = 0;
  kinds = 0;
  /** In pages without bytes. */
  jobsInRows = 0;
  /** The greatest number; they have no gaps. */
  kindMax = 0;
  written = NO_TOTALS;

  count(heads: FinishedHeads, isInRows: boolean): void {
    this.pages++;
    this.jobs += heads.jobs;
    if (isInRows) this.jobsInRows += heads.jobs;
    for (let place = 0; place < heads.jobs; place++) {
      this.kindMax = Math.max(this.kindMax, heads.kindAt(place));
    }
  }

  /** @throws {RowDamaged} when some are missing, or are too many */
  compare(): void {
    refuseOtherTotals(this.written, this);
    if (this.kindMax > this.kinds) throw new RowDamaged("a kind of finished jobs is missing");
    if (this.rows !== this.jobsInRows) {
      throw new RowDamaged(
        `of ${this.jobsInRows} rows of finished jobs there are ${this.rows}`,
      );
    }
  }
}
