/**
 * The durable Raft log on SQLite. Two files of the data directory: `raft.db` holds entries and hard
 * state, and `raft.marker` says how far it had come. Order: database, marker, then the answer.
 *
 * Every transaction counts a generation, in both files. So after a crash the database is at most one
 * ahead of the marker; a database behind it has lost what it had acknowledged, and is refused.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { entryBytes, NO_MEMBERSHIP } from "../raft/mod.ts";
import type { Entry, HardState, LogStore, SnapshotMetadata } from "../raft/mod.ts";
import { DurableMarker, MARKER_FORMAT } from "./durable_marker.ts";
import { createDataDirectory } from "./data_directory.ts";
import { RAFT_LOG_FORMAT, RaftLogFile } from "./raft_log_file.ts";
import type { RaftLogChange, RaftLogIdentity, StateRow } from "./raft_log_file.ts";
import { TailCache, TermRuns } from "./raft_log_index.ts";
import { CHAIN_START, chainHash, packRows, unpackRow } from "./raft_log_rows.ts";
import type { Row } from "./raft_log_rows.ts";
import { checkIdentity, checkMarker, RowChecker } from "./raft_log_check.ts";
import { RaftLogRefused, REJOIN_ADVICE, StorageFailed } from "./storage_failure.ts";

/** Entries kept in memory beside the database, in bytes. */
const CACHE_BYTES_MAX = 8 * 1024 * 1024;

/** Names of the two files in a data directory. */
export const RAFT_LOG_FILES = { database: "raft.db", marker: "raft.marker" } as const;

/** See the module's text. Entries given to it must not be changed afterwards. */
export class SqliteRaftLog implements LogStore {
  readonly #file: RaftLogFile;
  readonly #marker: DurableMarker;
  readonly #terms = new TermRuns();
  readonly #tail = new TailCache(CACHE_BYTES_MAX);
  #state: StateRow;
  /** Hash of the last row. */
  #chain: Uint8Array = CHAIN_START;
  #retainedBytes = 0;
  #membershipEntries: Entry[] = [];

  /** Told how long each durable append took: database and marker together, in ms. */
  onAppended: (durationMs: number, markerMs: number) => void = () => {};

  private constructor(file: RaftLogFile, marker: DurableMarker, state: StateRow) {
    this.#file = file;
    this.#marker = marker;
    this.#state = state;
  }

  /** Whether `directory` holds a Raft log, or a part of one. */
  static exists(directory: string): boolean {
    const { database, marker } = RAFT_LOG_FILES;
    return existsSync(join(directory, database)) || existsSync(join(directory, marker));
  }

  /**
   * Makes an empty log.
   *
   * @throws {RaftLogRefused} when there is one already
   * @throws {DataDirectoryRefused} when the directory cannot be used
   */
  static create(directory: string, identity: RaftLogIdentity): SqliteRaftLog {
    createDataDirectory(directory);
    if (SqliteRaftLog.exists(directory)) {
      throw new RaftLogRefused(`Cannot make a Raft log in "${directory}": there is one already`);
    }
    const paths = pathsIn(directory);
    const file = new RaftLogFile(paths.database);
    const state = emptyState(identity);
    file.write({ insert: [], state });
    return new SqliteRaftLog(file, DurableMarker.create(paths.marker, markerOf(state)), state);
  }

  /**
   * Opens and checks an existing log: every hash, and that it is not behind its marker.
   *
   * @param expected the node that wants to run on it and the cluster, as far as they are known
   * @throws {RaftLogRefused} when the files must not be used
   */
  static open(
    directory: string,
    expected: { readonly nodeId?: string; readonly clusterId?: string },
  ): SqliteRaftLog {
    const paths = pathsIn(directory);
    if (!existsSync(paths.database)) {
      throw new RaftLogRefused(
        `Cannot open "${paths.database}": it is missing, though "${paths.marker}" says that this ` +
          `node took part in a cluster; put the file back. ${REJOIN_ADVICE}`,
      );
    }
    const file = new RaftLogFile(paths.database);
    try {
      return SqliteRaftLog.#checked(file, paths, expected);
    } catch (cause) {
      file.close();
      if (!(cause instanceof StorageFailed)) throw cause;
      // Found before this process promised anything, so it is a refusal and no failure.
      throw new RaftLogRefused(`${cause.message}. ${REJOIN_ADVICE}`, { cause });
    }
  }

