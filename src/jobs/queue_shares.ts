/**
 * Whose turn it is: start-time fair queueing (Goyal, Vin, Cheng 1996), which with jobs of one size
 * is stride scheduling (Waldspurger 1995).
 *
 * Each queue has a pass. The queue with the least is served, which raises its pass by a stride, and
 * the greater the weight, the smaller the stride: so of queues that always have jobs, each is served
 * in proportion to its weight. The clock is the pass at which a queue was served last. Who comes back
 * after a rest, or was passed over because nothing of it could be assigned, goes on from the clock:
 * rest saves up nothing, and a flood keeps nobody from the next turn.
 *
 * A pass below the clock counts as the clock. It is not raised before the next service, because by
 * `max(pass, clock)`, then `pass`, queues stand in the same order as by `pass`.
 *
 * All of this is replicated state, in whole numbers.
 *
 * @module
 */

import { IndexedHeap } from "./heap.ts";
import { isHeld, type JobStatus } from "./job.ts";
import type { JobClass } from "./lanes.ts";
import { DEFAULT_NAMESPACE } from "./namespace.ts";
import type { RecordSet } from "./record_set.ts";
import type { QueueShare } from "./view.ts";

/** The stride of weight 1. */
const STRIDE_ONE = 1_000_000;
/** Where passes begin anew from 0, long before they stop being exact. */
const PASS_MAX = 2 ** 52;
export const WEIGHT_MAX = 1000;

const SHARE = "queue_share";
const CLOCK = "queue_clock";

/** How many unfinished jobs of a queue there are, by status. */
export type LiveCounts = Record<"waiting" | "pending" | "assigned" | "running", number>;

const LIVE = ["waiting", "pending", "assigned", "running"] as const;
const noJobs: Readonly<LiveCounts> = { waiting: 0, pending: 0, assigned: 0, running: 0 };

function addTo(sum: LiveCounts, counts: Readonly<LiveCounts>, sign: 1 | -1): void {
  for (const status of LIVE) sum[status] += sign * counts[status];
}

/** A queue with unfinished jobs, or with a pass to be remembered. */
export class Share implements QueueShare {
  /** In the order of those that rest. */
  heapIndex = -1;
  readonly name: string;
  /** Where it has pending jobs. */
  readonly classes = new Set<JobClass>();
  readonly counts: LiveCounts = { waiting: 0, pending: 0, assigned: 0, running: 0 };
  /** Of these, those of each namespace but the default one, which has the rest. */
  readonly #countsIn = new Map<string, LiveCounts>();
  pass = 0;
  stride = STRIDE_ONE;
  /** The pass counts, and is stored. */
  isRemembered = false;

  constructor(name: string) {
    this.name = name;
  }

  get held(): number {
    return this.counts.assigned + this.counts.running;
  }

  get live(): number {
    return this.counts.waiting + this.counts.pending + this.held;
  }

  /** Unfinished jobs of the queue that are in these namespaces. */
  countsIn(namespaces: readonly string[]): LiveCounts {
    const isMost = namespaces.includes(DEFAULT_NAMESPACE);
    const sum = { ...(isMost ? this.counts : noJobs) };
    for (const [namespace, counts] of this.#countsIn) {
      if (namespaces.includes(namespace) !== isMost) addTo(sum, counts, isMost ? -1 : 1);
    }
    return sum;
  }

  count(status: keyof LiveCounts, namespace: string, change: 1 | -1): void {
    this.counts[status] += change;
    if (namespace === DEFAULT_NAMESPACE) return;
    let counts = this.#countsIn.get(namespace);
    if (counts === undefined) this.#countsIn.set(namespace, counts = { ...noJobs });
    counts[status] += change;
    if (change < 0 && LIVE.every((each) => counts[each] === 0)) this.#countsIn.delete(namespace);
  }
}

