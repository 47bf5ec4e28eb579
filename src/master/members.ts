/**
 * The members as their leader sees them, and what may be done to them without losing the quorum.
 *
 * @module
 */

import type { RaftStatus } from "../raft/mod.ts";
import type { MemberDetails, MembersView, PeerFacts } from "../rpc/mod.ts";
import { ENTRY_FORMATS } from "../storage/mod.ts";
import { agreedFormat } from "./entry_format.ts";
import { parseMemberAddress } from "./member_address.ts";

/** From what {@linkcode membersView} is made. */
export interface MembersFacts {
  readonly status: RaftStatus;
  /** What a member said of itself, if it did under this incarnation. */
  readonly factsOf: (id: string, incarnation: string) => PeerFacts | undefined;
  /** Of this program. */
  readonly version: string;
  /** Length of a tick of consensus. */
  readonly tickMs: number;
  /** Silence after which a member is taken for dead. */
  readonly memberTimeoutMs: number;
}

/** All members, on a node that leads. */
export function membersView(facts: MembersFacts): MembersView {
  const { status } = facts;
  const members = status.members.map((member): MemberDetails => {
    const { raft, grpc } = parseMemberAddress(member.address);
    const isSelf = member.id === status.id;
    const said = isSelf ? undefined : facts.factsOf(member.id, member.incarnation);
    const peer = status.peers.find((each) => each.id === member.id);
    const match = isSelf ? status.lastIndex : peer?.match ?? 0;
    const lastContactMs = isSelf
      ? 0
      : peer !== undefined && peer.answers > 0
      ? peer.lastContactTicks * facts.tickMs
      : undefined;
    return {
      id: member.id,
      incarnation: member.incarnation,
      raftAddress: raft,
      grpcAddress: grpc,
      suffrage: member.votes ? "voter" : "learner",
      role: member.id === status.leaderId ? "leader" : member.votes ? "follower" : "learner",
      matchIndex: match,
      lag: status.lastIndex - match,
      lastContactMs,
      version: isSelf ? facts.version : said?.version ?? "",
      answers: lastContactMs !== undefined && lastContactMs < facts.memberTimeoutMs,
      entryFormat: isSelf ? ENTRY_FORMATS.newest : said?.entryFormat ?? 0,
    };
  });
  return {
    members,
    leaderId: status.leaderId ?? "",
    term: status.term,
    commitIndex: status.commitIndex,
    lastLogIndex: status.lastIndex,
    membershipIndex: status.membershipIndex,
    entryFormat: agreedFormat(members.map((each) => each.entryFormat)),
  };
}

/**
 * Why the cluster could not go on without `id`, or undefined: of the voters that are left, too few
 * answer.
 */
export function quorumFaultWithout({ members }: MembersView, id: string): string | undefined {
  const left = members.filter((each) => each.suffrage === "voter" && each.id !== id);
  const needed = Math.floor(left.length / 2) + 1;
  const answering = left.filter((each) => each.answers).length;
  if (left.length === 0) return `${id} is the only voter`;
  if (answering >= needed) return undefined;
  const silent = left.filter((each) => !each.answers).map((each) => each.id);
  return `without ${id} the cluster has ${left.length} voters and needs ${needed} of them, but ` +
    `only ${answering} ${answering === 1 ? "answers" : "answer"} (silent: ${silent.join(", ")})`;
}

/** When the leader removes dead members by itself. */
export interface DeadServerPolicy {
  readonly cleanup: boolean;
  /** Silence after which a voter is removed. */
  readonly afterMs: number;
  /** Never below so many voters. */
  readonly votersMin: number;
}

/**
 * The voter that may be removed because it is dead: the one that has been silent for longest.
 *
 * @param silentMs how long a member has been silent, or has had time to answer and did not
 */
export function deadVoter(
  view: MembersView,
  policy: DeadServerPolicy,
  silentMs: (id: string) => number,
): string | undefined {
  if (!policy.cleanup) return undefined;
  const voters = view.members.filter((each) => each.suffrage === "voter");
  if (voters.length <= policy.votersMin) return undefined;
  return voters
    .map((each) => ({ id: each.id, silentMs: each.id === view.leaderId ? 0 : silentMs(each.id) }))
    .filter((each) => each.silentMs >= policy.afterMs)
    .sort((a, b) => b.silentMs - a.silentMs)
    .find(({ id }) => quorumFaultWithout(view, id) === undefined)?.id;
}
