/** Finished jobs in pages: whatever happens to them, `state.db` answers as a plain store in memory does. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import {
  DEFAULT_NAMESPACE,
  type FinishedFilter,
  type FinishedQuery,
  MemoryJobStore,
  NO_OPTIONS,
  type StoreBatch,
  type StoredJob,
} from "../jobs/mod.ts";
import { batchOf, jobOf } from "../jobs/store_rows_test_support.ts";
import { BODY_BYTES_WITH_JOB_MAX } from "./body_rows.ts";
import { inspectState } from "./inspect_state.ts";
import { SqliteJobStore } from "./job_store.ts";
import { JOB_STORE_FILE } from "./job_store_file.ts";
import { JOB_STORE_MARKER } from "./job_store_seal.ts";
import { toFormat3, toFormat4 } from "./older_format_test_support.ts";

function withDirectory(check: (directory: string) => void): void {
  const directory = Deno.makeTempDirSync({ prefix: "conductor-finished-" });
  try {
    check(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

const STATUSES = ["completed", "failed", "cancelled"] as const;
const TYPES = ["resize", "crawl", "größe"];
const WORKERS = ["", "w1", "w2", "w3"];
const QUEUES = ["", "night", "day"];
const NAMESPACES = [DEFAULT_NAMESPACE, "red", "blue"];

/** A job of which `pick` decides all that lists ask for. */
function variedJob(seq: number, pick: number): StoredJob {
  const of = <Value>(values: readonly Value[], digit: number) =>
    values[Math.floor(pick / 3 ** digit) % values.length]!;
  const status = of(STATUSES, 0);
  return jobOf(seq, {
    status,
    type: of(TYPES, 1),
    assignedTo: of(WORKERS, 2),
    namespace: of(NAMESPACES, 3),
    deadLetter: status === "failed" && pick % 2 === 0,
    // Not in the order of their numbers, and sometimes a month before or after others.
    completedAtMs: 4_000_000_000_000 + Math.floor((seq + pick % 50) / 8) +
      (pick % 97 === 0 ? -1 : pick % 89 === 0 ? 1 : 0) * 2 ** 32,
    createdAtMs: 1_000 + Math.floor(seq / 3),
    errorMessage: pick % 13 === 0 ? "日本".repeat(pick % 500) : "",
    labels: pick % 5 === 0 ? { team: "red", n: String(pick % 2) } : {},
    options: pick % 2 === 0 ? NO_OPTIONS : {
      ...NO_OPTIONS,
      queue: of(QUEUES, 4),
      batchId: pick % 7 === 0 ? "b1" : "",
    },
  });
}

/** None, small ones, and such as have a row of their own. */
function bytesOf(pick: number): Uint8Array | undefined {
  const bytes = [0, 10, 400, BODY_BYTES_WITH_JOB_MAX + 1][pick % 4]!;
  return bytes === 0 ? undefined : new Uint8Array(bytes).fill(pick);
}

/** Two stores that are told the same. */
class Twins {
  readonly directory: string;
  readonly plain = new MemoryJobStore();
  store: SqliteJobStore;
  readonly finished = new Map<number, StoredJob>();
  readonly revived = new Set<number>();
  #index = 0;
  #lastSeq = 0;

  constructor(directory: string) {
    this.directory = directory;
    this.store = SqliteJobStore.open(directory);
  }

