/**
 * What every {@linkcode JobStore} must answer when it is asked for finished jobs.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Job } from "./job.ts";
import { NO_OPTIONS } from "./job_options.ts";
import type { FinishedQuery, JobStore, StoredJob } from "./store.ts";
import { batchOf, jobOf } from "./store_rows_test_support.ts";

export const listClaims: Record<string, (under: { readonly store: JobStore }) => void> = {
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
    const byEnd: Omit<FinishedQuery, "order" | "limit">[] = [
      {},
      { status: "failed" },
      { deadLetter: true },
      { namespaces: ["red"] },
      { namespaces: ["red", "default"], status: "failed" },
      { namespaces: ["default"], deadLetter: true },
      { type: "crawl" },
      { type: "resize", status: "cancelled", queue: "night" },
      { worker: "w1" },
      { queue: "nobody's" },
    ];
    for (const filter of byEnd) {
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
};

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
    { namespaces: ["red"] },
    { namespaces: ["default", "nowhere"], queue: "ann" },
    { namespaces: ["red", "blue"], deadLetter: true },
    { namespaces: ["blue"], batchId: "b1", labels: { team: "red" } },
    { namespaces: [] },
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
    (!filter.namespaces || filter.namespaces.includes(job.namespace)) &&
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
    namespace: ["default", "red", "blue", "default"][seq % 11 % 4]!,
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
