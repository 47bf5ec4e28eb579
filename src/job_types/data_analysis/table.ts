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
import { literal } from "./sql_text.ts";
import { uniformTimestamp } from "./timestamp.ts";

/** SQLite's page cache, and the memory of each of its sorts, in KiB; more goes to temporary files. */
const CACHE_KIB = 32 * 1024;

/** A read-only connection to the view `data`. */
export class Table implements Disposable {
  readonly database: DatabaseSync;
  readonly columns: readonly Column[];
  readonly rows: number;
  readonly #byName: ReadonlyMap<string, Column>;

  /** @param tempDir where SQLite puts what it sorts. */
  constructor({ path, columns, rows }: LoadedTable, tempDir: string) {
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
    this.database.aggregate<Float64Array>("sample_stddev", WELFORD);
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
      (nearest === undefined ? "" : `; did you mean ${JSON.stringify(nearest)}?`);
  }

  /** A column that is known to exist: names are checked before anything runs. */
  column(name: string): Column {
    const column = this.find(name);
    if (typeof column === "string") throw new Error(`invariant: ${column}`);
    return column;
  }

  /** Runs a query of ours. Integers beyond 2^53 need `exact`, which makes all integers bigints. */
  query(text: string, { exact = false } = {}): IterableIterator<StoredValue[]> {
    return rowsOf(this.database.prepare(text), exact);
  }

  /** The only row of a query of ours. */
  single(text: string, options?: { exact: boolean }): StoredValue[] {
    const [row] = this.query(text, options);
    if (row === undefined) throw new Error(`invariant: no row from ${text.slice(0, 200)}`);
    return row;
  }
}

/** The rows of a statement, as arrays. */
export function rowsOf(statement: StatementSync, exact: boolean): IterableIterator<StoredValue[]> {
  statement.setReadBigInts(exact);
  statement.setReturnArrays(true);
  // Typed for rows that are objects.
  return statement.iterate() as unknown as IterableIterator<StoredValue[]>;
}

/**
 * Welford's recurrence, for groups: stable, one pass. NULL for fewer than two values. The state is
 * the count, the mean and the sum of squared differences, in an array since its type must be one
 * that SQLite knows.
 */
const WELFORD = {
  start: () => new Float64Array(3),
  step: (state: Float64Array, value: unknown) => {
    if (typeof value !== "number") return state;
    const count = state[0]! + 1;
    const delta = value - state[1]!;
    const mean = state[1]! + delta / count;
    state[2]! += delta * (value - mean);
    state[0] = count;
    state[1] = mean;
    return state;
  },
  result: (state: Float64Array) => {
    const [count = 0, , squares = 0] = state;
    return count < 2 || !Number.isFinite(squares) ? null : Math.sqrt(squares / (count - 1));
  },
};
