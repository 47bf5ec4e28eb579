/**
 * How a node is seen from outside: its log, its metrics, its traces. The other rooms tell it what happened
 * through observers and plain counters, and never wait for it. Every metric is described where it is made, and the reference page is written from
 * that.
 *
 * @module
 */

export { createLogger, discardLogger, type Logger, type RootLogger } from "./logger.ts";
export {
  type CollectorTls,
  createTracer,
  silentTracer,
  type Span,
  type StartSpanOptions,
  type Tracer,
  type TracerOptions,
  TracingConfigError,
} from "./tracing.ts";
export { formatTraceparent, isSampled, parseTraceparent } from "./traceparent.ts";
export {
  createMetricsRegistry,
  type Exposition,
  type MetricsRegistry,
} from "./metrics_registry.ts";
export {
  COUNTED_STATUSES,
  createMasterMetrics,
  JOB_TYPES_MAX,
  type MasterMetrics,
} from "./master_metrics.ts";
export { createWorkerMetrics, type WorkerMetrics } from "./worker_metrics.ts";
export { type GateMetrics } from "./gate_metrics.ts";
export { throttledWarning } from "./log_throttle.ts";
export { systemTicker, type Ticker } from "./ticker.ts";
export { type AuditMetrics, observeLog } from "./log_metrics.ts";
export { type ListenerName, type TlsMetrics } from "./tls_metrics.ts";
export { describeMetrics } from "./described_metrics.ts";
export { createRpcClientObserver, createRpcObserver } from "./rpc_observer.ts";
export { observeProcess } from "./process_metrics.ts";
export { MetricsSampler } from "./metrics_sampler.ts";