  /** Jobs finish: some that were brought to life again, and new ones with gaps between their numbers. */
  finish(picks: readonly number[], gapMax: number): void {
    const again = [...this.revived].slice(0, Math.floor(picks.length / 3));
    const seqs = picks.map((pick, at) => again[at] ?? (this.#lastSeq += 1 + pick % gapMax));
    // What comes later was not submitted later.
    const finished = seqs.map((seq, at) => variedJob(seq, picks[at]!)).sort((a, b) =>
      a.job.errorMessage.length - b.job.errorMessage.length || b.job.seq - a.job.seq
    );
    this.write({
      finished,
      liveRemoved: again,
      payloads: seqs.flatMap((seq, at) => {
        const bytes = bytesOf(picks[at]!);
        return bytes === undefined || again.includes(seq) ? [] : [{ seq, bytes }];
      }),
      results: seqs.flatMap((seq, at) => {
        const output = bytesOf(picks[at]! >> 2);
        const logTail = picks[at]! % 3 === 0 ? ["ö", "line"] : [];
        return output === undefined
          ? []
          : [{ seq, result: { output, contentType: "a/b", logTail } }];
      }),
    });
    for (const stored of finished) this.finished.set(stored.job.seq, stored);
    for (const seq of again) this.revived.delete(seq);
  }

  revive(parts: readonly number[]): void {
    const seqs = this.#some(parts);
    this.write({ revived: seqs, live: seqs.map((seq) => jobOf(seq)) });
    for (const seq of seqs) this.revived.add(seq);
    for (const seq of seqs) this.finished.delete(seq);
  }

  /** Forgets a part of them: those that came first, or one here and there. */
  prune(parts: readonly number[], isAll: boolean): void {
    const all = [...this.finished.keys()];
    const seqs = isAll ? all.slice(0, Math.floor(all.length * 0.9)) : this.#some(parts);
    this.write({ pruned: seqs });
    for (const seq of seqs) this.finished.delete(seq);
  }

  /** A batch that fails at its last job, when others have left already. */
  failToWrite(parts: readonly number[]): void {
    const [known] = this.finished.values();
    const pruned = this.#some(parts).filter((seq) => seq !== known!.job.seq);
    if (pruned.length === 0) return;
    const [again] = pruned;
    const batch = batchOf(this.#index + 1, {
      pruned,
      finished: [
        variedJob(again!, 5),
        variedJob(this.#lastSeq + 1, 7),
        jobOf(this.#lastSeq + 9_000, {
          id: known!.job.id,
          status: "failed",
          type: "never-seen",
        }),
      ],
    });
    assert.throws(() => this.store.write(batch), { name: "StorageFailed" });
  }

  reopen(between?: (directory: string) => void): void {
    this.store.close();
    between?.(this.directory);
    this.store = SqliteJobStore.open(this.directory);
    this.store.load();
  }

  write(changes: Partial<StoreBatch>): void {
    const batch = batchOf(++this.#index, changes);
    this.store.write(batch);
    this.plain.write(batch);
  }

  assertAlike(): void {
    assert.deepEqual([...this.store.scanFinished()], [
      ...this.plain.scanFinished(),
    ]);
    for (const { job: { id, seq } } of this.plain.scanFinished()) {
      assert.equal(this.store.finishedById(id)?.job.seq, seq);
      assert.deepEqual(this.store.payload(seq), this.plain.payload(seq), `payload of ${seq}`);
      assert.deepEqual(this.store.result(seq), this.plain.result(seq), `result of ${seq}`);
    }
    for (const seq of this.revived) {
      assert.equal(this.store.finishedById(`job-${seq}`), undefined);
      assert.deepEqual(this.store.payload(seq), this.plain.payload(seq), `payload of ${seq}`);
    }
  }

  assertListed({ filter, order, part, skip, limit }: Question): void {
    const all = [...this.finished.values()].map(({ job }) => job);
    const from = all[Math.floor(part * all.length)];
    const query: FinishedQuery = { ...filter, order, skip, limit };
    const isByEnd = order === "last_finished" || order === "first_finished";
    for (
      const begin of from === undefined
        ? [{}]
        : [{}, isByEnd ? { fromEnd: from } : { fromSeq: from.seq }]
    ) {
      const asked = { ...query, ...begin };
      const what = JSON.stringify(asked);
      assert.deepEqual(this.store.listFinished(asked), this.plain.listFinished(asked), what);
    }
    for (const max of [limit, 1_000]) {
      assert.equal(this.store.countFinished(filter, max), this.plain.countFinished(filter, max));
    }
    const { status } = filter;
    if (status === "completed" || status === "failed" || status === "cancelled") {
      const ended = { status, limit, ...(from && { after: from }) };
      assert.deepEqual(this.store.listEnded(ended), this.plain.listEnded(ended));
    }
    const atMs = (from?.createdAtMs ?? 0) + skip - 1;
    assert.equal(this.store.firstSeqFrom(atMs), this.plain.firstSeqFrom(atMs));
  }

  #some(parts: readonly number[]): number[] {
    const all = [...this.finished.keys()];
    return [...new Set(parts.map((part) => all[Math.floor(part * all.length)]!))]
      .filter((seq) => seq !== undefined);
  }
}

const part = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const parts = fc.array(part, { minLength: 1, maxLength: 20 });
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("finish" as const),
      picks: fc.array(fc.nat(100_000), { minLength: 1, maxLength: 60, size: "max" }),
      gapMax: fc.constantFrom(1, 3, 3_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("revive" as const), parts }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("prune" as const), parts, isAll: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        "reopen" as const,
        "format3" as const,
        "format4" as const,
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("fail" as const), parts }) },
);

