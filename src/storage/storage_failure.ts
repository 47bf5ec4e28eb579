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

const SQLITE_FULL = 13;

/** What SQLite's error means for the node: `DiskFull`, or `StorageFailed` for all others. */
export function failureOf(action: string, cause: unknown): Error {
  const code = sqliteCode(cause);
  if (code !== undefined && (code & 0xff) === SQLITE_FULL) {
    return new DiskFull(`Cannot ${action}: the disk is full`, { cause });
  }
  const detail = cause instanceof Error ? cause.message : String(cause);
  const suffix = code === undefined ? "" : ` (SQLite error ${code})`;
  return new StorageFailed(`Cannot ${action}: ${detail}${suffix}`, { cause });
}

/** SQLite's extended result code, if `error` is from it. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error)) return undefined;
  return typeof error.errcode === "number" ? error.errcode : undefined;
}

/** Whether another process, or another part of this one, holds the database. */
export function isLocked(error: unknown): boolean {
  return error instanceof Error && /database (table )?is locked/.test(error.message);
}
