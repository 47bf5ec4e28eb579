import assert from "node:assert/strict";
import fc from "fast-check";
import type { Assignment } from "../jobs/mod.ts";
import { Scene } from "../jobs/scene_test_support.ts";
import { plan, type PlanLimits } from "./plan.ts";
import { POLICIES, type Policy } from "./policy.ts";
import {
  chanceOf,
  eligible,
  Ledger,
  naivePlan,
  viewOf,
  type World,
  world,
} from "./world_test_support.ts";

const policy = fc.constantFrom(...POLICIES);
const sortingPolicy = fc.constantFrom(
  ...POLICIES.filter((policy): policy is Exclude<Policy, "random"> => policy !== "random"),
);

function planOf(world: World, policy: Policy, seed = 1, limits: PlanLimits = {}): Assignment[] {
  const view = viewOf(world, { ageingMs: policy === "priority" ? "strict" : 0 });
  return plan(view, { policy, random: chanceOf(seed) }, limits);
}

function planFor(scene: Scene, policy: Policy, seed = 1, limits: PlanLimits = {}): Assignment[] {
  return plan(scene.machine.view(), { policy, random: chanceOf(seed) }, limits);
}

/** A plan, and how often it compared two jobs. */
function countedPlan(scene: Scene): { assignments: number; looks: number } {
  const view = scene.machine.view();
  let looks = 0;
  const comesBefore: typeof view.comesBefore = (a, b) => (looks++, view.comesBefore(a, b));
  const choice = { policy: "least-loaded" as const, random: chanceOf(1) };
  return { assignments: plan({ ...view, comesBefore }, choice).length, looks };
}

/** What is left after a plan. */
function after(world: World, assignments: readonly Assignment[]): Ledger {
  const ledger = new Ledger(world);
  const jobs = new Map(world.jobs.map((job) => [job.id, job]));
  for (const { jobId, workerId } of assignments) ledger.assign(jobs.get(jobId)!, workerId);
  return ledger;
}