function maybe<Value>(values: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> {
  return fc.option(values, { nil: undefined, freq: 2 });
}

interface Question {
  readonly filter: FinishedFilter;
  readonly order: FinishedQuery["order"];
  readonly part: number;
  readonly skip: number;
  readonly limit: number;
}

const filterBySeq = fc.record({
  status: maybe(fc.constantFrom(...STATUSES)),
  type: maybe(fc.constantFrom(...TYPES, "nobody's")),
  worker: maybe(fc.constantFrom(...WORKERS.slice(1), "nobody")),
  queue: maybe(fc.constantFrom("default", "night", "day")),
  namespaces: maybe(fc.subarray([...NAMESPACES, "nowhere"])),
  deadLetter: maybe(fc.boolean()),
  labels: maybe(fc.constantFrom({ team: "red" }, { team: "red", n: "1" })),
  batchId: maybe(fc.constant("b1")),
  seqMin: maybe(fc.nat(20_000)),
  seqMax: maybe(fc.nat(60_000)),
});

const filterByEnd = fc.record({
  status: maybe(fc.constantFrom(...STATUSES)),
  type: maybe(fc.constantFrom(...TYPES, "nobody's")),
  worker: maybe(fc.constantFrom(...WORKERS.slice(1), "nobody")),
  queue: maybe(fc.constantFrom("default", "night", "day")),
  namespaces: maybe(fc.subarray([...NAMESPACES, "nowhere"])),
  deadLetter: maybe(fc.boolean()),
});

/** As callers do it: what is not asked for is not there. */
function given(filter: object): FinishedFilter {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

const place = { part, skip: fc.nat(30), limit: fc.integer({ min: 1, max: 40 }) };
const question: fc.Arbitrary<Question> = fc.oneof(
  fc.record({
    filter: filterBySeq.map(given),
    order: fc.constantFrom("newest" as const, "oldest" as const),
    ...place,
  }),
  fc.record({
    filter: filterByEnd.map(given),
    order: fc.constantFrom("last_finished" as const, "first_finished" as const),
    ...place,
  }),
);

Deno.test("whatever happens to finished jobs, lists and look-ups are those of a plain store", () => {
  const questions = fc.array(question, { minLength: 4, maxLength: 12 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(step, questions), { minLength: 1, maxLength: 25, size: "max" }),
      (steps) =>
        withDirectory((directory) => {
          const twins = new Twins(directory);
          try {
            for (const [each, asked] of steps) {
              if (each.kind === "finish") twins.finish(each.picks, each.gapMax);
              else if (each.kind === "revive") twins.revive(each.parts);
              else if (each.kind === "prune") twins.prune(each.parts, each.isAll);
              else if (each.kind === "reopen") twins.reopen();
              else if (each.kind === "format3") twins.reopen(toFormat3);
              else if (each.kind === "fail") twins.failToWrite(each.parts);
              else twins.reopen(toFormat4);
              for (const one of asked) twins.assertListed(one);
            }
            twins.assertAlike();
            twins.reopen();
            twins.assertAlike();
          } finally {
            twins.store.close();
          }
        }),
    ),
    // To shrink what failed takes an hour: the seed is told.
    { numRuns: 40, endOnFailure: true },
  );
});

/** `count` jobs in batches of 50, each with a payload of 200 bytes. */
function fill(store: SqliteJobStore, count: number): void {
  for (let seq = 1; seq <= count; seq += 50) {
    const seqs = Array.from({ length: 50 }, (_, at) => seq + at);
    store.write(batchOf(seq, {
      finished: seqs.map((each) => jobOf(each, { status: "completed", completedAtMs: each })),
      payloads: seqs.map((each) => ({ seq: each, bytes: new Uint8Array(200).fill(each) })),
    }));
  }
}

function countOf(directory: string, table: string): number {
  const database = new DatabaseSync(join(directory, JOB_STORE_FILE), { readOnly: true });
  const { n } = database.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number };
  database.close();
  return n;
}

