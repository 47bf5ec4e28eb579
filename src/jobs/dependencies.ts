/**
 * Which jobs wait for which. All of it follows from the jobs themselves, so that a replica that
 * loads them anew knows the same as one that saw them come: nothing here is stored, and no order
 * of events is remembered.
 *
 * @module
 */

import { type HeapItem, IndexedHeap } from "./heap.ts";
import { isTerminal, type Job, type JobStatus } from "./job.ts";
import type { Dependency, DependencyCondition } from "./job_options.ts";
import type { JobRecord } from "./job_record.ts";

/** How a job's parents stand: see {@linkcode Dependencies.standing}. */
export interface ParentStanding extends Dependency {
  /** "" when there is no such job any more. */
  readonly status: JobStatus | "";
  readonly verdict: "fulfilled" | "open" | "broken";
}

/** What this needs of the state around it. */
export interface JobFinder {
  statusOf(jobId: string): JobStatus | "";
  /** Sets `isBlocked`, and gives the job its place among the waiting ones by it. */
  block(record: JobRecord, isBlocked: boolean): void;
}

export class Dependencies {
  readonly #finder: JobFinder;
  /** Unfinished children. */
  readonly #children = new Map<JobRecord, Child>();
  /** Edges to unfinished children, by the parent's id. */
  readonly #edges = new Map<string, Set<Edge>>();
  /** Children that a parent's end has decided against, and that have not been told yet. */
  readonly #doomed = new IndexedHeap<Child>((a, b) => a.record.job.seq < b.record.job.seq);

  constructor(finder: JobFinder) {
    this.#finder = finder;
  }

  /** An unfinished job is there, with its status as it is now. */
  enter(record: JobRecord): void {
    const { dependencies } = record.common.options;
    if (dependencies.length === 0) return;
    const child = new Child(record);
    this.#children.set(record, child);
    for (const edge of child.edges) {
      const edges = this.#edges.get(edge.parentId) ?? new Set();
      this.#edges.set(edge.parentId, edges.add(edge));
    }
    if (waitsForParents(record.job)) {
      for (const { jobId, on } of dependencies) child.count(on, this.#finder.statusOf(jobId), 1);
    }
    this.#judge(child);
  }

  /** The job is finished. */
  leave(record: JobRecord): void {
    const child = this.#children.get(record);
    if (child === undefined) return;
    this.#spare(child);
    this.#children.delete(record);
    for (const edge of child.edges) {
      const edges = this.#edges.get(edge.parentId);
      edges?.delete(edge);
      if (edges?.size === 0) this.#edges.delete(edge.parentId);
    }
  }

  /** The job finished, or was redriven: what does that mean to its children? */
  parentMoved(jobId: string, from: JobStatus, to: JobStatus): void {
    for (const { child, on } of this.#edges.get(jobId) ?? []) {
      if (!waitsForParents(child.record.job)) continue;
      child.count(on, from, -1);
      child.count(on, to, 1);
      this.#judge(child);
    }
  }

  /** The child, earliest by submission, that a parent's end has decided against. */
  get nextDoomed(): JobRecord | undefined {
    return this.#doomed.peek()?.record;
  }

  /** Whether an unfinished job names this one as its parent. */
  hasUnfinishedChildren(jobId: string): boolean {
    return this.#edges.has(jobId);
  }

  /** How the parents stand, in the order in which they were named. */
  standing(dependencies: readonly Dependency[]): ParentStanding[] {
    return dependencies.map(({ jobId, on }) => {
      const status = this.#finder.statusOf(jobId);
      return { jobId, on, status, verdict: verdictOn(on, status) };
    });
  }

  #judge(child: Child): void {
    const { record } = child;
    const isBlocked = child.open + child.broken > 0;
    if (isBlocked !== record.isBlocked) this.#finder.block(record, isBlocked);
    const isDoomed = child.broken > 0 && record.job.options.whenDependencyFails !== "wait";
    if (isDoomed && child.heapIndex < 0) this.#doomed.push(child);
    else if (!isDoomed) this.#spare(child);
  }

  #spare(child: Child): void {
    if (child.heapIndex >= 0) this.#doomed.remove(child);
  }
}

/**
 * Whether what its parents do still counts for the job: until its first attempt, as long as it is
 * not pending. A pending job has had them end as it asked, whatever becomes of them then.
 */
export function waitsForParents(job: Pick<Job, "status" | "attempt" | "options">): boolean {
  return job.status === "waiting" && job.attempt === 0 && job.options.dependencies.length > 0;
}

function verdictOn(on: DependencyCondition, status: JobStatus | ""): ParentStanding["verdict"] {
  if (status !== "" && !isTerminal(status)) return "open";
  if (on === "completion") return "fulfilled";
  const wanted = on === "success" ? status === "completed" : isUnsuccessful(status);
  return wanted ? "fulfilled" : "broken";
}

function isUnsuccessful(status: JobStatus | ""): boolean {
  return status === "failed" || status === "cancelled";
}

class Child implements HeapItem {
  heapIndex = -1;
  readonly record: JobRecord;
  readonly edges: readonly Edge[];
  /** Conditions that a parent may still fulfil. */
  open = 0;
  /** Conditions that a parent cannot fulfil unless it is redriven. */
  broken = 0;

  constructor(record: JobRecord) {
    this.record = record;
    this.edges = record.job.options.dependencies.map(({ jobId, on }) => ({
      child: this,
      parentId: jobId,
      on,
    }));
  }

  count(on: DependencyCondition, parent: JobStatus | "", change: 1 | -1): void {
    const verdict = verdictOn(on, parent);
    if (verdict === "open") this.open += change;
    else if (verdict === "broken") this.broken += change;
  }
}

interface Edge {
  readonly child: Child;
  readonly parentId: string;
  readonly on: DependencyCondition;
}
