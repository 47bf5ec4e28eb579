/**
 * Founds a cluster anew from a state that is there already: from a backup, or from what the survivor
 * of a lost majority holds.
 *
 * The new cluster has an id of its own, so that members of the old one and it refuse each other. Its
 * log begins far behind the old one's end, because fencing tokens are log indices: what the old
 * cluster handed out after the backup was taken, or after the survivor was cut off, must never be
 * handed out again. And its workers begin anew: attempts that were under way go back to the queue at
 * no cost, and what their old holders report is refused.
 *
 * @module
 */

import { type DeregisterWorkerCommand, JobMachine, type LogPosition } from "../jobs/mod.ts";
import type { Entry, Member } from "../raft/mod.ts";
import { decodeCommand, SqliteJobStore, SqliteRaftLog } from "../storage/mod.ts";

/**
 * Indices left out. Log indices stay below 2^52 (see `raft/message_check.ts`), so there is room for
 * some 4,000 foundings, and each leaves room for 10^12 entries that nobody remembers.
 */
export const REFOUNDING_GAP = 2 ** 40;
const INDEX_MAX = 2 ** 52;

/** Bytes of entries replayed at a time. */
const REPLAY_BYTES = 4 * 1024 * 1024;

/** Who goes on, and where. */
export interface Refounding {
  /** Holds `state.db`; nothing else touches it. */
  readonly dataDir: string;
  /** Gets the new log. */
  readonly raftDir: string;
  readonly clusterId: string;
  readonly member: Member;
  /** Of the old log: the new one's is higher. */
  readonly term: number;
}

/** What became of the old state. */
export interface Refounded {
  readonly clusterId: string;
  readonly incarnation: string;
  /** The old state's last entry. */
  readonly appliedIndex: number;
  /** Where the new log begins. */
  readonly index: number;
  readonly term: number;
  readonly liveJobs: number;
  /** Attempts that went back to the queue. */
  readonly releasedAttempts: number;
}

/**
 * Makes the state in `dataDir` the beginning of a new cluster, and its log in `raftDir`.
 *
 * @param replay entries behind the state, to be applied first
 */
export function refound(
  { dataDir, raftDir, clusterId, member, term: oldTerm }: Refounding,
  replay: (from: number) => Iterable<readonly Entry[]> = () => [],
): Refounded {
  const store = SqliteJobStore.open(dataDir, { clusterId, adopt: true });
  try {
    const machine = new JobMachine(store);
    const last = replayInto(machine, replay);
    const index = last.index + REFOUNDING_GAP;
    const term = Math.max(oldTerm, last.term) + 1;
    if (index > INDEX_MAX) throw new Error(`Cannot found anew: index ${index} is out of range`);
    const releasedAttempts = releaseWorkers(machine, { index, term });
    machine.checkpoint({ index, term });
    makeLog(raftDir, clusterId, member, { index, term });
    return {
      clusterId,
      incarnation: member.incarnation,
      appliedIndex: last.index,
      index,
      term,
      liveJobs: machine.liveJobs,
      releasedAttempts,
    };
  } finally {
    store.close();
  }
}

/** Entries of `log` from an index on, in pieces. */
export function* entriesOf(log: SqliteRaftLog, from: number): Iterable<readonly Entry[]> {
  for (let at = from; at <= log.lastIndex;) {
    const entries = log.entries(at, log.lastIndex, REPLAY_BYTES);
    yield entries;
    at = (entries.at(-1)?.index ?? at) + 1;
  }
}

function replayInto(
  machine: JobMachine,
  replay: (from: number) => Iterable<readonly Entry[]>,
): LogPosition {
  let last = machine.applied;
  for (const entries of replay(last.index + 1)) {
    for (const { index, term, kind, data } of entries) {
      if (kind === "command") machine.apply(decodeCommand(data), { index, term });
      last = { index, term };
    }
    machine.flush(last);
  }
  return last;
}

function releaseWorkers(machine: JobMachine, { index, term }: LogPosition): number {
  const connected = machine.workers().filter((each) => each.status !== "disconnected");
  let released = 0;
  connected.forEach((worker, position) => {
    const command: DeregisterWorkerCommand = {
      kind: "deregister_worker",
      atMs: machine.nowMs,
      workerId: worker.id,
      sessionId: worker.sessionId,
    };
    const at = { index: index - connected.length + position, term };
    const outcome = machine.apply(command, at);
    if (outcome.status === "ended") released += outcome.ended.length;
  });
  return released;
}

function makeLog(
  raftDir: string,
  clusterId: string,
  member: Member,
  { index, term }: LogPosition,
): void {
  const { id: nodeId, incarnation } = member;
  const log = SqliteRaftLog.create(raftDir, { clusterId, nodeId, incarnation });
  try {
    log.reset(
      { index, term, membership: { voters: [member], learners: [] } },
      { term, vote: null, commit: index },
    );
  } finally {
    log.close();
  }
}
