/**
 * A span that is recorded and exported. OpenTelemetry's own keeps a dozen objects for each, most of them
 * for what spans here never have; a master that is busy would spend more on them than on its jobs.
 *
 * @module
 */

import {
  type Attributes,
  type HrTime,
  type SpanContext,
  type SpanKind,
  type SpanStatus,
  SpanStatusCode,
  TraceFlags,
} from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { describeError } from "./log_fields.ts";
import { formatTraceparent, newSpanId, type TraceContext } from "./traceparent.ts";
import type { Span, SpanAttributes } from "./tracing.ts";

/** Longest text that a span keeps, in UTF-16 units. */
const TEXT_LENGTH_MAX = 4_096;
const ATTRIBUTES_MAX = 128;
const EVENTS_MAX = 128;
const NANOSECONDS_PER_MS = 1e6;

/** What all spans of a process have in common. */
export interface SpanSurroundings {
  readonly resource: ReadableSpan["resource"];
  readonly scope: ReadableSpan["instrumentationScope"];
  /** Takes a span when it has ended. */
  readonly onEnd: (span: ReadableSpan) => void;
}

/** How a span begins. */
export interface RecordedSpanOptions {
  readonly name: string;
  readonly kind: SpanKind;
  readonly traceId: string;
  readonly parent: TraceContext | undefined;
  readonly attributes: SpanAttributes | undefined;
  readonly startMs: number;
}

export class RecordedSpan implements Span, ReadableSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly traceId: string;
  readonly spanId = newSpanId();
  readonly attributes: Attributes = {};
  readonly events: ReadableSpan["events"] = [];
  readonly links: ReadableSpan["links"] = noLinks;
  readonly droppedLinksCount = 0;
  droppedAttributesCount = 0;
  droppedEventsCount = 0;
  status: SpanStatus = unset;
  readonly #surroundings: SpanSurroundings;
  readonly #parent: TraceContext | undefined;
  readonly #startMs: number;
  #endMs: number | undefined;
  #attributes = 0;

  constructor(
    { name, kind, traceId, parent, attributes, startMs }: RecordedSpanOptions,
    surroundings: SpanSurroundings,
  ) {
    this.name = name;
    this.kind = kind;
    this.traceId = traceId;
    this.#parent = parent;
    this.#startMs = startMs;
    this.#surroundings = surroundings;
    for (const name in attributes) this.setAttribute(name, attributes[name]!);
  }

  get traceparent(): string {
    return formatTraceparent({ traceId: this.traceId, spanId: this.spanId, isSampled: true });
  }

  get isRecording(): boolean {
    return this.#endMs === undefined;
  }

  get ended(): boolean {
    return this.#endMs !== undefined;
  }

  setAttribute(name: string, value: string | number | boolean): void {
    if (this.ended) return;
    if (!(name in this.attributes) && ++this.#attributes > ATTRIBUTES_MAX) {
      this.droppedAttributesCount++;
      return;
    }
    this.attributes[name] = typeof value === "string" ? value.slice(0, TEXT_LENGTH_MAX) : value;
  }

  addEvent(name: string, attributes: SpanAttributes = {}): void {
    if (this.ended) return;
    if (this.events.length >= EVENTS_MAX) {
      this.droppedEventsCount++;
      return;
    }
    const time = timeOf(nowMs());
    this.events.push({ name, time, attributes: { ...attributes }, droppedAttributesCount: 0 });
  }

  recordError(failure: unknown): void {
    if (this.ended) return;
    const message = describeError(failure);
    this.addEvent("exception", {
      "exception.type": failure instanceof Error ? failure.name : "Error",
      "exception.message": message,
      ...(failure instanceof Error && failure.stack !== undefined
        ? { "exception.stacktrace": failure.stack.slice(0, TEXT_LENGTH_MAX) }
        : {}),
    });
    this.status = { code: SpanStatusCode.ERROR, message };
  }

  end(atMs = nowMs()): void {
    if (this.ended) return;
    this.#endMs = Math.max(atMs, this.#startMs);
    this.#surroundings.onEnd(this);
  }

  spanContext(): SpanContext {
    return { traceId: this.traceId, spanId: this.spanId, traceFlags: TraceFlags.SAMPLED };
  }

  get parentSpanContext(): SpanContext | undefined {
    if (this.#parent === undefined) return undefined;
    const { traceId, spanId, isSampled } = this.#parent;
    const traceFlags = isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
    return { traceId, spanId, traceFlags, isRemote: true };
  }

  get startTime(): HrTime {
    return timeOf(this.#startMs);
  }

  get endTime(): HrTime {
    return timeOf(this.#endMs ?? this.#startMs);
  }

  get duration(): HrTime {
    return timeOf((this.#endMs ?? this.#startMs) - this.#startMs);
  }

  get resource(): ReadableSpan["resource"] {
    return this.#surroundings.resource;
  }

  get instrumentationScope(): ReadableSpan["instrumentationScope"] {
    return this.#surroundings.scope;
  }
}

const noLinks: ReadableSpan["links"] = [];
const unset: SpanStatus = { code: SpanStatusCode.UNSET };

/** Ms since the epoch, finer than `Date.now`. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** Seconds and nanoseconds. */
function timeOf(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * NANOSECONDS_PER_MS)];
}
