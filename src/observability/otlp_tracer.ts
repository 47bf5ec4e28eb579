/**
 * The tracer that exports, over OTLP. Loaded by `tracing.ts` when tracing is enabled, so that
 * nobody else pays for the SDK.
 *
 * The runtime's own OpenTelemetry support is not used: it is set up by environment variables of the
 * process alone, and would export spans that are not ours.
 *
 * @module
 */

import {
  type Context,
  ROOT_CONTEXT,
  type Span as SdkSpan,
  SpanKind as SdkSpanKind,
} from "@opentelemetry/api";
import { SpanStatusCode, trace, TraceFlags, type Tracer as SdkTracer } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { describeError } from "./log_fields.ts";
import { EXPORT_TIMEOUT_MS, openExporter } from "./otlp_exporter.ts";
import {
  formatTraceparent,
  isSampled,
  newSpanId,
  newTraceId,
  parseTraceparent,
  type TraceContext,
} from "./traceparent.ts";
import {
  type SamplerName,
  SHUTDOWN_TIMEOUT_MS,
  silentSpan,
  type Span,
  type SpanAttributes,
  type SpanKind,
  type StartSpanOptions,
  type Tracer,
  type TracerOptions,
  TracingConfigError,
} from "./tracing.ts";

/** Spans held for export; beyond it the newest are dropped, so that a lost collector costs little. */
const QUEUED_SPANS_MAX = 8_192;
const BATCH_SPANS_MAX = 512;
const EXPORT_INTERVAL_MS = 1_000;
const TEXT_LENGTH_MAX = 4_096;

const KINDS: Readonly<Record<SpanKind, SdkSpanKind>> = {
  internal: SdkSpanKind.INTERNAL,
  server: SdkSpanKind.SERVER,
  client: SdkSpanKind.CLIENT,
  producer: SdkSpanKind.PRODUCER,
  consumer: SdkSpanKind.CONSUMER,
};

/** @throws TracingConfigError */
export function createOtlpTracer(options: TracerOptions): Tracer {
  const { samplingRatio, sampler = "parentbased_traceidratio" } = options;
  if (!(samplingRatio >= 0 && samplingRatio <= 1)) {
    throw new TracingConfigError(
      `tracing.sample_ratio must be from 0 to 1, but is ${samplingRatio}`,
    );
  }
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      ...options.resourceAttributes,
      "service.name": options.serviceName,
      "service.version": options.version,
      ...(options.nodeId === undefined ? {} : { "service.instance.id": options.nodeId }),
      ...(options.environment === undefined
        ? {}
        : { "deployment.environment.name": options.environment }),
    }),
    sampler: samplerOf(sampler, samplingRatio),
    idGenerator: { generateTraceId: newTraceId, generateSpanId: newSpanId },
    spanLimits: { attributeValueLengthLimit: TEXT_LENGTH_MAX },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: openExporter(options),
        maxQueueSize: QUEUED_SPANS_MAX,
        maxExportBatchSize: BATCH_SPANS_MAX,
        scheduledDelayMillis: EXPORT_INTERVAL_MS,
        exportTimeoutMillis: options.exportTimeoutMs ?? EXPORT_TIMEOUT_MS,
      }),
    ],
  });
  return new OtlpTracer(provider, provider.getTracer("conductor", options.version), {
    heedsParents: sampler.startsWith("parentbased"),
    rootRatio: sampler === "parentbased_traceidratio" ? samplingRatio : 1,
  });
}

function samplerOf(name: SamplerName, ratio: number): Sampler {
  switch (name) {
    case "always_on":
      return new AlwaysOnSampler();
    case "always_off":
      return new AlwaysOffSampler();
    case "traceidratio":
      return new TraceIdRatioBasedSampler(ratio);
    case "parentbased_always_off":
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    // What is not recorded of a ratio has been left out by the tracer before.
    case "parentbased_always_on":
    case "parentbased_traceidratio":
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
  }
}

/** What is decided without asking the SDK. */
interface Decisions {
  /** A trace that was begun elsewhere keeps its own decision. */
  readonly heedsParents: boolean;
  /** Share of new traces that is recorded. */
  readonly rootRatio: number;
}

class OtlpTracer implements Tracer {
  readonly isEnabled = true;
  readonly #provider: TracerProvider;
  readonly #tracer: SdkTracer;
  readonly #decisions: Decisions;

  constructor(provider: TracerProvider, tracer: SdkTracer, decisions: Decisions) {
    this.#provider = provider;
    this.#tracer = tracer;
    this.#decisions = decisions;
  }

  follows(parent: string): boolean {
    return !this.#decisions.heedsParents || isSampled(parent);
  }

  startSpan(name: string, options: StartSpanOptions = {}): Span {
    const { startMs } = options;
    const parent = parseTraceparent(options.parent);
    // Most of what a busy cluster does is not recorded: it shall cost no more than without tracing.
    const { heedsParents, rootRatio } = this.#decisions;
    const isLeftOut = parent === undefined
      ? rootRatio < 1 && Math.random() >= rootRatio
      : heedsParents && !parent.isSampled;
    if (isLeftOut) return silentSpan(options.parent);
    const span = this.#tracer.startSpan(name, {
      kind: KINDS[options.kind ?? "internal"],
      ...(options.attributes === undefined ? {} : { attributes: { ...options.attributes } }),
      ...(startMs === undefined ? {} : { startTime: startMs }),
    }, contextOf(parent));
    return new OtlpSpan(span);
  }

  flush(timeoutMs = SHUTDOWN_TIMEOUT_MS): Promise<void> {
    return within(timeoutMs, this.#provider.forceFlush({ timeoutMillis: timeoutMs }));
  }

  shutdown(timeoutMs = SHUTDOWN_TIMEOUT_MS): Promise<void> {
    return within(timeoutMs, this.#provider.shutdown());
  }
}

function contextOf(context: TraceContext | undefined): Context {
  if (context === undefined) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: context.traceId,
    spanId: context.spanId,
    traceFlags: context.isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
  });
}

/** Failures have been told through `onExport` already; here only the wait is bounded. */
async function within(timeoutMs: number, work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<void>((resolve) => timer = setTimeout(resolve, timeoutMs));
  await Promise.race([work.catch(() => {}), timeout]);
  clearTimeout(timer);
}

class OtlpSpan implements Span {
  readonly #span: SdkSpan;
  readonly traceId: string;
  readonly traceparent: string;

  constructor(span: SdkSpan) {
    this.#span = span;
    const { traceId, spanId, traceFlags } = span.spanContext();
    this.traceId = traceId;
    const isSampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
    this.traceparent = formatTraceparent({ traceId, spanId, isSampled });
  }

  get isRecording(): boolean {
    return this.#span.isRecording();
  }

  setAttribute(name: string, value: string | number | boolean): void {
    this.#span.setAttribute(name, value);
  }

  addEvent(name: string, attributes: SpanAttributes = {}): void {
    this.#span.addEvent(name, { ...attributes });
  }

  recordError(failure: unknown): void {
    const message = describeError(failure);
    this.#span.recordException(failure instanceof Error ? failure : message);
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message });
  }

  end(atMs?: number): void {
    this.#span.end(atMs);
  }
}
