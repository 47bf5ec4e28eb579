/**
 * What a master measures: the original's 27 metrics, with its names and labels, and Raft's state.
 * Each is counted once, on the node where it happened; sums over a cluster are then true.
 *
 * @module
 */

import { createGateMetrics, type GateMetrics } from "./gate_metrics.ts";
import { firstOf, oneOf } from "./label_bound.ts";
import type { MetricsRegistry } from "./metrics_registry.ts";
import { createRpcMetrics, type RpcMetrics } from "./rpc_metrics.ts";
import { createTlsMetrics, type TlsMetrics } from "./tls_metrics.ts";

/** Everything a master counts. Times are seconds, as Prometheus has them. */
export type MasterMetrics =
  & ReturnType<typeof jobMetrics>
  & ReturnType<typeof workerMetrics>
  & ReturnType<typeof schedulingMetrics>
  & ReturnType<typeof raftMetrics>
  & ReturnType<typeof recoveryMetrics>
  & GateMetrics
  & TlsMetrics
  & { readonly rpc: RpcMetrics };

/** Declares a master's metrics in `registry`. Once for each registry. */
export function createMasterMetrics(registry: MetricsRegistry): MasterMetrics {
  return {
    ...jobMetrics(registry),
    ...workerMetrics(registry),
    ...schedulingMetrics(registry),
    ...raftMetrics(registry),
    ...recoveryMetrics(registry),
    ...createGateMetrics(registry),
    ...createTlsMetrics(registry),
    rpc: createRpcMetrics(registry),
  };
}

/** Series for this many job types and workers; the rest is counted as `other`. */
export const JOB_TYPES_MAX = 64;
export const WORKERS_MAX = 1_000;

/** The original's (Go's defaults), and on to half an hour: jobs take longer than calls. */
const JOB_SECONDS = [
  ...[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  ...[30, 60, 300, 1_800],
];
const SCHEDULING_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
const LATENESS_SECONDS = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 3600];
const APPLY_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** From a fast SSD's to a failing disk's. */
const DISK_SECONDS = [
  ...[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05],
  ...[0.1, 0.25, 0.5, 1, 2.5],
];

/** A change of state as `jobs_total` counts it. */
export type CountedJobStatus = "pending" | "completed" | "failed" | "cancelled";

function jobMetrics(registry: MetricsRegistry) {
  const type = firstOf(JOB_TYPES_MAX);
  const status = oneOf("pending", "completed", "failed", "cancelled");
  return {
    /** Jobs that were accepted (`pending`) or ended, by the leader of that moment. */
    jobsTotal: registry.counterFamily<{ type: string; status: CountedJobStatus }>(
      "jobs_total",
      "Jobs by type that were accepted (pending) or ended (completed, failed, cancelled).",
      { type, status },
    ),
    /** From the start of the attempt that ended the job to its end. */
    jobDurationSeconds: registry.histogramFamily<
      { type: string; status: Exclude<CountedJobStatus, "pending"> }
    >(
      "job_duration_seconds",
      "Time from a job's last start to its end.",
      JOB_SECONDS,
      { type, status },
    ),
    /** Sampled. */
    jobsActive: registry.gauge("jobs_active", "Jobs assigned to a worker or running."),
    jobRetriesTotal: registry.counterFamily<{ type: string }>(
      "job_retries_total",
      "Attempts that were followed by another.",
      { type },
    ),
    /** Sampled. */
    jobQueueSize: registry.gauge("job_queue_size", "Jobs pending: ready and not assigned."),
    /** Sampled. A gauge, whatever its name says: the original's users have it so. */
    jobsDlqTotal: registry.gauge("jobs_dlq_total", "Jobs in the dead letter queue now."),
    dlqMovementsTotal: registry.counter(
      "dlq_movements_total",
      "Jobs moved to the dead letter queue.",
    ),
    /** Counted by the leader. */
    jobsForgottenTotal: registry.counterFamily<{ reason: "retention" | "purge" }>(
      "jobs_forgotten_total",
      "Finished jobs that are gone for good: kept long enough, too many, or purged by somebody.",
      { reason: oneOf("retention", "purge") },
    ),
  };
}

