/**
 * A binary heap whose items know their place in it, so that any item can leave in O(log n), and
 * which can be read in order without being taken apart.
 *
 * @module
 */

import { inconsistent } from "./invariant.ts";

/** An item is in one heap at a time; the heap alone writes `heapIndex`, -1 when it is in none. */
export interface HeapItem {
  heapIndex: number;
}

/** The least item by `before` is first. `before` must be a strict total order. */
export class IndexedHeap<Item extends HeapItem> {
  readonly #items: Item[] = [];
  #before: (a: Item, b: Item) => boolean;

  constructor(before: (a: Item, b: Item) => boolean) {
    this.#before = before;
  }

  /** Orders what is in it, and what comes, by another `before`. n items cost O(n). */
  reorder(before: (a: Item, b: Item) => boolean): void {
    this.#before = before;
    for (let index = (this.#items.length >> 1) - 1; index >= 0; index--) this.#siftDown(index);
  }

  get size(): number {
    return this.#items.length;
  }

  peek(): Item | undefined {
    return this.#items[0];
  }

  push(item: Item): void {
    if (item.heapIndex !== -1) {
      throw inconsistent(`an item at ${item.heapIndex} enters a second heap`);
    }
    item.heapIndex = this.#items.length;
    this.#items.push(item);
    this.#siftUp(item.heapIndex);
  }

  remove(item: Item): void {
    const index = item.heapIndex;
    if (this.#items[index] !== item) throw inconsistent(`no such item at ${index} of ${this.size}`);
    const last = this.#items.pop()!;
    item.heapIndex = -1;
    if (last === item) return;
    this.#items[index] = last;
    last.heapIndex = index;
    this.#siftDown(index);
    this.#siftUp(last.heapIndex);
  }

  /** Puts an item where it now belongs, after what it is ordered by has changed. */
  reposition(item: Item): void {
    const index = item.heapIndex;
    if (this.#items[index] !== item) throw inconsistent(`no such item at ${index} of ${this.size}`);
    this.#siftUp(index);
    this.#siftDown(item.heapIndex);
  }

  /** Every item, in no order. */
  items(): readonly Item[] {
    return this.#items;
  }

  /** Items from the first on. The heap must not change meanwhile. k items cost O(k log k). */
  inOrder(): Iterator<Item> {
    return new OrderedReader(this.#items, this.#before);
  }

  #siftUp(index: number): void {
    const items = this.#items;
    const item = items[index]!;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = items[parentIndex]!;
      if (!this.#before(item, parent)) break;
      items[index] = parent;
      parent.heapIndex = index;
      index = parentIndex;
    }
    items[index] = item;
    item.heapIndex = index;
  }

  #siftDown(index: number): void {
    const items = this.#items;
    const item = items[index]!;
    for (;;) {
      let childIndex = 2 * index + 1;
      if (childIndex >= items.length) break;
      const right = items[childIndex + 1];
      if (right !== undefined && this.#before(right, items[childIndex]!)) childIndex++;
      const child = items[childIndex]!;
      if (!this.#before(child, item)) break;
      items[index] = child;
      child.heapIndex = index;
      index = childIndex;
    }
    items[index] = item;
    item.heapIndex = index;
  }
}

/** Reads a heap in order by keeping, in a small heap of its own, the items that may come next. */
class OrderedReader<Item> implements Iterator<Item> {
  readonly #items: readonly Item[];
  readonly #before: (a: Item, b: Item) => boolean;
  /** Places in `#items`, itself a heap. */
  readonly #frontier: number[] = [];

  constructor(items: readonly Item[], before: (a: Item, b: Item) => boolean) {
    this.#items = items;
    this.#before = before;
    if (items.length > 0) this.#frontier.push(0);
  }

  next(): IteratorResult<Item, undefined> {
    const index = this.#frontier[0];
    if (index === undefined) return { done: true, value: undefined };
    const left = 2 * index + 1;
    if (left < this.#items.length) this.#replaceFirst(left);
    else this.#removeFirst();
    if (left + 1 < this.#items.length) this.#push(left + 1);
    return { done: false, value: this.#items[index]! };
  }

  #isBefore(a: number, b: number): boolean {
    return this.#before(this.#items[a]!, this.#items[b]!);
  }

  #push(place: number): void {
    const frontier = this.#frontier;
    let at = frontier.length;
    frontier.push(place);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      if (!this.#isBefore(place, frontier[parentAt]!)) break;
      frontier[at] = frontier[parentAt]!;
      at = parentAt;
    }
    frontier[at] = place;
  }

  #removeFirst(): void {
    const last = this.#frontier.pop()!;
    if (this.#frontier.length > 0) this.#replaceFirst(last);
  }

  #replaceFirst(place: number): void {
    const frontier = this.#frontier;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      if (childAt >= frontier.length) break;
      if (
        childAt + 1 < frontier.length &&
        this.#isBefore(frontier[childAt + 1]!, frontier[childAt]!)
      ) childAt++;
      if (!this.#isBefore(frontier[childAt]!, place)) break;
      frontier[at] = frontier[childAt]!;
      at = childAt;
    }
    frontier[at] = place;
  }
}
