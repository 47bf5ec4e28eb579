/**
 * Makes a backup the beginning of a new cluster, on an empty disk.
 *
 * @module
 */

import { mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  type BackupHead,
  checkBackup,
  createDataDirectory,
  JOB_STORE_FILE,
  syncPath,
} from "../storage/mod.ts";
import { formatMemberAddress, type MemberAddress } from "./member_address.ts";
import { refound, type Refounded } from "./refound.ts";

/** Where a master's files are, and who it is. */
export interface NodePlace {
  readonly nodeId: string;
  readonly raftDir: string;
  readonly dataDir: string;
  readonly address: MemberAddress;
}

/** What a data directory may hold that is no data. */
const HARMLESS: ReadonlySet<string> = new Set(["certificates"]);
const WORK_DIRECTORY = "restoring";

/**
 * Restores the backup `file`. The whole file is checked before a byte is written.
 *
 * @throws {BackupRefused} when the file is no whole, sound backup
 * @throws Error when a directory is not empty
 */
export function restoreBackup(
  file: string,
  place: NodePlace,
): Refounded & { readonly backup: BackupHead } {
  const { nodeId, raftDir, dataDir, address } = place;
  const backup = checkBackup(file);
  refuseData(raftDir, []);
  refuseData(dataDir, [raftDir]);
  createDataDirectory(dataDir);
  const work = join(dataDir, WORK_DIRECTORY);
  const logWork = join(raftDir, WORK_DIRECTORY);
  mkdirSync(work, { mode: 0o700 });
  try {
    const state = join(work, JOB_STORE_FILE);
    backup.extractTo(state);
    syncPath(state);
    const member = {
      id: nodeId,
      address: formatMemberAddress(address),
      incarnation: crypto.randomUUID(),
    };
    const clusterId = crypto.randomUUID();
    const { term } = backup.head;
    createDataDirectory(raftDir);
    const refounded = refound({ dataDir: work, raftDir: logWork, clusterId, member, term });
    // The log last: without one this is no master's directory yet.
    moveFiles(work, dataDir);
    moveFiles(logWork, raftDir);
    return { ...refounded, backup: backup.head };
  } finally {
    for (const each of [work, logWork]) rmSync(each, { recursive: true, force: true });
  }
}

function moveFiles(from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.isFile()) renameSync(join(from, entry.name), join(to, entry.name));
  }
  syncPath(to);
}

function refuseData(directory: string, allowed: readonly string[]): void {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (failure) {
    if (failure instanceof Error && "code" in failure && failure.code === "ENOENT") return;
    throw failure;
  }
  const found = names.find((name) =>
    !HARMLESS.has(name) && !allowed.includes(join(directory, name))
  );
  if (found === undefined) return;
  throw new Error(
    `"${directory}" is not empty (it holds "${found}"); a backup is restored into an empty ` +
      "directory, so that nothing is lost that may still be wanted",
  );
}