  static #checked(
    file: RaftLogFile,
    paths: { readonly database: string; readonly marker: string },
    expected: { readonly nodeId?: string; readonly clusterId?: string },
  ): SqliteRaftLog {
    const state = file.readState();
    const sound = checkIdentity(state, paths, expected);
    const present = existsSync(paths.marker);
    const found = present ? DurableMarker.read(paths.marker) : undefined;
    const relation = checkMarker(sound, found, paths, present);
    const marker = present
      ? DurableMarker.open(paths.marker)
      : DurableMarker.create(paths.marker, markerOf(sound));
    try {
      const log = new SqliteRaftLog(file, marker, sound);
      log.#loadRows(new RowChecker(sound, paths.database));
      if (relation === "marker_is_one_behind") marker.write(markerOf(sound));
      return log;
    } catch (error) {
      marker.close();
      throw error;
    }
  }

  get identity(): RaftLogIdentity {
    const { clusterId, nodeId, incarnation } = this.#state;
    return { clusterId, nodeId, incarnation };
  }

  get hardState(): HardState {
    return this.#state.hardState;
  }

  get boundary(): SnapshotMetadata {
    return this.#state.boundary;
  }

  get installing(): SnapshotMetadata | undefined {
    return this.#state.installing ?? undefined;
  }

  get lastIndex(): number {
    return this.#state.lastIndex;
  }

  get retainedBytes(): number {
    return this.#retainedBytes;
  }

  membershipEntries(): readonly Entry[] {
    return this.#membershipEntries.filter(({ index }) => index > this.boundary.index);
  }

  term(index: number): number {
    const { boundary } = this;
    if (index === boundary.index) return boundary.term;
    const term = index > boundary.index && index <= this.lastIndex
      ? this.#terms.at(index)
      : undefined;
    if (term === undefined) throw this.#outside(index);
    return term;
  }

  entries(from: number, through: number, bytesMax: number): readonly Entry[] {
    if (from <= this.boundary.index || through > this.lastIndex || from > through) {
      throw this.#outside(from);
    }
    if (from >= this.#tail.firstIndex) return this.#tail.read(from, through, bytesMax);
    return this.#readRows(from, through, bytesMax);
  }

  append(entries: readonly Entry[], hardState: HardState): void {
    const first = entries[0];
    if (first === undefined) {
      this.#write({ insert: [], state: { ...this.#state, hardState } });
      return;
    }
    if (first.index > this.lastIndex + 1 || first.index <= this.boundary.index) {
      throw this.#outside(first.index);
    }
    const cut = first.index <= this.lastIndex ? this.#cutting(first.index) : undefined;
    const kept = cut === undefined ? [] : cut.kept;
    const chain = cut === undefined ? this.#chain : cut.chain;
    const rows = packRows(kept.length > 0 ? [...kept, ...entries] : entries, chain);
    this.#write({
      ...(cut === undefined ? {} : { deleteFrom: first.index }),
      insert: rows,
      state: { ...this.#state, hardState, ...endOf(rows) },
    });
    if (cut !== undefined) this.#forgetFrom(first.index, cut.removedBytes);
    this.#remember(entries);
    this.#tail.add(entries);
    this.#chain = rows.at(-1)?.chain ?? this.#chain;
  }

  compact(boundary: SnapshotMetadata): void {
    if (boundary.index <= this.boundary.index) return;
    if (boundary.index > this.lastIndex) throw this.#outside(boundary.index);
    // The row that straddles the boundary stays whole; what it holds below is out of reach.
    const { row, before } = this.#file.rowAround(boundary.index + 1);
    const last = boundary.index === this.lastIndex;
    const base = last ? { lastIndex: this.lastIndex, chain: this.#chain } : before;
    this.#write({
      deleteThrough: last ? this.lastIndex : (row?.firstIndex ?? 0) - 1,
      insert: [],
      state: {
        ...this.#state,
        boundary,
        ...(base === undefined ? {} : { baseIndex: base.lastIndex, baseHash: hex(base.chain) }),
      },
    });
    this.#terms.dropBelow(boundary.index + 1);
    this.#tail.dropBelow(boundary.index + 1);
    this.#membershipEntries = this.#membershipEntries.filter(({ index }) => index > boundary.index);
    this.#retainedBytes = this.#file.bodyBytes();
  }

  setInstalling(snapshot: SnapshotMetadata | undefined): void {
    this.#write({ insert: [], state: { ...this.#state, installing: snapshot ?? null } });
  }

  reset(boundary: SnapshotMetadata, hardState: HardState): void {
    const { index } = boundary;
    const start = { baseIndex: index, baseHash: hex(CHAIN_START) };
    const end = { lastIndex: index, lastHash: hex(CHAIN_START) };
    this.#write({
      deleteFrom: 0,
      insert: [],
      state: { ...this.#state, hardState, boundary, installing: null, ...start, ...end },
    });
    this.#chain = CHAIN_START;
    this.#retainedBytes = 0;
    this.#membershipEntries = [];
    this.#terms.clear();
    this.#tail.clear();
  }

  /** Releases the lock. */
  close(): void {
    this.#file.close();
    this.#marker.close();
  }

  /** Database first, marker second. A full disk leaves both, and this object, as they were. */
  #write(change: RaftLogChange): void {
    const startedMs = performance.now();
    const state = { ...change.state, generation: this.#state.generation + 1 };
    this.#file.write({ ...change, state });
    this.#state = state;
    const markerStartedMs = performance.now();
    this.#marker.write(markerOf(state));
    const endedMs = performance.now();
    this.onAppended(endedMs - startedMs, endedMs - markerStartedMs);
  }

  /** What stays of the row that holds `index`, and what goes. */
  #cutting(index: number) {
    const { row, before } = this.#file.rowAround(index);
    if (row === undefined) throw this.#outside(index);
    const chain = before?.chain ?? fromHex(this.#state.baseHash);
    const kept = this.#unpack(row, chain).filter((entry) => entry.index < index);
    const removed = this.#readRows(index, this.lastIndex, Infinity);
    const removedBytes = removed.reduce((sum, entry) => sum + entryBytes(entry), 0);
    return { kept, chain, removedBytes };
  }

  #forgetFrom(index: number, removedBytes: number): void {
    this.#retainedBytes -= removedBytes;
    this.#membershipEntries = this.#membershipEntries.filter((entry) => entry.index < index);
    this.#terms.cutFrom(index);
    this.#tail.cutFrom(index);
  }

  #remember(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#terms.add(entry.index, entry.term);
      this.#retainedBytes += entryBytes(entry);
      if (entry.kind === "membership") this.#membershipEntries.push(entry);
    }
  }

  #loadRows(checker: RowChecker): void {
    for (const row of this.#file.rows()) {
      const entries = checker.check(row);
      const { index: boundary } = this.boundary;
      const reachable = row.firstIndex > boundary
        ? entries
        : entries.filter(({ index }) => index > boundary);
      this.#remember(reachable);
      this.#tail.add(reachable);
    }
    this.#chain = checker.finish();
  }

  #readRows(from: number, through: number, bytesMax: number): readonly Entry[] {
    const found: Entry[] = [];
    let bytes = 0;
    for (let at = from; at <= through;) {
      const { row, before } = this.#file.rowAround(at);
      if (row === undefined) throw this.#outside(at);
      for (const entry of this.#unpack(row, before?.chain ?? fromHex(this.#state.baseHash))) {
        if (entry.index < at || entry.index > through) continue;
        bytes += entryBytes(entry);
        if (bytes > bytesMax && found.length > 0) return found;
        found.push(entry);
      }
      at = row.lastIndex + 1;
    }
    return found;
  }

  /** Checks again what comes from the disk: it may have rotted since the start. */
  #unpack(row: Row, chain: Uint8Array): Entry[] {
    if (hex(chainHash(chain, row.body)) !== hex(row.chain)) {
      throw new StorageFailed(
        `Entries ${row.firstIndex} to ${row.lastIndex} of raft.db changed since they were written. ` +
          REJOIN_ADVICE,
      );
    }
    return unpackRow(row.body);
  }

  #outside(index: number): StorageFailed {
    return new StorageFailed(
      `Index ${index} is outside of the log, which holds ${this.boundary.index + 1} to ` +
        `${this.lastIndex}`,
    );
  }
}

