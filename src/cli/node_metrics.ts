/**
 * What a node measures, and what becomes of a part that cannot be read.
 *
 * @module
 */

import type { Config } from "../config/mod.ts";
import {
  createMetricsRegistry,
  type Logger,
  type MetricsRegistry,
  throttledWarning,
} from "../observability/mod.ts";

/** Scrapes come every few seconds, and what fails in one fails in the next. */
const TOLD_EVERY_MS = 60_000;

/** A part that cannot be read, as where no descriptor is left to count them with, takes no other along. */
export function openMetrics(
  { metrics }: Pick<Config, "metrics">,
  log: Logger,
): Promise<MetricsRegistry> {
  const warn = throttledWarning(log, { linesMax: 1, windowMs: TOLD_EVERY_MS });
  return createMetricsRegistry({
    enabled: metrics.enabled,
    onCollectFailure: (error) => warn("a part of the metrics cannot be read", { error }),
  });
}
