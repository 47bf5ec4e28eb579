/**
 * What a master shows of its cluster over HTTP. The keys, and the texts among the values, are the
 * original system's, so that what reads them goes on reading; what is optional is ours.
 *
 * @module
 */

/** `Learner` is ours: a member that does not vote yet. */
export type RaftStateName = "Leader" | "Follower" | "Candidate" | "Learner" | "Shutdown";

/** A member, as hashicorp/raft shows it. */
export interface ServerView {
  readonly id: string;
  /** Raft address. */
  readonly address: string;
  readonly suffrage: "Voter" | "Nonvoter";
}

/** `GET /cluster/status` */
export interface ClusterStatusView {
  readonly state: RaftStateName;
  /** Raft address of the leader; empty when none is known. */
  readonly leader: string;
  readonly servers: readonly ServerView[];
  readonly stats: RaftStatsView;
  /** What keeps this view from being complete. */
  readonly error?: string;
  readonly node_id?: string;
  readonly cluster_id?: string;
  readonly version?: string;
  readonly leader_id?: string;
  readonly term?: number;
  readonly commit_index?: number;
  readonly applied_index?: number;
  readonly last_log_index?: number;
  /** What the leader knows of the others. */
  readonly peers?: readonly PeerView[];
}

/** How far another member is, as its leader sees it. */
export interface PeerView {
  readonly id: string;
  readonly match_index: number;
  /** Entries that it lacks. */
  readonly lag: number;
  /** `probe`: it is being asked where its log agrees; `replicate`; `snapshot`: one is being sent. */
  readonly state: "probe" | "replicate" | "snapshot";
  /** Since its last answer; absent: none yet since this leader leads. */
  readonly last_contact_ms?: number;
}

/** `GET /failover/status` */
export interface FailoverStatusView {
  /** `not_initialized` on a node that does not lead: the leader watches the workers. */
  readonly failure_detector: "active" | "not_initialized";
  readonly recovery_manager: "healthy" | `unhealthy: ${string}` | "not_initialized";
  /** Workers whose lease holds. */
  readonly active_workers: number;
  /** Workers that lost theirs. */
  readonly failed_workers: number;
  readonly is_leader?: boolean;
  readonly leader_id?: string;
}

/** hashicorp/raft's statistics: all values are texts. */
export type RaftStatsView = ReturnType<typeof raftStatsView>;

/** From what {@linkcode raftStatsView} is made. */
export interface RaftFacts {
  readonly state: RaftStateName;
  readonly term: number;
  readonly lastLogIndex: number;
  readonly lastLogTerm: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** Committed entries that wait to be applied. */
  readonly pendingEntries: number;
  readonly lastSnapshotIndex: number;
  readonly lastSnapshotTerm: number;
  readonly members: readonly ServerView[];
  /** The node that answers. */
  readonly nodeId: string;
  /** Log index of the present membership. */
  readonly membershipIndex: number;
  /** Formats of snapshots that this program reads; it writes the newest. */
  readonly snapshotFormats: { readonly oldest: number; readonly newest: number };
  /** Since the leader was last heard of; `undefined`: never. A leader says 0. */
  readonly lastContactMs: number | undefined;
}

/** Of our own protocol: the original's library numbered its own. */
const PROTOCOL_VERSION = "1";

/** Writes the statistics as hashicorp/raft does. */
export function raftStatsView(facts: RaftFacts) {
  const others = facts.members.filter(({ id, suffrage }) =>
    id !== facts.nodeId && suffrage === "Voter"
  );
  return {
    state: facts.state,
    term: String(facts.term),
    last_log_index: String(facts.lastLogIndex),
    last_log_term: String(facts.lastLogTerm),
    commit_index: String(facts.commitIndex),
    applied_index: String(facts.appliedIndex),
    fsm_pending: String(facts.pendingEntries),
    last_snapshot_index: String(facts.lastSnapshotIndex),
    last_snapshot_term: String(facts.lastSnapshotTerm),
    protocol_version: PROTOCOL_VERSION,
    protocol_version_min: PROTOCOL_VERSION,
    protocol_version_max: PROTOCOL_VERSION,
    snapshot_version_min: String(facts.snapshotFormats.oldest),
    snapshot_version_max: String(facts.snapshotFormats.newest),
    latest_configuration: `[${facts.members.map(configurationText).join(" ")}]`,
    latest_configuration_index: String(facts.membershipIndex),
    num_peers: String(others.length),
    last_contact: lastContactText(facts.lastContactMs),
  };
}

function configurationText({ suffrage, id, address }: ServerView): string {
  return `{Suffrage:${suffrage} ID:${id} Address:${address}}`;
}

function lastContactText(lastContactMs: number | undefined): string {
  if (lastContactMs === undefined) return "never";
  return lastContactMs === 0 ? "0" : `${Math.round(lastContactMs * 1_000) / 1_000}ms`;
}
