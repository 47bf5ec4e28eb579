/**
 * What every {@linkcode JobStore} must do, run against the one in memory and the one on SQLite.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Attempt, Job, JobStatus } from "./job.ts";
import { NO_OPTIONS } from "./job_options.ts";
import type {
  FinishedQuery,
  JobStore,
  StoreBatch,
  StoredJob,
  StoredResult,
  StoredWorker,
} from "./store.ts";

/** A store for one test, and the same one as another process would find it. */
export interface StoreUnderTest {
  readonly store: JobStore;
  reopen(): JobStore;
  close(): void;
}

/** Registers the suite under the name of the store. */
export function describeJobStore(name: string, make: () => StoreUnderTest): void {
  for (const [claim, check] of Object.entries(claims)) {
    Deno.test(`${name}: ${claim}`, () => {
      const under = make();
      try {
        check(under);
      } finally {
        under.close();
      }
    });
  }
}

const claims: Record<string, (under: StoreUnderTest) => void> = {
  "an empty store is the state of position 0": ({ store }) => {
    const state = store.load();
    assert.deepEqual(state.applied, { index: 0, term: 0 });
    assert.deepEqual([...state.live, ...state.workers, ...state.counts], []);
    assert.deepEqual(state.scalars, {
      nowMs: 0,
      lastJobSeq: 0,
      lastKeySeq: 0,
      lastAssignment: 0,
      greatestJobId: "",
    });
  },

  "what was written is found again after reopening": (under) => {
    const batch = batchOf(7, {
      live: [jobOf(1), { ...jobOf(2, { status: "running" }), attempts: [attemptOf(1)] }],
      finished: [jobOf(3, { status: "completed", resultBytes: 3 })],
      payloads: [{ seq: 1, bytes: bytes(1) }, { seq: 3, bytes: bytes(3) }],
      results: [{ seq: 3, result: resultOf("three") }],
      workers: [workerOf("w1"), workerOf("w2", { connected: false, jobTypes: null })],
      counts: [{ type: "resize", byStatus: [0, 1, 0, 1, 1, 0, 0], deadLetters: 0 }],
      keys: [keyOf(1, "a")],
    });
    under.store.write(batch);
    const check = (store: JobStore) => {
      const state = store.load();
      assert.deepEqual(state.applied, batch.applied);
      assert.deepEqual(state.scalars, batch.scalars);
      assert.deepEqual(bySeq(state.live), batch.live);
      assert.deepEqual(sortedById(state.workers), batch.workers);
      assert.deepEqual(state.counts, batch.counts);
      assert.deepEqual(store.finishedById("job-3"), batch.finished[0]);
      assert.deepEqual(store.finishedBySeq(3), batch.finished[0]);
      assert.deepEqual(store.payload(1), bytes(1));
      assert.deepEqual(store.payload(3), bytes(3));
      assert.deepEqual(store.result(3), resultOf("three"));
      assert.deepEqual(store.findKey("a"), keyOf(1, "a"));
      assert.deepEqual([...store.scanFinished()], batch.finished);
      assert.deepEqual([...store.scanKeys()], batch.keys);
    };
    check(under.store);
    check(under.reopen());
  },

  "records are replaced and removed by kind and key": (under) => {
    const strange = 'é\u0000"';
    const records = [
      { kind: "a", key: strange, value: { x: [1, null, strange] } },
      { kind: "b", key: strange, value: 2 },
      { kind: "b", key: "gone", value: true },
    ];
    under.store.write(batchOf(1, { records }));
    under.store.write(batchOf(2, {
      records: [{ kind: "b", key: strange, value: 3 }],
      recordsRemoved: [{ kind: "b", key: "gone" }, { kind: "a", key: "never there" }],
    }));
    const kept = [records[0], { kind: "b", key: strange, value: 3 }];
    const check = (store: JobStore) => {
      const found = [...store.load().records].sort((a, b) => (a.kind < b.kind ? -1 : 1));
      assert.deepEqual(found, kept);
    };
    check(under.store);
    check(under.reopen());
  },

  "what is not there is undefined": ({ store }) => {
    store.write(batchOf(1, { live: [jobOf(1)] }));
    assert.equal(store.finishedById("job-1"), undefined);
    assert.equal(store.finishedBySeq(1), undefined);
    assert.equal(store.payload(1), undefined);
    assert.equal(store.result(1), undefined);
    assert.equal(store.findKey("a"), undefined);
  },

  "every field of a job, an attempt and a worker comes back, strange texts too": (under) => {
    const strange = 'é\u0000"\\\u202e\n\ud83d\ude00';
    const full = fullJob(strange);
    const worker = workerOf(strange, {
      tags: Object.fromEntries([["__proto__", strange]]),
      jobTypes: [strange],
      drainedBy: "operator",
    });
    under.store.write(batchOf(1, {
      finished: [full],
      live: [{ ...full, job: { ...full.job, id: "live", seq: 2, status: "running" } }],
      workers: [worker],
      keys: [keyOf(1, strange)],
      results: [{ seq: 1, result: resultOf(strange) }],
    }));
    const store = under.reopen();
    assert.deepEqual(store.finishedById(full.job.id), full);
    assert.deepEqual(bySeq(store.load().live)[0]?.job.labels, full.job.labels);
    assert.deepEqual(store.load().workers, [worker]);
    assert.deepEqual(store.findKey(strange), keyOf(1, strange));
    assert.deepEqual(store.result(1), resultOf(strange));
    const filters = [
      { type: strange },
      { worker: strange },
      { labels: Object.fromEntries([["__proto__", strange]]) },
    ];
    for (const filter of filters) {
      assert.deepEqual(store.listFinished({ ...newest, ...filter }), [full.job]);
    }
  },

  "a later batch replaces unfinished jobs, workers and counts": (under) => {
    const { store } = under;
    store.write(batchOf(1, {
      live: [jobOf(1), jobOf(2)],
      workers: [workerOf("w1"), workerOf("w2")],
      counts: [{ type: "resize", byStatus: [0, 2, 0, 0, 0, 0, 0], deadLetters: 0 }],
    }));
    store.write(batchOf(2, {
      live: [jobOf(1, { status: "running" })],
      workers: [workerOf("w1", { slots: 9 })],
      workersRemoved: ["w2"],
      counts: [
        { type: "resize", byStatus: [0, 0, 0, 0, 0, 0, 0], deadLetters: 0 },
        { type: "crawl", byStatus: [0, 1, 0, 1, 0, 0, 0], deadLetters: 0 },
      ],
    }));
    const state = under.reopen().load();
    assert.deepEqual(bySeq(state.live).map(({ job }) => job.status), ["running", "pending"]);
    assert.deepEqual(state.workers, [workerOf("w1", { slots: 9 })]);
    assert.deepEqual(state.counts.map(({ type }) => type), ["crawl"]);
  },

  "a job that finishes leaves the unfinished ones and keeps its payload": ({ store }) => {
    store.write(batchOf(1, { live: [jobOf(1)], payloads: [{ seq: 1, bytes: bytes(1) }] }));
    store.write(batchOf(2, { finished: [jobOf(1, { status: "completed" })], liveRemoved: [1] }));
    assert.deepEqual([...store.load().live], []);
    assert.equal(store.finishedById("job-1")?.job.status, "completed");
    assert.deepEqual(store.payload(1), bytes(1));
  },

  "a revived job loses its finished row and its result, and keeps its payload": ({ store }) => {
    const failed = jobOf(1, { status: "failed", deadLetter: true, labels: { a: "b" } });
    store.write(batchOf(1, {
      finished: [failed],
      payloads: [{ seq: 1, bytes: bytes(1) }],
      results: [{ seq: 1, result: resultOf("old") }],
    }));
    store.write(batchOf(2, { live: [jobOf(1)], revived: [1] }));
    assert.equal(store.finishedById("job-1"), undefined);
    assert.equal(store.result(1), undefined);
    assert.deepEqual(store.payload(1), bytes(1));
    assert.deepEqual(store.listFinished({ ...newest, labels: { a: "b" } }), []);
    assert.equal([...store.load().live].length, 1);
  },

  "a job revived and finished again within one batch has its new row and result": ({ store }) => {
    const results = (text: string) => [{ seq: 1, result: resultOf(text) }];
    store.write(batchOf(1, {
      finished: [jobOf(1, { status: "failed", deadLetter: true })],
      results: results("old"),
    }));
    store.write(batchOf(2, {
      revived: [1],
      finished: [jobOf(1, { status: "completed" })],
      results: results("new"),
    }));
    assert.equal(store.finishedById("job-1")?.job.status, "completed");
    assert.deepEqual(store.result(1), resultOf("new"));
    assert.deepEqual(store.listFinished({ ...newest, deadLetter: true }), []);
  },

  "a pruned job leaves nothing behind, finished or not": ({ store }) => {
    const payloads = [1, 2].map((seq) => ({ seq, bytes: bytes(seq) }));
    store.write(batchOf(1, {
      finished: [jobOf(1, { status: "completed", labels: { a: "b" } })],
      live: [jobOf(2)],
      payloads,
      results: [{ seq: 1, result: resultOf("gone") }],
    }));
    store.write(batchOf(2, { pruned: [1, 2, 99] }));
    for (const seq of [1, 2]) {
      assert.equal(store.finishedBySeq(seq), undefined);
      assert.equal(store.payload(seq), undefined);
      assert.equal(store.result(seq), undefined);
    }
    assert.deepEqual([...store.load().live], []);
    assert.deepEqual(store.listFinished({ ...newest, labels: { a: "b" } }), []);
  },

  "an id that was pruned may come again in the same batch": ({ store }) => {
    store.write(batchOf(1, { finished: [jobOf(1, { status: "completed" })] }));
    const again = jobOf(2, { id: "job-1", status: "failed" });
    store.write(batchOf(2, { pruned: [1], finished: [again] }));
    assert.deepEqual(store.finishedById("job-1"), again);
  },

  "a batch that cannot be written whole is not written at all": ({ store }) => {
    store.write(batchOf(1, { finished: [jobOf(1, { status: "completed" })] }));
    const twice = jobOf(2, { id: "job-1", status: "completed", type: "never-seen" });
    assert.throws(() => store.write(batchOf(2, { live: [jobOf(3)], finished: [twice] })));
    assert.deepEqual(store.load().applied, { index: 1, term: 1 });
    assert.deepEqual([...store.load().live], []);
    store.write(batchOf(2, { finished: [{ ...twice, job: { ...twice.job, id: "job-2" } }] }));
    assert.equal(store.listFinished({ ...newest, type: "never-seen" }).length, 1);
  },

  "lists filter, order, page and skip as a plain array would": ({ store }) => {
    const jobs = Array.from({ length: 60 }, (_, place) => variedJob(place + 1));
    for (let at = 0; at < jobs.length; at += 20) {
      store.write(batchOf(at + 1, { finished: jobs.slice(at, at + 20) }));
    }
    for (const filter of filters()) {
      const matching = jobs.map(({ job }) => job).filter((job) => matches(job, filter));
      assert.equal(store.countFinished(filter, 1000), matching.length, JSON.stringify(filter));
      assert.equal(store.countFinished(filter, 3), Math.min(3, matching.length));
      for (const order of ["newest", "oldest"] as const) {
        const ordered = order === "newest" ? matching.toReversed() : matching;
        for (const [fromSeq, skip, limit] of [[undefined, 0, 100], [31, 0, 5], [20, 3, 4]]) {
          const query = {
            ...filter,
            order,
            limit: limit!,
            skip: skip!,
            ...(fromSeq && { fromSeq }),
          };
          const expected = ordered
            .filter(({ seq }) => !fromSeq || (order === "newest" ? seq < fromSeq : seq > fromSeq))
            .slice(skip, skip! + limit!);
          assert.deepEqual(store.listFinished(query), expected, JSON.stringify(query));
        }
      }
    }
  },

  "lists by the end filter, page and skip as a plain array would": ({ store }) => {
    const jobs = Array.from({ length: 40 }, (_, place) => variedJob(place + 1));
    store.write(batchOf(1, { finished: jobs }));
    for (const filter of [{}, { status: "failed" }, { deadLetter: true }] as const) {
      const first = jobs.map(({ job }) => job).filter((job) => matches(job, filter))
        .sort((a, b) => a.completedAtMs - b.completedAtMs || a.seq - b.seq);
      for (const order of ["first_finished", "last_finished"] as const) {
        const ordered = order === "first_finished" ? first : first.toReversed();
        const query = { ...filter, order, limit: 100 };
        assert.deepEqual(store.listFinished(query), ordered);
        for (const [place, fromEnd] of ordered.entries()) {
          assert.deepEqual(
            store.listFinished({ ...query, fromEnd, skip: 1, limit: 4 }),
            ordered.slice(place + 2, place + 6),
          );
        }
      }
    }
  },

  "the first job submitted at a time or later is found": ({ store }) => {
    assert.equal(store.firstSeqFrom(0), undefined);
    const jobs = Array.from({ length: 40 }, (_, place) => variedJob(place + 1));
    store.write(batchOf(1, { finished: jobs.filter(({ job }) => job.seq % 5 !== 2) }));
    for (let atMs = 998; atMs < 1018; atMs++) {
      const expected = jobs.find(({ job }) => job.seq % 5 !== 2 && job.createdAtMs >= atMs);
      assert.equal(store.firstSeqFrom(atMs), expected?.job.seq);
    }
  },

  "jobs of a status come in the order in which they finished, from any place": ({ store }) => {
    const jobs = Array.from({ length: 40 }, (_, place) => variedJob(place + 1));
    store.write(batchOf(1, { finished: jobs }));
    const ended = jobs.map(({ job }) => job)
      .filter(({ status }) => status === "completed")
      .map(({ id, seq, completedAtMs }) => ({ id, seq, completedAtMs }))
      .sort((a, b) => a.completedAtMs - b.completedAtMs || a.seq - b.seq);
    const query = { status: "completed", limit: 100 } as const;
    assert.deepEqual(store.listEnded(query), ended);
    for (const [place, after] of ended.entries()) {
      assert.deepEqual(
        store.listEnded({ ...query, after, limit: 3 }),
        ended.slice(place + 1, place + 4),
      );
    }
  },

  "a key that is used again stands for its new job": ({ store }) => {
    store.write(batchOf(1, { keys: [keyOf(1, "a"), keyOf(2, "b")] }));
    store.write(batchOf(2, { keys: [{ ...keyOf(3, "a"), jobId: "another" }] }));
    assert.equal(store.findKey("a")?.jobId, "another");
    assert.deepEqual([...store.scanKeys()].map(({ keySeq }) => keySeq), [2, 3]);
  },

  "keys that gave way or expired are forgotten, and no others": ({ store }) => {
    const keys = [1, 2, 3, 4].map((number) => ({ ...keyOf(number, `k${number}`) }));
    store.write(batchOf(1, { keys }));
    store.write(batchOf(2, { keysExpired: { keySeq: 1, atMs: keys[1]!.expiresAtMs } }));
    assert.deepEqual([...store.scanKeys()].map(({ keySeq }) => keySeq), [3, 4]);
  },

  "a checkpoint makes durable what was written": (under) => {
    under.store.write(batchOf(5, { live: [jobOf(1)] }));
    assert.deepEqual(under.store.checkpoint(), { index: 5, term: 1 });
    assert.deepEqual(under.store.durable, { index: 5, term: 1 });
  },
};

