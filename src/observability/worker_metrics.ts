/**
 * What a worker measures. The names are its own (`worker_`): jobs are counted by masters, and an
 * attempt counted in both places would be counted twice.
 *
 * @module
 */

import { createGateMetrics, type GateMetrics } from "./gate_metrics.ts";
import { firstOf, oneOf } from "./label_bound.ts";
import type {
  Counter,
  CounterFamily,
  Gauge,
  HistogramFamily,
  MetricsRegistry,
} from "./metrics_registry.ts";
import { JOB_TYPES_MAX } from "./master_metrics.ts";
import {
  createRpcClientMetrics,
  createRpcMetrics,
  type RpcClientMetrics,
  type RpcMetrics,
} from "./rpc_metrics.ts";
import { createLogMetrics, type LogMetrics } from "./log_metrics.ts";
import { createTlsMetrics, type TlsMetrics } from "./tls_metrics.ts";

/** Why an executor process ended: by itself, by a bound, or by the worker's wish. */
export type ExecutorEndReason =
  | "worn"
  | "idle"
  | "stopped"
  | "crashed"
  | "memory"
  | "processes"
  | "disk"
  | "not_started";

/** How an attempt ended on the worker. */
export type AttemptOutcome = "completed" | "failed" | "cancelled" | "timeout";

export interface WorkerMetrics extends GateMetrics, TlsMetrics, LogMetrics {
  readonly attemptsTotal: CounterFamily<{ type: string; outcome: AttemptOutcome }>;
  readonly attemptSeconds: HistogramFamily<{ type: string; outcome: AttemptOutcome }>;
  /** Executor processes, idle ones too. */
  readonly executorProcesses: Gauge;
  readonly executorStartsTotal: Counter;
  readonly executorEndsTotal: CounterFamily<{ reason: ExecutorEndReason }>;
  readonly slotsMax: Gauge;
  readonly slotsBusy: Gauge;
  /** 1 while a master holds our session. */
  readonly sessionConnected: Gauge;
  readonly sessionLossesTotal: Counter;
  /** Results not yet acknowledged by a master. */
  readonly reportsPending: Gauge;
  readonly reportsUnkept: Gauge;
  /** Parts of what the worker may use that are in use, 0 to 1. */
  readonly hostCpuUsage: Gauge;
  readonly hostMemoryUsage: Gauge;
  /** What the processes that run its jobs use: processors, and resident memory. */
  readonly executorsCpu: Gauge;
  readonly executorsMemoryBytes: Gauge;
  readonly rpc: RpcMetrics;
  readonly rpcClient: RpcClientMetrics;
}

const ATTEMPT_SECONDS = [
  ...[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  ...[30, 60, 300, 1_800],
];

/** Declares a worker's metrics in `registry`. Once for each registry. */
export function createWorkerMetrics(registry: MetricsRegistry): WorkerMetrics {
  const labels = {
    type: firstOf(JOB_TYPES_MAX),
    outcome: oneOf("completed", "failed", "cancelled", "timeout"),
  };
  return {
    attemptsTotal: registry.counterFamily(
      "worker_attempts_total",
      "Attempts run by this worker, by type and outcome.",
      labels,
    ),
    attemptSeconds: registry.histogramFamily(
      "worker_attempt_seconds",
      "Time from an attempt's start on this worker to its end.",
      ATTEMPT_SECONDS,
      labels,
    ),
    executorProcesses: registry.gauge(
      "worker_executor_processes",
      "Executor processes of this worker, idle ones too.",
    ),
    executorStartsTotal: registry.counter(
      "worker_executor_starts_total",
      "Executor processes that were started.",
    ),
    executorEndsTotal: registry.counterFamily(
      "worker_executor_ends_total",
      "Executor processes that ended: worn, idle or stopped by the worker, crashed, not_started, or " +
        "over a bound (memory, processes, disk).",
      {
        reason: oneOf(
          ...["worn", "idle", "stopped", "crashed", "memory", "processes", "disk", "not_started"],
        ),
      },
    ),
    slotsMax: registry.gauge("worker_slots_max", "Attempts that this worker runs at once."),
    slotsBusy: registry.gauge("worker_slots_busy", "Attempts that run now."),
    sessionConnected: registry.gauge(
      "worker_session_connected",
      "1 while this worker has a session with a master, else 0.",
    ),
    sessionLossesTotal: registry.counter(
      "worker_session_losses_total",
      "Sessions with a master that were lost.",
    ),
    reportsPending: registry.gauge(
      "worker_reports_pending",
      "Results of attempts that no master has acknowledged yet.",
    ),
    reportsUnkept: registry.gauge(
      "worker_reports_unkept",
      "1 while results cannot be kept on this worker's disk until they are acknowledged, else 0.",
    ),
    hostCpuUsage: registry.gauge(
      "worker_host_cpu_usage",
      "Part of the processors that this worker's host or container may use that is in use, 0 to 1.",
    ),
    hostMemoryUsage: registry.gauge(
      "worker_host_memory_usage",
      "Part of the memory that this worker's host or container may use that is in use, 0 to 1.",
    ),
    executorsCpu: registry.gauge(
      "worker_executors_cpu",
      "Processors that the processes that run this worker's jobs use.",
    ),
    executorsMemoryBytes: registry.gauge(
      "worker_executors_memory_bytes",
      "Memory that the processes that run this worker's jobs use.",
    ),
    ...createGateMetrics(registry),
    ...createTlsMetrics(registry),
    ...createLogMetrics(registry),
    rpc: createRpcMetrics(registry),
    rpcClient: createRpcClientMetrics(registry),
  };
}
