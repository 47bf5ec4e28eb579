import assert from "node:assert/strict";
// As a whole, so that a test may stand in for the disk.
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JobMachine } from "../jobs/mod.ts";
import { Scene } from "../jobs/scene_test_support.ts";
import { SqliteJobStore } from "./job_store.ts";
import { JOB_STORE_FILE } from "./job_store_file.ts";
import { StorageFailed } from "./storage_failure.ts";

type Answer = (failure: Error | null) => void;

/** A store whose syncs off the loop end when the test says so. */
class Bench {
  readonly directory = fs.mkdtempSync(join(tmpdir(), "conductor-test-"));
  readonly main = join(this.directory, JOB_STORE_FILE);
  readonly store = SqliteJobStore.open(this.directory);
  readonly scene = new Scene({}, this.store);
  /** Syncs off the loop that were asked for and did not end. */
  readonly asked: Answer[] = [];
  /** Syncs on the loop. */
  waited = 0;
  readonly #disk = { fsync: fs.fsync, fsyncSync: fs.fsyncSync };
  #copies = 0;
  #large = 0;
  #isFailed = false;

  constructor() {
    const { fsyncSync } = this.#disk;
    Object.assign(fs, {
      fsync: (_file: number, answer: Answer) => this.asked.push(answer),
      fsyncSync: (file: number) => {
        this.waited++;
        fsyncSync(file);
      },
    });
  }

  /** Writes until a move of the write-ahead file has begun. */
  fill(): void {
    while (this.asked.length === 0) {
      const number = this.#large++;
      this.scene.submit(`large-${number}`, { payload: new Uint8Array(700_000).fill(number) });
      this.scene.machine.flush();
    }
  }

  /** One more job, written. */
  write(id: string): void {
    this.scene.submit(id);
    this.scene.machine.flush();
  }

  /** The sync that was asked for last ends. */
  answer(failure: Error | null = null): void {
    const answer = this.asked.pop();
    assert.ok(answer !== undefined, "a sync was asked for");
    answer(failure);
  }

  get durableIndex(): number {
    return this.scene.machine.durable.index;
  }

  get appliedIndex(): number {
    return this.scene.machine.applied.index;
  }

  get walBytes(): number {
    return fs.statSync(`${this.main}-wal`).size;
  }

  /**
   * Opens what a failure of the power leaves at this moment, and replays the log.
   *
   * @param change of the main file: what was not synced may be there or not
   * @returns where the state stood before the log was replayed
   */
  recovers(change: (main: Uint8Array) => Uint8Array = (main) => main): number {
    const directory = join(this.directory, `crash-${this.#copies++}`);
    fs.mkdirSync(directory);
    const main = join(directory, JOB_STORE_FILE);
    fs.writeFileSync(main, change(fs.readFileSync(this.main)));
    fs.copyFileSync(`${this.main}-wal`, `${main}-wal`);
    fs.copyFileSync(join(this.directory, "state.marker"), join(directory, "state.marker"));
    const store = SqliteJobStore.open(directory);
    const machine = new JobMachine(store);
    const { index } = machine.applied;
    for (const { command, position } of this.scene.log.slice(index)) {
      machine.apply(command, position);
    }
    assert.equal(machine.stateHash(), this.scene.machine.stateHash());
    for (const { id } of machine.list({ order: "oldest" }).jobs) {
      assert.deepEqual(machine.payload(id), this.scene.machine.payload(id), id);
    }
    store.close();
    return index;
  }

  /** A store that failed says so to whoever closes it. */
  fails(): void {
    this.#isFailed = true;
    assert.throws(() => this.store.close(), StorageFailed);
  }

  [Symbol.dispose](): void {
    Object.assign(fs, this.#disk);
    if (!this.#isFailed) this.store.close();
    fs.rmSync(this.directory, { recursive: true });
  }
}

/** Pages of the new file and of the old one in turn: of those not synced, any may have come to the disk. */
function torn(old: Uint8Array, parity: number): (main: Uint8Array) => Uint8Array {
  return (main) => {
    const mixed = main.slice(0, main.length);
    const bytes = 8 * 1024;
    for (let at = 0; at < old.length; at += bytes) {
      if (at / bytes % 2 === parity) mixed.set(old.subarray(at, at + bytes), at);
    }
    return mixed;
  };
}

Deno.test("a full write-ahead file is moved while the loop goes on, and is durable when the disk says so", () => {
  using bench = new Bench();
  bench.fill();
  assert.equal(bench.durableIndex, 0);
  const old = fs.readFileSync(bench.main);
  bench.answer(); // the write-ahead file is on the disk
  assert.notDeepEqual(fs.readFileSync(bench.main), old, "it was copied");
  assert.equal(bench.durableIndex, 0, "and may not be on the disk yet");
  for (const change of [undefined, () => old, torn(old, 0), torn(old, 1)]) {
    assert.equal(bench.recovers(change), bench.appliedIndex);
  }
  bench.answer(); // so is the main file
  assert.equal(bench.durableIndex, bench.appliedIndex);
  assert.equal(bench.walBytes, 0);
  assert.equal(bench.waited, 0, "nothing was waited for");
  assert.equal(bench.recovers(), bench.appliedIndex);
});

Deno.test("a batch that comes before the copy is not copied: the disk may not have it", () => {
  using bench = new Bench();
  bench.fill();
  const old = fs.readFileSync(bench.main);
  const [first] = bench.asked.splice(0);
  bench.write("late");
  assert.equal(bench.asked.length, 1, "another move has begun");
  first!(null);
  assert.deepEqual(fs.readFileSync(bench.main), old);
  bench.answer();
  bench.answer();
  assert.equal(bench.durableIndex, bench.appliedIndex);
});

Deno.test("a batch that comes behind the copy waits for the main file before it overwrites the rest", () => {
  using bench = new Bench();
  bench.fill();
  bench.answer();
  const moved = bench.appliedIndex;
  const [late] = bench.asked.splice(0);
  bench.write("late");
  assert.equal(bench.waited, 1);
  assert.equal(bench.durableIndex, moved);
  assert.equal(bench.recovers(), bench.appliedIndex);
  late!(null);
  assert.equal(bench.durableIndex, moved, "what ended is of a move that is over");
});

Deno.test("a checkpoint and a snapshot amid a move are of what is written by then", async () => {
  using bench = new Bench();
  bench.fill();
  bench.write("late");
  bench.asked.splice(0);
  assert.equal(bench.scene.machine.checkpoint().index, bench.appliedIndex);
  bench.fill();
  bench.answer();
  bench.asked.splice(0);
  const path = join(bench.directory, "snapshot");
  const { fsync } = fs;
  Object.assign(fs, { fsync: (_file: number, answer: Answer) => answer(null) });
  const { index } = await bench.store.exportSnapshot(path);
  Object.assign(fs, { fsync });
  assert.equal(index, bench.appliedIndex);
  assert.equal(bench.durableIndex, index);
});

for (const stage of ["write-ahead file", "main file"]) {
  Deno.test(`a sync of the ${stage} that fails off the loop ends the store`, () => {
    using bench = new Bench();
    bench.fill();
    if (stage === "main file") bench.answer();
    bench.answer(new Error("input/output error"));
    bench.scene.submit("late");
    assert.throws(() => bench.scene.machine.flush(), (error: unknown) => {
      assert.ok(error instanceof StorageFailed);
      assert.match(error.message, /Cannot move the write-ahead log .*: input\/output error/);
      return true;
    });
    assert.equal(bench.durableIndex, 0);
    bench.fails();
  });
}
