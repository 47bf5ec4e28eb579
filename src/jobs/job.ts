/**
 * A job, the states it moves through and what may move it: the vocabulary of the replicated truth.
 * Times are replicated time (ms since the epoch, stamped by the leader); 0 means "not yet" and ""
 * means "none", so that a record keeps one shape for all of its life.
 *
 * @module
 */

import type { JobOptions } from "./job_options.ts";

/** Where a job stands. `waiting`: for a time (a delay, a backoff) or for other jobs. */
export type JobStatus =
  | "waiting"
  | "pending"
  | "assigned"
  | "running"
  | "completed"
  | "failed"
  | "cancelled";

/** Every status; the position is the number that counters and the store know it by. */
export const JOB_STATUSES = [
  "waiting",
  "pending",
  "assigned",
  "running",
  "completed",
  "failed",
  "cancelled",
] as const satisfies readonly JobStatus[];

/** What can move a job; the position is the number that the store knows it by, so add at the end. */
export const CAUSES = [
  "submit",
  "due",
  "assign",
  "start",
  "complete",
  "fail",
  "timeout",
  "worker_lost",
  "release",
  "cancel",
  "redrive",
  "dependencies",
  "expire",
] as const;

/**
 * What moved a job. `dependencies`: its parents ended, as it wanted or not; `expire`: its time from
 * submission was over.
 */
export type Cause = (typeof CAUSES)[number];

/** One row of {@linkcode TRANSITIONS}. */
export interface Transition {
  /** "" is a job that does not exist yet. */
  readonly from: JobStatus | "";
  readonly to: JobStatus;
  readonly causes: readonly Cause[];
}

/**
 * Every change of status that there is; all others are faults of ours. `completed` and `cancelled`
 * have no row: what is there stays there. `failed` has two, by which an operator gives a dead
 * letter a new life on purpose; it waits again if it never began because of its parents.
 */
export const TRANSITIONS: readonly Transition[] = [
  { from: "", to: "waiting", causes: ["submit"] },
  { from: "", to: "pending", causes: ["submit"] },
  { from: "waiting", to: "pending", causes: ["due", "dependencies"] },
  { from: "waiting", to: "cancelled", causes: ["cancel", "dependencies"] },
  { from: "waiting", to: "failed", causes: ["dependencies", "worker_lost", "expire"] },
  { from: "pending", to: "assigned", causes: ["assign"] },
  { from: "pending", to: "cancelled", causes: ["cancel"] },
  { from: "pending", to: "failed", causes: ["worker_lost", "expire"] },
  { from: "assigned", to: "running", causes: ["start"] },
  { from: "assigned", to: "completed", causes: ["complete"] },
  { from: "assigned", to: "waiting", causes: ["fail", "timeout", "release"] },
  { from: "assigned", to: "pending", causes: ["fail", "timeout", "release", "worker_lost"] },
  { from: "assigned", to: "failed", causes: ["fail", "timeout", "worker_lost", "expire"] },
  { from: "assigned", to: "cancelled", causes: ["cancel"] },
  { from: "running", to: "completed", causes: ["complete"] },
  { from: "running", to: "waiting", causes: ["fail", "timeout", "release"] },
  { from: "running", to: "pending", causes: ["fail", "timeout", "release", "worker_lost"] },
  { from: "running", to: "failed", causes: ["fail", "timeout", "worker_lost", "expire"] },
  { from: "running", to: "cancelled", causes: ["cancel"] },
  { from: "failed", to: "pending", causes: ["redrive"] },
  { from: "failed", to: "waiting", causes: ["redrive"] },
];

/** Whether {@linkcode TRANSITIONS} has this change. */
export function isTransition(from: JobStatus | "", to: JobStatus, cause: Cause): boolean {
  return allowedCauses.get(from)?.get(to)?.has(cause) ?? false;
}

const allowedCauses = new Map<JobStatus | "", Map<JobStatus, Set<Cause>>>();
for (const { from, to, causes } of TRANSITIONS) {
  if (!allowedCauses.has(from)) allowedCauses.set(from, new Map());
  allowedCauses.get(from)!.set(to, new Set(causes));
}

