/**
 * Things in the order of their `seq`, made for many that come at the end and leave anywhere:
 * leaving marks a gap, and gaps are swept out when they are more than what is left.
 *
 * @module
 */

import { invariant } from "./invariant.ts";

const gapsSweptMin = 1024;

export class SeqList<Item> {
  #seqs: number[] = [];
  #items: (Item | undefined)[] = [];
  #gaps = 0;

  get size(): number {
    return this.#items.length - this.#gaps;
  }

  add(seq: number, item: Item): void {
    const last = this.#seqs.at(-1);
    if (last === undefined || seq > last) {
      this.#seqs.push(seq);
      this.#items.push(item);
      return;
    }
    const at = this.#placeOf(seq);
    if (this.#seqs[at] === seq) {
      invariant(this.#items[at] === undefined, () => `seq ${seq} is there already`);
      this.#items[at] = item;
      this.#gaps--;
    } else {
      this.#seqs.splice(at, 0, seq);
      this.#items.splice(at, 0, item);
    }
  }

  remove(seq: number): void {
    const at = this.#placeOf(seq);
    invariant(
      this.#seqs[at] === seq && this.#items[at] !== undefined,
      () => `seq ${seq} is not there`,
    );
    this.#items[at] = undefined;
    this.#gaps++;
    if (this.#gaps >= gapsSweptMin && this.#gaps * 2 > this.#items.length) this.#sweep();
  }

  /** Of ranges that begin at their `seq` and do not overlap: the only one that can hold this one. */
  range(seq: number): Item | undefined {
    // Where one was that left, there is no other.
    return this.#items[this.#placeOf(seq + 1) - 1];
  }

  /** From the greatest `seq` below `fromSeq` downwards. The list must not change meanwhile. */
  *newest(fromSeq = Infinity): Generator<Item> {
    let at = fromSeq === Infinity ? this.#seqs.length : this.#placeOf(fromSeq);
    while (--at >= 0) {
      const item = this.#items[at];
      if (item !== undefined) yield item;
    }
  }

  /** From the least `seq` above `fromSeq` upwards. The list must not change meanwhile. */
  *oldest(fromSeq = -Infinity): Generator<Item> {
    let at = fromSeq === -Infinity ? 0 : this.#placeOf(fromSeq + 1);
    for (; at < this.#items.length; at++) {
      const item = this.#items[at];
      if (item !== undefined) yield item;
    }
  }

  /** The first place whose `seq` is not less. */
  #placeOf(seq: number): number {
    let low = 0;
    let high = this.#seqs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#seqs[middle]! < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #sweep(): void {
    const seqs: number[] = [];
    const items: Item[] = [];
    for (let at = 0; at < this.#items.length; at++) {
      const item = this.#items[at];
      if (item === undefined) continue;
      seqs.push(this.#seqs[at]!);
      items.push(item);
    }
    this.#seqs = seqs;
    this.#items = items;
    this.#gaps = 0;
  }
}
