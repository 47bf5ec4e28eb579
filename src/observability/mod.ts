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
  type CollectorTls,
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
export {
  formatTraceparent,
  isSampled,
  parseTraceparent,
  type TraceContext,
} from "./traceparent.ts";
export {
  type Counter,
  type CounterFamily,
  createMetricsRegistry,
  type Exposition,
  type Gauge,
  type GaugeFamily,
  type Histogram,
  type HistogramFamily,
  type MetricsRegistry,
  type MetricsRegistryOptions,
} from "./metrics_registry.ts";
export {
  type CountedJobStatus,
  createMasterMetrics,
  type MasterMetrics,
} from "./master_metrics.ts";
export { type AttemptOutcome, createWorkerMetrics, type WorkerMetrics } from "./worker_metrics.ts";
export { createGateMetrics, type GateMetrics } from "./gate_metrics.ts";
export { throttledWarning, type ThrottleOptions } from "./log_throttle.ts";
export {
  CONNECTION_REFUSALS,
  type ConnectionRefusal,
  createTlsMetrics,
  type ListenerName,
  type TlsMetrics,
} from "./tls_metrics.ts";
export { describeMetrics, type MetricDescription } from "./described_metrics.ts";
export {
  createRpcClientMetrics,
  createRpcMetrics,
  type RpcClientMetrics,
  type RpcMetrics,
} from "./rpc_metrics.ts";
export {
  createRpcClientObserver,
  createRpcObserver,
  type ObservedCall,
  type RpcClientObserver,
  type RpcObserver,
  type RpcObserverOptions,
} from "./rpc_observer.ts";
export { type BuildInfo, observeProcess } from "./process_metrics.ts";
export { MetricsSampler, type MetricsSamplerOptions, type Sample } from "./metrics_sampler.ts";
export { systemTicker, type Ticker } from "./ticker.ts";
