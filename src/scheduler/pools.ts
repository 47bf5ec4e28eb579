/**
 * Workers with a free slot, in pools of those that offer the same types and carry the same tags: what
 * one of a pool may run, all may.
 *
 * @module
 */

import { type HeapItem, IndexedHeap, type Requirements, type WorkerSlots } from "../jobs/mod.ts";
import { mayRun, preference } from "./eligible.ts";
import {
  type Candidate,
  type Comparison,
  comparisons,
  type Demand,
  type Policy,
  type Random,
} from "./policy.ts";

/** All pools of a plan. */
export class Pools {
  readonly #pools: readonly Pool[];
  readonly #byWorker = new Map<string, Pool>();
  readonly #random: Random;
  #freeSlots = 0;

  constructor(candidates: Iterable<Candidate>, random: Random) {
    this.#random = random;
    const byCapability = new Map<string, Candidate[]>();
    for (const candidate of candidates) {
      if (candidate.worker.draining || candidate.freeSlots <= 0) continue;
      this.#freeSlots += candidate.freeSlots;
      const key = candidate.worker.capabilityKey;
      const alike = byCapability.get(key);
      if (alike === undefined) byCapability.set(key, [candidate]);
      else alike.push(candidate);
    }
    // In the order of their keys: which pool is asked first must not depend on the order of arrival.
    this.#pools = [...byCapability]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, candidates]) => new Pool(candidates));
    for (const pool of this.#pools) {
      for (const { worker } of pool.candidates) this.#byWorker.set(worker.id, pool);
    }
  }

  /** Slots that are free, of whomever. */
  get freeSlots(): number {
    return this.#freeSlots;
  }

  /** Who may run such jobs: those first, and together, that fulfil more of what is preferred. */
  ablePools(job: Requirements): Pool[][] {
    const byPreference = new Map<number, Pool[]>();
    for (const pool of this.#pools) {
      if (!mayRun(pool.sample, job)) continue;
      const rank = preference(pool.sample, job);
      const equals = byPreference.get(rank);
      if (equals === undefined) byPreference.set(rank, [pool]);
      else equals.push(pool);
    }
    return [...byPreference].sort(([a], [b]) => b - a).map(([, pools]) => pools);
  }

  /** The worker for one job of this demand; undefined: nobody of these has room. */
  choose(ranked: readonly Pool[][], demand: Demand, policy: Policy): Candidate | undefined {
    for (const pools of ranked) {
      const chosen = policy === "random"
        ? this.#anyOf(pools, demand)
        : bestOf(pools, demand, comparisons[policy]);
      if (chosen !== undefined) return chosen;
    }
    return undefined;
  }

  /** The candidate gets a job. */
  assign(candidate: Candidate, demand: Demand, assignment: number): void {
    candidate.take(demand, assignment);
    this.#freeSlots--;
    this.#byWorker.get(candidate.worker.id)!.changed(candidate);
  }

  #anyOf(pools: readonly Pool[], demand: Demand): Candidate | undefined {
    const isPlain = demand.cpuMillis === 0 && demand.memoryBytes === 0;
    const lists = pools.map(({ free, hasTypeSlots }) =>
      isPlain && !hasTypeSlots ? free : free.filter((candidate) => candidate.hasRoomFor(demand))
    );
    const total = lists.reduce((sum, list) => sum + list.length, 0);
    let place = Math.floor(this.#random() * total);
    for (const list of lists) {
      if (place < list.length) return list[place];
      place -= list.length;
    }
    return undefined;
  }
}

function bestOf(
  pools: readonly Pool[],
  demand: Demand,
  isBetter: Comparison,
): Candidate | undefined {
  let best: Candidate | undefined;
  for (const pool of pools) {
    const candidate = pool.best(demand, isBetter);
    if (candidate !== undefined && (best === undefined || isBetter(candidate, best))) {
      best = candidate;
    }
  }
  return best;
}

export class Pool {
  /** Any of them, for what they have in common. */
  readonly sample: WorkerSlots;
  /** By id, so that the same view and the same chance give the same plan. */
  readonly candidates: readonly Candidate[];
  /** Some of them take only so many of a type. */
  readonly hasTypeSlots: boolean;
  #free: Candidate[] | undefined;
  readonly #orders = new Map<Comparison, Order>();

  constructor(candidates: readonly Candidate[]) {
    this.sample = candidates[0]!.worker;
    this.candidates = candidates;
    this.hasTypeSlots = candidates.some(({ worker }) => worker.typeSlots !== null);
  }

  /** Those with a free slot. */
  get free(): readonly Candidate[] {
    this.#free ??= this.candidates.filter(({ freeSlots }) => freeSlots > 0)
      .sort((a, b) => (a.worker.id < b.worker.id ? -1 : 1));
    return this.#free;
  }

  /** The first in the order that has room. */
  best(demand: Demand, isBetter: Comparison): Candidate | undefined {
    let order = this.#orders.get(isBetter);
    if (order === undefined) {
      order = new Order(this.candidates, isBetter);
      this.#orders.set(isBetter, order);
    }
    return order.first(demand);
  }

  changed(candidate: Candidate): void {
    for (const order of this.#orders.values()) order.changed(candidate);
    if (candidate.freeSlots > 0 || this.#free === undefined) return;
    const place = this.#free.indexOf(candidate);
    const last = this.#free.pop()!;
    if (last !== candidate) this.#free[place] = last;
  }
}

/** The candidates of a pool with a free slot, in one order. */
class Order {
  readonly #heap: IndexedHeap<Place>;
  readonly #places = new Map<Candidate, Place>();

  constructor(candidates: readonly Candidate[], isBetter: Comparison) {
    this.#heap = new IndexedHeap((a, b) => isBetter(a.candidate, b.candidate));
    for (const candidate of candidates) {
      if (candidate.freeSlots <= 0) continue;
      const place = { candidate, heapIndex: -1 };
      this.#places.set(candidate, place);
      this.#heap.push(place);
    }
  }

  first(demand: Demand): Candidate | undefined {
    const first = this.#heap.peek()?.candidate;
    if (first === undefined || first.hasRoomFor(demand)) return first;
    const places = this.#heap.inOrder();
    for (let step = places.next(); step.done !== true; step = places.next()) {
      if (step.value.candidate.hasRoomFor(demand)) return step.value.candidate;
    }
    return undefined;
  }

  changed(candidate: Candidate): void {
    const place = this.#places.get(candidate);
    if (place === undefined || place.heapIndex === -1) return;
    if (candidate.freeSlots > 0) this.#heap.reposition(place);
    else this.#heap.remove(place);
  }
}

interface Place extends HeapItem {
  readonly candidate: Candidate;
}
