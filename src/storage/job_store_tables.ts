/** The tables of an open `state.db`: what a batch does to them, and how rows come back. */

import type { DatabaseSync } from "node:sqlite";
import type {
  EndedJob,
  EndedQuery,
  FinishedFilter,
  FinishedQuery,
  Job,
  LogPosition,
  StoreBatch,
  StoredCount,
  StoredJob,
  StoredKey,
  StoredRecord,
  StoredResult,
  StoredScalars,
  StoredState,
  StoredWorker,
} from "../jobs/mod.ts";
import { BODY_BYTES_WITH_JOB_MAX, BodyRows, resultDetailOf, resultOf } from "./body_rows.ts";
import { FinishedJobs } from "./finished_jobs.ts";
import type { FinishedBodies } from "./finished_page.ts";
import { FinishedQueries, linksOf } from "./finished_queries.ts";
import { JobNames } from "./job_store_names.ts";
import { KeyRows } from "./key_rows.ts";
import { LiveJobs } from "./live_jobs.ts";
import { checksumOf, verify } from "./job_store_rows.ts";

export class JobTables {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  readonly #names: JobNames;
  readonly #bodies: BodyRows;
  readonly #live: LiveJobs;
  readonly #keys: KeyRows;
  readonly #finished: FinishedJobs;
  readonly #queries: FinishedQueries;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#statements = prepareAll(database);
    this.#names = new JobNames(database);
    this.#bodies = new BodyRows(database);
    this.#live = new LiveJobs(database, this.#bodies);
    this.#keys = new KeyRows(database);
    this.#finished = new FinishedJobs(database, this.#names);
    this.#queries = new FinishedQueries(database, this.#finished, this.#names);
  }

  /** The position that the tables are the state of. */
  get applied(): LogPosition {
    const row = this.#stateRow();
    return { index: row?.applied_index ?? 0, term: row?.applied_term ?? 0 };
  }

  load(): StoredState {
    const row = this.#stateRow();
    // Rather now than with the first submission, and the first job that ends.
    this.#keys.load();
    this.#finished.load();
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
    this.#finished.keep();
    this.#keys.keep(batch.keys);
  }

  /** After a failed {@linkcode write}. */
  rollBack(): void {
    // SQLite has rolled back already after some errors; then there is nothing left to do.
    if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
    this.#names.forgetUnwritten();
    this.#live.forget();
    this.#keys.forget();
    this.#finished.forget();
  }

  finishedById(id: string): StoredJob | undefined {
    return this.#finished.byId(id);
  }

  finishedBySeq(seq: number): StoredJob | undefined {
    return this.#finished.bySeq(seq);
  }

  listFinished(query: FinishedQuery): Job[] {
    return this.#queries.list(query);
  }

  listEnded(query: EndedQuery): EndedJob[] {
    return this.#queries.ended(query);
  }

  firstSeqFrom(atMs: number): number | undefined {
    return this.#queries.firstSeqFrom(atMs);
  }

  countFinished(filter: FinishedFilter, countMax: number): number {
    return this.#queries.count(filter, countMax);
  }

  payload(seq: number): Uint8Array | undefined {
    return this.#live.payload(seq) ?? this.#finished.bodiesOf(seq)?.payload?.slice() ??
      this.#bodies.payload(seq);
  }

  result(seq: number): StoredResult | undefined {
    const { output, result } = this.#finished.bodiesOf(seq) ?? {};
    if (output === undefined) return this.#bodies.result(seq);
    return resultOf(output.slice(), result ?? "");
  }

  findKey(key: string): StoredKey | undefined {
    return this.#keys.find(key);
  }

  scanFinished(): StoredJob[] {
    return this.#finished.all();
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
      const bodies = this.#finished.bodiesOf(seq);
      if (bodies?.payload !== undefined) payloads.set(seq, bodies.payload);
      this.#removeFinished(seq);
      this.#bodies.removeResult(seq);
    }
    for (const seq of batch.pruned) {
      this.#removeFinished(seq);
      live.remove(seq);
      this.#bodies.removePayload(seq);
      this.#bodies.removeResult(seq);
    }
    this.#finished.settleRemoved();
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
    this.#finished.settle();
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
    this.#finished.put(stored, this.#bodiesWith(job.seq, payload, result));
    for (const { kind, name } of linksOf(job)) {
      this.#statements.putLink.run(kind, JSON.stringify(name), job.seq);
    }
    for (const key of Object.keys(job.labels)) {
      this.#statements.putLabel.run(key, job.labels[key]!, job.seq);
    }
  }

  /** What of both lies with the job; the rest is put into rows of its own. */
  #bodiesWith(
    seq: number,
    payload: Uint8Array | undefined,
    result: StoredResult | undefined,
  ): Omit<FinishedBodies, "text"> {
    const detail = result && resultDetailOf(result);
    const isWith = (bytes: number) => bytes <= BODY_BYTES_WITH_JOB_MAX;
    const isPayloadWith = payload !== undefined && isWith(payload.byteLength);
    const isResultWith = result !== undefined &&
      isWith(result.output.byteLength + (detail?.length ?? 0));
    if (payload !== undefined && !isPayloadWith) this.#bodies.putPayload(seq, payload);
    if (result !== undefined && !isResultWith) this.#bodies.putResult(seq, result);
    return {
      payload: isPayloadWith ? payload : undefined,
      output: isResultWith ? result.output : undefined,
      result: isResultWith ? detail : undefined,
    };
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
    this.#finished.remove(seq);
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
    verifyStateRow(row);
    return row;
  }

  #details<Detail>(table: "workers" | "counts" | "records"): Detail[] {
    const sql = `SELECT detail, checksum FROM ${table}`;
    return (this.#database.prepare(sql).all() as unknown as DetailRow[]).map((row) => {
      verifyDetailRow(table, row);
      return JSON.parse(row.detail);
    });
  }
}

