/**
 * What a node measures of its certificates and connections.
 *
 * @module
 */

import { oneOf } from "./label_bound.ts";
import type { CounterFamily, GaugeFamily, MetricsRegistry } from "./metrics_registry.ts";

export interface TlsMetrics {
  readonly certificateNotAfterSeconds: GaugeFamily<{ section: TlsSectionName }>;
  readonly reloadsTotal: CounterFamily<{ result: "success" | "failure" }>;
  readonly connectionsRefusedTotal: CounterFamily<
    { listener: ListenerName; reason: ConnectionRefusal }
  >;
  readonly connectionsEndedTotal: CounterFamily<{ direction: "incoming" | "outgoing" }>;
}

/** The doors of a node. */
const LISTENERS = ["grpc", "raft", "worker", "http"] as const;
export type ListenerName = typeof LISTENERS[number];

/** Why a connection, or a call, was turned away or ended before it was known whose; a stalled one also later. */
const CONNECTION_REFUSALS = [
  "too_many",
  "too_many_of_address",
  "handshake_timeout",
  "idle",
  "headers",
  "pipelined",
  "frames",
  "stalled",
  "resumed",
  "unauthorized",
  "no_certificate",
  "untrusted_certificate",
  "not_tls",
  "handshake_failed",
] as const;
export type ConnectionRefusal = typeof CONNECTION_REFUSALS[number];

type TlsSectionName = "tls" | "raft_tls";

/** Declares them in `registry`. Once for each registry. */
export function createTlsMetrics(registry: MetricsRegistry): TlsMetrics {
  return {
    certificateNotAfterSeconds: registry.gaugeFamily(
      "tls_certificate_not_after_seconds",
      "When this node's certificate ends, in seconds since the epoch.",
      { section: oneOf("tls", "raft_tls") },
    ),
    reloadsTotal: registry.counterFamily(
      "node_reloads_total",
      "Files that were reloaded, by whether their content was good.",
      { result: oneOf("success", "failure") },
    ),
    connectionsRefusedTotal: registry.counterFamily(
      "node_connections_refused_total",
      "Connections (and calls: by their headers, or stalled ones that kept too much) that were turned away, or ended as useless.",
      { listener: oneOf(...LISTENERS), reason: oneOf(...CONNECTION_REFUSALS) },
    ),
    connectionsEndedTotal: registry.counterFamily(
      "tls_connections_ended_total",
      "Connections ended because a certificate expired, was revoked or lost its authority.",
      { direction: oneOf("incoming", "outgoing") },
    ),
  };
}
