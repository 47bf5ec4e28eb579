/**
 * Why a job is where it is, for people.
 *
 * @module
 */

import {
  AHEAD_COUNTED_MAX,
  type FinishedStatus,
  formatTagRule,
  fulfils,
  type HindranceReason,
  isTerminal,
  type Job,
  type JobStanding,
  type JobStatus,
  type Requirements,
  type SchedulingView,
  type StringMap,
  type WorkerSlots,
} from "../jobs/mod.ts";
import { missingTags, offers, serves, type TaggedWorker } from "./eligible.ts";

/**
 * Of a waiting job why it is not due; of a pending one the words with which the state refuses it, and
 * what is the matter with the workers; else its status.
 */
export type ReasonCode =
  | "delayed"
  | "backoff"
  | "released"
  | "dependency"
  | HindranceReason
  | "no_worker"
  | "no_worker_of_type"
  | "no_worker_in_namespace"
  | "no_worker_with_tags"
  | "no_worker_with_resources"
  | "workers_draining"
  | "workers_silent"
  | "workers_full"
  | "worker_type_full"
  | "resources_taken"
  | "jobs_ahead"
  | "about_to_run"
  | Exclude<JobStatus, "waiting" | "pending">;

/** One reason: a word for programs, a sentence for people. */
export interface Reason {
  readonly code: ReasonCode;
  readonly message: string;
  /** Since when, and until when, where that is known. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** Jobs that it waits for: some of them. */
  readonly jobIds?: readonly string[];
}

/** Why the job is where it is. `standing` is what the state says of it, if it is unfinished. */
export function explain(
  job: Job,
  view: SchedulingView,
  standing: JobStanding | undefined,
): Reason[] {
  const { status } = job;
  if (isTerminal(status)) return [howItEnded(job, status)];
  if (status === "assigned" || status === "running") return [whereItRuns(job, status)];
  if (standing === undefined) return [];
  return status === "waiting"
    ? whyNotDue(job, standing, view.nowMs)
    : whyNotPlaced(job, standing, view);
}

function howItEnded(job: Job, status: FinishedStatus): Reason {
  const { attempt, durationMs, completedAtMs, errorMessage, assignedTo } = job;
  const where = assignedTo === "" ? "" : ` on worker ${assignedTo}`;
  const tries = attempt === 0 ? "before its first attempt" : `at attempt ${attempt}${where}`;
  const why = errorMessage === "" ? "" : `: ${errorMessage}`;
  const message = status === "completed"
    ? `it completed ${tries} after ${tookText(durationMs)}`
    : status === "failed"
    ? `it failed for good ${tries}${why}; it is a dead letter and may be retried by hand`
    : `it was cancelled ${tries}${why}`;
  return { code: status, message, sinceMs: completedAtMs };
}

function whereItRuns(job: Job, status: "assigned" | "running"): Reason {
  const { attempt, assignedTo, changedAtMs, deadlineMs } = job;
  const message = status === "running"
    ? `attempt ${attempt} runs on worker ${assignedTo}`
    : `attempt ${attempt} was given to worker ${assignedTo}, which has not started it yet`;
  const until = deadlineMs > 0 ? { untilMs: deadlineMs } : {};
  return { code: status, message, sinceMs: changedAtMs, ...until };
}

function whyNotDue(job: Job, { parents }: JobStanding, nowMs: number): Reason[] {
  const reasons: Reason[] = [];
  if (job.notBeforeMs > nowMs) reasons.push({ ...whyNotYet(job, nowMs), untilMs: job.notBeforeMs });
  if (job.attempt > 0) return reasons; // parents count before the first attempt alone
  for (const { jobId, on, status, verdict } of parents) {
    if (verdict === "fulfilled") continue;
    const stands = status === "" ? "is gone" : `is ${status}`;
    const message = verdict === "open"
      ? `it waits for job ${jobId}, which ${stands} (${ENDINGS[on]})`
      : `job ${jobId} ${stands}, and it waits for ${ENDINGS[on]}`;
    reasons.push({ code: "dependency", message, jobIds: [jobId] });
  }
  return reasons;
}

const ENDINGS = { success: "its success", completion: "its end", failure: "its failure" } as const;

