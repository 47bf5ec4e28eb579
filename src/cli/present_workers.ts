/**
 * Workers for people and for programs.
 *
 * @module
 */

import type { HeldAttemptView, WorkerDetails, WorkerStatsView, WorkerView } from "../rpc/mod.ts";
import { secondText, timeText } from "./present.ts";
import { renderPairs, renderTable } from "./table.ts";
import { printable, type Sheet } from "./terminal.ts";

export function workerJson(worker: WorkerView): Record<string, unknown> {
  const { stats } = worker;
  return {
    id: worker.id,
    address: worker.address,
    status: worker.status,
    slots: worker.slots,
    active_jobs: worker.activeJobs,
    job_types: worker.jobTypes,
    type_concurrency: worker.typeSlots,
    tags: worker.tags,
    namespaces: worker.namespaces,
    version: worker.version,
    incarnation: worker.incarnation,
    road: worker.road,
    registered_at: timeText(worker.registeredAtMs),
    disconnected_at: timeText(worker.disconnectedAtMs) ?? null,
    drained_by: worker.drainedBy,
    hand_back_at: timeText(worker.handBackAtMs) ?? null,
    completed_jobs: worker.completedJobs,
    failed_jobs: worker.failedJobs,
    cpu_millis: worker.cpuMillis,
    cpu_millis_held: worker.cpuMillisHeld,
    memory_bytes: worker.memoryBytes,
    memory_bytes_held: worker.memoryBytesHeld,
    last_heartbeat: timeText(worker.lastHeartbeatMs),
    cpu_usage: stats?.cpuUsage ?? null,
    memory_usage: stats?.memoryUsage ?? null,
    worker_cpu: stats?.workerCpu ?? null,
    worker_memory_bytes: stats?.workerMemoryBytes ?? null,
    executors_cpu: stats?.executorsCpu ?? null,
    executors_memory_bytes: stats?.executorsMemoryBytes ?? null,
    executor_processes: stats?.executorProcesses ?? null,
    pending_reports: stats?.pendingReports ?? null,
  };
}

export function workerDetailsJson({ worker, held }: WorkerDetails): Record<string, unknown> {
  return {
    ...workerJson(worker),
    held: held.map((each) => ({
      job_id: each.jobId,
      type: each.type,
      attempt: each.attempt,
      fencing_token: each.token,
      status: each.status,
      assigned_at: timeText(each.assignedAtMs),
      started_at: timeText(each.startedAtMs) ?? null,
      progress: each.progress,
    })),
  };
}

export function workerTable(workers: readonly WorkerView[], sheet: Sheet): string {
  return renderTable(
    [
      { title: "WORKER", cutTo: 16 },
      "STATUS",
      "JOBS",
      { title: "TYPES", cutTo: 12, rank: 2 },
      { title: "TAGS", cutTo: 12, rank: 3 },
      { title: "CPU", rank: 1 },
      { title: "MEMORY", rank: 1 },
      { title: "LAST HEARTBEAT", rank: 1 },
    ],
    workers.map((worker) => [
      printable(worker.id),
      worker.status,
      `${worker.activeJobs}/${worker.slots}`,
      printable(worker.jobTypes.join(",")),
      tagsText(worker.tags),
      percent(worker.stats?.cpuUsage),
      percent(worker.stats?.memoryUsage),
      secondText(worker.lastHeartbeatMs),
    ]),
    sheet,
  );
}

/** All that is known of one worker, and what it holds. */
export function workerText({ worker, held }: WorkerDetails, sheet: Sheet): string {
  const text = renderPairs(pairsOf(worker).filter(([, value]) => value !== ""));
  return held.length === 0 ? text : `${text}\n${heldTable(held, sheet)}`;
}

