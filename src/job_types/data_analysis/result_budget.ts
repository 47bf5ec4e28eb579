/**
 * Keeps a job's result within its bound while it is gathered, row by row.
 *
 * @module
 */

import { ResultTooLargeError } from "../contract.ts";
import { type Cell, csvLine, rowObject } from "./cells.ts";

/** For the names of results, brackets and the like. */
const ENVELOPE_BYTES = 2_048;

const encoder = new TextEncoder();

/** Bytes that a result may still have. */
export class ResultBudget {
  readonly #bytesMax: number;
  readonly #format: "json" | "csv";
  #left: number;

  constructor(bytesMax: number, format: "json" | "csv") {
    this.#bytesMax = bytesMax;
    this.#format = format;
    this.#left = bytesMax - (format === "json" ? ENVELOPE_BYTES : 0);
  }

  /** Whether the row still fits; if so it is counted. */
  admitRow(columns: readonly string[], row: readonly Cell[]): boolean {
    const size = this.#format === "csv"
      ? bytesOf(csvLine(row))
      : bytesOf(JSON.stringify(rowObject(columns, row))) + 1;
    if (size > this.#left) return false;
    this.#left -= size;
    return true;
  }

  /** @throws {ResultTooLargeError} when a part that cannot be cut does not fit. */
  requireRoom(part: unknown, what: string, remedy: string): void {
    this.#left -= this.#format === "csv" ? 0 : bytesOf(JSON.stringify(part));
    if (this.#left < 0) this.refuse(what, remedy);
  }

  /** @throws {ResultTooLargeError} always. */
  refuse(what: string, remedy: string): never {
    throw new ResultTooLargeError(
      `${what} would make the result longer than ${this.#bytesMax} bytes, which is the most that ` +
        `a job may return. ${remedy}`,
    );
  }
}

function bytesOf(text: string): number {
  return encoder.encode(text).length;
}