Deno.test("jobs that finish one by one share pages, as those do that finish together", () =>
  withDirectory((directory) => {
    const pages = [1, 50].map((atOnce) => {
      const own = join(directory, String(atOnce));
      Deno.mkdirSync(own);
      const store = SqliteJobStore.open(own);
      for (let seq = 1; seq <= 200; seq += atOnce) {
        const seqs = Array.from({ length: atOnce }, (_, at) => seq + at);
        store.write(batchOf(seq, {
          finished: seqs.map((each) => jobOf(each, { status: "completed", completedAtMs: each })),
          payloads: seqs.map((each) => ({ seq: each, bytes: new Uint8Array(200) })),
        }));
      }
      store.close();
      return countOf(own, "finished_pages");
    });
    assert.ok(pages[1]! > 1 && pages[1]! < 10, String(pages));
    assert.ok(pages[0]! <= pages[1]! + 1, String(pages));
  }));

Deno.test("few jobs that stay do not hold the space of those that finished with them", () =>
  withDirectory((directory) => {
    const store = SqliteJobStore.open(directory);
    fill(store, 10_000);
    const stays = (seq: number) => seq % 500 === 7;
    const seqs = Array.from({ length: 10_000 }, (_, at) => at + 1).filter((seq) => !stays(seq));
    // Not at once, and not from one end.
    for (const rest of [0, 1, 2]) {
      store.write(batchOf(20_000 + rest, { pruned: seqs.filter((seq) => seq % 3 === rest) }));
    }
    const left = store.listFinished({ order: "oldest", limit: 100 }).map(({ seq }) => seq);
    assert.deepEqual(left, Array.from({ length: 20 }, (_, at) => 7 + 500 * at));
    assert.deepEqual(store.payload(507), new Uint8Array(200).fill(507));
    store.close();
    const pages = countOf(directory, "finished_pages");
    assert.ok(pages <= 2, `${pages} pages of 20 jobs`);
  }));

Deno.test("rows of format 4 stay where they are, without their indexes, until they are forgotten", () =>
  withDirectory((directory) => {
    const before = SqliteJobStore.open(directory);
    fill(before, 1_000);
    before.close();
    toFormat4(directory);
    assert.equal(inspectState(join(directory, JOB_STORE_FILE)).format, 4);
    assert.equal(inspectState(join(directory, JOB_STORE_FILE)).finishedJobs.completed, 1_000);
    const store = SqliteJobStore.open(directory);
    assert.equal(store.countFinished({ status: "completed" }, 2_000), 1_000);
    const pruned = Array.from({ length: 600 }, (_, at) => at + 1);
    store.write(batchOf(2_000, {
      pruned,
      revived: [700],
      live: [jobOf(700)],
      finished: [jobOf(1_001, { status: "failed", completedAtMs: 9_999, deadLetter: true })],
    }));
    store.close();
    assert.equal(countOf(directory, "finished"), 399);
    assert.equal(countOf(directory, "sqlite_schema WHERE name LIKE 'finished_%ended'"), 0);
    const report = inspectState(join(directory, JOB_STORE_FILE));
    assert.equal(report.format, 5);
    assert.deepEqual(report.finishedJobs, { completed: 399, failed: 1 });
    assert.deepEqual([report.deadLetters, report.unfinishedJobs, report.payloads], [1, 1, 400]);
    const again = SqliteJobStore.open(directory);
    assert.deepEqual(
      again.listEnded({ status: "completed", limit: 2 }).map(({ seq }) => seq),
      [601, 602],
    );
    assert.deepEqual(
      again.listFinished({ order: "newest", limit: 2 }).map(({ seq }) => seq),
      [1_001, 1_000],
    );
    again.close();
  }));

