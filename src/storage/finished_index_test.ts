import assert from "node:assert/strict";
import fc from "fast-check";
import { FinishedIndex, type FinishedTest } from "./finished_index.ts";
import { encodeHeads, type FinishedHead, FinishedHeads } from "./finished_page.ts";

const KINDS = 5;

/** Numbers of every width; hashes and ends of which many are alike. */
const head: fc.Arbitrary<FinishedHead> = fc.record({
  seq: fc.oneof(
    { weight: 6, arbitrary: fc.nat(300) },
    { weight: 4, arbitrary: fc.nat(9_000) },
    { weight: 1, arbitrary: fc.maxSafeNat() },
  ),
  ended: fc.oneof(fc.nat(20), fc.nat(2 ** 31), fc.maxSafeNat()),
  kind: fc.integer({ min: 1, max: KINDS }),
  worker: fc.constantFrom(1, 2, 255, 256, 65_535, 65_536, 2 ** 32),
  hash: fc.oneof(fc.constantFrom(0, 1, 2, 4_095, 2 ** 32 - 1), fc.nat(2 ** 31)),
});

/** A batch: some leave, some of the rest move, and some come. */
const batch = fc.record({
  keepOneIn: fc.option(fc.integer({ min: 1, max: 40 }), { nil: 1 }),
  movedTo: fc.option(fc.constantFrom(7, 70_000), { nil: undefined, freq: 2 }),
  put: fc.oneof(
    { weight: 2, arbitrary: fc.array(head, { minLength: 1, maxLength: 200, size: "max" }) },
    { weight: 1, arbitrary: fc.constant([]) },
  ),
  page: fc.constantFrom(1, 255, 256, 65_536, 2 ** 32),
  isTakenBack: fc.boolean(),
});

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: batch },
    { weight: 1, arbitrary: fc.constant("again" as const) },
  ),
  { minLength: 1, maxLength: 20, size: "max" },
);

type Known = Map<number, { readonly head: FinishedHead; readonly page: number }>;

/** The same, as it is made at a start. */
function loaded(known: Known): FinishedIndex {
  const index = new FinishedIndex();
  for (const { head, page } of known.values()) {
    index.load(new FinishedHeads(encodeHeads([head])), page);
  }
  index.ready();
  return index;
}

function assertAlike(index: FinishedIndex, known: Known): void {
  const all = [...known.values()].map(({ head }) => head).sort((a, b) => a.seq - b.seq);
  assert.equal(index.count, all.length);
  for (const { seq, hash } of all) {
    assert.equal(index.pageOf(seq), known.get(seq)!.page);
    const alike = all.filter((other) => other.hash === hash).map((other) => other.seq);
    assert.deepEqual([...index.candidates(hash)].sort((a, b) => a - b), alike);
  }
  assert.equal(index.pageOf(301), known.get(301)?.page);
  const middle = all[Math.floor(all.length / 2)];
  for (const kinds of [[1], [2, 3], [1, 2, 3, 4, 5], []]) {
    for (const worker of [undefined, 256]) {
      for (const [seqMin, seqMax] of [[0, Infinity], [middle?.seq ?? 0, 8_000]] as const) {
        const flags = Uint8Array.from({ length: KINDS + 1 }, (_, at) => kinds.includes(at) ? 1 : 0);
        const test: FinishedTest = { kinds: flags, worker, seqMin, seqMax };
        const found = all.filter(({ seq, kind, worker: its }) =>
          kinds.includes(kind) && (worker === undefined || its === worker) &&
          seq >= seqMin && seq <= seqMax
        );
        const seqs = found.map(({ seq }) => seq);
        assert.deepEqual([...index.seqs(test, false, 3)], seqs.slice(3));
        assert.deepEqual([...index.seqs(test, true, 1)], seqs.toReversed().slice(1));
        assert.equal(index.countOf(test, 1_000), Math.min(1_000, seqs.length));
        const byEnd = found.map(({ seq, ended }) => ({ completedAtMs: ended, seq }))
          .sort((a, b) => a.completedAtMs - b.completedAtMs || a.seq - b.seq);
        const from = byEnd[Math.floor(byEnd.length / 3)];
        const after = byEnd.slice(Math.floor(byEnd.length / 3) + 1);
        assert.deepEqual(index.byEnd(test, "first_finished", undefined, 5), byEnd.slice(0, 5));
        assert.deepEqual(
          index.byEnd(test, "last_finished", undefined, 4),
          byEnd.toReversed().slice(0, 4),
        );
        if (from !== undefined) {
          assert.deepEqual(index.byEnd(test, "first_finished", from, 3), after.slice(0, 3));
        }
      }
    }
  }
}

Deno.test("whatever jobs come and go, or had come in a batch that was undone, the index finds those of a plain list", () => {
  fc.assert(
    fc.property(steps, (steps) => {
      let index = new FinishedIndex();
      let known: Known = new Map();
      for (const step of steps) {
        if (step === "again") {
          index = loaded(known);
          continue;
        }
        const after: Known = new Map(known);
        for (const [at, seq] of [...known.keys()].entries()) {
          if (at % step.keepOneIn === 0) continue;
          after.delete(seq);
          index.remove(seq);
        }
        for (const [seq, { head }] of after) {
          if (step.movedTo === undefined || seq % 3 > 0) continue;
          after.set(seq, { head, page: step.movedTo });
          index.move(seq, step.movedTo);
        }
        for (const head of step.put) {
          if (after.has(head.seq)) continue;
          after.set(head.seq, { head, page: step.page });
          index.put(head, step.page);
        }
        if (step.isTakenBack) {
          index.takeBack();
        } else {
          index.keep();
          known = after;
        }
      }
      assertAlike(index, known);
      assertAlike(loaded(known), known);
    }),
    { numRuns: 60 },
  );
});

Deno.test("a job in two pages is damage", () => {
  const heads = new FinishedHeads(
    encodeHeads([{ seq: 7, ended: 1, kind: 1, worker: 1, hash: 1 }]),
  );
  const index = new FinishedIndex();
  index.load(heads, 1);
  assert.throws(() => index.load(heads, 2), { name: "RowDamaged", message: /number 7/ });
});
