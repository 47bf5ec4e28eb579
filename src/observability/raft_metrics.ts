/**
 * What a master measures of consensus and its log.
 *
 * @module
 */

import { firstOf, oneOf } from "./label_bound.ts";
import type { MetricsRegistry } from "./metrics_registry.ts";

export type RaftMetrics = ReturnType<typeof createRaftMetrics>;

const APPLY_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** From a fast SSD's to a failing disk's. */
const DISK_SECONDS = [
  ...[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05],
  ...[0.1, 0.25, 0.5, 1, 2.5],
];
const SNAPSHOT_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Members of a cluster that have series of their own. */
const PEERS_MAX = 32;

/** Declares them in `registry`. Once for each registry. */
export function createRaftMetrics(registry: MetricsRegistry) {
  return {
    /** Commands proposed on this node, each once, when its outcome is known. */
    raftAppliesTotal: registry.counterFamily<
      { command: string; status: "success" | "error" }
    >(
      "raft_applies_total",
      "Commands proposed by this node, by whether they were applied.",
      { command: firstOf(64), status: oneOf("success", "error") },
    ),
    raftApplyLatencySeconds: registry.histogram(
      "raft_apply_latency_seconds",
      "Time from a command's proposal to its outcome.",
      APPLY_SECONDS,
    ),
    raftSnapshotsTotal: registry.counter("raft_snapshots_total", "Snapshots made by this node."),
    raftSnapshotSeconds: registry.histogram(
      "raft_snapshot_seconds",
      "Time to make a snapshot, its digest included.",
      SNAPSHOT_SECONDS,
    ),
    raftSnapshotBytes: registry.gauge(
      "raft_snapshot_bytes",
      "Size of the latest snapshot that this node has made since its start.",
    ),
    raftSnapshotsInstalledTotal: registry.counter(
      "raft_snapshots_installed_total",
      "Snapshots of the leader's that replaced this node's state.",
    ),
    raftIsLeader: registry.gauge("raft_is_leader", "1 on the node that leads, else 0."),
    /** Sampled. */
    masterReady: registry.gauge(
      "master_ready",
      "1 while this master is ready, else 0; /ready says why it is not.",
    ),
    /** Sampled. */
    raftLeaderKnown: registry.gauge(
      "raft_leader_known",
      "1 while this node knows who leads, else 0.",
    ),
    /** Sampled. */
    raftMembers: registry.gaugeFamily<{ suffrage: "voter" | "learner" }>(
      "raft_members",
      "Members of the cluster as this node knows it.",
      { suffrage: oneOf("voter", "learner") },
    ),
    /** Sampled, as are all of Raft's indexes. */
    raftTerm: registry.gauge("raft_term", "Current term."),
    raftCommitIndex: registry.gauge("raft_commit_index", "Highest log index known committed."),
    raftAppliedIndex: registry.gauge("raft_applied_index", "Highest log index applied."),
    raftLastLogIndex: registry.gauge("raft_last_log_index", "Highest log index on this node."),
    /** Sampled. */
    raftProposalsPending: registry.gauge(
      "raft_proposals_pending",
      "Commands proposed by this node that are not applied yet.",
    ),
    /** Sampled with `replaceAll`, by the leader. */
    raftPeerLagEntries: registry.gaugeFamily<{ peer: string }>(
      "raft_peer_lag_entries",
      "Entries of the leader's log that a member is not known to hold yet. The leader tells.",
      { peer: firstOf(PEERS_MAX) },
    ),
    /** Sampled with `replaceAll`, by the leader. */
    raftPeerSilenceSeconds: registry.gaugeFamily<{ peer: string }>(
      "raft_peer_silence_seconds",
      "Time since a member was last heard of. The leader tells.",
      { peer: firstOf(PEERS_MAX) },
    ),
    raftElectionsTotal: registry.counter(
      "raft_elections_total",
      "Elections that this node has begun.",
    ),
    raftAppendSeconds: registry.histogram(
      "raft_append_seconds",
      "Time to append one batch of entries to the log, fsync included.",
      DISK_SECONDS,
    ),
    raftFsyncSeconds: registry.histogram(
      "raft_fsync_seconds",
      "Time of the fsync that makes a batch of log entries durable.",
      DISK_SECONDS,
    ),
  };
}
