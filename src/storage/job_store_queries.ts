/**
 * Lists of finished jobs as SQL. Each filter has an index whose entries are in the order of `seq`
 * already, so a page costs what is on it; what a second filter asks is looked up row by row.
 */

import { type FinishedFilter, type FinishedQuery, isByEnd } from "../jobs/mod.ts";
import { statusNumber } from "./job_store_rows.ts";

export interface Sql {
  readonly text: string;
  readonly values: (string | number)[];
}

/** Numbers of names (types, workers); undefined for a name that no row has. */
export type NameNumber = (name: string) => number | undefined;

/** What a row of `links` says of a job: its batch is `name`, or one of its parents or its schedule is. */
export const LINK_KINDS = { batch: 1, parent: 2, schedule: 3 } as const;

const terminal = ["completed", "failed", "cancelled"] as const;

/** One page: `seq`, `detail`, `checksum`. Undefined: nothing can match. */
export function pageSql(query: FinishedQuery, nameNumber: NameNumber): Sql | undefined {
  if (isByEnd(query.order)) return pageByEndSql({ ...query, order: query.order });
  const branches = branchesOf(query, nameNumber);
  if (branches === undefined) return undefined;
  const isNewestFirst = query.order === "newest";
  const values: (string | number)[] = [];
  const selects = branches.map((branch) => {
    const conditions = [...branch.conditions];
    values.push(...branch.values);
    if (query.fromSeq !== undefined) {
      conditions.push(`${branch.seq} ${isNewestFirst ? "<" : ">"} ?`);
      values.push(query.fromSeq);
    }
    // In the order of the leading index, or SQLite would sort all that match for every page.
    return `SELECT ${branch.seq} AS seq, f.detail AS detail, f.checksum AS checksum FROM ${branch.from}` +
      where(conditions);
  });
  // A compound of ordered branches is merged as it is read, so the limit holds for each of them.
  const order = isNewestFirst ? "DESC" : "ASC";
  const text = `${selects.join(" UNION ALL ")} ORDER BY seq ${order} LIMIT ? OFFSET ?`;
  values.push(query.limit, query.skip ?? 0);
  return { text, values };
}

/** The same by the end: only `status` and `deadLetter` narrow it. */
function pageByEndSql(
  query: FinishedQuery & { readonly order: "last_finished" | "first_finished" },
): Sql {
  const { status, deadLetter, fromEnd, order, limit, skip = 0 } = query;
  const [than, direction] = order === "first_finished" ? [">", "ASC"] : ["<", "DESC"];
  const values: (string | number)[] = [];
  const selects = (status === undefined ? terminal : [status]).map((each) => {
    const conditions = ["f.status = ?"];
    values.push(statusNumber(each));
    if (deadLetter !== undefined) conditions.push(`+f.dead_letter = ${deadLetter ? 1 : 0}`);
    if (fromEnd !== undefined) {
      conditions.push(`f.ended ${than}= ?`, `(f.ended, f.seq) ${than} (?, ?)`);
      values.push(fromEnd.completedAtMs, fromEnd.completedAtMs, fromEnd.seq);
    }
    return "SELECT f.ended AS ended, f.seq AS seq, f.detail AS detail, f.checksum AS checksum " +
      `FROM finished AS f${where(conditions)}`;
  });
  const text = `${selects.join(" UNION ALL ")} ORDER BY ended ${direction}, seq ${direction} ` +
    "LIMIT ? OFFSET ?";
  return { text, values: [...values, limit, skip] };
}

/** How many match, at most `countMax`: one row with `jobs`. */
export function countSql(
  filter: FinishedFilter,
  countMax: number,
  nameNumber: NameNumber,
): Sql | undefined {
  const branches = branchesOf(filter, nameNumber);
  if (branches === undefined) return undefined;
  const selects = branches.map(({ from, countFrom, conditions }) =>
    `SELECT 1 FROM ${countFrom ?? from}${where(conditions)}`
  );
  const text = `SELECT count(*) AS jobs FROM (${selects.join(" UNION ALL ")} LIMIT ?)`;
  return { text, values: [...branches.flatMap(({ values }) => values), countMax] };
}

interface Branch {
  readonly from: string;
  /** Enough for counting, where jobs themselves need no look. */
  readonly countFrom?: string;
  /** The column of `seq` that is in order here. */
  readonly seq: string;
  readonly conditions: readonly string[];
  readonly values: readonly (string | number)[];
}

