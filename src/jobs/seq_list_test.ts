import assert from "node:assert/strict";
import fc from "fast-check";
import { SeqList } from "./seq_list.ts";

/** Adds mostly at the end, removes anywhere, and adds back what was removed. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("append" as const), gap: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("return" as const), which: fc.nat() }) },
);

function check(list: SeqList<string>, twin: ReadonlyMap<number, string>, from: number): void {
  const sorted = [...twin].sort(([a], [b]) => a - b);
  assert.equal(list.size, twin.size);
  assert.deepEqual([...list.oldest()], sorted.map(([, item]) => item));
  assert.deepEqual([...list.newest()], sorted.toReversed().map(([, item]) => item));
  assert.deepEqual(
    [...list.oldest(from)],
    sorted.filter(([seq]) => seq > from).map(([, item]) => item),
  );
  assert.deepEqual(
    [...list.newest(from)],
    sorted.filter(([seq]) => seq < from).toReversed().map(([, item]) => item),
  );
}

Deno.test("a list is in the order of seq whatever came, left and came back", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), fc.nat(100), (steps, from) => {
      const list = new SeqList<string>();
      const twin = new Map<number, string>();
      const removed: number[] = [];
      let last = 0;
      for (const each of steps) {
        if (each.kind === "append") {
          last += 1 + each.gap;
          list.add(last, `item ${last}`);
          twin.set(last, `item ${last}`);
        } else if (each.kind === "remove" && twin.size > 0) {
          const seq = [...twin.keys()][each.which % twin.size]!;
          list.remove(seq);
          twin.delete(seq);
          removed.push(seq);
        } else if (each.kind === "return" && removed.length > 0) {
          const [seq] = removed.splice(each.which % removed.length, 1);
          list.add(seq!, `again ${seq}`);
          twin.set(seq!, `again ${seq}`);
        }
      }
      check(list, twin, from);
    }),
  );
});

Deno.test("gaps are swept out, and what is between them stays", () => {
  const list = new SeqList<string>();
  const twin = new Map<number, string>();
  for (let seq = 1; seq <= 5000; seq++) list.add(seq, `item ${seq}`);
  for (let seq = 1; seq <= 5000; seq++) {
    if (seq % 10 === 0) twin.set(seq, `item ${seq}`);
    else list.remove(seq);
  }
  check(list, twin, 2500);
  list.add(7, "back again");
  twin.set(7, "back again");
  check(list, twin, 8);
});

Deno.test("what is there is not added again, and what is not there does not leave", () => {
  const list = new SeqList<string>();
  list.add(1, "one");
  list.add(3, "three");
  assert.throws(() => list.add(1, "one"), { name: "InvariantError" });
  assert.throws(() => list.remove(2), { name: "InvariantError" });
});

Deno.test("of ranges the one that holds a number is found, whatever ranges left", () => {
  const list = new SeqList<{ first: number; last: number }>();
  const ranges = new Map<number, { first: number; last: number }>();
  for (let first = 10; first < 50_000; first += 10) {
    ranges.set(first, { first, last: first + first % 9 });
    list.add(first, ranges.get(first)!);
  }
  const check = () => {
    for (let seq = 0; seq < 50_010; seq += 3) {
      const found = list.range(seq);
      const expected = ranges.get(Math.floor(seq / 10) * 10);
      const isIn = expected !== undefined && seq <= expected.last;
      assert.equal(
        found !== undefined && seq <= found.last ? found : undefined,
        isIn ? expected : undefined,
      );
    }
  };
  check();
  for (const { first } of [...ranges.values()]) {
    if (first % 70 === 0) continue;
    ranges.delete(first);
    list.remove(first);
    if (first === 20_000) check();
  }
  check();
});
