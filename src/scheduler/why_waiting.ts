/**
 * Why a job is not running yet, for people.
 *
 * @module
 */

import type { Job, SchedulingView, StringMap, WorkerSlots } from "../jobs/mod.ts";
import { missingTags, offers } from "./eligible.ts";

/** Sentences that say what a waiting or pending job waits for; none for any other job. */
export function whyWaiting(job: Job, view: SchedulingView): string[] {
  if (job.status === "waiting") return [whyNotDue(job, view.nowMs)];
  if (job.status === "pending") return [whyNotPlaced(job, [...view.workers])];
  return [];
}

function whyNotDue(job: Job, nowMs: number): string {
  const left = `${describeDuration(job.notBeforeMs - nowMs)} more`;
  if (job.releaseCount > 0) {
    return `it was handed back ${times(job.releaseCount)} in a row and pauses for ${left}`;
  }
  if (job.failures > 0) {
    const retries = `retry ${job.failures} of ${job.maxRetries}`;
    return `it backs off for ${left} before ${retries}`;
  }
  return `it is delayed for ${left}`;
}

function whyNotPlaced(job: Job, workers: readonly WorkerSlots[]): string {
  if (workers.length === 0) return "no worker is connected";
  const offering = workers.filter((worker) => offers(worker, job.type));
  if (offering.length === 0) return `no connected worker offers type "${job.type}"`;
  const able = offering.filter((worker) => missingTags(worker, job.requiredTags).length === 0);
  if (able.length === 0) return whyNoTags(job, offering);
  const working = able.filter((worker) => !worker.draining);
  if (working.length === 0) return `${all(able)} that may run it ${isOrAre(able)} draining`;
  const free = working.filter((worker) => worker.activeJobs < worker.slots);
  if (free.length > 0) return "a slot is free; it is about to be assigned";
  const slots = working.reduce((sum, worker) => sum + worker.activeJobs, 0);
  const inUse = slots === 1 ? "its 1 slot is" : `${slots} slots are`;
  return `${all(working)} that may run it ${isOrAre(working)} full (${inUse} in use)`;
}

function whyNoTags(job: Job, offering: readonly WorkerSlots[]): string {
  const nowhere = Object.keys(job.requiredTags).filter((name) =>
    offering.every((worker) => missingTags(worker, job.requiredTags).includes(name))
  );
  const wanted = tagList(job.requiredTags, nowhere.length > 0 ? nowhere : undefined);
  const having = nowhere.length > 0 ? `has ${wanted}` : `has ${wanted} together`;
  return `no connected worker that offers type "${job.type}" ${having}`;
}

function tagList(tags: StringMap, names = Object.keys(tags)): string {
  const list = names.sort().map((name) => `${name}=${tags[name]}`).join(", ");
  return `${names.length === 1 ? "the tag" : "the tags"} ${list}`;
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

/** "0.3 s", "12 s", "5 min", "3 h", rounded up. */
function describeDuration(durationMs: number): string {
  const seconds = Math.max(0, durationMs) / 1000;
  if (seconds < 10) return `${Math.ceil(seconds * 10) / 10} s`;
  if (seconds < 120) return `${Math.ceil(seconds)} s`;
  if (seconds < 2 * 3600) return `${Math.ceil(seconds / 60)} min`;
  return `${Math.ceil(seconds / 3600)} h`;
}
