/**
 * The durable Raft log: what a node's consensus may ask of its disk, on the three files of
 * `raft_log_files.ts`. Newest entries and every term are in memory; older entries are read from the
 * database, and their hashes are checked again.
 *
 * @module
 */

import { DiskFull, entryBytes } from "../raft/mod.ts";
import type { Entry, HardState, LogBeginning, LogStore, SnapshotMetadata } from "../raft/mod.ts";
import { RowChecker } from "./raft_log_check.ts";
import type { RaftLogChange, RaftLogIdentity } from "./raft_log_file.ts";
import { type CommitDuration, emptyState, pathsIn, RaftLogFiles } from "./raft_log_files.ts";
import { RetainedBytes, TailCache, TermRuns } from "./raft_log_index.ts";
import { CHAIN_START, chainHash, packRows, unpackRow } from "./raft_log_rows.ts";
import type { Row } from "./raft_log_rows.ts";
import { RaftLogRefused, REJOIN_ADVICE, StorageFailed } from "./storage_failure.ts";

/** Entries kept in memory beside the database, in bytes. */
const CACHE_BYTES_MAX = 8 * 1024 * 1024;

/** How a log is made. */
export interface RaftLogMaking {
  /** What it holds from the first on; by itself nothing. */
  readonly beginning?: LogBeginning;
  /** Of each area of its journal. */
  readonly areaBytes?: number;
}

/** See the module's text. Entries given to it must not be changed afterwards. */
export class SqliteRaftLog implements LogStore {
  readonly #files: RaftLogFiles;
  readonly #terms = new TermRuns();
  readonly #tail = new TailCache(CACHE_BYTES_MAX);
  /** Hash of the last row. */
  #chain: Uint8Array = CHAIN_START;
  readonly #retained = new RetainedBytes();
  #membershipEntries: Entry[] = [];

  private constructor(files: RaftLogFiles) {
    this.#files = files;
  }

  /** Whether `directory` holds a Raft log, or a part of one. */
  static exists(directory: string): boolean {
    return RaftLogFiles.exist(directory);
  }

  /**
   * Makes a log, empty or with its beginning: whole, or not at all.
   *
   * @throws {RaftLogRefused} when there is one already
   * @throws {DataDirectoryRefused} when the directory cannot be used
   */
  static create(
    directory: string,
    identity: RaftLogIdentity,
    { beginning, areaBytes }: RaftLogMaking = {},
  ): SqliteRaftLog {
    const rows = packRows(beginning?.entries ?? [], CHAIN_START);
    const empty = emptyState(identity);
    const hardState = beginning?.hardState ?? empty.hardState;
    const state = { ...empty, hardState, ...endOf(rows) };
    const files = RaftLogFiles.create(directory, { insert: rows, state }, areaBytes);
    const log = new SqliteRaftLog(files);
    log.#loadRows(pathsIn(directory).database);
    return log;
  }

  /**
   * Opens and checks an existing log: every hash, and that it holds what its marker says.
   *
   * @param expected the node that wants to run on it and the cluster, as far as they are known
   * @throws {RaftLogRefused} when the files must not be used
   */
  static open(
    directory: string,
    expected: { readonly nodeId?: string; readonly clusterId?: string },
  ): SqliteRaftLog {
    try {
      const log = new SqliteRaftLog(RaftLogFiles.open(directory, expected));
      log.#loadRows(pathsIn(directory).database);
      return log;
    } catch (cause) {
      throw asRefusal(cause);
    }
  }

  get identity(): RaftLogIdentity {
    const { clusterId, nodeId, incarnation } = this.#files.state;
    return { clusterId, nodeId, incarnation };
  }

  get hardState(): HardState {
    return this.#files.state.hardState;
  }

  get boundary(): SnapshotMetadata {
    return this.#files.state.boundary;
  }

  get installing(): SnapshotMetadata | undefined {
    return this.#files.state.installing ?? undefined;
  }

  get lastIndex(): number {
    return this.#files.state.lastIndex;
  }

  get retainedBytes(): number {
    return this.#retained.total;
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
    const { firstIndex } = this.#tail;
    if (from >= firstIndex) return this.#tail.read(from, through, bytesMax);
    const stored = this.#readRows(from, Math.min(through, firstIndex - 1), bytesMax);
    const next = (stored.at(-1)?.index ?? from) + 1;
    if (next < firstIndex || next > through) return stored;
    const bytesLeft = bytesMax - sizeOf(stored);
    const cached = this.#tail.read(next, through, bytesLeft);
    return sizeOf(cached) <= bytesLeft ? [...stored, ...cached] : stored;
  }

