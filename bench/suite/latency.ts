/**
 * Latencies, summed up.
 *
 * @module
 */

/** In ms. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export function latencyOf(tookMs: readonly number[]): Latency {
  const sorted = Float64Array.from(tookMs).sort();
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** The middle one; of an even number, the upper of the two. */
export function medianOf<Item>(items: readonly Item[], key: (item: Item) => number): Item {
  const sorted = items.toSorted((a, b) => key(a) - key(b));
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) throw new Error("there is no median of nothing");
  return middle;
}