function whyNotYet(job: Job, nowMs: number): Reason {
  const left = `${describeDuration(job.notBeforeMs - nowMs)} more`;
  if (job.releaseCount > 0) {
    const message = `it was handed back ${times(job.releaseCount)} in a row and pauses for ${left}`;
    return { code: "released", message };
  }
  if (job.failures > 0) {
    const retries = `retry ${job.failures} of ${job.maxRetries}`;
    return { code: "backoff", message: `it backs off for ${left} before ${retries}` };
  }
  return { code: "delayed", message: `it is delayed for ${left}` };
}

function whyNotPlaced(job: Job, standing: JobStanding, view: SchedulingView): Reason[] {
  const limits = standing.hindrances.map(
    ({ reason, message, sinceMs, untilMs, heldBy }): Reason => ({
      code: reason,
      message,
      ...(sinceMs === undefined ? {} : { sinceMs }),
      ...(untilMs === undefined ? {} : { untilMs }),
      ...(heldBy === undefined ? {} : { jobIds: heldBy }),
    }),
  );
  const worker = whyNoWorker(job, [...view.workers]);
  if (worker.code === "about_to_run" && limits.length > 0) return limits;
  const isQueued = QUEUED.has(worker.code);
  return [...limits, worker, ...(isQueued ? jobsAhead(standing) : [])];
}

/** Somebody may run it, as soon as there is room. */
const QUEUED: ReadonlySet<ReasonCode> = new Set([
  "workers_full",
  "worker_type_full",
  "resources_taken",
]);

function jobsAhead({ ahead, queue }: JobStanding): Reason[] {
  if (ahead === 0) return [];
  const count = ahead < AHEAD_COUNTED_MAX ? `${ahead}` : `at least ${ahead}`;
  const jobs = ahead === 1 ? "job like it comes" : "jobs like it come";
  return [{ code: "jobs_ahead", message: `${count} ${jobs} first in queue "${queue}"` }];
}

function whyNoWorker(job: Job, workers: readonly WorkerSlots[]): Reason {
  if (workers.length === 0) return { code: "no_worker", message: "no worker is connected" };
  const offering = workers.filter((worker) => offers(worker, job.type));
  if (offering.length === 0) {
    const message = `no connected worker offers type "${job.type}"`;
    return { code: "no_worker_of_type", message };
  }
  const serving = offering.filter((worker) => serves(worker, job.namespace));
  if (serving.length === 0) {
    return {
      code: "no_worker_in_namespace",
      message: `no connected worker that offers type "${job.type}" gets jobs of namespace ` +
        `"${job.namespace}"`,
    };
  }
  const demand = { ...job, tagRules: job.options.tagRules };
  const able = serving.filter((worker) => lacking(worker, demand).length === 0);
  if (able.length === 0) {
    return { code: "no_worker_with_tags", message: whyNoTags(demand, serving) };
  }
  const { cpuMillis, memoryBytes } = job.options;
  const large = able.filter((worker) =>
    worker.cpuMillis >= cpuMillis && worker.memoryBytes >= memoryBytes
  );
  if (large.length === 0) {
    const message = `no worker that may run it has ${resources(job)} for its jobs`;
    return { code: "no_worker_with_resources", message };
  }
  const working = large.filter((worker) => !worker.draining);
  if (working.length === 0) {
    const message = `${all(large)} that may run it ${isOrAre(large)} draining`;
    return { code: "workers_draining", message };
  }
  const heard = working.filter((worker) => worker.isDoubted !== true);
  if (heard.length === 0) return { code: "workers_silent", message: whySilent(working) };
  const free = heard.filter((worker) => worker.activeJobs < worker.slots);
  if (free.length === 0) return { code: "workers_full", message: whyFull(heard) };
  const open = free.filter((worker) => hasRoomForType(worker, job.type));
  if (open.length === 0) return { code: "worker_type_full", message: whyTypeFull(free, job.type) };
  const fits = open.some((worker) =>
    (cpuMillis === 0 || worker.cpuMillisHeld + cpuMillis <= worker.cpuMillis) &&
    (memoryBytes === 0 || worker.memoryBytesHeld + memoryBytes <= worker.memoryBytes)
  );
  return fits ? { code: "about_to_run", message: "a slot is free; it is about to be assigned" } : {
    code: "resources_taken",
    message: `no worker that may run it has ${resources(job)} free; its jobs hold the rest`,
  };
}

function whySilent(working: readonly WorkerSlots[]): string {
  return `${all(working)} that may run it did not start in time what came before, and ` +
    `${working.length === 1 ? "was" : "were"} not heard of since`;
}

