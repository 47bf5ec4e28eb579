import { fulfils, type Requirements, type StringMap, type WorkerSlots } from "../jobs/mod.ts";

/** What of a worker says which jobs it may run. */
export type TaggedWorker = Pick<WorkerSlots, "jobTypes" | "tags" | "namespaces">;

/** Whether the worker offers the type, there, and its tags fulfil what is asked; not whether it is free. */
export function mayRun(worker: WorkerSlots, job: Requirements): boolean {
  return offers(worker, job.type) && serves(worker, job.namespace) &&
    missingTags(worker, job.requiredTags).length === 0 &&
    job.tagRules.every((rule) => fulfils(worker.tags, rule));
}

export function offers(worker: TaggedWorker, type: string): boolean {
  return worker.jobTypes === null || worker.jobTypes.has(type);
}

/** Whether it gets jobs of the namespace. */
export function serves({ namespaces }: TaggedWorker, namespace: string): boolean {
  return namespaces === null || namespaces.has(namespace);
}

/** Names of required tags that the worker does not have, or not with this value. */
export function missingTags(worker: TaggedWorker, requiredTags: StringMap): string[] {
  return Object.keys(requiredTags).filter((name) =>
    !Object.hasOwn(worker.tags, name) || worker.tags[name] !== requiredTags[name]
  );
}

/** How many of the preferred tags the worker has. */
export function preference(worker: WorkerSlots, { preferredTags }: Requirements): number {
  return preferredTags.filter((rule) => fulfils(worker.tags, rule)).length;
}
