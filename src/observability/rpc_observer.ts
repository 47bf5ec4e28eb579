/**
 * Follows a served call from its first byte to its status: a span, the metrics, and a line in the
 * log with its trace id. It fits the port that the gRPC server declares. Calls that this node makes
 * are counted here, too.
 *
 * @module
 */

import { runInSpan } from "./active_span.ts";
import type { Logger } from "./logger.ts";
import {
  type MethodLabels,
  type OutcomeLabels,
  type RpcClientMetrics,
  type RpcMetrics,
  STATUS_NAMES,
} from "./rpc_metrics.ts";
import { silentSpan, type Span, type Tracer } from "./tracing.ts";

export interface RpcObserverOptions {
  readonly metrics: RpcMetrics;
  readonly tracer: Tracer;
  readonly log: Logger;
  /** Full names of methods that stream; their length is not a latency. */
  readonly streamingMethods?: Iterable<string>;
  /** Whether a call is a part of its caller's trace (the default), or begins one. */
  readonly heedsCallers?: boolean;
  /** Monotonic, in ms. */
  readonly now?: () => number;
}

/** A call that is being served. */
export interface ObservedCall {
  /** The call's own place in the trace. */
  readonly traceparent: string;
  /** Notes an event in the call's span; absent while it is not recorded. */
  readonly note?: ((event: string) => void) | undefined;
  /** Runs the handler: lines of the log that are written meanwhile carry the call's trace id. */
  within<Result>(work: () => Result): Result;
  /**
   * @param code the gRPC status's name, such as `OK` or `NOT_FOUND`
   * @param httpStatus what was answered to a call that came over HTTP, where that is known
   */
  ended(code: string, failure: unknown, httpStatus?: number): void;
}

/** What a call was over the HTTP API. */
export interface HttpRequestFacts {
  /** `POST` */
  readonly verb: string;
  /** With names in place of what varies: `/api/v1/jobs/{id}`. */
  readonly route: string;
}

/** Calls of one method that are alike, and observed together. */
export interface ObservedCalls {
  readonly traceparent: string;
  /** Those whose traces are recorded, by their places: not among `calls` below; to be begun once. */
  readonly own: ReadonlyMap<number, () => ObservedCall>;
  /** They were let in. */
  started(calls: number): void;
  /** So many of them ended thus. */
  ended(code: string, failure: unknown, calls: number): void;
}

export interface RpcObserver {
  /**
   * @param method full name, such as `/proto.MasterService/SubmitJob`
   * @param parent the caller's `traceparent`, if it sent one
   * @param http what it was there, if it came over HTTP; absent: it came over gRPC
   */
  started(method: string, parent: string | undefined, http?: HttpRequestFacts): ObservedCall;
  /**
   * Several calls of a method that came in one message and belong to no trace of their callers: those
   * whose traces are not recorded share one. Undefined when each has a span or a line of its own.
   */
  several(method: string, calls: number): ObservedCalls | undefined;
}

/** Counts calls that this node makes. */
export interface RpcClientObserver {
  ended(method: string, isStream: boolean, code: string, durationMs: number): void;
}

/** What is wrong with us rather than with the request. */
const OUR_FAULTS: ReadonlySet<string> = new Set(["INTERNAL", "UNKNOWN", "DATA_LOSS"]);

/** What OpenTelemetry counts as a server's failure; all else is its caller's. */
const FAILED_SPANS: ReadonlySet<string> = new Set([
  ...OUR_FAULTS,
  "DEADLINE_EXCEEDED",
  "UNAVAILABLE",
  "UNIMPLEMENTED",
]);

/** Asked every second or two by whoever watches a server; its answers would bury all other lines. */
const HEALTH_SERVICE = "grpc.health.v1.Health";

