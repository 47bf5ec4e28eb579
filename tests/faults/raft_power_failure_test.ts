/**
 * Power failures and kills of a Raft log at any step of any write, against a model. What was not
 * fsynced is undone in parts, sector by sector; what was, is there. Afterwards the log opens, and holds
 * all that it had acknowledged, and besides that at most the one write that was under way.
 */

import assert from "node:assert/strict";
import fs from "node:fs";
import { DatabaseSync, StatementSync } from "node:sqlite";
import fc from "fast-check";
import { type Entry, type LogStore, MemoryLog } from "../../src/raft/mod.ts";
import { RAFT_LOG_FILES, SqliteRaftLog } from "../../src/storage/mod.ts";
import { Random } from "../simulation/random.ts";
import { type Files, filesOf, SEED } from "./damage.ts";

const { database: DATABASE, journal: JOURNAL, marker: MARKER } = RAFT_LOG_FILES;
const WAL = `${DATABASE}-wal`;
const NAMES = [DATABASE, WAL, JOURNAL, MARKER];
const IDENTITY = { clusterId: "c1", nodeId: "n1", incarnation: "i1" };
const BLOCK_BYTES = 4096;
const SECTOR_BYTES = 512;
const WAL_HEAD_BYTES = 32;
/** A few appends to an area, so that areas change all the time. */
const AREA_BYTES = 16 * BLOCK_BYTES;
const MEMBERSHIP = { voters: [{ id: "n1", address: "n1:1", incarnation: "i1" }], learners: [] };
/** The first two slots of the marker are fsynced, the others are notes. */
const DURABLE_MARKER_BYTES = 2 * BLOCK_BYTES;

type Write =
  | { readonly kind: "append"; readonly cut: number; readonly sizes: readonly number[] }
  | { readonly kind: "vote" }
  | { readonly kind: "compact"; readonly part: number }
  | { readonly kind: "reset" }
  | { readonly kind: "install" };

/** Files reach the disk in this order; a failure amid a write comes at one of them. */
type Stage = "database" | "marker" | "journal" | "done";

interface Step {
  /** So many syncs that were begun off the loop are done before. */
  readonly syncsDone: number;
  readonly write: Write;
  readonly then:
    | { readonly kind: "nothing" | "stop" | "kill" }
    | { readonly kind: "power"; readonly stage: Stage; readonly seed: number };
}

function step(): fc.Arbitrary<Step> {
  // Rarely more than an area holds: such a write makes all durable that is before it.
  const size = fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(50, 3_000) },
    { weight: 1, arbitrary: fc.constant(80_000) },
  );
  const sizes = fc.array(size, { minLength: 1, maxLength: 3 });
  const cut = fc.oneof(
    { weight: 9, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.nat(3) },
  );
  const write: fc.Arbitrary<Write> = fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant("append"), cut, sizes }) },
    { weight: 1, arbitrary: fc.constant({ kind: "vote" }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("compact"),
        part: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    },
    { weight: 1, arbitrary: fc.constantFrom({ kind: "reset" }, { kind: "install" }) },
  );
  const stage = fc.constantFrom<Stage>("database", "marker", "journal", "done");
  const then: fc.Arbitrary<Step["then"]> = fc.oneof(
    { weight: 12, arbitrary: fc.constant({ kind: "nothing" }) },
    { weight: 1, arbitrary: fc.constantFrom({ kind: "stop" }, { kind: "kill" }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("power"), stage, seed: fc.nat() }) },
  );
  return fc.record({ syncsDone: fc.nat(2), write, then });
}

Deno.test("whatever is written and wherever the power fails, what was acknowledged is there", () => {
  using _watch = new DiskWatch();
  fc.assert(
    fc.property(fc.array(step(), { maxLength: 60, size: "max" }), (steps) => {
      const bench = new Bench();
      try {
        for (const each of steps) bench.run(each);
      } finally {
        bench.close();
      }
    }),
    {
      numRuns: Number(Deno.env.get("CONDUCTOR_FAULT_RUNS") ?? 25),
      seed: SEED,
      examples: [1, 2, 3, 4].flatMap((seed) => [
        [largeAppendThenPowerFailure(seed)],
        [writeBehindCopyThenPowerFailure(seed)],
        [writeBeforeCopyThenPowerFailure(seed)],
        [areasBehindMoveThenPowerFailure(seed)],
      ]),
    },
  );
});

