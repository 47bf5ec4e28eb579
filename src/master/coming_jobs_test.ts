import assert from "node:assert/strict";
import fc from "fast-check";
import type { Assignment, SchedulingView, StringMap, SubmitSpec } from "../jobs/mod.ts";
import { Scene, specOf } from "../jobs/scene_test_support.ts";
import { plan, type Policy } from "../scheduler/mod.ts";
import { ComingJobs } from "./coming_jobs.ts";

function comingTo(scene: Scene): ComingJobs {
  const { machine } = scene;
  return new ComingJobs({
    comesBefore: machine.view().comesBefore,
    openShare: (type, queue) => machine.openShare(type, queue),
  });
}

function planned(
  view: SchedulingView,
  inFlight: readonly Assignment[] = [],
  policy: Policy = "least-loaded",
): readonly Assignment[] {
  return plan(view, { policy, random: () => 0 }, { inFlight });
}

function idsOf(assignments: readonly Assignment[]): string[] {
  return assignments.map(({ jobId }) => jobId);
}

const spec = fc.record({
  type: fc.constantFrom("resize", "crawl"),
  priority: fc.integer({ min: 0, max: 2 }),
  submittedBy: fc.constantFrom("ann", "bob"),
  namespace: fc.constantFrom("default", "red"),
  requiredTags: fc.constantFrom<StringMap>({}, {}, { gpu: "yes" }),
  options: fc.constantFrom(
    ...[{}, {}, { queue: "night" }, { cpuMillis: 2 }, { memoryBytes: 3 }],
    { tagRules: [{ tag: "gpu", op: "exists" as const, values: [] }] },
    { preferredTags: [{ tag: "gpu", op: "exists" as const, values: [] }] },
  ),
});
const worker = fc.record({
  slots: fc.integer({ min: 0, max: 4 }),
  jobTypes: fc.constantFrom(null, ["resize"]),
  tags: fc.constantFrom<StringMap>({}, { gpu: "yes" }),
  cpuMillis: fc.constantFrom(0, 3),
  memoryBytes: fc.constantFrom(0, 5),
});
const specs = (name: string, options: fc.ArrayConstraints) =>
  fc.array(spec, options).map((list) => list.map((each, at) => specOf(`${name}${at}`, each)));

Deno.test("what is planned before submissions are applied is what would be planned after", () => {
  const scenario = fc.record({
    workers: fc.array(worker, { minLength: 1, maxLength: 4 }),
    waiting: specs("waiting", { maxLength: 5 }),
    served: fc.nat(3),
    coming: specs("coming", { minLength: 1, maxLength: 8 }),
    isStrict: fc.boolean(),
    policy: fc.constantFrom<Policy>("round-robin", "least-loaded", "capacity-aware", "priority"),
  });
  let shared = 0;
  fc.assert(
    fc.property(scenario, ({ workers, waiting, served, coming, isStrict, policy }) => {
      const scene = new Scene({ priorityAgeingMs: isStrict ? "strict" : 0 });
      workers.forEach((each, at) => scene.register(`w${at}`, each));
      if (waiting.length > 0) scene.apply({ kind: "submit", jobs: waiting });
      // Turns are taken, and some that wait have been passed over.
      const assignments = planned(scene.machine.view()).slice(0, served);
      if (assignments.length > 0) scene.apply({ kind: "assign", assignments });
      const jobs = comingTo(scene);
      jobs.add(coming, scene.nowMs);
      const before = planned(jobs.foreseen(scene.machine.view()), [], policy);
      scene.apply({ kind: "submit", jobs: coming });
      assert.deepEqual(before, planned(scene.machine.view(), [], policy));
      if (idsOf(before).some((id) => id.startsWith("coming"))) shared++;
    }),
    { numRuns: 300 },
  );
  assert.ok(shared > 50, `of the plans ${shared} gave jobs away that were on their way`);
});

