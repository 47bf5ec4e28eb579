/**
 * Which finished jobs there are, in memory: lists, counts and look-ups by id are answered from here, and only
 * the jobs that are shown are read. It is made of the heads of pages when `state.db` is opened.
 */

import type { FinishedPlace, JobOrder } from "../jobs/mod.ts";
import { BLOCK_NUMBERS, FinishedBlock } from "./finished_block.ts";
import type { FinishedHead, FinishedHeads } from "./finished_page.ts";
import { RowDamaged } from "./job_store_rows.ts";

const SLOTS_MIN = 4_096;
const NONE: readonly number[] = [];

/** Which jobs are looked for. */
export interface FinishedTest {
  /** 1 for each kind that is looked for. */
  readonly kinds: Uint8Array;
  readonly worker: number | undefined;
  readonly seqMin: number;
  readonly seqMax: number;
}

export class FinishedIndex {
  /** By the number of the block, which is that of its first job through {@linkcode BLOCK_NUMBERS}. */
  readonly #blocks = new Map<number, FinishedBlock>();
  /** Numbers of blocks, ascending. */
  #numbers: number[] = [];
  /** By their places; a place is used again. */
  readonly #places: (FinishedBlock | undefined)[] = [];
  readonly #placesFree: number[] = [];
  /** A hash table of ids: place and offset of a job, plus 1; 0: the slot is free. */
  #slots = new Uint32Array(SLOTS_MIN);
  #count = 0;
  /** Who asks for a job asks for one beside it next. */
  #lastAsked: FinishedBlock | undefined;
  /** What happened since the last {@linkcode keep}, in this order. */
  #removed: { readonly head: FinishedHead; readonly page: number }[] = [];
  #moved: { readonly seq: number; readonly page: number }[] = [];
  #put: number[] = [];

  get count(): number {
    return this.#count;
  }

  /** The page of a job; undefined: there is no such job. */
  pageOf(seq: number): number | undefined {
    const block = this.#blockOf(seq);
    const cell = block?.cellOf(seq);
    return cell === undefined ? undefined : block!.pageAt(cell);
  }

  /** Jobs whose id has this hash: mostly one or none. */
  candidates(hash: number): readonly number[] {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let found: number[] | undefined;
    for (let at = hash & mask; slots[at] !== 0; at = at + 1 & mask) {
      const block = this.#blockIn(slots[at]!);
      const seq = block.firstSeq + offsetIn(slots[at]!);
      if (block.hashAt(block.cellOf(seq)!) === hash) (found ??= []).push(seq);
    }
    return found ?? NONE;
  }

  /** The jobs of a page, when all there are come one after the other; {@linkcode ready} ends that. */
  load(heads: FinishedHeads, page: number): void {
    for (let place = 0; place < heads.jobs; place++) {
      const seq = heads.seqAt(place);
      const block = this.#blockOf(seq) ?? this.#addBlock(Math.floor(seq / BLOCK_NUMBERS));
      if (block.cellOf(seq) !== undefined) {
        throw new RowDamaged(`job number ${seq} is in two pages of finished jobs`);
      }
      const ended = heads.endedAt(place);
      block.put(seq, ended, heads.kindAt(place), heads.workerAt(place), heads.hashAt(place), page);
      this.#count++;
    }
  }

  /** All are loaded. */
  ready(): void {
    for (const block of this.#blocks.values()) block.shrink();
    this.#makeSlots();
  }

  /** A job that is not there yet; none is moved or removed before {@linkcode keep} any more. */
  put(head: FinishedHead, page: number): void {
    this.#add(head, page);
    this.#put.push(head.seq);
  }

  #add({ seq, ended, kind, worker, hash }: FinishedHead, page: number): void {
    const block = this.#blockOf(seq) ?? this.#addBlock(Math.floor(seq / BLOCK_NUMBERS));
    block.put(seq, ended, kind, worker, hash, page);
    this.#count++;
    if (3 * this.#count > 2 * this.#slots.length) this.#makeSlots();
    else this.#putSlot(hash, block.place, seq - block.firstSeq);
  }

  /** A job lies in another page now; none is removed before {@linkcode keep} any more. */
  move(seq: number, page: number): void {
    this.#moved.push({ seq, page: this.#setPage(seq, page) });
  }

  /** Returns the page until now. */
  #setPage(seq: number, page: number): number {
    const block = this.#blockOf(seq)!;
    const cell = block.cellOf(seq)!;
    const before = block.pageAt(cell);
    block.setPage(cell, page);
    return before;
  }

  /** A job that is there. */
  remove(seq: number): void {
    this.#removed.push(this.#take(seq));
  }

