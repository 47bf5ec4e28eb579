/**
 * A look at a Raft log that changes nothing of it, whether a master runs on it or not: the files are
 * copied first, and what is found is told rather than refused.
 *
 * @module
 */

import { constants, copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  decodeMembership,
  type Entry,
  type EntryKind,
  type HardState,
  type Membership,
  type SnapshotMetadata,
} from "../raft/mod.ts";
import { DurableMarker, type MarkerRecord } from "./durable_marker.ts";
import { RAFT_LOG_FILES } from "./raft_log.ts";
import { checkIdentity, checkMarker, RowChecker } from "./raft_log_check.ts";
import { RaftLogFile, type RaftLogIdentity, type StateRow } from "./raft_log_file.ts";
import { RaftLogRefused, StorageFailed } from "./storage_failure.ts";

/** What a log says of itself, and what is wrong with it. */
export interface RaftLogReport extends RaftLogIdentity {
  readonly format: number;
  /** Commits of the database. */
  readonly generation: number;
  readonly hardState: HardState;
  /** What the log was compacted up to. */
  readonly boundary: SnapshotMetadata;
  readonly installing: SnapshotMetadata | undefined;
  /** The first entry that is held; one above the last where there is none. */
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly entries: Readonly<Record<EntryKind, number>>;
  readonly entryBytes: number;
  /** In force: of the last entry that has one, or of the boundary. */
  readonly membership: Membership;
  /** Log index of the membership in force. */
  readonly membershipIndex: number;
  readonly lastHash: string;
  /** Undefined: there is none, or neither of its slots is whole. */
  readonly marker: MarkerRecord | undefined;
  /** Why a master would not start on it; empty: it would. */
  readonly faults: readonly string[];
}

/** A master that writes all the time may change the files under the copy; then it is made again. */
const COPIES_MAX = 20;

/**
 * Reads the log in `directory` from its first entry to its last.
 *
 * @param visit is handed each entry whose hash is right
 * @throws {RaftLogRefused} when there is nothing to read, or not in a format that is known
 */
export function inspectRaftLog(
  directory: string,
  visit: (entry: Entry) => void = () => {},
): RaftLogReport {
  const original = join(directory, RAFT_LOG_FILES.database);
  if (!existsSync(original)) {
    throw new RaftLogRefused(
      `there is no "${original}"; name a master's directory by --data-dir or --raft-dir`,
    );
  }
  const copies = mkdtempSync(join(tmpdir(), "conductor-inspect-"));
  try {
    for (let attempt = 1;; attempt++) {
      const { path, before, after } = copyOf(directory, copies);
      let file: RaftLogFile | undefined;
      try {
        file = new RaftLogFile(path);
        const state = checkIdentity(file.readState(), pathsIn(directory), {});
        if (isTorn(state, { before, after }) && attempt < COPIES_MAX) continue;
        return reportOf(file, state, { before, after }, directory, visit);
      } catch (failure) {
        throw ofOriginal(failure, path, original);
      } finally {
        file?.close();
      }
    }
  } finally {
    rmSync(copies, { recursive: true, force: true });
  }
}

/** Markers as they were before and after the database was copied. */
interface Markers {
  readonly before: MarkerRecord | undefined;
  readonly after: MarkerRecord | undefined;
}

/**
 * Commits only add to the -wal file, and of one that is half there SQLite takes nothing: a copy of the
 * two is sound unless the -wal file was moved into the database meanwhile, which changes its time.
 */
function copyOf(directory: string, target: string): Markers & { readonly path: string } {
  const source = join(directory, RAFT_LOG_FILES.database);
  const path = join(target, RAFT_LOG_FILES.database);
  for (let attempt = 1; attempt <= COPIES_MAX; attempt++) {
    const before = markerIn(directory);
    const { mtimeNs, size } = statSync(source, { bigint: true });
    for (const suffix of ["", "-wal"]) {
      rmSync(path + suffix, { force: true });
      if (existsSync(source + suffix)) {
        copyFileSync(source + suffix, path + suffix, constants.COPYFILE_FICLONE);
      }
    }
    const now = statSync(source, { bigint: true });
    if (now.mtimeNs === mtimeNs && now.size === size) {
      return { path, before, after: markerIn(directory) };
    }
  }
  throw new RaftLogRefused(
    `Cannot read "${source}": it changed during each of ${COPIES_MAX} tries; stop its master first`,
  );
}

