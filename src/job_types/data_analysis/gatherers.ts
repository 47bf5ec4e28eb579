/**
 * Gathers what `describe` tells of a column, in memory, as long as it fits: numbers in modest count,
 * texts that repeat or are few. What does not fit is said so, and SQLite sorts it instead.
 *
 * @module
 */

import type { StoredValue } from "./cells.ts";
import { AscendingNumbers, type NumberStatistics } from "./statistics.ts";
import { compareText, TopValues } from "./top_values.ts";

/** What was found of a column. */
export interface Findings {
  readonly count: number;
  readonly distinct: number;
  readonly min: StoredValue;
  readonly max: StoredValue;
  readonly numbers?: NumberStatistics | undefined;
  readonly top: readonly { readonly value: StoredValue; readonly count: number }[];
}

/** What a description asks for beyond the fixed figures. */
export interface FindingsTerms {
  /** How many of the most frequent values. */
  readonly top: number;
  /** Shares between 0 and 1, ascending. */
  readonly quantiles: readonly number[];
}

/** How much of the columns is held in memory at once, before SQLite is asked to sort instead. */
export interface DescribeMemory {
  /** Numbers, 8 bytes each, in all columns together. */
  readonly numbersMax: number;
  /** Different texts in all columns together. */
  readonly textsMax: number;
  /** Their length together, in UTF-16 units. */
  readonly textLengthMax: number;
}

/** Some 64 MB of numbers, and as much of texts. */
export const DESCRIBE_MEMORY: DescribeMemory = {
  numbersMax: 8_000_000,
  textsMax: 400_000,
  textLengthMax: 8_000_000,
};

/** What is left of {@linkcode DescribeMemory}; several gatherers share one. */
export class GatherBudget {
  numbers: number;
  texts: number;
  textLength: number;

  constructor({ numbersMax, textsMax, textLengthMax }: DescribeMemory) {
    this.numbers = numbersMax;
    this.texts = textsMax;
    this.textLength = textLengthMax;
  }
}

const FIRST_NUMBERS = 1_024;

/** Different numbers of a column that are counted; of more, each occurrence is kept. */
const COUNTED_NUMBERS_MAX = 20_000;

/**
 * Numbers, as long as there is room: counted while they repeat, as prices and quantities do, and one
 * by one from when they turn out not to.
 */
export class NumberGatherer {
  readonly #budget: GatherBudget;
  readonly #expected: number;
  /** Where each is counted; undefined once there were too many. */
  #places: Map<number, number> | undefined = new Map();
  #counts: number[] = [];
  /** Each occurrence of them; undefined once they did not fit. */
  #values: Float64Array<ArrayBuffer> | undefined = new Float64Array(0);
  #length = 0;

  /** @param expected how many will come, where that is known: then the room is taken once. */
  constructor(budget: GatherBudget, expected = FIRST_NUMBERS) {
    this.#budget = budget;
    this.#expected = expected;
  }

  get isFull(): boolean {
    return this.#values === undefined;
  }

