/**
 * Things in the order of their `seq`, made for many that come at the end and leave anywhere. They lie in
 * chunks, so that a long list is never copied: leaving marks a gap in a chunk, and gaps are swept out
 * of it when they are more than what is left there.
 *
 * @module
 */

import { inconsistent } from "./invariant.ts";

const CHUNK_ITEMS_MAX = 512;
const GAPS_SWEPT_MIN = 64;

interface Chunk<Item> {
  seqs: number[];
  items: (Item | undefined)[];
  left: number;
}

export class SeqList<Item> {
  /** None of them is empty. */
  readonly #chunks: Chunk<Item>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(seq: number, item: Item): void {
    this.#size++;
    const last = this.#chunks.at(-1);
    if (last === undefined || seq > last.seqs.at(-1)!) {
      if (last === undefined || last.seqs.length >= CHUNK_ITEMS_MAX) {
        this.#chunks.push({ seqs: [seq], items: [item], left: 1 });
        return;
      }
      last.seqs.push(seq);
      last.items.push(item);
      last.left++;
      return;
    }
    const chunk = this.#chunks[Math.max(0, this.#chunkAfter(seq) - 1)]!;
    const at = placeOf(chunk, seq);
    if (chunk.seqs[at] === seq) {
      if (chunk.items[at] !== undefined) throw inconsistent(`seq ${seq} is there already`);
      chunk.items[at] = item;
    } else {
      chunk.seqs.splice(at, 0, seq);
      chunk.items.splice(at, 0, item);
    }
    chunk.left++;
  }

  remove(seq: number): void {
    const chunkAt = this.#chunkAfter(seq) - 1;
    const chunk = this.#chunks[chunkAt];
    const at = chunk === undefined ? -1 : placeOf(chunk, seq);
    if (chunk?.seqs[at] !== seq || chunk.items[at] === undefined) {
      throw inconsistent(`seq ${seq} is not there`);
    }
    chunk.items[at] = undefined;
    chunk.left--;
    this.#size--;
    if (chunk.left === 0) this.#chunks.splice(chunkAt, 1);
    else sweepIfWorthwhile(chunk);
  }

  /** Of ranges that begin at their `seq` and do not overlap: the only one that can hold this one. */
  range(seq: number): Item | undefined {
    const chunk = this.#chunks[this.#chunkAfter(seq) - 1];
    // Where one was that left, there is no other.
    return chunk?.items[placeOf(chunk, seq + 1) - 1];
  }

  /** From the greatest `seq` below `fromSeq` downwards. The list must not change meanwhile. */
  *newest(fromSeq = Infinity): Generator<Item> {
    for (let chunkAt = this.#chunkAfter(fromSeq); --chunkAt >= 0;) {
      const chunk = this.#chunks[chunkAt]!;
      for (let at = placeOf(chunk, fromSeq); --at >= 0;) {
        const item = chunk.items[at];
        if (item !== undefined) yield item;
      }
    }
  }

  /** From the least `seq` above `fromSeq` upwards. The list must not change meanwhile. */
  *oldest(fromSeq = -Infinity): Generator<Item> {
    let chunkAt = Math.max(0, this.#chunkAfter(fromSeq) - 1);
    for (; chunkAt < this.#chunks.length; chunkAt++) {
      const chunk = this.#chunks[chunkAt]!;
      for (let at = placeOf(chunk, fromSeq + 1); at < chunk.items.length; at++) {
        const item = chunk.items[at];
        if (item !== undefined) yield item;
      }
    }
  }

  /** The first chunk that begins after `seq`. */
  #chunkAfter(seq: number): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#chunks[middle]!.seqs[0]! <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The first place whose `seq` is not less. */
function placeOf({ seqs }: Chunk<unknown>, seq: number): number {
  let low = 0;
  let high = seqs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (seqs[middle]! < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

function sweepIfWorthwhile<Item>(chunk: Chunk<Item>): void {
  const { seqs, items, left } = chunk;
  const gaps = items.length - left;
  if (gaps < GAPS_SWEPT_MIN || gaps <= left) return;
  chunk.seqs = seqs.filter((_, at) => items[at] !== undefined);
  chunk.items = items.filter((item) => item !== undefined);
}
