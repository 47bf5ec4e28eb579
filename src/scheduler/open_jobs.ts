/**
 * Pending jobs while a plan reads them: in the order of their turns as they will be, without what is
 * taken already or held back by what was taken.
 *
 * @module
 */

import type {
  HeapItem,
  PendingClass,
  PendingJob,
  PendingLane,
  PendingPlace,
  PendingShape,
  QueueShare,
} from "../jobs/mod.ts";
import { LazyOrder } from "./lazy_order.ts";
import type { Pool } from "./pools.ts";
import type { Tally } from "./tally.ts";

/** A job whose turn it is, and where it stands. */
export interface NextJob extends PendingPlace {
  readonly job: PendingJob;
}

/** A shape, and who may serve it. */
export class OpenShape implements HeapItem {
  heapIndex = -1;
  readonly requirements: PendingShape;
  readonly pools: readonly Pool[][];
  readonly #tally: Tally;
  readonly #classes: LazyOrder<PendingClass, OpenClass>;
  #next: NextJob | undefined;
  #pass = 0;
  #version = -1;

  constructor(shape: PendingShape, pools: readonly Pool[][], tally: Tally) {
    const { view } = tally;
    this.requirements = shape;
    this.pools = pools;
    this.#tally = tally;
    this.#classes = new LazyOrder(shape.classes(), {
      open: (each) => OpenClass.open(each, tally),
      isBefore: view.isStrict
        ? (a, b) => view.comesBefore(a.head, b.head)
        : (a, b) => isBefore(a.pass, a.class.share, b.pass, b.class.share),
      isBeforeSource: view.isStrict
        ? (item, source) => {
          const head = firstOf(source.lanes());
          return head === undefined || view.comesBefore(item.head, head.head);
        }
        : (item, source) => isBefore(item.pass, item.class.share, source.share.pass, source.share),
    });
  }

  /** The job whose turn it is; there is one after {@linkcode advance} has said so. */
  get next(): NextJob {
    return this.#next!;
  }

  /** Something was taken since {@linkcode advance}. */
  get isStale(): boolean {
    return this.#version !== this.#tally.version;
  }

  /** Goes on to the job whose turn it is now; false: there is none that may be assigned. */
  advance(): boolean {
    const tally = this.#tally;
    this.#version = tally.version;
    if (!tally.allows(this.requirements.limits)) return false;
    for (;;) {
      const first = this.#classes.first();
      if (first === undefined) return false;
      const pass = tally.passOf(first.class.share);
      const next = tally.allows(first.class.limits) ? first.first() : undefined;
      if (next === undefined) {
        this.#classes.remove(first);
        continue;
      }
      if (pass !== first.pass || next.job !== first.head) {
        first.pass = pass;
        first.head = next.job;
        this.#classes.moved(first);
        if (this.#classes.first() !== first) continue;
      }
      this.#next = next;
      this.#pass = pass;
      return true;
    }
  }

  comesBefore(other: OpenShape): boolean {
    const [a, b] = [this.next, other.next];
    const { view } = this.#tally;
    const isSameTurn = this.#pass === other.#pass && a.class.share.name === b.class.share.name;
    return view.isStrict || isSameTurn
      ? view.comesBefore(a.job, b.job)
      : isBefore(this.#pass, a.class.share, other.#pass, b.class.share);
  }
}

function isBefore(aPass: number, a: QueueShare, bPass: number, b: QueueShare): boolean {
  return aPass !== bPass ? aPass < bPass : a.name < b.name;
}

function firstOf<Item>(items: Iterator<Item>): Item | undefined {
  const step = items.next();
  return step.done === true ? undefined : step.value;
}

/** A class while it is read. */
class OpenClass implements HeapItem {
  heapIndex = -1;
  readonly class: PendingClass;
  pass: number;
  head: PendingJob;
  readonly #tally: Tally;
  readonly #lanes: LazyOrder<PendingLane, OpenLane>;

  private constructor(from: PendingClass, tally: Tally, head: PendingJob, lanes: Lanes) {
    this.class = from;
    this.#tally = tally;
    this.#lanes = lanes;
    this.pass = tally.passOf(from.share);
    this.head = head;
  }

  /** Undefined when nothing of it may be assigned. */
  static open(from: PendingClass, tally: Tally): OpenClass | undefined {
    if (!tally.allows(from.limits)) return undefined;
    const { comesBefore } = tally.view;
    const lanes: Lanes = new LazyOrder(from.lanes(), {
      open: (lane) => OpenLane.open(lane, tally),
      isBefore: (a, b) => comesBefore(a.head, b.head),
      isBeforeSource: (item, lane) => comesBefore(item.head, lane.head),
    });
    const first = firstJob(lanes, tally);
    return first === undefined ? undefined : new OpenClass(from, tally, first.head, lanes);
  }

  /** Its job that comes first now. */
  first(): NextJob | undefined {
    const first = firstJob(this.#lanes, this.#tally);
    return first && { job: first.head, lane: first.lane, class: this.class };
  }
}

type Lanes = LazyOrder<PendingLane, OpenLane>;

function firstJob(lanes: Lanes, tally: Tally): OpenLane | undefined {
  for (;;) {
    const first = lanes.first();
    if (first === undefined) return undefined;
    if (!tally.allows(first.lane.limits)) lanes.remove(first);
    else if (!tally.isTaken(first.head)) return first;
    else if (first.advance(tally)) lanes.moved(first);
    else lanes.remove(first);
  }
}

/** A lane while it is read. */
class OpenLane implements HeapItem {
  heapIndex = -1;
  head: PendingJob;
  readonly lane: PendingLane;
  readonly #jobs: Iterator<PendingJob>;

  private constructor(lane: PendingLane, head: PendingJob, jobs: Iterator<PendingJob>) {
    this.lane = lane;
    this.head = head;
    this.#jobs = jobs;
  }

  /** Undefined when all its jobs are taken, or its limits are used up. */
  static open(lane: PendingLane, tally: Tally): OpenLane | undefined {
    if (!tally.allows(lane.limits)) return undefined;
    const jobs = lane.inOrder();
    const head = nextFree(jobs, tally);
    return head && new OpenLane(lane, head, jobs);
  }

  /** Goes on to the next job; false when there is none. */
  advance(tally: Tally): boolean {
    const next = nextFree(this.#jobs, tally);
    if (next !== undefined) this.head = next;
    return next !== undefined;
  }
}

function nextFree(jobs: Iterator<PendingJob>, tally: Tally): PendingJob | undefined {
  for (let step = jobs.next(); step.done !== true; step = jobs.next()) {
    if (!tally.isTaken(step.value)) return step.value;
  }
  return undefined;
}
