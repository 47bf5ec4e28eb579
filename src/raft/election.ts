/** How a leader is chosen: PreVote, votes, and the campaign that a transfer asks for. */

import type { NodeId } from "./entry.ts";
import { invariant } from "./invariant.ts";
import { becomeLeader } from "./leader.ts";
import { isVoter } from "./membership.ts";
import type { TimeoutNow, VoteRequest, VoteResponse } from "./message.ts";
import { voteResult } from "./quorum.ts";
import type { CoreState } from "./state.ts";

/** How often a pre-candidate asks again in a heartbeat interval, if ticks are that fine. */
const QUESTIONS_A_HEARTBEAT = 5;

/**
 * The election timer ran out. Asks first whether a campaign would succeed (PreVote, thesis §9.6),
 * so that a node that cannot win does not disturb those that work. Nodes that may not be elected
 * decline.
 */
export function maybeCampaign(state: CoreState): void {
  if (state.role.kind === "leader") return;
  // While its own vote is being written nobody was asked yet: a later term would only begin it anew.
  if (state.role.kind === "candidate" && !state.role.votes.has(state.id)) return;
  state.resetElectionTimer();
  if (!mayBeElected(state)) {
    // It may still vote, so it must not take the silent leader for alive.
    state.becomeFollower(state.term, undefined);
    return;
  }
  // Forgets the leader: a pre-candidate that still called it alive would refuse others' pre-votes.
  state.role = { kind: "pre_candidate", votes: new Map() };
  askForVotes(state, { pre: true, transfer: false });
  recordVote(state, state.id, true);
}

/**
 * Asks those again who have not answered: a question may be lost, and whoever still took the leader
 * for alive when it came did not answer: its lease may have ended a tick later than ours. Asking
 * changes nothing anywhere, so some times a heartbeat interval is cheap, and saves waiting for the
 * next election timeout.
 */
export function tickPreCandidate(state: CoreState): void {
  if (state.role.kind !== "pre_candidate") return;
  state.heartbeatElapsedTicks++;
  const pauseTicks = Math.ceil(state.options.timings.heartbeatTicks / QUESTIONS_A_HEARTBEAT);
  if (state.heartbeatElapsedTicks < pauseTicks) return;
  state.heartbeatElapsedTicks = 0;
  const { votes } = state.role;
  askForVotes(state, { pre: true, transfer: false }, (id) => !votes.has(id));
}

/** The leader handed over: campaigns at once, against the lease that the leader itself gave up. */
export function handleTimeoutNow(state: CoreState, message: TimeoutNow): void {
  const fresh = state.role.kind === "follower" && state.role.leaderId === message.from &&
    state.log.lastIndex >= message.lastIndex;
  if (fresh && mayBeElected(state)) campaign(state, true);
}

/** Answers `message`, whose term is the current one, or for a pre-vote perhaps a later one. */
export function handleVoteRequest(state: CoreState, message: VoteRequest): void {
  const { pre, from, term } = message;
  const free = state.vote === from ||
    (state.vote === null && state.leaderId === undefined) ||
    (pre && term > state.term);
  const isUpToDate = state.log.isUpToDate(message.lastIndex, message.lastTerm);
  const granted = free && isUpToDate;
  if (granted && !pre) {
    state.setTermAndVote(term, from);
    state.resetElectionTimer();
  }
  if (granted && pre) maybeGiveWay(state, message);
  if (pre && !isUpToDate) maybeGoAhead(state);
  // A refusal carries our own term, so that an asker of an older term learns it.
  const answerTerm = granted ? term : state.term;
  state.sendAfterWrite({ kind: "vote_response", to: from, term: answerTerm, pre, granted });
}

/**
 * Followers of a leader that died campaign at about the same time, and would split the votes. So a
 * pre-candidate gives way to one whose log is newer or, with equal logs, whose id comes first: one of
 * any two goes on. But only once until there is a leader: a rival that can speak and not hear would
 * otherwise ask for ever and keep everybody from being elected.
 */
function maybeGiveWay(state: CoreState, rival: VoteRequest): void {
  if (state.role.kind !== "pre_candidate" || state.hasGivenWay) return;
  const { lastIndex, lastTerm } = state.log;
  const isEqual = rival.lastIndex === lastIndex && rival.lastTerm === lastTerm;
  if (isEqual && rival.from > state.id) return;
  state.becomeFollower(state.term, undefined);
  state.hasGivenWay = true;
}

/**
 * Somebody who cannot win asked first: its log is older than this one, as that of a spare is (see
 * `spares.ts`). Where no leader is heard of, who may win need not wait for its own timer.
 */
function maybeGoAhead(state: CoreState): void {
  if (state.role.kind === "follower" && !state.inLease) maybeCampaign(state);
}

/** Counts an answer to the campaign that is under way; others are old, and dropped. */
export function handleVoteResponse(state: CoreState, message: VoteResponse): void {
  const asked = message.pre ? "pre_candidate" : "candidate";
  if (state.role.kind !== asked) return;
  if (message.pre && message.granted && message.term !== state.term + 1) return;
  recordVote(state, message.from, message.granted);
}

/** The candidate's vote for itself counts once it is durable. */
export function ownVoteIsDurable(state: CoreState): void {
  if (state.role.kind === "candidate" && !state.role.votes.has(state.id)) {
    recordVote(state, state.id, true);
  }
}

/** A learner, a removed node, or one whose state is being replaced does not campaign. */
function mayBeElected(state: CoreState): boolean {
  if (state.log.snapshotToInstall !== undefined) return false;
  return state.votes || isLeavingOnly(state);
}

/**
 * This node stops being a voter by a change that it does not know to be committed. Nobody else may
 * hold that change, and then nobody else can win: of two voters, one that removed itself would keep
 * the other from being elected for ever (thesis §4.2.2). It leads until the change is committed.
 */
function isLeavingOnly({ id, log, memberships }: CoreState): boolean {
  const { currentIndex } = memberships;
  return currentIndex > log.committed && isVoter(memberships.at(currentIndex - 1), id);
}

function campaign(state: CoreState, transfer: boolean): void {
  state.setTermAndVote(state.term + 1, state.id);
  state.resetElectionTimer();
  state.role = { kind: "candidate", votes: new Map() };
  askForVotes(state, { pre: false, transfer });
}

function askForVotes(
  state: CoreState,
  how: { pre: boolean; transfer: boolean },
  whom: (id: NodeId) => boolean = () => true,
): void {
  const { lastIndex, lastTerm } = state.log;
  for (const to of state.voterIds) {
    if (to === state.id || !whom(to)) continue;
    state.sendAfterWrite({
      kind: "vote_request",
      to,
      term: how.pre ? state.term + 1 : state.term,
      lastIndex,
      lastTerm,
      ...how,
    });
  }
}

function recordVote(state: CoreState, from: NodeId, granted: boolean): void {
  const { role } = state;
  invariant(
    role.kind === "pre_candidate" || role.kind === "candidate",
    () => `A vote of ${from} was counted by a ${role.kind}`,
  );
  if (!role.votes.has(from)) role.votes.set(from, granted);
  switch (voteResult(state.voterIds, role.votes)) {
    case "won":
      if (role.kind === "pre_candidate") campaign(state, false);
      else becomeLeader(state);
      break;
    case "lost":
      state.becomeFollower(state.term, undefined);
      break;
    case "pending":
  }
}
