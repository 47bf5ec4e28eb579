/**
 * Recovery from a lost majority: one survivor, stopped, goes on alone as a new cluster with what it
 * holds. Whatever a majority had acknowledged that this node never received is lost, and what it
 * received that was never acknowledged is kept; nobody can tell which.
 *
 * The old files are put aside, not removed. Everything new is made beside them first; then files
 * change places, which a crash may interrupt and the same command finishes.
 *
 * @module
 */

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeMembership, type Membership } from "../raft/mod.ts";
import {
  JOB_STORE_FILE,
  JOB_STORE_MARKER,
  RAFT_LOG_FILES,
  SqliteJobStore,
  SqliteRaftLog,
  syncPath,
} from "../storage/mod.ts";
import { entriesOf, refound, type Refounded } from "./refound.ts";

/** Where the survivor's files are. */
export interface SurvivorPlace {
  readonly raftDir: string;
  readonly dataDir: string;
}

/** What the survivor holds, and so what may be lost. */
export interface SurvivorState {
  readonly nodeId: string;
  readonly clusterId: string;
  readonly term: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** Highest index that this node knew to be committed, as last written; it may lag. */
  readonly commitIndex: number;
  readonly membership: Membership;
  /** An earlier recovery was interrupted; this one finishes it. */
  readonly isUnfinished: boolean;
}

const WORK_DIRECTORY = "recovery";
const PLAN_FILE = "plan.json";

/** Written when everything new is whole; from then on files change places. */
interface Plan {
  readonly putAside: string;
  readonly refounded: Refounded;
  readonly survivor: SurvivorState;
}

/** Whether a recovery was interrupted while files changed places. */
export function isRecovering({ dataDir }: Pick<SurvivorPlace, "dataDir">): boolean {
  return existsSync(join(dataDir, WORK_DIRECTORY, PLAN_FILE));
}

/** Looks at the survivor, and changes nothing. @throws Error when its files cannot be used */
export function inspectSurvivor(place: SurvivorPlace): SurvivorState {
  const plan = readPlan(place);
  if (plan !== undefined) return { ...plan.survivor, isUnfinished: true };
  if (!SqliteRaftLog.exists(place.raftDir)) {
    throw new Error(
      `there is no master's log in "${place.raftDir}"; name the survivor's directory by --data-dir`,
    );
  }
  const log = SqliteRaftLog.open(place.raftDir, {});
  try {
    return stateOf(log);
  } finally {
    log.close();
  }
}

/**
 * Makes the survivor the only member of a new cluster.
 *
 * @throws Error when its files cannot be used; they are as they were then
 */
export async function recoverSurvivor(
  place: SurvivorPlace,
): Promise<Refounded & { readonly putAside: string }> {
  const plan = readPlan(place) ?? await prepare(place);
  changePlaces(place, plan);
  return { ...plan.refounded, putAside: plan.putAside };
}

async function prepare(place: SurvivorPlace): Promise<Plan> {
  const { raftDir, dataDir } = place;
  const log = SqliteRaftLog.open(raftDir, {});
  try {
    const survivor = stateOf(log);
    const { clusterId: oldId } = log.identity;
    const work = join(dataDir, WORK_DIRECTORY);
    const logWork = join(raftDir, WORK_DIRECTORY);
    removeAll(place);
    mkdirSync(work, { mode: 0o700 });
    const store = SqliteJobStore.open(dataDir, { clusterId: oldId });
    try {
      await store.exportSnapshot(join(work, JOB_STORE_FILE));
    } finally {
      store.close();
    }
    const own = [...survivor.membership.voters, ...survivor.membership.learners]
      .find((each) => each.id === survivor.nodeId);
    if (own === undefined) {
      throw new Error(
        `${survivor.nodeId} is not a member of the cluster by its own log, so it cannot go on ` +
          "for it; recover another survivor",
      );
    }
    const refounded = refound({
      dataDir: work,
      raftDir: logWork,
      clusterId: crypto.randomUUID(),
      member: { ...own, incarnation: crypto.randomUUID() },
      term: survivor.term,
    }, (from) => behind(log, from));
    const stamp = new Date().toISOString().replaceAll(":", "-");
    const plan = { putAside: `before-recovery-${stamp}`, refounded, survivor };
    writeFileSync(join(work, `${PLAN_FILE}.new`), JSON.stringify(plan), { mode: 0o600 });
    syncPath(join(work, `${PLAN_FILE}.new`));
    renameSync(join(work, `${PLAN_FILE}.new`), join(work, PLAN_FILE));
    syncPath(work);
    return plan;
  } catch (failure) {
    removeAll(place);
    throw failure;
  } finally {
    log.close();
  }
}

/** What the state lacks of the log. A snapshot that was being installed makes the log obsolete. */
function behind(log: SqliteRaftLog, from: number) {
  const { installing, boundary } = log;
  if (installing !== undefined && from > installing.index) return [];
  if (from <= boundary.index) {
    throw new Error(
      `the state stands at entry ${from - 1}, but the log begins behind ${boundary.index}: the ` +
        "state was lost or replaced by an old copy. Recover another survivor, or restore a backup",
    );
  }
  return entriesOf(log, from);
}

function stateOf(log: SqliteRaftLog): SurvivorState {
  const { nodeId, clusterId } = log.identity;
  const newest = log.membershipEntries().at(-1);
  const membership = newest === undefined ? log.boundary.membership : decodeMembership(newest.data);
  return {
    nodeId,
    clusterId,
    term: log.hardState.term,
    lastIndex: log.lastIndex,
    lastTerm: log.term(log.lastIndex),
    commitIndex: log.hardState.commit,
    membership,
    isUnfinished: false,
  };
}

/** Each old file goes aside and each new one in its place; what is done already is left. */
function changePlaces(place: SurvivorPlace, { putAside }: Plan): void {
  const { raftDir, dataDir } = place;
  const work = join(dataDir, WORK_DIRECTORY);
  const moves: [string, string, readonly string[]][] = [
    [dataDir, work, [JOB_STORE_FILE, JOB_STORE_MARKER]],
    [raftDir, join(raftDir, WORK_DIRECTORY), Object.values(RAFT_LOG_FILES)],
  ];
  for (const [directory, from, names] of moves) {
    const aside = join(directory, putAside);
    mkdirSync(aside, { recursive: true, mode: 0o700 });
    for (const name of names) {
      if (!existsSync(join(from, name))) continue;
      for (const suffix of ["", "-wal", "-shm"]) {
        const old = join(directory, name + suffix);
        if (existsSync(old)) renameSync(old, join(aside, name + suffix));
      }
      renameSync(join(from, name), join(directory, name));
    }
    syncPath(aside);
    syncPath(directory);
  }
  rmSync(join(dataDir, "snapshots"), { recursive: true, force: true });
  removeAll(place);
  syncPath(dataDir);
}

function removeAll({ raftDir, dataDir }: SurvivorPlace): void {
  for (const directory of [raftDir, dataDir]) {
    rmSync(join(directory, WORK_DIRECTORY), { recursive: true, force: true });
  }
}

function readPlan({ dataDir }: SurvivorPlace): Plan | undefined {
  const path = join(dataDir, WORK_DIRECTORY, PLAN_FILE);
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}
