/**
 * A `state.db` as programs of format 3 left it: a row for each unfinished job, each payload, each result
 * and each idempotency key.
 *
 * @module
 */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SqliteJobStore } from "./job_store.ts";
import { JOB_STORE_FILE } from "./job_store_file.ts";
import { checksumOf, encodeJob } from "./job_store_rows.ts";
import { JOB_STORE_MARKER } from "./job_store_seal.ts";

const COLUMNS_SINCE = ["bodies_checksum", "payload", "output", "result"];

/** Writes the closed store in `directory` anew, in format 3. */
export function toFormat3(directory: string): void {
  const store = SqliteJobStore.open(directory);
  const live = [...store.load().live];
  const finished = [...store.scanFinished()];
  const keys = [...store.scanKeys()];
  const bodies = [...live, ...finished].map(({ job: { seq } }) => ({
    seq,
    payload: store.payload(seq),
    result: store.result(seq),
  }));
  store.close();
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
    const { output, contentType, logTail } = result;
    const detail = JSON.stringify({ contentType, logTail });
    putResult.run(seq, output, detail, checksumOf(output, detail));
  }
  const putKey = database.prepare("INSERT INTO keys VALUES (?, ?, ?, ?, ?)");
  for (const { keySeq, key, jobId, fingerprint, expiresAtMs } of keys) {
    const [name, detail] = [JSON.stringify(key), JSON.stringify([jobId, fingerprint])];
    const checksum = checksumOf(`${name}${detail}${keySeq} ${expiresAtMs}`);
    putKey.run(keySeq, name, detail, expiresAtMs, checksum);
  }
  database.exec("DROP TABLE live_pages; DROP TABLE page_gone; DROP TABLE key_pages");
  for (const column of COLUMNS_SINCE) database.exec(`ALTER TABLE finished DROP COLUMN ${column}`);
  database.exec("PRAGMA user_version = 3; COMMIT");
  database.close();
  rmSync(join(directory, JOB_STORE_MARKER));
}
