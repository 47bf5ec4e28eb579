/**
 * The replicated state on SQLite: `state.db` of a data directory.
 *
 * A batch is one transaction with the log position that it makes the state of, but it does not wait
 * for the disk: after a power failure the log replays what is missing. Only a checkpoint waits, and
 * what it returns is how far the log may be compacted. Between two checkpoints new rows are in the
 * write-ahead file alone, so the main file stands still, and a snapshot is a plain copy of it, made
 * while the node goes on.
 *
 * @module
 */

import { closeSync, existsSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type {
  EndedJob,
  EndedQuery,
  FinishedFilter,
  FinishedQuery,
  Job,
  JobStore,
  LogPosition,
  StoreBatch,
  StoredJob,
  StoredKey,
  StoredResult,
  StoredState,
} from "../jobs/mod.ts";
import { DiskFull } from "../raft/mod.ts";
import { copyDescriptor } from "./copy_descriptor.ts";
import {
  JOB_STORE_FILE,
  JobStoreDamaged,
  JobStoreRefused,
  openJobStoreFile,
  REBUILD_ADVICE,
  syncDirectoryOf,
  syncPath,
} from "./job_store_file.ts";
import { JobTables } from "./job_store_tables.ts";
import { JOB_STORE_MARKER, JobStoreSeal } from "./job_store_seal.ts";
import { damageIn, damageInSlowly, isDamageOfRows, rowDamageInFile } from "./job_store_check.ts";
import { failureOf, isOfDisk, StorageFailed } from "./storage_failure.ts";
import { WalMove } from "./wal_move.ts";

/**
 * Write-ahead file beyond which a batch is followed by a checkpoint of its own accord, in bytes: one that
 * waits for the disk off the loop, until the next batch comes.
 */
const WAL_BYTES_MOVED = 4 * 1024 * 1024;
/** And beyond which it holds up the node, since batches come faster than the disk takes one. */
const WAL_BYTES_MAX = 4 * WAL_BYTES_MOVED;

/** Who may use a `state.db`. */
export interface JobStoreOptions {
  /** A file of another cluster is refused. Left out: not checked. */
  readonly clusterId?: string;
  /**
   * Told once, whoever meets it, that the disk failed or that something is not what was written: the process
   * must end. From then on everything is refused, and the file is not sealed.
   */
  readonly onFailed?: (failure: StorageFailed) => void;
  /** Makes a file of another cluster this one's: for a backup that founds a new cluster. */
  readonly adopt?: boolean;
}

/** A copy was not made, since its file is not there any more; nothing is wrong with either. */
export class CopyGivenUp extends Error {
  override name = "CopyGivenUp";
}

export class SqliteJobStore implements JobStore {
  readonly #path: string;
  readonly #options: JobStoreOptions;
  readonly #seal: JobStoreSeal;
  #open: OpenFile;
  #applied: LogPosition;
  #durable: LogPosition;
  /** The copy being made: the main file must stand still, or the copy be given up. */
  #copy: AbortController | undefined;
  /** A snapshot that was looked through, and waits to be installed. */
  #soundSnapshot: string | undefined;
  /** Why nobody knows what is on the disk: nothing is tried again, and nothing read. */
  #failure: StorageFailed | undefined;

  private constructor(directory: string, options: JobStoreOptions) {
    this.#path = join(directory, JOB_STORE_FILE);
    this.#options = options;
    this.#seal = new JobStoreSeal(this.#path, join(directory, JOB_STORE_MARKER));
    try {
      this.#open = this.#openFile(() => this.#seal.break());
    } catch (cause) {
      this.#seal.close();
      throw cause;
    }
    try {
      this.#applied = this.#open.tables.applied;
      this.#seal.check(this.#open.database, this.#applied);
      this.#durable = this.#checkpointNow();
    } catch (cause) {
      closeFile(this.#open);
      this.#seal.close();
      throw cause;
    }
  }

  /**
   * Opens `state.db` of a data directory, or makes it.
   * @throws {JobStoreRefused} when it is locked, damaged, of another cluster or of another format
   */
  static open(directory: string, options: JobStoreOptions = {}): SqliteJobStore {
    return new SqliteJobStore(directory, options);
  }

  /**
   * Leaves the file sealed, unless there is no room to make it whole, or for the seal: the log has what it
   * lacks, and the next start looks through it.
   * @throws {StorageFailed} when the file is not sealed, since it is damaged or the disk failed
   */
  close(): void {
    this.#giveUpCopy("was closed");
    try {
      if (this.#makeWhole()) this.#sealIfSound();
    } finally {
      this.#seal.close();
    }
  }

  /** Returns whether everything is in the one file. */
  #makeWhole(): boolean {
    try {
      this.#checkpointNow();
      return true;
    } catch (failure) {
      if (!(failure instanceof DiskFull)) throw failure;
      return false;
    } finally {
      closeFile(this.#open);
    }
  }

  #sealIfSound(): void {
    let found: string;
    try {
      found = this.#seal.seal();
    } catch (failure) {
      if (!(failure instanceof DiskFull)) throw failure;
      return;
    }
    if (found !== "ok") throw damagedFailure(`seal "${this.#path}"`, found);
  }

  get durable(): LogPosition {
    return this.#durable;
  }

  load(): StoredState {
    return this.#reading((tables) => tables.load());
  }

  /**
   * @throws {DiskFull} nothing is changed
   * @throws {StorageFailed} the process must end
   */
  write(batch: StoreBatch): void {
    const { tables, move } = this.#open;
    if (this.#failure !== undefined) throw this.#failure;
    this.#making(() => move.settle());
    try {
      tables.write(batch);
    } catch (cause) {
      const failure = storeFailureOf(`write "${this.#path}"`, cause);
      try {
        tables.rollBack();
      } catch (cause) {
        throw this.#failed(failureOf(`roll back "${this.#path}"`, cause));
      }
      // Anything else is undone: whether the process goes on is for its caller to say.
      throw isDamageOfRows(cause) || isOfDisk(cause) ? this.#failed(failure) : failure;
    }
    this.#applied = batch.applied;
    const walBytes = this.#walBytes();
    if (walBytes > WAL_BYTES_MAX) this.#checkpointIfRoom();
    else if (walBytes > WAL_BYTES_MOVED && this.#copy === undefined) this.#checkpointLater();
  }

  /** Of what is written by now; a batch that comes before it is done ends it, and begins another. */
  #checkpointLater(): void {
    this.#open.move.begin((failure) => void this.#failed(failure));
  }

  /** The batch is written, whatever room there is: it must not be written again. */
  #checkpointIfRoom(): void {
    try {
      this.checkpoint();
    } catch (failure) {
      if (!(failure instanceof DiskFull)) throw failure;
    }
  }

  checkpoint(): LogPosition {
    if (this.#copy === undefined && this.#durable.index < this.#applied.index) {
      this.#durable = this.#checkpointNow();
    }
    return this.#durable;
  }

  /**
   * Copies the state to a new file at `path` while writing goes on. Returns the position that the
   * copy is the state of; the copy is durable then, and its rows are as they were written.
   * @throws {CopyGivenUp} when the state is closed or replaced meanwhile
   * @throws {StorageFailed} when they are not, or the disk failed: the process must end
   */
  async exportSnapshot(path: string): Promise<LogPosition> {
    // A copy of a copy that goes on would be of its position too, not of the present one.
    if (this.#copy !== undefined) {
      throw new Error(`Cannot copy "${this.#path}": a copy is being made`);
    }
    const position = this.#checkpointNow();
    this.#durable = position;
    const copy = this.#copy = new AbortController();
    try {
      await copyDescriptor(this.#open.files.database, path, copy.signal);
      syncDirectoryOf(path);
      const found = await rowDamageInFile(path);
      if (found !== "ok") throw damagedFailure(`copy "${this.#path}"`, found);
      return position;
    } catch (cause) {
      rmSync(path, { force: true });
      copy.signal.throwIfAborted();
      throw this.#failed(failureOf(`copy "${this.#path}" to "${path}"`, cause));
    } finally {
      if (this.#copy === copy) this.#copy = undefined;
    }
  }

  #giveUpCopy(what: string): void {
    this.#copy?.abort(new CopyGivenUp(`"${this.#path}" ${what} before it was copied`));
    this.#copy = undefined;
  }

  /**
   * Puts the snapshot at `path` in the place of the state, whole or not at all; the file at `path`
   * is gone then. The machine on top has to `reload`.
   * @throws {JobStoreRefused} when the file is not a snapshot for this node; nothing is changed
   */
  installSnapshot(path: string): LogPosition {
    if (this.#soundSnapshot !== path) checkSnapshot(path, this.#options);
    this.#soundSnapshot = undefined;
    this.#giveUpCopy("was replaced");
    try {
      syncPath(path);
      // Nothing of the old state may be left to come over the new one.
      this.#checkpointNow();
      closeFile(this.#open);
      for (const suffix of ["-wal", "-shm"]) rmSync(this.#path + suffix, { force: true });
      syncDirectoryOf(this.#path);
      renameSync(path, this.#path);
      syncDirectoryOf(this.#path);
    } catch (cause) {
      throw failureOf(`install snapshot "${path}"`, cause);
    }
    this.#open = this.#openFile();
    this.#applied = this.#open.tables.applied;
    this.#durable = this.#checkpointNow();
    return this.#applied;
  }

  /**
   * What is wrong with the file at `path`, which is looked through a little at a time. If nothing is, it is to
   * be left alone until it is installed.
   */
  async snapshotFault(path: string): Promise<string | undefined> {
    this.#soundSnapshot = undefined;
    try {
      const file = openSnapshot(path, this.#options);
      try {
        refuseDamaged(path, await damageInSlowly(file.database));
      } finally {
        closeFile(file);
      }
    } catch (failure) {
      if (!(failure instanceof JobStoreRefused)) throw failure;
      return failure.message;
    }
    this.#soundSnapshot = path;
    return undefined;
  }

  finishedById(id: string): StoredJob | undefined {
    return this.#reading((tables) => tables.finishedById(id));
  }

  finishedBySeq(seq: number): StoredJob | undefined {
    return this.#reading((tables) => tables.finishedBySeq(seq));
  }

  listFinished(query: FinishedQuery): Job[] {
    return this.#reading((tables) => tables.listFinished(query));
  }

  listEnded(query: EndedQuery): EndedJob[] {
    return this.#reading((tables) => tables.listEnded(query));
  }

  firstSeqFrom(atMs: number): number | undefined {
    return this.#reading((tables) => tables.firstSeqFrom(atMs));
  }

  countFinished(filter: FinishedFilter, countMax: number): number {
    return this.#reading((tables) => tables.countFinished(filter, countMax));
  }

  payload(seq: number): Uint8Array | undefined {
    return this.#reading((tables) => tables.payload(seq));
  }

  result(seq: number): StoredResult | undefined {
    return this.#reading((tables) => tables.result(seq));
  }

  findKey(key: string): StoredKey | undefined {
    return this.#reading((tables) => tables.findKey(key));
  }

  scanFinished(): Iterable<StoredJob> {
    return this.#reading((tables) => tables.scanFinished());
  }

  scanKeys(): Iterable<StoredKey> {
    return this.#reading((tables) => tables.scanKeys());
  }

  /** Moves everything into the main file and waits for the disk. */
  #checkpointNow(): LogPosition {
    if (this.#failure !== undefined) throw this.#failure;
    this.#making(() => this.#open.move.now());
    return this.#durable;
  }

  /** Everything that was written is in the main file, and durable. */
  #moved(): void {
    // Nothing is left to be copied, so this empties the file and no more.
    const row = this.#open.database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
    if (row?.busy !== 0) throw new Error("a statement is still reading");
    this.#seal.durable(this.#applied);
    this.#durable = this.#applied;
  }

  #making(durable: () => void): void {
    try {
      durable();
    } catch (cause) {
      throw this.#failed(failureOf(`make "${this.#path}" durable`, cause));
    }
  }

  /** Of a full disk nothing more is said: that passes. */
  #failed(failure: Error): Error {
    if (!(failure instanceof StorageFailed) || this.#failure !== undefined) return failure;
    this.#failure = failure;
    this.#options.onFailed?.(failure);
    return failure;
  }

  #openFile(beforeChange?: () => void): OpenFile {
    return openFile(this.#path, this.#options, { beforeChange, onMoved: () => this.#moved() });
  }

  #walBytes(): number {
    return statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  }

  #reading<Result>(read: (tables: JobTables) => Result): Result {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return read(this.#open.tables);
    } catch (cause) {
      // Anything else is no word on the disk, and ends nothing but the call.
      if (!isDamageOfRows(cause) && !isOfDisk(cause)) throw cause;
      throw this.#failed(storeFailureOf(`read "${this.#path}"`, cause));
    }
  }
}

function storeFailureOf(action: string, cause: unknown): Error {
  if (!isDamageOfRows(cause)) return failureOf(action, cause);
  return damagedFailure(action, cause instanceof Error ? cause.message : String(cause), cause);
}

function damagedFailure(action: string, found: string, cause?: unknown): StorageFailed {
  return new StorageFailed(`Cannot ${action}: ${found}. ${REBUILD_ADVICE}`, { cause });
}

interface OpenFile {
  readonly database: DatabaseSync;
  readonly tables: JobTables;
  readonly move: WalMove;
  /**
   * For copies and syncs. They stay open as long as the database, because closing any descriptor of a
   * file takes away all locks that the process has on it (POSIX), SQLite's too.
   */
  readonly files: { readonly log: number; readonly database: number };
}

interface Hooks {
  readonly beforeChange?: (() => void) | undefined;
  /** Of what {@linkcode OpenFile.move} does. */
  readonly onMoved?: () => void;
}

function openFile(
  path: string,
  options: JobStoreOptions,
  { beforeChange, onMoved = () => {} }: Hooks = {},
): OpenFile {
  const database = openJobStoreFile(path, beforeChange);
  try {
    checkCluster(database, path, options);
    const tables = new JobTables(database);
    void tables.applied; // reads and checks the one row that everything hangs on
    const files = { log: openSync(`${path}-wal`, "r+"), database: openSync(path, "r+") };
    return { database, tables, files, move: new WalMove({ path, database, files, onMoved }) };
  } catch (cause) {
    database.close();
    if (cause instanceof JobStoreRefused) throw cause;
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new JobStoreRefused(`Cannot open "${path}": ${detail}. ${REBUILD_ADVICE}`, { cause });
  }
}

function closeFile({ database, files, move }: OpenFile): void {
  move.end();
  database.close();
  closeSync(files.log);
  closeSync(files.database);
}

/** A new file becomes the cluster's; an old one must be. */
function checkCluster(
  database: DatabaseSync,
  path: string,
  { clusterId, adopt = false }: JobStoreOptions,
): void {
  if (clusterId === undefined) return;
  const found = database.prepare("SELECT cluster_id FROM identity").get()?.cluster_id;
  if (found === undefined) {
    database.prepare("INSERT INTO identity VALUES (1, ?)").run(clusterId);
  } else if (found !== clusterId && adopt) {
    database.prepare("UPDATE identity SET cluster_id = ?").run(clusterId);
  } else if (found !== clusterId) {
    throw new JobStoreRefused(
      `Cannot open "${path}": it belongs to cluster ${String(found)}, and this node to cluster ` +
        `${clusterId}; is this the right data directory?`,
    );
  }
}

/** Opens the file as the state would be, and looks through it, before the old state is gone. */
function checkSnapshot(path: string, options: JobStoreOptions): void {
  const file = openSnapshot(path, options);
  try {
    refuseDamaged(path, damageIn(file.database));
  } finally {
    closeFile(file);
  }
}

function openSnapshot(path: string, options: JobStoreOptions): OpenFile {
  if (!existsSync(path)) {
    throw new JobStoreRefused(`Cannot install snapshot "${path}": there is no such file`);
  }
  const file = openFile(path, options);
  if (file.tables.applied.index > 0) return file;
  closeFile(file);
  throw new JobStoreRefused(`Cannot install snapshot "${path}": it holds no state`);
}

function refuseDamaged(path: string, found: string): void {
  if (found === "ok") return;
  throw new JobStoreDamaged(`Cannot install snapshot "${path}": it is damaged (${found})`, found);
}
