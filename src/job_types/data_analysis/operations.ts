/**
 * Runs a payload's operations, in order, over the loaded table.
 *
 * A filter or a sort changes the rows, or their order, for every operation after it; the others
 * leave the rows as they are and add one result each.
 *
 * @module
 */

import { type JobContext, PermanentJobError } from "../contract.ts";
import { Breathing } from "../breathing.ts";
import { rowObject, type StoredValue } from "./cells.ts";
import { columnsOf, conditionsSql } from "./conditions.ts";
import { correlation } from "./correlation.ts";
import { csvText, describedTable } from "./csv_output.ts";
import { CurrentRows } from "./current_rows.ts";
import { describeColumns } from "./describe.ts";
import { groupQuery, unknownInGroup } from "./group_by.ts";
import type { DateOrder } from "./field_format.ts";
import { histogram } from "./histogram.ts";
import { listed, type ListedColumn, type Listing } from "./listing.ts";
import { LOAD_SHARE } from "./load.ts";
import {
  type AnalysisPayload,
  type Operation,
  type OperationOf,
  plannedOperations,
} from "./payload.ts";
import type { ResultBudget } from "./result_budget.ts";
import { identifier } from "./sql_text.ts";
import type { Table } from "./table.ts";
import { explainSqlFailure, prepareUserSql } from "./user_sql.ts";

/** Rows that a listing has unless the payload says otherwise. */
const ROWS_DEFAULT = 1_000;

/** No bound but that of bytes, as a number that SQL's LIMIT takes. */
const ROWS_UNBOUNDED = 2 ** 50;

/** The result of one operation: its name, its kind, and what that kind yields. */
export interface OperationResult {
  readonly name: string;
  readonly operation: Operation["type"];
  readonly [field: string]: unknown;
}

/** What operations work with. */
export interface OperationTerms {
  readonly payload: AnalysisPayload;
  readonly table: Table;
  readonly budget: ResultBudget;
  readonly context: JobContext;
}

/** Results in the order of the operations; for CSV the one table's text. */
export type Outcome =
  | { readonly kind: "json"; readonly results: readonly OperationResult[] }
  | { readonly kind: "csv"; readonly text: string };

/**
 * Runs what the payload plans.
 *
 * @throws {PermanentJobError} naming every unknown column of all operations, before any has run;
 * and where an operation does not suit the data.
 */
export async function runOperations(terms: OperationTerms): Promise<Outcome> {
  const { payload, table, context } = terms;
  const operations = plannedOperations(payload);
  requireColumns(operations, table);
  const runner = new Runner(terms);
  const results: OperationResult[] = [];
  const names = new Names(operations);
  for (const [index, operation] of operations.entries()) {
    const share = (done: number) =>
      LOAD_SHARE + (1 - LOAD_SHARE) * (index + done) / operations.length;
    context.progress(share(0), operation.type);
    const yielded = await runner.run(operation, (done) => context.progress(share(done)));
    if (yielded?.kind === "csv") return yielded;
    if (yielded === undefined) continue;
    results.push({ name: names.of(operation), operation: operation.type, ...yielded.fields });
  }
  return { kind: "json", results };
}

/** What one operation yields; a sort, nothing. */
type Yield =
  | { readonly kind: "json"; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly kind: "csv"; readonly text: string }
  | undefined;

class Runner {
  readonly #table: Table;
  readonly #budget: ResultBudget;
  readonly #breathing: Breathing;
  readonly #isCsv: boolean;
  readonly #limit: number;
  readonly #dates: DateOrder;
  #current = new CurrentRows();

  constructor({ payload, table, budget, context }: OperationTerms) {
    this.#table = table;
    this.#budget = budget;
    this.#breathing = new Breathing(context.signal);
    this.#dates = payload.csv.dates;
    this.#isCsv = payload.output.format === "csv";
    this.#limit = payload.output.limit ?? (this.#isCsv ? ROWS_UNBOUNDED : ROWS_DEFAULT);
  }

