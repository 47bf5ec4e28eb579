/**
 * What gRPC servers and clients measure of their calls: the original's three metrics, and those that
 * dashboards made for gRPC look for.
 *
 * @module
 */

import { firstOf, oneOf } from "./label_bound.ts";
import type { CounterFamily, HistogramFamily, MetricsRegistry } from "./metrics_registry.ts";

/** A method, as gRPC's own dashboards name it. */
export interface MethodLabels extends Readonly<Record<string, string>> {
  readonly grpc_type: string;
  readonly grpc_service: string;
  readonly grpc_method: string;
}

/** A method and how its call ended. */
export interface OutcomeLabels extends MethodLabels {
  readonly grpc_code: string;
}

export interface RpcMetrics {
  /** Calls that have ended. */
  readonly requestsTotal: CounterFamily<{ method: string; status: "success" | "error" }>;
  /** Unary calls alone: a stream's length says nothing about us. */
  readonly latencySeconds: HistogramFamily<{ method: string }>;
  /** `error_type` is the name of the gRPC status. */
  readonly errorsTotal: CounterFamily<{ method: string; error_type: string }>;
  readonly startedTotal: CounterFamily<MethodLabels>;
  readonly handledTotal: CounterFamily<OutcomeLabels>;
  /** Unary calls alone. */
  readonly handlingSeconds: HistogramFamily<MethodLabels>;
}

/** Calls that this node makes: masters to each other and to workers, workers to masters. */
export interface RpcClientMetrics {
  readonly handledTotal: CounterFamily<OutcomeLabels>;
  /** Unary calls alone. */
  readonly handlingSeconds: HistogramFamily<MethodLabels>;
}

/** Methods beyond these are not ours. */
const METHODS_MAX = 128;
const RPC_SECONDS = [
  ...[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
];

/** The names of gRPC's statuses, as grpc-js has them, each at its number. */
export const STATUS_NAMES: readonly string[] = [
  ...["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND"],
  ...["ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION"],
  ...["ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"],
  "UNAUTHENTICATED",
];

/** Declares them in `registry`. Once for each registry. */
export function createRpcMetrics(registry: MetricsRegistry): RpcMetrics {
  const method = firstOf(METHODS_MAX);
  const code = oneOf(...STATUS_NAMES);
  return {
    requestsTotal: registry.counterFamily("rpc_requests_total", "Calls served, by outcome.", {
      method,
      status: oneOf("success", "error"),
    }),
    latencySeconds: registry.histogramFamily(
      "rpc_latency_seconds",
      "Time to serve a unary call.",
      RPC_SECONDS,
      { method },
    ),
    errorsTotal: registry.counterFamily("rpc_errors_total", "Calls that failed, by gRPC status.", {
      method,
      error_type: code,
    }),
    startedTotal: registry.counterFamily(
      "grpc_server_started_total",
      "Calls begun on the server.",
      methodBounds(),
    ),
    handledTotal: registry.counterFamily(
      "grpc_server_handled_total",
      "Calls completed on the server, whatever their outcome.",
      { ...methodBounds(), grpc_code: code },
    ),
    handlingSeconds: registry.histogramFamily(
      "grpc_server_handling_seconds",
      "Time to serve a unary call.",
      RPC_SECONDS,
      methodBounds(),
    ),
  };
}

/** Declares them in `registry`. Once for each registry. */
export function createRpcClientMetrics(registry: MetricsRegistry): RpcClientMetrics {
  return {
    handledTotal: registry.counterFamily(
      "grpc_client_handled_total",
      "Calls that this node made and that have ended, whatever their outcome.",
      { ...methodBounds(), grpc_code: oneOf(...STATUS_NAMES) },
    ),
    handlingSeconds: registry.histogramFamily(
      "grpc_client_handling_seconds",
      "Time from a unary call of this node's to its answer.",
      RPC_SECONDS,
      methodBounds(),
    ),
  };
}

function methodBounds() {
  return {
    grpc_type: oneOf("unary", "stream"),
    grpc_service: firstOf(16),
    grpc_method: firstOf(METHODS_MAX),
  };
}
