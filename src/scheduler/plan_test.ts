import assert from "node:assert/strict";
import fc from "fast-check";
import type {
  Assignment,
  PendingJob,
  PendingQueue,
  SchedulingView,
  WorkerSlots,
} from "../jobs/mod.ts";
import { Scene } from "../jobs/scene_test_support.ts";
import { plan } from "./plan.ts";
import { POLICIES, type Policy } from "./policy.ts";

interface Job extends PendingJob {
  readonly requiredTags: Record<string, string>;
}

/** What there is, without the orders and groups that a view has. */
interface World {
  readonly jobs: readonly Job[];
  readonly workers: readonly Worker[];
}

interface Worker {
  readonly id: string;
  readonly slots: number;
  readonly activeJobs: number;
  readonly jobTypes: readonly string[] | null;
  readonly tags: Record<string, string>;
  readonly draining: boolean;
  readonly lastAssignment: number;
}

const tags = fc.constantFrom<Record<string, string>>({}, {}, { gpu: "yes" }, {
  gpu: "no",
  zone: "a",
});

const world: fc.Arbitrary<World> = fc.record({
  jobs: fc.array(
    fc.record({
      type: fc.constantFrom("resize", "crawl"),
      priority: fc.integer({ min: 0, max: 2 }),
      requiredTags: fc.constantFrom<Record<string, string>>({}, {}, { gpu: "yes" }),
    }),
    { maxLength: 40, size: "max" },
  ).map((jobs) =>
    jobs.map((job, at) => ({ ...job, id: `job-${at}`, seq: at + 1, createdAtMs: 0 }))
  ),
  workers: fc.array(
    fc.record({
      slots: fc.nat(6),
      busy: fc.nat(7),
      jobTypes: fc.constantFrom(null, null, ["resize"], ["crawl", "resize"], []),
      tags,
      draining: fc.constantFrom(false, false, false, true),
      lastAssignment: fc.nat(20),
    }),
    { maxLength: 7, size: "max" },
  ).map((workers) =>
    workers.map(({ busy, ...worker }, at) => ({ ...worker, id: `w${at}`, activeJobs: busy }))
  ),
});

/** The view that the state would give. */
function viewOf({ jobs, workers }: World): SchedulingView {
  const queues = new Map<string, Job[]>();
  for (const job of jobs) {
    const key = `${job.type} ${JSON.stringify(job.requiredTags)}`;
    queues.set(key, [...queues.get(key) ?? [], job]);
  }
  return {
    nowMs: 0,
    queues: [...queues.values()].map((queued): PendingQueue => ({
      type: queued[0]!.type,
      requiredTags: queued[0]!.requiredTags,
      size: queued.length,
      inOrder: () => queued.toSorted(byUrgency).values(),
    })),
    workers: workers.map((worker): WorkerSlots => ({
      ...worker,
      sessionId: `${worker.id}-session`,
      jobTypes: worker.jobTypes && new Set(worker.jobTypes),
      capabilityKey: JSON.stringify([worker.jobTypes?.toSorted(), worker.tags]),
    })),
  };
}

function byUrgency(a: PendingJob, b: PendingJob): number {
  return b.priority - a.priority || a.seq - b.seq;
}

function eligible(worker: Worker, job: Job): boolean {
  return !worker.draining &&
    (worker.jobTypes === null || worker.jobTypes.includes(job.type)) &&
    Object.entries(job.requiredTags).every(([name, value]) => worker.tags[name] === value);
}

