/**
 * What the gRPC services ask of a master, in the domain's words. `src/master` implements it; this
 * room translates it to and from the wire.
 *
 * Refused calls throw {@linkcode Refusal}; every other error is the server's own fault.
 *
 * @module
 */

import type { JobFilter, JobOrder } from "../jobs/mod.ts";
import type { BatchApi } from "./batch_api.ts";
import type { CallContext } from "./call.ts";
import type { JobOptionsView } from "./job_options.ts";
import type { MemberApi } from "./member_api.ts";
import type { ScheduleApi } from "./schedule_api.ts";
import type { SecurityApi } from "./security_api.ts";
import type { SettingsApi } from "./settings_api.ts";
import type { Refusal } from "./status.ts";
import type { WorkerCalls } from "./worker_calls.ts";

/** A job as it is submitted. Absent fields take the cluster's defaults. */
export interface Submission {
  readonly type: string;
  readonly payload: Uint8Array;
  readonly priority: number;
  /** Attempts after the first; absent: `scheduler.max_retries`. */
  readonly maxRetries?: number;
  /** Per attempt; absent: `scheduler.job_timeout`. */
  readonly timeoutMs?: number;
  /** First backoff; absent: `scheduler.retry_delay`. */
  readonly retryDelayMs?: number;
  readonly delayMs?: number;
  /** Not before this time (ms since the epoch); the later of it and `delayMs` counts. */
  readonly runAtMs?: number;
  /** Where in its trace it is submitted; absent: where its call is; "": in none. */
  readonly traceparent?: string;
  /** Name among the submissions of one call, for their dependencies on each other. */
  readonly ref?: string;
  readonly idempotencyKey?: string;
  /** Absent: the only one that the caller has, else the default one. */
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly requiredTags?: Readonly<Record<string, string>>;
  readonly options?: JobOptionsView;
}

/** What became of one submission. */
export type SubmissionOutcome =
  | {
    readonly jobId: string;
    /** No new job was made. */
    readonly duplicate: boolean;
    /** Because this one, which is not finished, has the unique key. */
    readonly existing?: boolean;
    readonly message: string;
  }
  | { readonly refused: Refusal };

/** What a job left behind, or why it failed. */
export interface ResultView {
  readonly success: boolean;
  readonly output: Uint8Array;
  readonly contentType: string;
  readonly error: string;
  readonly durationMs: number;
}

/** A job as clients and workers see it. */
export interface JobView {
  readonly id: string;
  readonly type: string;
  readonly namespace: string;
  readonly status: string;
  readonly priority: number;
  readonly assignedTo: string;
  readonly createdAtMs: number;
  readonly startedAtMs?: number;
  readonly completedAtMs?: number;
  readonly notBeforeMs?: number;
  readonly retryCount: number;
  readonly maxRetries: number;
  readonly errorMessage: string;
  readonly timeoutMs: number;
  readonly fencingToken: number;
  readonly attempt: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly deadLetter: boolean;
  readonly traceparent: string;
  /** When it first became pending. */
  readonly queuedAtMs?: number;
  /** When it fails if it is not finished by then. */
  readonly expiresAtMs?: number;
  readonly options?: JobOptionsView;
  readonly submittedBy: string;
  /** The queue that it is in, whether it named one or not. */
  readonly queue: string;
  /** Tags that a worker must have, with exactly these values; absent: none, or none that is told. */
  readonly requiredTags?: Readonly<Record<string, string>>;
  /** First backoff; absent: at once, or not told. */
  readonly retryDelayMs?: number;
  /** In an assignment: what the job depends on, as it ended. */
  readonly parents?: readonly { readonly jobId: string; readonly status: string }[];
  readonly payload?: Uint8Array;
  readonly result?: ResultView;
}

/** A job as far as it takes to run it. */
export type AssignedJob = Pick<
  JobView,
  | "id"
  | "type"
  | "namespace"
  | "timeoutMs"
  | "fencingToken"
  | "attempt"
  | "traceparent"
  | "options"
  | "parents"
  | "payload"
>;

/** One attempt in a job's history. */
export interface AttemptView {
  readonly attempt: number;
  readonly workerId: string;
  readonly assignedAtMs: number;
  readonly startedAtMs?: number;
  readonly endedAtMs?: number;
  readonly outcome: string;
  readonly error: string;
}

/** One change of a job's status. */
export interface TransitionView {
  readonly atMs: number;
  readonly status: string;
  readonly cause: string;
  /** 0 before the first. */
  readonly attempt: number;
  readonly workerId: string;
  readonly reason: string;
}

/** Why a job is where it is: a word for programs, a sentence for people. */
export interface ReasonView {
  readonly code: string;
  readonly message: string;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** Jobs that it waits for: some of them. */
  readonly jobIds?: readonly string[];
}

/** Everything known of one job. */
export interface JobDetails {
  readonly job: JobView;
  /** Why it is where it is, whatever its status. */
  readonly reasons: readonly ReasonView[];
  /** Why it does not run yet, as sentences. */
  readonly waitingReasons: readonly string[];
  readonly attempts: readonly AttemptView[];
  readonly progress: number;
  readonly progressMessage: string;
  readonly logTail: readonly string[];
  /** The latest changes of its status, oldest first. */
  readonly history: readonly TransitionView[];
}

