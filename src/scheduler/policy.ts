/**
 * How a worker is chosen among those that may run a job and have a slot free.
 *
 * @module
 */

import { type HeapItem, IndexedHeap, type WorkerSlots } from "../jobs/mod.ts";

/**
 * What decides between workers that may all take the next job. Jobs themselves come in the order of
 * their priority under every policy.
 *
 * - `round-robin`: the one whose last assignment is longest ago, so each in its turn.
 * - `least-loaded`: the one that holds the fewest jobs.
 * - `capacity-aware`: the one with the greatest part of its slots free, so that a large worker gets
 *   more than a small one.
 * - `priority`: as `least-loaded`.
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

/** A source of chance: uniform in [0, 1). */
export type Random = () => number;

/** A worker while a plan is made: its numbers as they will be. */
export class Candidate implements HeapItem {
  heapIndex = -1;
  readonly worker: WorkerSlots;
  activeJobs: number;
  lastAssignment: number;

  constructor(worker: WorkerSlots) {
    this.worker = worker;
    this.activeJobs = worker.activeJobs;
    this.lastAssignment = worker.lastAssignment;
  }

  get freeSlots(): number {
    return this.worker.slots - this.activeJobs;
  }
}

/** Free workers that may run the same jobs. Gives its best candidate, and takes it back changed. */
export interface CandidatePool {
  readonly sample: WorkerSlots;
  readonly size: number;
  best(): Candidate | undefined;
  /** The candidate got a job: it goes back to where it now belongs, or out when it is full. */
  reposition(candidate: Candidate): void;
}

export function poolOf(candidates: readonly Candidate[], policy: Policy, random: Random) {
  return policy === "random"
    ? new RandomPool(candidates, random)
    : new OrderedPool(candidates, comparisons[policy]);
}

/** Which of the best candidates of several pools. */
export function chooseAmong(
  pools: readonly CandidatePool[],
  policy: Policy,
  random: Random,
): { readonly pool: CandidatePool; readonly candidate: Candidate } | undefined {
  if (policy === "random") return chooseAtRandom(pools, random);
  let chosen: { pool: CandidatePool; candidate: Candidate } | undefined;
  for (const pool of pools) {
    const candidate = pool.best();
    if (candidate === undefined) continue;
    if (chosen === undefined || comparisons[policy](candidate, chosen.candidate)) {
      chosen = { pool, candidate };
    }
  }
  return chosen;
}

function chooseAtRandom(pools: readonly CandidatePool[], random: Random) {
  const total = pools.reduce((sum, pool) => sum + pool.size, 0);
  if (total === 0) return undefined;
  let place = Math.floor(random() * total);
  for (const pool of pools) {
    if (place < pool.size) return { pool, candidate: pool.best()! };
    place -= pool.size;
  }
  return undefined;
}

type Comparison = (a: Candidate, b: Candidate) => boolean;

const waitedLonger: Comparison = (a, b) =>
  a.lastAssignment !== b.lastAssignment
    ? a.lastAssignment < b.lastAssignment
    : a.worker.id < b.worker.id;

const holdsFewer: Comparison = (a, b) =>
  a.activeJobs !== b.activeJobs ? a.activeJobs < b.activeJobs : waitedLonger(a, b);

/** Compares free parts of the slots without division: a/m > b/n where a*n > b*m. */
const isFreer: Comparison = (a, b) => {
  const aPart = a.freeSlots * b.worker.slots;
  const bPart = b.freeSlots * a.worker.slots;
  if (aPart !== bPart) return aPart > bPart;
  return a.freeSlots !== b.freeSlots ? a.freeSlots > b.freeSlots : waitedLonger(a, b);
};

const comparisons: Record<Exclude<Policy, "random">, Comparison> = {
  "round-robin": waitedLonger,
  "least-loaded": holdsFewer,
  "capacity-aware": isFreer,
  priority: holdsFewer,
};

class OrderedPool implements CandidatePool {
  readonly sample: WorkerSlots;
  readonly #heap: IndexedHeap<Candidate>;

  constructor(candidates: readonly Candidate[], isBetter: Comparison) {
    this.sample = candidates[0]!.worker;
    this.#heap = new IndexedHeap(isBetter);
    for (const candidate of candidates) this.#heap.push(candidate);
  }

  get size(): number {
    return this.#heap.size;
  }

  best(): Candidate | undefined {
    return this.#heap.peek();
  }

  reposition(candidate: Candidate): void {
    this.#heap.remove(candidate);
    if (candidate.freeSlots > 0) this.#heap.push(candidate);
  }
}

class RandomPool implements CandidatePool {
  readonly sample: WorkerSlots;
  readonly #candidates: Candidate[];
  readonly #random: Random;

  constructor(candidates: readonly Candidate[], random: Random) {
    this.sample = candidates[0]!.worker;
    // By id, so that the same view and the same chance give the same plan.
    this.#candidates = [...candidates].sort((a, b) => (a.worker.id < b.worker.id ? -1 : 1));
    this.#random = random;
  }

  get size(): number {
    return this.#candidates.length;
  }

  best(): Candidate | undefined {
    return this.#candidates[Math.floor(this.#random() * this.#candidates.length)];
  }

  reposition(candidate: Candidate): void {
    if (candidate.freeSlots > 0) return;
    const place = this.#candidates.indexOf(candidate);
    const last = this.#candidates.pop()!;
    if (last !== candidate) this.#candidates[place] = last;
  }
}
