/**
 * What workers and masters say to each other, and what is told of workers.
 *
 * @module
 */

import type { CallContext } from "./call.ts";
import type { JobView } from "./master_api.ts";
import type { Refusal } from "./status.ts";
import type { WorkerPage, WorkerQuery } from "./worker_page.ts";

/** The calls of workers, and about them. */
export interface WorkerCalls {
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
  /** Those that are there for namespaces of the caller alone, if it does not have all. */
  listWorkers(query: WorkerQuery, call: Pick<CallContext, "caller">): Promise<WorkerPage>;
  /** @throws Refusal `not_found` */
  getWorker(workerId: string, call: Pick<CallContext, "caller">): Promise<WorkerDetails>;
}

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