const newest = { order: "newest", limit: 100 } as const satisfies FinishedQuery;

function filters(): Omit<FinishedQuery, "order" | "limit">[] {
  const statuses = [undefined, "completed", "failed", "cancelled"] as const;
  const types = [undefined, "resize", "crawl", "never-seen"];
  const narrowing: Omit<FinishedQuery, "order" | "limit">[] = [
    {},
    { deadLetter: true },
    { deadLetter: false },
    { worker: "w1" },
    { worker: "nobody" },
    { labels: { team: "red" } },
    { labels: { team: "red" }, worker: "w2", deadLetter: true },
    { labels: { team: "red", n: "7" } },
    { queue: "ann" },
    { queue: "night" },
    { queue: "nobody" },
    { batchId: "b1" },
    { parentId: "p2" },
    { schedule: "hourly" },
    { schedule: "nightly", batchId: "b1" },
    { parentId: "p1", batchId: "b1", labels: { team: "red" } },
    { seqMin: 12, seqMax: 44 },
    { seqMin: 30, labels: { team: "red" } },
    { seqMax: 20, queue: "night", worker: "w1" },
  ];
  return statuses.flatMap((status) =>
    types.flatMap((type) =>
      narrowing.map((more) => ({ ...(status && { status }), ...(type && { type }), ...more }))
    )
  );
}

