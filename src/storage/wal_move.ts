/**
 * Moves what is in a write-ahead log into its database. Most of that time goes by waiting for the disk,
 * which is done off the loop when there is time: the log is synced, then copied without waiting, and
 * then the database is synced.
 */

// By its name, so that a test may stand in for the disk.
import fs from "node:fs";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { failureOf, isFull, StorageFailed } from "./storage_failure.ts";

export interface WalMoveOptions {
  /** Of the database; for messages. */
  readonly path: string;
  /** In WAL mode, `synchronous = NORMAL`, locked for this process. */
  readonly database: DatabaseSync;
  /** The write-ahead log and the database once more, open for writing, to be synced. */
  readonly files: { readonly log: number; readonly database: number };
  /** All that was written when the move began is in the database, and durable. */
  readonly onMoved: () => void;
}

export class WalMove {
  readonly #options: WalMoveOptions;
  readonly #checkpoint: StatementSync;
  /** How far the move is that was begun. */
  #move: { stage: "syncing log" | "syncing database" } | undefined;
  #isEnded = false;

  constructor(options: WalMoveOptions) {
    this.#options = options;
    this.#checkpoint = options.database.prepare("PRAGMA wal_checkpoint(FULL)");
  }

  /** Whether a move is under way: a write now would have to end it first. */
  get isUnderWay(): boolean {
    return this.#move !== undefined;
  }

  /**
   * Begins a move off the loop. Nothing is to be written meanwhile without {@linkcode settle}: before the
   * copy a write ends the move, and behind it would write over the log before the database is durable,
   * so that it waits for it then.
   *
   * @param failed told of a failure after which the process must end
   */
  begin(failed: (failure: StorageFailed) => void): void {
    if (this.#move !== undefined) return;
    const move: { stage: "syncing log" | "syncing database" } = { stage: "syncing log" };
    this.#move = move;
    const step = (file: number, next: () => void) =>
      fs.fsync(file, (cause) => {
        if (this.#isEnded) return;
        // Of a move that was ended, too: what it did not sync, no later one is sure to.
        if (cause !== null && cause !== undefined) return failed(this.#failure(cause));
        // Otherwise a write or a checkpoint came between.
        if (this.#move === move) next();
      });
    /** A checkpoint that must be will meet a full disk, too, and say so. */
    const unlessDiskFull = (act: () => void): boolean => {
      this.#move = undefined;
      try {
        act();
        return true;
      } catch (cause) {
        if (!isFull(cause)) failed(this.#failure(cause));
        return false;
      }
    };
    step(this.#options.files.log, () => {
      if (!unlessDiskFull(() => this.#copyUnsynced())) return;
      this.#move = move;
      move.stage = "syncing database";
      step(this.#options.files.database, () => unlessDiskFull(() => this.#options.onMoved()));
    });
  }

  /**
   * Ends the move under way, if there is one: before a write and a checkpoint.
   *
   * @throws {StorageFailed} the process must end
   */
  settle(): void {
    const move = this.#move;
    this.#move = undefined;
    if (move?.stage !== "syncing database") return;
    try {
      fs.fsyncSync(this.#options.files.database);
    } catch (cause) {
      throw this.#failure(cause);
    }
    this.#options.onMoved();
  }

  /**
   * Moves it at once; all that was written is durable on return. SQLite would do it by itself, but
   * would then keep a failed fsync to itself as well.
   *
   * @throws {DiskFull} nothing is lost, and less is durable
   * @throws {StorageFailed} the process must end
   */
  now(): void {
    this.settle();
    this.#copy();
    this.#options.onMoved();
  }

  /** Nothing is told any more of what is under way: the files are about to be closed. */
  end(): void {
    this.#isEnded = true;
    this.#move = undefined;
  }

  /** Only with all of the write-ahead log durable, and the database is to be synced before a write. */
  #copyUnsynced(): void {
    this.#setSynchronous("OFF");
    try {
      this.#copy();
    } finally {
      this.#setSynchronous("NORMAL");
    }
  }

  #copy(): void {
    let busy: unknown;
    try {
      busy = this.#checkpoint.get()?.busy;
    } catch (cause) {
      throw failureOf(this.#action, cause);
    }
    if (busy !== 0) throw new StorageFailed(`Cannot ${this.#action}: it is in use`);
  }

  #setSynchronous(mode: "NORMAL" | "OFF"): void {
    const { database, path } = this.#options;
    try {
      database.exec(`PRAGMA synchronous = ${mode}`);
    } catch (cause) {
      throw failureOf(`set how "${path}" is written`, cause);
    }
  }

  get #action(): string {
    return `move the write-ahead log of "${this.#options.path}" into it`;
  }

  #failure(cause: unknown): StorageFailed {
    if (cause instanceof StorageFailed) return cause;
    const detail = cause instanceof Error ? cause.message : String(cause);
    return new StorageFailed(`Cannot ${this.#action}: ${detail}`, { cause });
  }
}