Deno.test("no plan goes over a capacity or a limit, names a job twice, or a worker that may not run it", () => {
  fc.assert(
    fc.property(world, policy, fc.integer(), (world, policy, seed) => {
      const assignments = planOf(world, policy, seed);
      assert.equal(new Set(assignments.map(({ jobId }) => jobId)).size, assignments.length);
      const ledger = new Ledger(world);
      for (const { jobId, workerId, sessionId } of assignments) {
        const load = ledger.loads.get(workerId)!;
        const job = world.jobs.find(({ id }) => id === jobId)!;
        assert.ok(eligible(load.worker, job), `${workerId} may not run ${jobId}`);
        assert.ok(ledger.fits(load, job), `${workerId} has no room for ${jobId}`);
        assert.ok(ledger.isAllowed(job), `a limit forbids ${jobId}`);
        assert.equal(sessionId, `${workerId}-session`);
        ledger.assign(job, workerId);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("no room stays free for which a job is left that no limit forbids", () => {
  fc.assert(
    fc.property(world, policy, fc.integer(), (world, policy, seed) => {
      const assignments = planOf(world, policy, seed);
      const placed = new Set(assignments.map(({ jobId }) => jobId));
      const ledger = after(world, assignments);
      for (const job of world.jobs.filter(({ id }) => !placed.has(id))) {
        if (!ledger.isAllowed(job)) continue;
        for (const load of ledger.loads.values()) {
          assert.ok(!ledger.fits(load, job), `${job.id} fits on ${load.worker.id}`);
        }
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("every policy does what looking at all jobs and workers for each assignment does", () => {
  fc.assert(
    fc.property(world, sortingPolicy, (world, policy) => {
      const found = planOf(world, policy).map(({ jobId, workerId }) => [jobId, workerId]);
      assert.deepEqual(found, naivePlan(world, policy));
    }),
    { numRuns: 1500 },
  );
});

Deno.test("the same view and the same chance give the same plan, in whatever order they are listed", () => {
  fc.assert(
    fc.property(world, policy, fc.integer(), (world, policy, seed) => {
      const view = viewOf(world);
      const turned = {
        ...view,
        shapes: [...view.shapes].toReversed(),
        workers: [...view.workers].toReversed(),
      };
      assert.deepEqual(
        plan(view, { policy, random: chanceOf(seed) }),
        plan(turned, { policy, random: chanceOf(seed) }),
      );
    }),
    { numRuns: 500 },
  );
});

Deno.test("plans of which the earlier are still on their way are together like one", () => {
  fc.assert(
    fc.property(
      world,
      sortingPolicy,
      fc.array(fc.nat(8), { maxLength: 4 }),
      (world, policy, sizes) => {
        const whole = planOf(world, policy);
        const inFlight: Assignment[] = [];
        for (const assignmentsMax of sizes) {
          inFlight.push(...planOf(world, policy, 1, { assignmentsMax, inFlight }));
        }
        const rest = planOf(world, policy, 1, { inFlight });
        assert.deepEqual([...inFlight, ...rest], whole);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("a type with a policy of its own keeps to that, and the others to theirs", () => {
  fc.assert(
    fc.property(world, sortingPolicy, sortingPolicy, (world, policy, other) => {
      fc.pre(policy !== "priority" && other !== "priority");
      const ofOneType = { ...world, jobs: world.jobs.filter(({ type }) => type === "crawl") };
      const typePolicies = new Map([["crawl", other], ["resize", "round-robin" as const]]);
      const choice = { policy, typePolicies, random: chanceOf(1) };
      const found = plan(viewOf(ofOneType), choice).map(({ jobId, workerId }) => [jobId, workerId]);
      assert.deepEqual(found, naivePlan(ofOneType, other));
    }),
    { numRuns: 200 },
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
    const [assignment] = planFor(scene, "round-robin", 1);
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
    const assignments = planFor(scene, "round-robin", 1);
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
    const assignments = planFor(scene, policy, 1);
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
  const assignments = planFor(scene, "random", 7);
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
  const { assignments, looks } = countedPlan(scene);
  assert.equal(assignments, 3);
  assert.ok(looks < 100, `${looks} times two jobs were compared`);
});

Deno.test("jobs behind a full group, a used up rate or a pause cost a plan no look, however many wait", () => {
  const scene = new Scene();
  scene.register("a", { slots: 5 });
  const pause = { kind: "configure", scope: "type", name: "crawl", by: "" } as const;
  scene.apply({ ...pause, change: { paused: true } });
  const rate = { count: 1, perMs: 60_000, burst: 1 };
  const group = { group: "g", groupLimit: 1 };
  for (const [id, options] of [["first", group], ["second", { rateKey: "api", rate }]] as const) {
    scene.submit(id, { options });
    scene.assign(id, "a");
  }
  for (let number = 0; number < 2000; number++) {
    scene.submit(`full-${number}`, { options: group, priority: 9 });
    scene.submit(`rated-${number}`, { options: { rateKey: "api", rate }, priority: 9 });
    scene.submit(`paused-${number}`, { type: "crawl", priority: 9 });
    scene.submit(`own-${number}`, { options: { group: `g-${number}`, groupLimit: 1 } });
  }
  const { assignments, looks } = countedPlan(scene);
  assert.equal(assignments, 3);
  assert.ok(looks < 100, `${looks} times two jobs were compared`);
});

Deno.test("jobs that nobody may run do not hold up those behind them", () => {
  const scene = new Scene();
  scene.register("a", { slots: 1 });
  for (let number = 0; number < 100; number++) {
    scene.submit(`stuck-${number}`, { requiredTags: { gpu: "yes" }, priority: 9 });
  }
  scene.submit("free");
  const assignments = planFor(scene, "least-loaded", 1);
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
    const assignments = planFor(scene, policy, 3, { assignmentsMax: 2 });
    if (assignments.length === 0) break;
    const { results } = scene.apply({ kind: "assign", assignments });
    assert.ok(results.every(({ status }) => status === "assigned"));
  }
  assert.equal(scene.machine.counts().byStatus.assigned, 8);
});

Deno.test("an assignment that was applied still takes a slot while its worker has not been told", () => {
  const scene = new Scene();
  scene.register("a", { slots: 2 });
  for (const id of ["first", "second"]) scene.submit(id);
  const [first] = planFor(scene, "least-loaded", 1, { assignmentsMax: 1 });
  scene.apply({ kind: "assign", assignments: [first!] });
  assert.deepEqual(planFor(scene, "least-loaded", 1, { inFlight: [first!] }), []);
  assert.equal(planFor(scene, "least-loaded").length, 1);
});
