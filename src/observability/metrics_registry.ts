/**
 * A node's metrics: counters, gauges and histograms whose labels are typed and bounded, and the text
 * that Prometheus reads.
 *
 * Every label is declared with its {@linkcode LabelBound}, so that no metric can grow without end
 * because of what users name their jobs, workers and clients.
 *
 * @module
 */

import {
  CellTree,
  HistogramCell,
  type LabelBounds,
  type Labels,
  NumberCell,
} from "./metric_cells.ts";

/** Only ever grows. */
export interface Counter {
  inc(by?: number): void;
}
export interface CounterFamily<L extends Labels> {
  inc(labels: L, by?: number): void;
}

/** Goes up and down. */
export interface Gauge {
  set(value: number): void;
  inc(by?: number): void;
  dec(by?: number): void;
  /** Shows nothing until it is set again: better than what is not true any more. */
  clear(): void;
}
export interface GaugeFamily<L extends Labels> {
  set(labels: L, value: number): void;
  /** These are all there is: whoever is not among them is forgotten, by the labels' bounds too. */
  replaceAll(samples: Iterable<readonly [labels: L, value: number]>): void;
}

/** Counts observations by size. */
export interface Histogram {
  observe(value: number): void;
}
export interface HistogramFamily<L extends Labels> {
  /** @param times how often it was seen; default: once */
  observe(labels: L, value: number, times?: number): void;
}

/** What a scraper is answered. */
export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

/** Where metrics are declared and read. Names are given without the prefix `conductor_`. */
export interface MetricsRegistry {
  readonly isEnabled: boolean;
  counter(name: string, help: string): Counter;
  counterFamily<L extends Labels>(
    name: string,
    help: string,
    labels: LabelBounds<L>,
  ): CounterFamily<L>;
  gauge(name: string, help: string): Gauge;
  gaugeFamily<L extends Labels>(name: string, help: string, labels: LabelBounds<L>): GaugeFamily<L>;
  /** @param buckets upper bounds, ascending */
  histogram(name: string, help: string, buckets: readonly number[]): Histogram;
  histogramFamily<L extends Labels>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels: LabelBounds<L>,
  ): HistogramFamily<L>;
  /** Runs before every scrape, for what is cheaper to ask when wanted than to keep current. */
  beforeScrape(collect: () => void): void;
  expose(): Promise<Exposition>;
}

/** Whose metrics they are. */
export interface MetricsRegistryOptions {
  /** Without it every metric does nothing, and nothing is loaded. */
  readonly enabled: boolean;
  /**
   * Told when what {@linkcode MetricsRegistry.beforeScrape} was given throws, and the rest is shown.
   * Without it `expose` throws that.
   */
  readonly onCollectFailure?: (failure: unknown) => void;
}

/** A registry of its own: several nodes may live in one process. */
export async function createMetricsRegistry(
  options: MetricsRegistryOptions,
): Promise<MetricsRegistry> {
  if (!options.enabled) return disabledMetrics;
  // Loaded here, so that commands that only ask and print need not wait for it.
  return new PromMetrics(await import("./prom_engine.ts"), options.onCollectFailure);
}

const PREFIX = "conductor_";

/** As Prometheus sees it: what it gives a fixed name (process_, grpc_) keeps that. */
export function exposedName(name: string): string {
  return /^(process|grpc)_/.test(name) ? name : `${PREFIX}${name}`;
}

type PromClient = typeof import("./prom_engine.ts");

class PromMetrics implements MetricsRegistry {
  readonly isEnabled = true;
  readonly #prom: PromClient;
  readonly #registry: InstanceType<PromClient["TextRegistry"]>;
  readonly #collectors: (() => void)[] = [];
  readonly #onCollectFailure: MetricsRegistryOptions["onCollectFailure"];

  constructor(
    prom: PromClient,
    onCollectFailure: MetricsRegistryOptions["onCollectFailure"],
  ) {
    this.#prom = prom;
    this.#registry = new prom.TextRegistry();
    this.#onCollectFailure = onCollectFailure;
  }

  counter(name: string, help: string): Counter {
    const cell = new NumberCell({});
    this.#prom.showCounter(this.#naming(name, help, {}), () => [cell]);
    return { inc: (by = 1) => void (cell.value += by) };
  }

  counterFamily<L extends Labels>(
    name: string,
    help: string,
    labels: LabelBounds<L>,
  ): CounterFamily<L> {
    const cells = new CellTree(labels, (of) => new NumberCell(of));
    this.#prom.showCounter(this.#naming(name, help, labels), () => cells.all);
    return { inc: (of, by = 1) => void (cells.of(of).value += by) };
  }

  gauge(name: string, help: string): Gauge {
    const cell = new NumberCell({});
    let isShown = true;
    this.#prom.showGauge(this.#naming(name, help, {}), () => isShown ? [cell] : []);
    const set = (value: number) => {
      cell.value = value;
      isShown = true;
    };
    return {
      set,
      inc: (by = 1) => set(cell.value + by),
      dec: (by = 1) => set(cell.value - by),
      clear: () => void (isShown = false),
    };
  }

  gaugeFamily<L extends Labels>(
    name: string,
    help: string,
    labels: LabelBounds<L>,
  ): GaugeFamily<L> {
    const cells = new CellTree(labels, (of) => new NumberCell(of));
    this.#prom.showGauge(this.#naming(name, help, labels), () => cells.all);
    return {
      set: (of, value) => void (cells.of(of).value = value),
      replaceAll: (samples) => {
        cells.clear();
        // Added up rather than set: several may share the series of the rest.
        for (const [of, value] of samples) cells.of(of).value += value;
      },
    };
  }

  histogram(name: string, help: string, buckets: readonly number[]): Histogram {
    const cell = new HistogramCell({}, buckets);
    this.#prom.showHistogram(this.#naming(name, help, {}), buckets, () => [cell]);
    return { observe: (value) => cell.observe(value) };
  }

  histogramFamily<L extends Labels>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels: LabelBounds<L>,
  ): HistogramFamily<L> {
    const cells = new CellTree(labels, (of) => new HistogramCell(of, buckets));
    this.#prom.showHistogram(this.#naming(name, help, labels), buckets, () => cells.all);
    return { observe: (of, value, times) => cells.of(of).observe(value, times) };
  }

  beforeScrape(collect: () => void): void {
    this.#collectors.push(collect);
  }

  async expose(): Promise<Exposition> {
    for (const collect of this.#collectors) {
      try {
        collect();
      } catch (failure) {
        if (this.#onCollectFailure === undefined) throw failure;
        this.#onCollectFailure(failure);
      }
    }
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  #naming(name: string, help: string, labels: object) {
    return {
      name: exposedName(name),
      help,
      labelNames: Object.keys(labels),
      registers: [this.#registry],
    };
  }
}

const nothing = () => {};

/** Costs nothing and says nothing. */
const disabledMetrics: MetricsRegistry = {
  isEnabled: false,
  counter: () => ({ inc: nothing }),
  counterFamily: () => ({ inc: nothing }),
  gauge: () => ({ set: nothing, inc: nothing, dec: nothing, clear: nothing }),
  gaugeFamily: () => ({ set: nothing, replaceAll: nothing }),
  histogram: () => ({ observe: nothing }),
  histogramFamily: () => ({ observe: nothing }),
  beforeScrape: nothing,
  expose: () => Promise.resolve({ contentType: "text/plain; charset=utf-8", text: "" }),
};
