/**
 * The three files of a Raft log as one: a commit is durable by one record of `raft.journal`, is noted
 * in `raft.marker`, and comes into `raft.db` later, together with others.
 *
 * Until it is there it is kept in memory, in order. Before an area of the journal is written again,
 * and at an orderly stop, everything goes to the database, which is then made durable. That holds up
 * whoever appends, and so most of it is done before, off the loop, an eighth of an area at a time.
 */

import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DiskFull, NO_MEMBERSHIP } from "../raft/mod.ts";
import { createDataDirectory } from "./data_directory.ts";
import { DurableMarker, MARKER_FORMAT } from "./durable_marker.ts";
import type { MarkerRecord } from "./durable_marker.ts";
import { syncDirectoryOf } from "./job_store_file.ts";
import { checkJournal } from "./raft_journal_check.ts";
import { AREA_BYTES, RaftJournal } from "./raft_journal.ts";
import { packContent, type PackedContent } from "./raft_journal_record.ts";
import { checkFirstFormat, checkIdentity, checkMarkerFile } from "./raft_log_check.ts";
import type { RaftLogPaths } from "./raft_log_check.ts";
import { RAFT_LOG_FORMAT, RaftLogFile } from "./raft_log_file.ts";
import type { RaftLogChange, RaftLogIdentity, StateRow, StoredState } from "./raft_log_file.ts";
import { CHAIN_START } from "./raft_log_rows.ts";
import {
  failureOf,
  isDamage,
  RaftLogRefused,
  REJOIN_ADVICE,
  StorageFailed,
} from "./storage_failure.ts";

/** Names of the files in a data directory. */
export const RAFT_LOG_FILES = {
  database: "raft.db",
  journal: "raft.journal",
  marker: "raft.marker",
} as const;

/** Commits that wait for the database, and bytes of their rows as a part of the journal's area. */
const WAITING_MAX = 64;
const WAITING_PART = 1 / 16;

/** So many times as much waits while the database is not to be written. */
const PATIENCE = 4;

/** From so much of an area on, the database's write-ahead log is moved into it. */
const MOVED_PART = 1 / 8;

/** What stands before the first record of a journal. */
const NO_HASH = CHAIN_START.toHex();

/** How long a commit took, in ms. */
export interface CommitDuration {
  readonly durationMs: number;
  /** Of that, what the disk took to make it durable. */
  readonly syncMs: number;
}

/** See the module's text. */
export class RaftLogFiles {
  readonly #database: RaftLogFile;
  readonly #journal: RaftJournal;
  readonly #marker: DurableMarker;
  #state: StateRow;
  /** Of the marker's last record. */
  #serial: number;
  /** The marker was not told of the last commit, since there was no room. */
  #owesNote = false;
  /** Commits that the database lacks, oldest first. */
  #waiting: RaftLogChange[] = [];
  #waitingBytes = 0;
  #firstWaiting = Infinity;
  /** A file failed: nothing more may be written. */
  #hasFailed = false;
  /** It failed off the loop, and the next who writes is to be told. */
  #failure: StorageFailed | undefined;

  /** Told of each commit. */
  onCommitted: (duration: CommitDuration) => void = () => {};

  private constructor(
    database: RaftLogFile,
    journal: RaftJournal,
    marker: DurableMarker,
    state: StateRow,
    serial: number,
  ) {
    this.#database = database;
    this.#journal = journal;
    this.#marker = marker;
    this.#state = state;
    this.#serial = serial;
  }

  /** Whether `directory` holds files of a log. */
  static exist(directory: string): boolean {
    return Object.values(RAFT_LOG_FILES).some((name) => existsSync(join(directory, name)));
  }

  /**
   * Makes the files of a log that begins with `rows` and `state`: cut short by a crash, there are none, or
   * {@linkcode open} goes on with them.
   *
   * @throws {RaftLogRefused} when there are files already
   */
  static create(
    directory: string,
    beginning: RaftLogChange,
    areaBytes: number = AREA_BYTES,
  ): RaftLogFiles {
    createDataDirectory(directory);
    const paths = pathsIn(directory);
    makeDatabase(paths.database, beginning, () => {
      if (!RaftLogFiles.exist(directory)) return;
      throw new RaftLogRefused(`Cannot make a Raft log in "${directory}": there is one already`);
    });
    const database = new RaftLogFile(paths.database);
    try {
      return RaftLogFiles.#begun(database, beginning.state, paths, areaBytes);
    } catch (cause) {
      database.close();
      throw cause;
    }
  }

