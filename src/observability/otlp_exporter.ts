/**
 * Takes spans to a collector by the road that was asked for, and says when that begins and ceases to
 * fail.
 *
 * @module
 */

import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { CompressionAlgorithm, OTLPExporterError } from "@opentelemetry/otlp-exporter-base";
import type { SpanExporter } from "@opentelemetry/sdk-trace";
import { ConsoleExporter } from "./console_exporter.ts";
import { describeError } from "./log_fields.ts";
import { collectorTarget, tracesUrl } from "./otlp_endpoint.ts";
import { OtlpGrpcExporter, plainCredentials } from "./otlp_grpc_exporter.ts";
import { type CollectorTls, type TracerOptions, TracingConfigError } from "./tracing.ts";

/** Time allowed to one export where nobody says otherwise, in ms: OpenTelemetry's. */
export const EXPORT_TIMEOUT_MS = 10_000;

/**
 * @param console where spans are written that go to no collector
 * @throws TracingConfigError
 */
export function openExporter(
  options: TracerOptions,
  console: SpanExporter = new ConsoleExporter(),
): SpanExporter {
  const { exporters = ["otlp"], onExport = () => {} } = options;
  const told = exporters.map((each) =>
    tellingOf(
      each === "console" ? { exporter: console, failed: "written to stderr" } : roadOf(options),
      onExport,
    )
  );
  return told.length === 1 ? told[0]! : together(told);
}

/** To each of them; one that fails keeps spans from no other. */
function together(exporters: readonly SpanExporter[]): SpanExporter {
  const each = async (act: (exporter: SpanExporter) => Promise<void> | undefined) =>
    void await Promise.all(exporters.map(act));
  return {
    export(spans, done) {
      let awaited = exporters.length;
      let failed: Parameters<typeof done>[0] | undefined;
      for (const exporter of exporters) {
        exporter.export(spans, (result) => {
          if (result.error !== undefined) failed = result;
          if (--awaited === 0) done(failed ?? result);
        });
      }
    },
    forceFlush: () => each((exporter) => exporter.forceFlush?.()),
    shutdown: () => each((exporter) => exporter.shutdown()),
  };
}

/** Says when exporting begins to fail, and when it works again. */
function tellingOf(
  { exporter, failed }: Road,
  onExport: NonNullable<TracerOptions["onExport"]>,
): SpanExporter {
  let isFailing = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const hasFailed = result.error !== undefined;
        // Told when it changes: a collector that is away for an hour is one line, not thousands.
        if (hasFailed !== isFailing) {
          isFailing = hasFailed;
          onExport(hasFailed ? exportFailure(failed, result.error) : undefined);
        }
        done(result);
      });
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  };
}

/** How spans travel, and what cannot be done when they do not, for people. */
interface Road {
  readonly exporter: SpanExporter;
  readonly failed: string;
}

function roadOf(options: TracerOptions): Road {
  const { protocol = "http/json", headers = {}, compression = "none" } = options;
  const timeoutMs = options.exportTimeoutMs ?? EXPORT_TIMEOUT_MS;
  const tls = readTls(options);
  if (protocol === "grpc") {
    const target = collectorTarget(options.tracesUrl ?? options.endpoint, options.insecure);
    const { channelCredentials = plainCredentials } = options;
    return {
      exporter: new OtlpGrpcExporter({
        address: target.address,
        credentials: channelCredentials(target.isSecure ? tls : undefined),
        headers,
        timeoutMs,
        compresses: compression === "gzip",
      }),
      failed: sentTo(`${target.address} by gRPC`),
    };
  }
  const url = options.tracesUrl ?? tracesUrl(options.endpoint, options.insecure);
  const Exporter = protocol === "http/json" ? JsonExporter : ProtobufExporter;
  return {
    exporter: new Exporter({
      url,
      headers: { ...headers },
      timeoutMillis: timeoutMs,
      compression: compression === "gzip" ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE,
      httpAgentOptions: { keepAlive: true, ...tls },
    }),
    // Some vendors' keys stand in the query.
    failed: sentTo(url.replace(/\?.*$/s, "")),
  };
}

function sentTo(place: string): string {
  return `sent to ${place} (tracing.otlp_endpoint)`;
}

function exportFailure(failed: string, cause: unknown): Error {
  const status = cause instanceof OTLPExporterError ? cause.code : undefined;
  const answer = status === undefined ? "" : `, which answers ${status}`;
  return new Error(`spans cannot be ${failed}${answer}: ${describeError(cause)}`, { cause });
}

function readTls(options: TracerOptions): CollectorTls {
  const { certificateFile, clientCertificateFile, clientKeyFile } = options;
  const ca = readPem(certificateFile, "tracing.otlp_certificate");
  const cert = readPem(clientCertificateFile, "tracing.otlp_client_certificate");
  const key = readPem(clientKeyFile, "tracing.otlp_client_key");
  if ((cert === undefined) !== (key === undefined)) {
    throw new TracingConfigError(
      "tracing.otlp_client_certificate and tracing.otlp_client_key belong together: give both or none",
    );
  }
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}

function readPem(path: string | undefined, setting: string): string | undefined {
  if (path === undefined || path === "") return undefined;
  try {
    return Deno.readTextFileSync(path);
  } catch (cause) {
    throw new TracingConfigError(`cannot read ${setting} "${path}": ${describeError(cause)}`, {
      cause,
    });
  }
}
