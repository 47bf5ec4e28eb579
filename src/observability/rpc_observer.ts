/**
 * Follows a served call from its first byte to its status: a span, the metrics, and a line in the
 * log with its trace id. It fits the port that the gRPC server declares.
 *
 * @module
 */

import type { Logger } from "./logger.ts";
import type { RpcMetrics } from "./rpc_metrics.ts";
import type { Tracer } from "./tracing.ts";

export interface RpcObserverOptions {
  readonly metrics: RpcMetrics;
  readonly tracer: Tracer;
  readonly log: Logger;
  /** Full names of methods that stream; their length is not a latency. */
  readonly streamingMethods?: Iterable<string>;
  /** Monotonic, in ms. */
  readonly now?: () => number;
}

/** A call that is being served. */
export interface ObservedCall {
  /** The call's own place in the trace. */
  readonly traceparent: string;
  /** Notes an event in the call's span; absent while it is not recorded. */
  readonly note?: ((event: string) => void) | undefined;
  /** @param code the gRPC status's name, such as `OK` or `NOT_FOUND` */
  ended(code: string, failure: unknown): void;
}

export interface RpcObserver {
  /**
   * @param method full name, such as `/proto.MasterService/SubmitJob`
   * @param parent the caller's `traceparent`, if it sent one
   */
  started(method: string, parent: string | undefined): ObservedCall;
}

/** What is wrong with us rather than with the request. */
const OUR_FAULTS: ReadonlySet<string> = new Set(["INTERNAL", "UNKNOWN", "DATA_LOSS"]);

/** Asked every second or two by whoever watches a server; its answers would bury all other lines. */
const HEALTH_SERVICE = "grpc.health.v1.Health";

export function createRpcObserver(options: RpcObserverOptions): RpcObserver {
  const { metrics, tracer, log } = options;
  const streaming = new Set(options.streamingMethods ?? []);
  const now = options.now ?? (() => performance.now());
  return {
    started(method, parent) {
      const startedAtMs = now();
      const [, service = "", name = ""] = method.split("/");
      const isStream = streaming.has(method);
      const span = tracer.startSpan(method.slice(1), {
        parent,
        kind: "server",
        attributes: { "rpc.system": "grpc", "rpc.service": service, "rpc.method": name },
      });
      return {
        traceparent: span.traceparent,
        note: span.isRecording ? (event) => span.addEvent(event) : undefined,
        ended(code, failure) {
          const durationMs = now() - startedAtMs;
          const isOk = code === "OK";
          metrics.requestsTotal.inc({ method, status: isOk ? "success" : "error" });
          if (!isOk) metrics.errorsTotal.inc({ method, error_type: code });
          if (!isStream) metrics.latencySeconds.observe({ method }, durationMs / 1_000);
          metrics.handledTotal.inc({
            grpc_type: isStream ? "stream" : "unary",
            grpc_service: service,
            grpc_method: name,
            grpc_code: code,
          });
          span.setAttribute("rpc.grpc.status_code", code);
          if (OUR_FAULTS.has(code)) span.recordError(failure);
          span.end();
          const level = OUR_FAULTS.has(code) ? "warn" : "debug";
          const isProbe = isOk && service === HEALTH_SERVICE;
          if (isProbe || !log.isEnabled(level)) return;
          log[level]("rpc", {
            method,
            code,
            duration_ms: Math.round(durationMs * 1_000) / 1_000,
            trace_id: span.traceId,
            ...(isOk ? {} : { error: failure }),
          });
        },
      };
    },
  };
}
