/**
 * How a worker is chosen among those that may run a job and have room for it.
 *
 * @module
 */

import type { WorkerSlots } from "../jobs/mod.ts";

/**
 * What decides between workers that may all take the next job. Those that fulfil more of its
 * preferred tags come first under every policy.
 *
 * - `round-robin`: the one whose last assignment is longest ago, so each in its turn.
 * - `least-loaded`: the one that holds the fewest jobs.
 * - `capacity-aware`: the one with the greatest part free of what it has least of: slots, cpu or
 *   memory. So a large worker gets more than a small one.
 * - `priority`: as `least-loaded`; what it changes is the order of the jobs. They come strictly by
 *   priority and then by age, whatever queue they are in and however long they have waited.
 * - `random`: any, each with the same chance.
 *
 * Ties go to the one whose last assignment is longest ago, then by id.
 */
export type Policy = "round-robin" | "least-loaded" | "capacity-aware" | "priority" | "random";

export const POLICIES = [
  "round-robin",
  "least-loaded",
  "capacity-aware",
  "priority",
  "random",
] as const satisfies readonly Policy[];

/** What can be chosen for a type alone: `priority` is an order of all jobs, so it is not among them. */
export type TypePolicy = Exclude<Policy, "priority">;

/** A source of chance: uniform in [0, 1). */
export type Random = () => number;

/** What a job takes up of a worker beside a slot. */
export interface Demand {
  readonly type: string;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

/** A worker while a plan is made: its numbers as they will be. */
export class Candidate {
  readonly worker: WorkerSlots;
  activeJobs: number;
  cpuMillisHeld: number;
  memoryBytesHeld: number;
  lastAssignment: number;
  /** Jobs of types that have slots of their own, beside those that the worker holds. */
  readonly #taken = new Map<string, number>();

  constructor(worker: WorkerSlots) {
    this.worker = worker;
    this.activeJobs = worker.activeJobs;
    this.cpuMillisHeld = worker.cpuMillisHeld;
    this.memoryBytesHeld = worker.memoryBytesHeld;
    this.lastAssignment = worker.lastAssignment;
  }

  get freeSlots(): number {
    return this.worker.slots - this.activeJobs;
  }

  /** Whether there is room for one job more. A worker that has not said what it has, has nothing. */
  hasRoomFor({ type, cpuMillis, memoryBytes }: Demand): boolean {
    const { worker } = this;
    return this.freeSlots > 0 && this.#hasRoomForType(type) &&
      (cpuMillis === 0 || this.cpuMillisHeld + cpuMillis <= worker.cpuMillis) &&
      (memoryBytes === 0 || this.memoryBytesHeld + memoryBytes <= worker.memoryBytes);
  }

  #hasRoomForType(type: string): boolean {
    const slots = this.worker.typeSlots?.get(type);
    return slots === undefined ||
      this.worker.activeOfType(type) + (this.#taken.get(type) ?? 0) < slots;
  }

  take({ type, cpuMillis, memoryBytes }: Demand, assignment: number): void {
    this.activeJobs++;
    if (this.worker.typeSlots?.has(type) === true) {
      this.#taken.set(type, (this.#taken.get(type) ?? 0) + 1);
    }
    this.cpuMillisHeld += cpuMillis;
    this.memoryBytesHeld += memoryBytes;
    this.lastAssignment = assignment;
  }

  /** The part in use of what it has least of: 0 is idle, 1 is full. */
  get fullness(): number {
    const { slots, cpuMillis, memoryBytes } = this.worker;
    return Math.max(
      this.activeJobs / slots,
      cpuMillis === 0 ? 0 : this.cpuMillisHeld / cpuMillis,
      memoryBytes === 0 ? 0 : this.memoryBytesHeld / memoryBytes,
    );
  }
}

export type Comparison = (a: Candidate, b: Candidate) => boolean;

const waitedLonger: Comparison = (a, b) =>
  a.lastAssignment !== b.lastAssignment
    ? a.lastAssignment < b.lastAssignment
    : a.worker.id < b.worker.id;

const holdsFewer: Comparison = (a, b) =>
  a.activeJobs !== b.activeJobs ? a.activeJobs < b.activeJobs : waitedLonger(a, b);

const isFreer: Comparison = (a, b) => {
  const [aPart, bPart] = [a.fullness, b.fullness];
  if (aPart !== bPart) return aPart < bPart;
  return a.freeSlots !== b.freeSlots ? a.freeSlots > b.freeSlots : waitedLonger(a, b);
};

/** Whether the first is the better choice. */
export const comparisons: Readonly<Record<Exclude<Policy, "random">, Comparison>> = {
  "round-robin": waitedLonger,
  "least-loaded": holdsFewer,
  "capacity-aware": isFreer,
  priority: holdsFewer,
};