  /** What is changed by now stays. */
  keep(): void {
    if (this.#put.length > 0) this.#put = [];
    if (this.#moved.length > 0) this.#moved = [];
    if (this.#removed.length > 0) this.#removed = [];
  }

  /**
   * All is again as it was kept. To read all heads anew takes as long as to open the file, and a disk that is
   * full has it done again and again.
   */
  takeBack(): void {
    for (const seq of this.#put.toReversed()) this.#take(seq);
    for (const { seq, page } of this.#moved.toReversed()) this.#setPage(seq, page);
    for (const { head, page } of this.#removed.toReversed()) this.#add(head, page);
    this.keep();
  }

  #take(seq: number): { readonly head: FinishedHead; readonly page: number } {
    const number = Math.floor(seq / BLOCK_NUMBERS);
    const block = this.#blocks.get(number)!;
    const cell = block.cellOf(seq)!;
    const head = {
      seq,
      ended: block.endedAt(cell),
      kind: block.kindAt(cell),
      worker: block.workerAt(cell),
      hash: block.hashAt(cell),
    };
    const taken = { head, page: block.pageAt(cell) };
    this.#removeSlot(head.hash, block.place, seq - block.firstSeq);
    block.remove(cell);
    this.#count--;
    if (block.count === 0) this.#removeBlock(number, block);
    return taken;
  }

  #removeBlock(number: number, { place }: FinishedBlock): void {
    this.#lastAsked = undefined;
    this.#blocks.delete(number);
    this.#numbers.splice(this.#atNumber(number), 1);
    this.#places[place] = undefined;
    this.#placesFree.push(place);
  }

  /** How many jobs there are of each kind. */
  countsByKind(): Map<number, number> {
    const counts = new Map<number, number>();
    for (const block of this.#blocks.values()) {
      for (const [kind, jobs] of block.kindCounts) counts.set(kind, (counts.get(kind) ?? 0) + jobs);
    }
    return counts;
  }

  has(seq: number, test: FinishedTest): boolean {
    const block = this.#blockOf(seq);
    const cell = block?.cellOf(seq);
    return cell !== undefined && isFound(block!, cell, test);
  }

  /** Numbers of jobs, in their order; `skip` of them are passed over first. Nothing may change meanwhile. */
  *seqs(test: FinishedTest, isNewestFirst: boolean, skip = 0): Generator<number> {
    const { seqMin, seqMax } = test;
    const last = this.#numbers.length - 1;
    for (let at = 0; at <= last; at++) {
      const block = this.#blocks.get(this.#numbers[isNewestFirst ? last - at : at]!)!;
      const { firstSeq, cells } = block;
      if (firstSeq > seqMax || firstSeq + BLOCK_NUMBERS <= seqMin || !mayHave(block, test)) {
        continue;
      }
      const isWhole = seqMin <= firstSeq && seqMax >= firstSeq + BLOCK_NUMBERS - 1;
      if (skip > 0 && isWhole && test.worker === undefined) {
        const jobs = countIn(block, test);
        if (jobs <= skip) {
          skip -= jobs;
          continue;
        }
      }
      for (let place = 0; place < cells; place++) {
        const cell = isNewestFirst ? cells - 1 - place : place;
        if (isFound(block, cell, test) && --skip < 0) yield block.seqAt(cell);
      }
    }
  }

  /** How many there are, counted up to `countMax`. */
  countOf(test: FinishedTest, countMax: number): number {
    if (test.worker !== undefined || test.seqMin > 0 || test.seqMax < Infinity) {
      let jobs = 0;
      for (const _ of this.seqs(test, true)) if (++jobs >= countMax) break;
      return jobs;
    }
    let jobs = 0;
    for (const block of this.#blocks.values()) jobs += countIn(block, test);
    return Math.min(jobs, countMax);
  }

  /** Jobs in the order of their end, from that after `from` on. */
  byEnd(
    test: FinishedTest,
    order: Extract<JobOrder, "first_finished" | "last_finished">,
    from: FinishedPlace | undefined,
    limit: number,
  ): FinishedPlace[] {
    const sign = order === "first_finished" ? 1 : -1;
    const compare = (a: FinishedPlace, b: FinishedPlace) =>
      sign * (a.completedAtMs - b.completedAtMs || a.seq - b.seq);
    const best = (block: FinishedBlock) => sign === 1 ? block.endedMin : -block.endedMax;
    const worst = (block: FinishedBlock) => sign === 1 ? block.endedMax : -block.endedMin;
    const fromEnded = from === undefined ? -Infinity : sign * from.completedAtMs;
    const blocks = this.#numbers.map((number) => this.#blocks.get(number)!)
      .filter((block) => worst(block) >= fromEnded && mayHave(block, test));
    if (sign === -1) blocks.reverse();
    blocks.sort((a, b) => best(a) - best(b));
    let found: FinishedPlace[] = [];
    // What comes after this one is not wanted.
    let bound: FinishedPlace | undefined;
    const sift = () => {
      found = found.sort(compare).slice(0, limit);
      if (found.length === limit) bound = found.at(-1);
    };
    for (const block of blocks) {
      if (bound !== undefined && best(block) > sign * bound.completedAtMs) break;
      const { cells } = block;
      for (let at = 0; at < cells; at++) {
        const cell = sign === 1 ? at : cells - 1 - at;
        if (!isFound(block, cell, test)) continue;
        const ended = sign * block.endedAt(cell);
        if (ended < fromEnded || bound && ended > sign * bound.completedAtMs) continue;
        const place = { completedAtMs: sign * ended, seq: block.seqAt(cell) };
        if (from !== undefined && compare(place, from) <= 0) continue;
        found.push(place);
        if (found.length === limit && bound === undefined || found.length >= 2 * limit) sift();
      }
      if (found.length >= limit) sift();
    }
    return found.sort(compare).slice(0, limit);
  }

  #blockOf(seq: number): FinishedBlock | undefined {
    const last = this.#lastAsked;
    if (last !== undefined && seq >= last.firstSeq && seq < last.firstSeq + BLOCK_NUMBERS) {
      return last;
    }
    return this.#lastAsked = this.#blocks.get(Math.floor(seq / BLOCK_NUMBERS));
  }

  #addBlock(number: number): FinishedBlock {
    const place = this.#placesFree.pop() ?? this.#places.length;
    const block = new FinishedBlock(number * BLOCK_NUMBERS, place);
    this.#places[place] = block;
    this.#blocks.set(number, block);
    this.#numbers.splice(this.#atNumber(number), 0, number);
    return block;
  }

  /** Where a block of this number is, or would be. */
  #atNumber(number: number): number {
    let at = this.#numbers.length;
    if (at === 0 || this.#numbers[at - 1]! < number) return at;
    for (let low = 0; low < at;) {
      const middle = (low + at) >>> 1;
      if (this.#numbers[middle]! < number) low = middle + 1;
      else at = middle;
    }
    return at;
  }

  #blockIn(slot: number): FinishedBlock {
    return this.#places[Math.floor((slot - 1) / BLOCK_NUMBERS)]!;
  }

  #putSlot(hash: number, place: number, offset: number): void {
    const mask = this.#slots.length - 1;
    let at = hash & mask;
    while (this.#slots[at] !== 0) at = at + 1 & mask;
    this.#slots[at] = slotOf(place, offset);
  }

  /** What was put further on because this one was here moves up, so that it is found. */
  #removeSlot(hash: number, place: number, offset: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let free = hash & mask;
    while (slots[free] !== slotOf(place, offset)) free = free + 1 & mask;
    for (let at = free + 1 & mask; slots[at] !== 0; at = at + 1 & mask) {
      const block = this.#blockIn(slots[at]!);
      const cell = block.cellOf(block.firstSeq + offsetIn(slots[at]!))!;
      const isPastHome = (at - block.hashAt(cell) & mask) >= (at - free & mask);
      if (!isPastHome) continue;
      slots[free] = slots[at]!;
      free = at;
    }
    slots[free] = 0;
  }

  /** For all jobs that there are, and as many again. */
  #makeSlots(): void {
    let size = SLOTS_MIN;
    while (size < 2 * this.#count) size *= 2;
    const slots = new Uint32Array(size);
    const mask = size - 1;
    for (const block of this.#blocks.values()) {
      const { cells, firstSeq } = block;
      const from = slotOf(block.place, 0) - firstSeq;
      for (let cell = 0; cell < cells; cell++) {
        if (block.kindAt(cell) === 0) continue;
        let at = block.hashAt(cell) & mask;
        while (slots[at] !== 0) at = at + 1 & mask;
        slots[at] = from + block.seqAt(cell);
      }
    }
    this.#slots = slots;
  }
}

function slotOf(place: number, offset: number): number {
  return place * BLOCK_NUMBERS + offset + 1;
}

function offsetIn(slot: number): number {
  return (slot - 1) % BLOCK_NUMBERS;
}

function isFound(block: FinishedBlock, cell: number, test: FinishedTest): boolean {
  const { kinds, worker, seqMin, seqMax } = test;
  if (kinds[block.kindAt(cell)] !== 1) return false;
  if (worker !== undefined && block.workerAt(cell) !== worker) return false;
  const seq = block.seqAt(cell);
  return seq >= seqMin && seq <= seqMax;
}

function mayHave(block: FinishedBlock, { kinds, worker }: FinishedTest): boolean {
  for (const kind of block.kindCounts.keys()) {
    if (kinds[kind] === 1) return worker === undefined || block.mayHaveWorker(worker);
  }
  return false;
}

function countIn({ kindCounts }: FinishedBlock, { kinds }: FinishedTest): number {
  let jobs = 0;
  for (const [kind, count] of kindCounts) if (kinds[kind] === 1) jobs += count;
  return jobs;
}
