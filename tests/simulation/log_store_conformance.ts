/** What every log store must do: one suite for SQLite and for the simulated disk. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeMembership, MemoryLog } from "../../src/raft/mod.ts";
import type { Entry, HardState, LogStore, Membership } from "../../src/raft/mod.ts";

/** A store, and a way to see what a restart finds. */
export interface StoreUnderTest {
  readonly store: LogStore;
  /** Ends the process and opens what it left. */
  reopen(): LogStore;
  dispose(): void;
}

const HARD: HardState = { term: 3, vote: "b", commit: 0 };
const MEMBERSHIP: Membership = {
  voters: [{ id: "a", address: "a:1", incarnation: "x" }],
  learners: [],
};

/** Registers the suite for the stores that `make` makes. */
export function testLogStore(name: string, make: () => StoreUnderTest): void {
  const test = (sentence: string, run: (under: StoreUnderTest) => void) => {
    Deno.test(`${name}: ${sentence}`, () => {
      const under = make();
      try {
        run(under);
      } finally {
        under.dispose();
      }
    });
  };

  test("a new log is empty, in term 0, without a vote", ({ store }) => {
    assert.equal(store.lastIndex, 0);
    assert.deepEqual(store.hardState, { term: 0, vote: null, commit: 0 });
    assert.deepEqual(store.boundary, {
      index: 0,
      term: 0,
      membership: { voters: [], learners: [] },
    });
    assert.equal(store.installing, undefined);
  });

  test("what was appended is there after a restart", (under) => {
    const entries = series(1, 10, 2);
    under.store.append(entries, HARD);
    const store = under.reopen();
    assert.deepEqual(store.hardState, HARD);
    assert.equal(store.lastIndex, 10);
    assert.deepEqual(plain(store.entries(1, 10, Infinity)), plain(entries));
    assert.equal(store.term(10), 2);
  });

  test("a vote is there after a restart, without any entry", (under) => {
    under.store.append([], { term: 7, vote: "c", commit: 0 });
    assert.deepEqual(under.reopen().hardState, { term: 7, vote: "c", commit: 0 });
  });

  for (const cut of [1, 3, 5, 6, 8, 10]) {
    test(`an append at ${cut} takes the place of it and of all behind`, (under) => {
      under.store.append(series(1, 5, 1), HARD);
      under.store.append(series(6, 10, 2), HARD);
      under.store.append(series(cut, cut + 1, 3), HARD);
      for (const store of [under.store, under.reopen()]) {
        assert.equal(store.lastIndex, cut + 1);
        const terms = store.entries(1, cut + 1, Infinity).map(({ term }) => term);
        const before = [1, 1, 1, 1, 1, 2, 2, 2, 2, 2].slice(0, cut - 1);
        assert.deepEqual(terms, [...before, 3, 3]);
        assert.equal(store.term(cut), 3);
        if (cut > 1) assert.equal(store.term(cut - 1), before.at(-1));
      }
    });
  }

  test("reading ends at the bound of bytes, but gives one entry at least", ({ store }) => {
    store.append(series(1, 10, 1), HARD);
    assert.equal(store.entries(1, 10, 1).length, 1);
    const size = 32 + new TextEncoder().encode("1@1").length;
    assert.equal(store.entries(1, 9, 3 * size).length, 3);
  });

  for (const boundary of [1, 4, 5, 7, 10]) {
    test(`compaction to ${boundary} leaves all behind it, and its term`, (under) => {
      under.store.append(series(1, 5, 1), HARD);
      under.store.append(series(6, 10, 2), HARD);
      const term = under.store.term(boundary);
      under.store.compact({ index: boundary, term, membership: MEMBERSHIP });
      for (const store of [under.store, under.reopen()]) {
        assert.deepEqual(store.boundary, { index: boundary, term, membership: MEMBERSHIP });
        assert.equal(store.term(boundary), term);
        assert.throws(() => store.entries(boundary, 10, Infinity));
        if (boundary < 10) {
          assert.equal(store.entries(boundary + 1, 10, Infinity)[0]?.index, boundary + 1);
        }
        assert.equal(store.lastIndex, 10);
      }
    });
  }

  test("a compacted log goes on growing and being cut", (under) => {
    under.store.append(series(1, 10, 1), HARD);
    under.store.compact({ index: 7, term: 1, membership: MEMBERSHIP });
    under.store.append(series(9, 12, 2), HARD);
    const store = under.reopen();
    assert.deepEqual(store.entries(8, 12, Infinity).map(({ term }) => term), [1, 2, 2, 2, 2]);
  });

  test("membership entries are found again, those cut or compacted are not", (under) => {
    const entries = series(1, 6, 1).map((each) =>
      each.index % 2 === 0
        ? { ...each, kind: "membership" as const, data: encodeMembership(MEMBERSHIP) }
        : each
    );
    under.store.append(entries, HARD);
    under.store.append(series(6, 6, 2), HARD);
    under.store.compact({ index: 2, term: 1, membership: MEMBERSHIP });
    assert.deepEqual(under.reopen().membershipEntries().map(({ index }) => index), [4]);
  });

  test("a reset empties the log and starts it behind the snapshot", (under) => {
    under.store.append(series(1, 10, 1), HARD);
    const boundary = { index: 20, term: 3, membership: MEMBERSHIP };
    under.store.setInstalling(boundary);
    assert.deepEqual(under.reopen().installing, boundary);
  });

  test("a reset clears the note of the snapshot that is being installed", (under) => {
    under.store.append(series(1, 10, 1), HARD);
    const boundary = { index: 20, term: 3, membership: MEMBERSHIP };
    under.store.setInstalling(boundary);
    under.store.reset(boundary, { ...HARD, commit: 20 });
    const store = under.reopen();
    assert.equal(store.installing, undefined);
    assert.deepEqual([store.boundary.index, store.lastIndex, store.term(20)], [20, 20, 3]);
    store.append(series(21, 22, 4), { ...HARD, term: 4 });
    assert.equal(store.lastIndex, 22);
  });

  Deno.test(`${name}: whatever is written, it reads as a plain list of entries would`, () => {
    fc.assert(
      fc.property(fc.array(operation(), { maxLength: 25 }), (operations) => {
        const under = make();
        try {
          followsModel(under, operations);
        } finally {
          under.dispose();
        }
      }),
      { numRuns: 25 },
    );
  });
}

