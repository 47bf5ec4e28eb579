/**
 * Jobs, workers and limits without the orders that a view has, the view that the state would give of
 * them, and plans by sorting everything anew for each assignment. For tests.
 *
 * @module
 */

import fc from "fast-check";
import {
  comparisonOf,
  fulfils,
  type Limit,
  type PendingClass,
  type PendingJob,
  type PendingLane,
  type PendingShape,
  type QueueOrder,
  type Requirements,
  type SchedulingView,
  type WorkerSlots,
} from "../jobs/mod.ts";
import type { Policy } from "./policy.ts";

export interface Job extends PendingJob, Requirements {
  readonly queue: string;
  /** "": none. At most `groupLimit` of it are held. */
  readonly group: string;
  readonly groupLimit: number;
}

export type Worker =
  & Omit<
    WorkerSlots,
    "sessionId" | "jobTypes" | "namespaces" | "capabilityKey" | "typeSlots" | "activeOfType"
  >
  & {
    readonly jobTypes: readonly string[] | null;
    readonly namespaces: readonly string[] | null;
    readonly typeSlots: Readonly<Record<string, number>>;
    /** Jobs that it holds of each type. */
    readonly heldOfType: Readonly<Record<string, number>>;
  };

export interface World {
  readonly jobs: readonly Job[];
  readonly workers: readonly Worker[];
  /** Jobs of each group that are held. */
  readonly groups: Readonly<Record<string, number>>;
  /** Jobs that may still be assigned. */
  readonly typeRoom: Readonly<Record<string, number>>;
  readonly queues: Readonly<Record<string, { readonly pass: number; readonly stride: number }>>;
  readonly clock: number;
}

const tags = fc.constantFrom<Record<string, string>>({}, {}, { gpu: "yes" }, {
  gpu: "no",
  zone: "a",
});
const rules = fc.constantFrom(
  [],
  [],
  [{ tag: "gpu", op: "exists" as const, values: [] }],
  [{ tag: "zone", op: "not_in" as const, values: ["a"] }],
);
const small = fc.constantFrom(0, 0, 0, 1, 2, 3);

export const world: fc.Arbitrary<World> = fc.record({
  jobs: fc.array(
    fc.record({
      type: fc.constantFrom("resize", "crawl"),
      namespace: fc.constantFrom("default", "default", "red"),
      priority: fc.integer({ min: 0, max: 2 }),
      queuedAtMs: fc.nat(3),
      requiredTags: fc.constantFrom<Record<string, string>>({}, {}, { gpu: "yes" }),
      tagRules: rules,
      preferredTags: rules,
      cpuMillis: small,
      memoryBytes: small,
      queue: fc.constantFrom("p", "p", "q", "r"),
      group: fc.constantFrom("", "", "g", "h"),
      groupLimit: fc.integer({ min: 1, max: 3 }),
    }),
    { maxLength: 40, size: "max" },
  ).map((jobs) => jobs.map((job, at) => ({ ...job, id: `job-${at}`, seq: at + 1 }))),
  workers: fc.array(
    fc.record({
      slots: fc.nat(6),
      activeJobs: fc.nat(7),
      cpuMillis: fc.constantFrom(0, 4, 8),
      cpuMillisHeld: fc.nat(4),
      memoryBytes: fc.constantFrom(0, 4, 8),
      memoryBytesHeld: fc.nat(4),
      jobTypes: fc.constantFrom(null, null, ["resize"], ["crawl", "resize"], []),
      namespaces: fc.constantFrom(null, null, ["default"], ["red"], []),
      typeSlots: fc.constantFrom<Record<string, number>>({}, {}, { resize: 1 }, {
        resize: 3,
        crawl: 2,
      }),
      heldOfType: fc.record({ resize: fc.nat(2), crawl: fc.nat(2) }),
      tags,
      draining: fc.constantFrom(false, false, false, true),
      lastAssignment: fc.nat(20),
    }),
    { maxLength: 7, size: "max" },
  ).map((workers) => workers.map((worker, at) => ({ ...worker, id: `w${at}` }))),
  groups: fc.record({ g: fc.nat(2), h: fc.nat(3) }),
  typeRoom: fc.record({ resize: fc.constantFrom(99, 99, 3, 0), crawl: fc.constant(99) }),
  queues: fc.record({ p: share(), q: share(), r: share() }),
  clock: fc.nat(12),
});

function share() {
  return fc.record({ pass: fc.nat(20), stride: fc.integer({ min: 1, max: 6 }) });
}

