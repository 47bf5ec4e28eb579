/**
 * How long things took, counted in buckets that grow by a fifth each: small, quick to add to, and exact
 * enough to tell a quantile within a tenth.
 *
 * @module
 */

/** Buckets to a doubling. */
const STEPS = 4;
/** The last bucket holds what takes longer: some 18 hours. */
const BUCKETS = 26 * STEPS + 1;

export class Durations {
  #counts: Uint32Array | undefined;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Less than a millisecond counts as one. */
  add(ms: number): void {
    this.#counts ??= new Uint32Array(BUCKETS);
    const bucket = Math.min(BUCKETS - 1, Math.round(Math.log2(Math.max(1, ms)) * STEPS));
    this.#counts[bucket]!++;
    this.#count++;
  }

  /** Adds what was counted here to `sums`. */
  addTo(sums: Float64Array): void {
    this.#counts?.forEach((count, bucket) => sums[bucket]! += count);
  }
}

/** The times, in ms, under which such parts of all that was counted are; none where nothing was. */
export function mergedQuantiles(
  durations: readonly Durations[],
  quantiles: readonly number[],
): number[] {
  const total = durations.reduce((sum, each) => sum + each.count, 0);
  if (total === 0) return [];
  const sums = new Float64Array(BUCKETS);
  for (const each of durations) each.addTo(sums);
  return quantiles.map((quantile) => {
    const rank = Math.max(1, Math.ceil(quantile * total));
    let seen = 0;
    const bucket = sums.findIndex((count) => (seen += count) >= rank);
    return rounded(2 ** (bucket / STEPS));
  });
}

/** Three digits: no bucket knows more. */
function rounded(ms: number): number {
  return Number(ms.toPrecision(3));
}
