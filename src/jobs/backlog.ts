/**
 * Pending jobs in the order in which they are wanted, with all that no limit lets go on put aside, so
 * that neither a plan nor a submission is slower for it. See `view.ts` for how they stand.
 *
 * All of it follows from the jobs, the settings, and what is stored of buckets and shares. A change
 * of a group or a bucket costs a step for each lane that waits for it: one for each shape and queue
 * that has such jobs, times the other keys that they are limited by.
 *
 * @module
 */

import type { Counters } from "./counters.ts";
import { groupOf, Groups } from "./groups.ts";
import { IndexedHeap } from "./heap.ts";
import { queueOf } from "./job_options.ts";
import type { JobFilter } from "./job_filter.ts";
import type { JobRecord } from "./job_record.ts";
import {
  JobClass,
  JobShape,
  Lane,
  type LaneGates,
  noLimits,
  Opening,
  type Surroundings,
} from "./lanes.ts";
import { scopedName } from "./namespace.ts";
import { comparisonOf, type QueueOrder } from "./queue_order.ts";
import { liveStatus, QueueShares, type Share } from "./queue_shares.ts";
import { isLimiting, nextStartMs, RateBuckets } from "./rate_buckets.ts";
import type { RecordSet } from "./record_set.ts";
import { type Gate, SettingsBook, type SettingsScope } from "./settings.ts";
import type { Limit, PendingJob, PendingPlace, PendingShape, QueueShare } from "./view.ts";

