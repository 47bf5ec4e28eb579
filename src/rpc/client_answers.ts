/**
 * What a cluster's answers mean to whoever asked through a client.
 *
 * @module
 */

import type { JobFilter } from "../jobs/mod.ts";
import { jobFromWire } from "./convert.ts";
import type {
  GetClusterHealthResponse,
  ListDLQResponse,
  ListJobsResponse,
  SubmitJobResponse,
} from "./gen/scheduler_pb.ts";
import { filterToWire } from "./job_filter.ts";
import type { ClusterHealthView, JobPage, JobView } from "./master_api.ts";
import { codeOf } from "./status.ts";

/** What is answered to a submission of which nothing else is to be said: the original's words. */
export const SUBMITTED = "Job submitted successfully";

/** A job that the cluster has on disk. */
export interface SubmittedJob {
  readonly jobId: string;
  /** No new job was made: an earlier submission under the same key made this one, or `existing`. */
  readonly duplicate: boolean;
  /** This job, which is not finished, has the unique key. */
  readonly existing: boolean;
  /** Something the caller may want to know; usually {@linkcode SUBMITTED}. */
  readonly message: string;
}

/** What became of one job of a batch. */
export type BatchItem = SubmittedJob | {
  readonly error: string;
  /** The gRPC status code. */
  readonly code: number;
  /** When trying again may help, in ms; 0: it will not. */
  readonly retryAfterMs: number;
};

/** Whether a job has come to its end. */
export function isFinished(job: Pick<JobView, "status">): boolean {
  return job.status === "completed" || job.status === "failed" || job.status === "cancelled";
}

export function selectionToWire(filter: JobFilter | "all") {
  return filter === "all" ? { all: true } : { filter: filterToWire(filter) };
}

export function pageFromWire(response: ListJobsResponse | ListDLQResponse): JobPage {
  return {
    jobs: response.jobs.map(jobFromWire),
    total: response.total,
    totalIsExact: !response.totalIsAtLeast,
    nextCursor: response.nextCursor,
  };
}

export function itemOf(result: SubmitJobResponse): BatchItem {
  if (result.status === "success") return submitted(result);
  const { message: error, code, retryAfterMs } = result;
  return { error, code, retryAfterMs: Number(retryAfterMs) };
}

export function isFull({ code, retryAfterMs }: SubmitJobResponse): boolean {
  return code === codeOf("overloaded") && retryAfterMs > 0n;
}

export function submitted(response: SubmitJobResponse): SubmittedJob {
  const { jobId, duplicate, existing, message } = response;
  return { jobId, duplicate, existing, message };
}

export function healthFromWire(response: GetClusterHealthResponse): ClusterHealthView {
  return {
    nodeId: response.nodeId,
    clusterId: response.clusterId,
    version: response.version,
    leaderId: response.leaderId,
    leaderAddress: response.leaderAddress,
    isLeader: response.isLeader,
    raftState: response.raftState,
    term: Number(response.term),
    commitIndex: Number(response.commitIndex),
    appliedIndex: Number(response.appliedIndex),
    workers: response.workerCount,
    activeWorkers: response.activeWorkerCount,
    pendingJobs: response.pendingJobs,
    runningJobs: response.runningJobs,
    deadLetters: response.dlqJobs,
    nowMs: Number(response.nowMs),
    members: response.members.map((member) => ({
      id: member.nodeId,
      address: member.address,
      suffrage: member.suffrage === "learner" ? "learner" : "voter",
      isLeader: member.isLeader,
    })),
  };
}
