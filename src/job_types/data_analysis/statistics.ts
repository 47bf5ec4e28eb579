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
  /** Of the values as doubles, compensated; of great integers exact. */
  readonly sum: number | bigint;
  readonly mean: number;
  /** The square of `stddev`, undefined where that is. */
  readonly variance: number | undefined;
  /** Undefined for fewer than two values, and beside an infinity. */
  readonly stddev: number | undefined;
  readonly q1: number | bigint;
  readonly median: number | bigint;
  readonly q3: number | bigint;
  /** Those that were asked for beside the quartiles, in their order. */
  readonly quantiles: readonly (number | bigint)[];
}

/** Takes values in ascending order; their number must be known beforehand. */
export class AscendingNumbers {
  readonly #count: number;
  readonly #ranks: RankPicker<number>;
  #seen = 0;
  #first = NaN;
  #last = NaN;
  readonly #sum = new CompensatedSum();
  /** In case that the sum is beyond all doubles. */
  #mean = 0;
  readonly #spread = new Spread();

  constructor(count: number, quantiles: readonly number[] = []) {
    this.#count = count;
    this.#ranks = new RankPicker(count, quantiles);
  }

  add(value: number, times: number): void {
    if (this.#seen === 0) this.#first = value;
    this.#last = value;
    this.#seen += times;
    this.#ranks.add(value, times);
    this.#sum.add(value * times);
    this.#mean += (value - this.#mean) * (times / this.#seen);
    this.#spread.add(value, times);
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
    const variance = this.#seen < 2 || hasInfinity ? undefined : this.#spread.variance;
    return {
      min: this.#first,
      max: this.#last,
      sum: this.#sum.value,
      mean: Number.isFinite(mean) || hasInfinity ? mean : this.#mean,
      variance,
      stddev: variance === undefined ? undefined : Math.sqrt(variance),
      ...this.#ranks.finish(interpolated),
    };
  }

  /** Of values that are at hand already. */
  static of(ascending: Iterable<number>, count: number): NumberStatistics | undefined {
    const numbers = new AscendingNumbers(count);
    for (const value of ascending) numbers.add(value, 1);
    return numbers.finish();
  }
}

/** As {@linkcode AscendingNumbers}, for integers that a number cannot hold: every sum is exact. */
export class AscendingIntegers {
  readonly #ranks: RankPicker<bigint>;
  #seen = 0;
  #first = 0n;
  #last = 0n;
  /** Of the differences to the first value, and of their squares. */
  #sum = 0n;
  #squares = 0n;

  constructor(count: number, quantiles: readonly number[] = []) {
    this.#ranks = new RankPicker(count, quantiles);
  }

  add(value: bigint, times: number): void {
    if (this.#seen === 0) this.#first = value;
    this.#last = value;
    this.#seen += times;
    this.#ranks.add(value, times);
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
      sum: this.#first * count + this.#sum,
      mean: ratio(this.#first * count + this.#sum, count),
      variance: this.#seen < 2 ? undefined : variance,
      stddev: this.#seen < 2 ? undefined : Math.sqrt(variance),
      ...this.#ranks.finish(interpolatedExactly),
    };
  }
}

/**
 * Variance in one pass: Welford's recurrence with weights (West 1979), of the differences to the first
 * value. Without that, numbers of nine digits before the point lose those of their variance: 6e-7 of
 * it with values around a billion that differ by thousandths. Any value of the data will do, since
 * none is further from the mean than the root of n variances.
 */
class Spread {
  #count = 0;
  #origin = 0;
  #mean = 0;
  #squares = 0;

  add(value: number, times: number): void {
    if (this.#count === 0) this.#origin = value;
    this.#count += times;
    const shifted = value - this.#origin;
    const delta = shifted - this.#mean;
    this.#mean += delta * (times / this.#count);
    this.#squares += times * delta * (shifted - this.#mean);
  }

  /** Of a sample; meaningless for fewer than two values. */
  get variance(): number {
    return this.#squares / (this.#count - 1);
  }
}

/** A sum that loses almost nothing (Neumaier 1974). */
class CompensatedSum {
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
function interpolated(low: number, high: number, t: number): number {
  if (low === high || t === 0) return low;
  if (!Number.isFinite(high - low)) return low * (1 - t) + high * t;
  // From the nearer end, as numpy does it: exact at both, and monotone.
  return t < 0.5 ? low + (high - low) * t : high - (high - low) * (1 - t);
}

function interpolatedExactly(low: bigint, high: bigint, t: number): number | bigint {
  if (low === high || t === 0) return low;
  // A double is a fraction of a power of two, so this loses nothing of it.
  const numerator = low * SCALE + (high - low) * BigInt(Math.round(t * 2 ** SCALE_BITS));
  return numerator % SCALE === 0n ? numerator / SCALE : ratio(numerator, SCALE);
}

const SCALE_BITS = 52;
const SCALE = 1n << BigInt(SCALE_BITS);

/** Picks the values on both sides of each quantile's position out of an ascending sequence. */
class RankPicker<Value> {
  /** Of the quartiles, then of the quantiles. */
  readonly #positions: readonly number[];
  readonly #ranks: readonly number[];
  readonly #picked = new Map<number, Value>();
  #next = 0;
  #seen = 0;

  constructor(count: number, quantiles: readonly number[]) {
    this.#positions = [0.25, 0.5, 0.75, ...quantiles].map((q) => (count - 1) * q);
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

  finish<Result>(between: (low: Value, high: Value, t: number) => Result) {
    const [q1, median, q3, ...quantiles] = this.#positions.map((position) => {
      const low = Math.floor(position);
      // Both were picked: the ranks lie below the count, and all of it was added.
      const [before, after] = [this.#picked.get(low)!, this.#picked.get(Math.ceil(position))!];
      return between(before, after, position - low);
    });
    return { q1: q1!, median: median!, q3: q3!, quantiles };
  }
}

/** The double that is nearest to `numerator / denominator` (positive), but for the least of them. */
function ratio(numerator: bigint, denominator: bigint): number {
  const magnitude = (numerator < 0n ? -numerator : numerator) << 64n;
  const quotient = magnitude / denominator;
  // What is cut off decides a tie: one bit stands for it.
  const sticky = quotient * denominator === magnitude ? quotient : quotient | 1n;
  const value = Number(sticky) / 2 ** 64;
  return numerator < 0n ? -value : value;
}
