/**
 * Tracing: spans that are exported to an OpenTelemetry collector when that is switched on, and that
 * cost next to nothing when it is off. Off or on, every span has a trace id to log.
 *
 * Context travels as plain text in the W3C form (https://www.w3.org/TR/trace-context/), in the
 * metadata of calls and in the replicated Command.
 *
 * @module
 */

import { formatTraceparent, newSpanId, newTraceId, parseTraceparent } from "./traceparent.ts";

/** What a span may be told about. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** Which end of what a span is, in OpenTelemetry's words. */
export type SpanKind = "internal" | "server" | "client" | "producer" | "consumer";

/** One piece of work in a trace. */
export interface Span {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** What those who work on behalf of this span take as their parent. */
  readonly traceparent: string;
  /** Whether it will be exported: if not, attributes need not be computed. */
  readonly isRecording: boolean;
  setAttribute(name: string, value: string | number | boolean): void;
  addEvent(name: string, attributes?: SpanAttributes): void;
  /** Marks the span as failed. */
  recordError(failure: unknown): void;
  /** Once; what comes after is not recorded. */
  end(): void;
}

export interface StartSpanOptions {
  /** `traceparent` of the caller; absent or malformed: the span begins a trace. */
  readonly parent?: string | undefined;
  readonly attributes?: SpanAttributes;
  /** Default `internal`. */
  readonly kind?: SpanKind;
}

export interface Tracer {
  /** Whether spans are recorded and exported at all. */
  readonly isEnabled: boolean;
  startSpan(name: string, options?: StartSpanOptions): Span;
  /** Exports what has ended so far, within `timeoutMs`. */
  flush(timeoutMs?: number): Promise<void>;
  /** Exports what has ended so far, within `timeoutMs`, and stops. */
  shutdown(timeoutMs?: number): Promise<void>;
}

/** Where spans go, and how many. */
export interface TracerOptions {
  readonly enabled: boolean;
  /** `HOST:PORT`, or an http(s) URL with or without `/v1/traces`. */
  readonly endpoint: string;
  /** Plain HTTP to an endpoint that is a `HOST:PORT`; a URL says so by its scheme. */
  readonly insecure: boolean;
  /** PEM file of the authorities that the collector is checked against; absent: the system's. */
  readonly certificateFile?: string | undefined;
  /** Share of new traces that is recorded, 0 to 1; a trace begun elsewhere keeps its decision. */
  readonly samplingRatio: number;
  readonly serviceName: "conductor-master" | "conductor-worker" | "conductor-client" | string;
  readonly version: string;
  /** `service.instance.id`. */
  readonly nodeId?: string;
  /** `deployment.environment.name`. */
  readonly environment?: string;
  /** Told when exporting begins to fail, and when it works again (`undefined`). */
  readonly onExport?: (failure: Error | undefined) => void;
}

/** Tracing cannot be set up as the options ask. */
export class TracingConfigError extends Error {
  override name = "TracingConfigError";
}

/** Longest wait for the collector when a process ends, in ms. */
export const SHUTDOWN_TIMEOUT_MS = 2_000;

/**
 * The process's tracer. The SDK is loaded only when tracing is enabled.
 *
 * @throws TracingConfigError for an endpoint, a ratio or a certificate file that cannot be used.
 */
export async function createTracer(options: TracerOptions): Promise<Tracer> {
  if (!options.enabled) return silentTracer;
  const { createOtlpTracer } = await import("./otlp_tracer.ts");
  return createOtlpTracer(options);
}

/**
 * Records nothing. A span with a parent is that parent, unchanged, as W3C asks of those who only
 * pass a trace along; one without gets a trace id of its own, for logs.
 */
export const silentTracer: Tracer = {
  isEnabled: false,
  startSpan: (_name, options) => new SilentSpan(options?.parent),
  flush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};

class SilentSpan implements Span {
  readonly isRecording = false;
  readonly traceId: string;
  readonly #parent: string | undefined;
  #traceparent: string | undefined;

  constructor(parent: string | undefined) {
    const context = parseTraceparent(parent);
    this.#parent = context === undefined ? undefined : parent;
    this.traceId = context?.traceId ?? newTraceId();
  }

  get traceparent(): string {
    this.#traceparent ??= this.#parent ??
      formatTraceparent({ traceId: this.traceId, spanId: newSpanId(), isSampled: false });
    return this.#traceparent;
  }

  setAttribute(): void {}
  addEvent(): void {}
  recordError(): void {}
  end(): void {}
}

/**
 * What to send along with a call made in `span`: nothing where nobody has decided whether the trace
 * is recorded, so that a client without tracing leaves that decision to the master.
 */
export function outgoingTraceparent(span: Span, tracer: Tracer): string | undefined {
  if (tracer.isEnabled) return span.traceparent;
  return parseTraceparent(span.traceparent)?.isSampled ? span.traceparent : undefined;
}
