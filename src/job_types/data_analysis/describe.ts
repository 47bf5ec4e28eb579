/**
 * The operation `describe`: what each column holds.
 *
 * Columns are gathered in memory, several in one scan, as long as they are numbers in modest count
 * or repeat few texts; the others are sorted by SQLite, one by one, which takes bounded memory
 * however many values there are. Both ways are exact and give the same answer.
 *
 * @module
 */

import type { Breathing } from "../breathing.ts";
import { type Cell, cellOf, type StoredValue } from "./cells.ts";
import type { Column } from "./column_profile.ts";
import type { CurrentRows } from "./current_rows.ts";
import { identifier } from "./sql_text.ts";
import {
  DESCRIBE_MEMORY,
  type DescribeMemory,
  type Findings,
  type FindingsTerms,
  GatherBudget,
  NumberGatherer,
  TextGatherer,
} from "./gatherers.ts";
import type { DateOrder } from "./field_format.ts";
import { AscendingIntegers, AscendingNumbers } from "./statistics.ts";
import type { Table } from "./table.ts";
import { TopValues } from "./top_values.ts";

/** What one column holds. */
export interface ColumnDescription {
  readonly name: string;
  readonly type: Column["type"];
  /** Values that are not null. */
  readonly count: number;
  readonly nulls: number;
  readonly distinct: number;
  readonly min: Cell;
  readonly max: Cell;
  // Of numeric columns alone:
  readonly sum?: Cell;
  readonly mean?: Cell;
  readonly variance?: Cell;
  readonly stddev?: Cell;
  readonly q1?: Cell;
  readonly median?: Cell;
  readonly q3?: Cell;
  /** Those that were asked for, by their shares. */
  readonly quantiles?: readonly { readonly q: number; readonly value: Cell }[];
  /** The most frequent values; of equally frequent ones the lesser. */
  readonly top: readonly { readonly value: Cell; readonly count: number }[];
}

/** What is to be described, and with what care. */
export interface DescribeTerms extends FindingsTerms {
  readonly columns: readonly Column[];
  /** How the table's dates are written; for what was gathered from its fields. */
  readonly dates: DateOrder;
  readonly breathing: Breathing;
  /** Told after each column, with their count so far. */
  readonly onColumn: (count: number) => void;
  /** Bounds of what is held in memory; tests make them small. */
  readonly memory?: DescribeMemory;
}

/** Columns of one scan. */
const COLUMNS_PER_SCAN = 32;

/** Longest text shown as a least, greatest or frequent value, in characters. */
const SHOWN_LENGTH = 200;

/** Describes the columns over the current rows. */
export async function describeColumns(
  table: Table,
  current: CurrentRows,
  terms: DescribeTerms,
): Promise<{ rows: number; columns: ColumnDescription[] }> {
  const rows = current.isFiltered
    ? Number(table.single(`SELECT count(*) FROM ${current.from}`)[0])
    : table.rows;
  const described = new Map<Column, ColumnDescription>();
  const done = (column: Column, description: ColumnDescription) => {
    described.set(column, description);
    terms.onColumn(described.size);
  };
  const memory = terms.memory ?? DESCRIBE_MEMORY;
  if (!current.isFiltered) {
    for (const column of terms.columns) {
      const found = table.gathered[column.index]?.finish(column, terms);
      if (found !== undefined) done(column, description(column, rows, found, terms));
    }
  }
  const scans = planScans(terms.columns.filter((column) => !described.has(column)), rows, memory);
  for (const scan of scans) {
    const gathered = await gather(table, current, scan, { ...terms, memory, rows });
    for (const [column, description] of gathered) done(column, description);
  }
  for (const column of terms.columns) {
    if (described.has(column)) continue;
    done(column, await describeSorted(table, current, column, { ...terms, rows }));
  }
  return { rows, columns: terms.columns.map((column) => described.get(column)!) };
}

/** Which columns are gathered together; those in no scan are sorted by SQLite. */
function planScans(
  columns: readonly Column[],
  rows: number,
  { numbersMax }: DescribeMemory,
): Column[][] {
  const numeric = columns.filter((column) => isNumeric(column) && !column.isWide);
  const others = columns.filter((column) => !isNumeric(column));
  const perScan = Math.min(COLUMNS_PER_SCAN, Math.floor(numbersMax / Math.max(1, rows)));
  return [
    ...perScan === 0 ? [] : chunked(numeric, perScan),
    ...chunked(others, COLUMNS_PER_SCAN),
  ];
}

interface ScanTerms extends DescribeTerms {
  readonly memory: DescribeMemory;
  readonly rows: number;
}

