/**
 * Finished jobs of files of formats up to 4: a row for each, which stays until retention forgets it. When such
 * a file is opened first, what is in memory of them is gathered into pages without bytes, and their indexes go.
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { hash32, type StoredJob } from "../jobs/mod.ts";
import { FinishedKinds } from "./finished_kinds.ts";
import { encodeHeads, type FinishedBodies } from "./finished_page.ts";
import { checksumOf, decodeJob, RowDamaged, verify } from "./job_store_rows.ts";

/** The table `finished`. */
export class OldFinishedRows {
  readonly #database: DatabaseSync;
  readonly #job: StatementSync;
  readonly #bodies: StatementSync;
  readonly #remove: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#job = database.prepare("SELECT detail, checksum FROM finished WHERE seq = ?");
    this.#bodies = database.prepare(
      "SELECT seq, bodies_checksum, payload, output, result FROM finished WHERE seq = ?",
    );
    this.#remove = database.prepare("DELETE FROM finished WHERE seq = ?");
  }

  job(seq: number): StoredJob {
    const row = this.#job.get(seq) as unknown as DetailRow | undefined;
    if (row === undefined) throw new RowDamaged(`the row of job number ${seq} is missing`);
    verifyDetail(row);
    return decodeJob(row.detail);
  }

  bodies(seq: number): Omit<FinishedBodies, "text"> {
    const row = this.#bodies.get(seq) as unknown as BodiesRow | undefined;
    if (row === undefined) throw new RowDamaged(`the row of job number ${seq} is missing`);
    verifyBodies(row);
    const { payload, output, result } = row;
    return {
      payload: payload ?? undefined,
      output: output ?? undefined,
      result: output === null ? undefined : result ?? "",
    };
  }

  remove(seq: number): void {
    this.#remove.run(seq);
  }

  countBodies(): { readonly jobs: number; readonly payloads: number; readonly results: number } {
    const row = this.#database.prepare(
      "SELECT count(*) AS jobs, count(payload) AS payloads, count(output) AS results FROM finished",
    ).get() as unknown as { jobs: number; payloads: number; results: number };
    return { jobs: row.jobs, payloads: row.payloads, results: row.results };
  }
}

/**
 * A row with all its columns; formats up to 3 have no bodies in it.
 *
 * @throws {RowDamaged}
 */
export function verifyFinishedRow(row: DetailRow & (BodiesRow | Record<never, never>)): void {
  verifyDetail(row);
  if ("bodies_checksum" in row) verifyBodies(row);
}

function verifyDetail({ detail, checksum }: DetailRow): void {
  verify(`job ${detail.slice(0, 60)}`, checksum, detail);
}

function verifyBodies({ seq, payload, output, result, bodies_checksum }: BodiesRow): void {
  const parts = [payload, output, result].filter((part) => part !== null);
  if (bodies_checksum === null && parts.length === 0) return;
  verify(`the payload or the result of job number ${seq}`, bodies_checksum ?? 0, ...parts);
}

/** Heads of a page without bytes, and rows in memory at once. */
const HEADS_PER_PAGE = 512;

const OLD_INDEXES = [
  "finished_id",
  "finished_status",
  "finished_type",
  "finished_worker",
  "finished_dead_letter",
  "finished_queue",
  "finished_ended",
  "finished_namespace",
  "finished_namespace_dead",
  "finished_namespace_ended",
];

/** Makes the table of a file of an older format, whose columns are those of format 4, a part of this one. */
export function adoptOldRows(database: DatabaseSync): void {
  const kinds = new FinishedKinds(database);
  const putPage = database.prepare("INSERT INTO finished_pages VALUES (?, ?, ?, 0, NULL)");
  const read = database.prepare(
    "SELECT seq, id, status, type, worker, dead_letter, ended, queue, namespace FROM finished " +
      `WHERE seq > ? ORDER BY seq LIMIT ${HEADS_PER_PAGE}`,
  );
  let [pages, jobs] = [0, 0];
  for (let after = 0;;) {
    const rows = read.all(after) as unknown as IndexedRow[];
    if (rows.length === 0) break;
    const heads = encodeHeads(rows.map((row) => ({
      seq: row.seq,
      ended: row.ended,
      kind: kinds.numberFor({
        status: row.status,
        isDeadLetter: row.dead_letter === 1,
        type: row.type,
        queue: row.queue,
        namespace: row.namespace,
      }),
      worker: row.worker,
      hash: hash32(row.id),
    })));
    putPage.run(++pages, checksumOf(`${pages} `, heads), heads);
    jobs += rows.length;
    after = rows.at(-1)!.seq;
  }
  database.prepare("INSERT INTO finished_totals VALUES (1, ?, ?, ?)")
    .run(pages, jobs, checksumOf(`${pages} ${jobs}`));
  for (const index of OLD_INDEXES) database.exec(`DROP INDEX IF EXISTS ${index}`);
}

interface IndexedRow {
  readonly seq: number;
  readonly id: string;
  readonly status: number;
  readonly type: number;
  readonly worker: number;
  readonly dead_letter: number;
  readonly ended: number;
  readonly queue: number;
  readonly namespace: number;
}

interface DetailRow {
  readonly detail: string;
  readonly checksum: number;
}

interface BodiesRow {
  readonly seq: number;
  readonly bodies_checksum: number | null;
  readonly payload: Uint8Array | null;
  readonly output: Uint8Array | null;
  readonly result: string | null;
}
