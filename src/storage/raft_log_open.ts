/** Opens `raft.db`: locked for this process, with the settings on which its durability rests. */

import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { assertDurable } from "./pragma.ts";
import { closeToOthers, makePrivate } from "./private_file.ts";
import {
  inOneLine,
  isDamage,
  isLocked,
  isOfOtherTables,
  RaftLogRefused,
  REJOIN_ADVICE,
} from "./storage_failure.ts";

/**
 * Rows only ever come at the end, some hundred KiB in a transaction: large pages are written by fewer
 * calls, each of them twice over.
 */
const PAGE_BYTES = 16 * 1024;

/** @throws {RaftLogRefused} when it is locked, or not a database */
export function openDatabase(path: string): DatabaseSync {
  try {
    makePrivate(path);
    // One that is made later gets its mode from the database.
    closeToOthers(`${path}-wal`);
    const database = new DatabaseSync(path, { timeout: 0 });
    // Of a file that has yet to be made; one that is there keeps its own.
    database.exec(`PRAGMA page_size = ${PAGE_BYTES}`);
    // One process, one connection: the lock is held until the process ends, and no -shm is needed.
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    database.exec("PRAGMA journal_mode = WAL");
    // Not at every commit: the journal is what makes those durable.
    database.exec("PRAGMA synchronous = NORMAL");
    database.exec("PRAGMA fullfsync = ON");
    database.exec("PRAGMA wal_autocheckpoint = 0");
    database.exec("BEGIN IMMEDIATE; COMMIT");
    database.exec(
      "CREATE TABLE IF NOT EXISTS batch " +
        "(last_index INTEGER PRIMARY KEY, first_index INTEGER, chain BLOB, body BLOB) STRICT;" +
        "CREATE TABLE IF NOT EXISTS state " +
        "(id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT, checksum TEXT) STRICT",
    );
    assertDurable(database, path, RaftLogRefused);
    return database;
  } catch (cause) {
    if (isLocked(cause)) {
      throw new RaftLogRefused(
        `Cannot open "${path}": it is locked; another master runs on this data directory. ` +
          "Stop it, or give this one a directory of its own",
        { cause },
      );
    }
    if (cause instanceof RaftLogRefused) throw cause;
    const advice = isDamage(cause) || isOfOtherTables(cause) ? `. ${REJOIN_ADVICE}` : "";
    throw new RaftLogRefused(`Cannot open "${path}": ${inOneLine(cause)}${advice}`, { cause });
  }
}

/** The database and its write-ahead log once more, for syncs of our own. */
export function openFiles(path: string, database: DatabaseSync) {
  let log: number | undefined;
  try {
    log = openSync(`${path}-wal`, "r+");
    return { log, database: openSync(path, "r+") };
  } catch (cause) {
    if (log !== undefined) closeSync(log);
    database.close();
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new RaftLogRefused(`Cannot open "${path}" a second time: ${detail}`, { cause });
  }
}
