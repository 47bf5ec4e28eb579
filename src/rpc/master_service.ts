/**
 * `proto.MasterService` over a {@linkcode MasterApi}: translates, and checks what any caller could
 * get wrong before the master is troubled with it.
 *
 * @module
 */

import type { MasterService, RegisterWorkerRequest, WorkerHello } from "./gen/scheduler_pb.ts";
import {
  ackToWire,
  cancellationToWire,
  detailsToWire,
  eventToWire,
  finishedFromWire,
  jobToWire,
  reportFromWire,
  submissionFromWire,
} from "./convert.ts";
import { formatTraceparent, parseTraceparent } from "../observability/mod.ts";
import type { MasterApi } from "./master_api.ts";
import type { AttemptReportView, WorkerAnnouncement } from "./worker_calls.ts";
import { submitResponse } from "./submit_response.ts";
import { type AnswerSubmissions, serveSubmissions } from "./submit_stream.ts";
import { bulkHandlers } from "./bulk_service.ts";
import { batchHandlers } from "./batch_api.ts";
import { address, memberHandlers, nodeId } from "./member_service.ts";
import { scheduleHandlers } from "./schedule_service.ts";
import { securityHandlers } from "./security_api.ts";
import { settingsHandlers } from "./settings_api.ts";
import { workerQuery } from "./worker_page.ts";
import { connectWorker } from "./worker_session.ts";
import type { ServiceHandlers } from "./call.ts";
import { exactly, nearly } from "./safe_count.ts";
import { Refusal } from "./status.ts";
import {
  detailsToWire as workerDetailsToWire,
  statsFromWire,
  workerToWire,
} from "./worker_messages.ts";

const HEARTBEAT_WAIT_MS_MAX = 30_000;

/** What a worker of the unary road offers when it does not say. */
const DEFAULT_JOB_TYPES: readonly string[] = [
  "image_processing",
  "web_scraping",
  "data_analysis",
  "test_sleep",
];

/** The handlers of the whole service. */
export function masterService(master: MasterApi): ServiceHandlers<typeof MasterService> {
  return {
    ...jobHandlers(master),
    ...bulkHandlers(master),
    ...workerHandlers(master),
    ...clusterHandlers(master),
    ...memberHandlers(master),
    ...batchHandlers(master),
    ...scheduleHandlers(master),
    ...settingsHandlers(master),
    ...securityHandlers(master),
  };
}

type Handlers = ServiceHandlers<typeof MasterService>;

function jobHandlers(master: MasterApi): Pick<
  Handlers,
  | "submitJob"
  | "submitJobs"
  | "submitStream"
  | "getJobStatus"
  | "cancelJob"
  | "watchJob"
  | "retryFromDLQ"
> {
  const submitJobs: AnswerSubmissions = async (request, call) => {
    const { jobs, traceparents, allOrNothing } = request;
    const areTraced = traceparents.length > 0;
    const submissions = jobs.map((job, at) =>
      submissionFromWire(job, areTraced ? placeIn(traceparents[at]) : undefined)
    );
    const outcomes = await master.submit(submissions, { allOrNothing }, call);
    return { results: outcomes.map(submitResponse) };
  };
  return {
    submitJob: async (request, call) => {
      const [outcome] = await master.submit([submissionFromWire(request)], {
        allOrNothing: true,
      }, call);
      if (outcome === undefined) throw new Error("the master answered nothing for a submission");
      if ("refused" in outcome) throw outcome.refused;
      return submitResponse(outcome);
    },
    submitJobs,
    submitStream: (stream, call) => serveSubmissions(stream, call, submitJobs),
    getJobStatus: async (request, call) => {
      const details = await master.getJob(required(request.jobId, "job_id"), {
        stale: request.stale,
      }, call);
      if (!request.withoutPayload) return detailsToWire(details);
      const { payload: _, ...job } = details.job;
      return detailsToWire({ ...details, job });
    },
    cancelJob: async (request, call) => {
      const { message } = await master.cancelJob(
        required(request.jobId, "job_id"),
        request.reason,
        call,
      );
      return { success: true, message };
    },
    watchJob: async (request, call, out) => {
      const jobId = required(request.jobId, "job_id");
      if (request.logFromLine < 0n) {
        throw new Refusal(
          "invalid",
          `log_from_line is ${request.logFromLine}; it may not be negative`,
        );
      }
      await master.watchJob(
        jobId,
        (event) => out.write(eventToWire(jobId, event)),
        call,
        nearly(request.logFromLine),
      );
    },
    retryFromDLQ: async (request, call) => {
      const { message } = await master.retryDeadLetter(required(request.jobId, "job_id"), call);
      return { success: true, message };
    },
  };
}