/** Which jobs to list. */
export interface JobQuery extends JobFilter {
  readonly order?: JobOrder;
  readonly limit: number;
  readonly offset: number;
  readonly cursor?: string;
  readonly stale: boolean;
}

/** One page of jobs, without payloads and results. */
export interface JobPage {
  readonly jobs: readonly JobView[];
  /** How many the filter has; at least so many when `totalIsExact` is false. */
  readonly total: number;
  readonly totalIsExact: boolean;
  readonly nextCursor: string;
}

/** Many jobs to do something to. */
export interface BulkSelection {
  readonly filter: JobFilter;
  /** Only say how many there are. */
  readonly dryRun: boolean;
}

/** How many jobs there were, and to how many it was done. */
export interface BulkAnswer {
  readonly matched: number;
  readonly changed: number;
}

/** What a watcher of a job is told. */
export type JobEventView =
  | { readonly kind: "state"; readonly atMs: number; readonly job: JobView }
  | {
    readonly kind: "progress";
    readonly atMs: number;
    readonly fraction: number;
    readonly message: string;
  }
  | {
    readonly kind: "log";
    readonly atMs: number;
    readonly lines: readonly string[];
    /** Number of the first of them within its attempt, from 1; 0: not known. */
    readonly firstLine: number;
    readonly attempt: number;
  };

/** One master of the cluster. */
export interface MemberView {
  readonly id: string;
  readonly address: string;
  readonly suffrage: "voter" | "learner";
  readonly isLeader: boolean;
}

/** A master that asks to be let in. */
export interface JoiningNode {
  readonly nodeId: string;
  /** `host:port` for its peers. */
  readonly raftAddress: string;
  /** `host:port` for clients and workers; may be empty. */
  readonly grpcAddress: string;
  /** Drawn at random when its data directory was made; empty: it has none yet. */
  readonly incarnation: string;
  /** Of its data directory; empty: not checked. */
  readonly clusterId: string;
  /** The highest format of log entries that it reads; 0: unknown. */
  readonly entryFormat: number;
}

/** The cluster as one node sees it. */
export interface ClusterHealthView {
  readonly nodeId: string;
  readonly clusterId: string;
  readonly version: string;
  readonly leaderId: string;
  readonly leaderAddress: string;
  readonly isLeader: boolean;
  readonly raftState: string;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly workers: number;
  readonly activeWorkers: number;
  readonly pendingJobs: number;
  readonly runningJobs: number;
  readonly deadLetters: number;
  readonly members: readonly MemberView[];
  /** The clock of the node that answers, in ms since the epoch; 0: an older one, which does not say. */
  readonly nowMs: number;
}

/** The calls themselves. */
export interface MasterApi
  extends WorkerCalls, MemberApi, BatchApi, ScheduleApi, SettingsApi, SecurityApi {
  /** One outcome a submission, in order. With `allOrNothing` one refusal throws for all. */
  submit(
    submissions: readonly Submission[],
    options: { readonly allOrNothing: boolean },
    call: CallContext,
  ): Promise<readonly SubmissionOutcome[]>;
  /** Here and below: a job that the caller does not see answers like one that does not exist. */
  getJob(
    jobId: string,
    options: { readonly stale: boolean },
    call: Pick<CallContext, "caller">,
  ): Promise<JobDetails>;
  listJobs(query: JobQuery, call: Pick<CallContext, "caller">): Promise<JobPage>;
  /** Resolves to what happened; cancelling twice is no fault. */
  cancelJob(jobId: string, reason: string, call: CallContext): Promise<{ message: string }>;
  /** Unfinished jobs of the filter. */
  cancelJobs(selection: BulkSelection, reason: string, call: CallContext): Promise<BulkAnswer>;
  /** Dead letters of the filter. */
  retryDeadLetters(selection: BulkSelection, call: CallContext): Promise<BulkAnswer>;
  /** The same, or exactly those named, all of which must be dead letters. */
  purgeDeadLetters(
    selection: BulkSelection | { readonly jobIds: readonly string[]; readonly dryRun: boolean },
    call: CallContext,
  ): Promise<BulkAnswer>;
  /**
   * Sends events until the job is finished or the call's signal aborts; before them what is kept of the last
   * attempt's log from `logFromLine` on (0: nothing).
   */
  watchJob(
    jobId: string,
    send: (event: JobEventView) => Promise<void>,
    call: Pick<CallContext, "caller" | "signal">,
    logFromLine: number,
  ): Promise<void>;
  joinCluster(
    node: JoiningNode,
    call: CallContext,
  ): Promise<{ message: string; leaderId: string; clusterId: string }>;
  retryDeadLetter(jobId: string, call: CallContext): Promise<{ message: string }>;
  /** Counts are of what the caller sees. */
  clusterHealth(call: Pick<CallContext, "caller">): Promise<ClusterHealthView>;
}