/** What no area holds is acknowledged when the database has it durably. */
function largeAppendThenPowerFailure(seed: number): Step[] {
  return appends([[50, 0], [2 * AREA_BYTES, 0]], seed);
}

/** The second append begins a move, the fourth comes when it has copied and not synced the database. */
function writeBehindCopyThenPowerFailure(seed: number): Step[] {
  return appends([[9_000, 0], [9_000, 0], [50, 1], [9_000, 0]], seed);
}

/** The second append begins a move, the third is written before what the move syncs first is. */
function writeBeforeCopyThenPowerFailure(seed: number): Step[] {
  return appends([[9_000, 0], [9_000, 0], [9_000, 0], [50, 1]], seed);
}

/** A move is done, and then both areas change. */
function areasBehindMoveThenPowerFailure(seed: number): Step[] {
  return appends([[9_000, 0], [9_000, 0], [50, 1], [50, 1], [60_000, 0], [60_000, 0]], seed);
}

/** @param given size of each, and how many syncs are done before it */
function appends(given: readonly (readonly [number, number])[], seed: number): Step[] {
  return given.map(([size, syncsDone], at) => ({
    syncsDone,
    write: { kind: "append", cut: 0, sizes: [size] },
    then: at === given.length - 1 ? { kind: "power", stage: "done", seed } : { kind: "nothing" },
  }));
}

/** What of the database's files a power failure leaves at least. */
interface Durable {
  readonly log: Uint8Array;
  readonly database: Uint8Array;
}

/**
 * Knows what is durable by what SQLite and the disk are asked for: the write-ahead log is by a commit
 * that is synchronous in full, a checkpoint makes all durable unless it is to sync nothing, and what
 * is synced off the loop is when the test says so.
 */
class DiskWatch implements Disposable {
  static current: DiskWatch;
  /** Of the log that is looked at. */
  directory = "";
  durable: Durable = { log: new Uint8Array(), database: new Uint8Array() };
  #pending: { readonly done: () => void }[] = [];
  readonly #restore: () => void;

  constructor() {
    DiskWatch.current = this;
    const { exec } = DatabaseSync.prototype;
    const { run, get } = StatementSync.prototype;
    const { fsync, fsyncSync } = fs;
    let synchronous = "";
    const read = (name: string) => this.read(name);
    const make = (durable: Partial<Durable>) => {
      this.durable = { ...this.durable, ...durable };
    };
    DatabaseSync.prototype.exec = function (sql) {
      synchronous = /synchronous = (\w+)/.exec(sql)?.[1] ?? synchronous;
      return exec.call(this, sql);
    };
    StatementSync.prototype.run = function (...values) {
      const result = Reflect.apply(run, this, values);
      if (synchronous === "FULL" && this.sourceSQL === "COMMIT") make({ log: read(WAL) });
      return result;
    };
    StatementSync.prototype.get = function (...values) {
      const result = Reflect.apply(get, this, values);
      if (this.sourceSQL.includes("wal_checkpoint") && synchronous !== "OFF") {
        make({ log: read(WAL), database: read(DATABASE) });
      }
      return result;
    };
    fs.fsyncSync = (file) => {
      fsyncSync(file);
      if (this.#isDatabase(file)) make({ database: read(DATABASE) });
    };
    const fsyncLater = (file: number, callback: (failure: null) => void) => {
      const before = this.durable;
      const isDatabase = this.#isDatabase(file);
      // What is written later may not be synced.
      const synced = isDatabase ? { database: read(DATABASE) } : { log: read(WAL) };
      const done = () => {
        const isNewest = isDatabase
          ? this.durable.database === before.database
          : this.durable.log === before.log;
        if (isNewest) make(synced);
        callback(null);
      };
      this.#pending.push({ done });
    };
    fs.fsync = Object.assign(fsyncLater, { __promisify__: fsync.__promisify__ });
    this.#restore = () => {
      DatabaseSync.prototype.exec = exec;
      Object.assign(StatementSync.prototype, { run, get });
      Object.assign(fs, { fsync, fsyncSync });
    };
  }