/** Where a job is when nothing more happens to it by itself. */
export type FinishedStatus = "completed" | "failed" | "cancelled";

/** Whether a job of this status is finished. */
export function isTerminal(status: JobStatus): status is FinishedStatus {
  return status === "completed" || status === "failed" || status === "cancelled";
}

/** Whether a worker holds a job of this status. */
export function isHeld(status: JobStatus): boolean {
  return status === "assigned" || status === "running";
}

/** Why the last attempt, or the job, did not succeed; "" when nothing went wrong. */
export type ErrorKind =
  | ""
  | "error"
  | "permanent"
  | "timeout"
  | "worker_lost"
  | "cancelled"
  | "expired"
  | "dependency";

/** String to string, without order. */
export type StringMap = Readonly<Record<string, string>>;

/** A job without its payload and its result, which are read by themselves. */
export interface Job {
  readonly id: string;
  /** Order of submission, from 1, over the whole life of the cluster. */
  readonly seq: number;
  readonly type: string;
  /** See `namespace.ts`. */
  readonly namespace: string;
  readonly status: JobStatus;
  /** Higher first. */
  readonly priority: number;
  /** Attempts allowed after the first one failed: 0 means one attempt. */
  readonly maxRetries: number;
  /** Time allowed to one attempt from its start; 0: no limit. */
  readonly timeoutMs: number;
  /** Pause before the first retry; doubled for each further one. */
  readonly retryDelayMs: number;
  readonly payloadBytes: number;
  readonly createdAtMs: number;
  /** When the status last changed. */
  readonly changedAtMs: number;
  /** Not to be assigned before this time: a delay or a backoff; 0: at once. */
  readonly notBeforeMs: number;
  /** When it first became pending, or again since it was redriven: its place in the queue counts from there. 0: not yet. */
  readonly queuedAtMs: number;
  /** When it fails for good if it is not finished by then; 0: never. */
  readonly expiresAtMs: number;
  /** The worker that holds it or, once it is finished, that had it last; "" when none. */
  readonly assignedTo: string;
  /** Attempts begun, so the number of the last one; 0 before the first. */
  readonly attempt: number;
  /** Attempts that failed or timed out: what counts against `maxRetries`. */
  readonly failures: number;
  /** Attempts lost with a worker whose process died: a budget of its own, see `losses.ts`. */
  readonly crashCount: number;
  /** Attempts lost with a worker that fell silent, and has not come back to show why. */
  readonly suspicions: number;
  /** Attempts in a row that were handed back unharmed. */
  readonly releaseCount: number;
  /** Fencing token of the last attempt: the log index of its assignment; 0 before the first. */
  readonly token: number;
  /** When the last attempt was assigned. */
  readonly assignedAtMs: number;
  /** When the last attempt started. */
  readonly startedAtMs: number;
  /** When it became completed, failed or cancelled. */
  readonly completedAtMs: number;
  /** When the running attempt has used up its time; 0: never, or none runs. */
  readonly deadlineMs: number;
  /** How long the last attempt ran by the worker's own measure. */
  readonly durationMs: number;
  readonly errorMessage: string;
  readonly errorKind: ErrorKind;
  /** It failed for good and may be redriven. */
  readonly deadLetter: boolean;
  readonly idempotencyKey: string;
  readonly labels: StringMap;
  /** Tags that a worker must have, with exactly these values. */
  readonly requiredTags: StringMap;
  /** Principal that submitted it; also the name space of its idempotency key. */
  readonly submittedBy: string;
  /** W3C trace context of the submission. */
  readonly traceparent: string;
  readonly resultBytes: number;
  /** Media type of the result. */
  readonly contentType: string;
  readonly options: JobOptions;
}

/** How an attempt ended; "" while it goes on. */
export type AttemptOutcome =
  | ""
  | "completed"
  | "failed"
  | "timeout"
  | "worker_lost"
  | "released"
  | "cancelled"
  | "expired";