function pathsIn(directory: string) {
  return {
    database: join(directory, RAFT_LOG_FILES.database),
    marker: join(directory, RAFT_LOG_FILES.marker),
  };
}

function emptyState(identity: RaftLogIdentity): StateRow {
  return {
    ...identity,
    format: RAFT_LOG_FORMAT,
    generation: 1,
    hardState: { term: 0, vote: null, commit: 0 },
    boundary: { index: 0, term: 0, membership: NO_MEMBERSHIP },
    installing: null,
    baseHash: hex(CHAIN_START),
    baseIndex: 0,
    lastIndex: 0,
    lastHash: hex(CHAIN_START),
  };
}

function markerOf(state: StateRow) {
  const { clusterId, nodeId, incarnation, generation, lastIndex, lastHash } = state;
  const { term, vote } = state.hardState;
  return {
    format: MARKER_FORMAT,
    clusterId,
    nodeId,
    incarnation,
    generation,
    term,
    vote,
    lastIndex,
    lastHash,
  };
}

function endOf(rows: readonly Row[]) {
  const last = rows.at(-1);
  return last === undefined ? {} : { lastIndex: last.lastIndex, lastHash: hex(last.chain) };
}

function hex(bytes: Uint8Array): string {
  return bytes.toHex();
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.fromHex(text);
}
