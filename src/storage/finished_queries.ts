/**
 * Lists of finished jobs. What they narrow by is in memory; labels, batches, parents and schedules have rows
 * of their own, in the order of `seq`, and the first that a list asks for leads.
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  DEFAULT_NAMESPACE,
  type EndedJob,
  type EndedQuery,
  type FinishedFilter,
  type FinishedQuery,
  isByEnd,
  type Job,
} from "../jobs/mod.ts";
import type { FinishedTest } from "./finished_index.ts";
import type { FinishedJobs } from "./finished_jobs.ts";
import type { FinishedKind } from "./finished_kinds.ts";
import type { JobNames } from "./job_store_names.ts";
import { statusNumber } from "./job_store_rows.ts";

/** What a row of `links` says of a job: its batch is `name`, or one of its parents or its schedule is. */
const LINK_KINDS = { batch: 1, parent: 2, schedule: 3 } as const;

/** Rows of labels and links in memory at once. */
const ROWS_READ_MAX = 500;

export class FinishedQueries {
  readonly #database: DatabaseSync;
  readonly #jobs: FinishedJobs;
  readonly #names: JobNames;
  /** By their SQL: there are as many as combinations of labels and links. */
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync, jobs: FinishedJobs, names: JobNames) {
    this.#database = database;
    this.#jobs = jobs;
    this.#names = names;
  }

  list(query: FinishedQuery): Job[] {
    const { order, limit, skip = 0, fromEnd } = query;
    const test = this.#testOf(query);
    if (test === undefined) return [];
    if (isByEnd(order)) {
      return this.#jobs.index.byEnd(test, order, fromEnd, skip + limit).slice(skip)
        .map(({ seq }) => this.#jobs.bySeq(seq)!.job);
    }
    const jobs: Job[] = [];
    for (const seq of this.#seqs(query, test, order === "newest", skip)) {
      jobs.push(this.#jobs.bySeq(seq)!.job);
      if (jobs.length >= limit) break;
    }
    return jobs;
  }

  ended({ status, after, limit }: EndedQuery): EndedJob[] {
    const test = this.#testOf({ status });
    if (test === undefined) return [];
    return this.#jobs.index.byEnd(test, "first_finished", after, limit)
      .map((place) => ({ id: this.#jobs.idOf(place.seq), ...place }));
  }

  count(filter: FinishedFilter, countMax: number): number {
    const test = this.#testOf(filter);
    if (test === undefined) return 0;
    if (sideRowsOf(filter).length === 0) return this.#jobs.index.countOf(test, countMax);
    let jobs = 0;
    for (const _ of this.#seqs(filter, test, true, 0)) if (++jobs >= countMax) break;
    return jobs;
  }

  /** By halving: later ones were never submitted earlier. */
  firstSeqFrom(atMs: number): number | undefined {
    const all = {
      kinds: this.#jobs.kinds.matching(() => true),
      worker: undefined,
      seqMax: Infinity,
    };
    const first = (seqMin: number, isNewestFirst: boolean): number | undefined =>
      this.#jobs.index.seqs({ ...all, seqMin }, isNewestFirst).next().value ?? undefined;
    let low = 0;
    let high = first(0, true) ?? -1;
    let found: number | undefined;
    while (low <= high) {
      const middle = Math.floor((low + high) / 2);
      const seq = first(middle, false);
      if (seq === undefined) return found;
      if (this.#jobs.bySeq(seq)!.job.createdAtMs >= atMs) {
        found = seq;
        high = middle - 1;
      } else {
        low = seq + 1;
      }
    }
    return found;
  }

  #seqs(
    filter: FinishedFilter,
    test: FinishedTest,
    isNewestFirst: boolean,
    skip: number,
  ): Iterable<number> {
    const sides = sideRowsOf(filter);
    const { index } = this.#jobs;
    return sides.length === 0
      ? index.seqs(test, isNewestFirst, skip)
      : this.#sideSeqs(sides, test, isNewestFirst).filter((seq) => index.has(seq, test)).drop(skip);
  }

  /** Jobs that have all these rows, in order. */
  *#sideSeqs(
    [first, ...others]: readonly SideRow[],
    { seqMin, seqMax }: FinishedTest,
    isNewestFirst: boolean,
  ): Generator<number, void> {
    const [{ table, columns: [name, value], values }] = [first!];
    const conditions = [`l.${name} = ?`, `l.${value} = ?`];
    const bound: (string | number)[] = [...values];
    for (const { table, columns: [name, value], values } of others) {
      const matching = `o.${name} = ? AND o.${value} = ? AND o.seq = l.seq`;
      conditions.push(`EXISTS (SELECT 1 FROM ${table} AS o WHERE ${matching})`);
      bound.push(...values);
    }
    conditions.push(`l.seq ${isNewestFirst ? "<" : ">"} ?`);
    const direction = isNewestFirst ? "DESC" : "ASC";
    const statement = this.#prepared(
      `SELECT l.seq AS seq FROM ${table} AS l WHERE ${conditions.join(" AND ")} ` +
        `ORDER BY l.seq ${direction} LIMIT ${ROWS_READ_MAX}`,
    );
    const last = Number.MAX_SAFE_INTEGER;
    let from = isNewestFirst ? Math.min(seqMax + 1, last) : seqMin - 1;
    for (;;) {
      const rows = statement.all(...bound, from) as unknown as { seq: number }[];
      for (const { seq } of rows) yield from = seq;
      if (rows.length < ROWS_READ_MAX) return;
    }
  }

  /** Undefined: nothing can match. */
  #testOf(
    filter: FinishedFilter & Partial<Pick<FinishedQuery, "fromSeq" | "order">>,
  ): FinishedTest | undefined {
    const { status, type, deadLetter, worker, queue, namespaces, fromSeq, order } = filter;
    const numbers = [worker, queue, type].map((name) =>
      name === undefined ? undefined : this.#names.numberOf(name) ?? NO_SUCH_NAME
    );
    if (numbers.includes(NO_SUCH_NAME)) return undefined;
    const wanted = {
      status: status && statusNumber(status),
      queue: numbers[1],
      type: numbers[2],
      namespaces: namespaces?.map((name) =>
        name === DEFAULT_NAMESPACE ? 0 : this.#names.numberOf(name)
      ),
    };
    const isWanted = (kind: FinishedKind) =>
      (wanted.status === undefined || kind.status === wanted.status) &&
      (deadLetter === undefined || kind.isDeadLetter === deadLetter) &&
      (wanted.type === undefined || kind.type === wanted.type) &&
      (wanted.queue === undefined || kind.queue === wanted.queue) &&
      (wanted.namespaces === undefined || wanted.namespaces.includes(kind.namespace));
    let { seqMin = 0, seqMax = Infinity } = filter;
    if (fromSeq !== undefined && order === "newest") seqMax = Math.min(seqMax, fromSeq - 1);
    if (fromSeq !== undefined && order === "oldest") seqMin = Math.max(seqMin, fromSeq + 1);
    return { kinds: this.#jobs.kinds.matching(isWanted), worker: numbers[0], seqMin, seqMax };
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

const NO_SUCH_NAME = -1;

/** Rows beside those of jobs that a job must have: `name` and `value` are columns' names. */
interface SideRow {
  readonly table: "labels" | "links";
  readonly columns: readonly [string, string];
  readonly values: readonly [string | number, string];
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

/** Rows of `links` that a job has. */
export function linksOf({ options }: Job): { kind: number; name: string }[] {
  const { batchId, dependencies, schedule } = options;
  return [
    ...(batchId === "" ? [] : [{ kind: LINK_KINDS.batch, name: batchId }]),
    ...dependencies.map(({ jobId }) => ({ kind: LINK_KINDS.parent, name: jobId })),
    ...(schedule === "" ? [] : [{ kind: LINK_KINDS.schedule, name: schedule }]),
  ];
}
