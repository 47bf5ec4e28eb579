/**
 * Workers between the wire's messages and the domain's views, both ways.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type {
  GetWorkerResponse,
  GetWorkerResponseSchema,
  WorkerInfo,
  WorkerInfoSchema,
  WorkerStats,
  WorkerStatsSchema,
} from "./gen/scheduler_pb.ts";
import type { WorkerDetails, WorkerStatsView, WorkerView } from "./worker_calls.ts";
import { nearly } from "./safe_count.ts";

export function statsToWire(stats: WorkerStatsView): MessageInitShape<typeof WorkerStatsSchema> {
  return {
    ...stats,
    workerMemoryBytes: BigInt(stats.workerMemoryBytes),
    executorsMemoryBytes: BigInt(stats.executorsMemoryBytes),
  };
}

export function statsFromWire(stats: WorkerStats): WorkerStatsView {
  return {
    activeJobs: stats.activeJobs,
    completedJobs: stats.completedJobs,
    failedJobs: stats.failedJobs,
    cpuUsage: stats.cpuUsage,
    memoryUsage: stats.memoryUsage,
    workerCpu: stats.workerCpu,
    workerMemoryBytes: nearly(stats.workerMemoryBytes),
    executorsCpu: stats.executorsCpu,
    executorsMemoryBytes: nearly(stats.executorsMemoryBytes),
    executorProcesses: stats.executorProcesses,
    pendingReports: stats.pendingReports,
  };
}

export function workerToWire(worker: WorkerView): MessageInitShape<typeof WorkerInfoSchema> {
  return {
    id: worker.id,
    address: worker.address,
    maxConcurrentJobs: worker.slots,
    activeJobs: worker.activeJobs,
    status: worker.status,
    lastHeartbeat: timestampFromMs(worker.lastHeartbeatMs),
    capabilities: { ...worker.tags, job_types: worker.jobTypes.join(",") },
    jobTypes: [...worker.jobTypes],
    version: worker.version,
    cpuMillis: BigInt(worker.cpuMillis),
    memoryBytes: BigInt(worker.memoryBytes),
    cpuMillisHeld: BigInt(worker.cpuMillisHeld),
    memoryBytesHeld: BigInt(worker.memoryBytesHeld),
    typeConcurrency: { ...worker.typeSlots },
    namespaces: [...worker.namespaces],
    incarnation: worker.incarnation,
    registeredAt: timestampFromMs(worker.registeredAtMs),
    ...(worker.disconnectedAtMs === undefined
      ? {}
      : { disconnectedAt: timestampFromMs(worker.disconnectedAtMs) }),
    drainedBy: worker.drainedBy,
    ...(worker.handBackAtMs === undefined
      ? {}
      : { handBackAt: timestampFromMs(worker.handBackAtMs) }),
    road: worker.road,
    completedJobs: BigInt(worker.completedJobs),
    failedJobs: BigInt(worker.failedJobs),
    ...(worker.stats === undefined ? {} : { stats: statsToWire(worker.stats) }),
  };
}

export function workerFromWire(worker: WorkerInfo): WorkerView {
  const { job_types: _, ...tags } = worker.capabilities;
  return {
    id: worker.id,
    address: worker.address,
    slots: worker.maxConcurrentJobs,
    activeJobs: worker.activeJobs,
    status: worker.status as WorkerView["status"],
    lastHeartbeatMs: worker.lastHeartbeat === undefined ? 0 : timestampMs(worker.lastHeartbeat),
    tags,
    jobTypes: worker.jobTypes,
    version: worker.version,
    cpuMillis: Number(worker.cpuMillis),
    memoryBytes: Number(worker.memoryBytes),
    cpuMillisHeld: Number(worker.cpuMillisHeld),
    memoryBytesHeld: Number(worker.memoryBytesHeld),
    typeSlots: worker.typeConcurrency,
    namespaces: worker.namespaces,
    incarnation: worker.incarnation,
    registeredAtMs: worker.registeredAt === undefined ? 0 : timestampMs(worker.registeredAt),
    ...(worker.disconnectedAt === undefined
      ? {}
      : { disconnectedAtMs: timestampMs(worker.disconnectedAt) }),
    drainedBy: worker.drainedBy as WorkerView["drainedBy"],
    ...(worker.handBackAt === undefined ? {} : { handBackAtMs: timestampMs(worker.handBackAt) }),
    road: worker.road as WorkerView["road"],
    completedJobs: Number(worker.completedJobs),
    failedJobs: Number(worker.failedJobs),
    ...(worker.stats === undefined ? {} : { stats: statsFromWire(worker.stats) }),
  };
}

export function detailsToWire(
  { worker, held }: WorkerDetails,
): MessageInitShape<typeof GetWorkerResponseSchema> {
  return {
    worker: workerToWire(worker),
    held: held.map((each) => ({
      jobId: each.jobId,
      type: each.type,
      attempt: each.attempt,
      fencingToken: BigInt(each.token),
      status: each.status,
      assignedAt: timestampFromMs(each.assignedAtMs),
      ...(each.startedAtMs === undefined ? {} : { startedAt: timestampFromMs(each.startedAtMs) }),
      progress: each.progress,
    })),
  };
}

/** @throws Error when the answer lacks the worker */
export function detailsFromWire({ worker, held }: GetWorkerResponse): WorkerDetails {
  if (worker === undefined) throw new Error("the master answered no worker");
  return {
    worker: workerFromWire(worker),
    held: held.map((each) => ({
      jobId: each.jobId,
      type: each.type,
      attempt: each.attempt,
      token: Number(each.fencingToken),
      status: each.status,
      assignedAtMs: each.assignedAt === undefined ? 0 : timestampMs(each.assignedAt),
      ...(each.startedAt === undefined ? {} : { startedAtMs: timestampMs(each.startedAt) }),
      progress: each.progress,
    })),
  };
}
