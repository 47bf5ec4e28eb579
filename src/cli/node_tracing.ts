/**
 * Where a process's traces go.
 *
 * @module
 */

import type { LoadedConfig } from "../config/mod.ts";
import type { TracerOptions } from "../observability/mod.ts";
import { VERSION } from "./version.ts";

/** Whose traces they are; a client is nobody in particular. */
type Service = "conductor-master" | "conductor-worker" | "conductor-client";

/** Told when exporting begins to fail, and when it works again. */
interface Told {
  info(message: string): void;
  warn(message: string, fields: { readonly error: string }): void;
}

/** How a process exports its traces. */
export function tracerOptions(
  { config, profile }: LoadedConfig,
  serviceName: Service,
  log: Told,
): TracerOptions {
  const { tracing } = config;
  const nodeId = nodeIdOf(config, serviceName);
  return {
    enabled: tracing.enabled,
    endpoint: tracing.otlpEndpoint,
    insecure: tracing.otlpInsecure,
    ...(tracing.otlpCertificate === "" ? {} : { certificateFile: tracing.otlpCertificate }),
    samplingRatio: tracing.sampleRatio,
    serviceName: tracing.serviceName === "" ? serviceName : tracing.serviceName,
    version: VERSION,
    ...(nodeId === undefined ? {} : { nodeId }),
    environment: tracing.environment === "" ? profile : tracing.environment,
    onExport: (failure) => {
      if (failure === undefined) log.info("traces are exported again");
      else log.warn("traces cannot be exported", { error: failure.message });
    },
  };
}

function nodeIdOf({ cluster, worker }: LoadedConfig["config"], service: Service) {
  if (service === "conductor-client") return undefined;
  return service === "conductor-master" ? cluster.nodeId : worker.workerId;
}
