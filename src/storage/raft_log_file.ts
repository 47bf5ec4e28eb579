/**
 * `raft.db` itself: its tables, and what one transaction does. Knows nothing of journal and marker. A
 * transaction is durable with the next checkpoint; until then the journal has what it did.
 */

import { hash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import type { StatementSync } from "node:sqlite";
import type { HardState, SnapshotMetadata } from "../raft/mod.ts";
import type { Row } from "./raft_log_rows.ts";
import {
  failureOf,
  isDamage,
  isLocked,
  RaftLogRefused,
  REJOIN_ADVICE,
  StorageFailed,
} from "./storage_failure.ts";

/** Who the log belongs to. Fixed when the data directory is made. */
export interface RaftLogIdentity {
  readonly clusterId: string;
  readonly nodeId: string;
  /** Drawn at random when the directory was made. */
  readonly incarnation: string;
}

/** Everything of the log but its entries; one row, written with every transaction. */
export interface StateRow extends RaftLogIdentity {
  /** Of tables and rows; a program that knows less refuses it. */
  readonly format: number;
  /** Counts the commits: records of the journal. 0 while the directory is being made. */
  readonly generation: number;
  readonly hardState: HardState;
  readonly boundary: SnapshotMetadata;
  readonly installing: SnapshotMetadata | null;
  /** Hash of the last row that compaction removed, in hexadecimal digits, and its last index. */
  readonly baseHash: string;
  readonly baseIndex: number;
  readonly lastIndex: number;
  readonly lastHash: string;
}

/** The format this program writes. The first had no journal. */
export const RAFT_LOG_FORMAT = 2;

/** How the database stands to the journal. */
export interface JournalPoint {
  /** Of the record up to which it was written, or which comes next to it: in hexadecimal digits. */
  readonly hash: string;
  /** This commit was too large for the journal, which is yet to say that it is here. */
  readonly isAhead: boolean;
}

/** The state row as stored. Format 1 knew no journal. */
export type StoredState = StateRow & { readonly journal?: JournalPoint };

/** What one commit changes, in this order. */
export interface RaftLogChange {
  /** Rows that end here or above go. */
  readonly deleteFrom?: number;
  /** Rows that end here or below go. */
  readonly deleteThrough?: number;
  readonly insert: readonly Row[];
  readonly state: StateRow;
}

/** Bytes in the write-ahead log after which they are moved into the database at the latest. */
const WAL_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Rows only ever come at the end, some hundred KiB in a transaction: large pages are written by fewer
 * calls, each of them twice over.
 */
const PAGE_BYTES = 16 * 1024;

/** Rows in memory at once while all are read; one may have a MB. */
const ROWS_READ_MAX = 64;

/** An open, exclusively locked `raft.db`. */
export class RaftLogFile {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #checkpoint: StatementSync;
  readonly #insert: StatementSync;
  readonly #deleteFrom: StatementSync;
  readonly #deleteThrough: StatementSync;
  readonly #writeState: StatementSync;
  readonly #rowEndingAtOrAfter: StatementSync;
  readonly #rowEndingBefore: StatementSync;
  /** Of rows that are in the write-ahead log alone. */
  #walBytes = 0;

  /** @throws {RaftLogRefused} when it is locked, or not a database */
  constructor(path: string) {
    this.#path = path;
    this.#database = openDatabase(path);
    const prepare = (sql: string) => this.#database.prepare(sql);
    this.#begin = prepare("BEGIN IMMEDIATE");
    this.#commit = prepare("COMMIT");
    this.#checkpoint = prepare("PRAGMA wal_checkpoint(TRUNCATE)");
    this.#insert = prepare("INSERT INTO batch VALUES (?, ?, ?, ?)");
    this.#deleteFrom = prepare("DELETE FROM batch WHERE last_index >= ?");
    this.#deleteThrough = prepare("DELETE FROM batch WHERE last_index <= ?");
    this.#writeState = prepare("INSERT OR REPLACE INTO state VALUES (1, ?, ?)");
    this.#rowEndingAtOrAfter = prepare(
      "SELECT * FROM batch WHERE last_index >= ? ORDER BY last_index LIMIT 1",
    );
    this.#rowEndingBefore = prepare(
      "SELECT * FROM batch WHERE last_index < ? ORDER BY last_index DESC LIMIT 1",
    );
  }

  /** The state row, `undefined` if there is none, `"damaged"` if its checksum does not fit. */
  readState(): StoredState | "damaged" | undefined {
    const row = this.#reading(() => this.#database.prepare("SELECT * FROM state").get());
    if (row === undefined) return undefined;
    const { body, checksum } = row;
    if (typeof body !== "string" || checksum !== checksumOf(body)) return "damaged";
    // The checksum has shown that this is what `write` wrote.
    return JSON.parse(body);
  }

  /** All rows, oldest first, as stored: nothing is checked. */
  *rows(): Generator<Row> {
    // Not by `iterate`: in Deno 2.9.6 it takes a step that failed for the end of the rows.
    const statement = this.#database.prepare(
      `SELECT * FROM batch WHERE last_index > ? ORDER BY last_index LIMIT ${ROWS_READ_MAX}`,
    );
    let after = Number.MIN_SAFE_INTEGER;
    while (true) {
      const rows = this.#reading(() => statement.all(after).map(toRow));
      yield* rows;
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last.lastIndex;
    }
  }

  /** The row that holds `index`, and the one before it. */
  rowAround(index: number): { readonly row: Row | undefined; readonly before: Row | undefined } {
    return this.#reading(() => {
      const found = this.#rowEndingAtOrAfter.get(index);
      const row = found === undefined ? undefined : toRow(found);
      const end = row?.lastIndex ?? index;
      const before = this.#rowEndingBefore.get(end);
      return { row, before: before === undefined ? undefined : toRow(before) };
    });
  }

  /** Bytes of all rows together that end behind `index`. */
  bodyBytesBehind(index: number): number {
    const sql = "SELECT total(length(body)) AS bytes FROM batch WHERE last_index > ?";
    const bytes = this.#reading(() => this.#database.prepare(sql).get(index)?.bytes);
    return typeof bytes === "number" ? bytes : 0;
  }

  /**
   * Does `changes`, which follow each other, in one transaction.
   *
   * @throws {DiskFull} nothing is changed
   * @throws {StorageFailed} the process must end
   */
  write(changes: readonly RaftLogChange[], journal: JournalPoint): void {
    const last = changes.at(-1);
    if (last === undefined) return;
    try {
      this.#begin.run();
      for (const change of changes) this.#apply(change);
      const body = JSON.stringify({ ...last.state, journal });
      this.#writeState.run(body, checksumOf(body));
      this.#commit.run();
    } catch (cause) {
      const failure = failureOf(`write "${this.#path}"`, cause);
      this.#rollBack();
      throw failure;
    }
    for (const { insert } of changes) {
      for (const { body } of insert) this.#walBytes += body.byteLength;
    }
  }

  /** As {@linkcode write}, of one change; durable on return, with all before it. */
  writeDurably(change: RaftLogChange, journal: JournalPoint): void {
    if (this.#walBytes >= WAL_BYTES_MAX) this.checkpoint();
    this.#setSynchronous("FULL");
    try {
      this.write([change], journal);
    } finally {
      this.#setSynchronous("NORMAL");
    }
  }

  /**
   * Moves the write-ahead log into the database; all that was written is durable on return. SQLite
   * would do it by itself, but would then keep a failed fsync to itself as well.
   *
   * @throws {DiskFull} nothing is lost, and less is durable
   * @throws {StorageFailed} the process must end
   */
  checkpoint(): void {
    const action = `move the write-ahead log of "${this.#path}" into it`;
    let busy: unknown;
    try {
      busy = this.#checkpoint.get()?.busy;
    } catch (cause) {
      throw failureOf(action, cause);
    }
    if (busy !== 0) throw new StorageFailed(`Cannot ${action}: it is in use`);
    this.#walBytes = 0;
  }

  close(): void {
    this.#database.close();
  }

  #apply({ deleteFrom, deleteThrough, insert }: RaftLogChange): void {
    if (deleteFrom !== undefined) this.#deleteFrom.run(deleteFrom);
    if (deleteThrough !== undefined) this.#deleteThrough.run(deleteThrough);
    for (const { lastIndex, firstIndex, chain, body } of insert) {
      this.#insert.run(lastIndex, firstIndex, chain, body);
    }
  }

  #setSynchronous(mode: "FULL" | "NORMAL"): void {
    try {
      this.#database.exec(`PRAGMA synchronous = ${mode}`);
    } catch (cause) {
      throw failureOf(`set how "${this.#path}" is written`, cause);
    }
  }

  /** SQLite has rolled back already after some errors; then there is nothing left to do. */
  #rollBack(): void {
    try {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
    } catch (cause) {
      throw failureOf(`roll back "${this.#path}"`, cause);
    }
  }

  #reading<Result>(read: () => Result): Result {
    try {
      return read();
    } catch (cause) {
      throw failureOf(`read "${this.#path}"`, cause);
    }
  }
}

