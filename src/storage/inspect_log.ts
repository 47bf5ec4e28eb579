/**
 * A look at a Raft log that changes nothing of it, whether a master runs on it or not: the files are
 * copied first, and what is found is told rather than refused.
 *
 * @module
 */

import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
} from "node:fs";
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
import type { MarkerRecord } from "./durable_marker.ts";
import { type FoundJournal, RaftJournal } from "./raft_journal.ts";
import { checkJournal } from "./raft_journal_check.ts";
import { checkFirstFormat, checkIdentity, checkMarkerFile, RowChecker } from "./raft_log_check.ts";
import type { RaftLogPaths } from "./raft_log_check.ts";
import { RaftLogFile } from "./raft_log_file.ts";
import type { RaftLogIdentity, StateRow, StoredState } from "./raft_log_file.ts";
import { markerAt, pathsIn, RAFT_LOG_FILES } from "./raft_log_files.ts";
import { RaftLogRefused, StorageFailed } from "./storage_failure.ts";

/** What a log says of itself, and what is wrong with it. */
export interface RaftLogReport extends RaftLogIdentity {
  readonly format: number;
  /** Commits so far. */
  readonly generation: number;
  /** Of these, how many the journal alone holds yet. */
  readonly journalCommits: number;
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
  refuseUnreadable(original);
  const copies = mkdtempSync(join(tmpdir(), "conductor-inspect-"));
  try {
    for (let attempt = 1;; attempt++) {
      const copy = copyOf(directory, copies);
      let file: RaftLogFile | undefined;
      try {
        file = new RaftLogFile(copy.path);
        const stored = checkIdentity(file.readState(), copy.paths, {});
        const found = caughtUp(file, stored, copy);
        // What fits ill may have been written on between one copy and the next.
        if (found.faults.length > 0 && isWrittenOn(copy) && attempt < COPIES_MAX) continue;
        const counted = countEntries(file, found, copy.paths, visit);
        return reportOf({ ...found, ...counted });
      } catch (failure) {
        throw ofOriginal(failure, copy.path, original);
      } finally {
        file?.close();
      }
    }
  } finally {
    rmSync(copies, { recursive: true, force: true });
  }
}

/** Tells what may not be read from what is not there, which look the same to `existsSync`. */
function refuseUnreadable(path: string): void {
  try {
    closeSync(openSync(path, "r"));
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new RaftLogRefused(
        `there is no "${path}"; name a master's directory by --data-dir or --raft-dir`,
        { cause },
      );
    }
    const reason = code === "EACCES" || code === "EPERM"
      ? "permission denied; look as the user that its master runs as"
      : cause instanceof Error
      ? cause.message
      : String(cause);
    throw new RaftLogRefused(`Cannot read "${path}": ${reason}`, { cause });
  }
}

/** Copies of the files, and the marker as it was before and after they were made. */
interface Copy {
  /** Of the database. */
  readonly path: string;
  /** The files that were copied. */
  readonly paths: RaftLogPaths;
  readonly journal: FoundJournal | undefined;
  readonly before: MarkerRecord | undefined;
  readonly after: MarkerRecord | undefined;
}

/** A log with what its journal alone held, as far as the two fit. */
interface CaughtUp {
  readonly state: StateRow;
  readonly marker: MarkerRecord | undefined;
  readonly journalCommits: number;
  readonly faults: string[];
}

/**
 * Commits only add to the -wal file, and of one that is half there SQLite takes nothing: a copy of the
 * two is sound unless the -wal file was moved into the database meanwhile, which changes its time. The
 * journal is read behind them, so that it has what they lack.
 */
function copyOf(directory: string, target: string): Copy {
  const paths = pathsIn(directory);
  const source = paths.database;
  const path = join(target, RAFT_LOG_FILES.database);
  for (let attempt = 1; attempt <= COPIES_MAX; attempt++) {
    const before = markerAt(paths);
    const { mtimeNs, size } = statSync(source, { bigint: true });
    for (const suffix of ["", "-wal"]) {
      rmSync(path + suffix, { force: true });
      if (existsSync(source + suffix)) {
        copyFileSync(source + suffix, path + suffix, constants.COPYFILE_FICLONE);
      }
    }
    const journal = RaftJournal.read(paths.journal);
    const now = statSync(source, { bigint: true });
    if (now.mtimeNs === mtimeNs && now.size === size) {
      return { path, paths, journal, before, after: markerAt(paths) };
    }
  }
  throw new RaftLogRefused(
    `Cannot read "${source}": it changed during each of ${COPIES_MAX} tries; stop its master first`,
  );
}

/** Brings the copy of the database up to the journal's end. */
function caughtUp(file: RaftLogFile, stored: StoredState, copy: Copy): CaughtUp {
  const { paths, journal, after } = copy;
  const last = journal?.lastGeneration ?? stored.generation;
  // What was committed behind the copy is not missing from it.
  const marker = after !== undefined && after.generation > last && isWrittenOn(copy)
    ? copy.before
    : after;
  const faults: string[] = [];
  let state: StateRow = stored;
  let journalCommits = 0;
  attempt(faults, () => {
    const sound = checkMarkerFile(stored, marker, paths, existsSync(paths.marker));
    if (stored.format === 1) return checkFirstFormat(stored, sound, paths);
    const { missing } = checkJournal(stored, sound, journal, paths);
    file.write(missing, { hash: "", isAhead: false });
    state = missing.at(-1)?.state ?? stored;
    journalCommits = missing.length;
  });
  return { state, marker, journalCommits, faults };
}

function countEntries(
  file: RaftLogFile,
  { state, faults }: CaughtUp,
  paths: RaftLogPaths,
  visit: (entry: Entry) => void,
) {
  const entries = { noop: 0, command: 0, membership: 0 };
  let entryBytes = 0;
  let lastTerm = state.boundary.term;
  let { membership, index: membershipIndex } = state.boundary;
  const checker = new RowChecker(state, paths.database);
  attempt(faults, () => {
    for (const row of file.rows()) {
      for (const entry of checker.check(row)) {
        if (entry.index <= state.boundary.index) continue;
        entries[entry.kind]++;
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
  return { entries, entryBytes, lastTerm, membership, membershipIndex };
}

function reportOf(
  { state, ...found }: CaughtUp & ReturnType<typeof countEntries>,
): RaftLogReport {
  const { clusterId, nodeId, incarnation, format, generation, hardState, boundary } = state;
  return {
    ...found,
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
    lastHash: state.lastHash,
  };
}

/** Whether a master committed while the copies were made. */
function isWrittenOn({ before, after }: Pick<Copy, "before" | "after">): boolean {
  return before?.generation !== after?.generation;
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