/** The view that the state would give. */
export function viewOf(world: World, order: QueueOrder = { ageingMs: 0 }): SchedulingView {
  const comesBefore = comparisonOf(order);
  const isStrict = order.ageingMs === "strict";
  const compare = (a: Job, b: Job) => comesBefore(a, b) ? -1 : 1;
  const groups = new Map(Object.keys(world.groups).map((name) => [name, {}]));
  const places = new Map<string, { class: PendingClass; lane: PendingLane }>();
  const shapes = split(world.jobs, shapeKey).map((ofShape): PendingShape => {
    const [{ type, namespace, requiredTags, tagRules, preferredTags }] = ofShape;
    const [{ cpuMillis, memoryBytes }] = ofShape;
    const meter = world.typeRoom;
    const shape: PendingShape = {
      ...{ type, namespace, requiredTags, tagRules, preferredTags, cpuMillis, memoryBytes },
      key: shapeKey(ofShape[0]),
      limits: type === "resize" ? [{ meter, cost: 1, left: world.typeRoom[type]! - 1 }] : [],
      classes: () =>
        classes.toSorted((a, b) =>
          isStrict
            ? comesBefore(headOf(a), headOf(b)) ? -1 : 1
            : a.share.pass - b.share.pass || (a.share.name < b.share.name ? -1 : 1)
        ).values(),
    };
    const classes = split(ofShape, ({ queue }) => queue).map((ofClass): PendingClass => {
      const [{ queue }] = ofClass;
      const each: PendingClass = {
        shape,
        share: { name: queue, ...world.queues[queue]! },
        limits: [],
        lanes: () => lanes.values(),
      };
      const lanes = split(ofClass, ({ group, groupLimit }) => `${group} ${group && groupLimit}`)
        .map((ofLane): PendingLane => {
          const [{ group, groupLimit }] = ofLane;
          const sorted = ofLane.toSorted(compare);
          const left = groupLimit - (world.groups[group] ?? 0) - 1;
          const limits: Limit[] = group === ""
            ? []
            : [{ meter: groups.get(group)!, cost: 1, left }];
          const lane = {
            limits,
            head: sorted[0]!,
            size: sorted.length,
            inOrder: () => sorted.values(),
          };
          for (const { id } of ofLane) places.set(id, { class: each, lane });
          return lane;
        }).sort((a, b) => comesBefore(a.head, b.head) ? -1 : 1);
      return each;
    });
    return shape;
  });
  return {
    nowMs: 0,
    isStrict,
    clock: world.clock,
    shapes,
    comesBefore,
    placeOf: (jobId) => places.get(jobId),
    workers: world.workers.map((worker): WorkerSlots => ({
      ...worker,
      sessionId: `${worker.id}-session`,
      jobTypes: worker.jobTypes && new Set(worker.jobTypes),
      namespaces: worker.namespaces && new Set(worker.namespaces),
      typeSlots: Object.keys(worker.typeSlots).length === 0
        ? null
        : new Map(Object.entries(worker.typeSlots)),
      activeOfType: (type) => worker.heldOfType[type]!,
      capabilityKey: JSON.stringify([
        worker.jobTypes?.toSorted(),
        worker.namespaces,
        worker.tags,
      ]),
    })),
  };
}

function headOf(of: PendingClass): PendingJob {
  return of.lanes().next().value!.head;
}

function shapeKey(job: Job): string {
  const { type, namespace, requiredTags, tagRules, preferredTags, cpuMillis, memoryBytes } = job;
  return JSON.stringify([
    ...[type, namespace, requiredTags, tagRules, preferredTags],
    ...[cpuMillis, memoryBytes],
  ]);
}

/** Parts of what is equal by its key, none of them empty. */
function split<Item>(items: readonly Item[], keyOf: (item: Item) => string): [Item, ...Item[]][] {
  const parts = new Map<string, [Item, ...Item[]]>();
  for (const item of items) {
    const part = parts.get(keyOf(item));
    if (part === undefined) parts.set(keyOf(item), [item]);
    else part.push(item);
  }
  return [...parts.values()];
}

export function eligible(worker: Worker, job: Job): boolean {
  return !worker.draining &&
    (worker.jobTypes === null || worker.jobTypes.includes(job.type)) &&
    (worker.namespaces === null || worker.namespaces.includes(job.namespace)) &&
    Object.entries(job.requiredTags).every(([name, value]) => worker.tags[name] === value) &&
    job.tagRules.every((rule) => fulfils(worker.tags, rule));
}