  /**
   * Opens what is there, and brings the database up to the journal's end.
   *
   * @throws {RaftLogRefused} when the files must not be used; nothing is lost by that
   * @throws {DiskFull} when there is no room for what the journal holds
   */
  static open(
    directory: string,
    expected: { readonly nodeId?: string; readonly clusterId?: string },
  ): RaftLogFiles {
    const paths = pathsIn(directory);
    if (!existsSync(paths.database)) {
      throw new RaftLogRefused(
        `Cannot open "${paths.database}": it is missing, though "${paths.marker}" says that this ` +
          `node took part in a cluster; put the file back. ${REJOIN_ADVICE}`,
      );
    }
    const database = new RaftLogFile(paths.database);
    try {
      const stored = checkIdentity(database.readState(), paths, expected);
      if (isUnbegun(stored, paths)) return RaftLogFiles.#begun(database, stored, paths);
      if (stored.format === 1) return RaftLogFiles.#takenOver(database, stored, paths);
      return RaftLogFiles.#opened(database, stored, paths);
    } catch (cause) {
      database.close();
      throw cause;
    }
  }

  /** Makes the files that a new directory lacks. The database counts its first commit when all is there. */
  static #begun(
    database: RaftLogFile,
    unbegun: StateRow,
    paths: RaftLogPaths,
    areaBytes: number = AREA_BYTES,
  ): RaftLogFiles {
    const state = { ...unbegun, generation: 1 };
    const journal = RaftJournal.create(paths.journal, state, NO_HASH, areaBytes);
    const marker = DurableMarker.create(paths.marker, markerOf(state, 1));
    database.writeDurably({ insert: [], state }, { hash: NO_HASH, isAhead: false });
    database.checkpoint();
    return new RaftLogFiles(database, journal, marker, state, 1);
  }

  /** A directory of format 1, which has no journal. Cut short, it is begun again at the next start. */
  static #takenOver(
    database: RaftLogFile,
    stored: StoredState,
    paths: RaftLogPaths,
  ): RaftLogFiles {
    const isFirst = stored.generation === 1 && !existsSync(paths.marker);
    // The crash came while that directory was being made: nothing was promised yet.
    if (isFirst) DurableMarker.create(paths.marker, markerOf(stored, 0)).close();
    const found = checkMarkerFile(stored, markerAt(paths), paths, existsSync(paths.marker));
    checkFirstFormat(stored, found, paths);
    const marker = DurableMarker.open(paths.marker);
    // It may be one commit behind, of which the journal will know nothing.
    marker.write(markerOf(stored, 1));
    const state = { ...stored, format: RAFT_LOG_FORMAT, generation: stored.generation + 1 };
    const journal = RaftJournal.create(paths.journal, state, NO_HASH);
    database.writeDurably({ insert: [], state }, { hash: NO_HASH, isAhead: false });
    database.checkpoint();
    marker.write(markerOf(state, 2));
    // Twice, so that the file has room for notes from now on: format 1 had none.
    marker.note(markerOf(state, 3));
    marker.note(markerOf(state, 4));
    return new RaftLogFiles(database, journal, marker, state, 4);
  }

  static #opened(database: RaftLogFile, stored: StoredState, paths: RaftLogPaths): RaftLogFiles {
    const found = RaftJournal.read(paths.journal);
    const record = checkMarkerFile(stored, markerAt(paths), paths, existsSync(paths.marker));
    const { missing, end, lacksStart } = checkJournal(stored, record, found, paths);
    const state = missing.at(-1)?.state ?? withoutPoint(stored);
    const journal = end === undefined || found === undefined
      ? RaftJournal.create(paths.journal, state, stored.journal?.hash ?? NO_HASH)
      : RaftJournal.open(paths.journal, found, end);
    const serial = record.serial ?? 0;
    const marker = DurableMarker.open(paths.marker);
    const files = new RaftLogFiles(database, journal, marker, state, serial);
    try {
      files.#waiting.push(...missing);
      files.flush();
      if (lacksStart) {
        // A killed process may have left it in memory alone.
        database.checkpoint();
        files.#append(packContent({ kind: "start", state }));
      }
      marker.write(files.#markerOf(state));
      return files;
    } catch (cause) {
      journal.close();
      marker.close();
      throw cause;
    }
  }

  /** As of the last commit. */
  get state(): StateRow {
    return this.#state;
  }

  /** Holds entries below {@linkcode firstWaiting}; those behind it must be kept in memory. */
  get database(): RaftLogFile {
    return this.#database;
  }

  /** Index of the first entry that the database may lack. */
  get firstWaiting(): number {
    return this.#firstWaiting;
  }

  /**
   * One commit; durable on return.
   *
   * @param firstIndex of the entries that it brings
   * @throws {DiskFull} nothing is changed
   * @throws {StorageFailed} the process must end
   */
  commit(change: RaftLogChange, firstIndex: number = Infinity): void {
    this.#orFail(() => {
      // Before this commit, which must not be accepted if the marker lags behind one that was.
      if (this.#owesNote) this.#note();
      const startedMs = performance.now();
      const state = { ...change.state, generation: this.#state.generation + 1 };
      const numbered = { ...change, state };
      const content = packContent({ kind: "change", change: numbered });
      const bytes = bodyBytes(numbered);
      // Before this commit, which must not be accepted if there is no room for what waits already.
      if (this.#isMuch(bytes)) this.#flushAndMove();
      const isJournaled = this.#journal.canHold(content);
      const syncMs = isJournaled ? this.#append(content) : this.#writeThrough(numbered);
      if (isJournaled) {
        this.#waiting.push(numbered);
        this.#waitingBytes += bytes;
        this.#firstWaiting = Math.min(this.#firstWaiting, firstIndex);
      }
      this.#state = state;
      this.#noteIfRoom();
      this.onCommitted({ durationMs: performance.now() - startedMs, syncMs });
    });
  }

  /**
   * Brings the database up to the last commit.
   *
   * @throws {DiskFull} nothing is changed
   * @throws {StorageFailed} the process must end
   */
  flush(): void {
    this.#orFail(() => {
      this.#database.write(this.#waiting, { hash: this.#journal.lastHash, isAhead: false });
      this.#waiting = [];
      this.#waitingBytes = 0;
      this.#firstWaiting = Infinity;
    });
  }

  #note(): void {
    this.#marker.note(this.#markerOf(this.#state));
    this.#owesNote = false;
  }

  /** The commit is in the journal, whatever room there is: it must not be made again. */
  #noteIfRoom(): void {
    try {
      this.#note();
    } catch (cause) {
      if (!(cause instanceof DiskFull)) throw cause;
      this.#owesNote = true;
    }
  }

  #isMuch(bytes: number): boolean {
    const times = this.#database.isMoving ? PATIENCE : 1;
    return this.#waiting.length >= times * WAITING_MAX ||
      this.#waitingBytes + bytes > times * WAITING_PART * this.#journal.areaBytes;
  }

  #flushAndMove(): void {
    this.flush();
    if (this.#database.walBytes < MOVED_PART * this.#journal.areaBytes) return;
    this.#database.moveLater((failure) => {
      this.#failure = failure;
    });
  }

  /** Makes the database whole and durable, unless a file has failed, and releases the lock. */
  close(): void {
    try {
      if (!this.#hasFailed && this.#failure === undefined) this.#stop();
    } finally {
      this.#database.close();
      this.#journal.close();
      this.#marker.close();
    }
  }

  /** Releases the lock, and leaves all as it is. */
  abandon(): void {
    this.#hasFailed = true;
    this.close();
  }

  #stop(): void {
    try {
      this.#makeDurable();
      this.#marker.write({ ...this.#markerOf(this.#state), isStopped: true });
    } catch (cause) {
      // The journal has everything, and the next start begins with it.
      if (!(cause instanceof DiskFull)) throw cause;
    }
  }

  /** Returns how long the disk took, in ms. */
  #append(content: PackedContent): number {
    if (!this.#journal.fits(content)) {
      this.#makeDurable();
      this.#marker.write(this.#markerOf(this.#state));
      this.#journal.changeArea();
    }
    const startedMs = performance.now();
    this.#journal.append(content);
    return performance.now() - startedMs;
  }

  /** A commit that no area of the journal holds: the database first, then a word of it in the journal. */
  #writeThrough(change: RaftLogChange): number {
    this.flush();
    const startedMs = performance.now();
    const point = { hash: this.#journal.lastHash, isAhead: true };
    this.#database.writeDurably(change, point);
    const tookMs = performance.now() - startedMs;
    try {
      return tookMs + this.#append(packContent({ kind: "start", state: change.state }));
    } catch (cause) {
      // It is in the database: there is no way back.
      if (!(cause instanceof DiskFull)) throw cause;
      throw new StorageFailed(`${cause.message}, in the middle of a commit`, { cause });
    }
  }

  #makeDurable(): void {
    this.flush();
    this.#database.checkpoint();
  }

  #markerOf(state: StateRow): MarkerRecord {
    return markerOf(state, ++this.#serial);
  }

  /** Remembers that a file failed. */
  #orFail(work: () => void): void {
    try {
      if (this.#failure !== undefined) throw this.#failure;
      work();
    } catch (cause) {
      if (!(cause instanceof DiskFull)) this.#hasFailed = true;
      throw cause;
    }
  }
}