function whyFull(working: readonly WorkerSlots[]): string {
  const slots = working.reduce((sum, worker) => sum + worker.activeJobs, 0);
  const inUse = slots === 1 ? "its 1 slot is" : `${slots} slots are`;
  return `${all(working)} that may run it ${isOrAre(working)} full (${inUse} in use)`;
}

function hasRoomForType(worker: WorkerSlots, type: string): boolean {
  return worker.activeOfType(type) < (worker.typeSlots?.get(type) ?? Infinity);
}

function whyTypeFull(free: readonly WorkerSlots[], type: string): string {
  const held = free.reduce((sum, worker) => sum + worker.activeOfType(type), 0);
  const who = free.length === 1
    ? "the one worker that has a slot free holds"
    : `the ${free.length} workers ` +
      "that have a slot free hold";
  const jobs = held === 1 ? `1 job of type "${type}"` : `${held} jobs of type "${type}"`;
  return `${who} ${jobs}, as many as ${free.length === 1 ? "it takes" : "they take"} at once`;
}

/** Who may run a job: what it is, and what it asks of a worker's tags. */
export type Demand = Pick<Requirements, "type" | "namespace" | "requiredTags" | "tagRules">;

/** Why none of the workers that offer the type there has the tags; undefined: one has, or none offers it. */
export function tagsMissing(demand: Demand, workers: Iterable<TaggedWorker>): string | undefined {
  const offering = [...workers].filter((worker) =>
    offers(worker, demand.type) && serves(worker, demand.namespace)
  );
  const isServed = offering.some((worker) => lacking(worker, demand).length === 0);
  return isServed || offering.length === 0 ? undefined : whyNoTags(demand, offering);
}

/** What the worker's tags do not fulfil, as people write it. */
function lacking(worker: TaggedWorker, { requiredTags, tagRules }: Demand): string[] {
  return [
    ...missingTags(worker, requiredTags).map((name) => `${name}=${requiredTags[name]}`),
    ...tagRules.filter((rule) => !fulfils(worker.tags, rule)).map(formatTagRule),
  ];
}

function whyNoTags(demand: Demand, offering: readonly TaggedWorker[]): string {
  const missing = offering.map((worker) => lacking(worker, demand));
  const nowhere = missing[0]!.filter((each) => missing.every((list) => list.includes(each)));
  const wanted = nowhere.length > 0 ? tagList(nowhere) : tagList(asked(demand));
  const having = nowhere.length > 0 ? `has ${wanted}` : `has ${wanted} together`;
  return `no connected worker that offers type "${demand.type}" ${having}`;
}

function asked({ requiredTags, tagRules }: Demand): string[] {
  return [...tagTexts(requiredTags), ...tagRules.map(formatTagRule)];
}

function tagTexts(tags: StringMap): string[] {
  return Object.keys(tags).map((name) => `${name}=${tags[name]}`);
}

function tagList(tags: readonly string[]): string {
  return `${tags.length === 1 ? "the tag" : "the tags"} ${tags.toSorted().join(", ")}`;
}

function resources({ options: { cpuMillis, memoryBytes } }: Job): string {
  return [
    ...(cpuMillis > 0 ? [`${cpuMillis / 1000} cpu`] : []),
    ...(memoryBytes > 0 ? [`${Math.ceil(memoryBytes / 2 ** 20)} MiB of memory`] : []),
  ].join(" and ");
}

function all(workers: readonly WorkerSlots[]): string {
  return workers.length === 1 ? `the one worker` : `all ${workers.length} workers`;
}

function isOrAre(workers: readonly WorkerSlots[]): string {
  return workers.length === 1 ? "is" : "are";
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

/** How long something took: "40 ms", "2.5 s", "15 s", "2 min 1 s", "3 h 5 min". */
function tookText(durationMs: number): string {
  if (durationMs < 1000) return `${Math.round(durationMs)} ms`;
  if (durationMs < 10_000) return `${Math.round(durationMs / 100) / 10} s`;
  const seconds = Math.round(durationMs / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min`;
}

/** How long something is still to take: "0.3 s", "12 s", "5 min", "3 h", rounded up. */
function describeDuration(durationMs: number): string {
  const seconds = Math.max(0, durationMs) / 1000;
  if (seconds < 10) return `${Math.ceil(seconds * 10) / 10} s`;
  if (seconds < 120) return `${Math.ceil(seconds)} s`;
  if (seconds < 2 * 3600) return `${Math.ceil(seconds / 60)} min`;
  return `${Math.ceil(seconds / 3600)} h`;
}
