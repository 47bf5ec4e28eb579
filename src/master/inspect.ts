/**
 * What the files of a master hold, looked at without changing them: its log, its state, snapshots and
 * backups.
 *
 * @module
 */

import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "../jobs/mod.ts";
import { decodeMembership, type Entry, type Membership } from "../raft/mod.ts";
import {
  type BackupHead,
  checkBackup,
  CommandFormatError,
  decodeCommand,
  inspectState,
  isBackup,
  JOB_STORE_FILE,
  type StateReport,
} from "../storage/mod.ts";

/** What an entry of the log says. */
export type EntryContent =
  | { readonly kind: "noop" }
  | { readonly kind: "membership"; readonly membership: Membership }
  | { readonly kind: "command"; readonly command: Command }
  /** It is of a newer program, or damaged in a way that no hash can show. */
  | { readonly kind: "unreadable"; readonly fault: string };

/** Decodes an entry. */
export function contentOf({ kind, data }: Entry): EntryContent {
  switch (kind) {
    case "noop":
      return { kind };
    case "membership":
      return { kind, membership: decodeMembership(data) };
    case "command":
      try {
        return { kind, command: decodeCommand(data) };
      } catch (failure) {
        if (!(failure instanceof CommandFormatError)) throw failure;
        return { kind: "unreadable", fault: failure.message };
      }
  }
}

/** What a backup, a snapshot or a `state.db` holds. */
export interface SnapshotReport {
  readonly kind: "backup" | "snapshot";
  readonly bytes: number;
  /** Of a backup: what it says of itself. Its digest was checked. */
  readonly head: BackupHead | undefined;
  readonly state: StateReport;
  /** Bytes beside a snapshot that belong to it and were not looked at. */
  readonly walBytes: number;
}

/**
 * Reads a backup, whose digest must be right, or a file of the form of `state.db`.
 *
 * @throws {BackupRefused} when it is a backup that is damaged
 * @throws {JobStoreRefused} when it is neither
 */
export function inspectSnapshot(path: string): SnapshotReport {
  const { size: bytes } = statSync(path);
  if (!isBackup(beginOf(path))) {
    const wal = `${path}-wal`;
    return {
      kind: "snapshot",
      bytes,
      head: undefined,
      state: inspectState(path),
      walBytes: existsSync(wal) ? statSync(wal).size : 0,
    };
  }
  const backup = checkBackup(path);
  const work = mkdtempSync(join(tmpdir(), "conductor-inspect-"));
  try {
    const copy = join(work, JOB_STORE_FILE);
    backup.extractTo(copy);
    return { kind: "backup", bytes, head: backup.head, state: inspectState(copy), walBytes: 0 };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function beginOf(path: string): Uint8Array {
  const descriptor = openSync(path, "r");
  try {
    const begin = new Uint8Array(16);
    return begin.subarray(0, readSync(descriptor, begin, 0, begin.length, 0));
  } finally {
    closeSync(descriptor);
  }
}
