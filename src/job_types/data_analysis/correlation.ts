/**
 * The operation `correlation`: how strongly the numbers of each two columns go together.
 *
 * Each pair uses the rows where both have a (finite) value, as pandas does.
 *
 * @module
 */

import { PermanentJobError } from "../contract.ts";
import type { Breathing } from "../breathing.ts";
import type { Column } from "./column_profile.ts";
import type { CurrentRows } from "./current_rows.ts";
import type { OperationOf } from "./payload.ts";
import { identifier } from "./sql_text.ts";
import type { Table } from "./table.ts";

/** `matrix[i][j]` is the coefficient of columns i and j; null where it is not defined. */
export interface Correlation {
  readonly columns: readonly string[];
  readonly matrix: readonly (readonly (number | null)[])[];
}

/** Most columns: the work grows with the square; for `spearman` every pair is sorted, too. */
const COLUMNS_MAX = { pearson: 100, spearman: 20 } as const;

/**
 * Correlates the named columns, or every numeric one.
 *
 * @throws {PermanentJobError} for a column that is not numeric, and for too many columns.
 */
export async function correlation(
  { columns: names, method }: OperationOf<"correlation">,
  table: Table,
  current: CurrentRows,
  breathing: Breathing,
): Promise<Correlation> {
  const columns = names?.map((name) => table.column(name)) ?? table.columns.filter(isNumeric);
  const other = columns.find((column) => !isNumeric(column));
  if (other !== undefined) {
    throw new PermanentJobError(
      `correlation needs numeric columns, and ${JSON.stringify(other.name)} is ${other.type}.`,
    );
  }
  const most = COLUMNS_MAX[method];
  if (columns.length > most) {
    throw new PermanentJobError(
      `A ${method} correlation of ${columns.length} columns is more than the ${most} that are ` +
        "computed at once; name those you want in columns.",
    );
  }
  const pairs = method === "pearson"
    ? await pearson(columns, table, current, breathing)
    : await spearman(columns, table, current, breathing);
  const coefficient = (i: number, j: number) => pairs[pairIndex(Math.min(i, j), Math.max(i, j))];
  return {
    columns: columns.map(({ name }) => name),
    matrix: columns.map((_, i) => columns.map((_, j) => coefficient(i, j)?.coefficient() ?? null)),
  };
}

/** Where the pair (i <= j) is: all pairs of the columns up to j, in order. */
function pairIndex(i: number, j: number): number {
  return (j * (j + 1)) / 2 + i;
}

/**
 * Moments of two columns together, by Welford's recurrence: stable in one pass. Of differences to the
 * first row, as `Spread` in `statistics.ts` says why.
 */
class Comoment {
  #count = 0;
  #originX = 0;
  #originY = 0;
  #meanX = 0;
  #meanY = 0;
  #squaresX = 0;
  #squaresY = 0;
  #products = 0;

  add(givenX: number, givenY: number): void {
    if (this.#count === 0) [this.#originX, this.#originY] = [givenX, givenY];
    const [x, y] = [givenX - this.#originX, givenY - this.#originY];
    this.#count++;
    const deltaX = x - this.#meanX;
    const deltaY = y - this.#meanY;
    this.#meanX += deltaX / this.#count;
    this.#meanY += deltaY / this.#count;
    const restY = y - this.#meanY;
    this.#squaresX += deltaX * (x - this.#meanX);
    this.#squaresY += deltaY * restY;
    this.#products += deltaX * restY;
  }

  /** Null for fewer than two rows, and when either column does not vary. */
  coefficient(): number | null {
    if (this.#count < 2 || this.#squaresX === 0 || this.#squaresY === 0) return null;
    const product = this.#squaresX * this.#squaresY;
    // The root of the product is right to the last bit, a column is to itself exactly 1.
    const spread = product >= NORMAL_MIN && product < Infinity
      ? Math.sqrt(product)
      : Math.sqrt(this.#squaresX) * Math.sqrt(this.#squaresY);
    const value = this.#products / spread;
    return Number.isFinite(value) ? Math.max(-1, Math.min(1, value)) : null;
  }
}

/** The least number of full precision. */
const NORMAL_MIN = 2 ** -1022;

async function pearson(
  columns: readonly Column[],
  table: Table,
  current: CurrentRows,
  breathing: Breathing,
): Promise<Comoment[]> {
  const pairs = columns.flatMap((_, j) => columns.slice(0, j + 1).map(() => new Comoment()));
  if (columns.length === 0) return pairs;
  const values = columns.map(({ name }) => `CAST(${identifier(name)} AS REAL)`).join(", ");
  let scanned = 0;
  for (const row of table.query(`SELECT ${values} FROM ${current.from}`)) {
    for (let j = 0, pair = 0; j < columns.length; j++) {
      const y = row[j];
      if (typeof y !== "number" || !Number.isFinite(y)) {
        pair += j + 1;
        continue;
      }
      for (let i = 0; i <= j; i++, pair++) {
        const x = row[i];
        if (typeof x === "number" && Number.isFinite(x)) pairs[pair]!.add(x, y);
      }
    }
    if (++scanned % 256 === 0 && breathing.isDue) await breathing.pause();
  }
  return pairs;
}

/** Pearson's coefficient of the ranks, equal values sharing the mean of theirs. */
async function spearman(
  columns: readonly Column[],
  table: Table,
  current: CurrentRows,
  breathing: Breathing,
): Promise<Comoment[]> {
  const pairs: Comoment[] = [];
  for (const [j, second] of columns.entries()) {
    for (const first of columns.slice(0, j + 1)) {
      const ranks = table.query(
        `SELECT ${meanRank("x")}, ${meanRank("y")} FROM (SELECT ${identifier(first.name)} AS x, ` +
          `${identifier(second.name)} AS y FROM ${current.from}) ` +
          `WHERE x IS NOT NULL AND y IS NOT NULL`,
      );
      const pair = new Comoment();
      let scanned = 0;
      for (const [x, y] of ranks) {
        pair.add(Number(x), Number(y));
        if (++scanned % 256 === 0 && breathing.isDue) await breathing.pause();
      }
      pairs.push(pair);
      await breathing.pause();
    }
  }
  return pairs;
}

function meanRank(value: string): string {
  return `rank() OVER (ORDER BY ${value}) + (count(*) OVER (PARTITION BY ${value}) - 1) / 2.0`;
}

function isNumeric({ type }: Column): boolean {
  return type === "integer" || type === "real";
}