function matches(job: Job, filter: Omit<FinishedQuery, "order" | "limit">): boolean {
  return (!filter.status || job.status === filter.status) &&
    (!filter.type || job.type === filter.type) &&
    (filter.deadLetter === undefined || job.deadLetter === filter.deadLetter) &&
    (!filter.worker || job.assignedTo === filter.worker) &&
    (!filter.queue || (job.options.queue || job.submittedBy || "default") === filter.queue) &&
    (!filter.batchId || job.options.batchId === filter.batchId) &&
    (!filter.parentId || job.options.dependencies.some((each) => each.jobId === filter.parentId)) &&
    (!filter.schedule || job.options.schedule === filter.schedule) &&
    job.seq >= (filter.seqMin ?? 0) && job.seq <= (filter.seqMax ?? Infinity) &&
    Object.entries(filter.labels ?? {}).every(([key, value]) => job.labels[key] === value);
}

function variedJob(seq: number): StoredJob {
  const status = (["completed", "failed", "cancelled"] as const)[seq % 3]!;
  return jobOf(seq, {
    status,
    type: seq % 5 === 0 ? "crawl" : "resize",
    deadLetter: status === "failed" && seq % 2 === 0,
    assignedTo: seq % 4 === 0 ? "w1" : "w2",
    labels: seq % 7 < 3 ? { team: "red", n: String(seq) } : {},
    completedAtMs: 2000 + seq * 7 % 5,
    createdAtMs: 1000 + Math.floor(seq / 3),
    submittedBy: seq % 2 === 0 ? "ann" : "bob",
    options: seq % 3 === 0 ? NO_OPTIONS : {
      ...NO_OPTIONS,
      queue: seq % 6 === 1 ? "night" : "",
      batchId: seq % 4 < 2 ? "b1" : "",
      schedule: ["", "hourly", "nightly"][seq % 9 % 3]!,
      dependencies: [{ jobId: "p1", on: "success" }, { jobId: `p${seq % 5}`, on: "completion" }],
    },
  });
}

