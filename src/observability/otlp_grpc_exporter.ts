/**
 * OTLP over gRPC, by the gRPC library that the rest of the program uses: OpenTelemetry's own exporter
 * loads it when it first sends, which a bundle cannot do.
 *
 * @module
 */

import { type ChannelCredentials, Client, credentials, Metadata } from "@grpc/grpc-js";
import { diag } from "@opentelemetry/api";
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { SpanExporter } from "@opentelemetry/sdk-trace";
import { Buffer } from "node:buffer";
import { type CollectorTls, TracingConfigError } from "./tracing.ts";

export interface OtlpGrpcOptions {
  /** `HOST:PORT`. */
  readonly address: string;
  readonly credentials: ChannelCredentials;
  readonly headers: Readonly<Record<string, string>>;
  /** Time allowed to one export, in ms. */
  readonly timeoutMs: number;
  readonly compresses: boolean;
}

/** What grpc-js makes connections with; see `TracerOptions.channelCredentials`. */
export function plainCredentials(tls: CollectorTls | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const toBuffer = (pem: string | undefined) => pem === undefined ? null : Buffer.from(pem);
  return credentials.createSsl(toBuffer(tls.ca), toBuffer(tls.key), toBuffer(tls.cert));
}

const EXPORT_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/** In grpc-js's words. */
const GZIP = 2;
/** What OTLP's specification calls worth another try. */
const RETRIES = {
  methodConfig: [{
    name: [{}],
    retryPolicy: {
      maxAttempts: 5,
      initialBackoff: "0.5s",
      maxBackoff: "5s",
      backoffMultiplier: 1.5,
      retryableStatusCodes: [
        ...[
          "CANCELLED",
          "DEADLINE_EXCEEDED",
          "ABORTED",
          "OUT_OF_RANGE",
          "UNAVAILABLE",
          "DATA_LOSS",
        ],
      ],
    },
  }],
};

export class OtlpGrpcExporter implements SpanExporter {
  readonly #client: Client;
  readonly #metadata = new Metadata();
  readonly #timeoutMs: number;
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: OtlpGrpcOptions) {
    this.#client = new Client(options.address, options.credentials, {
      "grpc.service_config": JSON.stringify(RETRIES),
      ...(options.compresses ? { "grpc.default_compression_algorithm": GZIP } : {}),
    });
    for (const [name, value] of Object.entries(options.headers)) this.#say(name, value);
    this.#timeoutMs = options.timeoutMs;
  }

  /** @throws TracingConfigError without the library's own error, which shows the value: it may be a key */
  #say(name: string, value: string): void {
    try {
      this.#metadata.set(name, value);
    } catch {
      throw new TracingConfigError(
        `tracing.otlp_headers has "${name}", whose name or value gRPC cannot carry: values are printable ` +
          'ASCII, and names are letters, digits, "_", "-" and ".", and do not end in "-bin"',
      );
    }
  }

  export(...[spans, done]: Parameters<SpanExporter["export"]>): void {
    const bytes = ProtobufTraceSerializer.serializeRequest(spans);
    if (bytes === undefined) return done({ code: 1, error: new Error("spans have no bytes") });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#underWay.add(promise);
    this.#client.makeUnaryRequest(
      EXPORT_METHOD,
      (request: Uint8Array) => Buffer.from(request),
      (answer: Buffer) => answer,
      bytes,
      this.#metadata,
      { deadline: Date.now() + this.#timeoutMs },
      (failure, answer) => {
        this.#underWay.delete(promise);
        resolve();
        done(failure === null ? { code: 0 } : { code: 1, error: failure });
        if (answer !== undefined) tellRejected(answer);
      },
    );
  }

  async forceFlush(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  async shutdown(): Promise<void> {
    await this.forceFlush();
    this.#client.close();
  }
}

/** As OpenTelemetry's exporters over HTTP tell of it. */
function tellRejected(answer: Uint8Array): void {
  try {
    const { partialSuccess } = ProtobufTraceSerializer.deserializeResponse(answer);
    if (partialSuccess === undefined || Object.keys(partialSuccess).length === 0) return;
    diag.warn("Received Partial Success response:", JSON.stringify(partialSuccess));
  } catch (failure) {
    diag.warn("Export succeeded but could not deserialize response:", failure);
  }
}
