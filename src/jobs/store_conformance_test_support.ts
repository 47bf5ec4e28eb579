/**
 * What every {@linkcode JobStore} must do, run against the one in memory and the one on SQLite.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { JobStore } from "./store.ts";
import { listClaims } from "./store_list_conformance_test_support.ts";
import {
  attemptOf,
  batchOf,
  bySeq,
  bytes,
  fullJob,
  jobOf,
  keyOf,
  newest,
  resultOf,
  sortedById,
  workerOf,
} from "./store_rows_test_support.ts";

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
      typeSlots: { [strange]: 2 },
      lost: [{ jobId: strange, token: 7 }],
      handBackAtMs: 9,
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

  ...listClaims,

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

  "a key that expires later than those after it is kept until then": (under) => {
    const expiries = [1_000, 5_000, 1_000, 9_000];
    const keys = expiries.map((expiresAtMs, place) => ({
      ...keyOf(place + 1, `k${place + 1}`),
      expiresAtMs,
    }));
    under.store.write(batchOf(1, { keys: keys.slice(0, 2) }));
    under.store.write(batchOf(2, { keys: keys.slice(2) }));
    under.store.write(batchOf(3, { keysExpired: { keySeq: 0, atMs: 1_000 } }));
    const check = (store: JobStore) => {
      assert.deepEqual(store.findKey("k2"), keys[1]);
      assert.deepEqual(store.findKey("k4"), keys[3]);
    };
    check(under.store);
    check(under.reopen());
  },

  "of many jobs that came at once each goes its own way, and its payload with it": (under) => {
    const seqs = Array.from({ length: 300 }, (_, place) => 2 * place + 1);
    const payloadOf = (seq: number) => new Uint8Array(seq % 5 === 0 ? 3_000 : 20).fill(seq);
    const payloads = seqs.map((seq) => ({ seq, bytes: payloadOf(seq) }));
    under.store.write(batchOf(1, { live: seqs.map((seq) => jobOf(seq)), payloads }));
    const isOf = (remainder: number) => (seq: number) => seq % 7 === remainder;
    const finished = seqs.filter((seq) => isOf(1)(seq) || isOf(2)(seq));
    const runningNow = (seq: number) => jobOf(seq, { status: "running" });
    const end = (seq: number) => jobOf(seq, { status: "completed", payloadBytes: 20 });
    under.store.write(batchOf(2, { live: seqs.filter(isOf(3)).map(runningNow) }));
    under.store.write(batchOf(3, {
      // Of some the payload is at hand, of others it is not.
      finished: finished.map((seq) =>
        isOf(1)(seq) ? end(seq) : { ...end(seq), payload: payloadOf(seq) }
      ),
      liveRemoved: finished,
      pruned: seqs.filter(isOf(4)),
    }));
    under.store.write(
      batchOf(4, {
        revived: finished.filter(isOf(1)),
        live: finished.filter(isOf(1)).map((seq) => jobOf(seq)),
      }),
    );
    const left = seqs.filter((seq) => !isOf(2)(seq) && !isOf(4)(seq));
    const check = (store: JobStore) => {
      const live = bySeq(store.load().live);
      assert.deepEqual(live, left.map((seq) => isOf(3)(seq) ? runningNow(seq) : jobOf(seq)));
      assert.deepEqual([...store.scanFinished()], finished.filter(isOf(2)).map(end));
      for (const seq of seqs) {
        const expected = isOf(4)(seq) ? undefined : payloadOf(seq);
        assert.deepEqual(store.payload(seq), expected, `job ${seq}`);
      }
    };
    check(under.store);
    check(under.reopen());
  },

  "a checkpoint makes durable what was written": (under) => {
    under.store.write(batchOf(5, { live: [jobOf(1)] }));
    assert.deepEqual(under.store.checkpoint(), { index: 5, term: 1 });
    assert.deepEqual(under.store.durable, { index: 5, term: 1 });
  },
};
