/**
 * What a master measures: the original's 27 metrics, with its names and labels, and Raft's state.
 * Each is counted once, on the node where it happened, and what is the cluster's is told by the leader
 * alone: sums over a cluster are then true.
 *
 * @module
 */

import { createGateMetrics, type GateMetrics } from "./gate_metrics.ts";
import { firstOf, oneOf } from "./label_bound.ts";
import { createLogMetrics, type LogMetrics } from "./log_metrics.ts";
import type { MetricsRegistry } from "./metrics_registry.ts";
import { createRaftMetrics, type RaftMetrics } from "./raft_metrics.ts";
import {
  createRpcClientMetrics,
  createRpcMetrics,
  type RpcClientMetrics,
  type RpcMetrics,
} from "./rpc_metrics.ts";
import { createTlsMetrics, type TlsMetrics } from "./tls_metrics.ts";

/** Everything a master counts. Times are seconds, as Prometheus has them. */
export type MasterMetrics =
  & ReturnType<typeof jobMetrics>
  & ReturnType<typeof workerMetrics>
  & ReturnType<typeof schedulingMetrics>
  & RaftMetrics
  & ReturnType<typeof recoveryMetrics>
  & GateMetrics
  & TlsMetrics
  & LogMetrics
  & { readonly rpc: RpcMetrics; readonly rpcClient: RpcClientMetrics };

/** Declares a master's metrics in `registry`. Once for each registry. */
export function createMasterMetrics(registry: MetricsRegistry): MasterMetrics {
  return {
    ...jobMetrics(registry),
    ...workerMetrics(registry),
    ...schedulingMetrics(registry),
    ...createRaftMetrics(registry),
    ...recoveryMetrics(registry),
    ...createGateMetrics(registry),
    ...createTlsMetrics(registry),
    ...createLogMetrics(registry),
    rpc: createRpcMetrics(registry),
    rpcClient: createRpcClientMetrics(registry),
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
/** From a worker that stands idle to a queue that takes hours. */
const WAIT_SECONDS = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  ...[30, 60, 300, 1_800, 7_200],
];
const SCHEDULING_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
const LATENESS_SECONDS = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 3600];
/** Where a job may stand. */
const JOB_STATUS_NAMES = [
  ...["waiting", "pending", "assigned", "running", "completed", "failed", "cancelled"] as const,
] as const;
type JobStatusName = typeof JOB_STATUS_NAMES[number];

/** Changes of state as `jobs_total` counts them. */
export const COUNTED_STATUSES = ["pending", "completed", "failed", "cancelled"] as const;
export type CountedJobStatus = typeof COUNTED_STATUSES[number];

function jobMetrics(registry: MetricsRegistry) {
  const type = firstOf(JOB_TYPES_MAX);
  const status = oneOf(...COUNTED_STATUSES);
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
      "Time from the start of a job's last attempt to its end, of jobs that ran.",
      JOB_SECONDS,
      { type, status },
    ),
    /** Of jobs that ran. A retried job's is of its last attempt. */
    jobStartLatencySeconds: registry.histogramFamily<{ type: string }>(
      "job_start_latency_seconds",
      "Time from when a job first was ready to run to the start of its first attempt.",
      WAIT_SECONDS,
      { type },
    ),
    /** Sampled. */
    jobs: registry.gaugeFamily<{ type: string; status: JobStatusName }>(
      "jobs",
      "Jobs that are kept, by type and status. The leader tells.",
      { type: firstOf(JOB_TYPES_MAX), status: oneOf(...JOB_STATUS_NAMES) },
    ),
    /** Sampled. */
    jobQueueOldestSeconds: registry.gaugeFamily<{ type: string }>(
      "job_queue_oldest_seconds",
      "How long the pending job has waited that has waited longest, by type. The leader tells.",
      { type: firstOf(JOB_TYPES_MAX) },
    ),
    /** Sampled. */
    jobsActive: registry.gauge(
      "jobs_active",
      "Jobs assigned to a worker or running. The leader tells.",
    ),
    jobRetriesTotal: registry.counterFamily<{ type: string }>(
      "job_retries_total",
      "Attempts that were followed by another.",
      { type },
    ),
    /** Sampled. */
    jobQueueSize: registry.gauge(
      "job_queue_size",
      "Jobs pending: ready and not assigned. The leader tells.",
    ),
    /** Sampled. A gauge, whatever its name says: the original's users have it so. */
    jobsDlqTotal: registry.gauge(
      "jobs_dlq_total",
      "Jobs in the dead letter queue now. The leader tells.",
    ),
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
    workersRegistered: registry.gauge(
      "workers_registered",
      "Workers known to the cluster. The leader tells.",
    ),
    /** Sampled. */
    workersActive: registry.gauge("workers_active", "Workers whose lease holds. The leader tells."),
    /** Sampled. */
    workersFailed: registry.gauge(
      "workers_failed",
      "Workers that lost their lease within a day, were not being drained and are not back. The leader tells.",
    ),
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
      "Slots of a worker: max, active, available. The leader tells.",
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
