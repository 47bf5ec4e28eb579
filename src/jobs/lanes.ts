/**
 * How pending jobs stand: shapes, their classes, the lanes of those. See `view.ts` for what they are,
 * `backlog.ts` for who moves in and out.
 *
 * @module
 */

import type { Group } from "./groups.ts";
import { type HeapItem, IndexedHeap } from "./heap.ts";
import type { StringMap } from "./job.ts";
import type { RateLimit, TagRule } from "./job_options.ts";
import type { JobRecord } from "./job_record.ts";
import type { Share } from "./queue_shares.ts";
import { type Bucket, leftUs, nextStartMs, tokenUs } from "./rate_buckets.ts";
import type { Limit, PendingClass, PendingJob, PendingLane, PendingShape } from "./view.ts";

/** What shapes, classes and lanes ask of the backlog. */
export interface Surroundings {
  readonly nowMs: number;
  readonly isStrict: boolean;
  comesBefore(a: PendingJob, b: PendingJob): boolean;
  /** The same, of records and of lanes by their first jobs. */
  readonly recordBefore: (a: JobRecord, b: JobRecord) => boolean;
  readonly laneBefore: (a: Lane, b: Lane) => boolean;
  limitsOfType(type: string): readonly Limit[];
  limitsOfQueue(share: Share): readonly Limit[];
}

export const noLimits: readonly Limit[] = [];

/** A place in the order of what opens by time. */
export class Opening implements HeapItem {
  heapIndex = -1;
  atMs = 0;
  readonly order: number;
  readonly open: () => void;

  constructor(order: number, open: () => void) {
    this.order = order;
    this.open = open;
  }
}

export class JobShape implements PendingShape {
  readonly key: string;
  readonly type: string;
  readonly namespace: string;
  readonly requiredTags: StringMap;
  readonly tagRules: readonly TagRule[];
  readonly preferredTags: readonly TagRule[];
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** Classes with an open lane. */
  readonly open: IndexedHeap<JobClass>;
  readonly byShare = new Map<Share, JobClass>();
  readonly around: Surroundings;

  constructor({ job, shapeKey }: JobRecord, around: Surroundings) {
    this.key = shapeKey;
    this.type = job.type;
    this.namespace = job.namespace;
    this.requiredTags = job.requiredTags;
    this.tagRules = job.options.tagRules;
    this.preferredTags = job.options.preferredTags;
    this.cpuMillis = job.options.cpuMillis;
    this.memoryBytes = job.options.memoryBytes;
    this.around = around;
    this.open = new IndexedHeap(classOrder(around));
  }

  /** The surroundings order jobs in another way: so do its lanes and classes. */
  reorder(): void {
    for (const jobClass of this.byShare.values()) jobClass.reorder();
    this.open.reorder(classOrder(this.around));
  }

  get limits(): readonly Limit[] {
    return this.around.limitsOfType(this.type);
  }

  classes(): Iterator<PendingClass> {
    return this.open.inOrder();
  }
}

function classOrder(around: Surroundings): (a: JobClass, b: JobClass) => boolean {
  return around.isStrict ? (a, b) => around.comesBefore(a.head, b.head) : hasTurnBefore;
}

function hasTurnBefore({ share: a }: JobClass, { share: b }: JobClass): boolean {
  return a.pass !== b.pass ? a.pass < b.pass : a.name < b.name;
}

export class JobClass implements PendingClass, HeapItem {
  heapIndex = -1;
  readonly shape: JobShape;
  readonly share: Share;
  readonly open: IndexedHeap<Lane>;
  readonly byKey = new Map<string, Lane>();

  constructor(shape: JobShape, share: Share) {
    this.shape = shape;
    this.share = share;
    this.open = new IndexedHeap(shape.around.laneBefore);
  }

  /** Of its open lanes; there is one when the class is in its shape's order. */
  get head(): PendingJob {
    return this.open.peek()!.head;
  }

  get limits(): readonly Limit[] {
    return this.shape.around.limitsOfQueue(this.share);
  }

  lanes(): Iterator<PendingLane> {
    return this.open.inOrder();
  }

  reorder(): void {
    const { recordBefore, laneBefore } = this.shape.around;
    for (const lane of this.byKey.values()) lane.jobs.reorder(recordBefore);
    this.open.reorder(laneBefore);
  }

  /** A lane of it has another first job, or none, or opened or closed. */
  settle(lane: Lane): void {
    const isIn = lane.heapIndex !== -1;
    if (lane.jobs.size > 0 && lane.isOpen) {
      if (isIn) this.open.reposition(lane);
      else this.open.push(lane);
    } else if (isIn) {
      this.open.remove(lane);
    }
    const order = this.shape.open;
    if (this.open.size === 0) {
      if (this.heapIndex !== -1) order.remove(this);
    } else if (this.heapIndex === -1) {
      order.push(this);
    } else if (this.shape.around.isStrict) {
      order.reposition(this);
    }
  }
}

/** What closes a lane. */
export interface LaneGates {
  readonly group: Group | undefined;
  readonly groupLimit: number;
  readonly bucket: Bucket | undefined;
  readonly rate: RateLimit | null;
}

export class Lane implements PendingLane, HeapItem {
  heapIndex = -1;
  readonly key: string;
  readonly class: JobClass;
  readonly gates: LaneGates;
  readonly jobs: IndexedHeap<JobRecord>;
  /** When its rate opens it; undefined: no rate limits it. */
  opening: Opening | undefined = undefined;
  /** Told by group and bucket when they change. */
  waiter: (() => void) | undefined = undefined;

  constructor(key: string, parent: JobClass, gates: LaneGates) {
    this.key = key;
    this.class = parent;
    this.gates = gates;
    this.jobs = new IndexedHeap(parent.shape.around.recordBefore);
  }

  get head(): PendingJob {
    return this.jobs.peek()!.job;
  }

  get size(): number {
    return this.jobs.size;
  }

  get isOpen(): boolean {
    const { group, groupLimit, bucket, rate } = this.gates;
    if (group !== undefined && group.held.size >= groupLimit) return false;
    return bucket === undefined || nextStartMs(bucket, rate!) <= this.class.shape.around.nowMs;
  }

  get limits(): readonly Limit[] {
    const { group, groupLimit, bucket, rate } = this.gates;
    if (group === undefined && bucket === undefined) return noLimits;
    const limits: Limit[] = [];
    if (group !== undefined) {
      limits.push({ meter: group, cost: 1, left: groupLimit - group.held.size - 1 });
    }
    if (bucket !== undefined && rate !== null) {
      const left = leftUs(bucket, rate, this.class.shape.around.nowMs);
      limits.push({ meter: bucket, cost: tokenUs(rate), left });
    }
    return limits;
  }

  inOrder(): Iterator<PendingJob> {
    const records = this.jobs.inOrder();
    return {
      next(): IteratorResult<PendingJob> {
        const step = records.next();
        return step.done === true ? step : { done: false, value: step.value.job };
      },
    };
  }
}
