/**
 * A `state.db` as programs of formats 3 and 4 left it: of format 4 a row for each finished job, with ten
 * indexes; of format 3 one for each unfinished job, each payload, each result and each idempotency key, too.
 *
 * @module
 */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DEFAULT_NAMESPACE, queueOf } from "../jobs/mod.ts";
import { resultDetailOf } from "./body_rows.ts";
import { SqliteJobStore } from "./job_store.ts";
import { JOB_STORE_FILE } from "./job_store_file.ts";
import { JobNames } from "./job_store_names.ts";
import { checksumOf, encodeFinished, encodeJob, statusNumber } from "./job_store_rows.ts";
import { JOB_STORE_MARKER } from "./job_store_seal.ts";

const COLUMNS_SINCE_4 = ["bodies_checksum", "payload", "output", "result"];

const INDEXES = `
CREATE UNIQUE INDEX finished_id ON finished (id);
CREATE INDEX finished_status ON finished (status);
CREATE INDEX finished_type ON finished (type, status);
CREATE INDEX finished_worker ON finished (worker);
CREATE INDEX finished_dead_letter ON finished (dead_letter) WHERE dead_letter = 1;
CREATE INDEX finished_queue ON finished (queue);
CREATE INDEX finished_ended ON finished (status, ended);
CREATE INDEX finished_namespace ON finished (namespace, status);
CREATE INDEX finished_namespace_dead ON finished (namespace) WHERE dead_letter = 1;
CREATE INDEX finished_namespace_ended ON finished (namespace, status, ended) WHERE namespace > 0;
`;

/** Writes the closed store in `directory` anew, in format 4. */
export function toFormat4(directory: string): void {
  const store = SqliteJobStore.open(directory);
  const finished = [...store.scanFinished()].map((stored) => ({
    stored,
    payload: store.payload(stored.job.seq),
    result: store.result(stored.job.seq),
  }));
  store.close();
  const database = new DatabaseSync(join(directory, JOB_STORE_FILE));
  database.exec("BEGIN; DELETE FROM finished");
  const names = new JobNames(database);
  const put = database.prepare(
    "INSERT INTO finished VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const hasRow = (table: string, seq: number) =>
    database.prepare(`SELECT 1 FROM ${table} WHERE seq = ?`).get(seq) !== undefined;
  for (const { stored, payload, result } of finished) {
    const { job } = stored;
    const detail = encodeFinished(stored);
    const isPayloadWith = payload !== undefined && !hasRow("payloads", job.seq);
    const isResultWith = result !== undefined && !hasRow("results", job.seq);
    const bodies = [
      isPayloadWith ? payload : null,
      isResultWith ? result.output : null,
      isResultWith ? resultDetailOf(result) : null,
    ];
    const parts = bodies.filter((part) => part !== null);
    put.run(
      job.seq,
      job.id,
      statusNumber(job.status),
      names.numberFor(job.type),
      names.numberFor(job.assignedTo),
      job.deadLetter ? 1 : 0,
      detail,
      checksumOf(detail),
      job.completedAtMs,
      names.numberFor(queueOf(job)),
      job.namespace === DEFAULT_NAMESPACE ? 0 : names.numberFor(job.namespace),
      parts.length === 0 ? null : checksumOf(...parts),
      ...bodies,
    );
  }
  database.exec("DROP TABLE finished_pages; DROP TABLE finished_kinds; DROP TABLE finished_totals");
  database.exec(`${INDEXES} PRAGMA user_version = 4; COMMIT`);
  database.close();
  rmSync(join(directory, JOB_STORE_MARKER));
}

/** Writes the closed store in `directory` anew, in format 3. */
export function toFormat3(directory: string): void {
  const store = SqliteJobStore.open(directory);
  const live = [...store.load().live];
  const keys = [...store.scanKeys()];
  const bodies = [...live, ...store.scanFinished()].map(({ job: { seq } }) => ({
    seq,
    payload: store.payload(seq),
    result: store.result(seq),
  }));
  store.close();
  toFormat4(directory);
  const database = new DatabaseSync(join(directory, JOB_STORE_FILE));
  database.exec(
    "BEGIN; DELETE FROM live; DELETE FROM payloads; DELETE FROM results; DELETE FROM keys",
  );
  const putLive = database.prepare("INSERT INTO live VALUES (?, ?, ?)");
  for (const stored of live) {
    const detail = encodeJob(stored);
    putLive.run(stored.job.seq, detail, checksumOf(detail));
  }
  const putPayload = database.prepare("INSERT INTO payloads VALUES (?, ?, ?)");
  const putResult = database.prepare("INSERT INTO results VALUES (?, ?, ?, ?)");
  for (const { seq, payload, result } of bodies) {
    if (payload !== undefined) putPayload.run(seq, payload, checksumOf(payload));
    if (result === undefined) continue;
    const detail = resultDetailOf(result);
    putResult.run(seq, result.output, detail, checksumOf(result.output, detail));
  }
  const putKey = database.prepare("INSERT INTO keys VALUES (?, ?, ?, ?, ?)");
  for (const { keySeq, key, jobId, fingerprint, expiresAtMs } of keys) {
    const [name, detail] = [JSON.stringify(key), JSON.stringify([jobId, fingerprint])];
    const checksum = checksumOf(`${name}${detail}${keySeq} ${expiresAtMs}`);
    putKey.run(keySeq, name, detail, expiresAtMs, checksum);
  }
  database.exec("DROP TABLE live_pages; DROP TABLE page_gone; DROP TABLE key_pages");
  for (const column of COLUMNS_SINCE_4) database.exec(`ALTER TABLE finished DROP COLUMN ${column}`);
  database.exec("PRAGMA user_version = 3; COMMIT");
  database.close();
}
