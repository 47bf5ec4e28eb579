/**
 * Power failures and kills of a Raft log at any step of any write, against a model. What was not
 * fsynced is undone in parts, sector by sector; what was, is there. Afterwards the log opens, and holds
 * all that it had acknowledged, and besides that at most the one write that was under way.
 */

import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
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
/** A few appends to an area, so that areas change all the time. */
const AREA_BYTES = 4 * BLOCK_BYTES;
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
  readonly write: Write;
  readonly then:
    | { readonly kind: "nothing" | "stop" | "kill" }
    | { readonly kind: "power"; readonly stage: Stage; readonly seed: number };
}

function step(): fc.Arbitrary<Step> {
  // Rarely more than an area holds: such a write makes all durable that is before it.
  const size = fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(50, 3_000) },
    { weight: 1, arbitrary: fc.constant(20_000) },
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
  return fc.record({ write, then });
}

Deno.test("whatever is written and wherever the power fails, what was acknowledged is there", () => {
  using _watch = new WalWatch();
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
      examples: [1, 2, 3, 4].map((seed) => [largeAppendThenPowerFailure(seed)]),
    },
  );
});

/** What no area holds is acknowledged when the database has it durably. */
function largeAppendThenPowerFailure(seed: number): Step[] {
  const append = (size: number): Write => ({ kind: "append", cut: 0, sizes: [size] });
  return [
    { write: append(50), then: { kind: "nothing" } },
    { write: append(2 * AREA_BYTES), then: { kind: "power", stage: "done", seed } },
  ];
}

/**
 * Knows how much of the write-ahead log is durable, by what SQLite is asked for: a commit is only if it
 * is to be synchronous in full, and a checkpoint moves all of it into the database.
 */
class WalWatch implements Disposable {
  /** Of the log that is looked at. */
  static path = "";
  static syncedBytes = 0;
  readonly #exec = DatabaseSync.prototype.exec;
  readonly #run = StatementSync.prototype.run;
  readonly #get = StatementSync.prototype.get;

  constructor() {
    const [exec, run, get] = [this.#exec, this.#run, this.#get];
    let isFull = false;
    DatabaseSync.prototype.exec = function (sql) {
      const mode = /synchronous = (\w+)/.exec(sql)?.[1];
      if (mode !== undefined) isFull = mode === "FULL";
      return exec.call(this, sql);
    };
    StatementSync.prototype.run = function (...values) {
      const result = Reflect.apply(run, this, values);
      if (isFull && this.sourceSQL === "COMMIT") WalWatch.syncedBytes = walBytes();
      return result;
    };
    StatementSync.prototype.get = function (...values) {
      const result = Reflect.apply(get, this, values);
      if (this.sourceSQL.includes("wal_checkpoint")) WalWatch.syncedBytes = 0;
      return result;
    };
  }

  [Symbol.dispose](): void {
    DatabaseSync.prototype.exec = this.#exec;
    StatementSync.prototype.run = this.#run;
    StatementSync.prototype.get = this.#get;
  }
}

function walBytes(): number {
  return existsSync(WalWatch.path) ? statSync(WalWatch.path).size : 0;
}

/** A log, what it must hold, and what of its files is durable. */
class Bench {
  readonly #directory = Deno.makeTempDirSync({ prefix: "conductor-power-" });
  #log: SqliteRaftLog = SqliteRaftLog.create(this.#directory, IDENTITY, AREA_BYTES);
  #model = new MemoryLog();
  #files: Files = filesOf(this.#directory, NAMES);
  /** Notes in the marker that a power failure may bring back. */
  #oldNotes: Uint8Array[] = [this.#files.get(MARKER)!.subarray(DURABLE_MARKER_BYTES)];
  #isOpen = true;

  constructor() {
    WalWatch.path = `${this.#directory}/${WAL}`;
    WalWatch.syncedBytes = 0;
  }

  run({ write, then }: Step): void {
    const before = this.#files;
    const modelBefore = copyOf(this.#model);
    const syncedBefore = this.#syncedWalBytes;
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
        return this.#reopen(filesOf(this.#directory, NAMES), [this.#model], 0);
      case "kill": {
        const synced = this.#syncedWalBytes;
        this.#log.close();
        return this.#reopen(after, [this.#model], synced);
      }
      case "power": {
        const random = new Random(then.seed);
        const { stage } = then;
        const synced = stage === "database" ? syncedBefore : this.#syncedWalBytes;
        this.#log.close();
        const left = this.#powerless(before, after, stage, synced, random);
        const models = stage === "done" ? [this.#model] : [modelBefore, this.#model];
        return this.#reopen(left, models, synced);
      }
    }
  }

  get #syncedWalBytes(): number {
    return WalWatch.syncedBytes;
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
    syncedWalBytes: number,
    random: Random,
  ): Files {
    const left = new Map(stage === "database" ? before : after);
    const wal = left.get(WAL);
    if (wal !== undefined && wal.length > syncedWalBytes) {
      const length = syncedWalBytes + random.below(wal.length - syncedWalBytes + 1);
      const torn = mixed(new Uint8Array(wal.length), wal, random).subarray(0, length);
      torn.set(wal.subarray(0, syncedWalBytes));
      left.set(WAL, random.chance(0.5) ? wal.slice(0, length) : torn);
    }
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

  #reopen(files: Files, models: readonly MemoryLog[], syncedWalBytes: number): void {
    this.#isOpen = false;
    for (const { name } of Deno.readDirSync(this.#directory)) {
      Deno.removeSync(`${this.#directory}/${name}`);
    }
    for (const [name, bytes] of files) Deno.writeFileSync(`${this.#directory}/${name}`, bytes);
    WalWatch.syncedBytes = Math.min(syncedWalBytes, walBytes());
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
