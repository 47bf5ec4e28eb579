/** Pages of jobs and of keys, in `state.db`: whatever happens, they hold what rows would. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { isTerminal, type Job, JobMachine, MemoryJobStore } from "../jobs/mod.ts";
import { Scene } from "../jobs/scene_test_support.ts";
import { batchOf, jobOf, keyOf } from "../jobs/store_rows_test_support.ts";
import { BODY_BYTES_WITH_JOB_MAX } from "./body_rows.ts";
import { inspectState } from "./inspect_state.ts";
import { SqliteJobStore } from "./job_store.ts";
import { JOB_STORE_FILE } from "./job_store_file.ts";
import { JOB_STORE_MARKER } from "./job_store_seal.ts";
import { toFormat3 } from "./older_format_test_support.ts";

const KEY_RETENTION_MS = 5_000;
/** Payloads leave memory at every flush, so that all of them are read back. */
const OPTIONS = { keyRetentionMs: KEY_RETENTION_MS, payloadMemoryBytesMax: 0 };

function withDirectory(check: (directory: string) => void): void {
  const directory = Deno.makeTempDirSync({ prefix: "conductor-pages-" });
  try {
    check(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

/** Two machines with the same life: one on `state.db`, one that never leaves memory. */
class Twins {
  readonly directory: string;
  readonly scene: Scene;
  #store: SqliteJobStore;
  #machine: JobMachine;
  #told = 0;

  constructor(directory: string) {
    this.directory = directory;
    this.scene = new Scene(OPTIONS, new MemoryJobStore());
    this.scene.register("w1", { slots: 10_000 });
    this.#store = SqliteJobStore.open(directory);
    this.#machine = new JobMachine(this.#store, OPTIONS);
  }

  get store(): SqliteJobStore {
    return this.#store;
  }

  flush(): void {
    this.#tell();
    this.#machine.flush();
    this.scene.machine.flush();
  }

  /** Ends the process, in order or not: what was not flushed comes from the log. */
  reopen(between?: (directory: string) => void): void {
    this.#store.close();
    between?.(this.directory);
    this.#store = SqliteJobStore.open(this.directory);
    this.#machine = new JobMachine(this.#store, OPTIONS);
    this.#told = this.#machine.applied.index;
    this.#tell();
  }

  /** A batch that fails when nearly all of it is written. */
  failToWrite(): void {
    this.flush();
    const [finished] = this.#store.scanFinished();
    if (finished === undefined) return;
    const live = [...this.#store.load().live];
    const last = this.scene.machine.counts().total + 1_000_000;
    const twice = jobOf(last, { id: finished.job.id, status: "completed", type: "never-seen" });
    const batch = batchOf(this.#machine.applied.index + 1, {
      pruned: live.slice(0, 5).map(({ job }) => job.seq),
      live: [...live.slice(5, 9), jobOf(last + 1), jobOf(last + 2)],
      keys: [keyOf(last, "never seen")],
      liveRemoved: live.slice(9).map(({ job }) => job.seq),
      finished: [twice],
    });
    assert.throws(() => this.#store.write(batch), { name: "StorageFailed" });
  }

  assertAlike(): void {
    this.#tell();
    const { machine } = this.scene;
    assert.equal(this.#machine.stateHash(), machine.stateHash());
    for (const { id } of jobsOf(machine)) {
      assert.deepEqual(this.#machine.payload(id), machine.payload(id), id);
      assert.deepEqual(this.#machine.result(id), machine.result(id), id);
      assert.deepEqual(this.#machine.logTail(id), machine.logTail(id), id);
    }
  }

  /** What a look at the closed file says of it. */
  assertCounted(): void {
    this.flush();
    this.#store.close();
    const report = inspectState(join(this.directory, JOB_STORE_FILE));
    const jobs = jobsOf(this.scene.machine);
    assert.equal(report.unfinishedJobs, jobs.filter(({ status }) => !isTerminal(status)).length);
    assert.equal(report.payloads, jobs.filter(({ payloadBytes }) => payloadBytes > 0).length);
    assert.equal(report.integrity, "ok");
    this.#store = SqliteJobStore.open(this.directory);
    this.#machine = new JobMachine(this.#store, OPTIONS);
  }

  close(): void {
    this.#store.close();
  }

  #tell(): void {
    for (const { command, position } of this.scene.log.slice(this.#told)) {
      this.#machine.apply(command, position);
    }
    this.#told = this.scene.log.length;
  }
}

function jobsOf(machine: JobMachine): readonly Job[] {
  return machine.list({ limit: 1_000 }).jobs;
}

const part = fc.double({ min: 0, max: 1, noNaN: true });

/** What happens: to how many, or to the job at which part of the list. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("submit" as const), count: fc.nat(25) }) },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constantFrom("assign", "complete", "fail", "cancel", "redrive", "prune"),
      from: part,
      count: fc.integer({ min: 1, max: 20 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("flush" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("reopen", "older", "failToWrite", "sleep") }),
  },
);

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** Small payloads, none, and such as have a row of their own. */
function payloadOf(number: number): Uint8Array {
  const bytes = number % 7 === 0 ? 0 : number % 5 === 0 ? BODY_BYTES_WITH_JOB_MAX + 1 : number % 50;
  return new Uint8Array(bytes).fill(number);
}

function happen(twins: Twins, each: Step): void {
  const { scene } = twins;
  if (each.kind === "flush" || each.kind === "failToWrite") return twins[each.kind]();
  if (each.kind === "reopen") return twins.reopen();
  if (each.kind === "older") return twins.reopen(toFormat3);
  if (each.kind === "sleep") return scene.sleep(KEY_RETENTION_MS / 2);
  if (each.kind === "submit") {
    for (let count = 0; count < each.count; count++) {
      const number = scene.log.length;
      scene.apply({
        kind: "submit",
        jobs: [{
          id: `job-${String(number).padStart(6, "0")}`,
          type: "resize",
          payload: payloadOf(number),
          priority: 0,
          maxRetries: 1,
          timeoutMs: 1_000,
          retryDelayMs: 0,
          labels: { n: String(number % 3) },
          // Some come again: as duplicates, or for another job once they have expired.
          ...(number % 2 === 0 && { idempotencyKey: `key ${number % 40}`, fingerprint: "f" }),
        }],
      });
    }
    return;
  }
  if (!("from" in each)) return;
  const jobs = jobsOf(scene.machine);
  const from = Math.floor(each.from * jobs.length);
  for (const { id, seq, status } of jobs.slice(from, from + each.count)) {
    const isHeld = status === "assigned" || status === "running";
    const { kind } = each;
    if (kind === "assign" && status === "pending") scene.assign(id);
    if (kind === "complete" && isHeld) {
      const output = payloadOf(seq + 3);
      scene.complete(id, { output, logTail: seq % 3 === 0 ? ["a line"] : [] });
    }
    if (kind === "fail" && isHeld) scene.fail(id, { permanent: seq % 2 === 0, logTail: ["oh"] });
    if (kind === "cancel") scene.cancel(id);
    if (kind === "redrive") scene.redrive(id);
    if (kind === "prune" && isTerminal(status)) scene.apply({ kind: "prune", jobSeqs: [seq] });
  }
}

Deno.test("whatever happens to jobs, state.db holds what a store in memory holds", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 80, size: "max" }),
      (steps) =>
        withDirectory((directory) => {
          const twins = new Twins(directory);
          for (const each of steps) happen(twins, each);
          twins.assertAlike();
          twins.flush();
          twins.assertAlike();
          twins.assertCounted();
          twins.assertAlike();
          twins.close();
        }),
    ),
    { numRuns: 40 },
  );
});

function rowsOf(directory: string): Record<string, number> {
  const database = new DatabaseSync(join(directory, JOB_STORE_FILE), { readOnly: true });
  const tables = ["live_pages", "page_gone", "live", "payloads", "key_pages", "keys"];
  const rows = tables.map((table) =>
    [table, Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n)] as const
  );
  database.close();
  return Object.fromEntries(rows);
}

/** Submits so many jobs, of which the store gets all at once. */
function submitMany(scene: Scene, count: number): string[] {
  const ids = Array.from({ length: count }, () => scene.submit(`job-${scene.log.length}`));
  scene.machine.flush();
  return ids;
}

function sceneIn(directory: string): { scene: Scene; end: () => Record<string, number> } {
  const store = SqliteJobStore.open(directory);
  const scene = new Scene({}, store);
  scene.register("w1", { slots: 1_000 });
  return {
    scene,
    end() {
      scene.machine.flush();
      store.close();
      return rowsOf(directory);
    },
  };
}

Deno.test("a job that waits for long does not hold the space of those that came with it", () =>
  withDirectory((directory) => {
    const { scene, end } = sceneIn(directory);
    const ids = submitMany(scene, 80);
    const stays = ids.slice(3, 5);
    for (const id of ids) if (!stays.includes(id)) scene.cancel(id);
    const hash = scene.machine.stateHash();
    const rows = end();
    assert.deepEqual([rows.live_pages, rows.page_gone], [0, 0]);
    assert.deepEqual([rows.live, rows.payloads], [2, 2]);
    const store = SqliteJobStore.open(directory);
    const machine = new JobMachine(store);
    for (const id of stays) {
      assert.equal(new TextDecoder().decode(machine.payload(id)), `payload of ${id}`);
    }
    assert.equal(machine.stateHash(), hash);
    store.close();
  }));

Deno.test("a page goes with the last of its jobs, and takes no row of another table to go", () =>
  withDirectory((directory) => {
    const { scene, end } = sceneIn(directory);
    for (let round = 0; round < 10; round++) {
      const ids = submitMany(scene, 40);
      for (const id of ids) scene.assign(id);
      if (round % 2 === 0) scene.machine.flush();
      for (const id of ids) scene.complete(id);
      scene.machine.flush();
    }
    const { live_pages, page_gone, live, payloads } = end();
    assert.deepEqual([live_pages, page_gone, live, payloads], [0, 0, 0, 0]);
  }));

Deno.test("a file of format 3 is read where its rows are, and what comes then lies in pages", () =>
  withDirectory((directory) => {
    const twins = new Twins(directory);
    const { scene } = twins;
    for (const kind of ["submit", "submit"] as const) happen(twins, { kind, count: 20 });
    for (const kind of ["assign", "complete", "fail"] as const) {
      happen(twins, { kind, from: 0.2, count: kind === "assign" ? 20 : 8 });
    }
    twins.flush();
    twins.reopen(toFormat3);
    twins.assertAlike();
    happen(twins, { kind: "submit", count: 20 });
    scene.sleep(KEY_RETENTION_MS * 2);
    for (const kind of ["redrive", "assign", "complete", "prune"] as const) {
      happen(twins, { kind, from: 0.5, count: 20 });
      twins.flush();
    }
    twins.assertAlike();
    twins.assertCounted();
    twins.assertAlike();
    twins.close();
    const rows = rowsOf(directory);
    assert.equal(rows.keys, 0, "expired keys of the old table are removed");
    assert.ok(rows.live_pages! > 0);
  }));

Deno.test("what is missing of pages or of what left them is found at the start", () =>
  withDirectory((directory) => {
    const { scene, end } = sceneIn(directory);
    submitMany(scene, 40).slice(0, 7).forEach((id) => scene.cancel(id));
    scene.machine.flush();
    for (const id of submitMany(scene, 20).slice(0, 5)) scene.cancel(id);
    const rows = end();
    assert.deepEqual([rows.live_pages, rows.page_gone], [2, 2]);
    const path = join(directory, JOB_STORE_FILE);
    const before = Deno.readFileSync(path);
    for (
      const damage of [
        "DELETE FROM live_pages WHERE first_seq = (SELECT max(first_seq) FROM live_pages)",
        "UPDATE live_pages SET first_seq = first_seq - 1",
        "UPDATE live_pages SET last_seq = last_seq + 1",
        "UPDATE live_pages SET items = items - 1",
        "UPDATE live_pages SET bytes = substr(bytes, 1, length(bytes) - 1)",
        "UPDATE page_gone SET gone = zeroblob(length(gone))",
        "UPDATE page_gone SET first_seq = first_seq + 1",
      ]
    ) {
      Deno.writeFileSync(path, before);
      Deno.removeSync(join(directory, JOB_STORE_MARKER));
      const database = new DatabaseSync(path);
      database.exec(damage);
      database.close();
      assert.throws(
        () => SqliteJobStore.open(directory),
        { name: "JobStoreRefused", message: /damaged|missing/ },
        damage,
      );
    }
  }));

Deno.test("a key is found in its page when the store was opened anew, also when it was used twice", () =>
  withDirectory((directory) => {
    let store = SqliteJobStore.open(directory);
    const keys = Array.from({ length: 2_000 }, (_, place) => keyOf(place + 1, `key ${place + 1}`));
    store.write(batchOf(1, { keys: keys.slice(0, 1_500) }));
    store.write(batchOf(2, { keys: keys.slice(1_500) }));
    const again = { ...keyOf(3_000, "key 7"), jobId: "another" };
    store.write(batchOf(3, { keys: [again] }));
    const check = () => {
      for (const place of [0, 5, 7, 1_499, 1_500, 1_999]) {
        assert.deepEqual(store.findKey(`key ${place + 1}`), keys[place]);
      }
      assert.deepEqual(store.findKey("key 7"), again);
      assert.equal(store.findKey("key 2001"), undefined);
      assert.equal([...store.scanKeys()].length, 2_000);
    };
    check();
    store.close();
    store = SqliteJobStore.open(directory);
    check();
    store.write(batchOf(4, { keysExpired: { keySeq: 2_500, atMs: 0 } }));
    assert.deepEqual([...store.scanKeys()], [again]);
    assert.equal(store.findKey("key 9"), undefined);
    store.close();
    assert.equal(rowsOf(directory).key_pages, 1);
  }));
