/**
 * Attempts whose ends are on their way to the log: their slots will be free for whatever comes behind
 * them in it, and are given away before that is applied.
 *
 * @module
 */

import type { Job, Report, WorkerSlots } from "../jobs/mod.ts";

export class EndingAttempts {
  /** Of each worker the jobs whose attempts end. */
  readonly #jobsOf = new Map<string, Set<string>>();

  /**
   * Takes the reports among `reports` that end an attempt which its worker holds.
   *
   * @param jobOf as things stand now
   * @returns to be called when their outcome is known; undefined: there is none among them
   */
  add(
    reports: readonly Report[],
    jobOf: (jobId: string) => Job | undefined,
  ): (() => void) | undefined {
    const ends = reports.filter((report) => endsAttempt(report, jobOf));
    if (ends.length === 0) return undefined;
    for (const { workerId, jobId } of ends) {
      const jobs = this.#jobsOf.get(workerId);
      if (jobs === undefined) this.#jobsOf.set(workerId, new Set([jobId]));
      else jobs.add(jobId);
    }
    return () => {
      for (const { workerId, jobId } of ends) this.#remove(workerId, jobId);
    };
  }

  /** The worker as it will be. What is held of a type's own slots, of cpu and of memory stays. */
  foreseen(worker: WorkerSlots): WorkerSlots {
    const ending = this.#jobsOf.get(worker.id)?.size ?? 0;
    if (ending === 0) return worker;
    return withCounts(worker, { activeJobs: Math.max(0, worker.activeJobs - ending) });
  }

  #remove(workerId: string, jobId: string): void {
    const jobs = this.#jobsOf.get(workerId);
    jobs?.delete(jobId);
    if (jobs?.size === 0) this.#jobsOf.delete(workerId);
  }
}

/** A copy with other counts; a worker's own properties are accessors, which spreading would miss. */
export function withCounts(
  worker: WorkerSlots,
  counts: Partial<Pick<WorkerSlots, "slots" | "activeJobs" | "isDoubted">>,
): WorkerSlots {
  const { id, sessionId, slots, activeJobs, jobTypes, tags, draining, lastAssignment } = worker;
  const { cpuMillis, cpuMillisHeld, memoryBytes, memoryBytesHeld, capabilityKey } = worker;
  const { typeSlots, namespaces } = worker;
  return {
    id,
    sessionId,
    slots,
    activeJobs,
    cpuMillis,
    cpuMillisHeld,
    memoryBytes,
    memoryBytesHeld,
    jobTypes,
    typeSlots,
    activeOfType: (type) => worker.activeOfType(type),
    tags,
    namespaces,
    draining,
    lastAssignment,
    capabilityKey,
    ...counts,
  };
}

function endsAttempt(report: Report, jobOf: (jobId: string) => Job | undefined): boolean {
  if (report.kind !== "completed" && report.kind !== "failed") return false;
  const job = jobOf(report.jobId);
  const isHeld = job?.status === "assigned" || job?.status === "running";
  return isHeld && job.assignedTo === report.workerId &&
    (report.token === 0 || report.token === job.token);
}