/** Describes in one scan those of the columns that fit in memory. */
async function gather(
  table: Table,
  current: CurrentRows,
  columns: readonly Column[],
  { rows, breathing, memory, ...terms }: ScanTerms,
): Promise<[Column, ColumnDescription][]> {
  const budget = new GatherBudget(memory);
  const gatherers = columns.map((column) =>
    isNumeric(column) ? new NumberGatherer(budget, rows) : new TextGatherer(budget)
  );
  const names = columns.map(({ name }) => identifier(name)).join(", ");
  let scanned = 0;
  for (const row of table.query(`SELECT ${names} FROM ${current.from}`)) {
    for (let index = 0; index < gatherers.length; index++) gatherers[index]!.add(row[index]!);
    if (++scanned % 256 !== 0) continue;
    if (breathing.isDue) await breathing.pause();
    if (gatherers.every(({ isFull }) => isFull)) break;
  }
  return columns.flatMap((column, index) => {
    const gathered = gatherers[index]!.finish(terms);
    return gathered === undefined
      ? []
      : [[column, description(column, rows, gathered, terms)] as const];
  }).map(([column, description]) => [column, description]);
}

/** Describes one column by having SQLite sort and group it. */
async function describeSorted(
  table: Table,
  current: CurrentRows,
  column: Column,
  { rows, top, quantiles, breathing }: Pick<ScanTerms, "rows" | "top" | "quantiles" | "breathing">,
): Promise<ColumnDescription> {
  const name = identifier(column.name);
  // The group of the nulls comes first, so the count of the values is known before the values.
  const groups = table.query(
    `SELECT ${name}, count(*) FROM ${current.from} GROUP BY ${name} ORDER BY ${name} NULLS FIRST`,
    { exact: column.isWide },
  );
  const most = new TopValues<StoredValue>(top);
  let numbers: AscendingNumbers | AscendingIntegers | undefined;
  let min: StoredValue = null;
  let max: StoredValue = null;
  let [nulls, distinct] = [0, 0];
  for (const [value = null, times] of groups) {
    const count = Number(times);
    if (value === null) {
      nulls = count;
      continue;
    }
    if (distinct === 0) min = value;
    max = value;
    distinct++;
    most.add(value, count);
    if (typeof value === "bigint") {
      numbers ??= new AscendingIntegers(rows - nulls, quantiles);
      if (numbers instanceof AscendingIntegers) numbers.add(value, count);
    } else if (typeof value === "number" && isNumeric(column)) {
      numbers ??= new AscendingNumbers(rows - nulls, quantiles);
      if (numbers instanceof AscendingNumbers) numbers.add(value, count);
    }
    if (distinct % 256 === 0 && breathing.isDue) await breathing.pause();
  }
  return description(column, rows, {
    count: rows - nulls,
    distinct,
    min,
    max,
    numbers: numbers?.finish(),
    top: most.list(),
  }, { quantiles });
}

function description(
  column: Column,
  rows: number,
  found: Findings,
  { quantiles }: Pick<FindingsTerms, "quantiles">,
): ColumnDescription {
  const { name, type } = column;
  const shown = (value: StoredValue): Cell => shortened(cellOf(value, type));
  const number = (value: number | bigint | undefined): Cell => cellOf(value ?? null);
  return {
    name,
    type,
    count: found.count,
    nulls: rows - found.count,
    distinct: found.distinct,
    min: shown(found.min),
    max: shown(found.max),
    ...isNumeric(column) && {
      sum: number(found.numbers?.sum),
      mean: number(found.numbers?.mean),
      variance: number(found.numbers?.variance),
      stddev: number(found.numbers?.stddev),
      q1: number(found.numbers?.q1),
      median: number(found.numbers?.median),
      q3: number(found.numbers?.q3),
      ...quantiles.length > 0 && {
        quantiles: quantiles.map((q, index) => ({
          q,
          value: number(found.numbers?.quantiles[index]),
        })),
      },
    },
    top: found.top.map(({ value, count }) => ({ value: shown(value), count })),
  };
}

function isNumeric({ type }: Column): boolean {
  return type === "integer" || type === "real";
}

function shortened(cell: Cell): Cell {
  if (typeof cell !== "string" || cell.length <= SHOWN_LENGTH) return cell;
  return `${[...cell.slice(0, SHOWN_LENGTH * 2)].slice(0, SHOWN_LENGTH).join("")}…`;
}

function chunked<Item>(items: readonly Item[], size: number): Item[][] {
  const chunks: Item[][] = [];
  for (let at = 0; at < items.length; at += size) chunks.push(items.slice(at, at + size));
  return chunks;
}
