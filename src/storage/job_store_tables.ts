/** The tables of an open `state.db`: what a batch does to them, and how rows come back. */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  DEFAULT_NAMESPACE,
  type EndedJob,
  type EndedQuery,
  type FinishedFilter,
  type FinishedQuery,
  type Job,
  type LogPosition,
  queueOf,
  type StoreBatch,
  type StoredCount,
  type StoredJob,
  type StoredKey,
  type StoredRecord,
  type StoredResult,
  type StoredScalars,
  type StoredState,
  type StoredWorker,
} from "../jobs/mod.ts";
import { BODY_BYTES_WITH_JOB_MAX, BodyRows, resultDetailOf, resultOf } from "./body_rows.ts";
import { JobNames } from "./job_store_names.ts";
import { KeyRows } from "./key_rows.ts";
import { LiveJobs } from "./live_jobs.ts";
import { countSql, LINK_KINDS, type NameNumber, pageSql } from "./job_store_queries.ts";
import { checksumOf, decodeJob, encodeFinished, statusNumber, verify } from "./job_store_rows.ts";

/** Rows in memory at once while a table is read. */
const ROWS_READ_MAX = 1_000;

export class JobTables {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  readonly #names: JobNames;
  readonly #bodies: BodyRows;
  readonly #live: LiveJobs;
  readonly #keys: KeyRows;
  /** Lists, by their SQL: there are as many as combinations of filters. */
  readonly #queries = new Map<string, StatementSync>();
  readonly #numbers: NameNumber = (name) => this.#names.numberOf(name);

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#statements = prepareAll(database);
    this.#names = new JobNames(database);
    this.#bodies = new BodyRows(database);
    this.#live = new LiveJobs(database, this.#bodies);
    this.#keys = new KeyRows(database);
  }

  /** The position that the tables are the state of. */
  get applied(): LogPosition {
    const row = this.#stateRow();
    return { index: row?.applied_index ?? 0, term: row?.applied_term ?? 0 };
  }

  load(): StoredState {
    const row = this.#stateRow();
    this.#keys.load(); // rather now than with the first submission
    return {
      applied: this.applied,
      scalars: row === undefined ? noScalars : { ...noScalars, ...JSON.parse(row.scalars) },
      live: this.#live.load(),
      workers: this.#details<StoredWorker>("workers"),
      counts: this.#details<StoredCount>("counts"),
      records: this.#details<StoredRecord>("records"),
    };
  }

  /** All rows of the batch, or none of them. */
  write(batch: StoreBatch): void {
    this.#statements.begin.run();
    this.#writeRows(batch);
    this.#statements.commit.run();
    this.#names.keep();
    this.#keys.keep(batch.keys);
  }

  /** After a failed {@linkcode write}. */
  rollBack(): void {
    this.#names.forgetUnwritten();
    this.#live.forget();
    this.#keys.forget();
    // SQLite has rolled back already after some errors; then there is nothing left to do.
    if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
  }

  finishedById(id: string): StoredJob | undefined {
    return jobOf(this.#statements.finishedById.get(id));
  }

  finishedBySeq(seq: number): StoredJob | undefined {
    return jobOf(this.#statements.finishedBySeq.get(seq));
  }

  listFinished(query: FinishedQuery): Job[] {
    const sql = pageSql(query, this.#numbers);
    if (sql === undefined) return [];
    return this.#prepared(sql.text).all(...sql.values).map((row) => jobOf(row)!.job);
  }

  listEnded({ status, after, limit }: EndedQuery): EndedJob[] {
    const { completedAtMs, seq } = after ?? { completedAtMs: -1, seq: 0 };
    const rows = this.#statements.ended
      .all(statusNumber(status), completedAtMs, completedAtMs, seq, limit);
    return rows.map((row) => ({
      id: String(row.id),
      completedAtMs: Number(row.ended),
      seq: Number(row.seq),
    }));
  }

  /** By halving: later ones were never submitted earlier. */
  firstSeqFrom(atMs: number): number | undefined {
    let low = 0;
    let high = Number(this.#statements.lastSeq.get()?.seq ?? 0);
    let found: number | undefined;
    while (low <= high) {
      const middle = Math.floor((low + high) / 2);
      const job = jobOf(this.#statements.firstFrom.get(middle))?.job;
      if (job === undefined) return found;
      if (job.createdAtMs >= atMs) {
        found = job.seq;
        high = middle - 1;
      } else {
        low = job.seq + 1;
      }
    }
    return found;
  }

  countFinished(filter: FinishedFilter, countMax: number): number {
    const sql = countSql(filter, countMax, this.#numbers);
    if (sql === undefined) return 0;
    return Number(this.#prepared(sql.text).get(...sql.values)?.jobs ?? 0);
  }

  payload(seq: number): Uint8Array | undefined {
    return this.#live.payload(seq) ?? this.#bodiesOf(seq)?.payload ?? this.#bodies.payload(seq);
  }

  result(seq: number): StoredResult | undefined {
    return this.#bodiesOf(seq)?.result ?? this.#bodies.result(seq);
  }

  findKey(key: string): StoredKey | undefined {
    return this.#keys.find(key);
  }

  scanFinished(): StoredJob[] {
    // Not by `iterate`: in Deno 2.9.6 it takes a step that failed for the end of the rows.
    const statement = this.#database.prepare(
      `SELECT detail, checksum FROM finished WHERE seq > ? ORDER BY seq LIMIT ${ROWS_READ_MAX}`,
    );
    const jobs: StoredJob[] = [];
    for (let after = 0;;) {
      const page = statement.all(after).map((row) => jobOf(row)!);
      for (const each of page) jobs.push(each);
      const last = page.at(-1);
      if (last === undefined) return jobs;
      after = last.job.seq;
    }
  }

  scanKeys(): StoredKey[] {
    return this.#keys.scan();
  }

  #writeRows(batch: StoreBatch): void {
    const to = this.#statements;
    this.#writeJobs(batch);
    this.#keys.write(batch);
    for (const id of batch.workersRemoved) to.removeWorker.run(id);
    for (const worker of batch.workers) {
      const detail = JSON.stringify(worker);
      to.putWorker.run(worker.id, detail, checksumOf(detail));
    }
    for (const count of batch.counts) this.#putCount(count);
    for (const { kind, key } of batch.recordsRemoved) {
      to.removeRecord.run(kind, JSON.stringify(key));
    }
    for (const record of batch.records) {
      const detail = JSON.stringify(record);
      to.putRecord.run(record.kind, JSON.stringify(record.key), detail, checksumOf(detail));
    }
    const { index, term } = batch.applied;
    const scalars = JSON.stringify(batch.scalars);
    to.putState.run(index, term, scalars, checksumOf(`${index} ${term} ${scalars}`));
  }

  #writeJobs(batch: StoreBatch): void {
    const live = this.#live;
    const payloads = new Map(batch.payloads.map(({ seq, bytes }) => [seq, bytes]));
    const results = new Map(batch.results.map(({ seq, result }) => [seq, result]));
    for (const seq of batch.revived) {
      // What lay with the job goes where it goes now.
      const bodies = this.#removeFinished(seq);
      if (bodies?.payload !== undefined) payloads.set(seq, bodies.payload);
      this.#bodies.removeResult(seq);
    }
    for (const seq of batch.pruned) {
      this.#removeFinished(seq);
      live.remove(seq);
      this.#bodies.removePayload(seq);
      this.#bodies.removeResult(seq);
    }
    live.put(batch.live, (seq) => taken(payloads, seq));
    for (const stored of batch.finished) {
      const { job: { seq, payloadBytes }, payload } = stored;
      let own = taken(payloads, seq);
      // What is in a page leaves it with the job. A large payload stays where it is.
      if (own === undefined && payloadBytes <= BODY_BYTES_WITH_JOB_MAX && live.isInPage(seq)) {
        own = payload ?? live.payload(seq);
      }
      if (own?.byteLength === 0) own = undefined;
      this.#putFinished(stored, own, taken(results, seq));
    }
    for (const seq of batch.liveRemoved) live.remove(seq);
    live.settle();
    for (const [seq, bytes] of payloads) this.#bodies.putPayload(seq, bytes);
    for (const [seq, result] of results) this.#bodies.putResult(seq, result);
  }

  #putFinished(
    stored: StoredJob,
    payload: Uint8Array | undefined,
    result: StoredResult | undefined,
  ): void {
    const { job } = stored;
    const detail = encodeFinished(stored);
    const bodies = this.#putBodies(job.seq, payload, result);
    this.#statements.putFinished.run(
      job.seq,
      job.id,
      statusNumber(job.status),
      this.#names.numberFor(job.type),
      this.#names.numberFor(job.assignedTo),
      job.deadLetter ? 1 : 0,
      detail,
      checksumOf(detail),
      job.completedAtMs,
      this.#names.numberFor(queueOf(job)),
      job.namespace === DEFAULT_NAMESPACE ? 0 : this.#names.numberFor(job.namespace),
      bodies.checksum,
      bodies.payload,
      bodies.output,
      bodies.result,
    );
    for (const { kind, name } of linksOf(job)) {
      this.#statements.putLink.run(kind, JSON.stringify(name), job.seq);
    }
    for (const key of Object.keys(job.labels)) {
      this.#statements.putLabel.run(key, job.labels[key]!, job.seq);
    }
  }

  /** What of both lies with the job; the rest is put into rows of its own. */
  #putBodies(
    seq: number,
    payload: Uint8Array | undefined,
    result: StoredResult | undefined,
  ): Bodies {
    const detail = result && resultDetailOf(result);
    const isWith = (bytes: number) => bytes <= BODY_BYTES_WITH_JOB_MAX;
    const isPayloadWith = payload !== undefined && isWith(payload.byteLength);
    const isResultWith = result !== undefined &&
      isWith(result.output.byteLength + (detail?.length ?? 0));
    if (payload !== undefined && !isPayloadWith) this.#bodies.putPayload(seq, payload);
    if (result !== undefined && !isResultWith) this.#bodies.putResult(seq, result);
    if (!isPayloadWith && !isResultWith) return noBodies;
    const bodies = {
      payload: isPayloadWith ? payload : null,
      output: isResultWith ? result.output : null,
      result: isResultWith ? detail ?? null : null,
    };
    return { ...bodies, checksum: bodiesChecksum(bodies) };
  }

  /** What lies with a finished job; undefined: there is no such job. */
  #bodiesOf(seq: number): BodiesWithJob | undefined {
    const row = this.#statements.bodies.get(seq) as unknown as Bodies | undefined;
    if (row === undefined) return undefined;
    const { payload, output, result, checksum } = row;
    const found = checksum ?? 0;
    const isEmpty = checksum === null && payload === null && output === null && result === null;
    if (!isEmpty) verify(`the payload or the result of job number ${seq}`, found, ...partsOf(row));
    return {
      ...(payload !== null && { payload }),
      ...(output !== null && { result: resultOf(output, result ?? "") }),
    };
  }

  /** Gives what lay with the job. */
  #removeFinished(seq: number): BodiesWithJob | undefined {
    const stored = this.finishedBySeq(seq);
    if (stored === undefined) return undefined;
    const bodies = this.#bodiesOf(seq);
    for (const key of Object.keys(stored.job.labels)) {
      this.#statements.removeLabel.run(key, stored.job.labels[key]!, seq);
    }
    for (const { kind, name } of linksOf(stored.job)) {
      this.#statements.removeLink.run(kind, JSON.stringify(name), seq);
    }
    this.#statements.removeFinished.run(seq);
    return bodies;
  }

  #putCount(count: StoredCount): void {
    const { type, namespace } = count;
    // Types are names that begin with no bracket.
    const key = namespace === undefined ? type : JSON.stringify([namespace, type]);
    if (count.byStatus.every((jobs) => jobs === 0)) {
      this.#statements.removeCount.run(key);
      return;
    }
    const detail = JSON.stringify(count);
    this.#statements.putCount.run(key, detail, checksumOf(detail));
  }

  #stateRow(): StateRow | undefined {
    const row = this.#statements.state.get() as StateRow | undefined;
    if (row === undefined) return undefined;
    const { applied_index, applied_term, scalars, checksum } = row;
    verify("the state row", checksum, `${applied_index} ${applied_term} ${scalars}`);
    return row;
  }

  #details<Detail>(table: "workers" | "counts" | "records"): Detail[] {
    const sql = `SELECT detail, checksum FROM ${table}`;
    return (this.#database.prepare(sql).all() as unknown as DetailRow[]).map((row) => {
      verify(`a row of ${table}`, row.checksum, row.detail);
      return JSON.parse(row.detail);
    });
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#queries.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#queries.set(sql, statement);
    }
    return statement;
  }
}