/** A small source of chance with a seed (mulberry32). */
function chanceOf(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let value = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

const policy = fc.constantFrom(...POLICIES);

/** Jobs of a worker after the plan. */
function loads(world: World, assignments: readonly Assignment[]): Map<string, number> {
  const counts = new Map(world.workers.map(({ id, activeJobs }) => [id, activeJobs]));
  for (const { workerId } of assignments) counts.set(workerId, counts.get(workerId)! + 1);
  return counts;
}

Deno.test("no plan goes over capacity, names a job twice, or names a worker that may not run it", () => {
  fc.assert(
    fc.property(world, policy, fc.integer(), (world, policy, seed) => {
      const assignments = plan(viewOf(world), 0, policy, chanceOf(seed));
      const jobIds = assignments.map(({ jobId }) => jobId);
      assert.equal(new Set(jobIds).size, jobIds.length);
      const after = loads(world, assignments);
      for (const { jobId, workerId, sessionId } of assignments) {
        const worker = world.workers.find(({ id }) => id === workerId)!;
        assert.ok(eligible(worker, world.jobs.find(({ id }) => id === jobId)!));
        assert.ok(after.get(workerId)! <= worker.slots);
        assert.equal(sessionId, `${workerId}-session`);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("no slot stays free for which a job is left", () => {
  fc.assert(
    fc.property(world, policy, fc.integer(), (world, policy, seed) => {
      const assignments = plan(viewOf(world), 0, policy, chanceOf(seed));
      const placed = new Set(assignments.map(({ jobId }) => jobId));
      const after = loads(world, assignments);
      for (const job of world.jobs.filter(({ id }) => !placed.has(id))) {
        for (const worker of world.workers.filter((each) => eligible(each, job))) {
          assert.ok(after.get(worker.id)! >= worker.slots, `${job.id} fits on ${worker.id}`);
        }
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("whoever is passed over is less urgent, or nobody could run it", () => {
  fc.assert(
    fc.property(world, policy, fc.integer(), (world, policy, seed) => {
      const placed = new Set(
        plan(viewOf(world), 0, policy, chanceOf(seed)).map(({ jobId }) => jobId),
      );
      for (const left of world.jobs.filter(({ id }) => !placed.has(id))) {
        const alike = world.jobs.filter((job) =>
          placed.has(job.id) && job.type === left.type &&
          JSON.stringify(job.requiredTags) === JSON.stringify(left.requiredTags)
        );
        for (const job of alike) assert.ok(byUrgency(job, left) < 0);
      }
    }),
  );
});

Deno.test("every policy does what sorting all workers for each job by its definition does", () => {
  const definitions: Record<Exclude<Policy, "random">, (worker: Load) => number[]> = {
    "round-robin": ({ last }) => [last],
    "least-loaded": ({ active, last }) => [active, last],
    "capacity-aware": ({ active, slots, last }) => [
      -(slots - active) / slots,
      -(slots - active),
      last,
    ],
    priority: ({ active, last }) => [active, last],
  };
  for (const policy of ["round-robin", "least-loaded", "capacity-aware", "priority"] as const) {
    fc.assert(
      fc.property(world, (world) => {
        const found = plan(viewOf(world), 0, policy, chanceOf(1));
        const expected = naivePlan(world, definitions[policy]);
        assert.deepEqual(found.map(({ jobId, workerId }) => [jobId, workerId]), expected);
      }),
      { numRuns: 300 },
    );
  }
});

interface Load {
  readonly worker: Worker;
  readonly slots: number;
  active: number;
  last: number;
}

function naivePlan(world: World, rank: (worker: Load) => number[]): string[][] {
  const loads = world.workers.map((worker): Load => ({
    worker,
    slots: worker.slots,
    active: worker.activeJobs,
    last: worker.lastAssignment,
  }));
  const assignments: string[][] = [];
  for (const job of world.jobs.toSorted(byUrgency)) {
    const [best] = loads
      .filter(({ worker, active, slots }) => active < slots && eligible(worker, job))
      .sort((a, b) => compareLists(rank(a), rank(b)) || (a.worker.id < b.worker.id ? -1 : 1));
    if (best === undefined) continue;
    best.active++;
    best.last = 1e6 + assignments.length;
    assignments.push([job.id, best.worker.id]);
  }
  return assignments;
}

function compareLists(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return a[at]! - b[at]!;
  return 0;
}

Deno.test("the same view and the same chance give the same plan, in whatever order they are listed", () => {
  fc.assert(
    fc.property(world, policy, fc.integer(), (world, policy, seed) => {
      const view = viewOf(world);
      const turned = {
        nowMs: 0,
        queues: [...view.queues].toReversed(),
        workers: [...view.workers].toReversed(),
      };
      assert.deepEqual(
        plan(view, 0, policy, chanceOf(seed)),
        plan(turned, 0, policy, chanceOf(seed)),
      );
    }),
    { numRuns: 1000 },
  );
});

Deno.test("two plans, the first still on its way, are together like one", () => {
  fc.assert(
    fc.property(world, fc.nat(20), (world, assignmentsMax) => {
      for (const policy of ["round-robin", "least-loaded", "capacity-aware"] as const) {
        const view = viewOf(world);
        const whole = plan(view, 0, policy, chanceOf(1));
        const inFlight = plan(view, 0, policy, chanceOf(1), { assignmentsMax });
        const rest = plan(view, 0, policy, chanceOf(1), { inFlight });
        assert.deepEqual([...inFlight, ...rest], whole);
      }
    }),
  );
});

Deno.test("round-robin gives workers of one kind their turns whatever their load", () => {
  const scene = new Scene();
  for (const [id, slots] of [["a", 10], ["b", 3], ["c", 10]] as const) {
    scene.register(id, { slots });
  }
  const order: string[] = [];
  for (let number = 0; number < 9; number++) {
    scene.submit(`job-${number}`);
    const [assignment] = plan(scene.machine.view(), 0, "round-robin", chanceOf(1));
    order.push(assignment!.workerId);
    scene.apply({ kind: "assign", assignments: [assignment!] });
    if (number % 2 === 0) scene.complete(`job-${number}`);
  }
  assert.equal(order.join(""), "abcabcabc");
});

Deno.test("round-robin goes on where it was after the leader and its memory are gone", () => {
  const scene = new Scene();
  for (const id of ["a", "b", "c"]) scene.register(id);
  const order: string[] = [];
  for (let number = 0; number < 6; number++) {
    scene.submit(`job-${number}`);
    scene.machine.flush();
    scene.crash();
    const assignments = plan(scene.machine.view(), 0, "round-robin", chanceOf(1));
    order.push(assignments[0]!.workerId);
    scene.apply({ kind: "assign", assignments });
  }
  assert.equal(order.join(""), "abcabc");
});

Deno.test("least-loaded keeps loads level, capacity-aware keeps the free part of each level", () => {
  const workers = [["small", 2], ["large", 8]] as const;
  const share = (policy: Policy) => {
    const scene = new Scene();
    for (const [id, slots] of workers) scene.register(id, { slots });
    for (let number = 0; number < 5; number++) scene.submit(`job-${number}`);
    const assignments = plan(scene.machine.view(), 0, policy, chanceOf(1));
    return workers.map(([id]) => assignments.filter(({ workerId }) => workerId === id).length);
  };
  assert.deepEqual(share("least-loaded"), [2, 3]);
  assert.deepEqual(share("capacity-aware"), [1, 4]);
});

Deno.test("random gives every free worker about the same share, across kinds of workers", () => {
  const scene = new Scene();
  scene.register("a", { slots: 2000, tags: { zone: "a" } });
  scene.register("b", { slots: 2000, tags: { zone: "b" } });
  scene.register("c", { slots: 2000, tags: { zone: "b" } });
  for (let number = 0; number < 900; number++) scene.submit(`job-${number}`);
  const assignments = plan(scene.machine.view(), 0, "random", chanceOf(7));
  assert.equal(assignments.length, 900);
  for (const id of ["a", "b", "c"]) {
    const share = assignments.filter(({ workerId }) => workerId === id).length;
    assert.ok(share > 240 && share < 360, `${id}: ${share}`);
  }
});

Deno.test("a plan looks at no more jobs than it assigns, however many wait", () => {
  const scene = new Scene();
  scene.register("a", { slots: 3 });
  const jobs = Array.from({ length: 5000 }, (_, number) => number);
  for (const number of jobs) scene.submit(`job-${number}`, { priority: number % 3 });
  let looked = 0;
  const view = scene.machine.view();
  const counting: SchedulingView = {
    ...view,
    queues: [...view.queues].map((queue) => ({
      type: queue.type,
      requiredTags: queue.requiredTags,
      size: queue.size,
      inOrder: () => {
        const inner = queue.inOrder();
        return { next: () => (looked++, inner.next()) };
      },
    })),
  };
  assert.equal(plan(counting, 0, "least-loaded", chanceOf(1)).length, 3);
  assert.ok(looked <= 4, `${looked} jobs were looked at`);
});

Deno.test("jobs that nobody may run do not hold up those behind them", () => {
  const scene = new Scene();
  scene.register("a", { slots: 1 });
  for (let number = 0; number < 100; number++) {
    scene.submit(`stuck-${number}`, { requiredTags: { gpu: "yes" }, priority: 9 });
  }
  scene.submit("free");
  const assignments = plan(scene.machine.view(), 0, "least-loaded", chanceOf(1));
  assert.deepEqual(assignments.map(({ jobId }) => jobId), ["free"]);
});

Deno.test("what the state accepts is exactly what was planned", () => {
  const scene = new Scene();
  scene.register("a", { slots: 4, jobTypes: ["resize"] });
  scene.register("b", { slots: 4, tags: { gpu: "yes" } });
  for (let number = 0; number < 20; number++) {
    scene.submit(`job-${number}`, {
      type: number % 2 === 0 ? "resize" : "crawl",
      requiredTags: number % 5 === 0 ? { gpu: "yes" } : {},
    });
  }
  for (const policy of POLICIES) {
    const assignments = plan(scene.machine.view(), 0, policy, chanceOf(3), { assignmentsMax: 2 });
    if (assignments.length === 0) break;
    const { results } = scene.apply({ kind: "assign", assignments });
    assert.ok(results.every(({ status }) => status === "assigned"));
  }
  assert.equal(scene.machine.counts().byStatus.assigned, 8);
});
