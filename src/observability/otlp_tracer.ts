/**
 * The tracer that exports, over OTLP. Loaded by `tracing.ts` when tracing is enabled, so that
 * nobody else pays for the SDK.
 *
 * The runtime's own OpenTelemetry support is not used: it is set up by environment variables of the
 * process alone, and would export spans that are not ours.
 *
 * @module
 */

import { diag, DiagLogLevel, ROOT_CONTEXT, SpanKind as SdkSpanKind } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  type SpanExporter,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace";
import { describeError } from "./log_fields.ts";
import { EXPORT_TIMEOUT_MS, openExporter } from "./otlp_exporter.ts";
import { nowMs, RecordedSpan, type SpanSurroundings } from "./recorded_span.ts";
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

const KINDS: Readonly<Record<SpanKind, SdkSpanKind>> = {
  internal: SdkSpanKind.INTERNAL,
  server: SdkSpanKind.SERVER,
  client: SdkSpanKind.CLIENT,
  producer: SdkSpanKind.PRODUCER,
  consumer: SdkSpanKind.CONSUMER,
};

/**
 * @param console in place of stderr, for spans that go to no collector
 * @throws TracingConfigError
 */
export function createOtlpTracer(options: TracerOptions, console?: SpanExporter): Tracer {
  const { samplingRatio, sampler = "parentbased_traceidratio" } = options;
  if (!(samplingRatio >= 0 && samplingRatio <= 1)) {
    throw new TracingConfigError(
      `tracing.sample_ratio must be from 0 to 1, but is ${samplingRatio}`,
    );
  }
  if (options.onWarning !== undefined) hearLibraries(options.onWarning);
  const processor = new BatchSpanProcessor({
    exporter: openExporter(options, console),
    maxQueueSize: options.exportQueue ?? QUEUED_SPANS_MAX,
    maxExportBatchSize: options.exportBatch ?? BATCH_SPANS_MAX,
    scheduledDelayMillis: options.exportIntervalMs ?? EXPORT_INTERVAL_MS,
    exportTimeoutMillis: options.exportTimeoutMs ?? EXPORT_TIMEOUT_MS,
  });
  const surroundings: SpanSurroundings = {
    resource: resourceOf(options),
    scope: { name: "conductor", version: options.version },
    onEnd: (span) => processor.onEnd(span),
  };
  const { onWarning } = options;
  return new OtlpTracer(processor, surroundings, new Sampling(sampler, samplingRatio), onWarning);
}

/**
 * What OpenTelemetry's libraries warn of they tell the process, and nobody unless somebody asks: answers
 * of collectors that took a part alone are among it, and how many spans were dropped.
 */
function hearLibraries(tell: (text: string) => void): void {
  const nothing = () => {};
  const warn = (message: string, ...details: unknown[]) =>
    tell([message, ...details.filter(isTellable).map(describeError)].join(" "));
  diag.setLogger(
    { error: nothing, warn, info: nothing, debug: nothing, verbose: nothing },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}

/** An answer's bytes are for nobody to read. */
function isTellable(detail: unknown): boolean {
  return typeof detail === "string" || detail instanceof Error;
}

function resourceOf(options: TracerOptions) {
  return resourceFromAttributes({
    "service.version": options.version,
    ...options.resourceAttributes,
    "service.name": options.serviceName,
    ...(options.nodeId === undefined ? {} : { "service.instance.id": options.nodeId }),
    ...(options.environment === undefined
      ? {}
      : { "deployment.environment.name": options.environment }),
  });
}

/** Which spans are recorded. */
class Sampling {
  /** A trace that was begun elsewhere keeps its own decision. */
  readonly heedsParents: boolean;
  readonly #ratio: number;
  readonly #byTraceId: TraceIdRatioBasedSampler;

  constructor(sampler: SamplerName, ratio: number) {
    this.heedsParents = sampler.startsWith("parentbased");
    this.#ratio = sampler.endsWith("ratio") ? ratio : sampler.endsWith("on") ? 1 : 0;
    this.#byTraceId = new TraceIdRatioBasedSampler(this.#ratio);
  }

  records(parent: TraceContext | undefined, traceId: string): boolean {
    if (parent !== undefined && this.heedsParents) return parent.isSampled;
    if (this.#ratio === 0 || this.#ratio === 1) return this.#ratio === 1;
    // By the trace's id, so that all who have a hand in it decide alike.
    return this.#byTraceId.shouldSample(ROOT_CONTEXT, traceId).decision !== 0;
  }
}

class OtlpTracer implements Tracer {
  readonly isEnabled = true;
  readonly #processor: BatchSpanProcessor;
  readonly #surroundings: SpanSurroundings;
  readonly #sampling: Sampling;
  readonly #onWarning: TracerOptions["onWarning"];

  constructor(
    processor: BatchSpanProcessor,
    surroundings: SpanSurroundings,
    sampling: Sampling,
    onWarning: TracerOptions["onWarning"],
  ) {
    this.#processor = processor;
    this.#surroundings = surroundings;
    this.#sampling = sampling;
    this.#onWarning = onWarning;
  }

  follows(parent: string): boolean {
    return !this.#sampling.heedsParents || isSampled(parent);
  }

  startSpan(name: string, options: StartSpanOptions = {}): Span {
    const parent = parseTraceparent(options.parent);
    const traceId = parent?.traceId ?? newTraceId();
    if (!this.#sampling.records(parent, traceId)) {
      // Most of what a busy cluster does is not recorded: it shall cost no more than without tracing.
      return silentSpan(
        parent?.isSampled === false
          ? options.parent
          : formatTraceparent({ traceId, spanId: newSpanId(), isSampled: false }),
      );
    }
    const { attributes, kind = "internal", startMs = nowMs() } = options;
    return new RecordedSpan(
      { name, kind: KINDS[kind], traceId, parent, attributes, startMs },
      this.#surroundings,
    );
  }

  async flush(timeoutMs = SHUTDOWN_TIMEOUT_MS): Promise<void> {
    await isDoneWithin(timeoutMs, this.#processor.forceFlush());
  }

  async shutdown(timeoutMs = SHUTDOWN_TIMEOUT_MS): Promise<void> {
    if (await isDoneWithin(timeoutMs, this.#processor.shutdown())) return;
    // Attempts go on for longer than that, and so nothing has been told of them yet.
    this.#onWarning?.(
      `no collector has taken the last spans within ${timeoutMs} ms: they are lost`,
    );
  }
}

/** Failures have been told through `onExport` already; here only the wait is bounded. */
async function isDoneWithin(timeoutMs: number, work: Promise<void>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  const done = await Promise.race([work.then(() => true, () => true), timeout]);
  clearTimeout(timer);
  return done;
}
