/** What a leader does: append, replicate, commit, confirm reads, hand over. */

import type { EntryKind, NodeId } from "./entry.ts";
import { entryBytes, NO_DATA } from "./entry.ts";
import { invariant } from "./invariant.ts";
import { decodeMembership, everyMember } from "./membership.ts";
import type { AppendAccepted, AppendRejected, HeartbeatResponse } from "./message.ts";
import { majority, quorumValue } from "./quorum.ts";
import { Progress, Window } from "./progress.ts";
import { ReadRounds } from "./read_index.ts";
import { completeFront, Front, isSpare, overtake } from "./spares.ts";
import type { CoreState, Leader } from "./state.ts";

/** Won: leads, and appends an empty entry, without which nothing could commit (thesis §3.6.2). */
export function becomeLeader(state: CoreState): void {
  invariant(state.role.kind === "candidate", () => `A ${state.role.kind} became leader`);
  const { bounds } = state.options;
  const leader: Leader = {
    kind: "leader",
    peers: new Map(),
    reads: new ReadRounds(),
    uncommitted: new Window({
      inflightMessagesMax: bounds.uncommittedEntriesMax,
      inflightBytesMax: bounds.uncommittedBytesMax,
    }),
    front: new Front(),
    commitNewsIsDue: false,
    transfer: undefined,
  };
  state.role = leader;
  state.resetElectionTimer();
  followMembership(state, leader);
  appendOwn(state, leader, "noop", NO_DATA);
}

/** Appends one entry of this term. Returns its index. */
export function appendOwn(
  state: CoreState,
  leader: Leader,
  kind: EntryKind,
  data: Uint8Array,
): number {
  const entry = { index: state.log.lastIndex + 1, term: state.term, kind, data };
  state.log.append([entry]);
  leader.uncommitted.add(entry.index, entryBytes(entry));
  if (kind === "membership") {
    state.memberships.append(entry.index, decodeMembership(data));
    followMembership(state, leader);
  }
  return entry.index;
}

/** Whether an entry of this leader's own term is committed; before, its commit index may lag. */
export function hasCommittedInTerm(state: CoreState): boolean {
  return state.log.term(state.log.committed) === state.term;
}

/** One tick of a leader: heartbeats, and a look at whether a majority still answers (thesis §6.2). */
export function tickLeader(state: CoreState, leader: Leader): void {
  for (const peer of leader.peers.values()) peer.lastContactTicks++;
  state.electionElapsedTicks++;
  state.heartbeatElapsedTicks++;
  leader.commitNewsIsDue = true;
  if (!quorumIsInContact(state, leader)) {
    state.becomeFollower(state.term, undefined);
    return;
  }
  if (state.electionElapsedTicks >= state.options.timings.electionTicks) {
    state.electionElapsedTicks = 0;
    leader.transfer = undefined;
  }
  if (state.heartbeatElapsedTicks >= state.options.timings.heartbeatTicks) {
    leader.front.sparesAreDue = true;
    sendHeartbeats(state, leader);
  }
}

/**
 * Sends all that may be sent: reads' rounds, new entries within each peer's window, and news of the
 * commit index. Called once a `Ready`, so that all proposals of a turn share their messages.
 */
export function replicate(state: CoreState, leader: Leader): void {
  confirmReads(state, leader);
  if (leader.reads.hasWaiting && hasCommittedInTerm(state)) {
    leader.reads.openNext(state.log.committed);
    sendHeartbeats(state, leader);
    confirmReads(state, leader);
  }
  // One that leaves may not live to see the next tick as leader.
  const newsIsDue = leader.commitNewsIsDue || !state.votes ||
    state.options.timings.commitNews !== "by_tick";
  const maySpare = state.options.timings.spares === "later" && state.votes &&
    !leader.front.sparesAreDue && completeFront(state, leader);
  for (const peer of leader.peers.values()) {
    if (peer.id === state.id) continue;
    if (!maySpare || !isSpare(leader, peer)) peer.due = state.log.lastIndex;
    while (sendAppend(state, peer, false));
    if (newsIsDue) tellCommitted(state, peer);
  }
  leader.commitNewsIsDue = false;
  leader.front.sparesAreDue = false;
  stepDownWhenRemoved(state);
}

