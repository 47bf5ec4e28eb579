import { type HeapItem, IndexedHeap } from "../jobs/mod.ts";

/** How sources become items, and how both compare. */
export interface Ordering<Source, Item extends HeapItem> {
  /** The item of a source, which comes no earlier than the source; undefined: there is none. */
  readonly open: (source: Source) => Item | undefined;
  readonly isBefore: (a: Item, b: Item) => boolean;
  /** Whether the item comes before whatever this source may become. */
  readonly isBeforeSource: (item: Item, source: Source) => boolean;
}

/**
 * Items in order, made from sources in order, as late as can be: a source is opened when nothing that
 * is open comes before it. Items may move back or leave.
 */
export class LazyOrder<Source, Item extends HeapItem> {
  readonly #ordering: Ordering<Source, Item>;
  readonly #sources: Iterator<Source>;
  readonly #open: IndexedHeap<Item>;
  #next: IteratorResult<Source>;

  constructor(sources: Iterator<Source>, ordering: Ordering<Source, Item>) {
    this.#ordering = ordering;
    this.#sources = sources;
    this.#open = new IndexedHeap(ordering.isBefore);
    this.#next = sources.next();
  }

  first(): Item | undefined {
    for (;;) {
      const first = this.#open.peek();
      if (this.#next.done === true) return first;
      const source = this.#next.value;
      if (first !== undefined && this.#ordering.isBeforeSource(first, source)) return first;
      const item = this.#ordering.open(source);
      if (item !== undefined) this.#open.push(item);
      this.#next = this.#sources.next();
    }
  }

  /** The item comes later than it did. */
  moved(item: Item): void {
    this.#open.reposition(item);
  }

  remove(item: Item): void {
    this.#open.remove(item);
  }
}
