/** What happens before a node runs: founding a cluster, and finishing what a crash cut short. */

import type { Entry, HardState, SnapshotMetadata } from "./entry.ts";
import { invariant } from "./invariant.ts";
import type { Member } from "./membership.ts";
import { decodeMembership, encodeMembership, MembershipHistory } from "./membership.ts";
import type { LogStore } from "./ports.ts";

/** Log and state do not belong together. The message says what was found and what to do. */
export class StartRefused extends Error {
  override name = "StartRefused";
}

/** What of a state machine matters here. */
interface Applied {
  readonly appliedIndex: number;
}

/** What a log holds before its node runs. */
export interface LogBeginning {
  readonly entries: readonly Entry[];
  readonly hardState: HardState;
}

/**
 * How the log of a cluster of `voters` begins: with the entry that names them. With several, every one's
 * must begin with the same list.
 */
export function beginningOf(voters: readonly Member[]): LogBeginning {
  invariant(voters.length > 0, "A cluster is founded by at least one voter");
  const data = encodeMembership({ voters, learners: [] });
  return {
    entries: [{ index: 1, term: 1, kind: "membership", data }],
    hardState: { term: 1, vote: null, commit: 0 },
  };
}

/**
 * Founds a cluster of `voters` on a log that is there. A log on a disk is made with its
 * {@linkcode beginningOf | beginning}, so that no crash comes between.
 *
 * @throws {StartRefused} when the log is not empty: a cluster is founded once
 */
export function foundCluster(log: LogStore, voters: readonly Member[]): void {
  if (log.lastIndex > 0 || log.hardState.term > 0) {
    throw new StartRefused(
      `Cannot bootstrap: the log already holds entries up to ${log.lastIndex} in term ` +
        `${log.hardState.term}; start without bootstrap to continue that cluster`,
    );
  }
  const { entries, hardState } = beginningOf(voters);
  log.append(entries, hardState);
}

/**
 * Finishes an interrupted installation of a snapshot, checks that log and state machine fit, and
 * reads the memberships of the log.
 *
 * @throws {StartRefused} when they do not fit
 */
export function openMemberships(log: LogStore, applied: Applied): MembershipHistory {
  finishInstalling(log, applied);
  const { appliedIndex } = applied;
  const { boundary, lastIndex } = log;
  if (appliedIndex < boundary.index) {
    throw new StartRefused(
      `Cannot start: the state stands at ${appliedIndex}, but the log begins behind ` +
        `${boundary.index}; the state was lost or replaced by an old copy`,
    );
  }
  if (appliedIndex > lastIndex) {
    throw new StartRefused(
      `Cannot start: the state stands at ${appliedIndex}, but the log ends at ${lastIndex}; the ` +
        "log was lost or replaced by an old copy",
    );
  }
  const history = new MembershipHistory(boundary.index, boundary.membership);
  for (const { index, data } of log.membershipEntries()) {
    history.append(index, decodeMembership(data));
  }
  return history;
}

/** The state machine is replaced first: if it was, the log follows; if not, nothing happened. */
function finishInstalling(log: LogStore, applied: Applied): void {
  const { installing } = log;
  if (installing === undefined) return;
  if (applied.appliedIndex >= installing.index) installInLog(log, installing);
  else log.setInstalling(undefined);
}

/** Starts the log again behind `snapshot`. */
export function installInLog(log: LogStore, snapshot: SnapshotMetadata): void {
  const { term, vote } = log.hardState;
  log.reset(snapshot, {
    term: Math.max(term, snapshot.term),
    vote: snapshot.term > term ? null : vote,
    commit: snapshot.index,
  });
}
