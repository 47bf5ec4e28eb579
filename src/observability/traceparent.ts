/**
 * `traceparent`, the one header of W3C Trace Context that Conductor carries:
 * `00-<trace id>-<span id>-<flags>`.
 *
 * @module
 */

/** A place in a trace. */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hexadecimal digits, not all zero. */
  readonly spanId: string;
  /** Whether whoever began the trace records it. */
  readonly isSampled: boolean;
}

const PATTERN = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const LENGTH = 55;
/** A later version may say more, but no honest one says this much. */
const LENGTH_MAX = 512;
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);

/** The context, or `undefined` when there is none or it is malformed: a new trace begins then. */
export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  if (text === undefined || text.length < LENGTH || text.length > LENGTH_MAX) return undefined;
  const [, version, traceId, spanId, flags, more] = PATTERN.exec(text) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  return { traceId, spanId, isSampled: (parseInt(flags, 16) & 1) === 1 };
}

/** Whether whoever began the trace records it, at the cost of a look: for roads that all jobs take. */
export function isSampled(traceparent: string): boolean {
  return traceparent.length >= LENGTH && (parseInt(traceparent.slice(53, 55), 16) & 1) === 1;
}

export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.spanId}-${context.isSampled ? "01" : "00"}`;
}

/** A random trace id. */
export function newTraceId(): string {
  return randomHex(16);
}

/** A random span id. */
export function newSpanId(): string {
  return randomHex(8);
}

/** Random bytes are fetched in bulk: asked for one id at a time they would cost a call each. */
const pool = new Uint8Array(4_096);
let used = pool.length;

function randomHex(byteCount: number): string {
  if (used + byteCount > pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  const bytes = pool.subarray(used, used += byteCount);
  // All zero means "none"; chance gives that once in 2^64 ids, and this never.
  bytes[0] = bytes[0] || 1;
  return bytes.toHex();
}