  async run(operation: Operation, onProgress: (done: number) => void): Promise<Yield> {
    await this.#breathing.pause();
    switch (operation.type) {
      case "filter":
        return this.#filter(operation);
      case "sort":
        this.#current = this.#current.sortedBy(operation.by);
        return undefined;
      case "describe":
        return await this.#describe(operation, onProgress);
      case "select":
        return await this.#select(operation);
      case "group_by":
        return await this.#groupBy(operation);
      case "sql":
        return await this.#sql(operation);
      case "histogram": {
        const found = await histogram(operation, this.#table, this.#current, this.#breathing);
        return this.#whole(operation, { column: operation.column, ...found }, () => ({
          columns: ["from", "to", "count"],
          rows: found.bins.map(({ from, to, count }) => [from, to, count]),
        }));
      }
      case "correlation": {
        const found = await correlation(operation, this.#table, this.#current, this.#breathing);
        return this.#whole(operation, { method: operation.method, ...found }, () => ({
          columns: ["column", ...found.columns],
          rows: found.columns.map((column, index) => [column, ...found.matrix[index]!]),
        }));
      }
    }
  }

  #filter({ where }: OperationOf<"filter">): Yield {
    this.#current = this.#current.filteredBy(
      conditionsSql(where, (name) => this.#table.column(name)),
    );
    if (this.#isCsv) return undefined;
    const [rows] = this.#table.single(`SELECT count(*) FROM ${this.#current.from}`);
    return { kind: "json", fields: { rows: Number(rows) } };
  }

  async #describe(
    operation: OperationOf<"describe">,
    onProgress: (done: number) => void,
  ): Promise<Yield> {
    const columns = operation.columns?.map((name) => this.#table.column(name)) ??
      this.#table.columns;
    const found = await describeColumns(this.#table, this.#current, {
      columns,
      top: operation.top,
      quantiles: operation.quantiles,
      dates: this.#dates,
      breathing: this.#breathing,
      onColumn: (count) => onProgress(count / columns.length),
    });
    return this.#whole(operation, found, () => describedTable(found.columns));
  }

  async #select(operation: OperationOf<"select">): Promise<Yield> {
    const columns = operation.columns?.map((name) => this.#table.column(name)) ??
      this.#table.columns;
    if (columns.length === 0) return this.#listing({ columns: [], rows: [], truncated: false });
    const limit = operation.limit ?? this.#limit;
    // One more than is listed tells whether there are more.
    const sql = `SELECT ${columns.map(({ name }) => identifier(name)).join(", ")} ` +
      `FROM main.data${this.#current.where}${this.#current.orderBy} ` +
      `LIMIT ${limit + 1} OFFSET ${operation.offset}`;
    return await this.#rows(this.#table.query(sql, { exact: true }), columns, limit);
  }

  async #groupBy(operation: OperationOf<"group_by">): Promise<Yield> {
    const limit = operation.limit ?? this.#limit;
    const { sql, columns, restore } = groupQuery(
      { ...operation, limit },
      this.#table,
      this.#current,
    );
    const rows = restored(this.#table.query(sql, { exact: true }), restore);
    return await this.#rows(rows, columns, limit);
  }

  async #sql({ query, limit = this.#limit }: OperationOf<"sql">): Promise<Yield> {
    using prepared = prepareUserSql(query, this.#table, this.#current);
    try {
      const rows = this.#table.query(prepared.text, { exact: true });
      return await this.#rows(rows, uniqueNames(prepared.columnNames), limit);
    } catch (error) {
      throw explainSqlFailure(error);
    }
  }

  async #rows(
    stored: Iterable<readonly StoredValue[]>,
    columns: readonly ListedColumn[],
    limit: number,
  ): Promise<Yield> {
    const [budget, breathing, mustFit] = [this.#budget, this.#breathing, this.#isCsv];
    return this.#listing(await listed(stored, columns, { limit, budget, breathing, mustFit }));
  }

  #listing({ columns, rows, truncated }: Listing): Yield {
    if (this.#isCsv) return { kind: "csv", text: csvText({ columns, rows }) };
    return {
      kind: "json",
      fields: { columns, rows: rows.map((row) => rowObject(columns, row)), truncated },
    };
  }

  /** A result that is whole or nothing. */
  #whole(
    { type }: Operation,
    fields: object,
    asTable: () => Omit<Listing, "truncated">,
  ): Yield {
    if (this.#isCsv) return { kind: "csv", text: csvText(asTable()) };
    this.#budget.requireRoom(fields, `The result of ${type}`, "Name fewer columns, or fewer bins.");
    return { kind: "json", fields: { ...fields } };
  }
}

function* restored(
  rows: Iterable<readonly StoredValue[]>,
  restore: (row: readonly StoredValue[]) => StoredValue[],
): Generator<StoredValue[]> {
  for (const row of rows) yield restore(row);
}

/** @throws {PermanentJobError} naming every column that is not there. */
function requireColumns(operations: readonly Operation[], table: Table): void {
  const faults = operations.flatMap((operation) =>
    namedColumns(operation).flatMap((name) => {
      const found = table.find(name);
      return typeof found === "string" ? [`${operation.type}: ${found}`] : [];
    })
  );
  for (const operation of operations) {
    if (operation.type !== "group_by") continue;
    const { having = [], sort = [] } = operation;
    const named = [...columnsOf(having), ...sort.map(({ column }) => column)];
    for (const name of unknownInGroup(operation, named)) {
      faults.push(
        `group_by: having and sort go by the result's columns, and none is ${JSON.stringify(name)}`,
      );
    }
  }
  if (faults.length === 0) return;
  const known = table.columns.slice(0, 50).map(({ name }) => JSON.stringify(name)).join(", ");
  throw new PermanentJobError(
    `${[...new Set(faults)].join("; ")}. The columns are ${known}` +
      `${table.columns.length > 50 ? ` and ${table.columns.length - 50} more` : ""}.`,
  );
}

function namedColumns(operation: Operation): readonly string[] {
  switch (operation.type) {
    case "filter":
      return columnsOf(operation.where);
    case "sort":
      return operation.by.map(({ column }) => column);
    case "group_by":
      return [
        ...operation.by,
        ...operation.aggregates.flatMap(({ column }) => column === undefined ? [] : [column]),
      ];
    case "histogram":
      return [operation.column];
    case "sql":
      return [];
    default:
      return operation.columns ?? [];
  }
}

/** Names for the results that were given none: the operation, then `sql_2`, `sql_3` ... */
class Names {
  readonly #taken: Set<string>;

  constructor(operations: readonly Operation[]) {
    this.#taken = new Set(operations.flatMap(({ name }) => name === undefined ? [] : [name]));
  }

  of({ type, name }: Operation): string {
    if (name !== undefined) return name;
    let free: string = type;
    for (let suffix = 2; this.#taken.has(free); suffix++) free = `${type}_${suffix}`;
    this.#taken.add(free);
    return free;
  }
}

/** SQL may give two columns one name, an object cannot. */
function uniqueNames(names: readonly string[]): ListedColumn[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let free = name;
    for (let suffix = 2; taken.has(free); suffix++) free = `${name}_${suffix}`;
    taken.add(free);
    return { name: free };
  });
}
