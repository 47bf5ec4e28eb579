/**
 * What a node measures at its door.
 *
 * @module
 */

import { firstOf, oneOf } from "./label_bound.ts";
import type { CounterFamily, MetricsRegistry } from "./metrics_registry.ts";

export interface GateMetrics {
  readonly authAttemptsTotal: CounterFamily<{ result: "success" | "failure" }>;
  readonly rateLimitHitsTotal: CounterFamily<{ client: string }>;
}

/** Clients beyond these are counted as `other`. */
export const CLIENTS_MAX = 100;

/** Declares them in `registry`. Once for each registry. */
export function createGateMetrics(registry: MetricsRegistry): GateMetrics {
  return {
    authAttemptsTotal: registry.counterFamily(
      "auth_attempts_total",
      "Calls by whether the caller could be authenticated.",
      { result: oneOf("success", "failure") },
    ),
    rateLimitHitsTotal: registry.counterFamily(
      "rate_limit_hits_total",
      "Calls refused because the client made too many.",
      { client: firstOf(CLIENTS_MAX) },
    ),
  };
}
