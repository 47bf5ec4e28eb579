/** What a node shows of itself. */

import type { NodeId } from "./entry.ts";
import type { Member } from "./membership.ts";
import { everyMember, isVoter } from "./membership.ts";
import type { ProgressState } from "./progress.ts";
import type { CoreState, Role } from "./state.ts";

/** A peer, as the leader sees it. */
export interface PeerStatus {
  readonly id: NodeId;
  readonly match: number;
  readonly next: number;
  readonly state: ProgressState;
  readonly lastContactTicks: number;
  /** How often it was heard of since this node leads. */
  readonly answers: number;
  readonly inflightMessages: number;
  readonly inflightBytes: number;
}

/** A node at one instant. */
export interface RaftStatus {
  readonly id: NodeId;
  readonly role: Role["kind"];
  readonly term: number;
  readonly leaderId: NodeId | undefined;
  readonly vote: NodeId | null;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** Of the entry at `appliedIndex`; 0 while a snapshot waits to be installed. */
  readonly appliedTerm: number;
  /** The first index that was not compacted. */
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** In force, committed or not. */
  readonly members: readonly (Member & { readonly votes: boolean })[];
  /** Index of the entry that put the membership in force. */
  readonly membershipIndex: number;
  /** To whom leadership is being handed. */
  readonly transferTo: NodeId | undefined;
  /** Empty unless this node leads. */
  readonly peers: readonly PeerStatus[];
  /** Ticks since the leader was heard of; 0 on the leader. */
  readonly leaderContactTicks: number;
}

/** Reads `state`. */
export function statusOf(state: Readonly<CoreState>, appliedIndex: number): RaftStatus {
  const { log, memberships, role } = state;
  const membership = memberships.current;
  return {
    id: state.id,
    role: role.kind,
    term: state.term,
    leaderId: state.leaderId,
    vote: state.vote,
    commitIndex: log.committed,
    appliedIndex,
    appliedTerm: log.term(appliedIndex) ?? 0,
    firstIndex: log.firstIndex,
    lastIndex: log.lastIndex,
    lastTerm: log.lastTerm,
    members: everyMember(membership).map((member) => ({
      ...member,
      votes: isVoter(membership, member.id),
    })),
    membershipIndex: memberships.currentIndex,
    transferTo: role.kind === "leader" ? role.transfer : undefined,
    peers: role.kind === "leader" ? peersOf(state, role) : [],
    leaderContactTicks: role.kind === "leader" ? 0 : state.electionElapsedTicks,
  };
}

function peersOf(state: Readonly<CoreState>, leader: Extract<Role, { kind: "leader" }>) {
  const others = [...leader.peers.values()].filter((peer) => peer.id !== state.id);
  return others.map((peer): PeerStatus => ({
    id: peer.id,
    match: peer.match,
    next: peer.next,
    state: peer.state,
    lastContactTicks: peer.lastContactTicks,
    answers: peer.answers,
    inflightMessages: peer.inflight.messages,
    inflightBytes: peer.inflight.bytes,
  }));
}