function workerMetrics(registry: MetricsRegistry) {
  return {
    /** Sampled. */
    workersRegistered: registry.gauge("workers_registered", "Workers known to the cluster."),
    /** Sampled. */
    workersActive: registry.gauge("workers_active", "Workers whose lease holds."),
    /** Sampled. */
    workersFailed: registry.gauge("workers_failed", "Workers that lost their lease."),
    workerHeartbeatsTotal: registry.counterFamily<
      { worker_id: string; status: "success" | "error" }
    >(
      "worker_heartbeats_total",
      "Heartbeats of workers, by whether they were accepted.",
      { worker_id: firstOf(WORKERS_MAX), status: oneOf("success", "error") },
    ),
    /** Sampled with `replaceAll`, so that a worker that left leaves no series behind. */
    workerJobCapacity: registry.gaugeFamily<
      { worker_id: string; metric: "max" | "active" | "available" }
    >(
      "worker_job_capacity",
      "Slots of a worker: max, active, available.",
      { worker_id: firstOf(WORKERS_MAX), metric: oneOf("max", "active", "available") },
    ),
  };
}

function schedulingMetrics(registry: MetricsRegistry) {
  return {
    schedulingAttemptsTotal: registry.counterFamily<
      { policy: string; result: "no_worker" | "raft_error" | "send_error" | "success" }
    >(
      "scheduling_attempts_total",
      "Jobs that the scheduler tried to assign, by policy and result.",
      { policy: firstOf(16), result: oneOf("no_worker", "raft_error", "send_error", "success") },
    ),
    schedulingLatencySeconds: registry.histogram(
      "scheduling_latency_seconds",
      "Time to plan one round of assignments.",
      SCHEDULING_SECONDS,
    ),
    assignmentFailuresTotal: registry.counterFamily<{ reason: "raft_error" | "send_error" }>(
      "assignment_failures_total",
      "Assignments that were planned and did not reach their worker.",
      { reason: oneOf("raft_error", "send_error") },
    ),
    /** Counted by the leader; what it passes over while it catches up is missed, too. */
    scheduleRunsTotal: registry.counterFamily<
      { result: "submitted" | "skipped" | "missed" }
    >(
      "schedule_runs_total",
      "Times of schedules that came, by what became of them.",
      { result: oneOf("submitted", "skipped", "missed") },
    ),
    scheduleLatenessSeconds: registry.histogram(
      "schedule_lateness_seconds",
      "From a time of a schedule to when its job was made.",
      LATENESS_SECONDS,
    ),
  };
}

function raftMetrics(registry: MetricsRegistry) {
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
    raftIsLeader: registry.gauge("raft_is_leader", "1 on the node that leads, else 0."),
    raftTerm: registry.gauge("raft_term", "Current term."),
    raftCommitIndex: registry.gauge("raft_commit_index", "Highest log index known committed."),
    raftAppliedIndex: registry.gauge("raft_applied_index", "Highest log index applied."),
    raftLastLogIndex: registry.gauge("raft_last_log_index", "Highest log index on this node."),
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

function recoveryMetrics(registry: MetricsRegistry) {
  return {
    recoveryAttemptsTotal: registry.counterFamily<{ reason: string }>(
      "recovery_attempts_total",
      "Attempts taken from a worker that failed or left, to be given to another.",
      { reason: firstOf(16) },
    ),
    recoverySuccessesTotal: registry.counter(
      "recovery_successes_total",
      "Attempts taken back whose job waits for another worker.",
    ),
    recoveryFailuresTotal: registry.counter(
      "recovery_failures_total",
      "Attempts taken back whose job had none left.",
    ),
  };
}