function batchOf(index: number, changes: Partial<StoreBatch> = {}): StoreBatch {
  return {
    applied: { index, term: 1 },
    scalars: {
      nowMs: 1000 + index,
      lastJobSeq: index,
      lastKeySeq: index,
      lastAssignment: index,
      greatestJobId: `job-${index}`,
    },
    live: [],
    finished: [],
    liveRemoved: [],
    revived: [],
    pruned: [],
    payloads: [],
    results: [],
    keys: [],
    keysExpired: { keySeq: 0, atMs: 0 },
    workers: [],
    workersRemoved: [],
    counts: [],
    records: [],
    recordsRemoved: [],
    ...changes,
  };
}

function jobOf(seq: number, changes: Partial<Job> & { status?: JobStatus } = {}): StoredJob {
  const job: Job = {
    id: `job-${seq}`,
    seq,
    type: "resize",
    status: "pending",
    priority: 0,
    maxRetries: 0,
    timeoutMs: 0,
    retryDelayMs: 0,
    payloadBytes: 0,
    createdAtMs: 1000,
    changedAtMs: 1000,
    notBeforeMs: 0,
    queuedAtMs: 0,
    expiresAtMs: 0,
    assignedTo: "",
    attempt: 0,
    failures: 0,
    crashCount: 0,
    releaseCount: 0,
    token: 0,
    assignedAtMs: 0,
    startedAtMs: 0,
    completedAtMs: 0,
    deadlineMs: 0,
    durationMs: 0,
    errorMessage: "",
    errorKind: "",
    deadLetter: false,
    idempotencyKey: "",
    labels: {},
    requiredTags: {},
    submittedBy: "",
    traceparent: "",
    resultBytes: 0,
    contentType: "",
    options: NO_OPTIONS,
    ...changes,
  };
  return { job, attempts: [], history: [] };
}

