/**
 * Lists of finished jobs as SQL. Each filter has an index whose entries are in the order of `seq`
 * already, so a page costs what is on it; what a second filter asks is looked up row by row.
 */

import type { FinishedFilter, FinishedQuery } from "../jobs/mod.ts";
import { statusNumber } from "./job_store_rows.ts";

export interface Sql {
  readonly text: string;
  readonly values: (string | number)[];
}

/** Numbers of names (types, workers); undefined for a name that no row has. */
export type NameNumber = (name: string) => number | undefined;

const terminal = ["completed", "failed", "cancelled"] as const;

/** One page: `seq`, `detail`, `checksum`. Undefined: nothing can match. */
export function pageSql(query: FinishedQuery, nameNumber: NameNumber): Sql | undefined {
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
    return `SELECT f.seq AS seq, f.detail AS detail, f.checksum AS checksum FROM ${branch.from}` +
      where(conditions);
  });
  // A compound of ordered branches is merged as it is read, so the limit holds for each of them.
  const order = isNewestFirst ? "DESC" : "ASC";
  const text = `${selects.join(" UNION ALL ")} ORDER BY seq ${order} LIMIT ? OFFSET ?`;
  values.push(query.limit, query.skip ?? 0);
  return { text, values };
}

/** How many match, at most `countMax`: one row with `jobs`. */
export function countSql(
  filter: FinishedFilter,
  countMax: number,
  nameNumber: NameNumber,
): Sql | undefined {
  const branches = branchesOf(filter, nameNumber);
  if (branches === undefined) return undefined;
  const selects = branches.map(({ from, conditions }) =>
    `SELECT 1 FROM ${from}${where(conditions)}`
  );
  const text = `SELECT count(*) AS jobs FROM (${selects.join(" UNION ALL ")} LIMIT ?)`;
  return { text, values: [...branches.flatMap(({ values }) => values), countMax] };
}

interface Branch {
  readonly from: string;
  /** The column of `seq` that is in order here. */
  readonly seq: string;
  readonly conditions: readonly string[];
  readonly values: readonly (string | number)[];
}

/** A unary plus keeps SQLite from choosing the index of a condition that is not the leading one. */
function branchesOf(filter: FinishedFilter, nameNumber: NameNumber): Branch[] | undefined {
  const { status, type, deadLetter, label, worker } = filter;
  const typeNumber = type === undefined ? undefined : nameNumber(type);
  const workerNumber = worker === undefined ? undefined : nameNumber(worker);
  if (type !== undefined && typeNumber === undefined) return undefined;
  if (worker !== undefined && workerNumber === undefined) return undefined;

  const conditions: string[] = [];
  const values: (string | number)[] = [];
  const lead = label !== undefined
    ? "label"
    : deadLetter === true
    ? "deadLetter"
    : worker !== undefined
    ? "worker"
    : type !== undefined
    ? "type"
    : "status";
  const add = (name: string, column: string, value: string | number | undefined) => {
    if (value === undefined) return;
    conditions.push(`${name === lead ? "" : "+"}f.${column} = ?`);
    values.push(value);
  };
  if (label !== undefined) {
    conditions.push("l.key = ?", "l.value = ?");
    values.push(label.key, label.value);
  }
  if (deadLetter === true && lead === "deadLetter") conditions.push("f.dead_letter = 1");
  else if (deadLetter !== undefined) add("deadLetter", "dead_letter", deadLetter ? 1 : 0);
  add("worker", "worker", workerNumber);
  add("type", "type", typeNumber);
  const from = label !== undefined
    ? "labels AS l CROSS JOIN finished AS f ON f.seq = l.seq"
    : "finished AS f";
  const seq = label !== undefined ? "l.seq" : "f.seq";
  if (lead !== "type") {
    add("status", "status", status === undefined ? undefined : statusNumber(status));
    return [{ from, seq, conditions, values }];
  }
  return (status === undefined ? terminal : [status]).map((each) => ({
    from,
    seq,
    conditions: [...conditions, "f.status = ?"],
    values: [...values, statusNumber(each)],
  }));
}

function where(conditions: readonly string[]): string {
  return conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`;
}
