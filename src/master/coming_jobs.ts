/**
 * Jobs whose submission is on its way to the log: they will be pending for whatever comes behind it, and
 * are given away before it is applied. Only those of which it is known how they will stand: that wait for
 * nothing but a worker, and that no limit binds.
 *
 * @module
 */

import {
  DEFAULT_NAMESPACE,
  type HeapItem,
  IndexedHeap,
  type Limit,
  NO_OPTIONS,
  type PendingClass,
  type PendingJob,
  type PendingLane,
  type PendingShape,
  queueOf,
  type QueueShare,
  type Requirements,
  type SchedulingView,
  type StringMap,
  type SubmitSpec,
  type TagRule,
  wishesOf,
} from "../jobs/mod.ts";

/** Behind all jobs that there are, which are counted up from 1. */
const FIRST_SEQ = 2 ** 52;

/** How jobs that are not there yet will stand. */
export interface Foresight {
  /** See `SchedulingView`. */
  readonly comesBefore: SchedulingView["comesBefore"];
  /** The turn that a queue has now; undefined: limits bind its jobs of this type. */
  openShare(type: string, queue: string): QueueShare | undefined;
}

export class ComingJobs {
  readonly #foresight: Foresight;
  #comesBefore: Foresight["comesBefore"];
  readonly #groups = new Map<string, ComingGroup>();
  readonly #byId = new Map<string, ComingJob>();
  #added = 0;

  constructor(foresight: Foresight) {
    this.#foresight = foresight;
    this.#comesBefore = foresight.comesBefore;
  }

  /** Jobs stand in another order from now on. */
  reorder(comesBefore: Foresight["comesBefore"]): void {
    this.#comesBefore = comesBefore;
    for (const { jobs } of this.#groups.values()) jobs.reorder(comesBefore);
  }

  /**
   * Takes those of `specs` of which it is known how they will stand.
   *
   * @returns to be called when their outcome is known; undefined: there is none among them
   */
  add(specs: readonly SubmitSpec[], nowMs: number): (() => void) | undefined {
    const added: ComingJob[] = [];
    for (const spec of specs) {
      const group = this.#groupOf(spec);
      if (group === undefined) continue;
      const seq = FIRST_SEQ + this.#added++;
      const { id, priority } = spec;
      const job = { id, seq, priority, queuedAtMs: nowMs, group, heapIndex: -1 };
      group.jobs.push(job);
      this.#byId.set(id, job);
      added.push(job);
    }
    return added.length === 0 ? undefined : () => added.forEach((job) => this.#remove(job));
  }

  /** The view as it will be; read it before the next `add`. */
  foreseen(view: SchedulingView): SchedulingView {
    if (this.#groups.size === 0) return view;
    const open = [...this.#groups.values()].filter((group) => group.look(this.#foresight));
    return {
      ...view,
      shapes: [...view.shapes, ...open],
      placeOf: (jobId) => {
        const group = this.#byId.get(jobId)?.group;
        return group === undefined ? view.placeOf(jobId) : { class: group, lane: group };
      },
    };
  }

  /** Undefined: it will wait for something, or a limit may bind it. */
  #groupOf(spec: SubmitSpec): ComingGroup | undefined {
    const { type, namespace = DEFAULT_NAMESPACE, submittedBy = "" } = spec;
    const { requiredTags = noTags, notBeforeMs } = spec;
    const options = spec.options === undefined ? NO_OPTIONS : { ...NO_OPTIONS, ...spec.options };
    const waits = notBeforeMs !== undefined || options.dependencies.length > 0;
    // Of another job with its unique key it is not known whether it will be there.
    if (waits || options.uniqueKey !== "") return undefined;
    const { shapeKey, laneKey } = wishesOf({ type, namespace, requiredTags, options });
    if (laneKey !== "") return undefined;
    const queue = queueOf({ options, submittedBy });
    const key = `${shapeKey}\n\n${queue}`;
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const share = this.#foresight.openShare(type, queue);
    if (share === undefined) return undefined;
    const { tagRules, preferredTags, cpuMillis, memoryBytes } = options;
    const asked = { key, type, namespace, requiredTags, tagRules, preferredTags };
    const group = new ComingGroup(
      { ...asked, cpuMillis, memoryBytes },
      share,
      this.#comesBefore,
    );
    this.#groups.set(key, group);
    return group;
  }

  #remove(job: ComingJob): void {
    const { group } = job;
    this.#byId.delete(job.id);
    group.jobs.remove(job);
    if (group.jobs.size === 0) this.#groups.delete(group.key);
  }
}

interface ComingJob extends PendingJob, HeapItem {
  readonly group: ComingGroup;
}

const noTags: StringMap = {};
const noLimits: readonly Limit[] = [];

/** Jobs that ask the same of a worker, of one queue: a shape of one class of one lane. */
class ComingGroup implements PendingShape, PendingClass, PendingLane {
  readonly key: string;
  readonly type: string;
  readonly namespace: string;
  readonly requiredTags: StringMap;
  readonly tagRules: readonly TagRule[];
  readonly preferredTags: readonly TagRule[];
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly limits = noLimits;
  readonly jobs: IndexedHeap<ComingJob>;
  share: QueueShare;

  constructor(
    asked: Requirements & Pick<PendingShape, "key">,
    share: QueueShare,
    comesBefore: Foresight["comesBefore"],
  ) {
    this.key = asked.key;
    this.type = asked.type;
    this.namespace = asked.namespace;
    this.requiredTags = asked.requiredTags;
    this.tagRules = asked.tagRules;
    this.preferredTags = asked.preferredTags;
    this.cpuMillis = asked.cpuMillis;
    this.memoryBytes = asked.memoryBytes;
    this.share = share;
    this.jobs = new IndexedHeap<ComingJob>(comesBefore);
  }

  /** Its queue's turn has moved since it was made, and limits may bind its jobs: then false. */
  look(foresight: Foresight): boolean {
    const share = foresight.openShare(this.type, this.share.name);
    if (share !== undefined) this.share = share;
    return share !== undefined;
  }

  get shape(): PendingShape {
    return this;
  }

  get head(): PendingJob {
    return this.jobs.peek()!;
  }

  get size(): number {
    return this.jobs.size;
  }

  classes(): Iterator<PendingClass> {
    return [this].values();
  }

  lanes(): Iterator<PendingLane> {
    return [this].values();
  }

  inOrder(): Iterator<PendingJob> {
    return this.jobs.inOrder();
  }
}
