/**
 * The operation `histogram`: how many values lie in each of equal intervals.
 *
 * @module
 */

import { PermanentJobError } from "../contract.ts";
import type { Breathing } from "../breathing.ts";
import type { StoredValue } from "./cells.ts";
import type { CurrentRows } from "./current_rows.ts";
import { BINS_MAX, type OperationOf } from "./payload.ts";
import { identifier } from "./sql_text.ts";
import type { Table } from "./table.ts";

/** One interval: `from` is part of it, `to` is not, but for the last one of given `bins`. */
export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Every value of the column is counted once: in a bin, or as one of the last two. */
export interface Histogram {
  readonly bins: readonly Bin[];
  readonly nulls: number;
  readonly infinite: number;
}

const BINS_DEFAULT = 10;

/**
 * Counts a numeric column's values by interval. With `bins`, the edges are numpy's: equal steps
 * from least to greatest, the greatest within the last; a single value gets half a unit around it.
 *
 * @throws {PermanentJobError} when the column is not numeric or the bins would be too many.
 */
export async function histogram(
  operation: OperationOf<"histogram">,
  table: Table,
  current: CurrentRows,
  breathing: Breathing,
): Promise<Histogram> {
  const { type } = table.column(operation.column);
  if (type !== "integer" && type !== "real") {
    throw new PermanentJobError(
      `histogram needs a numeric column, and ${JSON.stringify(operation.column)} is ${type}.`,
    );
  }
  const values = `SELECT CAST(${identifier(operation.column)} AS REAL) AS v FROM ${current.from}`;
  const finite = `SELECT v FROM (${values}) WHERE v > -9e999 AND v < 9e999`;
  const [rows, notNull] = table.single(`SELECT count(*), count(v) FROM (${values})`);
  const [least, greatest, count] = table.single(`SELECT min(v), max(v), count(*) FROM (${finite})`);
  const others = {
    nulls: Number(rows) - Number(notNull),
    infinite: Number(notNull) - Number(count),
  };
  if (typeof least !== "number" || typeof greatest !== "number") return { bins: [], ...others };
  const edges = edgesFor(operation, least, greatest);
  const counts = await countBetween(edges, table.query(finite), breathing);
  return {
    bins: counts.map((count, index) => ({ from: edges[index]!, to: edges[index + 1]!, count })),
    ...others,
  };
}

/** Ascending edges, one more than there are bins. */
function edgesFor(
  { bins = BINS_DEFAULT, bin_width: width, column }: OperationOf<"histogram">,
  least: number,
  greatest: number,
): number[] {
  if (width === undefined) {
    const [from, to] = least === greatest ? [least - 0.5, greatest + 0.5] : [least, greatest];
    const step = Number.isFinite(to - from) ? (to - from) / bins : to / bins - from / bins;
    return Array.from(
      { length: bins + 1 },
      (_, index) => index === bins ? to : from + step * index,
    );
  }
  const edge = multiplesOf(width);
  const first = binOf(least, width, edge);
  const count = binOf(greatest, width, edge) - first + 1;
  if (!(count <= BINS_MAX)) {
    throw new PermanentJobError(
      `A histogram of ${JSON.stringify(column)} from ${least} to ${greatest} by ${width} has ` +
        `${count} bins; at most ${BINS_MAX} can be listed. Make bin_width larger.`,
    );
  }
  return Array.from({ length: count + 1 }, (_, index) => edge(first + index));
}

/**
 * Multiples of the width as it is written: three times 0.1 is 0.3, and not the double beside it, so that
 * a value that is written like an edge begins the bin that the edge begins.
 */
function multiplesOf(width: number): (times: number) => number {
  const [, whole = "", fraction = "", exponent = "0"] =
    /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(width)) ?? [];
  const digits = BigInt(whole + fraction);
  const scale = Number(exponent) - fraction.length;
  return (times) => Number(`${BigInt(times) * digits}e${scale}`);
}

/** The number of the bin of that width that a value lies in; the division may be off by a rounding. */
function binOf(value: number, width: number, edge: (times: number) => number): number {
  const bin = Math.floor(value / width);
  if (!Number.isSafeInteger(bin)) return bin;
  if (value < edge(bin)) return bin - 1;
  return value >= edge(bin + 1) ? bin + 1 : bin;
}

async function countBetween(
  edges: readonly number[],
  values: Iterable<readonly StoredValue[]>,
  breathing: Breathing,
): Promise<number[]> {
  const last = edges.length - 2;
  const counts = new Array<number>(last + 1).fill(0);
  const width = edges[last + 1]! / (last + 1) - edges[0]! / (last + 1);
  let scanned = 0;
  for (const [value] of values) {
    if (typeof value !== "number") continue;
    let bin = Math.max(0, Math.min(last, Math.floor((value - edges[0]!) / width)));
    // The division may be off by a rounding; the edges decide.
    while (bin > 0 && value < edges[bin]!) bin--;
    while (bin < last && value >= edges[bin + 1]!) bin++;
    counts[bin]!++;
    if (++scanned % 256 === 0 && breathing.isDue) await breathing.pause();
  }
  return counts;
}