/** Where the files of a log are. */
export function pathsIn(directory: string): RaftLogPaths {
  return {
    database: join(directory, RAFT_LOG_FILES.database),
    journal: join(directory, RAFT_LOG_FILES.journal),
    marker: join(directory, RAFT_LOG_FILES.marker),
  };
}

/** The marker's newest record; `undefined`: there is no file, or none is whole. */
export function markerAt({ marker }: RaftLogPaths): MarkerRecord | undefined {
  return existsSync(marker) ? DurableMarker.read(marker) : undefined;
}

/** Whether a crash came while the directory was being made, before anything was promised. */
function isUnbegun({ generation }: StateRow, paths: RaftLogPaths): boolean {
  if (generation > 0) return false;
  const last = Math.max(
    RaftJournal.read(paths.journal)?.lastGeneration ?? 0,
    markerAt(paths)?.generation ?? 0,
  );
  if (last <= 1) return true;
  throw new RaftLogRefused(
    `Cannot use "${paths.database}": it has lost its last ${last} commits: it or its -wal file was ` +
      `damaged, or replaced by an old copy. ${REJOIN_ADVICE}`,
  );
}

/**
 * Under another name until all that it begins with is in it, durably: a file that were empty yet could
 * not be told from one that was emptied.
 *
 * @param refuseOther throws if another process has made one; asked with that name locked
 */
