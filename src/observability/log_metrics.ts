/**
 * What a node measures of its log and its audit log.
 *
 * @module
 */

import type { Counter, Gauge, MetricsRegistry } from "./metrics_registry.ts";

export interface AuditMetrics {
  readonly auditLogFailing: Gauge;
  readonly auditLinesLostTotal: Counter;
}

export interface LogMetrics extends AuditMetrics {
  readonly logLinesLostTotal: Counter;
}

/** Declares them in `registry`. Once for each registry. */
export function createLogMetrics(registry: MetricsRegistry): LogMetrics {
  return {
    auditLogFailing: registry.gauge(
      "audit_log_failing",
      "1 while the audit log cannot be written or synced, else 0.",
    ),
    auditLinesLostTotal: registry.counter(
      "audit_lines_lost_total",
      "Lines of the audit log that are lost, since it could not be written and too many waited.",
    ),
    logLinesLostTotal: registry.counter(
      "log_lines_lost_total",
      "Lines of the log that are lost, since it could not be written.",
    ),
  };
}

/** Tells at each scrape how many lines a log has lost by then. */
export function observeLog(
  registry: MetricsRegistry,
  { logLinesLostTotal }: LogMetrics,
  log: { readonly linesLost: number },
): void {
  let counted = 0;
  registry.beforeScrape(() => {
    logLinesLostTotal.inc(log.linesLost - counted);
    counted = log.linesLost;
  });
}
