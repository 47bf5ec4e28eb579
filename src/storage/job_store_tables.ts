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
import { JobNames } from "./job_store_names.ts";
import { KeyIndex } from "./key_index.ts";
import { countSql, LINK_KINDS, type NameNumber, pageSql } from "./job_store_queries.ts";
import { checksumOf, decodeJob, encodeJob, statusNumber, verify } from "./job_store_rows.ts";

/** Expired idempotency keys removed with one batch, beside two for each that it brings. */
const KEYS_REMOVED_MIN = 1000;

/** Rows in memory at once while a table is read. */
const ROWS_READ_MAX = 1_000;

export class JobTables {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  readonly #names: JobNames;
  /** Made when the tables are loaded, or first asked. */
  #keyIndex: KeyIndex | undefined;
  /** Lists, by their SQL: there are as many as combinations of filters. */
  readonly #queries = new Map<string, StatementSync>();
  readonly #numbers: NameNumber = (name) => this.#names.numberOf(name);

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#statements = prepareAll(database);
    this.#names = new JobNames(database);
  }

  /** The position that the tables are the state of. */
  get applied(): LogPosition {
    const row = this.#stateRow();
    return { index: row?.applied_index ?? 0, term: row?.applied_term ?? 0 };
  }

  load(): StoredState {
    const row = this.#stateRow();
    void this.#keys; // rather now than with the first submission
    return {
      applied: this.applied,
      scalars: row === undefined ? noScalars : { ...noScalars, ...JSON.parse(row.scalars) },
      live: this.#jobs("live"),
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
    const index = this.#keys;
    for (const { key, keySeq } of batch.keys) index.add(key, keySeq);
  }

  /** After a failed {@linkcode write}. */
  rollBack(): void {
    this.#names.forgetUnwritten();
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
    const row = this.#statements.payload.get(seq) as PayloadRow | undefined;
    if (row === undefined) return undefined;
    verify(`the payload of job number ${seq}`, row.checksum, row.bytes);
    return row.bytes;
  }

  result(seq: number): StoredResult | undefined {
    const row = this.#statements.result.get(seq) as ResultRow | undefined;
    if (row === undefined) return undefined;
    const { output, detail, checksum } = row;
    verify(`the result of job number ${seq}`, checksum, output, detail);
    const { contentType, logTail }: Omit<StoredResult, "output"> = JSON.parse(detail);
    return { output, contentType, logTail };
  }

  findKey(key: string): StoredKey | undefined {
    for (const seq of this.#keys.candidates(key)) {
      const found = keyOf(this.#statements.findKey.get(seq));
      if (found?.key === key) return found;
    }
    return undefined;
  }

  get #keys(): KeyIndex {
    return this.#keyIndex ??= this.#indexKeys();
  }

  #indexKeys(): KeyIndex {
    const index = new KeyIndex();
    const statement = this.#database.prepare(
      `SELECT seq, key FROM keys WHERE seq > ? ORDER BY seq LIMIT ${ROWS_READ_MAX}`,
    );
    for (let after = 0;;) {
      const rows = statement.all(after) as unknown as Pick<KeyRow, "seq" | "key">[];
      for (const { seq, key } of rows) index.add(JSON.parse(key), seq);
      const last = rows.at(-1);
      if (last === undefined) return index;
      after = last.seq;
    }
  }

  scanFinished(): StoredJob[] {
    return this.#jobs("finished");
  }

  scanKeys(): StoredKey[] {
    const rows = this.#database.prepare("SELECT * FROM keys ORDER BY seq").all();
    return rows.map((row) => keyOf(row)!);
  }

  #writeRows(batch: StoreBatch): void {
    const to = this.#statements;
    for (const seq of batch.revived) this.#removeFinished(seq);
    for (const seq of batch.pruned) {
      this.#removeFinished(seq);
      to.removeLive.run(seq);
      to.removePayload.run(seq);
      to.removeResult.run(seq);
    }
    for (const seq of batch.liveRemoved) to.removeLive.run(seq);
    for (const stored of batch.live) {
      const detail = encodeJob(stored);
      to.putLive.run(stored.job.seq, detail, checksumOf(detail));
    }
    for (const stored of batch.finished) this.#putFinished(stored);
    for (const { seq, bytes } of batch.payloads) to.putPayload.run(seq, bytes, checksumOf(bytes));
    for (const { seq, result } of batch.results) this.#putResult(seq, result);
    this.#writeKeys(batch);
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

  #putFinished(stored: StoredJob): void {
    const { job } = stored;
    const detail = encodeJob(stored);
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
    );
    for (const { kind, name } of linksOf(job)) {
      this.#statements.putLink.run(kind, JSON.stringify(name), job.seq);
    }
    for (const key of Object.keys(job.labels)) {
      this.#statements.putLabel.run(key, job.labels[key]!, job.seq);
    }
  }

  #putResult(seq: number, { output, contentType, logTail }: StoredResult): void {
    const detail = JSON.stringify({ contentType, logTail });
    this.#statements.putResult.run(seq, output, detail, checksumOf(output, detail));
  }

  #removeFinished(seq: number): void {
    const stored = this.finishedBySeq(seq);
    if (stored === undefined) return;
    for (const key of Object.keys(stored.job.labels)) {
      this.#statements.removeLabel.run(key, stored.job.labels[key]!, seq);
    }
    for (const { kind, name } of linksOf(stored.job)) {
      this.#statements.removeLink.run(kind, JSON.stringify(name), seq);
    }
    this.#statements.removeFinished.run(seq);
    this.#statements.removeResult.run(seq);
  }

  #writeKeys({ keys, keysExpired }: StoreBatch): void {
    const { putKey, removeKey, oldestKey, firstKeys, removeKeys } = this.#statements;
    for (const key of keys) {
      const before = this.findKey(key.key);
      if (before !== undefined) removeKey.run(before.keySeq);
      const detail = JSON.stringify([key.jobId, key.fingerprint]);
      const name = JSON.stringify(key.key);
      const limits = `${key.keySeq} ${key.expiresAtMs}`;
      putKey.run(key.keySeq, name, detail, key.expiresAtMs, checksumOf(name + detail + limits));
    }
    // Keys expire in the order in which they came, so the expired ones are the first ones.
    const oldest = oldestKey.get();
    if (oldest === undefined || !isExpired(oldest, keysExpired)) return;
    const expired = firstKeys.all(KEYS_REMOVED_MIN + 2 * keys.length)
      .filter((row) => isExpired(row, keysExpired));
    const last = Number(expired.at(-1)!.seq);
    removeKeys.run(last);
    this.#keys.goneThrough(last);
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

  #jobs(table: "live" | "finished"): StoredJob[] {
    // Not by `iterate`: in Deno 2.9.6 it takes a step that failed for the end of the rows.
    const statement = this.#database.prepare(
      `SELECT detail, checksum FROM ${table} WHERE seq > ? ORDER BY seq LIMIT ${ROWS_READ_MAX}`,
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