function markerIn(directory: string): MarkerRecord | undefined {
  const path = join(directory, RAFT_LOG_FILES.marker);
  return existsSync(path) ? DurableMarker.read(path) : undefined;
}

function reportOf(
  file: RaftLogFile,
  state: StateRow,
  markers: Markers,
  directory: string,
  visit: (entry: Entry) => void,
): RaftLogReport {
  const paths = pathsIn(directory);
  const marker = markerFor(state, markers);
  const faults: string[] = [];
  attempt(faults, () => {
    if (isWrittenOn(state, markers)) return;
    checkMarker(state, marker, paths, existsSync(paths.marker));
  });
  const seen = { noop: 0, command: 0, membership: 0 };
  let entryBytes = 0;
  let lastTerm = state.boundary.term;
  let { membership, index: membershipIndex } = state.boundary;
  const checker = new RowChecker(state, paths.database);
  attempt(faults, () => {
    for (const row of file.rows()) {
      for (const entry of checker.check(row)) {
        if (entry.index <= state.boundary.index) continue;
        seen[entry.kind]++;
        entryBytes += entry.data.byteLength;
        lastTerm = entry.term;
        if (entry.kind === "membership") {
          membership = decodeMembership(entry.data);
          membershipIndex = entry.index;
        }
        visit(entry);
      }
    }
    checker.finish();
  });
  const { clusterId, nodeId, incarnation, format, generation, hardState, boundary } = state;
  return {
    clusterId,
    nodeId,
    incarnation,
    format,
    generation,
    hardState,
    boundary,
    installing: state.installing ?? undefined,
    firstIndex: boundary.index + 1,
    lastIndex: state.lastIndex,
    lastTerm,
    entries: seen,
    entryBytes,
    membership,
    membershipIndex,
    lastHash: state.lastHash,
    marker,
    faults,
  };
}

function pathsIn(directory: string): { readonly database: string; readonly marker: string } {
  const { database, marker } = RAFT_LOG_FILES;
  return { database: join(directory, database), marker: join(directory, marker) };
}

/**
 * The copy stands at less than what was there before it was made, and a master writes: the -wal file
 * was begun anew while it was copied, and what it had held is in the database, of a moment before.
 */
function isTorn({ generation }: StateRow, { before, after }: Markers): boolean {
  return before !== undefined && generation < before.generation &&
    before.generation !== after?.generation;
}

/** The marker that was written with this commit, if it was seen. */
function markerFor({ generation }: StateRow, { before, after }: Markers) {
  return before?.generation === generation ? before : after;
}

/** A master committed while the copy was made, and both markers say so: they bound what was copied. */
function isWrittenOn({ generation }: StateRow, { before, after }: Markers): boolean {
  return before !== undefined && after !== undefined && before.generation !== after.generation &&
    before.generation <= generation && generation <= after.generation + 1;
}

/** What would keep a master from starting is a finding here. */
function attempt(faults: string[], check: () => void): void {
  try {
    check();
  } catch (failure) {
    if (!(failure instanceof RaftLogRefused) && !(failure instanceof StorageFailed)) throw failure;
    faults.push(failure.message);
  }
}

/** The reader has nothing of the copy; what was found is said of the file that was copied. */
function ofOriginal(failure: unknown, copy: string, original: string): unknown {
  if (!(failure instanceof RaftLogRefused) && !(failure instanceof StorageFailed)) return failure;
  return new RaftLogRefused(failure.message.replaceAll(copy, original), { cause: failure });
}
