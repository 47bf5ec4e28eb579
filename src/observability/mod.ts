/**
 * How a node is seen from outside: its log, its metrics, its traces.
 *
 * @module
 */

export {
  createLogger,
  discardLogger,
  LOG_LEVELS,
  type LogFields,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  type RootLogger,
} from "./logger.ts";
export {
  type LogDestination,
  openLogDestination,
  type RotationOptions,
} from "./log_destination.ts";
export { LogFileError } from "./log_file.ts";
export { describeError } from "./log_fields.ts";
export { activeSpan, runInSpan } from "./active_span.ts";
export {
  createTracer,
  outgoingTraceparent,
  silentTracer,
  type Span,
  type SpanAttributes,
  type SpanKind,
  type StartSpanOptions,
  type Tracer,
  type TracerOptions,
  TracingConfigError,
} from "./tracing.ts";
export { formatTraceparent, parseTraceparent, type TraceContext } from "./traceparent.ts";