export function createRpcObserver(options: RpcObserverOptions): RpcObserver {
  const { metrics, tracer, log, heedsCallers = true } = options;
  const methods = new Methods(new Set(options.streamingMethods ?? []));
  const now = options.now ?? (() => performance.now());
  const counted = (method: string, code: string, durationMs: number, calls: number) => {
    const { isStream, labels, outcomes } = methods.of(method);
    const isOk = code === "OK";
    metrics.requestsTotal.inc({ method, status: isOk ? "success" : "error" }, calls);
    if (!isOk) metrics.errorsTotal.inc({ method, error_type: code }, calls);
    metrics.handledTotal.inc(outcomes.of(code), calls);
    if (isStream) return;
    metrics.latencySeconds.observe({ method }, durationMs / 1_000, calls);
    metrics.handlingSeconds.observe(labels, durationMs / 1_000, calls);
  };
  const told = (
    method: string,
    { code, failure }: { readonly code: string; readonly failure: unknown },
    durationMs: number,
    { traceId }: Pick<Span, "traceId">,
  ) => {
    const level = OUR_FAULTS.has(code) ? "warn" : "debug";
    if (!log.isEnabled(level)) return;
    log[level]("rpc", {
      method,
      code,
      duration_ms: Math.round(durationMs * 1_000) / 1_000,
      trace_id: traceId,
      ...(code === "OK" ? {} : { error: failure }),
    });
  };
  const begunSpan = (method: string, parent: string | undefined, http?: HttpRequestFacts) => {
    const { service, name, spanName } = methods.of(method);
    return tracer.startSpan(http === undefined ? spanName : `${http.verb} ${http.route}`, {
      parent: heedsCallers ? parent : undefined,
      kind: "server",
      // Collectors tell by these what a span is of, and draw services and their faults by it.
      attributes: http === undefined
        ? { "rpc.system": "grpc", "rpc.service": service, "rpc.method": name }
        : {
          "http.request.method": http.verb,
          "http.route": http.route,
          "conductor.method": spanName,
        },
    });
  };
  const observedIn = (span: Span, method: string, http?: HttpRequestFacts): ObservedCall => {
    const startedAtMs = now();
    const { service, labels } = methods.of(method);
    metrics.startedTotal.inc(labels);
    return {
      traceparent: span.traceparent,
      note: span.isRecording ? (event) => span.addEvent(event) : undefined,
      within: (work) => runInSpan(span, work),
      ended(code, failure, httpStatus) {
        const durationMs = now() - startedAtMs;
        const isOk = code === "OK";
        counted(method, code, durationMs, 1);
        if (httpStatus !== undefined) span.setAttribute("http.response.status_code", httpStatus);
        if (http === undefined) {
          span.setAttribute("rpc.grpc.status_code", STATUS_NAMES.indexOf(code));
        }
        if (FAILED_SPANS.has(code)) span.recordError(failure);
        span.end();
        const isProbe = isOk && service === HEALTH_SERVICE;
        if (!isProbe) told(method, { code, failure }, durationMs, span);
      },
    };
  };
  return {
    started: (method, parent, http) => observedIn(begunSpan(method, parent, http), method, http),
    several(method, calls) {
      if (log.isEnabled("debug")) return undefined;
      const startedAtMs = now();
      const own = new Map<number, () => ObservedCall>();
      // Each begins a trace, and each is drawn for as if it had come by itself.
      // What they share is a trace that was drawn and not recorded, as whoever decides by its id will, too.
      let span = silentSpan(undefined);
      for (let place = 0; tracer.isEnabled && place < calls; place++) {
        const begun = begunSpan(method, undefined);
        if (begun.isRecording) own.set(place, () => observedIn(begun, method));
        else span = begun;
      }
      return {
        traceparent: span.traceparent,
        own,
        started: (calls) => metrics.startedTotal.inc(methods.of(method).labels, calls),
        ended(code, failure, calls) {
          const durationMs = now() - startedAtMs;
          counted(method, code, durationMs, calls);
          told(method, { code, failure }, durationMs, span);
        },
      };
    },
  };
}

/** Counts in `metrics` what a client tells of its calls. */
export function createRpcClientObserver(metrics: RpcClientMetrics): RpcClientObserver {
  const unary = new Methods(new Set());
  const streams = new Methods({ has: () => true });
  return {
    ended(method, isStream, code, durationMs) {
      const { labels, outcomes } = (isStream ? streams : unary).of(method);
      metrics.handledTotal.inc(outcomes.of(code));
      if (!isStream) metrics.handlingSeconds.observe(labels, durationMs / 1_000);
    },
  };
}

/** What is the same for every call of a method, made once. */
interface Method {
  readonly isStream: boolean;
  readonly service: string;
  readonly name: string;
  readonly spanName: string;
  readonly labels: MethodLabels;
  readonly outcomes: Outcomes;
}

/** The methods of our services, as they are called. */
class Methods {
  readonly #streaming: Pick<ReadonlySet<string>, "has">;
  readonly #known = new Map<string, Method>();

  constructor(streaming: Pick<ReadonlySet<string>, "has">) {
    this.#streaming = streaming;
  }

  of(path: string): Method {
    let method = this.#known.get(path);
    if (method === undefined) {
      const [, service = "", name = ""] = path.split("/");
      const isStream = this.#streaming.has(path);
      const labels = {
        grpc_type: isStream ? "stream" : "unary",
        grpc_service: service,
        grpc_method: name,
      };
      const outcomes = new Outcomes(labels);
      method = { isStream, service, name, labels, spanName: path.slice(1), outcomes };
      this.#known.set(path, method);
    }
    return method;
  }
}

class Outcomes {
  readonly #labels: MethodLabels;
  readonly #byCode = new Map<string, OutcomeLabels>();

  constructor(labels: MethodLabels) {
    this.#labels = labels;
  }

  of(code: string): OutcomeLabels {
    let labels = this.#byCode.get(code);
    if (labels === undefined) {
      labels = { ...this.#labels, grpc_code: code };
      this.#byCode.set(code, labels);
    }
    return labels;
  }
}