export class Backlog implements Surroundings {
  readonly shares: QueueShares;
  readonly groups = new Groups();
  readonly buckets = new RateBuckets();
  readonly settings: SettingsBook;
  comesBefore: (a: PendingJob, b: PendingJob) => boolean;
  recordBefore: (a: JobRecord, b: JobRecord) => boolean;
  laneBefore: (a: Lane, b: Lane) => boolean;
  isStrict: boolean;
  readonly #counters: Counters;
  readonly #shapes = new Map<string, JobShape>();
  /** Lanes, types and queues that a rate closes, by when it opens them. */
  readonly #openings = new IndexedHeap<Opening>((a, b) =>
    a.atMs !== b.atMs ? a.atMs < b.atMs : a.order < b.order
  );
  readonly #gateOpenings = new Map<Gate, Opening>();
  /** Where the last job stood alone: where jobs come one by one, the next one will stand there. */
  #spare: Lane | undefined;
  #openingsMade = 0;
  #nowMs = 0;

  constructor(order: QueueOrder, counters: Counters) {
    this.#counters = counters;
    ({
      comesBefore: this.comesBefore,
      recordBefore: this.recordBefore,
      laneBefore: this.laneBefore,
      isStrict: this.isStrict,
    } = comparisonsOf(order));
    this.settings = new SettingsBook(this.buckets);
    this.shares = new QueueShares((name) => this.settings.of("queue", name).weight);
  }

  /** Puts the jobs in another order. n pending jobs cost O(n). */
  reorder(order: QueueOrder): void {
    // Its lane and class are empty, and would keep the order that they were made in.
    this.#spare = undefined;
    Object.assign(this, comparisonsOf(order));
    for (const shape of this.#shapes.values()) shape.reorder();
  }

  /** Before the jobs enter. */
  load(records: RecordSet, nowMs: number): void {
    this.#nowMs = nowMs;
    this.buckets.load(records);
    this.settings.load(records);
    this.shares.load(records);
    for (const gate of this.settings.gates()) this.#watch(gate);
  }

  /** Puts what changed where the flush and the digest find it. */
  save(records: RecordSet): void {
    this.shares.save(records);
    this.buckets.save(records);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Time has passed: what a rate let wait until now goes on. */
  advance(nowMs: number): void {
    this.#nowMs = nowMs;
    this.buckets.advance(nowMs);
    for (;;) {
      const opening = this.#openings.peek();
      if (opening === undefined || opening.atMs > nowMs) return;
      this.#openings.remove(opening);
      opening.open();
    }
  }

  /** When a rate lets something start that waits for it; undefined: nothing does. */
  get nextOpeningMs(): number | undefined {
    return this.#openings.peek()?.atMs;
  }

  get shapes(): Iterable<PendingShape> {
    return this.#shapes.values();
  }

  /**
   * Since when the job of each type waits that has waited longest, in replicated time. Looks at every
   * pending job.
   */
  oldestPending(): ReadonlyMap<string, number> {
    const oldest = new Map<string, number>();
    for (const { type, byShare } of this.#shapes.values()) {
      for (const { byKey } of byShare.values()) {
        for (const { jobs } of byKey.values()) {
          for (const { queuedAtMs } of jobs.items()) {
            const known = oldest.get(type);
            if (known === undefined || queuedAtMs < known) oldest.set(type, queuedAtMs);
          }
        }
      }
    }
    return oldest;
  }

  placeOf({ lane }: JobRecord): PendingPlace | undefined {
    return lane && { class: lane.class, lane };
  }

  /** Pending jobs of a type and of some namespaces; left out: of all. In no order. */
  *pending(
    { type, namespaces }: Pick<JobFilter, "type" | "namespaces">,
  ): Generator<JobRecord> {
    for (const shape of this.#shapes.values()) {
      if (type !== undefined && shape.type !== type) continue;
      if (namespaces !== undefined && !namespaces.includes(shape.namespace)) continue;
      for (const { byKey } of shape.byShare.values()) {
        for (const { jobs } of byKey.values()) yield* jobs.items();
      }
    }
  }

  /** The job has this status from now on. */
  enter(record: JobRecord): void {
    const { common } = record;
    const status = liveStatus(common.status);
    if (status === undefined) return;
    record.share ??= this.shares.of(queueOf(common));
    this.shares.add(record.share, status, common.namespace);
    if (status === "pending") this.#enqueue(record, record.share);
  }

  /** The job had this status until now. */
  leave(record: JobRecord): void {
    const { common } = record;
    const status = liveStatus(common.status);
    if (status === undefined || record.share === undefined) return;
    if (status === "pending") this.#dequeue(record);
    this.shares.subtract(record.share, status, common.namespace);
  }

  /** The job is finished or forgotten. */
  release(record: JobRecord): void {
    const { share } = record;
    record.share = undefined;
    if (share !== undefined) this.shares.dropIfDone(share);
  }

  /** The job is about to be assigned: its queue had its turn, its rates lose a token. */
  charge(record: JobRecord): void {
    const { job, share, lane } = record;
    const { bucket, rate } = lane?.gates ?? {};
    if (bucket !== undefined && rate) this.buckets.take(bucket, rate, this.#nowMs);
    if (this.settings.size > 0) {
      this.#take(this.settings.gate("type", job.type));
      this.#take(this.settings.gate("queue", queueOf(job)));
    }
    if (share === undefined) return; // pending, so it has one
    this.shares.charge(share);
    if (this.isStrict) return;
    for (const each of share.classes) {
      if (each.heapIndex !== -1) each.shape.open.reposition(each);
    }
  }

  /** The settings of a type or queue have changed. */
  reconsider(scope: SettingsScope, name: string): void {
    if (scope === "queue") this.shares.reweigh(name);
    const gate = this.settings.gate(scope, name);
    if (gate !== undefined) this.#watch(gate);
  }

  limitsOfType(type: string): readonly Limit[] {
    if (this.settings.size === 0) return noLimits;
    const gate = this.settings.gate("type", type);
    return gate === undefined ? noLimits : gate.limits(this.heldOfType(type), this.#nowMs);
  }

  limitsOfQueue(share: Share): readonly Limit[] {
    if (this.settings.size === 0) return noLimits;
    const gate = this.settings.gate("queue", share.name);
    return gate === undefined ? noLimits : gate.limits(share.held, this.#nowMs);
  }

  /** The turn that the queue has or would have now; undefined: limits bind its jobs of the type. */
  openShare(type: string, queue: string): QueueShare | undefined {
    const isBound = this.settings.size > 0 &&
      (this.settings.gate("type", type) ?? this.settings.gate("queue", queue)) !== undefined;
    return isBound ? undefined : this.shares.turnOf(queue);
  }

  heldOfType(type: string): number {
    const ofType = { type };
    return this.#counters.of(ofType, "assigned") + this.#counters.of(ofType, "running");
  }

  #enqueue(record: JobRecord, share: Share): void {
    const lane = this.#laneOf(record, share);
    record.lane = lane;
    lane.jobs.push(record);
    if (lane.jobs.peek() === record) lane.class.settle(lane);
  }

  #dequeue(record: JobRecord): void {
    const { lane } = record;
    if (lane === undefined) return;
    const wasFirst = lane.jobs.peek() === record;
    lane.jobs.remove(record);
    record.lane = undefined;
    if (wasFirst) lane.class.settle(lane);
    if (lane.jobs.size === 0) this.#drop(lane);
  }

  #laneOf(record: JobRecord, share: Share): Lane {
    let shape = this.#shapes.get(record.shapeKey);
    if (shape === undefined) {
      const spare = this.#spareFor(record, share);
      if (spare !== undefined) return spare;
      shape = new JobShape(record, this);
      this.#shapes.set(record.shapeKey, shape);
    }
    let parent = shape.byShare.get(share);
    if (parent === undefined) {
      parent = new JobClass(shape, share);
      shape.byShare.set(share, parent);
      share.classes.add(parent);
    }
    return parent.byKey.get(record.laneKey) ?? this.#newLane(record, parent);
  }

  #spareFor({ shapeKey, laneKey }: JobRecord, share: Share): Lane | undefined {
    const spare = this.#spare;
    if (spare?.class.share !== share || laneKey !== "") return undefined;
    const { class: parent } = spare;
    if (parent.shape.key !== shapeKey) return undefined;
    this.#spare = undefined;
    this.#shapes.set(shapeKey, parent.shape);
    parent.shape.byShare.set(share, parent);
    share.classes.add(parent);
    parent.byKey.set("", spare);
    return spare;
  }

  #newLane({ job, laneKey }: JobRecord, parent: JobClass): Lane {
    const { options } = job;
    const gates: LaneGates = laneKey === "" ? noGates : {
      group: options.group !== "" && options.groupLimit > 0
        ? this.groups.of(groupOf(job))
        : undefined,
      groupLimit: options.groupLimit,
      bucket: options.rateKey !== "" && isLimiting(options.rate)
        ? this.buckets.of(`key\n${scopedName(job.namespace, options.rateKey)}`)
        : undefined,
      rate: options.rate,
    };
    const lane = new Lane(laneKey, parent, gates);
    parent.byKey.set(laneKey, lane);
    const waiter = () => this.#settle(lane);
    if (gates.group !== undefined) this.groups.await(gates.group, gates.groupLimit, waiter);
    if (gates.bucket !== undefined) {
      gates.bucket.waiters.add(waiter);
      lane.opening = new Opening(++this.#openingsMade, waiter);
      this.#schedule(lane.opening, nextStartMs(gates.bucket, gates.rate!));
    }
    lane.waiter = waiter;
    return lane;
  }

  #drop(lane: Lane): void {
    const { class: parent, gates, waiter, opening } = lane;
    if (waiter !== undefined && gates.group !== undefined) {
      this.groups.forget(gates.group, gates.groupLimit, waiter);
    }
    if (waiter !== undefined && gates.bucket !== undefined) {
      gates.bucket.waiters.delete(waiter);
      this.buckets.dropIfUnused(gates.bucket);
    }
    if (opening !== undefined && opening.heapIndex !== -1) this.#openings.remove(opening);
    parent.byKey.delete(lane.key);
    if (parent.byKey.size > 0) return;
    parent.shape.byShare.delete(parent.share);
    parent.share.classes.delete(parent);
    if (parent.shape.byShare.size > 0) return;
    this.#shapes.delete(parent.shape.key);
    if (lane.key === "") this.#spare = lane;
  }

  #settle(lane: Lane): void {
    const { bucket, rate } = lane.gates;
    if (lane.opening !== undefined && bucket !== undefined && rate !== null) {
      this.#schedule(lane.opening, nextStartMs(bucket, rate));
    }
    lane.class.settle(lane);
  }

  #take(gate: Gate | undefined): void {
    if (gate === undefined || !isLimiting(gate.settings.rate)) return;
    this.buckets.take(gate.bucket, gate.settings.rate, this.#nowMs);
    this.#watch(gate);
  }

  /** Sees to it that somebody looks again when the rate lets a job start. */
  #watch(gate: Gate): void {
    const { rate } = gate.settings;
    let opening = this.#gateOpenings.get(gate);
    if (!isLimiting(rate)) {
      if (opening !== undefined && opening.heapIndex !== -1) this.#openings.remove(opening);
      this.#gateOpenings.delete(gate);
      return;
    }
    if (opening === undefined) {
      opening = new Opening(++this.#openingsMade, () => void this.#gateOpenings.delete(gate));
      this.#gateOpenings.set(gate, opening);
    }
    this.#schedule(opening, nextStartMs(gate.bucket, rate));
    if (opening.heapIndex === -1) this.#gateOpenings.delete(gate);
  }

  /** Puts it among what is to come; out, if its time has come. */
  #schedule(opening: Opening, atMs: number): void {
    if (opening.heapIndex !== -1) this.#openings.remove(opening);
    opening.atMs = atMs;
    if (atMs > this.#nowMs) this.#openings.push(opening);
  }
}

/** An order, of all that stands in it. */
function comparisonsOf(
  order: QueueOrder,
): Pick<Backlog, "comesBefore" | "recordBefore" | "laneBefore" | "isStrict"> {
  const comesBefore = comparisonOf(order);
  return {
    comesBefore,
    recordBefore: comesBefore,
    laneBefore: (a, b) => comesBefore(a.head, b.head),
    isStrict: order.ageingMs === "strict",
  };
}

const noGates: LaneGates = { group: undefined, groupLimit: 0, bucket: undefined, rate: null };
