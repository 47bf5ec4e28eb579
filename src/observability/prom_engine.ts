/**
 * prom-client, behind a module of ours: imported lazily by itself, a CommonJS package loses its
 * names in a bundle. Its metrics hold what our cells have counted, and its registry writes them down.
 *
 * @module
 */

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { HistogramCell, NumberCell } from "./metric_cells.ts";

/** Metrics in the text format that every scraper reads. */
export class TextRegistry extends Registry {}

/** What a metric is called, and where. */
export interface Naming {
  readonly name: string;
  readonly help: string;
  readonly labelNames: string[];
  readonly registers: TextRegistry[];
}

/** Shows cells that only grow. */
export function showCounter(naming: Naming, cells: () => readonly NumberCell[]): void {
  new Counter({
    ...naming,
    collect() {
      this.reset();
      for (const { labels, value } of cells()) this.inc({ ...labels }, value);
    },
  });
}

/** Shows cells that go up and down. */
export function showGauge(naming: Naming, cells: () => readonly NumberCell[]): void {
  new Gauge({
    ...naming,
    collect() {
      if (naming.labelNames.length > 0) this.reset();
      // Without labels, `reset` would show a zero where nothing is to be this.
      else this.remove();
      for (const { labels, value } of cells()) this.set({ ...labels }, value);
    },
  });
}

/** Shows cells that count by size. @param buckets upper bounds, ascending */
export function showHistogram(
  naming: Naming,
  buckets: readonly number[],
  cells: () => readonly HistogramCell[],
): void {
  new CellHistogram({ ...naming, buckets: [...buckets] }, cells);
}

type Shown = Awaited<ReturnType<Histogram["get"]>>;

/** prom-client's histogram can be given observations one by one alone; here they are there already. */
class CellHistogram extends Histogram<string> {
  readonly #describe: Omit<Shown, "values" | "collect">;
  readonly #bounds: readonly number[];
  readonly #cells: () => readonly HistogramCell[];

  constructor(
    { buckets, ...naming }: Naming & { readonly buckets: number[] },
    cells: () => readonly HistogramCell[],
  ) {
    super({ ...naming, buckets });
    const { name, help } = naming;
    // Its types say an enumeration of numbers; what it writes down is the word.
    const type = "histogram" as unknown as Shown["type"];
    this.#describe = { name, help, type, aggregator: "sum" };
    this.#bounds = buckets;
    this.#cells = cells;
  }

  override get(): Promise<Shown> {
    const values = this.#cells().flatMap((cell) => this.#valuesOf(cell));
    return Promise.resolve({ ...this.#describe, collect() {}, values });
  }

  /** Asked by prom-client's registry in place of `get`. */
  getForPromString(): Promise<Shown> {
    return this.get();
  }

  #valuesOf({ labels, counts, sum }: HistogramCell): Shown["values"] {
    const { name } = this.#describe;
    let total = 0;
    const buckets = counts.map((count, index) => ({
      labels: { ...labels, le: String(this.#bounds[index] ?? "+Inf") },
      value: total += count,
      metricName: `${name}_bucket`,
    }));
    return [
      ...buckets,
      { labels: { ...labels }, value: sum, metricName: `${name}_sum` },
      { labels: { ...labels }, value: total, metricName: `${name}_count` },
    ];
  }
}
