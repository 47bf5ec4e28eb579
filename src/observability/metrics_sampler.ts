/**
 * Refreshes the metrics that are not told by events but asked for: sizes of queues, states of
 * workers, Raft's indexes.
 *
 * @module
 */

import type { Logger } from "./logger.ts";
import type { MetricsRegistry } from "./metrics_registry.ts";
import { systemTicker, type Ticker } from "./ticker.ts";

export interface MetricsSamplerOptions {
  readonly registry: MetricsRegistry;
  /** `metrics.collect_interval`, in ms. */
  readonly intervalMs: number;
  readonly log: Logger;
  readonly ticker?: Ticker;
}

/** Sets gauges; may be asynchronous. */
export type Sample = () => void | Promise<void>;

interface Source {
  readonly name: string;
  readonly sample: Sample;
  /** A sample that takes longer than the interval is not started again beside itself. */
  isRunning: boolean;
  isFailing: boolean;
}

/** Who asks shortly after another, in ms, is shown the same. */
const FRESH_MS = 100;

export class MetricsSampler {
  readonly #options: MetricsSamplerOptions;
  #sampledAtMs = -Infinity;
  readonly #sources: Source[] = [];
  #stopTicking: (() => void) | undefined;

  constructor(options: MetricsSamplerOptions) {
    this.#options = options;
  }

  /** Adds something to ask at every interval. `name` is for the log. */
  register(name: string, sample: Sample): void {
    this.#sources.push({ name, sample, isRunning: false, isFailing: false });
  }

  /** Samples now and then at every interval. Nothing, where metrics are disabled. */
  start(): void {
    if (!this.#options.registry.isEnabled || this.#stopTicking !== undefined) return;
    const { ticker = systemTicker, intervalMs } = this.#options;
    this.#stopTicking = ticker.every(intervalMs, () => void this.sampleNow());
    void this.sampleNow();
  }

  /** Before the metrics are shown: whoever looks wants what holds now, not at the last interval. */
  async freshen(): Promise<void> {
    if (!this.#options.registry.isEnabled || this.#now() - this.#sampledAtMs < FRESH_MS) return;
    await this.sampleNow();
  }

  stop(): void {
    this.#stopTicking?.();
    this.#stopTicking = undefined;
  }

  /** Asks every source once; a failing one is logged when it begins and ends to fail. */
  async sampleNow(): Promise<void> {
    if (this.#sources.length > 0) this.#sampledAtMs = this.#now();
    await Promise.all(this.#sources.map((source) => this.#run(source)));
  }

  #now(): number {
    return (this.#options.ticker ?? systemTicker).now();
  }

  async #run(source: Source): Promise<void> {
    if (source.isRunning) return;
    source.isRunning = true;
    try {
      const pending = source.sample();
      if (pending !== undefined) await pending;
      if (source.isFailing) {
        this.#options.log.info("metrics are sampled again", { source: source.name });
      }
      source.isFailing = false;
    } catch (error) {
      if (!source.isFailing) {
        this.#options.log.warn("metrics could not be sampled", { source: source.name, error });
      }
      source.isFailing = true;
    } finally {
      source.isRunning = false;
    }
  }
}
