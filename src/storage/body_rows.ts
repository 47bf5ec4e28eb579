/**
 * Payloads and results that are too large, or too long-lived, to lie with their job: a row each. The
 * small ones are in the job's own row, or in its page.
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { StoredResult } from "../jobs/mod.ts";
import { checksumOf, verify } from "./job_store_rows.ts";

/**
 * Bytes of a payload, and of an output with its log tail, that lie with the job at most. More would
 * be copied from place to place as the job goes its way, and make the rows that lists go over long.
 */
export const BODY_BYTES_WITH_JOB_MAX = 1024;

/** The tables `payloads` and `results`. */
export class BodyRows {
  readonly #payload: StatementSync;
  readonly #putPayload: StatementSync;
  readonly #removePayload: StatementSync;
  readonly #result: StatementSync;
  readonly #putResult: StatementSync;
  readonly #removeResult: StatementSync;

  constructor(database: DatabaseSync) {
    this.#payload = database.prepare("SELECT * FROM payloads WHERE seq = ?");
    this.#putPayload = database.prepare("INSERT OR REPLACE INTO payloads VALUES (?, ?, ?)");
    this.#removePayload = database.prepare("DELETE FROM payloads WHERE seq = ?");
    this.#result = database.prepare("SELECT * FROM results WHERE seq = ?");
    this.#putResult = database.prepare("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?)");
    this.#removeResult = database.prepare("DELETE FROM results WHERE seq = ?");
  }

  payload(seq: number): Uint8Array | undefined {
    const row = this.#payload.get(seq) as PayloadRow | undefined;
    if (row === undefined) return undefined;
    verifyPayloadRow(row);
    return row.bytes;
  }

  putPayload(seq: number, bytes: Uint8Array): void {
    this.#putPayload.run(seq, bytes, checksumOf(bytes));
  }

  removePayload(seq: number): void {
    this.#removePayload.run(seq);
  }

  result(seq: number): StoredResult | undefined {
    const row = this.#result.get(seq) as ResultRow | undefined;
    if (row === undefined) return undefined;
    verifyResultRow(row);
    return resultOf(row.output, row.detail);
  }

  putResult(seq: number, result: StoredResult): void {
    const detail = resultDetailOf(result);
    this.#putResult.run(seq, result.output, detail, checksumOf(result.output, detail));
  }

  removeResult(seq: number): void {
    this.#removeResult.run(seq);
  }
}

/** What is written of a result beside its output. */
export function resultDetailOf({ contentType, logTail }: StoredResult): string {
  return JSON.stringify({ contentType, logTail });
}

/** The result of its two parts, whose checksum was found right. */
export function resultOf(output: Uint8Array, detail: string): StoredResult {
  const { contentType, logTail }: Omit<StoredResult, "output"> = JSON.parse(detail);
  return { output, contentType, logTail };
}

/** @throws {RowDamaged} */
export function verifyPayloadRow({ seq, bytes, checksum }: PayloadRow): void {
  verify(`the payload of job number ${seq}`, checksum, bytes);
}

/** @throws {RowDamaged} */
export function verifyResultRow({ seq, output, detail, checksum }: ResultRow): void {
  verify(`the result of job number ${seq}`, checksum, output, detail);
}

interface PayloadRow {
  readonly seq: number;
  readonly bytes: Uint8Array;
  readonly checksum: number;
}

interface ResultRow {
  readonly seq: number;
  readonly output: Uint8Array;
  readonly detail: string;
  readonly checksum: number;
}