const noScalars: StoredScalars = {
  nowMs: 0,
  lastJobSeq: 0,
  lastKeySeq: 0,
  lastAssignment: 0,
  greatestJobId: "",
};

interface DetailRow {
  readonly detail: string;
  readonly checksum: number;
}

/** What lies with a finished job. Formats up to 3 had none of it. */
interface Bodies {
  readonly checksum: number | null;
  readonly payload: Uint8Array | null;
  readonly output: Uint8Array | null;
  readonly result: string | null;
}

interface BodiesWithJob {
  readonly payload?: Uint8Array;
  readonly result?: StoredResult;
}

const noBodies: Bodies = { checksum: null, payload: null, output: null, result: null };

function partsOf({ payload, output, result }: Omit<Bodies, "checksum">): (string | Uint8Array)[] {
  return [payload, output, result].filter((part) => part !== null);
}

function bodiesChecksum(bodies: Omit<Bodies, "checksum">): number {
  return checksumOf(...partsOf(bodies));
}

function taken<Value>(values: Map<number, Value>, seq: number): Value | undefined {
  const value = values.get(seq);
  if (value !== undefined) values.delete(seq);
  return value;
}

interface StateRow {
  readonly applied_index: number;
  readonly applied_term: number;
  readonly scalars: string;
  readonly checksum: number;
}