function pairsOf(worker: WorkerView): [string, string][] {
  return [
    ["worker", printable(worker.id)],
    ["status", `${worker.status}${whyStopped(worker)}`],
    ["version", printable(worker.version)],
    ["process", printable(worker.incarnation)],
    [worker.status === "disconnected" ? "came" : "since", secondText(worker.registeredAtMs)],
    [
      "gone since",
      worker.disconnectedAtMs === undefined ? "" : secondText(worker.disconnectedAtMs),
    ],
    ["last heartbeat", secondText(worker.lastHeartbeatMs)],
    ["jobs come by", ROADS[worker.road] ?? worker.road],
    ["address", printable(worker.address)],
    ["jobs", `${worker.activeJobs} of ${worker.slots} at once`],
    ["of a type", typeSlotsText(worker.typeSlots)],
    ["types", printable(worker.jobTypes.join(", "))],
    ["tags", tagsText(worker.tags)],
    ...(worker.namespaces.length === 0
      ? []
      : [["namespaces", printable(worker.namespaces.join(","))] as [string, string]]),
    ["cpu for jobs", resource(worker.cpuMillisHeld, worker.cpuMillis, cpuText)],
    ["memory for jobs", resource(worker.memoryBytesHeld, worker.memoryBytes, memoryText)],
    ["attempts", `${worker.completedJobs} completed, ${worker.failedJobs} failed`],
    ...(worker.stats === undefined ? [] : usagePairs(worker.stats)),
  ];
}

const ROADS: Readonly<Record<WorkerView["road"], string>> = {
  stream: "its stream",
  mailbox: "its heartbeats",
  push: "calls to its address",
};

function usagePairs(stats: WorkerStatsView): [string, string][] {
  const { executorProcesses: processes, pendingReports } = stats;
  const executors = `${processes} ${processes === 1 ? "process" : "processes"}, ` +
    `${cpuText(stats.executorsCpu * 1000)} cpu, ${memoryText(stats.executorsMemoryBytes)}`;
  const own = `${cpuText(stats.workerCpu * 1000)} cpu, ${memoryText(stats.workerMemoryBytes)}`;
  return [
    ["host in use", `${percent(stats.cpuUsage)} cpu, ${percent(stats.memoryUsage)} memory`],
    ["worker uses", own],
    ["executors use", processes === 0 ? "" : executors],
    ["unacknowledged", pendingReports === 0 ? "" : `${pendingReports} results`],
  ];
}

function whyStopped({ drainedBy, handBackAtMs }: WorkerView): string {
  const until = handBackAtMs === undefined
    ? ""
    : `, hands back what it runs at ${secondText(handBackAtMs)}`;
  if (drainedBy === "") return "";
  return drainedBy === "operator" ? ` (drained by an operator${until})` : " (it is leaving)";
}

function heldTable(held: readonly HeldAttemptView[], sheet: Sheet): string {
  return renderTable(
    [
      "JOB",
      { title: "TYPE", cutTo: 12 },
      { title: "ATTEMPT", rank: 2 },
      "STATUS",
      { title: "ASSIGNED", rank: 3 },
      { title: "STARTED", rank: 1 },
      { title: "PROGRESS", rank: 1 },
    ],
    held.map((each) => [
      printable(each.jobId),
      printable(each.type),
      String(each.attempt),
      each.status,
      secondText(each.assignedAtMs),
      secondText(each.startedAtMs),
      each.progress === 0 ? "" : percent(each.progress),
    ]),
    sheet,
  );
}

function typeSlotsText(slots: Readonly<Record<string, number>>): string {
  return Object.entries(slots).map(([type, count]) => `${count} ${printable(type)}`).join(", ");
}

function tagsText(tags: Readonly<Record<string, string>>): string {
  return printable(Object.entries(tags).map(([name, value]) => `${name}=${value}`).join(","));
}

function resource(held: number, all: number, text: (amount: number) => string): string {
  return all === 0 ? "" : `${text(held)} of ${text(all)}`;
}

function cpuText(millis: number): string {
  return String(Math.round(millis / 10) / 100);
}

function memoryText(bytes: number): string {
  const mebibytes = bytes / 2 ** 20;
  return mebibytes < 10_240
    ? `${Math.round(mebibytes)} MiB`
    : `${Math.round(mebibytes / 1024)} GiB`;
}

function percent(fraction: number | undefined): string {
  return fraction === undefined ? "" : `${Math.round(fraction * 100)}%`;
}