/** Of an entry: 32 bytes and a few digits. */
const ENTRY_BYTES_MAX = 48;

type Operation =
  | {
    readonly kind: "append";
    readonly back: number;
    readonly count: number;
    readonly term: number;
  }
  | { readonly kind: "compact"; readonly part: number }
  | { readonly kind: "reopen" };

function operation(): fc.Arbitrary<Operation> {
  return fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("append" as const),
        back: fc.nat(4),
        count: fc.integer({ min: 1, max: 6 }),
        term: fc.integer({ min: 1, max: 9 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("compact" as const), part: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.constant({ kind: "reopen" as const }) },
  );
}

function followsModel(under: StoreUnderTest, operations: readonly Operation[]): void {
  const model = new MemoryLog();
  let store: LogStore = under.store;
  // Where rows begin: an append that cuts into a row keeps what stays of it in its own.
  let rows: number[] = [];
  for (const each of operations) {
    if (each.kind === "reopen") {
      store = under.reopen();
    } else if (each.kind === "append") {
      const first = Math.max(model.boundary.index + 1, model.lastIndex + 1 - each.back);
      const entries = series(first, first + each.count - 1, each.term);
      if (first > model.lastIndex) rows.push(first);
      rows = rows.filter((row) => row <= first);
      for (const log of [model, store]) log.append(entries, HARD);
    } else {
      const { index: start } = model.boundary;
      const index = start + Math.floor(((model.lastIndex - start) * each.part) / 3);
      const boundary = { index, term: model.term(index), membership: MEMBERSHIP };
      if (index > start) { for (const log of [model, store]) log.compact(boundary); }
    }
    assert.equal(store.lastIndex, model.lastIndex);
    assert.deepEqual(store.boundary, model.boundary);
    // A compaction amid a row may count all of that.
    assert.ok(store.retainedBytes >= model.retainedBytes);
    if (model.boundary.index === 0) assert.equal(store.retainedBytes, model.retainedBytes);
    const boundary = model.boundary.index;
    const row = rows.findLast((row) => row <= boundary + 1) ?? boundary + 1;
    const below = (boundary + 1 - row) * ENTRY_BYTES_MAX;
    assert.ok(store.retainedBytes <= model.retainedBytes + below);
    const from = model.boundary.index + 1;
    if (from > model.lastIndex) continue;
    assert.deepEqual(
      plain(store.entries(from, model.lastIndex, Infinity)),
      plain(model.entries(from, model.lastIndex, Infinity)),
    );
    for (let index = from; index <= model.lastIndex; index++) {
      assert.equal(store.term(index), model.term(index));
    }
  }
}

/** Entries `from` to `through` of `term`, each holding its place as text. */
function series(from: number, through: number, term: number): Entry[] {
  const entries: Entry[] = [];
  for (let index = from; index <= through; index++) {
    const data = new TextEncoder().encode(`${index}@${term}`);
    entries.push({ index, term, kind: "command", data });
  }
  return entries;
}

function plain(entries: readonly Entry[]) {
  return entries.map(({ data, ...rest }) => ({ ...rest, text: new TextDecoder().decode(data) }));
}