/** What is left of a world after assignments. */
export class Ledger {
  readonly loads: Map<string, Load>;
  readonly groups: Record<string, number>;
  readonly typeRoom: Record<string, number>;
  readonly passes = new Map<string, number>();
  clock: number;
  #made = 0;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
    this.loads = new Map(world.workers.map((worker) => [worker.id, loadOf(worker)]));
    this.groups = { ...world.groups };
    this.typeRoom = { ...world.typeRoom };
    for (const [name, { pass }] of Object.entries(world.queues)) this.passes.set(name, pass);
    this.clock = world.clock;
  }

  isAllowed(job: Job): boolean {
    return this.typeRoom[job.type]! > 0 &&
      (job.group === "" || this.groups[job.group]! < job.groupLimit);
  }

  fits({ worker, active, ofType, cpu, memory }: Load, job: Job): boolean {
    return eligible(worker, job) && active < worker.slots &&
      ofType[job.type]! < (worker.typeSlots[job.type] ?? Infinity) &&
      (job.cpuMillis === 0 || cpu + job.cpuMillis <= worker.cpuMillis) &&
      (job.memoryBytes === 0 || memory + job.memoryBytes <= worker.memoryBytes);
  }

  assign(job: Job, workerId: string): void {
    const load = this.loads.get(workerId)!;
    load.active++;
    load.ofType[job.type]!++;
    load.cpu += job.cpuMillis;
    load.memory += job.memoryBytes;
    load.last = 1e6 + this.#made++;
    if (job.group !== "") this.groups[job.group]!++;
    this.typeRoom[job.type]!--;
    this.clock = Math.max(this.clock, this.passes.get(job.queue)!);
    this.passes.set(job.queue, this.clock + this.#world.queues[job.queue]!.stride);
  }
}

export interface Load {
  readonly worker: Worker;
  active: number;
  readonly ofType: Record<string, number>;
  cpu: number;
  memory: number;
  last: number;
}

function loadOf(worker: Worker): Load {
  return {
    worker,
    active: worker.activeJobs,
    ofType: { ...worker.heldOfType },
    cpu: worker.cpuMillisHeld,
    memory: worker.memoryBytesHeld,
    last: worker.lastAssignment,
  };
}

/** What each policy means: the least worker is taken. */
const definitions: Record<Exclude<Policy, "random">, (load: Load) => number[]> = {
  "round-robin": ({ last }) => [last],
  "least-loaded": ({ active, last }) => [active, last],
  "capacity-aware": ({ worker, active, cpu, memory, last }) => [
    Math.max(
      active / worker.slots,
      worker.cpuMillis === 0 ? 0 : cpu / worker.cpuMillis,
      worker.memoryBytes === 0 ? 0 : memory / worker.memoryBytes,
    ),
    active - worker.slots,
    last,
  ],
  priority: ({ active, last }) => [active, last],
};

/** Jobs and workers, one assignment after the other, each by looking at everything. */
export function naivePlan(world: World, policy: Exclude<Policy, "random">): string[][] {
  const ledger = new Ledger(world);
  const comesBefore = comparisonOf({ ageingMs: policy === "priority" ? "strict" : 0 });
  const left = new Set(world.jobs);
  const assignments: string[][] = [];
  for (;;) {
    const turns = [...left].sort((a, b) =>
      (policy === "priority" ? 0 : turn(ledger, a.queue, b.queue)) || (comesBefore(a, b) ? -1 : 1)
    );
    const job = turns.find((each) =>
      ledger.isAllowed(each) && [...ledger.loads.values()].some((load) => ledger.fits(load, each))
    );
    if (job === undefined) return assignments;
    const [best] = [...ledger.loads.values()].filter((load) => ledger.fits(load, job))
      .sort((a, b) =>
        compareLists(rank(a, job, policy), rank(b, job, policy)) ||
        (a.worker.id < b.worker.id ? -1 : 1)
      );
    ledger.assign(job, best!.worker.id);
    assignments.push([job.id, best!.worker.id]);
    left.delete(job);
  }
}

function turn(ledger: Ledger, a: string, b: string): number {
  if (a === b) return 0;
  return ledger.passes.get(a)! - ledger.passes.get(b)! || (a < b ? -1 : 1);
}

function rank(load: Load, job: Job, policy: Exclude<Policy, "random">): number[] {
  const fulfilled = job.preferredTags.filter((rule) => fulfils(load.worker.tags, rule)).length;
  return [-fulfilled, ...definitions[policy](load)];
}

function compareLists(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return a[at]! - b[at]!;
  return 0;
}

/** A small source of chance with a seed (mulberry32). */
export function chanceOf(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let value = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}