  /** The oldest sync that is under way is done. */
  complete(): void {
    this.#pending.shift()?.done();
  }

  /** The process ended, and left `durable`. */
  restart(durable: Durable): void {
    this.#pending = [];
    this.durable = durable;
  }

  read(name: string): Uint8Array {
    const path = `${this.directory}/${name}`;
    return fs.existsSync(path) ? fs.readFileSync(path) : new Uint8Array();
  }

  #isDatabase(file: number): boolean {
    return fs.fstatSync(file).ino === fs.statSync(`${this.directory}/${DATABASE}`).ino;
  }

  [Symbol.dispose](): void {
    this.#restore();
  }
}

/** A log, what it must hold, and what of its files is durable. */
class Bench {
  readonly #disk = DiskWatch.current;
  readonly #directory = Deno.makeTempDirSync({ prefix: "conductor-power-" });
  #log: SqliteRaftLog;
  #model = new MemoryLog();
  #files: Files;
  /** Notes in the marker that a power failure may bring back. */
  #oldNotes: Uint8Array[];
  #isOpen = true;

  constructor() {
    this.#disk.directory = this.#directory;
    this.#log = SqliteRaftLog.create(this.#directory, IDENTITY, { areaBytes: AREA_BYTES });
    this.#files = filesOf(this.#directory, NAMES);
    this.#oldNotes = [this.#files.get(MARKER)!.subarray(DURABLE_MARKER_BYTES)];
  }