  append(entries: readonly Entry[], hardState: HardState): void {
    const first = entries[0];
    if (first === undefined) {
      this.#files.commit({ insert: [], state: { ...this.#files.state, hardState } });
      return;
    }
    if (first.index > this.lastIndex + 1 || first.index <= this.boundary.index) {
      throw this.#outside(first.index);
    }
    const cut = first.index <= this.lastIndex ? this.#cutting(first.index) : undefined;
    const kept = cut === undefined ? [] : cut.kept;
    const chain = cut === undefined ? this.#chain : cut.chain;
    const rows = packRows(kept.length > 0 ? [...kept, ...entries] : entries, chain);
    const change: RaftLogChange = {
      ...(cut === undefined ? {} : { deleteFrom: first.index }),
      insert: rows,
      state: { ...this.#files.state, hardState, ...endOf(rows) },
    };
    this.#files.commit(change, first.index);
    if (cut !== undefined) this.#forgetFrom(first.index, cut.removedBytes);
    this.#remember(entries);
    this.#tail.add(entries, this.#files.firstWaiting);
    this.#chain = rows.at(-1)?.chain ?? this.#chain;
  }

  compact(boundary: SnapshotMetadata): void {
    if (boundary.index <= this.boundary.index) return;
    if (boundary.index > this.lastIndex) throw this.#outside(boundary.index);
    this.#files.flush();
    // The row that straddles the boundary stays whole; what it holds below is out of reach.
    const { row, before } = this.#files.database.rowAround(boundary.index + 1);
    const last = boundary.index === this.lastIndex;
    const base = last ? { lastIndex: this.lastIndex, chain: this.#chain } : before;
    const deleteThrough = last ? this.lastIndex : (row?.firstIndex ?? 0) - 1;
    this.#files.commit({
      deleteThrough,
      insert: [],
      state: {
        ...this.#files.state,
        boundary,
        ...(base === undefined ? {} : { baseIndex: base.lastIndex, baseHash: hex(base.chain) }),
      },
    });
    this.#terms.dropBelow(boundary.index + 1);
    this.#tail.dropBelow(boundary.index + 1);
    this.#membershipEntries = this.#membershipEntries.filter(({ index }) => index > boundary.index);
    this.#retained.dropThrough(boundary.index);
  }

  setInstalling(snapshot: SnapshotMetadata | undefined): void {
    this.#files.commit({
      insert: [],
      state: { ...this.#files.state, installing: snapshot ?? null },
    });
  }

  reset(boundary: SnapshotMetadata, hardState: HardState): void {
    const { index } = boundary;
    const start = { baseIndex: index, baseHash: hex(CHAIN_START) };
    const end = { lastIndex: index, lastHash: hex(CHAIN_START) };
    this.#files.commit({
      deleteFrom: 0,
      insert: [],
      state: { ...this.#files.state, hardState, boundary, installing: null, ...start, ...end },
    });
    this.#chain = CHAIN_START;
    this.#retained.clear();
    this.#membershipEntries = [];
    this.#terms.clear();
    this.#tail.clear();
  }

  /** Makes the database whole, so that it has everything without the journal; releases the lock. */
  close(): void {
    this.#files.close();
  }

  /** Told how long each durable append took: in all, and what of it the disk took. */
  set onAppended(listener: (duration: CommitDuration) => void) {
    this.#files.onCommitted = listener;
  }

  /** What stays of the row that holds `index`, and what goes. */
  #cutting(index: number) {
    this.#files.flush();
    const { row, before } = this.#files.database.rowAround(index);
    if (row === undefined) throw this.#outside(index);
    const chain = before?.chain ?? fromHex(this.#files.state.baseHash);
    const kept = this.#unpack(row, chain).filter((entry) => entry.index < index);
    const removed = this.#readRows(index, this.lastIndex, Infinity);
    const removedBytes = removed.reduce((sum, entry) => sum + entryBytes(entry), 0);
    return { kept, chain, removedBytes };
  }

  #forgetFrom(index: number, removedBytes: number): void {
    this.#retained.cutFrom(index, removedBytes);
    this.#membershipEntries = this.#membershipEntries.filter((entry) => entry.index < index);
    this.#terms.cutFrom(index);
    this.#tail.cutFrom(index);
  }

  #remember(entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (last !== undefined) this.#retained.add(last.index, sizeOf(entries));
    for (const entry of entries) {
      this.#terms.add(entry.index, entry.term);
      if (entry.kind === "membership") this.#membershipEntries.push(entry);
    }
  }

  #loadRows(path: string): void {
    try {
      const checker = new RowChecker(this.#files.state, path);
      for (const row of this.#files.database.rows()) {
        const entries = checker.check(row);
        const { index: boundary } = this.boundary;
        const reachable = row.firstIndex > boundary
          ? entries
          : entries.filter(({ index }) => index > boundary);
        this.#remember(reachable);
        this.#tail.add(reachable);
      }
      this.#chain = checker.finish();
    } catch (cause) {
      this.#files.abandon();
      throw cause;
    }
  }

  #readRows(from: number, through: number, bytesMax: number): readonly Entry[] {
    const found: Entry[] = [];
    let bytes = 0;
    for (let at = from; at <= through;) {
      const { row, before } = this.#files.database.rowAround(at);
      if (row === undefined) throw this.#outside(at);
      for (const entry of this.#unpack(row, before?.chain ?? fromHex(this.#files.state.baseHash))) {
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

/** Found before this process promised anything, so it is a refusal and no failure. */
function asRefusal(cause: unknown): unknown {
  if (cause instanceof StorageFailed) {
    return new RaftLogRefused(`${cause.message}. ${REJOIN_ADVICE}`, { cause });
  }
  if (cause instanceof DiskFull) {
    return new RaftLogRefused(
      `${cause.message}, and the log's last commits are yet to be moved there; make room and start ` +
        "again",
      { cause },
    );
  }
  return cause;
}

function sizeOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
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
