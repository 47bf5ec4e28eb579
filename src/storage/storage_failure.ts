/** The three ways in which a disk lets us down, each with its own consequence. */

import { DiskFull } from "../raft/mod.ts";

/**
 * The files of a data directory must not be used as they are. Nothing was changed; the message says
 * which file, what was found in it, and what to do.
 */
export class RaftLogRefused extends Error {
  override name = "RaftLogRefused";
}

/** A directory cannot hold a node's data; the message says why. */
export class DataDirectoryRefused extends Error {
  override name = "DataDirectoryRefused";
}

/**
 * The disk failed in a way that leaves unknown what it holds: the process must end, and must not try
 * the write again (after a failed fsync the next one may succeed without having written anything).
 */
export class StorageFailed extends Error {
  override name = "StorageFailed";
}

/**
 * The way out when a node's promises are lost: the cluster's are not, and it takes the node in again
 * under its old name, as a new member.
 */
export const REJOIN_ADVICE =
  "To rebuild this node from the others, empty its data directory and start it with " +
  "`conductor master --join HOST:PORT` (any other master); if it is the only one, empty it and run " +
  "`conductor restore FILE` with a backup";

const SQLITE_ERROR = 1;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;

/** What an error of SQLite or of a file means for the node: `DiskFull`, or `StorageFailed`. */
export function failureOf(action: string, cause: unknown): Error {
  if (cause instanceof StorageFailed) return cause;
  const code = sqliteCode(cause);
  if (isFull(cause)) return new DiskFull(`Cannot ${action}: the disk is full`, { cause });
  const detail = cause instanceof Error ? cause.message : String(cause);
  const suffix = code === undefined ? "" : ` (SQLite error ${code})`;
  return new StorageFailed(`Cannot ${action}: ${detail}${suffix}`, { cause });
}

/** SQLite's extended result code, if `error` is from it. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error)) return undefined;
  return typeof error.errcode === "number" ? error.errcode : undefined;
}

/** Whether there was no room, for SQLite or for a plain file. */
export function isFull(error: unknown): boolean {
  if (error instanceof DiskFull) return true;
  const code = sqliteCode(error);
  if (code !== undefined) return (code & 0xff) === SQLITE_FULL;
  if (!(error instanceof Error) || !("code" in error)) return false;
  // Deno's `exec` says why in words alone.
  return error.code === "ENOSPC" || error.code === "EDQUOT" ||
    (error.code === "ERR_SQLITE_ERROR" && error.message === "database or disk is full");
}

/** Whether SQLite found that a file is not what it wrote. */
export function isDamage(error: unknown): boolean {
  const code = (sqliteCode(error) ?? 0) & 0xff;
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB ||
    (error instanceof Error && /malformed|not a database/.test(error.message));
}

/**
 * Whether a statement of ours did not fit the tables: a bit that flips in a column's name leaves a file
 * that is sound to SQLite.
 */
export function isOfOtherTables(error: unknown): boolean {
  const code = sqliteCode(error);
  if (code !== undefined) return (code & 0xff) === SQLITE_ERROR;
  // Deno's `exec` says why in words alone.
  return error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR" &&
    /\b(column|table|index)\b/.test(error.message);
}

/** What was said, in one line: SQLite quotes what it cannot read. */
export function inOneLine(failure: unknown): string {
  const message = failure instanceof Error ? failure.message : String(failure);
  return message.replace(/\s+/g, " ").trim();
}

/** Whether the disk did not do what it was asked for, by SQLite or for a plain file. */
export function isOfDisk(error: unknown): boolean {
  return error instanceof StorageFailed || isFull(error) || isIoError(error);
}

/** Whether reading or writing failed, of which SQLite does not always say why. */
export function isIoError(error: unknown): boolean {
  const code = sqliteCode(error);
  if (code !== undefined) return (code & 0xff) === SQLITE_IOERR;
  if (!(error instanceof Error) || !("code" in error)) return false;
  // Deno's `exec` says why in words alone.
  return error.code === "EIO" ||
    (error.code === "ERR_SQLITE_ERROR" && error.message === "disk I/O error");
}

/** Whether another process, or another part of this one, holds the database. */
export function isLocked(error: unknown): boolean {
  return error instanceof Error && /database (table )?is locked/.test(error.message);
}