/** A finished job none of whose fields has its default. */
function fullJob(text: string): StoredJob {
  const plain = jobOf(1).job;
  const job = Object.fromEntries(
    Object.entries(plain).map(([name, value], place) => [
      name,
      typeof value === "number" ? 2 ** 40 + place : typeof value === "boolean" ? true : text,
    ]),
  ) as unknown as Job;
  const map = Object.fromEntries([["__proto__", text], [text, "x"]]);
  return {
    job: {
      ...job,
      seq: 1,
      status: "failed",
      errorKind: "permanent",
      labels: map,
      requiredTags: map,
      options: {
        queue: text,
        backoff: "fixed",
        retryDelayMaxMs: 7,
        nonRetryableErrors: [text],
        expireAfterMs: 8,
        uniqueKey: text,
        uniqueMode: "replace",
        group: text,
        groupLimit: 9,
        rateKey: text,
        rate: { count: 1, perMs: 2, burst: 3 },
        dependencies: [{ jobId: text, on: "failure" }],
        whenDependencyFails: "wait",
        batchId: text,
        schedule: text,
        scheduledAtMs: 10,
        tagRules: [{ tag: text, op: "in", values: [text, ""] }],
        preferredTags: [{ tag: text, op: ">=", values: ["1.2"] }],
        cpuMillis: 11,
        memoryBytes: 2 ** 40,
      },
    },
    attempts: [attemptOf(1), { ...attemptOf(2), workerId: text, error: text }],
    history: [
      { atMs: 5, to: "waiting", cause: "submit", attempt: 0, workerId: "", reason: "" },
      { atMs: 9, to: "failed", cause: "expire", attempt: 2, workerId: text, reason: text },
    ],
  };
}

