import assert from "node:assert/strict";
import { isMatch, type JobFilter } from "./job_filter.ts";
import type { JobMachineOptions } from "./machine.ts";
import { isCursor } from "./query.ts";
import { Scene } from "./scene_test_support.ts";
import { MemoryJobStore } from "./memory_store.ts";
import type { StoreBatch } from "./store.ts";

/** Remembers the batches that were written. */
class SpyStore extends MemoryJobStore {
  readonly batches: StoreBatch[] = [];
  failure: Error | undefined;

  override write(batch: StoreBatch): void {
    if (this.failure !== undefined) throw this.failure;
    this.batches.push(batch);
    super.write(batch);
  }
}

function finish(scene: Scene, id: string, spec = {}): void {
  if (scene.machine.worker("w1") === undefined) scene.register("w1", { slots: 1000 });
  scene.submit(id, spec);
  scene.assign(id);
  scene.complete(id);
}

Deno.test("a job that is submitted, assigned and completed between two flushes is written once", () => {
  const store = new SpyStore();
  const scene = new Scene({}, store);
  finish(scene, "job");
  scene.machine.flush();
  const [batch] = store.batches;
  assert.equal(store.batches.length, 1);
  assert.deepEqual(batch?.live, []);
  assert.deepEqual(batch?.liveRemoved, []);
  assert.equal(batch?.finished.length, 1);
  assert.equal(batch?.payloads.length, 1);
});

Deno.test("a payload is written once, however often its job changes", () => {
  const store = new SpyStore();
  const scene = new Scene({}, store);
  scene.register("w1");
  scene.submit("job");
  scene.machine.flush();
  scene.assign("job");
  scene.machine.flush();
  scene.complete("job");
  scene.machine.flush();
  assert.deepEqual(store.batches.map(({ payloads }) => payloads.length), [1, 0, 0]);
});

Deno.test("a flush of nothing writes nothing, unless the position moved", () => {
  const store = new SpyStore();
  const scene = new Scene({}, store);
  scene.submit("job");
  scene.machine.flush();
  scene.machine.flush();
  assert.equal(store.batches.length, 1);
  scene.machine.flush({ index: 9, term: 2 });
  assert.deepEqual(store.load().applied, { index: 9, term: 2 });
  assert.deepEqual(scene.machine.applied, { index: 9, term: 2 });
});

Deno.test("a flush that fails loses nothing: all is there to be read and to be flushed again", () => {
  const store = new SpyStore();
  const scene = new Scene({}, store);
  finish(scene, "done");
  scene.submit("waiting");
  const hash = scene.machine.stateHash();
  store.failure = new Error("disk full");
  assert.throws(() => scene.machine.flush(), { message: "disk full" });
  assert.equal(scene.machine.stateHash(), hash);
  assert.equal(scene.machine.get("done")?.status, "completed");
  store.failure = undefined;
  scene.machine.flush();
  scene.crash();
  assert.equal(scene.machine.stateHash(), hash);
});

Deno.test("an entry that was applied is not applied again", () => {
  const scene = new Scene();
  scene.submit("job");
  const position = scene.machine.applied;
  assert.throws(() => scene.machine.apply({ kind: "advance", atMs: 1 }, position), {
    name: "InvariantError",
  });
});

/** A scene that counts how often its store is asked for a payload. */
function countingReads(options: JobMachineOptions): { scene: Scene; reads: () => number } {
  const scene = new Scene(options);
  let reads = 0;
  const original = scene.store.payload.bind(scene.store);
  scene.store.payload = (seq) => {
    reads++;
    return original(seq);
  };
  return { scene, reads: () => reads };
}

const filled = (byte: number, length = 80) => new Uint8Array(length).fill(byte);

Deno.test("payloads beyond the budget are read back from the store, the others held", () => {
  const { scene, reads } = countingReads({ payloadMemoryBytesMax: 150 });
  scene.submit("first", { payload: filled(1) });
  scene.submit("second", { payload: filled(2) });
  scene.machine.flush();
  assert.deepEqual(scene.machine.payload("first"), filled(1));
  assert.deepEqual(scene.machine.payload("second"), filled(2));
  assert.equal(reads(), 1);
});

