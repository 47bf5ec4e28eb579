/**
 * `raft.db` itself: its tables, and what one transaction does. Knows nothing of journal and marker. A
 * transaction is durable with the next checkpoint; until then the journal has what it did.
 */

import { hash } from "node:crypto";
import { closeSync } from "node:fs";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { HardState, SnapshotMetadata } from "../raft/mod.ts";
import { openDatabase, openFiles } from "./raft_log_open.ts";
import type { Row } from "./raft_log_rows.ts";
import {
  failureOf,
  inOneLine,
  RaftLogRefused,
  REJOIN_ADVICE,
  type StorageFailed,
} from "./storage_failure.ts";
import { WalMove } from "./wal_move.ts";

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

/** Rows in memory at once while all are read; one may have a MB. */
const ROWS_READ_MAX = 64;

/** An open, exclusively locked `raft.db`. */
export class RaftLogFile {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #insert: StatementSync;
  readonly #deleteFrom: StatementSync;
  readonly #deleteThrough: StatementSync;
  readonly #writeState: StatementSync;
  readonly #rowEndingAtOrAfter: StatementSync;
  readonly #rowEndingBefore: StatementSync;
  /** The write-ahead log and the database once more, to be synced off the loop. */
  readonly #files: { readonly log: number; readonly database: number };
  /** Of rows that are in the write-ahead log alone. */
  #walBytes = 0;
  readonly #move: WalMove;

  /** @throws {RaftLogRefused} when it is locked, or not a database, or has not our tables */
  constructor(path: string) {
    this.#path = path;
    this.#database = openDatabase(path);
    this.#files = openFiles(path, this.#database);
    const prepare = (sql: string) => prepared(this.#database, sql, path);
    this.#begin = prepare("BEGIN IMMEDIATE");
    this.#commit = prepare("COMMIT");
    this.#move = new WalMove({
      path,
      database: this.#database,
      files: this.#files,
      onMoved: () => this.#walBytes = 0,
    });
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

  /**
   * Does `changes`, which follow each other, in one transaction.
   *
   * @throws {DiskFull} nothing is changed
   * @throws {StorageFailed} the process must end
   */
  write(changes: readonly RaftLogChange[], journal: JournalPoint): void {
    const last = changes.at(-1);
    if (last === undefined) return;
    this.#move.settle();
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

  /** Bytes of rows that are in the write-ahead log alone. */
  get walBytes(): number {
    return this.#walBytes;
  }

  /** Whether a move is under way: a write now would have to end it first. */
  get isMoving(): boolean {
    return this.#move.isUnderWay;
  }

  /**
   * Moves the write-ahead log into the database; all that was written is durable on return.
   *
   * @throws {DiskFull} nothing is lost, and less is durable
   * @throws {StorageFailed} the process must end
   */
  checkpoint(): void {
    this.#move.now();
  }

  /**
   * Begins a checkpoint whose waiting for the disk is done off the loop, so that the next
   * {@linkcode checkpoint} finds little to do. Nothing is to be written meanwhile: a write ends it.
   *
   * @param failed told of a failure after which the process must end
   */
  moveLater(failed: (failure: StorageFailed) => void): void {
    this.#move.begin(failed);
  }

  close(): void {
    this.#move.end();
    this.#database.close();
    // Not before: closing any file of a database gives up this process's locks on it.
    closeSync(this.#files.log);
    closeSync(this.#files.database);
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

/** A bit that flips in a column's name leaves a database that is sound to SQLite. */
function prepared(database: DatabaseSync, sql: string, path: string): StatementSync {
  try {
    return database.prepare(sql);
  } catch (cause) {
    const found = inOneLine(cause);
    throw new RaftLogRefused(`Cannot open "${path}": it is damaged (${found}). ${REJOIN_ADVICE}`, {
      cause,
    });
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