const noScalars: StoredScalars = {
  nowMs: 0,
  lastJobSeq: 0,
  lastKeySeq: 0,
  lastAssignment: 0,
  greatestJobId: "",
};

/** @throws {RowDamaged} */
export function verifyStateRow(row: StateRow): void {
  const { applied_index, applied_term, scalars, checksum } = row;
  verify("the state row", checksum, `${applied_index} ${applied_term} ${scalars}`);
}

/** @throws {RowDamaged} */
export function verifyDetailRow(table: string, { detail, checksum }: DetailRow): void {
  verify(`a row of ${table}`, checksum, detail);
}

export interface DetailRow {
  readonly detail: string;
  readonly checksum: number;
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

type Statements = ReturnType<typeof prepareAll>;

function prepareAll(database: DatabaseSync) {
  const prepare = (sql: string) => database.prepare(sql);
  return {
    begin: prepare("BEGIN IMMEDIATE"),
    commit: prepare("COMMIT"),
    state: prepare("SELECT * FROM state WHERE id = 1"),
    putState: prepare("INSERT OR REPLACE INTO state VALUES (1, ?, ?, ?, ?)"),
    putLabel: prepare("INSERT OR REPLACE INTO labels VALUES (?, ?, ?)"),
    removeLabel: prepare("DELETE FROM labels WHERE key = ? AND value = ? AND seq = ?"),
    putLink: prepare("INSERT OR REPLACE INTO links VALUES (?, ?, ?)"),
    removeLink: prepare("DELETE FROM links WHERE kind = ? AND name = ? AND seq = ?"),
    putWorker: prepare("INSERT OR REPLACE INTO workers VALUES (?, ?, ?)"),
    removeWorker: prepare("DELETE FROM workers WHERE id = ?"),
    putCount: prepare("INSERT OR REPLACE INTO counts VALUES (?, ?, ?)"),
    removeCount: prepare("DELETE FROM counts WHERE type = ?"),
    putRecord: prepare("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)"),
    removeRecord: prepare("DELETE FROM records WHERE kind = ? AND key = ?"),
  };
}
