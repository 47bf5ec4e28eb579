/**
 * Lists of finished jobs as SQL. Each filter has an index whose entries are in the order of `seq`
 * already, so a page costs what is on it; what a second filter asks is looked up row by row.
 */

import {
  DEFAULT_NAMESPACE,
  type FinishedFilter,
  type FinishedQuery,
  isByEnd,
} from "../jobs/mod.ts";
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
  if (isByEnd(query.order)) return pageByEndSql({ ...query, order: query.order }, nameNumber);
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

/** The same by the end: only `status`, `deadLetter` and `namespaces` narrow it. */
function pageByEndSql(
  query: FinishedQuery & { readonly order: "last_finished" | "first_finished" },
  nameNumber: NameNumber,
): Sql | undefined {
  const { deadLetter, fromEnd, order, limit, skip = 0 } = query;
  const places = placesByEnd(query, nameNumber);
  if (places.length === 0) return undefined;
  const [than, direction] = order === "first_finished" ? [">", "ASC"] : ["<", "DESC"];
  const values: (string | number)[] = [];
  const selects = places.map((place) => {
    const conditions = [...place.conditions];
    values.push(...place.values);
    if (deadLetter !== undefined) conditions.push(`+f.dead_letter = ${deadLetter ? 1 : 0}`);
    if (fromEnd !== undefined) {
      conditions.push(`f.ended ${than}= ?`, `(f.ended, f.seq) ${than} (?, ?)`);
      values.push(fromEnd.completedAtMs, fromEnd.completedAtMs, fromEnd.seq);
    }
    return "SELECT f.ended AS ended, f.seq AS seq, f.detail AS detail, f.checksum AS checksum " +
      `FROM ${place.from}${where(conditions)}`;
  });
  const text = `${selects.join(" UNION ALL ")} ORDER BY ended ${direction}, seq ${direction} ` +
    "LIMIT ? OFFSET ?";
  return { text, values: [...values, limit, skip] };
}

/** Where the rows of each status and namespace are in the order of the end. */
function placesByEnd({ status, namespaces }: FinishedFilter, nameNumber: NameNumber): Place[] {
  const statuses = status === undefined ? terminal : [status];
  const numbers = namespaceNumbers(namespaces, nameNumber);
  return statuses.flatMap((each) => {
    const ofStatus = { conditions: ["f.status = ?"], values: [statusNumber(each)] };
    if (numbers === undefined) return [{ from: FINISHED, ...ofStatus }];
    return numbers.map((number): Place => {
      const values = [...ofStatus.values, number];
      // The default namespace is in no index of its own, because most jobs would be in it.
      if (number === 0) {
        return { from: FINISHED, conditions: ["f.status = ?", "+f.namespace = ?"], values };
      }
      return {
        from: `${FINISHED} INDEXED BY finished_namespace_ended`,
        conditions: ["f.status = ?", "f.namespace = ?", "f.namespace > 0"],
        values,
      };
    });
  });
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

const FINISHED = "finished AS f";

/** Rows that one index has in the order of `seq`. */
interface Place {
  readonly from: string;
  readonly conditions: readonly string[];
  readonly values: readonly (string | number)[];
}

interface Branch extends Place {
  /** Enough for counting, where jobs themselves need no look. */
  readonly countFrom?: string;
  /** The column of `seq` that is in order here. */
  readonly seq: string;
}

/** Rows beside those of jobs that a job must have: `name` and `value` are columns' names. */
interface SideRow {
  readonly table: "labels" | "links";
  readonly columns: readonly [string, string];
  readonly values: readonly [string | number, string];
}

function branchesOf(filter: FinishedFilter, nameNumber: NameNumber): Branch[] | undefined {
  const columns = columnsOf(filter, nameNumber);
  const namespaces = namespaceNumbers(filter.namespaces, nameNumber);
  if (columns === undefined || namespaces?.length === 0) return undefined;
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
  const lead = side === undefined ? leadOf(columns, filter) : undefined;
  const places = placesOf(lead, filter, namespaces);
  const isPlaced = (column: string) => places.some(({ columns }) => columns.includes(column));
  for (const [column, value] of columns) {
    if (value === undefined || isPlaced(column)) continue;
    // A unary plus keeps SQLite from choosing the index of a condition that does not lead.
    add(`${column === lead ? "" : "+"}f.${column} = ?`, value);
  }
  if (namespaces !== undefined && !isPlaced("namespace")) {
    add(`+f.namespace IN (${namespaces.map(() => "?").join(", ")})`, ...namespaces);
  }
  if (filter.seqMin !== undefined) add(`${seq} >= ?`, filter.seqMin);
  if (filter.seqMax !== undefined) add(`${seq} <= ?`, filter.seqMax);
  const isSideAlone = side !== undefined && otherSides.length === 0 && namespaces === undefined &&
    [...columns.values()].every((value) => value === undefined);
  return places.map((place) => ({
    from: side === undefined
      ? place.from
      : `${side.table} AS l CROSS JOIN finished AS f ON f.seq = l.seq`,
    seq,
    conditions: [...place.conditions, ...conditions],
    values: [...place.values, ...values],
    ...(isSideAlone && { countFrom: `${side.table} AS l` }),
  }));
}

/** The parts of the leading index that have rows of the filter, with the columns that say so. */
function placesOf(
  lead: string | undefined,
  { status }: FinishedFilter,
  namespaces: readonly number[] | undefined,
): (Place & { readonly columns: readonly string[] })[] {
  const statuses = (status === undefined ? terminal : [status]).map(statusNumber);
  if (lead === "namespace") {
    return (namespaces ?? []).flatMap((namespace) =>
      statuses.map((each) => ({
        from: `${FINISHED} INDEXED BY finished_namespace`,
        conditions: ["f.namespace = ?", "f.status = ?"],
        values: [namespace, each],
        columns: ["namespace", "status"],
      }))
    );
  }
  // The indexes of dead letters are known by their constant.
  if (lead === "dead_letter" && namespaces !== undefined) {
    return namespaces.map((namespace) => ({
      from: `${FINISHED} INDEXED BY finished_namespace_dead`,
      conditions: ["f.dead_letter = 1", "f.namespace = ?"],
      values: [namespace],
      columns: ["namespace", "dead_letter"],
    }));
  }
  const plain = { from: FINISHED, conditions: [], values: [], columns: [] };
  if (lead === "dead_letter") {
    return [{ ...plain, conditions: ["f.dead_letter = 1"], columns: ["dead_letter"] }];
  }
  if (lead !== "type") return [plain];
  // Within a type rows are in the order of `seq` for each status alone.
  return statuses.map((each) => ({
    ...plain,
    conditions: ["f.status = ?"],
    values: [each],
    columns: ["status"],
  }));
}

/** Undefined: all of them. */
function namespaceNumbers(
  names: readonly string[] | undefined,
  nameNumber: NameNumber,
): number[] | undefined {
  const numbers = names?.map((name) => name === DEFAULT_NAMESPACE ? 0 : nameNumber(name));
  return numbers && [...new Set(numbers)].filter((number) => number !== undefined);
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
function leadOf(columns: Columns, { namespacesNarrow }: FinishedFilter): string | undefined {
  // There is no index of what is no dead letter: that is nearly all.
  if (columns.get("dead_letter") === 1) return "dead_letter";
  if (namespacesNarrow) return "namespace";
  return [...columns.keys()].find((column) =>
    column !== "dead_letter" && columns.get(column) !== undefined
  );
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
