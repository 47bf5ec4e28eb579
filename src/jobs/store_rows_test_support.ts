/**
 * What tests put into a store: jobs, attempts, workers and batches with nothing special about them.
 *
 * @module
 */

import type { Attempt, Job, JobStatus } from "./job.ts";
import { NO_OPTIONS } from "./job_options.ts";
import type { FinishedQuery, StoreBatch, StoredJob, StoredResult, StoredWorker } from "./store.ts";

export const newest = { order: "newest", limit: 100 } as const satisfies FinishedQuery;

export function batchOf(index: number, changes: Partial<StoreBatch> = {}): StoreBatch {
  return {
    applied: { index, term: 1 },
    scalars: {
      nowMs: 1000 + index,
      lastJobSeq: index,
      lastKeySeq: index,
      lastAssignment: index,
      greatestJobId: `job-${index}`,
    },
    live: [],
    finished: [],
    liveRemoved: [],
    revived: [],
    pruned: [],
    payloads: [],
    results: [],
    keys: [],
    keysExpired: { keySeq: 0, atMs: 0 },
    workers: [],
    workersRemoved: [],
    counts: [],
    records: [],
    recordsRemoved: [],
    ...changes,
  };
}

export function jobOf(seq: number, changes: Partial<Job> & { status?: JobStatus } = {}): StoredJob {
  const job: Job = {
    id: `job-${seq}`,
    seq,
    type: "resize",
    namespace: "default",
    status: "pending",
    priority: 0,
    maxRetries: 0,
    timeoutMs: 0,
    retryDelayMs: 0,
    payloadBytes: 0,
    createdAtMs: 1000,
    changedAtMs: 1000,
    notBeforeMs: 0,
    queuedAtMs: 0,
    expiresAtMs: 0,
    assignedTo: "",
    attempt: 0,
    failures: 0,
    crashCount: 0,
    suspicions: 0,
    releaseCount: 0,
    token: 0,
    assignedAtMs: 0,
    startedAtMs: 0,
    completedAtMs: 0,
    deadlineMs: 0,
    durationMs: 0,
    errorMessage: "",
    errorKind: "",
    deadLetter: false,
    idempotencyKey: "",
    labels: {},
    requiredTags: {},
    submittedBy: "",
    traceparent: "",
    resultBytes: 0,
    contentType: "",
    options: NO_OPTIONS,
    ...changes,
  };
  return { job, attempts: [], history: [] };
}

/** A finished job none of whose fields has its default. */
export function fullJob(text: string): StoredJob {
  const plain = jobOf(1).job;
  const job = Object.fromEntries(
    Object.entries(plain).map(([name, value], place) => [
      name,
      typeof value === "number" ? 2 ** 40 + place : typeof value === "boolean" ? true : text,
    ]),
  ) as unknown as Job;
  const map = Object.fromEntries([["__proto__", text], [text, "x"]]);
  return {
    job: {
      ...job,
      seq: 1,
      status: "failed",
      errorKind: "permanent",
      labels: map,
      requiredTags: map,
      options: {
        queue: text,
        backoff: "fixed",
        retryDelayMaxMs: 7,
        nonRetryableErrors: [text],
        expireAfterMs: 8,
        uniqueKey: text,
        uniqueMode: "replace",
        group: text,
        groupLimit: 9,
        rateKey: text,
        rate: { count: 1, perMs: 2, burst: 3 },
        dependencies: [{ jobId: text, on: "failure" }],
        whenDependencyFails: "wait",
        batchId: text,
        schedule: text,
        scheduledAtMs: 10,
        tagRules: [{ tag: text, op: "in", values: [text, ""] }],
        preferredTags: [{ tag: text, op: ">=", values: ["1.2"] }],
        cpuMillis: 11,
        memoryBytes: 2 ** 40,
      },
    },
    attempts: [attemptOf(1), { ...attemptOf(2), workerId: text, error: text }],
    history: [
      { atMs: 5, to: "waiting", cause: "submit", attempt: 0, workerId: "", reason: "" },
      { atMs: 9, to: "failed", cause: "expire", attempt: 2, workerId: text, reason: text },
    ],
  };
}

export function attemptOf(attempt: number): Attempt {
  return {
    attempt,
    token: 100 + attempt,
    workerId: "w1",
    assignedAtMs: 1,
    startedAtMs: 2,
    endedAtMs: 3,
    outcome: "failed",
    error: "it broke",
  };
}

export function workerOf(id: string, changes: Partial<StoredWorker> = {}): StoredWorker {
  return {
    id,
    sessionId: `${id}-session`,
    address: "127.0.0.1:1",
    slots: 4,
    jobTypes: ["resize"],
    tags: { gpu: "yes" },
    version: "1.0.0",
    unary: false,
    drainedBy: "",
    connected: true,
    registeredAtMs: 1,
    disconnectedAtMs: 0,
    completedJobs: 2,
    failedJobs: 3,
    lastAssignment: 4,
    ...changes,
  };
}

export function keyOf(keySeq: number, key: string) {
  const jobId = `job-${keySeq}`;
  return { keySeq, key, jobId, fingerprint: "f", expiresAtMs: 10_000 + keySeq };
}

export function resultOf(text: string): StoredResult {
  return { output: new TextEncoder().encode(text), contentType: text, logTail: [text, ""] };
}

export function bytes(seq: number): Uint8Array {
  return new Uint8Array([seq, seq + 1, 0, 255]);
}

export function bySeq(jobs: Iterable<StoredJob>): StoredJob[] {
  return [...jobs].sort((a, b) => a.job.seq - b.job.seq);
}

export function sortedById(workers: readonly StoredWorker[]): StoredWorker[] {
  return [...workers].sort((a, b) => (a.id < b.id ? -1 : 1));
}