/** Rows beside those of jobs that a job must have: `name` and `value` are columns' names. */
interface SideRow {
  readonly table: "labels" | "links";
  readonly columns: readonly [string, string];
  readonly values: readonly [string | number, string];
}

function branchesOf(filter: FinishedFilter, nameNumber: NameNumber): Branch[] | undefined {
  const columns = columnsOf(filter, nameNumber);
  if (columns === undefined) return undefined;
  const [side, ...otherSides] = sideRowsOf(filter);
  const seq = side === undefined ? "f.seq" : "l.seq";
  const conditions: string[] = [];
  const values: (string | number)[] = [];
  const add = (condition: string, ...its: (string | number)[]) => {
    conditions.push(condition);
    values.push(...its);
  };
  if (side !== undefined) {
    const [name, value] = side.columns;
    add(`l.${name} = ? AND l.${value} = ?`, ...side.values);
  }
  for (const { table, columns: [name, value], values } of otherSides) {
    const matching = `o.${name} = ? AND o.${value} = ? AND o.seq = f.seq`;
    add(`EXISTS (SELECT 1 FROM ${table} AS o WHERE ${matching})`, ...values);
  }
  const lead = side === undefined ? leadOf(columns) : undefined;
  for (const [column, value] of columns) {
    if (value === undefined) continue;
    // The index of dead letters is known by its constant.
    if (column === "dead_letter" && column === lead) add("f.dead_letter = 1");
    // A unary plus keeps SQLite from choosing the index of a condition that does not lead.
    else add(`${isLed(column, lead) ? "" : "+"}f.${column} = ?`, value);
  }
  if (filter.seqMin !== undefined) add(`${seq} >= ?`, filter.seqMin);
  if (filter.seqMax !== undefined) add(`${seq} <= ?`, filter.seqMax);
  const from = side === undefined
    ? "finished AS f"
    : `${side.table} AS l CROSS JOIN finished AS f ON f.seq = l.seq`;
  const isSideAlone = side !== undefined && otherSides.length === 0 &&
    [...columns.values()].every((value) => value === undefined);
  const branch = {
    ...{ from, seq, conditions, values },
    ...(isSideAlone && { countFrom: `${side.table} AS l` }),
  };
  if (lead !== "type" || filter.status !== undefined) return [branch];
  // Within a type rows are in the order of `seq` for each status alone.
  return terminal.map((each) => ({
    ...branch,
    conditions: [...conditions, "f.status = ?"],
    values: [...values, statusNumber(each)],
  }));
}

type Columns = ReadonlyMap<string, number | undefined>;

/** Values by column, the column whose index narrows most first; undefined: no row has such a name. */
function columnsOf(filter: FinishedFilter, nameNumber: NameNumber): Columns | undefined {
  const { status, type, deadLetter, worker, queue } = filter;
  const numbers = [worker, queue, type].map((name) =>
    name === undefined ? undefined : nameNumber(name) ?? NO_SUCH_NAME
  );
  if (numbers.includes(NO_SUCH_NAME)) return undefined;
  return new Map([
    ["dead_letter", deadLetter === undefined ? undefined : Number(deadLetter)],
    ["worker", numbers[0]],
    ["queue", numbers[1]],
    ["type", numbers[2]],
    ["status", status === undefined ? undefined : statusNumber(status)],
  ]);
}

const NO_SUCH_NAME = -1;

/** The column by whose index rows are found. */
function leadOf(columns: Columns): string | undefined {
  // There is no index of what is no dead letter: that is nearly all.
  return [...columns.keys()].find((column) =>
    column === "dead_letter" ? columns.get(column) === 1 : columns.get(column) !== undefined
  );
}

/** Whether the leading index helps to find this column: that of types has the status as well. */
function isLed(column: string, lead: string | undefined): boolean {
  return column === lead || (lead === "type" && column === "status");
}

function sideRowsOf({ labels = {}, batchId, parentId, schedule }: FinishedFilter): SideRow[] {
  const links = [
    [LINK_KINDS.batch, batchId],
    [LINK_KINDS.parent, parentId],
    [LINK_KINDS.schedule, schedule],
  ] as const;
  return [
    ...links.flatMap(([kind, name]): SideRow[] =>
      name === undefined ? [] : [{
        table: "links",
        columns: ["kind", "name"],
        values: [kind, JSON.stringify(name)],
      }]
    ),
    ...Object.entries(labels).map((label): SideRow => ({
      table: "labels",
      columns: ["key", "value"],
      values: label,
    })),
  ];
}

function where(conditions: readonly string[]): string {
  return conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`;
}
