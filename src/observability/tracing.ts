/**
 * Tracing: spans that are exported to an OpenTelemetry collector when that is switched on, and that
 * cost next to nothing when it is off. Off or on, every span has a trace id to log.
 *
 * Context travels as plain text in the W3C form (https://www.w3.org/TR/trace-context/), in the
 * metadata of calls and in the replicated Command.
 *
 * @module
 */

import type { ChannelCredentials } from "@grpc/grpc-js";
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
  /** Marks the span as failed. A text is what failed elsewhere, and has no place in this program. */
  recordError(failure: unknown): void;
  /**
   * Once; what comes after is not recorded.
   *
   * @param atMs when it ended, in ms since the epoch; left out: now
   */
  end(atMs?: number): void;
}

export interface StartSpanOptions {
  /** `traceparent` of the caller; absent or malformed: the span begins a trace. */
  readonly parent?: string | undefined;
  readonly attributes?: SpanAttributes;
  /** Default `internal`. */
  readonly kind?: SpanKind;
  /** When it began, in ms since the epoch; left out: now. */
  readonly startMs?: number;
}

export interface Tracer {
  /** Whether spans are recorded and exported at all. */
  readonly isEnabled: boolean;
  /** Whether a span of that parent would be recorded: a look, for roads that every job takes. */
  follows(parent: string): boolean;
  startSpan(name: string, options?: StartSpanOptions): Span;
  /** Exports what has ended so far, within `timeoutMs`. */
  flush(timeoutMs?: number): Promise<void>;
  /** Exports what has ended so far, within `timeoutMs`, and stops. */
  shutdown(timeoutMs?: number): Promise<void>;
}

/** PEM, by which the two ends of a connection to a collector know each other. */
export interface CollectorTls {
  /** Absent: the system's authorities. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Where spans go, and how many. */
export interface TracerOptions {
  readonly enabled: boolean;
  /** Default `otlp`: to a collector. `console`: on stderr, whatever is said of a collector. */
  readonly exporters?: readonly ("otlp" | "console")[];
  /** `HOST:PORT`, or an http(s) URL; over HTTP with or without `/v1/traces`. */
  readonly endpoint: string;
  /** In place of `endpoint`: the whole URL to which spans are posted, as it is. */
  readonly tracesUrl?: string;
  /** Default `http/json`. */
  readonly protocol?: OtlpProtocol;
  /** Plain HTTP to an endpoint that is a `HOST:PORT`; a URL says so by its scheme. */
  readonly insecure: boolean;
  /** PEM file of the authorities that the collector is checked against; absent: the system's. */
  readonly certificateFile?: string | undefined;
  /** PEM files by which the collector knows this process; both or none. */
  readonly clientCertificateFile?: string;
  readonly clientKeyFile?: string;
  /** Sent along with each export: what a vendor wants to know its customer by. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly compression?: "none" | "gzip";
  /** Time allowed to one export, in ms. Default 10,000. */
  readonly exportTimeoutMs?: number;
  /** How long spans are gathered before they are sent, in ms. Default 1,000. */
  readonly exportIntervalMs?: number;
  /** Spans in one export at most. Default 512. */
  readonly exportBatch?: number;
  /** Spans held for export at most; the newest beyond it are dropped. Default 8,192. */
  readonly exportQueue?: number;
  /**
   * Over gRPC: what connections are made with, over TLS or (`undefined`) without. Default: grpc-js's
   * own, which reach no collector over TLS by its IP address, and end this process where one says
   * goodbye in the middle of many calls.
   */
  readonly channelCredentials?: (tls: CollectorTls | undefined) => ChannelCredentials;
  /** Default `parentbased_traceidratio`. */
  readonly sampler?: SamplerName;
  /** Share of traces that the sampler records, where it is one of a ratio: 0 to 1. */
  readonly samplingRatio: number;
  readonly serviceName: "conductor-master" | "conductor-worker" | "conductor-client" | string;
  readonly version: string;
  /** `service.instance.id`. */
  readonly nodeId?: string;
  /** `deployment.environment.name`. */
  readonly environment?: string;
  /** More about the process; but for the version, what is said above stands before it. */
  readonly resourceAttributes?: Readonly<Record<string, string>>;
  /** Told when exporting begins to fail, and when it works again (`undefined`). */
  readonly onExport?: (failure: Error | undefined) => void;
  /** Told what else is amiss: a collector takes some spans and rejects others, or too many wait and are dropped. */
  readonly onWarning?: (text: string) => void;
}

/** How spans travel. */
const OTLP_PROTOCOLS = ["http/json", "http/protobuf", "grpc"] as const;
export type OtlpProtocol = typeof OTLP_PROTOCOLS[number];

/**
 * Which traces are recorded, in OpenTelemetry's words. Those that are `parentbased` decide for traces
 * that begin here, and leave others' decisions as they are.
 */
const SAMPLERS = [
  ...["parentbased_traceidratio", "parentbased_always_on", "parentbased_always_off"] as const,
  ...["traceidratio", "always_on", "always_off"] as const,
] as const;
export type SamplerName = typeof SAMPLERS[number];

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
  follows: () => false,
  startSpan: (_name, options) => silentSpan(options?.parent),
  flush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};

/** A span that is not recorded; see {@linkcode silentTracer}. */
export function silentSpan(parent: string | undefined): Span {
  return new SilentSpan(parent);
}

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