Deno.test("a payload that the store has not got yet is kept, though all before it have left", () => {
  const { scene } = countingReads({ payloadMemoryBytesMax: 1_000 });
  const ids = Array.from({ length: 124 }, (_, number) => `old-${number}`);
  for (const id of ids) scene.submit(id, { payload: filled(1, 8) });
  scene.apply({ kind: "cancel", jobIds: ids, reason: "", by: "" });
  scene.machine.flush();
  const added = ["last of its slab", "first of the next"];
  added.forEach((id, number) => scene.submit(id, { payload: filled(number + 2, 8) }));
  for (let time = 0; time < 2; time++) {
    added.forEach((id, number) =>
      assert.deepEqual(scene.machine.payload(id), filled(number + 2, 8), id)
    );
    scene.machine.flush();
  }
  scene.crash();
  added.forEach((id, number) => assert.deepEqual(scene.machine.payload(id), filled(number + 2, 8)));
});

Deno.test("memory that nearly all payloads have left is used for others, and stragglers are read back", () => {
  const { scene, reads } = countingReads({ payloadMemoryBytesMax: 80 });
  const ids = Array.from({ length: 9 }, (_, number) => `old-${number}`);
  ids.forEach((id, number) => scene.submit(id, { payload: filled(number, 8) }));
  scene.submit("too many", { payload: filled(20, 16) });
  scene.machine.flush();
  scene.apply({ kind: "cancel", jobIds: ids.slice(1), reason: "", by: "" });
  scene.machine.flush();
  scene.submit("new", { payload: filled(30, 8) });
  scene.machine.flush();
  const before = reads();
  assert.deepEqual(scene.machine.payload("new"), filled(30, 8));
  assert.equal(reads() - before, 0);
  assert.deepEqual(scene.machine.payload("old-0"), filled(0, 8));
  assert.deepEqual(scene.machine.payload("too many"), filled(20, 16));
  assert.equal(reads() - before, 2);
});

Deno.test("a payload that the store has not got yet is kept, though all beside it are forgotten", () => {
  const scene = new Scene({ payloadMemoryBytesMax: 80 });
  const ids = Array.from({ length: 9 }, (_, number) => `old-${number}`);
  ids.forEach((id, number) => scene.submit(id, { payload: filled(number, 8) }));
  scene.submit("new", { payload: filled(30, 8) });
  scene.submit("newer", { payload: filled(31, 8) });
  scene.apply({ kind: "cancel", jobIds: ids, reason: "", by: "" });
  scene.apply({ kind: "prune", jobSeqs: ids.map((_, place) => place + 1) });
  for (const flush of [false, true, true]) {
    if (flush) scene.machine.flush();
    assert.deepEqual(scene.machine.payload("new"), filled(30, 8));
    assert.deepEqual(scene.machine.payload("newer"), filled(31, 8));
  }
});

Deno.test("a held payload does not keep the log entry that it came in", () => {
  const scene = new Scene();
  const entry = new Uint8Array(10_000).fill(1);
  scene.submit("job", { payload: entry.subarray(100, 200) });
  scene.machine.flush();
  const held = scene.machine.payload("job");
  assert.deepEqual(held, filled(1, 100));
  assert.notEqual(held?.buffer, entry.buffer);
});

Deno.test("events tell each change once, in order, with what changed and for how long it lasted", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("job");
  scene.sleep(10);
  const token = scene.assign("job");
  scene.start("job");
  scene.sleep(20);
  scene.fail("job", { permanent: true, error: "no" });
  const events = scene.machine.drainEvents();
  assert.deepEqual(
    events.map(({ seq, from, to, cause, sinceMs, workerId, reason }) => [
      seq,
      from,
      to,
      cause,
      sinceMs,
      workerId,
      reason,
    ]),
    [
      [1, "", "pending", "submit", 0, "", ""],
      [2, "pending", "assigned", "assign", 10, "w1", ""],
      [3, "assigned", "running", "start", 0, "w1", ""],
      [4, "running", "failed", "fail", 20, "w1", "no"],
    ],
  );
  assert.deepEqual(events.at(-1)?.token, token);
  assert.deepEqual(scene.machine.drainEvents(), []);
});

Deno.test("events that nobody drains are bounded, and the gap can be seen", () => {
  const scene = new Scene({ eventsMax: 10 });
  for (let number = 0; number < 100; number++) scene.submit(`job-${number}`);
  const events = scene.machine.drainEvents();
  assert.ok(events.length <= 10);
  assert.equal(events.at(-1)?.seq, 100);
});

