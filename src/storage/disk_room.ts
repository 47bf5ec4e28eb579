/** Tells a start that failed for want of room from one that failed otherwise. */

import { statfsSync } from "node:fs";
import { isFull, isIoError } from "./storage_failure.ts";

/** With less than this a start gets nowhere: it makes files and writes into those that are there. */
const START_BYTES_MIN = 1024 * 1024;

/**
 * A failure of a start, with what to do where its disk is full. SQLite says so itself, or has only an I/O error to
 * tell of, for which the room that is left speaks.
 *
 * @param directories that it writes in
 */
export function withRoomAdvice(failure: unknown, directories: readonly string[]): unknown {
  if (!(failure instanceof Error)) return failure;
  const causes = causesOf(failure);
  const isSaid = causes.some(isFull);
  if (!isSaid && !causes.some(isIoError)) return failure;
  const [fullest] = directories.map(roomOf).sort((a, b) => a.bytes - b.bytes);
  if (fullest === undefined) return failure;
  const { directory, bytes } = fullest;
  const room = `${Math.floor(bytes / 1024)} KiB are free`;
  const advice = isSaid
    ? `The disk of "${directory}" is full (${room}): make room there, and start it again`
    : bytes < START_BYTES_MIN
    ? `The disk of "${directory}" is full, or nearly (${room}): make room there, and start it again; if ` +
      "it fails in the same way then, the disk is at fault"
    : `The disk of "${directory}" failed; ${room}, so it is not full. If a quota is, make room there and ` +
      "start it again; otherwise start it on a sound disk";
  return new Error(`${failure.message}. ${advice}`, { cause: failure });
}

function causesOf(failure: Error): readonly unknown[] {
  const causes: unknown[] = [];
  for (let each: unknown = failure; each instanceof Error && !causes.includes(each);) {
    causes.push(each);
    each = each.cause;
  }
  return causes;
}

/** Of a directory that is not there nothing is known. */
function roomOf(directory: string): { readonly directory: string; readonly bytes: number } {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return { directory, bytes: bavail * bsize };
  } catch {
    return { directory, bytes: Infinity };
  }
}