interface PayloadRow {
  readonly bytes: Uint8Array;
  readonly checksum: number;
}

interface ResultRow {
  readonly output: Uint8Array;
  readonly detail: string;
  readonly checksum: number;
}

interface StateRow {
  readonly applied_index: number;
  readonly applied_term: number;
  readonly scalars: string;
  readonly checksum: number;
}

interface KeyRow {
  readonly seq: number;
  readonly key: string;
  readonly detail: string;
  readonly expires_at: number;
  readonly checksum: number;
}

type Row = ReturnType<StatementSync["get"]>;

function jobOf(row: Row): StoredJob | undefined {
  if (row === undefined) return undefined;
  const { detail, checksum } = row as unknown as DetailRow;
  verify(`job ${detail.slice(0, 60)}`, checksum, detail);
  return decodeJob(detail);
}

function isExpired(row: NonNullable<Row>, expired: StoreBatch["keysExpired"]): boolean {
  return Number(row.seq) <= expired.keySeq || Number(row.expires_at) <= expired.atMs;
}

function keyOf(row: Row): StoredKey | undefined {
  if (row === undefined) return undefined;
  const { seq, key, detail, expires_at, checksum } = row as unknown as KeyRow;
  verify(`idempotency key number ${seq}`, checksum, `${key}${detail}${seq} ${expires_at}`);
  const [jobId, fingerprint]: [string, string] = JSON.parse(detail);
  return { keySeq: seq, key: JSON.parse(key), jobId, fingerprint, expiresAtMs: expires_at };
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
    putLive: prepare("INSERT OR REPLACE INTO live VALUES (?, ?, ?)"),
    removeLive: prepare("DELETE FROM live WHERE seq = ?"),
    putFinished: prepare("INSERT INTO finished VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
    removeFinished: prepare("DELETE FROM finished WHERE seq = ?"),
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
    payload: prepare("SELECT bytes, checksum FROM payloads WHERE seq = ?"),
    putPayload: prepare("INSERT OR REPLACE INTO payloads VALUES (?, ?, ?)"),
    removePayload: prepare("DELETE FROM payloads WHERE seq = ?"),
    result: prepare("SELECT * FROM results WHERE seq = ?"),
    putResult: prepare("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?)"),
    removeResult: prepare("DELETE FROM results WHERE seq = ?"),
    findKey: prepare("SELECT * FROM keys WHERE seq = ?"),
    putKey: prepare("INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, ?)"),
    oldestKey: prepare("SELECT seq, expires_at FROM keys ORDER BY seq LIMIT 1"),
    firstKeys: prepare("SELECT seq, expires_at FROM keys ORDER BY seq LIMIT ?"),
    removeKey: prepare("DELETE FROM keys WHERE seq = ?"),
    removeKeys: prepare("DELETE FROM keys WHERE seq <= ?"),
    putWorker: prepare("INSERT OR REPLACE INTO workers VALUES (?, ?, ?)"),
    removeWorker: prepare("DELETE FROM workers WHERE id = ?"),
    putCount: prepare("INSERT OR REPLACE INTO counts VALUES (?, ?, ?)"),
    removeCount: prepare("DELETE FROM counts WHERE type = ?"),
    putRecord: prepare("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)"),
    removeRecord: prepare("DELETE FROM records WHERE kind = ? AND key = ?"),
  };
}