Deno.test("a list is the same before and after a flush, by every filter, order and offset", () => {
  const scene = new Scene();
  const startMs = scene.nowMs;
  for (let number = 0; number < 40; number++) {
    const id = `job-${number}`;
    const spec = {
      type: number % 3 === 0 ? "crawl" : "resize",
      maxRetries: 0,
      labels: { parity: String(number % 2), third: String(number % 3) },
      submittedBy: number % 4 === 3 || number % 5 < 2 ? "ann" : "bob",
      options: number % 4 === 3 ? { batchId: "b1" } : { queue: "night" },
    };
    if (number % 4 === 0) scene.submit(id, spec);
    else finish(scene, id, spec);
    if (number === 20) scene.machine.flush();
    scene.sleep(1000);
  }
  const queries = [
    {},
    { status: "completed" },
    { status: "pending" },
    { isFinished: false },
    { isFinished: true, type: "crawl" },
    { type: "crawl" },
    { type: "crawl", status: "completed" },
    { labels: { parity: "1" } },
    { labels: { parity: "1", third: "2" } },
    { worker: "w1" },
    { queue: "ann" },
    { queue: "night", status: "pending" },
    { batchId: "b1" },
    { createdFromMs: startMs + 5_000, createdBeforeMs: startMs + 30_000 },
    { createdFromMs: startMs + 39_000 },
    { createdBeforeMs: startMs },
  ] as const satisfies JobFilter[];
  const paging = [{}, { order: "oldest" }, { offset: 7, limit: 5 }, { cursor: "25" }] as const;
  const byEnd = [
    { order: "last_finished" },
    { order: "first_finished", limit: 4, offset: 3 },
    { order: "last_finished", type: "crawl", worker: "w1" },
    { order: "first_finished", queue: "ann", limit: 3 },
    { order: "last_finished", status: "completed", cursor: `${startMs + 20_000}-30`, limit: 7 },
  ] as const;
  const pages = () => [
    ...queries.flatMap((query) => paging.map((more) => scene.machine.list({ ...query, ...more }))),
    ...byEnd.map((query) => scene.machine.list(query)),
  ];
  const before = pages();
  scene.machine.flush();
  assert.deepEqual(pages(), before);
  assert.equal(before[0]?.total, 40);
  for (const { jobs, total } of before.slice(-byEnd.length)) {
    assert.ok(jobs.length > 1 && total > 1);
  }
  for (const [place, query] of queries.entries()) {
    const { jobs } = scene.machine.list({});
    const expected = jobs.filter((job) => isMatch(job, query)).map(({ id }) => id);
    const page = before[place * paging.length]!;
    assert.deepEqual(page.jobs.map(({ id }) => id), expected, JSON.stringify(query));
    assert.equal(page.total, expected.length, JSON.stringify(query));
  }
});

Deno.test("pages by the end follow each other without a gap or a double, flushed or not", () => {
  const scene = new Scene();
  for (let number = 0; number < 20; number++) scene.submit(`job-${number}`);
  scene.register("w1", { slots: 100 });
  for (const number of [7, 3, 15, 0, 19, 4, 8]) {
    scene.assign(`job-${number}`);
    scene.complete(`job-${number}`);
    if (number === 0) scene.machine.flush();
    if (number % 2 === 0) scene.sleep(1);
  }
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page = scene.machine.list({
      order: "last_finished",
      limit: 2,
      ...(cursor && { cursor }),
    });
    assert.equal(page.total, 7);
    found.push(...page.jobs.map(({ id }) => id));
    cursor = page.nextCursor;
    assert.ok(cursor === "" || isCursor(cursor, "last_finished"));
  } while (cursor !== "");
  assert.deepEqual(found, [8, 19, 4, 15, 7, 3, 0].map((number) => `job-${number}`));
});

Deno.test("a page has no payloads and says where the next one starts, or that it is the last", () => {
  const scene = new Scene();
  for (let number = 0; number < 5; number++) scene.submit(`job-${number}`);
  const first = scene.machine.list({ limit: 3 });
  assert.deepEqual(first.jobs.map(({ id }) => id), ["job-4", "job-3", "job-2"]);
  assert.ok(isCursor(first.nextCursor));
  assert.ok(!("payload" in first.jobs[0]!));
  const second = scene.machine.list({ limit: 3, cursor: first.nextCursor });
  assert.deepEqual(second.jobs.map(({ id }) => id), ["job-1", "job-0"]);
  assert.equal(second.nextCursor, "");
  assert.equal(scene.machine.list({ limit: 5 }).nextCursor, "");
});

