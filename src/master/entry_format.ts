/**
 * In which format the leader may write: the highest that every member reads. So a cluster whose
 * members are upgraded one by one never holds an entry that one of them cannot apply, and begins to
 * use what is new when the last one has come. From then on it goes on doing so: a member that is down,
 * and has said nothing to this leader, has entries of that format in its log or must read them anyway.
 *
 * @module
 */

import type { LogReader } from "../raft/mod.ts";
import { ENTRY_FORMATS } from "../storage/mod.ts";

/** Formats that a program reads: all from `oldest` to `newest`. */
export interface EntryFormats {
  readonly oldest: number;
  readonly newest: number;
}

/**
 * @param announced what each of the other members reads at most; 0 or undefined: it has not said,
 * and is taken for one that reads only the oldest
 */
export function agreedFormat(
  announced: readonly (number | undefined)[],
  own: EntryFormats = ENTRY_FORMATS,
): number {
  const others = announced.map((format) => format || own.oldest);
  return Math.max(own.oldest, Math.min(own.newest, ...others));
}

/** Entries read at once from the end of the log, and their bytes. */
const PAGE_ENTRIES = 16;
const PAGE_BYTES = 64 * 1024;

/** The format in which the leader writes: what was written once is not left again. */
export class SettledFormat {
  readonly #log: LogReader;
  #term = -1;
  #format: number = ENTRY_FORMATS.oldest;

  constructor(log: LogReader) {
    this.#log = log;
  }

  /** @param agreed what {@linkcode agreedFormat} makes of what the members have said, in `term` */
  settle(term: number, agreed: number): number {
    if (term !== this.#term) {
      this.#term = term;
      this.#format = Math.min(lastFormat(this.#log), ENTRY_FORMATS.newest);
    }
    this.#format = Math.max(this.#format, agreed);
    return this.#format;
  }
}

/** Format of the last command in `log`; of none, the oldest. */
function lastFormat(log: LogReader): number {
  for (let through = log.lastIndex; through > log.boundary.index; through -= PAGE_ENTRIES) {
    const from = Math.max(log.boundary.index + 1, through - PAGE_ENTRIES + 1);
    let format: number | undefined;
    for (let index = from; index <= through;) {
      const entries = log.entries(index, through, PAGE_BYTES);
      for (const { kind, data } of entries) if (kind === "command") format = data[0];
      index += entries.length;
    }
    if (format !== undefined) return format;
  }
  return ENTRY_FORMATS.oldest;
}
