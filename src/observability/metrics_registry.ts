/**
 * A node's metrics: counters, gauges and histograms whose labels are typed and bounded, and the text
 * that Prometheus reads.
 *
 * Every label is declared with its {@linkcode LabelBound}, so that no metric can grow without end
 * because of what users name their jobs, workers and clients.
 *
 * @module
 */

import type {
  Counter as PromCounter,
  Gauge as PromGauge,
  Histogram as PromHistogram,
  Registry as PromRegistry,
} from "prom-client";
import type { LabelBound } from "./label_bound.ts";

/** Label names and the values that they may have. */
export type Labels = Readonly<Record<string, string>>;

/** One bound for each label. */
export type LabelBounds<L extends Labels> = { readonly [Name in keyof L]: LabelBound };

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
  observe(labels: L, value: number): void;
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

type PromClient = typeof import("./prom_engine.ts");

class PromMetrics implements MetricsRegistry {
  readonly isEnabled = true;
  readonly #prom: PromClient;
  readonly #registry: PromRegistry;
  readonly #collectors: (() => void)[] = [];
  readonly #onCollectFailure: MetricsRegistryOptions["onCollectFailure"];

  constructor(
    prom: PromClient,
    onCollectFailure: MetricsRegistryOptions["onCollectFailure"],
  ) {
    this.#prom = prom;
    this.#registry = new prom.Registry();
    this.#onCollectFailure = onCollectFailure;
  }

  counter(name: string, help: string): Counter {
    return this.#counter(name, help, []);
  }

  counterFamily<L extends Labels>(
    name: string,
    help: string,
    labels: LabelBounds<L>,
  ): CounterFamily<L> {
    const counter = this.#counter(name, help, Object.keys(labels));
    const admitted = admitter(labels);
    for (const known of knownCombinations(labels)) counter.inc(known, 0);
    return { inc: (values, by = 1) => counter.inc(admitted(values), by) };
  }

  gauge(name: string, help: string): Gauge {
    return this.#gauge(name, help, []);
  }

  gaugeFamily<L extends Labels>(
    name: string,
    help: string,
    labels: LabelBounds<L>,
  ): GaugeFamily<L> {
    const gauge = this.#gauge(name, help, Object.keys(labels));
    const admitted = admitter(labels);
    return {
      set: (values, value) => gauge.set(admitted(values), value),
      replaceAll: (samples) => {
        gauge.reset();
        for (const bound of Object.values<LabelBound>(labels)) bound.forget?.();
        // Added up rather than set: several may share the series of the rest.
        for (const [values, value] of samples) gauge.inc(admitted(values), value);
      },
    };
  }

  histogram(name: string, help: string, buckets: readonly number[]): Histogram {
    return this.#histogram(name, help, buckets, []);
  }

  histogramFamily<L extends Labels>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels: LabelBounds<L>,
  ): HistogramFamily<L> {
    const histogram = this.#histogram(name, help, buckets, Object.keys(labels));
    const admitted = admitter(labels);
    for (const known of knownCombinations(labels)) histogram.zero(known);
    return { observe: (values, value) => histogram.observe(admitted(values), value) };
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

  #counter(name: string, help: string, labelNames: string[]): PromCounter {
    return new this.#prom.Counter({ ...this.#naming(name, help), labelNames });
  }

  #gauge(name: string, help: string, labelNames: string[]): PromGauge {
    return new this.#prom.Gauge({ ...this.#naming(name, help), labelNames });
  }

  #histogram(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames: string[],
  ): PromHistogram {
    const naming = this.#naming(name, help);
    return new this.#prom.Histogram({ ...naming, labelNames, buckets: [...buckets] });
  }

  #naming(name: string, help: string): { name: string; help: string; registers: PromRegistry[] } {
    // What Prometheus gives a fixed name (process_, grpc_) keeps it.
    const isStandard = /^(process|grpc)_/.test(name);
    return { name: isStandard ? name : `${PREFIX}${name}`, help, registers: [this.#registry] };
  }
}

/** Makes labels fit their bounds. */
function admitter<L extends Labels>(bounds: LabelBounds<L>): (labels: L) => Record<string, string> {
  const entries = Object.entries(bounds) as [string, LabelBound][];
  return (labels) => {
    const admitted: Record<string, string> = {};
    for (const [name, bound] of entries) admitted[name] = bound.admit(labels[name] ?? "");
    return admitted;
  };
}

/**
 * Every combination, where all labels have known values: they are shown as zero from the start,
 * because Prometheus cannot see the first increase of what was not there before.
 */
function knownCombinations<L extends Labels>(bounds: LabelBounds<L>): Record<string, string>[] {
  let combinations: Record<string, string>[] = [{}];
  for (const [name, bound] of Object.entries(bounds) as [string, LabelBound][]) {
    const { known } = bound;
    if (known === undefined) return [];
    combinations = combinations.flatMap((each) =>
      known.map((value) => ({ ...each, [name]: value }))
    );
  }
  return combinations;
}

const nothing = () => {};

/** Costs nothing and says nothing. */
const disabledMetrics: MetricsRegistry = {
  isEnabled: false,
  counter: () => ({ inc: nothing }),
  counterFamily: () => ({ inc: nothing }),
  gauge: () => ({ set: nothing, inc: nothing, dec: nothing }),
  gaugeFamily: () => ({ set: nothing, replaceAll: nothing }),
  histogram: () => ({ observe: nothing }),
  histogramFamily: () => ({ observe: nothing }),
  beforeScrape: nothing,
  expose: () => Promise.resolve({ contentType: "text/plain; charset=utf-8", text: "" }),
};
