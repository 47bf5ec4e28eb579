/**
 * Where a process's traces go.
 *
 * @module
 */

import type { LoadedConfig } from "../config/mod.ts";
import { ChannelCredentials } from "@grpc/grpc-js";
import { type CollectorTls, throttledWarning, type TracerOptions } from "../observability/mod.ts";
import { endingOnGoaway } from "../rpc/mod.ts";
import { TlsChannelCredentials } from "../security/light.ts";
import { VERSION } from "./version.ts";

/** Whose traces they are; a client is nobody in particular. */
type Service = "conductor-master" | "conductor-worker" | "conductor-client";

/** Told when exporting begins to fail, and when it works again, and what else is amiss. */
interface Told {
  info(message: string): void;
  warn(message: string, fields: { readonly error: string }): void;
}

const EXPORTERS = ["otlp", "console"] as const;
/** A collector that rejects spans of one export rejects some of the next, too. */
const WARNED_EVERY_MS = 600_000;

/** How a process exports its traces. */
export function tracerOptions(
  { config, profile }: LoadedConfig,
  serviceName: Service,
  log: Told,
): TracerOptions {
  const { tracing } = config;
  const { enabled, sdkDisabled, exporter: exporters } = tracing;
  // What somebody has chosen stands before what a node says of itself by default.
  const attributes = decoded(tracing.resourceAttributes);
  const nodeId = attributes["service.instance.id"] ?? nodeIdOf(config, serviceName);
  const warn = throttledWarning(log, { linesMax: 1, windowMs: WARNED_EVERY_MS });
  return {
    enabled: enabled && !sdkDisabled && !exporters.includes("none"),
    exporters: EXPORTERS.filter((each) => exporters.includes(each)),
    protocol: tracing.otlpProtocol,
    endpoint: tracing.otlpEndpoint,
    ...(tracing.otlpTracesEndpoint === "" ? {} : { tracesUrl: tracing.otlpTracesEndpoint }),
    insecure: tracing.otlpInsecure,
    ...(tracing.otlpCertificate === "" ? {} : { certificateFile: tracing.otlpCertificate }),
    clientCertificateFile: tracing.otlpClientCertificate,
    clientKeyFile: tracing.otlpClientKey,
    headers: decoded(tracing.otlpHeaders),
    compression: tracing.otlpCompression,
    exportTimeoutMs: tracing.otlpTimeoutMs,
    exportIntervalMs: tracing.exportIntervalMs,
    exportBatch: tracing.exportBatch,
    exportQueue: tracing.exportQueue,
    channelCredentials: (tls) => endingOnGoaway(collectorCredentials(tls)),
    sampler: tracing.sampler,
    samplingRatio: tracing.sampleRatio,
    serviceName: tracing.serviceName || attributes["service.name"] || serviceName,
    version: VERSION,
    ...(nodeId === undefined ? {} : { nodeId }),
    environment: tracing.environment || attributes["deployment.environment.name"] || profile,
    resourceAttributes: attributes,
    onExport: (failure) => {
      if (failure === undefined) log.info("traces are exported again");
      else log.warn("traces cannot be exported", { error: failure.message });
    },
    onWarning: (error) => warn("traces are exported in part", { error }),
  };
}

function collectorCredentials(tls: CollectorTls | undefined): ChannelCredentials {
  if (tls === undefined) return ChannelCredentials.createInsecure();
  return new TlsChannelCredentials({
    authoritiesPem: tls.ca,
    certificatePem: tls.cert,
    privateKeyPem: tls.key,
    skipVerify: false,
    oldestTls: "TLSv1.3",
  });
}

/** Whether traces go from process to process. */
export function propagatesTraces({ config }: LoadedConfig): boolean {
  return config.tracing.propagators.includes("tracecontext");
}

/** Values that were percent-encoded, as the environment's have to be to hold a comma; others stay. */
function decoded(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, percentDecoded(value)]),
  );
}

function percentDecoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function nodeIdOf({ cluster, worker }: LoadedConfig["config"], service: Service) {
  if (service === "conductor-client") return undefined;
  return service === "conductor-master" ? cluster.nodeId : worker.workerId;
}
