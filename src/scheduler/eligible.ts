import type { StringMap, WorkerSlots } from "../jobs/mod.ts";

/** What a job asks of a worker. */
export interface Requirements {
  readonly type: string;
  readonly requiredTags: StringMap;
}

/** Whether the worker offers the type and has the tags; not whether it is free. */
export function mayRun(worker: WorkerSlots, job: Requirements): boolean {
  return offers(worker, job.type) && missingTags(worker, job.requiredTags).length === 0;
}

export function offers(worker: WorkerSlots, type: string): boolean {
  return worker.jobTypes === null || worker.jobTypes.has(type);
}

/** Names of required tags that the worker does not have, or not with this value. */
export function missingTags(worker: WorkerSlots, requiredTags: StringMap): string[] {
  return Object.keys(requiredTags).filter((name) =>
    !Object.hasOwn(worker.tags, name) || worker.tags[name] !== requiredTags[name]
  );
}