/** A follower holds the leader's log up to `match`. */
export function handleAccepted(state: CoreState, leader: Leader, message: AppendAccepted): void {
  const peer = leader.peers.get(message.from);
  if (peer === undefined) return;
  const { log } = state;
  invariant(
    message.match <= log.lastIndex,
    () =>
      `${message.from} acknowledges ${message.match}, the log ends at ${log.lastIndex}: a member has forgotten ` +
      "entries, as with an old copy of its data directory; find the one whose directory was put back, and " +
      "have it rebuilt from the others",
  );
  peer.heard();
  if (peer.state === "snapshot" && message.match + 1 >= log.firstIndex) peer.becomeProbe();
  if (peer.accepted(message.match)) {
    overtake(state, leader, peer);
    maybeCommit(state, leader);
  }
  maybeHandOver(state, leader);
}

/** A follower lacks the entry before what it was sent: backs up, by a whole term if it can. */
export function handleRejected(state: CoreState, leader: Leader, message: AppendRejected): void {
  const peer = leader.peers.get(message.from);
  if (peer === undefined) return;
  peer.heard();
  const { hintIndex, hintTerm } = message;
  const hint = hintTerm > 0 ? state.log.lastIndexWithTermAtMost(hintIndex, hintTerm).index : 0;
  peer.rejected(message.prevIndex, hint);
}

/** A follower is alive: may confirm reads, and starts again what was lost. */
export function handleHeartbeatResponse(
  state: CoreState,
  leader: Leader,
  message: HeartbeatResponse,
): void {
  const peer = leader.peers.get(message.from);
  if (peer === undefined) return;
  peer.heard();
  peer.readRound = Math.max(peer.readRound, message.readRound);
  if (peer.heartbeatAnswered()) sendAppend(state, peer, true);
  confirmReads(state, leader);
}

/** The leader's own log is durable up to `stableIndex`: only now does it count itself. */
export function ownLogIsDurable(state: CoreState, leader: Leader): void {
  if (leader.peers.get(state.id)?.accepted(state.log.stableIndex) === true) {
    maybeCommit(state, leader);
  }
}

/** Begins to hand leadership to `target`, which must be caught up first. */
export function beginTransfer(state: CoreState, leader: Leader, target: NodeId): void {
  leader.transfer = target;
  // The whole transfer has one election timeout, after which it is given up.
  state.electionElapsedTicks = 0;
  maybeHandOver(state, leader);
}

/**
 * Commits what a majority of voters holds durably, if it is of this term: an entry of an older term
 * commits only along with one of this (paper §5.4.2, figure 8).
 */
function maybeCommit(state: CoreState, leader: Leader): void {
  const index = quorumValue(state.voterIds.map((id) => leader.peers.get(id)?.match ?? 0));
  if (index <= state.log.committed || state.log.term(index) !== state.term) return;
  state.log.commitTo(index);
  leader.uncommitted.freeThrough(index);
  maybeHandOver(state, leader);
}

function sendAppend(state: CoreState, peer: Progress, evenIfEmpty: boolean): boolean {
  const { log } = state;
  const { paused } = peer;
  if (paused && !(evenIfEmpty && peer.state === "replicate")) return false;
  const prevIndex = peer.next - 1;
  const prevTerm = log.term(prevIndex);
  if (prevTerm === undefined) {
    // Compacted. An unreachable peer gets no snapshot prepared for it.
    if (isInReach(state, peer)) {
      peer.becomeSnapshot();
      state.snapshotsToSend.push(peer.id);
    }
    return false;
  }
  const { messageBytesMax } = state.options.bounds;
  const entries = paused ? [] : log.entries(peer.next, peer.due, messageBytesMax);
  if (entries.length === 0 && !evenIfEmpty) return false;
  const commit = log.committed;
  state.send({
    kind: "append_request",
    to: peer.id,
    term: state.term,
    prevIndex,
    prevTerm,
    entries,
    commit,
  });
  const bytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
  peer.sent(prevIndex + entries.length, bytes, commit);
  return true;
}

