/**
 * What the parts of a running master share.
 *
 * @module
 */

import type { JobMachine, Outcome } from "../jobs/mod.ts";
import type { Logger, Tracer } from "../observability/mod.ts";
import type { RaftNode } from "../raft/mod.ts";
import type { MembersView } from "../rpc/mod.ts";
import type { Admission } from "./admission.ts";
import type { BatchWatchers } from "./batch_watchers.ts";
import type { DiskPace } from "./disk_pace.ts";
import type { ReportInbox } from "./inbox.ts";
import type { AuditedAct, TokenParts } from "./options.ts";
import type { LeaderDuties } from "./leader.ts";
import type { MemberDuties } from "./member_duties.ts";
import type { Peers } from "./peers.ts";
import { notLeader, type Proposer } from "./proposer.ts";
import type { Roles } from "./roles.ts";
import type { Sessions } from "./sessions.ts";
import type { JobSnapshots } from "./snapshots.ts";
import type { JobWatchers } from "./watchers.ts";

/** Facts about this node and its cluster. */
export interface NodeFacts {
  readonly nodeId: string;
  readonly clusterId: string;
  readonly version: string;
}

export interface MasterContext {
  readonly facts: NodeFacts;
  readonly node: RaftNode<Outcome>;
  readonly machine: JobMachine;
  readonly proposer: Proposer;
  readonly inbox: ReportInbox;
  readonly admission: Admission;
  readonly sessions: Sessions;
  readonly watchers: JobWatchers;
  readonly batchWatchers: BatchWatchers;
  readonly log: Logger;
  readonly tracer: Tracer;
  readonly now: () => number;
  readonly newJobId: () => string;
  /** Schedules there may be. */
  readonly schedulesMax: number;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatTimeoutMs: number;
  /** Attempts of one job that may be lost with workers that died, until it is a dead letter. */
  readonly crashLimit: number;
  /** How long a linearizable read may wait for the leader's word. */
  readonly barrierTimeoutMs: number;
  /** gRPC address of a member, if known. */
  readonly addressOf: (nodeId: string) => string | undefined;
  /** Whether that node is known to have been a member; that it was long ago may be forgotten. */
  readonly wasMember: (nodeId: string) => boolean;
  readonly roles: Roles;
  readonly peers: Peers;
  readonly pace: DiskPace;
  /** Whom this leader had better give leadership to; undefined: whoever is furthest. */
  readonly heir: () => string | undefined;
  /** Length of a tick of consensus. */
  readonly tickMs: number;
  /** Longest time between two messages of the leader to a member. */
  readonly peerHeartbeatMs: number;
  /** Silence after which a member is taken for dead. */
  readonly memberTimeoutMs: number;
  /** The members as this node sees them, which must lead to see much. */
  readonly members: () => MembersView;
  /** Puts the state on disk and cuts the log behind it. */
  readonly compactNow: () => { readonly snapshotIndex: number; readonly firstLogIndex: number };
  readonly snapshots: JobSnapshots;
  readonly audit: (act: AuditedAct) => void;
  readonly security: TokenParts;
  /** The leader's duties, while this node leads. */
  duties: LeaderDuties | undefined;
  memberDuties: MemberDuties | undefined;
}

/**
 * The leader's duties.
 *
 * @throws Refusal `not_leader` on a node that does not lead, with the way to the one that does.
 */
export function dutiesOf(context: MasterContext): LeaderDuties {
  if (context.duties !== undefined) return context.duties;
  const leaderId = context.node.leaderId;
  throw notLeader(leaderId, leaderId === undefined ? undefined : context.addressOf(leaderId));
}
