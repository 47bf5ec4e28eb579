import assert from "node:assert/strict";
import { planPrune } from "./listing.ts";
import { JobMachine } from "./machine.ts";
import { MemoryJobStore } from "./memory_store.ts";
import { Scene } from "./scene_test_support.ts";
import { State } from "./state.ts";

/** A state in which something needs the jobs of even numbers. */
class NeedyState extends State {
  override mayForget({ seq }: { readonly seq: number }): boolean {
    return seq % 2 === 1;
  }
}

function finishedJobs(count: number): { store: MemoryJobStore; state: NeedyState } {
  const store = new MemoryJobStore();
  const scene = new Scene({}, store);
  for (let number = 1; number <= count; number++) {
    scene.submit(`job-${number}`);
    scene.cancel(`job-${number}`);
  }
  scene.machine.flush();
  const limits = {
    crashesMax: 3,
    keyRetentionMs: 1,
    keysMax: 1,
    payloadMemoryBytesMax: 0,
    workersMax: 1,
    eventsMax: 10,
    priorityAgeingMs: 0,
  };
  return { store, state: new NeedyState(store, store.load(), limits) };
}

Deno.test("what is needed is passed over by retention, and not made up for by newer ones", () => {
  const { store, state } = finishedJobs(10);
  const query = { status: "cancelled", keepNewest: 4, limit: 4 } as const;
  const first = planPrune(state, store, query);
  assert.deepEqual(first.jobSeqs, [1, 3]);
  assert.equal(first.next?.kept, 2);
  for (const seq of first.jobSeqs) state.prune(seq);
  const second = planPrune(state, store, { ...query, after: first.next! });
  assert.deepEqual(second, { jobSeqs: [5], next: undefined });
});

Deno.test("a prune of what is needed by the time it is applied changes nothing", () => {
  const { state } = finishedJobs(2);
  assert.equal(state.prune(2), false);
  assert.equal(state.prune(1), true);
});

Deno.test("a plan before the flush does not name twice what was pruned already", () => {
  const store = new MemoryJobStore();
  const scene = new Scene({}, store);
  for (const id of ["a", "b", "c"]) {
    scene.submit(id);
    scene.cancel(id);
  }
  scene.machine.flush();
  const query = { status: "cancelled", keepNewest: 1, limit: 10 } as const;
  const { jobSeqs } = scene.machine.pruneCandidates(query);
  scene.apply({ kind: "prune", jobSeqs });
  assert.deepEqual(scene.machine.pruneCandidates(query).jobSeqs, []);
  scene.machine.flush();
  assert.deepEqual(new JobMachine(store).pruneCandidates(query).jobSeqs, []);
});