/** Whether `peer` was heard of within an election timeout. */
export function isInReach({ options }: Readonly<CoreState>, peer: Progress | undefined): boolean {
  return peer !== undefined && peer.lastContactTicks < options.timings.electionTicks;
}

/** Tells `peer` what is committed, if it was not told yet. */
function tellCommitted(state: CoreState, peer: Progress): void {
  const isNews = peer.sentCommit < state.log.committed;
  if (peer.state === "replicate" && isNews) sendAppend(state, peer, true);
}

function sendHeartbeats(state: CoreState, leader: Leader): void {
  state.heartbeatElapsedTicks = 0;
  const { log, term } = state;
  for (const peer of leader.peers.values()) {
    if (peer.id === state.id) continue;
    // A commit index above what the peer matches would commit entries that are not the leader's.
    const commit = Math.min(peer.match, log.committed);
    const { openRound: readRound } = leader.reads;
    state.send({ kind: "heartbeat_request", to: peer.id, term, commit, readRound });
  }
}

function confirmReads(state: CoreState, leader: Leader): void {
  const { openRound } = leader.reads;
  if (openRound === 0) return;
  const round = quorumValue(
    state.voterIds.map((id) => id === state.id ? openRound : leader.peers.get(id)?.readRound ?? 0),
  );
  for (const { from: to, requestId, index } of leader.reads.confirmThrough(round)) {
    if (to === undefined) {
      state.reads.push({ requestId, index });
      continue;
    }
    // Whoever reads waits until it has applied that index: it must hold it, and know that it may.
    const peer = leader.peers.get(to);
    if (peer !== undefined) {
      peer.due = state.log.lastIndex;
      tellCommitted(state, peer);
    }
    state.send({ kind: "read_index_response", to, term: state.term, requestId, index });
  }
}

/**
 * Whether a majority was heard of within an election timeout. Looked at with every tick: by then the
 * others may have elected somebody, and who asks this node should not wait for another timeout.
 */
function quorumIsInContact(state: CoreState, leader: Leader): boolean {
  const { id: own, voterIds } = state;
  const present = voterIds.filter((id) => id === own || isInReach(state, leader.peers.get(id)));
  return present.length >= majority(voterIds.length);
}

/**
 * Tells the target to campaign once it holds all of the log and all of it is committed: nothing new
 * is appended meanwhile, so every proposal that was accepted gets its outcome from this leader, and
 * none is left as unknown.
 */
function maybeHandOver(state: CoreState, leader: Leader): void {
  if (leader.transfer === undefined) return;
  const target = leader.peers.get(leader.transfer);
  const { lastIndex, committed } = state.log;
  if (target === undefined || !state.voterIds.includes(target.id)) {
    leader.transfer = undefined;
  } else if (target.match === lastIndex && committed === lastIndex) {
    state.send({ kind: "timeout_now", to: target.id, term: state.term, lastIndex });
  }
}

/** Gives every incarnation of a member a progress, and forgets those who left. */
function followMembership(state: CoreState, leader: Leader): void {
  const members = everyMember(state.memberships.current);
  for (const member of members) {
    const { id, incarnation } = member;
    // What another incarnation held is gone with its disk: counting it would commit on air.
    if (leader.peers.get(id)?.incarnation === incarnation) continue;
    const progress = new Progress(member, state.log.lastIndex + 1, state.options.bounds);
    if (id === state.id) progress.accepted(state.log.stableIndex);
    leader.peers.set(id, progress);
  }
  for (const id of leader.peers.keys()) {
    if (!members.some((each) => each.id === id)) leader.peers.delete(id);
  }
  maybeCommit(state, leader);
}

/** A leader outside of the committed membership has done its last duty (thesis §4.2.2). */
function stepDownWhenRemoved(state: CoreState): void {
  if (!state.votes && state.memberships.currentIndex <= state.log.committed) {
    state.becomeFollower(state.term, undefined);
  }
}
