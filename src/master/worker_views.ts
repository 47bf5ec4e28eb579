/**
 * Workers as the API shows them: what the state knows, and what this leader has heard.
 *
 * @module
 */

import type { Job, Worker } from "../jobs/mod.ts";
import type { HeldAttemptView, WorkerView } from "../rpc/mod.ts";
import type { Session } from "./sessions.ts";

/** A worker, and when and how it was last heard of. */
export function workerView(worker: Worker, session: Session | undefined): WorkerView {
  return {
    id: worker.id,
    address: worker.address,
    slots: worker.slots,
    activeJobs: worker.activeJobs,
    status: worker.status,
    lastHeartbeatMs: session?.lastHeardMs ?? (worker.disconnectedAtMs || worker.registeredAtMs),
    tags: worker.tags,
    jobTypes: worker.jobTypes ?? ["*"],
    version: worker.version,
    cpuMillis: worker.cpuMillis,
    memoryBytes: worker.memoryBytes,
    cpuMillisHeld: worker.cpuMillisHeld,
    memoryBytesHeld: worker.memoryBytesHeld,
    typeSlots: worker.typeSlots ?? {},
    namespaces: worker.namespaces ?? [],
    incarnation: worker.sessionId,
    registeredAtMs: worker.registeredAtMs,
    ...(worker.disconnectedAtMs === 0 ? {} : { disconnectedAtMs: worker.disconnectedAtMs }),
    drainedBy: worker.drainedBy,
    ...(worker.handBackAtMs === undefined ? {} : { handBackAtMs: worker.handBackAtMs }),
    road: roadName(worker),
    completedJobs: worker.completedJobs,
    failedJobs: worker.failedJobs,
    ...(session?.stats === undefined ? {} : { stats: session.stats }),
  };
}

function roadName({ unary, pushed }: Worker): WorkerView["road"] {
  if (!unary) return "stream";
  return pushed === true ? "push" : "mailbox";
}

/** A job as what its worker holds; `progress` is what that said last. */
export function heldAttemptView(job: Job, progress: number): HeldAttemptView {
  return {
    jobId: job.id,
    type: job.type,
    attempt: job.attempt,
    token: job.token,
    status: job.status,
    assignedAtMs: job.assignedAtMs,
    ...(job.startedAtMs === 0 ? {} : { startedAtMs: job.startedAtMs }),
    progress,
  };
}
