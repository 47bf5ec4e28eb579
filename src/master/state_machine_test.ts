import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JobMachine, MemoryJobStore, type StoreBatch } from "../jobs/mod.ts";
import { DiskFull } from "../raft/mod.ts";
import { encodeCommand, SqliteJobStore } from "../storage/mod.ts";
import { JobStateMachine } from "./state_machine.ts";

/** A disk that is full now and then. */
class FillingStore extends MemoryJobStore {
  isFull = false;
  writes = 0;

  override write(batch: StoreBatch): void {
    this.writes++;
    if (this.isFull) throw new DiskFull("no room");
    super.write(batch);
  }
}

class Bench {
  readonly store = new FillingStore();
  readonly delaysMs: number[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), "conductor-state-machine-"));
  readonly #files = SqliteJobStore.open(this.#directory);
  readonly #stateMachine: JobStateMachine;
  readonly #runs = new Map<ReturnType<typeof setTimeout>, () => void>();
  #index = 0;
  #jobs = 0;

  constructor() {
    this.#stateMachine = new JobStateMachine({
      machine: new JobMachine(this.store),
      store: this.#files,
      snapshotDirectory: join(this.#directory, "snapshots"),
      onSnapshotMade: () => assert.fail("no snapshot was asked for"),
      onRestored: () => assert.fail("nothing was restored"),
      onEvents: () => {},
      onFailed: (failure) => {
        throw failure;
      },
      after: (delayMs, run) => {
        this.delaysMs.push(delayMs);
        // Never to fire: the test says when time is over.
        const timer = setTimeout(() => {}, 2 ** 30);
        this.#runs.set(timer, run);
        return timer;
      },
    });
  }

  submit(jobs: number): void {
    const specs = Array.from({ length: jobs }, () => ({
      id: `job-${++this.#jobs}`,
      type: "noop",
      payload: new Uint8Array([1]),
      priority: 5,
      maxRetries: 0,
      timeoutMs: 1_000,
      retryDelayMs: 0,
    }));
    const data = encodeCommand({ kind: "submit", atMs: 1, jobs: specs });
    const index = ++this.#index;
    this.#stateMachine.apply([{ index, term: 1, kind: "command", data }], index);
  }

  atLeisure(): void {
    this.#stateMachine.atLeisure();
  }

  /** The time of the last timer is over. */
  pass(): void {
    const [timer, run] = [...this.#runs].at(-1)!;
    clearTimeout(timer);
    this.#runs.delete(timer);
    run();
  }

  [Symbol.dispose](): void {
    for (const timer of this.#runs.keys()) clearTimeout(timer);
    this.#stateMachine.close();
    this.#files.close();
    rmSync(this.#directory, { recursive: true });
  }
}

Deno.test("changes wait for others before they are written, and no longer once they are a thousand", () => {
  using bench = new Bench();
  bench.submit(1);
  bench.submit(998);
  assert.deepEqual(bench.delaysMs, [200]);
  bench.submit(1);
  bench.submit(1);
  assert.deepEqual(bench.delaysMs, [200, 0]);
  assert.equal(bench.store.writes, 0, "what was applied is told first");
  bench.pass();
  assert.equal(bench.store.writes, 1);
  bench.submit(1);
  assert.deepEqual(bench.delaysMs, [200, 0, 200]);
});

Deno.test("a thousand changes are written when nobody waits for this node", () => {
  using bench = new Bench();
  bench.submit(999);
  bench.atLeisure();
  assert.equal(bench.store.writes, 0, "they may be more soon, or end");
  bench.submit(1);
  bench.atLeisure();
  assert.equal(bench.store.writes, 1);
  bench.atLeisure();
  assert.equal(bench.store.writes, 1);
  assert.deepEqual(bench.delaysMs, [200]);
});

Deno.test("a thousand changes wait for such a moment while there are some, and four thousand for none", () => {
  using bench = new Bench();
  bench.atLeisure();
  bench.submit(3_999);
  assert.deepEqual(bench.delaysMs, [200]);
  bench.submit(1);
  assert.deepEqual(bench.delaysMs, [200, 0]);
  bench.pass();
  assert.equal(bench.store.writes, 1);
  bench.submit(1_000);
  assert.deepEqual(bench.delaysMs, [200, 0, 0], "there was none for long");
});

Deno.test("a full disk is tried again after a while, though there be moments in which nobody waits", () => {
  using bench = new Bench();
  bench.store.isFull = true;
  bench.submit(1_000);
  bench.atLeisure();
  bench.atLeisure();
  assert.deepEqual([bench.store.writes, bench.delaysMs], [1, [0, 200]]);
  bench.store.isFull = false;
  bench.pass();
  bench.submit(1_000);
  bench.atLeisure();
  assert.equal(bench.store.writes, 3);
});

Deno.test("a full disk is tried again after a while, however much comes meanwhile", () => {
  using bench = new Bench();
  bench.store.isFull = true;
  bench.submit(1_000);
  bench.pass();
  bench.submit(1);
  bench.submit(1_000);
  assert.deepEqual(bench.delaysMs, [0, 200]);
  bench.store.isFull = false;
  bench.pass();
  assert.equal(bench.store.writes, 2);
  bench.submit(1);
  assert.deepEqual(bench.delaysMs, [0, 200, 200]);
});
