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

/** What a worker reports of one attempt. */
export type AttemptReportView =
  & { readonly jobId: string; /** 0: whichever attempt the worker holds. */ readonly token: number }
  & (
    | { readonly kind: "started" }
    | {
      readonly kind: "finished";
      readonly success: boolean;
      readonly output: Uint8Array;
      readonly contentType: string;
      readonly error: string;
      readonly permanent: boolean;
      readonly timedOut: boolean;
      readonly durationMs: number;
      readonly logTail: readonly string[];
      /** Lines before those, which are gone. */
      readonly logLinesCut: number;
    }
    | { readonly kind: "released"; readonly reason: string }
  );

/** The master's answer to one report. */
export interface ReportAckView {
  readonly jobId: string;
  readonly token: number;
  readonly accepted: boolean;
  readonly message: string;
}

/** How far an attempt is, and what it logged since. */
export interface AttemptProgressView {
  readonly jobId: string;
  readonly token: number;
  readonly fraction: number;
  readonly message: string;
  readonly logLines: readonly string[];
  /** Number of the first of them within the attempt; 0: they follow those before. */
  readonly firstLine: number;
}

/** What a worker says of itself. */
export interface WorkerStatsView {
  readonly activeJobs: number;
  readonly completedJobs: number;
  readonly failedJobs: number;
  /** Parts, 0 to 1, of what it may use: the host's, or what its container allows. */
  readonly cpuUsage: number;
  readonly memoryUsage: number;
  /** What its own process uses: processors, and resident memory. */
  readonly workerCpu: number;
  readonly workerMemoryBytes: number;
  /** The same of the processes that run its jobs, and how many there are. */
  readonly executorsCpu: number;
  readonly executorsMemoryBytes: number;
  readonly executorProcesses: number;
  /** Results that no master has acknowledged to it. */
  readonly pendingReports: number;
}

/** An attempt that is to stop. */
export interface CancellationView {
  readonly jobId: string;
  readonly token: number;
  readonly reason: "user_cancelled" | "timeout" | "reassigned";
}

/** A worker that announces itself. */
export interface WorkerAnnouncement {
  readonly workerId: string;
  /** New for every worker process; empty on the unary road. */
  readonly incarnation: string;
  readonly address: string;
  readonly slots: number;
  readonly jobTypes: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly version: string;
  /** What its jobs may ask for together: thousandths of a processor, memory; 0: it does not say. */
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** Jobs of single types that it runs at once; of all others as many as it has slots. */
  readonly typeSlots?: Readonly<Record<string, number>>;
  /** It wants jobs of these namespaces alone; empty or absent: of all that its token is for. */
  readonly namespaces?: readonly string[];
  /** On the unary road: it waits at `address` for its orders, and does not come for them. */
  readonly pushed?: boolean;
  readonly running: readonly { readonly jobId: string; readonly token: number }[];
  /** The cluster that it comes back to; empty or absent: whichever it meets. */
  readonly clusterId?: string;
}

/** What a worker is told when it is let in. */
export interface WorkerWelcomeView {
  readonly sessionId: string;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly leaderId: string;
  readonly masterAddresses: readonly string[];
  readonly clusterId: string;
  /** It acknowledges reports by the number of their message, if that has one. */
  readonly takesNumbers?: boolean;
}

/** Down a worker's session. */
export interface WorkerOrders {
  readonly assignments?: readonly JobView[];
  readonly cancellations?: readonly CancellationView[];
  readonly acks?: readonly ReportAckView[];
  /** The number of the news that all of the acknowledgements answer, if those have one. */
  readonly acksNumber?: number | undefined;
  /** Of the members, since some came or went; on a stream alone. */
  readonly masterAddresses?: readonly string[];
}

/** Up a worker's session. */
export interface WorkerNews {
  readonly stats?: WorkerStatsView;
  readonly reports: readonly AttemptReportView[];
  readonly progress: readonly AttemptProgressView[];
  readonly draining: boolean;
  readonly goodbye: boolean;
  /** By which its reports are acknowledged together; absent: one by one. */
  readonly number?: number;
}

/** The road down to one connected worker. */
export interface WorkerLink {
  /** Jobs that it may be given beside those that it holds; absent: as many as it has slots. */
  readonly room?: number;
  send(orders: WorkerOrders): void;
  close(failure?: Refusal): void;
}