Deno.test("jobs that are put in another order are given away as if they had always stood in it", () => {
  const ageing = fc.constantFrom<number | "strict">(0, 1, 60_000, "strict");
  const scenario = fc.record({
    workers: fc.array(worker, { minLength: 1, maxLength: 4 }),
    waiting: specs("waiting", { maxLength: 6 }),
    waitedMs: fc.integer({ min: 0, max: 120_000 }),
    next: specs("next", { maxLength: 6 }),
    served: fc.nat(3),
    coming: specs("coming", { maxLength: 4 }),
    late: specs("late", { maxLength: 4 }),
    ageings: fc.tuple(ageing, ageing),
  });
  let moved = 0;
  fc.assert(
    fc.property(scenario, ({ ageings: [before, after], ...each }) => {
      const reordered = new Scene({ priorityAgeingMs: before });
      const born = new Scene({ priorityAgeingMs: after });
      const both = <T>(act: (scene: Scene) => T): readonly [T, T] => [act(reordered), act(born)];
      const submit = (jobs: readonly SubmitSpec[]) => {
        if (jobs.length > 0) both((scene) => scene.apply({ kind: "submit", jobs }));
      };
      each.workers.forEach((spec, at) => both((scene) => scene.register(`w${at}`, spec)));
      submit(each.waiting);
      both((scene) => scene.sleep(each.waitedMs));
      submit(each.next);
      const assignments = planned(reordered.machine.view()).slice(0, each.served);
      if (assignments.length > 0) both((scene) => scene.apply({ kind: "assign", assignments }));
      const [jobs, bornJobs] = both((scene) => {
        const coming = comingTo(scene);
        coming.add(each.coming, scene.nowMs);
        return coming;
      });
      const former = planned(jobs.foreseen(reordered.machine.view()));
      assert.equal(reordered.machine.orderBy(after), before !== after);
      jobs.reorder(reordered.machine.view().comesBefore);
      const now = planned(jobs.foreseen(reordered.machine.view()));
      assert.deepEqual(now, planned(bornJobs.foreseen(born.machine.view())));
      if (String(idsOf(former)) !== String(idsOf(now))) moved++;
      submit(each.late);
      assert.deepEqual(planned(reordered.machine.view()), planned(born.machine.view()));
      // What is read back of the store, as after a snapshot, stands in the new order, too.
      both((scene) => scene.machine.flush());
      reordered.machine.reload();
      assert.deepEqual(planned(reordered.machine.view()), planned(born.machine.view()));
    }),
    { numRuns: 500 },
  );
  assert.ok(moved > 50, `of the plans ${moved} were others in the new order`);
});

Deno.test("a job on its way that is given away is not given away again, and takes its slot", () => {
  const scene = new Scene();
  scene.register("w1", { slots: 2 });
  const jobs = comingTo(scene);
  jobs.add(["a", "b", "c"].map((id) => specOf(id)), scene.nowMs);
  const view = jobs.foreseen(scene.machine.view());
  const first = planned(view);
  assert.deepEqual(idsOf(first), ["a", "b"]);
  assert.deepEqual(planned(view, first), []);
  assert.deepEqual(idsOf(planned(view, first.slice(0, 1))), ["b"]);
});

Deno.test("a job whose submission's outcome is known is foreseen no more", () => {
  const scene = new Scene();
  scene.register("w1", { slots: 9 });
  const jobs = comingTo(scene);
  const known = jobs.add([specOf("a")], scene.nowMs);
  jobs.add([specOf("b")], scene.nowMs);
  known?.();
  assert.deepEqual(idsOf(planned(jobs.foreseen(scene.machine.view()))), ["b"]);
});

Deno.test("jobs that will wait, or that a limit may bind, are not foreseen", () => {
  const scene = new Scene();
  scene.register("w1", { slots: 99, jobTypes: ["resize", "paused"] });
  scene.submit("parent", { type: "nobodys" });
  scene.apply({
    kind: "configure",
    scope: "type",
    name: "paused",
    change: { paused: true },
    by: "",
  });
  scene.apply({
    kind: "configure",
    scope: "queue",
    name: "few",
    change: { runningMax: 1 },
    by: "",
  });
  const rate = { count: 1, perMs: 1_000, burst: 1 };
  const unforeseen: Record<string, Partial<SubmitSpec>> = {
    delayed: { notBeforeMs: scene.nowMs + 1 },
    child: { options: { dependencies: [{ jobId: "parent", on: "success" }] } },
    unique: { options: { uniqueKey: "key" } },
    grouped: { options: { group: "g", groupLimit: 1 } },
    rated: { options: { rateKey: "r", rate } },
    paused: { type: "paused" },
    limited: { options: { queue: "few" } },
  };
  for (const [id, spec] of Object.entries(unforeseen)) {
    const jobs = comingTo(scene);
    assert.equal(jobs.add([specOf(id, spec)], scene.nowMs), undefined, id);
    assert.deepEqual(planned(jobs.foreseen(scene.machine.view())), [], id);
  }
});

Deno.test("jobs on their way stay where they are once a limit is set", () => {
  const scene = new Scene();
  scene.register("w1", { slots: 99 });
  const jobs = comingTo(scene);
  jobs.add([specOf("a")], scene.nowMs);
  assert.deepEqual(idsOf(planned(jobs.foreseen(scene.machine.view()))), ["a"]);
  scene.apply({
    kind: "configure",
    scope: "type",
    name: "resize",
    change: { paused: true },
    by: "",
  });
  assert.deepEqual(planned(jobs.foreseen(scene.machine.view())), []);
});
