/** What a node does with what its leader sends. Callers have checked that the term is current. */

import { decodeMembership } from "./membership.ts";
import type { AppendRequest, HeartbeatRequest, SnapshotReceived } from "./message.ts";
import type { CoreState } from "./state.ts";

/** Appends, or says where the logs may agree. Answers once the entries are durable. */
export function handleAppend(state: CoreState, message: AppendRequest): void {
  const { log } = state;
  const { from: to, prevIndex, prevTerm, entries, commit } = message;
  const { term } = state;
  if (prevIndex < log.committed) {
    // Committed entries equal the leader's, whatever this late request holds.
    state.sendAfterWrite({ kind: "append_accepted", to, term, match: log.committed });
    return;
  }
  const appended = log.tryAppend(prevIndex, prevTerm, entries);
  if (appended === undefined) {
    const hint = log.lastIndexWithTermAtMost(prevIndex, prevTerm);
    state.sendAfterWrite({
      kind: "append_rejected",
      to,
      term,
      prevIndex,
      hintIndex: hint.index,
      hintTerm: hint.term,
    });
    return;
  }
  if (appended.cutFrom !== undefined) state.memberships.truncateFrom(appended.cutFrom);
  for (const entry of appended.added) {
    if (entry.kind === "membership") {
      state.memberships.append(entry.index, decodeMembership(entry.data));
    }
  }
  // Only up to here do the logs agree: what may follow is not the leader's (paper, figure 2).
  const match = prevIndex + entries.length;
  log.commitTo(Math.min(commit, match));
  state.sendAfterWrite({ kind: "append_accepted", to, term, match });
}

/**
 * This node acknowledged entries that its disk no longer holds, and nothing on the disk showed it: it
 * must not take part with the log it has.
 */
export class LogForgotten extends Error {
  override name = "LogForgotten";
}

/**
 * The leader keeps `commit` within what it knows to match here.
 *
 * @throws {LogForgotten}
 */
export function handleHeartbeat(state: CoreState, message: HeartbeatRequest): void {
  const { log: { lastIndex } } = state;
  if (message.commit > lastIndex) {
    throw new LogForgotten(
      `Cannot go on: "${message.from}", which leads, knows that this node held entries up to ` +
        `${message.commit}, but its log ends at ${lastIndex}; the data directory was replaced by ` +
        "an old copy",
    );
  }
  state.log.commitTo(message.commit);
  const { from: to, readRound } = message;
  state.sendAfterWrite({ kind: "heartbeat_response", to, term: state.term, readRound });
}

/**
 * A whole snapshot is at hand. Declined when it holds nothing new; taken as a mere commit index when
 * the log has its last entry; otherwise it replaces log and state (paper, figure 13, rules 6 to 8).
 */
export function handleSnapshot(state: CoreState, message: SnapshotReceived): void {
  const { log } = state;
  const { index, term, membership } = message.snapshot;
  if (index > log.committed) {
    if (log.matches(index, term)) {
      log.commitTo(index);
    } else {
      log.restore(message.snapshot);
      state.memberships.reset(index, membership);
    }
  }
  state.sendAfterWrite({
    kind: "append_accepted",
    to: message.from,
    term: state.term,
    match: Math.max(log.committed, index),
  });
}
