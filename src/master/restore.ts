/**
 * Makes a backup the beginning of a new cluster, on an empty disk.
 *
 * @module
 */

import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import {
  type BackupHead,
  BackupRefused,
  checkBackup,
  createDataDirectory,
  JOB_STORE_FILE,
  JOB_STORE_MARKER,
  JobStoreDamaged,
  RAFT_LOG_FILES,
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
/** While it is in the data directory, a restore has not ended, or was killed. */
const WORK_DIRECTORY = "restoring";
/** What becomes of its name when all is in its place. */
const DONE_DIRECTORY = "restored";
/** Written in it before the first file takes its place: from then on those are the restore's own, too. */
const MOVING_FILE = "moving";
/** In the work directory: held by the restore that is under way, so that a second one leaves it alone. */
const LOCK_FILE = "lock";

/** The files that are restored. */
const STATE_FILES = [JOB_STORE_FILE, JOB_STORE_MARKER];
const LOG_FILES = Object.values(RAFT_LOG_FILES);

/** Whether a restore into this directory was begun and did not end. */
export function isRestoring({ dataDir }: Pick<NodePlace, "dataDir">): boolean {
  return existsSync(join(dataDir, WORK_DIRECTORY));
}

/**
 * Restores the backup `file`. The whole file is checked before a byte is written, and what is in it before it
 * is in its place. What an earlier restore left that was killed goes first.
 *
 * @throws {BackupRefused} when the file is no whole, sound backup
 * @throws Error when a directory is not empty
 */
export function restoreBackup(
  file: string,
  place: NodePlace,
): Refounded & { readonly backup: BackupHead } {
  const { raftDir, dataDir } = place;
  const backup = checkBackup(file);
  refuseOtherData(place);
  const made = [dataDir, raftDir].filter((directory) => !existsSync(directory));
  const lock = claim(dataDir);
  try {
    // Another one may have ended since they were looked through.
    refuseOtherData(place);
    clear(place);
    const refounded = restore(backup, place);
    return { ...refounded, backup: backup.head };
  } catch (failure) {
    removeAll(ownFiles(place));
    // The one within the other first.
    for (const directory of made.toReversed()) removeIfEmpty(directory);
    if (!(failure instanceof JobStoreDamaged)) throw failure;
    throw new BackupRefused(
      `"${file}" is whole, but the state in it was damaged when it was taken (${failure.found}); ` +
        "restore another backup",
      { cause: failure },
    );
  } finally {
    lock.close();
  }
}

function refuseOtherData(place: NodePlace): void {
  const own = ownFiles(place);
  refuseData(place.raftDir, own);
  refuseData(place.dataDir, [...own, place.raftDir]);
}

/**
 * Makes the work directory if there is none, and takes it until the lock is closed or the process ends.
 *
 * @throws Error when another restore has it
 */
function claim(dataDir: string): Deno.FsFile {
  createDataDirectory(dataDir);
  const work = join(dataDir, WORK_DIRECTORY);
  mkdirSync(work, { recursive: true, mode: 0o700 });
  const path = join(work, LOCK_FILE);
  const lock = Deno.openSync(path, { create: true, write: true, mode: 0o600 });
  // The lock of one that has just ended went with its work directory.
  if (lock.tryLockSync(true) && existsSync(path)) return lock;
  lock.close();
  throw new Error(
    `another restore into "${dataDir}" is under way; wait until it has ended, and see what it says`,
  );
}

/** Removes what a restore that was killed has left. */
function clear(place: NodePlace): void {
  const work = join(place.dataDir, WORK_DIRECTORY);
  removeAll(ownFiles(place).filter((path) => path !== work));
  removeAll(
    readdirSync(work).filter((name) => name !== LOCK_FILE).map((name) => join(work, name)),
  );
}

function restore(backup: ReturnType<typeof checkBackup>, place: NodePlace): Refounded {
  const { nodeId, raftDir, dataDir, address } = place;
  const work = join(dataDir, WORK_DIRECTORY);
  const logWork = join(raftDir, WORK_DIRECTORY);
  syncPath(dataDir);
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
  const moving = join(work, MOVING_FILE);
  writeFileSync(moving, "", { mode: 0o600 });
  syncPath(work);
  moveFiles(STATE_FILES, work, dataDir);
  moveFiles(LOG_FILES, logWork, raftDir);
  if (logWork !== work) rmSync(logWork, { recursive: true, force: true });
  // At one stroke: from here on it has ended.
  const done = join(dataDir, DONE_DIRECTORY);
  renameSync(work, done);
  syncPath(dataDir);
  rmSync(done, { recursive: true, force: true });
  return refounded;
}

function moveFiles(names: readonly string[], from: string, to: string): void {
  for (const name of names) {
    if (existsSync(join(from, name))) renameSync(join(from, name), join(to, name));
  }
  syncPath(to);
}

/** What a restore that did not end has left; the directory that says so comes last. */
function ownFiles({ raftDir, dataDir }: NodePlace): readonly string[] {
  const work = join(dataDir, WORK_DIRECTORY);
  if (!existsSync(work)) return [];
  const isMoving = existsSync(join(work, MOVING_FILE));
  return [
    ...(isMoving ? LOG_FILES.map((name) => join(raftDir, name)) : []),
    ...(isMoving ? STATE_FILES.map((name) => join(dataDir, name)) : []),
    join(raftDir, WORK_DIRECTORY),
    work,
  ];
}

function removeAll(paths: readonly string[]): void {
  for (const path of paths) rmSync(path, { recursive: true, force: true });
}

function removeIfEmpty(directory: string): void {
  if (existsSync(directory) && readdirSync(directory).length === 0) rmdirSync(directory);
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