  run({ syncsDone, write, then }: Step): void {
    for (let at = 0; at < syncsDone; at++) this.#disk.complete();
    const before = filesOf(this.#directory, NAMES);
    const modelBefore = copyOf(this.#model);
    const durableBefore = this.#disk.durable;
    perform(this.#log, write);
    perform(this.#model, write);
    assert.equal(memoryOf(this.#log), memoryOf(this.#model), "it reads otherwise than was written");
    const after = filesOf(this.#directory, NAMES);
    this.#oldNotes.push(after.get(MARKER)!.subarray(DURABLE_MARKER_BYTES));
    this.#files = after;
    switch (then.kind) {
      case "nothing":
        return;
      case "stop":
        this.#log.close();
        return this.#reopen(filesOf(this.#directory, NAMES), [this.#model]);
      case "kill": {
        const { durable } = this.#disk;
        this.#log.close();
        return this.#reopen(after, [this.#model], durable);
      }
      case "power": {
        const random = new Random(then.seed);
        const { stage } = then;
        const durable = stage === "database" ? durableBefore : this.#disk.durable;
        this.#log.close();
        const left = this.#powerless(before, after, stage, durable, random);
        const models = stage === "done" ? [this.#model] : [modelBefore, this.#model];
        return this.#reopen(left, models);
      }
    }
  }

  close(): void {
    if (this.#isOpen) this.#log.close();
    Deno.removeSync(this.#directory, { recursive: true });
  }

  /** What a power failure leaves. */
  #powerless(
    before: Files,
    after: Files,
    stage: Stage,
    durable: Durable,
    random: Random,
  ): Files {
    const left = new Map(stage === "database" ? before : after);
    left.set(DATABASE, undone(durable.database, left.get(DATABASE)!, random));
    const log = undone(durable.log, left.get(WAL)!, random);
    // When the log is begun anew, SQLite syncs its head first.
    log.set(left.get(WAL)!.subarray(0, Math.min(WAL_HEAD_BYTES, log.length)));
    left.set(WAL, log);
    const journals = [before.get(JOURNAL)!, after.get(JOURNAL)!] as const;
    left.set(
      JOURNAL,
      stage === "done"
        ? journals[1]
        : stage === "journal"
        ? mixed(...journals, random)
        : journals[0],
    );
    left.set(MARKER, this.#powerlessMarker(before, after, stage, random));
    return left;
  }

  #powerlessMarker(
    before: Files,
    after: Files,
    stage: Stage,
    random: Random,
  ): Uint8Array<ArrayBuffer> {
    const [old, now] = [before.get(MARKER)!, after.get(MARKER)!];
    const base = stage === "database"
      ? old.slice()
      : stage === "marker"
      ? mixed(old, now, random)
      : now.slice();
    // Of the notes, any sector may be of any time.
    for (let at = DURABLE_MARKER_BYTES; at < base.length; at += SECTOR_BYTES) {
      const times = this.#oldNotes.length - (stage === "done" ? 0 : 1);
      const notes = this.#oldNotes[random.below(Math.max(1, times))]!;
      const from = at - DURABLE_MARKER_BYTES;
      base.set(notes.subarray(from, from + SECTOR_BYTES), at);
    }
    return base;
  }

  #reopen(files: Files, models: readonly MemoryLog[], durable?: Durable): void {
    this.#isOpen = false;
    for (const { name } of Deno.readDirSync(this.#directory)) {
      Deno.removeSync(`${this.#directory}/${name}`);
    }
    for (const [name, bytes] of files) Deno.writeFileSync(`${this.#directory}/${name}`, bytes);
    this.#disk.restart(
      durable ?? { log: this.#disk.read(WAL), database: this.#disk.read(DATABASE) },
    );
    this.#log = SqliteRaftLog.open(this.#directory, { nodeId: "n1", clusterId: "c1" });
    this.#isOpen = true;
    const memory = memoryOf(this.#log);
    const model = models.find((each) => memoryOf(each) === memory);
    assert.ok(model !== undefined, "it holds neither what it held nor what was being written");
    this.#model = model;
    this.#files = filesOf(this.#directory, NAMES);
    this.#oldNotes = [this.#files.get(MARKER)!.subarray(DURABLE_MARKER_BYTES)];
  }
}

/** Does a write that fits the log's state. */
function perform(log: LogStore, write: Write): void {
  const { boundary, lastIndex, hardState } = log;
  const term = hardState.term + 1;
  switch (write.kind) {
    case "append": {
      const from = Math.max(boundary.index, lastIndex - write.cut) + 1;
      const entries = write.sizes.map((size, at) => entry(from + at, term, size));
      log.append(entries, { term, vote: "n1", commit: boundary.index });
      return;
    }
    case "vote":
      log.append([], { ...hardState, term, vote: null });
      return;
    case "compact": {
      const index = boundary.index + Math.floor((lastIndex - boundary.index) * write.part);
      if (index > boundary.index) {
        log.compact({ index, term: log.term(index), membership: MEMBERSHIP });
      }
      return;
    }
    case "reset":
      log.reset({ index: lastIndex + 5, term, membership: MEMBERSHIP }, {
        ...hardState,
        commit: lastIndex + 5,
      });
      return;
    case "install":
      log.setInstalling({ index: lastIndex + 5, term, membership: MEMBERSHIP });
      return;
  }
}

function entry(index: number, term: number, bytes: number): Entry {
  const data = new Uint8Array(bytes).fill(index % 251);
  return { index, term, kind: "command", data };
}

function copyOf(model: MemoryLog): MemoryLog {
  const copy = new MemoryLog();
  const { boundary, hardState, lastIndex, installing } = model;
  copy.reset(boundary, hardState);
  if (lastIndex > boundary.index) {
    copy.append(model.entries(boundary.index + 1, lastIndex, Infinity), hardState);
  }
  copy.setInstalling(installing);
  return copy;
}

function memoryOf(log: LogStore): string {
  const { hardState, boundary, installing, lastIndex } = log;
  const entries = lastIndex === boundary.index
    ? []
    : log.entries(boundary.index + 1, lastIndex, Infinity).map((each) =>
      `${each.index}@${each.term}:${each.data.length}x${each.data[0]}`
    );
  return JSON.stringify({ hardState, boundary, installing, lastIndex, entries });
}

/** Of what was written to a file since it was durable, any sectors, and any length. */
function undone(durable: Uint8Array, now: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  const old = new Uint8Array(now.length);
  old.set(durable.subarray(0, now.length));
  const shortest = Math.min(durable.length, now.length);
  const length = shortest + random.below(now.length - shortest + 1);
  const bytes = random.chance(0.5) ? new Uint8Array(now) : mixed(old, now, random);
  return bytes.slice(0, length);
}

/** Sectors of one or the other. */
function mixed(
  old: Uint8Array,
  now: Uint8Array,
  random: Random,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(now);
  for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
    if (random.chance(0.5)) {
      bytes.set(old.subarray(at, Math.min(at + SECTOR_BYTES, bytes.length)), at);
    }
  }
  return bytes;
}