function workerHandlers(master: MasterApi): Pick<
  Handlers,
  | "registerWorker"
  | "heartbeat"
  | "reportResult"
  | "deregisterWorker"
  | "workerSession"
  | "drainWorker"
  | "listWorkers"
  | "getWorker"
> {
  return {
    registerWorker: async (request, call) => {
      const welcome = await master.registerWorker(announcementFromRegister(request), call);
      return {
        success: true,
        message: `worker ${request.workerId} registered`,
        sessionId: welcome.sessionId,
        heartbeatIntervalMs: BigInt(welcome.heartbeatIntervalMs),
        heartbeatTimeoutMs: BigInt(welcome.heartbeatTimeoutMs),
      };
    },
    heartbeat: async (request, call) => {
      if (request.waitMs < 0n || request.waitMs > BigInt(HEARTBEAT_WAIT_MS_MAX)) {
        throw new Refusal(
          "invalid",
          `wait_ms is ${request.waitMs}; it may be 0 to ${HEARTBEAT_WAIT_MS_MAX}`,
        );
      }
      const answer = await master.heartbeat({
        workerId: required(request.workerId, "worker_id"),
        sessionId: request.sessionId,
        ...(request.stats === undefined ? {} : { stats: statsFromWire(request.stats) }),
        reports: reportsFrom(request.reports.map(reportFromWire)),
        waitMs: Number(request.waitMs),
      }, call.signal);
      return {
        ack: true,
        assignedJobsCount: answer.assignedJobs,
        assignments: answer.assignments.map(jobToWire),
        cancellations: answer.cancellations.map(cancellationToWire),
        reportAcks: answer.acks.map(ackToWire),
      };
    },
    reportResult: async (request) => {
      const result = request.result;
      if (result === undefined) throw new Refusal("invalid", "result is missing");
      const workerId = required(request.workerId, "worker_id");
      const attempt = {
        jobId: required(request.jobId, "job_id"),
        token: exactly("fencing_token", request.fencingToken),
      };
      const ack = await master.reportResult(workerId, finishedFromWire(attempt, result));
      if (!ack.accepted) throw new Refusal("failed_precondition", ack.message);
      return { success: true, message: ack.message };
    },
    deregisterWorker: async (request) => {
      const { releasedJobs } = await master.deregisterWorker(
        required(request.workerId, "worker_id"),
        request.sessionId,
      );
      return { releasedJobs };
    },
    workerSession: (stream, call) => connectWorker(master, stream, call),
    drainWorker: async (request, call) => {
      const { undrain, graceMs } = request;
      if (graceMs !== undefined && (undrain || graceMs < 0n)) {
        throw new Refusal(
          "invalid",
          `grace_ms is ${graceMs}; it goes with a drain, and may not be negative`,
        );
      }
      const { message } = await master.drainWorker(required(request.workerId, "worker_id"), {
        draining: !undrain,
        ...(graceMs === undefined ? {} : { graceMs: Number(graceMs) }),
      }, call);
      return { success: true, message };
    },
    listWorkers: async (request, call) => {
      const page = await master.listWorkers(workerQuery(request), call);
      return { ...page, workers: page.workers.map(workerToWire) };
    },
    getWorker: async (request, call) =>
      workerDetailsToWire(await master.getWorker(required(request.workerId, "worker_id"), call)),
  };
}

