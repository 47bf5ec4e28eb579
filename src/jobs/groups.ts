/**
 * Concurrency groups: how many jobs of each are held by workers, and who waits for that to change.
 * Follows from the jobs, so nothing of it is stored.
 *
 * @module
 */

import type { Job } from "./job.ts";
import type { JobRecord } from "./job_record.ts";
import { scopedName } from "./namespace.ts";

export class Group {
  readonly name: string;
  readonly held = new Set<JobRecord>();
  /** Told when the number held reaches, or falls below, the limit that they stand under. */
  readonly waiters = new Map<number, Set<() => void>>();

  constructor(name: string) {
    this.name = name;
  }
}

export class Groups {
  readonly #byName = new Map<string, Group>();

  find(name: string): Group | undefined {
    return this.#byName.get(name);
  }

  of(name: string): Group {
    let group = this.#byName.get(name);
    if (group === undefined) {
      group = new Group(name);
      this.#byName.set(name, group);
    }
    return group;
  }

  hold(record: JobRecord): void {
    if (record.job.options.group === "") return;
    const group = this.of(groupOf(record.job));
    group.held.add(record);
    tell(group, group.held.size);
  }

  letGo(record: JobRecord): void {
    if (record.job.options.group === "") return;
    const group = this.of(groupOf(record.job));
    group.held.delete(record);
    tell(group, group.held.size + 1);
    this.#dropIfUnused(group);
  }

  /** `waiter` wants to know when `limit` is reached or not any more. */
  await(group: Group, limit: number, waiter: () => void): void {
    const waiters = group.waiters.get(limit);
    if (waiters === undefined) group.waiters.set(limit, new Set([waiter]));
    else waiters.add(waiter);
  }

  forget(group: Group, limit: number, waiter: () => void): void {
    const waiters = group.waiters.get(limit);
    waiters?.delete(waiter);
    if (waiters?.size === 0) group.waiters.delete(limit);
    this.#dropIfUnused(group);
  }

  #dropIfUnused(group: Group): void {
    if (group.held.size === 0 && group.waiters.size === 0) this.#byName.delete(group.name);
  }
}

/** The group of a job as all namespaces know it. */
export function groupOf({ namespace, options }: Job): string {
  return scopedName(namespace, options.group);
}

function tell(group: Group, limit: number): void {
  for (const waiter of group.waiters.get(limit) ?? []) waiter();
}