  add(value: StoredValue): void {
    if (typeof value !== "number" || this.#values === undefined) return;
    if (this.#places === undefined) return this.#push(value);
    const place = this.#places.get(value);
    if (place !== undefined) {
      this.#counts[place]!++;
    } else if (this.#places.size < COUNTED_NUMBERS_MAX) {
      this.#places.set(value, this.#counts.length);
      this.#counts.push(1);
    } else {
      this.#spill(this.#places);
      this.#push(value);
    }
  }

  /** Gives back what it holds. */
  abandon(): void {
    this.#budget.numbers += this.#values?.length ?? 0;
    this.#values = undefined;
    this.#places = undefined;
  }

  finish({ top, quantiles }: FindingsTerms): Findings | undefined {
    if (this.#values === undefined) return undefined;
    const runs = this.#places === undefined
      ? runsOf(this.#values.subarray(0, this.#length).sort())
      : this.#ascending(this.#places);
    const count = this.#places === undefined
      ? this.#length
      : this.#counts.reduce((sum, times) => sum + times, 0);
    const numbers = new AscendingNumbers(count, quantiles);
    const most = new TopValues<number>(top);
    let distinct = 0;
    for (const [value, times] of runs) {
      numbers.add(value, times);
      most.add(value, times);
      distinct++;
    }
    const statistics = numbers.finish();
    return {
      count,
      distinct,
      min: statistics?.min ?? null,
      max: statistics?.max ?? null,
      numbers: statistics,
      top: most.list(),
    };
  }

  #ascending(places: ReadonlyMap<number, number>): [number, number][] {
    return [...places].sort(([a], [b]) => a < b ? -1 : 1)
      .map(([value, place]) => [value, this.#counts[place]!]);
  }

  #spill(places: ReadonlyMap<number, number>): void {
    this.#places = undefined;
    for (const [value, place] of places) {
      for (let time = this.#counts[place]!; time > 0; time--) this.#push(value);
    }
    this.#counts = [];
  }

  #push(value: number): void {
    if (this.#values === undefined) return;
    if (this.#length === this.#values.length && !this.#grow(this.#values)) return;
    this.#values[this.#length++] = value;
  }

  #grow(values: Float64Array<ArrayBuffer>): boolean {
    const { length } = values;
    const wanted = Math.max(this.#expected, FIRST_NUMBERS, Math.ceil(length * 1.25));
    const added = Math.min(wanted - length, this.#budget.numbers);
    if (added <= 0) {
      this.abandon();
      return false;
    }
    this.#budget.numbers -= added;
    // Moved where the allocator cannot lengthen it in place; the old one is given back at once.
    this.#values = new Float64Array(values.buffer.transfer((length + added) * 8));
    return true;
  }
}

/** Each value of an ascending list, and how often it comes. */
function* runsOf(ascending: Float64Array): Generator<[number, number]> {
  for (let at = 0; at < ascending.length;) {
    const value = ascending[at]!;
    const from = at;
    while (at < ascending.length && ascending[at] === value) at++;
    yield [value, at - from];
  }
}

/** Different texts and how often each occurs, as long as there is room. */
export class TextGatherer {
  readonly #budget: GatherBudget;
  /** Where each is counted; undefined once it did not fit. */
  #places: Map<StoredValue, number> | undefined = new Map();
  #counts: number[] = [];
  #length = 0;

  constructor(budget: GatherBudget) {
    this.#budget = budget;
  }

  get isFull(): boolean {
    return this.#places === undefined;
  }

  /** Counts a value that has come before; false, and nothing done, for one that has not. */
  addAgain(value: StoredValue): boolean {
    const place = this.#places?.get(value);
    if (place === undefined) return false;
    this.#counts[place]!++;
    return true;
  }

  add(value: StoredValue): void {
    if (value === null || this.#places === undefined || this.addAgain(value)) return;
    this.#places.set(typeof value === "string" ? copied(value) : value, this.#counts.length);
    this.#counts.push(1);
    this.#charge(lengthOf(value));
  }

  /** Gives back what it holds. */
  abandon(): void {
    // What this one gives back lets the others go on.
    this.#budget.texts += this.#counts.length;
    this.#budget.textLength += this.#length;
    this.#places = undefined;
    this.#counts = [];
  }

  /** @param fold what a text stands for, where several may stand for the same. */
  finish(
    { top }: FindingsTerms,
    fold?: (text: StoredValue) => StoredValue,
  ): Findings | undefined {
    if (this.#places === undefined) return undefined;
    const { places, counts } = fold === undefined
      ? { places: this.#places, counts: this.#counts }
      : folded(this.#places, this.#counts, fold);
    const most = new TopValues<StoredValue>(top);
    let count = 0;
    let min: StoredValue = null;
    let max: StoredValue = null;
    for (const [value, place] of places) {
      const times = counts[place]!;
      count += times;
      most.add(value, times);
      if (min === null || compareText(value, min) < 0) min = value;
      if (max === null || compareText(value, max) > 0) max = value;
    }
    return { count, distinct: places.size, min, max, top: most.list() };
  }

  #charge(length: number): void {
    this.#budget.texts--;
    this.#budget.textLength -= length;
    this.#length += length;
    if (this.#budget.texts < 0 || this.#budget.textLength < 0) this.abandon();
  }
}

/** A field is a view of the piece of text that it was cut from, and would keep all of that alive. */
function copied(text: string): string {
  // Shorter ones V8 copies by itself.
  return text.length < 13 ? text : ` ${text}`.slice(1);
}

/** Joins the counts of texts that stand for the same, at the place of the first of them. */
function folded(
  places: ReadonlyMap<StoredValue, number>,
  given: readonly number[],
  fold: (text: StoredValue) => StoredValue,
) {
  const joined = new Map<StoredValue, number>();
  const counts = [...given];
  for (const [text, place] of places) {
    const value = fold(text);
    const first = joined.get(value);
    if (first === undefined) joined.set(value, place);
    else counts[first]! += counts[place]!;
  }
  return { places: joined, counts };
}

function lengthOf(value: StoredValue): number {
  return typeof value === "string" ? value.length : 1;
}