function makeDatabase(path: string, beginning: RaftLogChange, refuseOther: () => void): void {
  const made = `${path}.new`;
  const database = openUnfinished(made);
  try {
    try {
      refuseOther();
      // Whatever a start left that was killed here goes.
      const whole = { ...beginning, deleteFrom: 0 };
      database.writeDurably(whole, { hash: NO_HASH, isAhead: false });
      database.checkpoint();
    } finally {
      database.close();
    }
    renameSync(made, path);
    syncDirectoryOf(path);
  } catch (cause) {
    removeDatabase(made);
    throw cause instanceof RaftLogRefused ? cause : failureOf(`make "${path}"`, cause);
  }
}

/** What a power failure may have spoilt was promised to nobody. */
function openUnfinished(path: string): RaftLogFile {
  try {
    return new RaftLogFile(path);
  } catch (cause) {
    if (!(cause instanceof RaftLogRefused && isDamage(cause.cause))) throw cause;
    removeDatabase(path);
    return new RaftLogFile(path);
  }
}

function removeDatabase(path: string): void {
  for (const each of [path, `${path}-wal`]) rmSync(each, { force: true });
}

/** Of a log that holds nothing yet, and of which nothing was promised. */
export function emptyState(identity: RaftLogIdentity): StateRow {
  return {
    ...identity,
    format: RAFT_LOG_FORMAT,
    generation: 0,
    hardState: { term: 0, vote: null, commit: 0 },
    boundary: { index: 0, term: 0, membership: NO_MEMBERSHIP },
    installing: null,
    baseHash: NO_HASH,
    baseIndex: 0,
    lastIndex: 0,
    lastHash: NO_HASH,
  };
}

function markerOf(state: StateRow, serial: number): MarkerRecord {
  const { clusterId, nodeId, incarnation, generation, lastIndex, lastHash } = state;
  const { term, vote } = state.hardState;
  const identity = { clusterId, nodeId, incarnation };
  return {
    format: MARKER_FORMAT,
    ...identity,
    generation,
    serial,
    term,
    vote,
    lastIndex,
    lastHash,
  };
}

function withoutPoint({ journal: _, ...state }: StoredState): StateRow {
  return state;
}

function bodyBytes({ insert }: RaftLogChange): number {
  return insert.reduce((sum, { body }) => sum + body.byteLength, 0);
}