export class QueueShares {
  readonly #byName = new Map<string, Share>();
  readonly #resting = new IndexedHeap<Share>((a, b) =>
    a.pass !== b.pass ? a.pass < b.pass : a.name < b.name
  );
  readonly #unsaved = new Set<string>();
  readonly #weightOf: (name: string) => number;
  /** The one dropped last: where jobs come one by one, it comes again. */
  #spare: Share | undefined;
  #pending = 0;
  #clock = 0;
  #isClockSaved = true;

  constructor(weightOf: (name: string) => number) {
    this.#weightOf = weightOf;
  }

  /** Before the jobs are counted. */
  load(records: RecordSet): void {
    for (const { value } of records.ofKind(CLOCK)) this.#clock = Number(value);
    for (const { key, value } of records.ofKind(SHARE)) {
      const share = this.of(key);
      share.pass = Number(value);
      share.isRemembered = true;
      this.#resting.push(share);
    }
  }

  get clock(): number {
    return this.#clock;
  }

  /** Queues with unfinished jobs, in no order. */
  *live(): Generator<Share> {
    for (const share of this.#byName.values()) if (share.live > 0) yield share;
  }

  find(name: string): Share | undefined {
    return this.#byName.get(name);
  }

  /** The turn that a queue has, or would have if a job of it were pending now. */
  turnOf(name: string): QueueShare {
    const share = this.#byName.get(name);
    const pass = share?.isRemembered === true ? share.pass : this.#clock;
    return { name, pass, stride: share?.stride ?? strideOf(this.#weightOf(name)) };
  }

  /** The share of this name; what is made for a job is to be counted or dropped. */
  of(name: string): Share {
    let share = this.#byName.get(name);
    if (share === undefined) {
      share = this.#spare?.name === name ? this.#spare : new Share(name);
      share.stride = strideOf(this.#weightOf(name));
      this.#byName.set(name, share);
    }
    return share;
  }

  /** The settings of the queue have changed. */
  reweigh(name: string): void {
    const share = this.#byName.get(name);
    if (share !== undefined) share.stride = strideOf(this.#weightOf(name));
  }

  /** A job of the queue is now of this status. */
  add(share: Share, status: keyof LiveCounts, namespace: string): void {
    share.count(status, namespace, 1);
    if (status !== "pending") return;
    this.#pending++;
    if (share.counts.pending > 1) return;
    if (share.heapIndex !== -1) this.#resting.remove(share);
    if (!share.isRemembered) {
      share.isRemembered = true;
      share.pass = this.#clock;
      this.#unsaved.add(share.name);
    }
  }

  /** A job of the queue was of this status. */
  subtract(share: Share, status: keyof LiveCounts, namespace: string): void {
    share.count(status, namespace, -1);
    if (status !== "pending") return;
    this.#pending--;
    if (share.counts.pending > 0 || !share.isRemembered) return;
    this.#resting.push(share);
    this.#forgetUpTo(this.#clock, share);
  }

  /** The queue is served with a job that is pending until now. */
  charge(share: Share): void {
    if (this.#pending === 1) {
      // With the last pending job of all, the round is over and nobody is ahead of anybody.
      this.#forgetUpTo(Infinity);
      this.#forget(share);
      return;
    }
    const start = Math.max(share.pass, this.#clock);
    share.pass = start + share.stride;
    this.#unsaved.add(share.name);
    if (start === this.#clock) return;
    this.#clock = start;
    this.#isClockSaved = false;
    this.#forgetUpTo(start);
    if (start > PASS_MAX) this.#beginAnew();
  }

  /** Forgets a queue that nothing is left of. */
  dropIfDone(share: Share): void {
    if (share.live > 0 || share.isRemembered) return;
    this.#byName.delete(share.name);
    this.#spare = share;
  }

  /** Puts what changed where the flush and the digest find it. */
  save(records: RecordSet): void {
    for (const name of this.#unsaved) {
      const share = this.#byName.get(name);
      if (share?.isRemembered === true) records.put(SHARE, name, share.pass);
      else records.remove(SHARE, name);
    }
    this.#unsaved.clear();
    if (!this.#isClockSaved) records.put(CLOCK, "", this.#clock);
    this.#isClockSaved = true;
  }

  /** A queue at rest whose pass the clock has reached is like one that never was. */
  #forgetUpTo(pass: number, inHand?: Share): void {
    for (;;) {
      const share = this.#resting.peek();
      if (share === undefined || share.pass > pass) return;
      this.#resting.remove(share);
      this.#forget(share);
      // What still has jobs is dropped with the last of them, what is in hand by its holder.
      if (share !== inHand) this.dropIfDone(share);
    }
  }

  #forget(share: Share): void {
    share.isRemembered = false;
    this.#unsaved.add(share.name);
  }

  /** All by the same, so that every order stays. */
  #beginAnew(): void {
    for (const share of this.#byName.values()) {
      if (!share.isRemembered) continue;
      share.pass -= this.#clock;
      this.#unsaved.add(share.name);
    }
    this.#clock = 0;
  }
}

/** The status as one that is counted; undefined for those of finished jobs. */
export function liveStatus(status: JobStatus): keyof LiveCounts | undefined {
  return status === "waiting" || status === "pending" || isHeld(status)
    ? status as keyof LiveCounts
    : undefined;
}

function strideOf(weight: number): number {
  return Math.floor(STRIDE_ONE / weight);
}