Deno.test("a snapshot of format 4 is installed, and answers as one of this format does", () =>
  withDirectory((directory) => {
    const [theirs, ours] = ["theirs", "ours"].map((name) => join(directory, name));
    Deno.mkdirSync(theirs!);
    Deno.mkdirSync(ours!);
    const leader = SqliteJobStore.open(theirs!);
    fill(leader, 100);
    leader.close();
    toFormat4(theirs!);
    const path = join(directory, "incoming");
    Deno.copyFileSync(join(theirs!, JOB_STORE_FILE), path);
    const store = SqliteJobStore.open(ours!);
    fill(store, 200);
    assert.equal(store.installSnapshot(path).index, 51);
    assert.equal(store.countFinished({}, 1_000), 100);
    assert.equal(store.finishedById("job-100")?.job.seq, 100);
    assert.equal(store.finishedById("job-101"), undefined);
    assert.deepEqual(store.payload(7), new Uint8Array(200).fill(7));
    store.write(batchOf(300, { finished: [jobOf(101, { status: "failed", completedAtMs: 1 })] }));
    const ended = store.listFinished({ order: "first_finished", limit: 2 }).map(({ seq }) => seq);
    assert.deepEqual(ended, [1, 101]);
    store.close();
  }));

Deno.test("what is missing or changed of pages of finished jobs is told at the start after a crash", () =>
  withDirectory((directory) => {
    const made = SqliteJobStore.open(directory);
    fill(made, 300);
    made.close();
    const path = join(directory, JOB_STORE_FILE);
    const sound = Deno.readFileSync(path);
    const damages = [
      "DELETE FROM finished_pages WHERE number = 2",
      "DELETE FROM finished_pages WHERE number = (SELECT max(number) FROM finished_pages)",
      "DELETE FROM finished_totals",
      "UPDATE finished_totals SET jobs = jobs - 1",
      "UPDATE finished_pages SET number = number + 1000 WHERE number = 2",
      "UPDATE finished_pages SET heads = (SELECT heads FROM finished_pages WHERE number = 1) WHERE number = 2",
      "UPDATE finished_pages SET heads = substr(heads, 1, length(heads) - 28) WHERE number = 1",
      "UPDATE finished_kinds SET detail = replace(detail, '[', '[1')",
      "DELETE FROM finished_kinds",
      "UPDATE finished_pages SET bytes = substr(bytes, 1, length(bytes) - 1) WHERE number = 1",
      "UPDATE finished_pages SET bytes = (SELECT bytes FROM finished_pages WHERE number = 2), " +
      "checksum = (SELECT checksum FROM finished_pages WHERE number = 2) WHERE number = 1",
      "UPDATE finished_pages SET bytes = NULL WHERE number = 1",
    ];
    for (const damage of damages) {
      Deno.writeFileSync(path, sound);
      Deno.removeSync(join(directory, JOB_STORE_MARKER));
      const database = new DatabaseSync(path);
      database.exec(damage);
      database.close();
      assert.throws(() => inspectState(path), /damaged|missing|finished jobs/, damage);
      // After a crash: nobody knows what the bytes were.
      assert.throws(
        () => SqliteJobStore.open(directory),
        { name: "JobStoreRefused", message: /damaged|missing|there are/ },
        damage,
      );
    }
  }));