function openDatabase(path: string): DatabaseSync {
  try {
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
    assertPragma(database, path, "journal_mode", "wal");
    assertPragma(database, path, "synchronous", 1);
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
    const detail = cause instanceof Error ? cause.message : String(cause);
    const advice = isDamage(cause) ? `. ${REJOIN_ADVICE}` : "";
    throw new RaftLogRefused(`Cannot open "${path}": ${detail}${advice}`, { cause });
  }
}

function assertPragma(
  database: DatabaseSync,
  path: string,
  name: string,
  wanted: string | number,
): void {
  const found = database.prepare(`PRAGMA ${name}`).get()?.[name];
  if (found !== wanted) {
    throw new RaftLogRefused(
      `Cannot open "${path}": ${name} is ${found}, but must be ${wanted}; does the file system ` +
        "support shared memory and locks? Use a local disk",
    );
  }
}

function toRow(value: Record<string, unknown>): Row {
  const { first_index, last_index, chain, body } = value;
  const sound = typeof first_index === "number" && typeof last_index === "number" &&
    chain instanceof Uint8Array && body instanceof Uint8Array;
  if (!sound) {
    throw new Error("a row lacks the columns it should have");
  }
  return { firstIndex: first_index, lastIndex: last_index, chain, body };
}

function checksumOf(text: string): string {
  return hash("sha256", text, "hex");
}
