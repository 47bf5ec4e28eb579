/**
 * What a node measures of its audit log.
 *
 * @module
 */

import type { Counter, Gauge, MetricsRegistry } from "./metrics_registry.ts";

export interface AuditMetrics {
  readonly auditLogFailing: Gauge;
  readonly auditLinesLostTotal: Counter;
}

/** Declares them in `registry`. Once for each registry. */
export function createAuditMetrics(registry: MetricsRegistry): AuditMetrics {
  return {
    auditLogFailing: registry.gauge(
      "audit_log_failing",
      "1 while the audit log cannot be written or synced, else 0.",
    ),
    auditLinesLostTotal: registry.counter(
      "audit_lines_lost_total",
      "Lines of the audit log that are lost, since it could not be written and too many waited.",
    ),
  };
}