/** One attempt at a job. */
export interface Attempt {
  /** 1 for the first. */
  readonly attempt: number;
  readonly token: number;
  readonly workerId: string;
  readonly assignedAtMs: number;
  /** 0 when it never reported that it started. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly outcome: AttemptOutcome;
  readonly error: string;
}

/** One change of a job's status, as its history keeps it. */
export interface HistoryEntry {
  readonly atMs: number;
  readonly to: JobStatus;
  readonly cause: Cause;
  /** The attempt concerned; 0 before the first. */
  readonly attempt: number;
  /** The worker concerned, "" when none is. */
  readonly workerId: string;
  /** Error or reason in words, cut short; "" when there is none. */
  readonly reason: string;
}

/** What a finished job left behind. */
export interface JobResult {
  readonly output: Uint8Array;
  readonly contentType: string;
}

/** A change of a job's status, for watchers, metrics and the audit. */
export interface JobEvent {
  /** Counts events of this process, from 1: a gap means that some were dropped. */
  readonly seq: number;
  readonly jobId: string;
  readonly namespace: string;
  readonly type: string;
  /** "" when the job was just submitted. */
  readonly from: JobStatus | "";
  readonly to: JobStatus;
  readonly cause: Cause;
  readonly attempt: number;
  readonly token: number;
  /** The worker concerned, "" when none is. */
  readonly workerId: string;
  /** Error or reason in words, "" when there is none. */
  readonly reason: string;
  readonly atMs: number;
  /** How long the job had been in `from`. */
  readonly sinceMs: number;
  /** When the job first became pending; 0: not yet. */
  readonly queuedAtMs: number;
  /** When its last attempt started, by what is known of that; 0: nothing is. */
  readonly startedAtMs: number;
}

/** A worker as the replicated state knows it. When it was last heard of is the leader's to know. */
export interface Worker {
  readonly id: string;
  /** New for each incarnation of the worker; a lease expires a session, not a worker. */
  readonly sessionId: string;
  readonly address: string;
  /** Attempts that it may hold at once. */
  readonly slots: number;
  /** The types it offers; `null`: all. */
  readonly jobTypes: readonly string[] | null;
  readonly tags: StringMap;
  readonly version: string;
  /** It speaks the unary road. */
  readonly unary: boolean;
  /** Of the unary road: masters bring it its orders at `address`. Absent: it comes for them. */
  readonly pushed?: boolean;
  /** `draining` gets no new jobs; `disconnected` has lost its session and holds nothing. */
  readonly status: "active" | "draining" | "disconnected";
  /** Who stopped it from getting jobs: "" nobody; `worker`: it leaves. */
  readonly drainedBy: "" | "operator" | "worker";
  readonly registeredAtMs: number;
  /** When its session ended; 0 while it is connected. */
  readonly disconnectedAtMs: number;
  /** Attempts that it holds now. */
  readonly activeJobs: number;
  /** Thousandths of a processor, and memory, that its jobs may ask for; 0: it has not said. */
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** What of that the attempts ask for that it holds. */
  readonly cpuMillisHeld: number;
  readonly memoryBytesHeld: number;
  /** Jobs of single types that it may hold at once; absent: of all as many as it has slots. */
  readonly typeSlots?: Readonly<Record<string, number>>;
  /** It gets jobs of these namespaces alone; absent: of all. */
  readonly namespaces?: readonly string[];
  /** What it still holds then is handed back, since an operator drains it; absent: never. */
  readonly handBackAtMs?: number;
  /** Attempts that it completed, and that failed on it, since it first registered. */
  readonly completedJobs: number;
  readonly failedJobs: number;
}

/** An attempt as a worker names it. */
export interface AttemptRef {
  readonly jobId: string;
  readonly token: number;
}

/** A place in the Raft log. */
export interface LogPosition {
  readonly index: number;
  readonly term: number;
}

/** Bounds of what one job may carry in the replicated state; longer input is cut, not refused. */
export const JOB_LIMITS = {
  /** Attempts remembered of one job: the latest. */
  attemptsKeptMax: 20,
  /** Changes of status remembered of one job: the latest. */
  historyKeptMax: 60,
  /** Characters of a reason in the history; attempts have it in full. */
  historyReasonCharactersMax: 200,
  /** Characters of an error message or a reason. */
  messageCharactersMax: 4096,
  /** Lines of a log tail: the last. */
  logTailLinesMax: 1_000,
  /** Characters of a log tail, all lines together. */
  logTailCharactersMax: 256 * 1024,
} as const;