type Row = ReturnType<StatementSync["get"]>;

function jobOf(row: Row): StoredJob | undefined {
  if (row === undefined) return undefined;
  const { detail, checksum } = row as unknown as DetailRow;
  verify(`job ${detail.slice(0, 60)}`, checksum, detail);
  return decodeJob(detail);
}

function linksOf({ options }: Job): { kind: number; name: string }[] {
  const { batchId, dependencies, schedule } = options;
  return [
    ...(batchId === "" ? [] : [{ kind: LINK_KINDS.batch, name: batchId }]),
    ...dependencies.map(({ jobId }) => ({ kind: LINK_KINDS.parent, name: jobId })),
    ...(schedule === "" ? [] : [{ kind: LINK_KINDS.schedule, name: schedule }]),
  ];
}

type Statements = ReturnType<typeof prepareAll>;

function prepareAll(database: DatabaseSync) {
  const prepare = (sql: string) => database.prepare(sql);
  return {
    begin: prepare("BEGIN IMMEDIATE"),
    commit: prepare("COMMIT"),
    state: prepare("SELECT * FROM state WHERE id = 1"),
    putState: prepare("INSERT OR REPLACE INTO state VALUES (1, ?, ?, ?, ?)"),
    putFinished: prepare(
      "INSERT INTO finished VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ),
    removeFinished: prepare("DELETE FROM finished WHERE seq = ?"),
    bodies: prepare(
      "SELECT bodies_checksum AS checksum, payload, output, result FROM finished WHERE seq = ?",
    ),
    finishedById: prepare("SELECT detail, checksum FROM finished WHERE id = ?"),
    ended: prepare(
      "SELECT seq, id, ended FROM finished WHERE status = ? AND ended >= ? " +
        "AND (ended, seq) > (?, ?) ORDER BY ended, seq LIMIT ?",
    ),
    finishedBySeq: prepare("SELECT detail, checksum FROM finished WHERE seq = ?"),
    putLabel: prepare("INSERT OR REPLACE INTO labels VALUES (?, ?, ?)"),
    removeLabel: prepare("DELETE FROM labels WHERE key = ? AND value = ? AND seq = ?"),
    putLink: prepare("INSERT OR REPLACE INTO links VALUES (?, ?, ?)"),
    removeLink: prepare("DELETE FROM links WHERE kind = ? AND name = ? AND seq = ?"),
    firstFrom: prepare("SELECT detail, checksum FROM finished WHERE seq >= ? ORDER BY seq LIMIT 1"),
    lastSeq: prepare("SELECT max(seq) AS seq FROM finished"),
    putWorker: prepare("INSERT OR REPLACE INTO workers VALUES (?, ?, ?)"),
    removeWorker: prepare("DELETE FROM workers WHERE id = ?"),
    putCount: prepare("INSERT OR REPLACE INTO counts VALUES (?, ?, ?)"),
    removeCount: prepare("DELETE FROM counts WHERE type = ?"),
    putRecord: prepare("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)"),
    removeRecord: prepare("DELETE FROM records WHERE kind = ? AND key = ?"),
  };
}
