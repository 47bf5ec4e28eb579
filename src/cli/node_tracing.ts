/**
 * Where a node's traces go.
 *
 * @module
 */

import type { LoadedConfig } from "../config/mod.ts";
import type { RootLogger, TracerOptions } from "../observability/mod.ts";
import { VERSION } from "./version.ts";

/** How a node exports its traces. */
export function tracerOptions(
  { config, profile }: LoadedConfig,
  serviceName: string,
  log: RootLogger,
): TracerOptions {
  const { tracing } = config;
  return {
    enabled: tracing.enabled,
    endpoint: tracing.otlpEndpoint,
    insecure: tracing.otlpInsecure,
    ...(tracing.otlpCertificate === "" ? {} : { certificateFile: tracing.otlpCertificate }),
    samplingRatio: tracing.sampleRatio,
    serviceName: tracing.serviceName === "" ? serviceName : tracing.serviceName,
    version: VERSION,
    nodeId: serviceName === "conductor-master" ? config.cluster.nodeId : config.worker.workerId,
    environment: tracing.environment === "" ? profile : tracing.environment,
    onExport: (failure) => {
      if (failure === undefined) log.info("traces are exported again");
      else log.warn("traces cannot be exported", { error: failure.message });
    },
  };
}