Deno.test("strange limits and offsets are brought within bounds", () => {
  const scene = new Scene();
  for (let number = 0; number < 3; number++) scene.submit(`job-${number}`);
  assert.equal(scene.machine.list({ limit: -5 }).jobs.length, 1);
  assert.equal(scene.machine.list({ limit: 1e9, offset: -7 }).jobs.length, 3);
  assert.deepEqual(scene.machine.list({ offset: 99 }).jobs, []);
});

Deno.test("deep offsets jump over finished jobs and land where counting would", () => {
  const scene = new Scene();
  for (let number = 0; number < 7000; number++) {
    if (number % 7 === 3) scene.submit(`job-${number}`);
    else finish(scene, `job-${number}`);
    if (number === 6500) scene.machine.flush();
  }
  for (const offset of [999, 1000, 1001, 2500, 5000, 6999]) {
    const [job] = scene.machine.list({ offset, limit: 1 }).jobs;
    assert.equal(job?.id, `job-${6999 - offset}`);
    const [oldest] = scene.machine.list({ offset, limit: 1, order: "oldest" }).jobs;
    assert.equal(oldest?.id, `job-${offset}`);
  }
});

Deno.test("pruning by age and by number names what may go, the first to finish first, in bounded steps", () => {
  const scene = new Scene();
  for (let number = 1; number <= 10; number++) {
    finish(scene, `job-${number}`);
    scene.sleep(1000);
  }
  scene.machine.flush();
  const byAge = { status: "completed", finishedBeforeMs: scene.nowMs - 6500, limit: 3 } as const;
  const firstStep = scene.machine.pruneCandidates(byAge);
  assert.deepEqual(firstStep.jobSeqs, [1, 2, 3]);
  const nextStep = scene.machine.pruneCandidates({ ...byAge, after: firstStep.next! });
  assert.deepEqual(nextStep, { jobSeqs: [4], next: undefined });
  const byNumber = { status: "completed", keepNewest: 4, limit: 100 } as const;
  const plan = scene.machine.pruneCandidates(byNumber);
  assert.deepEqual(plan, { jobSeqs: [1, 2, 3, 4, 5, 6], next: undefined });

  const outcome = scene.apply({ kind: "prune", jobSeqs: plan.jobSeqs });
  assert.equal(outcome.removedJobs, 6);
  assert.equal(scene.machine.get("job-1"), undefined);
  assert.equal(scene.machine.counts().byStatus.completed, 4);
  assert.deepEqual(scene.machine.pruneCandidates(byNumber).jobSeqs, []);
});

Deno.test("what was submitted early and finished late is not old", () => {
  const scene = new Scene();
  scene.submit("early");
  finish(scene, "late");
  scene.sleep(1000);
  scene.assign("early");
  scene.complete("early");
  scene.machine.flush();
  const plan = { status: "completed", limit: 10 } as const;
  const { jobSeqs } = scene.machine.pruneCandidates({ ...plan, keepNewest: 1 });
  assert.deepEqual(jobSeqs, [scene.job("late").seq]);
  const byAge = scene.machine.pruneCandidates({ ...plan, finishedBeforeMs: scene.nowMs });
  assert.deepEqual(byAge.jobSeqs, [scene.job("late").seq]);
});

Deno.test("what is not finished is never pruned", () => {
  const scene = new Scene();
  scene.submit("pending");
  finish(scene, "done");
  const outcome = scene.apply({ kind: "prune", jobSeqs: [1, 2, 99] });
  assert.equal(outcome.removedJobs, 1);
  assert.equal(scene.job("pending").status, "pending");
});

Deno.test("counts by type follow every change, and a type without jobs is forgotten", () => {
  const scene = new Scene();
  finish(scene, "a", { type: "crawl" });
  scene.submit("b", { type: "crawl" });
  const crawl = scene.machine.counts().byType.get("crawl");
  assert.equal(crawl?.completed, 1);
  assert.equal(crawl?.pending, 1);
  scene.cancel("b");
  scene.apply({ kind: "prune", jobSeqs: [1, 2] });
  scene.machine.flush();
  assert.equal(scene.machine.counts().byType.size, 0);
  assert.equal(scene.machine.counts().total, 0);
});
