/**
 * In which format the leader may write: the highest that every member reads. So a cluster whose
 * members are upgraded one by one never holds an entry that one of them cannot apply, and begins to
 * use what is new when the last one has come.
 *
 * @module
 */

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
