/**
 * The loaded table, opened for reading.
 *
 * @module
 */

import { DatabaseSync, type StatementSync } from "node:sqlite";
import { closestTo } from "../closest.ts";
import type { StoredValue } from "./cells.ts";
import type { Column } from "./column_profile.ts";
import type { LoadedTable } from "./load.ts";
import { isoDate } from "./field_format.ts";
import { literal } from "./sql_text.ts";
import { uniformTimestamp } from "./timestamp.ts";

/** SQLite's page cache, and the memory of each of its sorts, in KiB; more goes to temporary files. */
const CACHE_KIB = 16 * 1024;

/** A read-only connection to the view `data`. */
export class Table implements Disposable {
  /** What was found of the whole table's columns while it was read. */
  readonly gathered: LoadedTable["gathered"];
  readonly database: DatabaseSync;
  readonly columns: readonly Column[];
  readonly rows: number;
  readonly #byName: ReadonlyMap<string, Column>;

  /** @param tempDir where SQLite puts what it sorts. */
  constructor({ path, columns, rows, gathered }: LoadedTable, tempDir: string) {
    this.gathered = gathered;
    this.columns = columns;
    this.rows = rows;
    this.#byName = new Map(columns.map((column) => [column.name, column]));
    this.database = new DatabaseSync(path, { readOnly: true });
    this.database.exec(
      // The deprecated pragma is the one way to say where: a job leaves nothing outside its own
      // directory. It holds for the process, which is this job's alone.
      `PRAGMA temp_store_directory = ${literal(tempDir)}; PRAGMA temp_store = FILE; ` +
        `PRAGMA cache_size = -${CACHE_KIB}; PRAGMA temp.cache_size = -${CACHE_KIB}`,
    );
    this.database.function(
      "uniform_timestamp",
      { deterministic: true },
      (text, digits) => typeof text === "string" ? uniformTimestamp(text, Number(digits)) : null,
    );
    this.database.function(
      "iso_date",
      { deterministic: true },
      (text, order) =>
        typeof text === "string" ? isoDate(text, order === "dmy" ? "dmy" : "mdy") ?? text : null,
    );
    this.database.aggregate<Float64Array>("sample_variance", WELFORD);
    this.database.aggregate<Float64Array>("sample_stddev", {
      ...WELFORD,
      result: (state) => {
        const variance = WELFORD.result(state);
        return variance === null ? null : Math.sqrt(variance);
      },
    });
  }

  [Symbol.dispose](): void {
    this.database.close();
  }

  /** The column of that name, or the sentence that says there is none. */
  find(name: string): Column | string {
    const column = this.#byName.get(name);
    if (column !== undefined) return column;
    const nearest = closestTo(name, this.#byName.keys());
    return `there is no column ${JSON.stringify(name)}` +
      (nearest === undefined ? "" : ` (did you mean ${JSON.stringify(nearest)}?)`);
  }

  /** A column that is known to exist: names are checked before anything runs. */
  column(name: string): Column {
    const column = this.find(name);
    if (typeof column === "string") throw new Error(`invariant: ${column}`);
    return column;
  }

  /**
   * The rows of a query, as arrays. Integers beyond 2^53 need `exact`, which makes all integers
   * bigints.
   */
  query(text: string, { exact = false } = {}): Generator<StoredValue[]> {
    return completeRows(this.database, text, exact);
  }

  /** The only row of a query. */
  single(text: string, { exact = false } = {}): StoredValue[] {
    return storedRow(prepared(this.database, text, exact).get());
  }
}

/**
 * Iterates over a query's rows, and throws if they end early. In Deno 2.9.6 a statement's iterator
 * answers a failed step as if the rows were at their end, so a row of our own is put after them:
 * without it, they were not all. The statement is held here to the end for another reason: the
 * iterator does not keep it alive.
 *
 * @throws what SQLite says of the row that failed.
 */
function* completeRows(
  database: DatabaseSync,
  text: string,
  exact: boolean,
): Generator<StoredValue[]> {
  const { length: width } = database.prepare(text).columns();
  const end = Array(width).fill("NULL").join(", ");
  // A subquery keeps its ORDER BY here: SQLite drops it only for an outer join, aggregate or order.
  const statement = prepared(
    database,
    `SELECT *, 0 FROM (\n${text}\n) UNION ALL SELECT ${end}, 1`,
    exact,
  );
  let count = 0;
  for (const given of statement.iterate()) {
    const row = storedRow(given);
    if (Number(row[width]) === 1) return;
    count++;
    yield row;
  }
  // Those that came are skipped, the next one fails as it did, and `all` says so.
  prepared(database, `SELECT * FROM (\n${text}\n) LIMIT 1 OFFSET ${count}`, exact).all();
  throw new Error(`SQLite ended a query after ${count} rows, before its last one.`);
}

function prepared(database: DatabaseSync, text: string, exact: boolean): StatementSync {
  const statement = database.prepare(text);
  statement.setReadBigInts(exact);
  statement.setReturnArrays(true);
  return statement;
}

/** Rows are typed as objects, which they are not after `setReturnArrays`. */
function storedRow(row: unknown): StoredValue[] {
  if (!Array.isArray(row)) throw new Error(`invariant: a row is ${typeof row}`);
  return row;
}

/**
 * Welford's recurrence of the differences to the first value, for groups: stable, one pass. NULL for
 * fewer than two values. The state is the count, the mean and the sum of squared differences, and
 * the first value, in an array since its type must be one that SQLite knows. See `Spread` in
 * `statistics.ts`.
 */
const WELFORD = {
  start: () => new Float64Array(4),
  step: (state: Float64Array, value: unknown) => {
    if (typeof value !== "number") return state;
    const count = state[0]! + 1;
    if (count === 1) state[3] = value;
    const shifted = value - state[3]!;
    const delta = shifted - state[1]!;
    const mean = state[1]! + delta / count;
    state[2]! += delta * (shifted - mean);
    state[0] = count;
    state[1] = mean;
    return state;
  },
  result: (state: Float64Array) => {
    const [count = 0, , squares = 0] = state;
    return count < 2 || !Number.isFinite(squares) ? null : squares / (count - 1);
  },
};
