import assert from "node:assert/strict";
import fc from "fast-check";
import { type HeapItem, IndexedHeap } from "./heap.ts";

class Item implements HeapItem {
  heapIndex = -1;
  constructor(readonly rank: number, readonly order: number) {}
}

const before = (a: Item, b: Item) => a.rank !== b.rank ? a.rank < b.rank : a.order < b.order;

const step = fc.oneof(
  fc.record({ kind: fc.constant("push" as const), rank: fc.nat(20) }),
  fc.record({ kind: fc.constant("remove" as const), which: fc.nat() }),
);

Deno.test("a heap is read in order whatever was pushed and removed before", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      const heap = new IndexedHeap<Item>(before);
      const twin: Item[] = [];
      steps.forEach((each, order) => {
        if (each.kind === "push") {
          const item = new Item(each.rank, order);
          heap.push(item);
          twin.push(item);
        } else if (twin.length > 0) {
          const [item] = twin.splice(each.which % twin.length, 1);
          heap.remove(item!);
          assert.equal(item!.heapIndex, -1);
        }
        twin.sort((a, b) => (before(a, b) ? -1 : 1));
        assert.equal(heap.peek(), twin[0]);
        assert.equal(heap.size, twin.length);
      });
      const reader = heap.inOrder();
      for (const expected of twin) assert.equal(reader.next().value, expected);
      assert.equal(reader.next().done, true);
      assert.deepEqual(new Set(heap.items()), new Set(twin));
    }),
  );
});

Deno.test("a heap that is put in another order is read in that one, and stays in it", () => {
  const otherWay = (a: Item, b: Item) => before(b, a);
  const ranks = fc.array(fc.nat(20), { maxLength: 60 });
  fc.assert(
    fc.property(ranks, ranks, (there, coming) => {
      const heap = new IndexedHeap<Item>(before);
      const items = [...there, ...coming].map((rank, order) => new Item(rank, order));
      for (const item of items.slice(0, there.length)) heap.push(item);
      heap.reorder(otherWay);
      for (const item of items.slice(there.length)) heap.push(item);
      for (const expected of items.toSorted((a, b) => (otherWay(a, b) ? -1 : 1))) {
        assert.equal(heap.peek(), expected);
        heap.remove(expected);
      }
    }),
  );
});

Deno.test("an item enters no second heap, and leaves only the heap that it is in", () => {
  const heap = new IndexedHeap<Item>(before);
  const item = new Item(1, 1);
  heap.push(item);
  assert.throws(() => new IndexedHeap<Item>(before).push(item), { name: "InvariantError" });
  assert.throws(() => heap.remove(new Item(1, 2)), { name: "InvariantError" });
});