function attemptOf(attempt: number): Attempt {
  return {
    attempt,
    token: 100 + attempt,
    workerId: "w1",
    assignedAtMs: 1,
    startedAtMs: 2,
    endedAtMs: 3,
    outcome: "failed",
    error: "it broke",
  };
}

function workerOf(id: string, changes: Partial<StoredWorker> = {}): StoredWorker {
  return {
    id,
    sessionId: `${id}-session`,
    address: "127.0.0.1:1",
    slots: 4,
    jobTypes: ["resize"],
    tags: { gpu: "yes" },
    version: "1.0.0",
    unary: false,
    drainedBy: "",
    connected: true,
    registeredAtMs: 1,
    disconnectedAtMs: 0,
    completedJobs: 2,
    failedJobs: 3,
    lastAssignment: 4,
    ...changes,
  };
}

function keyOf(keySeq: number, key: string) {
  const jobId = `job-${keySeq}`;
  return { keySeq, key, jobId, fingerprint: "f", expiresAtMs: 10_000 + keySeq };
}

function resultOf(text: string): StoredResult {
  return { output: new TextEncoder().encode(text), contentType: text, logTail: [text, ""] };
}

function bytes(seq: number): Uint8Array {
  return new Uint8Array([seq, seq + 1, 0, 255]);
}

function bySeq(jobs: Iterable<StoredJob>): StoredJob[] {
  return [...jobs].sort((a, b) => a.job.seq - b.job.seq);
}

function sortedById(workers: readonly StoredWorker[]): StoredWorker[] {
  return [...workers].sort((a, b) => (a.id < b.id ? -1 : 1));
}
