/** `state.db` itself: how it is opened, what its tables are, and what its failures mean. */

import { closeSync, existsSync, fsyncSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { adoptOldRows } from "./finished_rows.ts";
import { assertDurable, pragma } from "./pragma.ts";
import { closeToOthers, makePrivate } from "./private_file.ts";
import {
  inOneLine,
  isDamage,
  isLocked,
  isOfOtherTables,
  REJOIN_ADVICE,
  StorageFailed,
} from "./storage_failure.ts";

/** Name of the file in a data directory. */
export const JOB_STORE_FILE = "state.db";

/**
 * The format this program writes; it refuses later ones. Format 2 brought the tables `records` and
 * `links`, `finished.ended` and what rows of jobs say of options and history, format 3
 * `finished.namespace`, format 4 pages of jobs and keys, and small payloads and results in the rows
 * of finished jobs, format 5 pages of finished jobs, with what lists narrow by in memory instead of indexes.
 * An older file becomes one of this format when it is opened; rows that it has stay where they are.
 */
const JOB_STORE_FORMAT = 5;

/** The format that brought pages of finished jobs. */
const FINISHED_PAGES_SINCE = 5;

/** Formats of `state.db`, and so of snapshots, that this program reads. */
export const JOB_STORE_FORMATS = { oldest: 1, newest: JOB_STORE_FORMAT } as const;

/** "COND": tells a `state.db` from any other SQLite file. */
const APPLICATION_ID = 0x434f4e44;

/**
 * Bytes of a page of SQLite's in a new file. A page of jobs or keys is a chain of such pages, each of
 * which is written to the write-ahead file and later read and written again: with 8 KiB there are half
 * as many as with 4. Beyond that little is saved, and a flush of a few rows writes more.
 */
const PAGE_BYTES = 8 * 1024;

/** Pages of SQLite's kept in memory, in KiB: there are no indexes to look into. 6 MiB could not be told from 16. */
const CACHE_KIB = 8 * 1024;

/** The file must not be used as it is. Nothing was changed; the message says what to do. */
export class JobStoreRefused extends Error {
  override name = "JobStoreRefused";
}

/** As {@linkcode JobStoreRefused}, since what is in the file is not what was written. */
export class JobStoreDamaged extends JobStoreRefused {
  /** What was found, in a few words. */
  readonly found: string;

  constructor(message: string, found: string) {
    super(message);
    this.found = found;
  }
}

/** What to do about a state.db that is of no use. */
export const REBUILD_ADVICE =
  "To rebuild it, move it away (with its -wal file) and start again: the " +
  "log is replayed if it reaches back far enough. " + REJOIN_ADVICE;

/**
 * Opens `path` for this process alone, and makes what is missing.
 * @param beforeChange runs once the file is locked, before anything of it changes
 * @throws {JobStoreRefused} when it is locked, damaged, foreign, or of another format
 */
export function openJobStoreFile(path: string, beforeChange?: () => void): DatabaseSync {
  const isNew = !existsSync(path);
  let database: DatabaseSync | undefined;
  try {
    makePrivate(path);
    // One that is made later gets its mode from the database.
    closeToOthers(`${path}-wal`);
    database = new DatabaseSync(path, { timeout: 0 });
    if (!isNew) checkFormat(database, path);
    // Before anything is in the file; one that has its pages keeps them.
    database.exec(`PRAGMA page_size = ${PAGE_BYTES}`);
    // One process, one connection: the lock is held until the process ends, and no -shm is needed.
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    database.exec("PRAGMA journal_mode = WAL");
    // The log replays what a power failure takes, so only checkpoints wait for the disk; and they
    // come when the store says so, because between them the main file must stay as it is.
    database.exec("PRAGMA synchronous = NORMAL");
    database.exec("PRAGMA wal_autocheckpoint = 0");
    database.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
    database.exec("PRAGMA temp_store = MEMORY");
    database.exec("BEGIN IMMEDIATE");
    beforeChange?.();
    const format = Number(pragma(database, "user_version"));
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    database.exec(`PRAGMA user_version = ${JOB_STORE_FORMAT}`);
    for (const { column, statements } of migrations) {
      if (isWithout(database, column)) database.exec(statements);
    }
    database.exec(schema);
    if (format > 0 && format < FINISHED_PAGES_SINCE) adoptOldRows(database);
    database.exec("COMMIT");
    assertDurable(database, path, JobStoreRefused);
    return database;
  } catch (cause) {
    try {
      database?.close();
    } catch {
      // It was not open: what matters is why.
    }
    throw refusalOf(path, cause);
  }
}

/** Forces names that were made, changed or removed in the directory of `path` to the disk. */
export function syncDirectoryOf(path: string): void {
  syncPath(dirname(path));
}

export function syncPath(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Finished jobs are in `finished_pages`, as `finished_jobs.ts` says: the heads of a page are what lists
 * ask for, with numbers instead of names and, of `finished_kinds`, instead of what many have alike; its
 * bytes are the jobs with what is small of their payloads and results. What is large has a row in `payloads` and
 * `results`. `finished_totals` says how many pages and jobs there are, so that none is missed in silence.
 *
 * `finished` is of formats up to 4: a row for each job, with its columns of then.
 *
 * Every text that is read back is JSON, since what comes back of a text ends at its first NUL.
 *
 * Unfinished jobs are in `live_pages`, `page_gone` and `live`, as `live_jobs.ts` says, and keys in
 * `key_pages`; `keys` is of formats up to 3 (where, in the oldest files, `key` is unique).
 */
const schema = `
CREATE TABLE IF NOT EXISTS state (
  id INTEGER PRIMARY KEY CHECK (id = 1), applied_index INTEGER NOT NULL,
  applied_term INTEGER NOT NULL, scalars TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS identity (
  id INTEGER PRIMARY KEY CHECK (id = 1), cluster_id TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS live (
  seq INTEGER PRIMARY KEY, detail TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS live_pages (
  first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL, items INTEGER NOT NULL,
  checksum INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS page_gone (
  first_seq INTEGER PRIMARY KEY, gone BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS finished (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL, status INTEGER NOT NULL, type INTEGER NOT NULL,
  worker INTEGER NOT NULL, dead_letter INTEGER NOT NULL, detail TEXT NOT NULL,
  checksum INTEGER NOT NULL, ended INTEGER NOT NULL, queue INTEGER NOT NULL,
  namespace INTEGER NOT NULL, bodies_checksum INTEGER, payload BLOB, output BLOB,
  result TEXT) STRICT;
CREATE TABLE IF NOT EXISTS finished_pages (
  number INTEGER PRIMARY KEY, heads_checksum INTEGER NOT NULL, heads BLOB NOT NULL,
  checksum INTEGER NOT NULL, bytes BLOB) STRICT;
CREATE TABLE IF NOT EXISTS finished_kinds (
  number INTEGER PRIMARY KEY, detail TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS finished_totals (
  id INTEGER PRIMARY KEY CHECK (id = 1), pages INTEGER NOT NULL, jobs INTEGER NOT NULL,
  checksum INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS labels (
  key TEXT NOT NULL, value TEXT NOT NULL, seq INTEGER NOT NULL,
  PRIMARY KEY (key, value, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS links (
  kind INTEGER NOT NULL, name TEXT NOT NULL, seq INTEGER NOT NULL,
  PRIMARY KEY (kind, name, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS payloads (
  seq INTEGER PRIMARY KEY, bytes BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS results (
  seq INTEGER PRIMARY KEY, output BLOB NOT NULL, detail TEXT NOT NULL,
  checksum INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS keys (
  seq INTEGER PRIMARY KEY, key TEXT NOT NULL, detail TEXT NOT NULL,
  expires_at INTEGER NOT NULL, checksum INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS key_pages (
  first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL, items INTEGER NOT NULL,
  expires_at INTEGER NOT NULL, checksum INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS workers (
  id TEXT PRIMARY KEY, detail TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counts (
  type TEXT PRIMARY KEY, detail TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
  kind TEXT NOT NULL, key TEXT NOT NULL, detail TEXT NOT NULL, checksum INTEGER NOT NULL,
  PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;
`;

/** What tables of older formats lack, from what they have; each is known by a column of `finished`. */
const migrations = [{
  column: "ended",
  statements: `
ALTER TABLE finished ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
ALTER TABLE finished ADD COLUMN queue INTEGER NOT NULL DEFAULT 0;
INSERT OR IGNORE INTO names (name)
  SELECT DISTINCT json_quote(coalesce(json_extract(detail, '$.by'), 'default')) FROM finished;
UPDATE finished SET
  ended = coalesce(json_extract(detail, '$.fa'), 0),
  queue = (SELECT id FROM names
    WHERE name = json_quote(coalesce(json_extract(detail, '$.by'), 'default')));
`,
}, {
  column: "namespace",
  statements: "ALTER TABLE finished ADD COLUMN namespace INTEGER NOT NULL DEFAULT 0;",
}, {
  column: "bodies_checksum",
  statements: `
ALTER TABLE finished ADD COLUMN bodies_checksum INTEGER;
ALTER TABLE finished ADD COLUMN payload BLOB;
ALTER TABLE finished ADD COLUMN output BLOB;
ALTER TABLE finished ADD COLUMN result TEXT;
`,
}];

/** Whether there is a table of finished jobs already, without this column. */
function isWithout(database: DatabaseSync, column: string): boolean {
  const columns = database.prepare("SELECT name FROM pragma_table_info('finished')").all();
  return columns.length > 0 && !columns.some(({ name }) => name === column);
}

/** @throws {JobStoreRefused} when it is of another program or of a format that is not known */
export function checkFormat(database: DatabaseSync, path: string): void {
  const applicationId = pragma(database, "application_id");
  const format = pragma(database, "user_version");
  const isEmpty = database.prepare("SELECT 1 FROM sqlite_schema").get() === undefined;
  if (isEmpty && format === 0) return; // made, and then not written to
  if (applicationId !== APPLICATION_ID) {
    throw new JobStoreRefused(
      `Cannot open "${path}": it is a SQLite file, but not one of Conductor's; ` +
        "is this the right data directory?",
    );
  }
  if (
    typeof format !== "number" || format < JOB_STORE_FORMATS.oldest ||
    format > JOB_STORE_FORMATS.newest
  ) {
    throw new JobStoreRefused(
      `Cannot open "${path}": its format is version ${format}, and this program knows versions ` +
        `up to ${JOB_STORE_FORMAT}; run the version of conductor that wrote it, or a newer one`,
    );
  }
}

function refusalOf(path: string, cause: unknown): JobStoreRefused {
  if (cause instanceof JobStoreRefused) return cause;
  if (cause instanceof StorageFailed) return new JobStoreRefused(cause.message, { cause });
  if (isLocked(cause)) {
    return new JobStoreRefused(
      `Cannot open "${path}": it is locked; another master runs on this data directory. ` +
        "Stop it, or give this one a directory of its own",
      { cause },
    );
  }
  const isDamaged = isDamage(cause) || isOfOtherTables(cause);
  const advice = isDamaged ? `. ${REBUILD_ADVICE}` : "";
  return new JobStoreRefused(`Cannot open "${path}": ${inOneLine(cause)}${advice}`, { cause });
}