function clusterHandlers(
  master: MasterApi,
): Pick<Handlers, "joinCluster" | "getClusterHealth"> {
  return {
    joinCluster: async (request, call) => {
      const { message, leaderId, clusterId } = await master.joinCluster({
        nodeId: nodeId(request.nodeId),
        raftAddress: address(request.address, "address"),
        grpcAddress: request.grpcAddress === "" ? "" : address(request.grpcAddress, "grpc_address"),
        incarnation: request.incarnation,
        clusterId: request.clusterId,
        entryFormat: request.entryFormat,
      }, call);
      return { success: true, message, leader: leaderId, clusterId };
    },
    getClusterHealth: async (_request, call) => {
      const health = await master.clusterHealth(call);
      return {
        leaderId: health.leaderId,
        leaderAddress: health.leaderAddress,
        isLeader: health.isLeader,
        workerCount: health.workers,
        activeWorkerCount: health.activeWorkers,
        pendingJobs: health.pendingJobs,
        runningJobs: health.runningJobs,
        dlqJobs: health.deadLetters,
        raftState: health.raftState,
        nodeId: health.nodeId,
        term: BigInt(health.term),
        commitIndex: BigInt(health.commitIndex),
        appliedIndex: BigInt(health.appliedIndex),
        clusterId: health.clusterId,
        version: health.version,
        nowMs: BigInt(health.nowMs),
        members: health.members.map((member) => ({
          nodeId: member.id,
          address: member.address,
          suffrage: member.suffrage,
          isLeader: member.isLeader,
        })),
      };
    },
  };
}

/** An announcement from the unary road: types from `job_types`, every other capability a tag. */
function announcementFromRegister(request: RegisterWorkerRequest): WorkerAnnouncement {
  const { job_types: named, ...tags } = request.capabilities;
  const jobTypes = named === undefined
    ? DEFAULT_JOB_TYPES
    : named.split(",").map((each) => each.trim()).filter((each) => each !== "");
  if (jobTypes.length === 0) {
    throw new Refusal("invalid", `capabilities["job_types"] is "${named}" and names no type`);
  }
  return {
    workerId: required(request.workerId, "worker_id"),
    incarnation: "",
    address: request.address,
    // Who names types knows this version's Heartbeat; the original's workers name none, and wait.
    pushed: named === undefined && request.address !== "",
    slots: slotsOf(request.maxConcurrentJobs),
    jobTypes,
    tags,
    version: "",
    ...resourcesOf(request),
    typeSlots: typeSlotsOf(request.typeConcurrency),
    namespaces: request.namespaces,
    running: request.running.map((each) => ({
      jobId: each.jobId,
      token: exactly("fencing_token", each.fencingToken),
    })),
  };
}

/** An announcement from the first message of a session. */
export function announcementFromHello(hello: WorkerHello): WorkerAnnouncement {
  return {
    workerId: required(hello.workerId, "hello.worker_id"),
    incarnation: required(hello.incarnation, "hello.incarnation"),
    address: hello.address,
    slots: slotsOf(hello.maxConcurrentJobs),
    jobTypes: hello.jobTypes,
    tags: hello.tags,
    version: hello.version,
    ...resourcesOf(hello),
    typeSlots: typeSlotsOf(hello.typeConcurrency),
    namespaces: hello.namespaces,
    clusterId: hello.clusterId,
    running: hello.running.map((each) => ({
      jobId: each.jobId,
      token: exactly("fencing_token", each.fencingToken),
    })),
  };
}

function reportsFrom(reports: readonly (AttemptReportView | undefined)[]): AttemptReportView[] {
  const said = reports.filter((report) => report !== undefined);
  if (said.length === reports.length) return said;
  throw new Refusal("invalid", "a report must have an outcome: started, result or released");
}

function resourcesOf(
  { cpuMillis, memoryBytes }: { readonly cpuMillis: bigint; readonly memoryBytes: bigint },
): Pick<WorkerAnnouncement, "cpuMillis" | "memoryBytes"> {
  return { cpuMillis: nearly(cpuMillis), memoryBytes: nearly(memoryBytes) };
}

function typeSlotsOf(named: { readonly [type: string]: number }): Record<string, number> {
  for (const [type, slots] of Object.entries(named)) {
    if (type !== "" && slots > 0) continue;
    throw new Refusal(
      "invalid",
      `type_concurrency[${JSON.stringify(type)}] is ${slots}; it names a type and is at least 1`,
    );
  }
  return { ...named };
}

function slotsOf(maxConcurrentJobs: number): number {
  if (maxConcurrentJobs > 0) return maxConcurrentJobs;
  throw new Refusal(
    "invalid",
    `max_concurrent_jobs is ${maxConcurrentJobs}; a worker must take at least 1`,
  );
}

function required(value: string, field: string): string {
  if (value !== "") return value;
  throw new Refusal("invalid", `${field} is empty`);
}

/** What is no place in a trace counts as none: its job is not to be found in another one's. */
function placeIn(traceparent: string | undefined): string {
  const place = parseTraceparent(traceparent);
  return place === undefined ? "" : formatTraceparent(place);
}
