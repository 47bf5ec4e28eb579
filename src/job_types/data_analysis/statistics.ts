/**
 * Statistics of numbers that come in ascending order, each with how often it occurs: one pass and a
 * few words of memory, whatever the count.
 *
 * Definitions, the ones of pandas: a quartile is interpolated linearly between the two values
 * around position `(n - 1) * q` (numpy's `linear`, method 7 of Hyndman and Fan 1996); the standard
 * deviation is that of a sample (divided by `n - 1`), and null for fewer than two values. Nulls
 * count for nothing.
 *
 * @module
 */

/** What is known of a numeric column. A number is a bigint where it must be, to be exact. */
export interface NumberStatistics {
  readonly min: number | bigint;
  readonly max: number | bigint;
  readonly mean: number;
  /** Undefined for fewer than two values, and beside an infinity. */
  readonly stddev: number | undefined;
  readonly q1: number | bigint;
  readonly median: number | bigint;
  readonly q3: number | bigint;
}

/** Takes values in ascending order; their number must be known beforehand. */
export class AscendingNumbers {
  readonly #count: number;
  readonly #quartiles: RankPicker<number>;
  #seen = 0;
  #first = NaN;
  #last = NaN;
  readonly #sum = new CompensatedSum();
  // Welford's recurrence with weights (West 1979).
  #mean = 0;
  #squares = 0;

  constructor(count: number) {
    this.#count = count;
    this.#quartiles = new RankPicker(count);
  }

  add(value: number, times: number): void {
    if (this.#seen === 0) this.#first = value;
    this.#last = value;
    this.#seen += times;
    this.#quartiles.add(value, times);
    this.#sum.add(value * times);
    const delta = value - this.#mean;
    this.#mean += delta * (times / this.#seen);
    this.#squares += times * delta * (value - this.#mean);
  }

  /** Undefined when there was no value. */
  finish(): NumberStatistics | undefined {
    if (this.#seen !== this.#count) {
      throw new Error(`invariant: ${this.#seen} values were added, ${this.#count} announced`);
    }
    if (this.#seen === 0) return undefined;
    const hasInfinity = !Number.isFinite(this.#first) || !Number.isFinite(this.#last);
    // The sum of great numbers may overflow where their mean does not.
    const mean = this.#sum.value / this.#seen;
    const variance = this.#squares / (this.#seen - 1);
    return {
      min: this.#first,
      max: this.#last,
      mean: Number.isFinite(mean) || hasInfinity ? mean : this.#mean,
      stddev: this.#seen < 2 || hasInfinity ? undefined : Math.sqrt(variance),
      q1: this.#quartiles.at(0, interpolated),
      median: this.#quartiles.at(1, interpolated),
      q3: this.#quartiles.at(2, interpolated),
    };
  }

  static of(ascending: Iterable<number>, count: number): NumberStatistics | undefined {
    const numbers = new AscendingNumbers(count);
    for (const value of ascending) numbers.add(value, 1);
    return numbers.finish();
  }
}

/** As {@linkcode AscendingNumbers}, for integers that a number cannot hold: every sum is exact. */
export class AscendingIntegers {
  readonly #quartiles: RankPicker<bigint>;
  #seen = 0;
  #first = 0n;
  #last = 0n;
  /** Of the differences to the first value, and of their squares. */
  #sum = 0n;
  #squares = 0n;

  constructor(count: number) {
    this.#quartiles = new RankPicker(count);
  }

  add(value: bigint, times: number): void {
    if (this.#seen === 0) this.#first = value;
    this.#last = value;
    this.#seen += times;
    this.#quartiles.add(value, times);
    const difference = value - this.#first;
    this.#sum += difference * BigInt(times);
    this.#squares += difference * difference * BigInt(times);
  }

  finish(): NumberStatistics | undefined {
    if (this.#seen === 0) return undefined;
    const count = BigInt(this.#seen);
    const variance = ratio(
      this.#squares * count - this.#sum * this.#sum,
      count * (count > 1n ? count - 1n : 1n),
    );
    return {
      min: this.#first,
      max: this.#last,
      mean: ratio(this.#first * count + this.#sum, count),
      stddev: this.#seen < 2 ? undefined : Math.sqrt(variance),
      q1: this.#quartiles.at(0, interpolatedExactly),
      median: this.#quartiles.at(1, interpolatedExactly),
      q3: this.#quartiles.at(2, interpolatedExactly),
    };
  }
}

/** A sum that loses almost nothing (Neumaier 1974). */
export class CompensatedSum {
  #sum = 0;
  #lost = 0;

  add(value: number): void {
    const sum = this.#sum + value;
    this.#lost += Math.abs(this.#sum) >= Math.abs(value)
      ? this.#sum - sum + value
      : value - sum + this.#sum;
    this.#sum = sum;
  }

  get value(): number {
    // Once the sum is infinite, what was lost is NaN.
    return Number.isFinite(this.#sum) ? this.#sum + this.#lost : this.#sum;
  }
}

/** The value a share `t` of the way from `low` to `high`. */
export function interpolated(low: number, high: number, t: number): number {
  if (low === high || t === 0) return low;
  if (!Number.isFinite(high - low)) return low * (1 - t) + high * t;
  // From the nearer end, as numpy does it: exact at both, and monotone.
  return t < 0.5 ? low + (high - low) * t : high - (high - low) * (1 - t);
}

function interpolatedExactly(low: bigint, high: bigint, t: number): number | bigint {
  if (low === high || t === 0) return low;
  // t is a multiple of a quarter.
  const quarters = BigInt(Math.round(t * 4));
  const numerator = low * (4n - quarters) + high * quarters;
  return numerator % 4n === 0n ? numerator / 4n : ratio(numerator, 4n);
}

/** Picks the values on both sides of each quartile's position out of an ascending sequence. */
class RankPicker<Value> {
  readonly #positions: readonly number[];
  readonly #ranks: readonly number[];
  readonly #picked = new Map<number, Value>();
  #next = 0;
  #seen = 0;

  constructor(count: number) {
    this.#positions = [0.25, 0.5, 0.75].map((q) => (count - 1) * q);
    this.#ranks = this.#positions.flatMap((position) => [Math.floor(position), Math.ceil(position)])
      .sort((a, b) => a - b);
  }

  add(value: Value, times: number): void {
    this.#seen += times;
    while (this.#next < this.#ranks.length && this.#ranks[this.#next]! < this.#seen) {
      this.#picked.set(this.#ranks[this.#next]!, value);
      this.#next++;
    }
  }

  at<Result>(
    quartile: 0 | 1 | 2,
    between: (low: Value, high: Value, t: number) => Result,
  ): Result {
    const position = this.#positions[quartile]!;
    const low = Math.floor(position);
    // Both were picked: the ranks lie below the count, and all of it was added.
    return between(this.#picked.get(low)!, this.#picked.get(Math.ceil(position))!, position - low);
  }
}

/** `numerator / denominator` (positive), rounded but a little: 64 bits of quotient are kept. */
function ratio(numerator: bigint, denominator: bigint): number {
  const quotient = numerator / denominator;
  const rest = numerator - quotient * denominator;
  if (quotient >= 2n ** 53n || quotient <= -(2n ** 53n)) return Number(quotient);
  return Number(quotient) + Number((rest << 64n) / denominator) / 2 ** 64;
}
