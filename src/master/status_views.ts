/**
 * What a master shows of itself over HTTP, in the original system's words.
 *
 * @module
 */

import {
  type ClusterStatusView,
  type FailoverStatusView,
  type RaftStateName,
  raftStatsView,
  type ServerView,
} from "../http/mod.ts";
import type { RaftStatus } from "../raft/mod.ts";
import { JOB_STORE_FORMATS } from "../storage/mod.ts";
import type { MasterContext } from "./context.ts";
import { lostWorkers } from "./lost_workers.ts";
import { parseMemberAddress } from "./member_address.ts";

/** Leader, Follower, Candidate, Learner: as the original named a node's state. */
export function raftStateName(status: RaftStatus): RaftStateName {
  switch (status.role) {
    case "leader":
      return "Leader";
    case "candidate":
    case "pre_candidate":
      return "Candidate";
    case "follower": {
      const isLearner = status.members.some((each) => each.id === status.id && !each.votes);
      return isLearner ? "Learner" : "Follower";
    }
  }
}

/** `GET /cluster/status`; `tickMs` is the length of a tick of consensus. */
export function clusterStatusView(context: MasterContext, tickMs: number): ClusterStatusView {
  const status = context.node.status();
  const members: ServerView[] = status.members.map(({ id, address, votes }) => ({
    id,
    address: parseMemberAddress(address).raft,
    suffrage: votes ? "Voter" : "Nonvoter",
  }));
  const state = raftStateName(status);
  return {
    state,
    leader: members.find((each) => each.id === status.leaderId)?.address ?? "",
    servers: members,
    stats: raftStatsView({
      state,
      term: status.term,
      lastLogIndex: status.lastIndex,
      lastLogTerm: status.lastTerm,
      commitIndex: status.commitIndex,
      appliedIndex: status.appliedIndex,
      pendingEntries: status.commitIndex - status.appliedIndex,
      lastSnapshotIndex: context.machine.durable.index,
      lastSnapshotTerm: context.machine.durable.term,
      members,
      nodeId: status.id,
      membershipIndex: status.membershipIndex,
      snapshotFormats: JOB_STORE_FORMATS,
      lastContactMs: status.leaderId === undefined ? undefined : status.leaderContactTicks * tickMs,
    }),
    node_id: context.facts.nodeId,
    cluster_id: context.facts.clusterId,
    version: context.facts.version,
    ...(status.leaderId === undefined ? {} : { leader_id: status.leaderId }),
    term: status.term,
    commit_index: status.commitIndex,
    applied_index: status.appliedIndex,
    last_log_index: status.lastIndex,
    peers: status.peers.map((peer) => ({
      id: peer.id,
      match_index: peer.match,
      lag: status.lastIndex - peer.match,
      state: peer.state,
      ...(peer.answers === 0 ? {} : { last_contact_ms: peer.lastContactTicks * tickMs }),
    })),
  };
}

/** `GET /failover/status` */
export function failoverStatusView(
  { node, machine, duties, now }: MasterContext,
): FailoverStatusView {
  const workers = machine.workers();
  const connected = workers.filter((each) => each.status !== "disconnected").length;
  const leads = duties !== undefined;
  return {
    failure_detector: leads ? "active" : "not_initialized",
    recovery_manager: duties !== undefined
      ? recoveryHealth(duties.faults)
      : node.isLeader
      ? "unhealthy: it was just elected and does not serve yet"
      : "not_initialized",
    active_workers: connected,
    failed_workers: lostWorkers(workers, now()).length,
    is_leader: leads,
    ...(node.leaderId === undefined ? {} : { leader_id: node.leaderId }),
  };
}

function recoveryHealth(faults: readonly string[]): FailoverStatusView["recovery_manager"] {
  return faults.length === 0 ? "healthy" : `unhealthy: ${faults.join("; ")}`;
}