/** The master's end of one connected worker. */
export interface WorkerSession {
  readonly welcome: WorkerWelcomeView;
  onNews(news: WorkerNews): void;
  onClosed(reason: string): void;
}

/** One heartbeat of a worker of the unary road. */
export interface HeartbeatView {
  readonly workerId: string;
  readonly sessionId: string;
  readonly stats?: WorkerStatsView;
  readonly reports: readonly AttemptReportView[];
  readonly waitMs: number;
}

/** What a heartbeat brings back. */
export interface HeartbeatAnswer {
  readonly assignments: readonly JobView[];
  readonly cancellations: readonly CancellationView[];
  readonly acks: readonly ReportAckView[];
  readonly assignedJobs: number;
}

/** A worker as the cluster knows it. */
export interface WorkerView {
  readonly id: string;
  readonly address: string;
  readonly slots: number;
  readonly activeJobs: number;
  readonly status: "active" | "draining" | "disconnected";
  readonly lastHeartbeatMs: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly jobTypes: readonly string[];
  readonly version: string;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly cpuMillisHeld: number;
  readonly memoryBytesHeld: number;
  /** Jobs of single types that it runs at once; of all others as many as it has slots. */
  readonly typeSlots: Readonly<Record<string, number>>;
  /** It gets jobs of these alone; empty: of all. */
  readonly namespaces: readonly string[];
  /** Of its present, or last, process. */
  readonly incarnation: string;
  readonly registeredAtMs: number;
  /** When its session ended; absent while it is connected. */
  readonly disconnectedAtMs?: number;
  /** Who stopped it from getting jobs; `worker`: it leaves. */
  readonly drainedBy: "" | "operator" | "worker";
  /** When what it still runs is handed back; absent: it may finish. */
  readonly handBackAtMs?: number;
  /** How it gets its orders: down its stream, with its heartbeats, or by calls. */
  readonly road: "stream" | "mailbox" | "push";
  /** Attempts that it completed, and that failed on it, in all its lives. */
  readonly completedJobs: number;
  readonly failedJobs: number;
  readonly stats?: WorkerStatsView;
}

/** An attempt that a worker holds. */
export interface HeldAttemptView {
  readonly jobId: string;
  readonly type: string;
  readonly attempt: number;
  readonly token: number;
  /** `assigned` or `running`. */
  readonly status: string;
  readonly assignedAtMs: number;
  /** Absent: it has not started yet. */
  readonly startedAtMs?: number;
  /** How far it is, 0 to 1, as it last said. */
  readonly progress: number;
}

/** A worker, and what it holds in the order of submission. */
export interface WorkerDetails {
  readonly worker: WorkerView;
  readonly held: readonly HeldAttemptView[];
}

/** What is to become of a worker's jobs. */
export interface DrainOrder {
  /** False: it gets jobs again. */
  readonly draining: boolean;
  /** What it still runs after this time is handed back, in ms; absent: it may finish. */
  readonly graceMs?: number;
}

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
export interface MasterApi extends MemberApi, BatchApi, ScheduleApi, SettingsApi, SecurityApi {
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
  registerWorker(announcement: WorkerAnnouncement, call: CallContext): Promise<WorkerWelcomeView>;
  heartbeat(heartbeat: HeartbeatView, signal: AbortSignal): Promise<HeartbeatAnswer>;
  reportResult(workerId: string, report: AttemptReportView): Promise<ReportAckView>;
  deregisterWorker(workerId: string, sessionId: string): Promise<{ releasedJobs: number }>;
  drainWorker(workerId: string, order: DrainOrder, call: CallContext): Promise<{ message: string }>;
  openWorkerSession(
    announcement: WorkerAnnouncement,
    link: WorkerLink,
    call: CallContext,
  ): Promise<WorkerSession>;
  retryDeadLetter(jobId: string, call: CallContext): Promise<{ message: string }>;
  /** Counts are of what the caller sees. */
  clusterHealth(call: Pick<CallContext, "caller">): Promise<ClusterHealthView>;
  /** Those that are there for namespaces of the caller alone, if it does not have all. */
  listWorkers(status: string, call: Pick<CallContext, "caller">): Promise<readonly WorkerView[]>;
  /** @throws Refusal `not_found` */
  getWorker(workerId: string, call: Pick<CallContext, "caller">): Promise<WorkerDetails>;
}
