/** An OpenTelemetry collector's doors, for tests. Not part of this room's door. */

import { type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import { readTraceRequest, type ReceivedBatch } from "./otlp_wire_test_support.ts";
import type { TracerOptions } from "./tracing.ts";

/** A span as it came over the wire (OTLP's JSON form). */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { key: string; value: Readonly<Record<string, unknown>> }[];
  readonly events: readonly { name: string }[];
  readonly status: { code: number; message?: string };
}

interface TraceRequest {
  readonly resourceSpans: readonly {
    readonly resource: { attributes: ReceivedSpan["attributes"] };
    readonly scopeSpans: readonly { spans: readonly ReceivedSpan[] }[];
  }[];
}

/** What has come in, whichever door it came by. */
class Received {
  readonly spans: ReceivedSpan[] = [];
  readonly resources: Record<string, unknown>[] = [];
  /** What each export said beside its spans. */
  readonly headers: Record<string, string>[] = [];
  /** What is answered: bytes of OTLP's message, in the form of the request's. */
  answer = new Uint8Array(0);

  protected keep(batches: readonly ReceivedBatch[]): void {
    for (const { resource, spans } of batches) {
      this.resources.push(attributesOf(resource));
      this.spans.push(...spans);
    }
  }
}

/** OTLP/HTTP, in both of its forms. */
export class OtlpReceiver extends Received implements AsyncDisposable {
  readonly paths: string[] = [];
  /** Answered to every request. */
  status = 200;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(tls?: { cert: string; key: string }) {
    super();
    const listen = { hostname: "127.0.0.1", port: 0, onListen() {} };
    this.#server = Deno.serve({ ...listen, ...tls }, (request) => this.#take(request));
  }

  get port(): number {
    return this.#server.addr.port;
  }

  async #take(request: Request): Promise<Response> {
    this.paths.push(new URL(request.url).pathname);
    this.headers.push(Object.fromEntries(request.headers));
    const batches = await readRequest(request);
    if (this.status === 200) this.keep(batches);
    if (this.answer.length === 0) return Response.json({}, { status: this.status });
    const contentType = request.headers.get("content-type") ?? "";
    return new Response(this.answer, { headers: { "content-type": contentType } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

async function readRequest(request: Request): Promise<ReceivedBatch[]> {
  const isZipped = request.headers.get("content-encoding") === "gzip";
  const plain = isZipped
    ? new Response(request.body?.pipeThrough(new DecompressionStream("gzip")))
    : request;
  if (request.headers.get("content-type") === "application/x-protobuf") {
    return readTraceRequest(await plain.bytes());
  }
  const { resourceSpans } = await plain.json() as TraceRequest;
  return resourceSpans.map(({ resource, scopeSpans }) => ({
    resource,
    spans: scopeSpans.flatMap((scope) => scope.spans),
  }));
}

/** OTLP/gRPC. */
export class OtlpGrpcReceiver extends Received implements AsyncDisposable {
  port = 0;
  readonly #server = new Server();

  static async start(credentials = ServerCredentials.createInsecure()): Promise<OtlpGrpcReceiver> {
    const receiver = new OtlpGrpcReceiver();
    receiver.#server.addService({
      export: {
        path: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        requestStream: false,
        responseStream: false,
        requestDeserialize: (bytes: Buffer) => bytes,
        requestSerialize: (bytes: Buffer) => bytes,
        responseDeserialize: (bytes: Buffer) => bytes,
        responseSerialize: (bytes: Buffer) => bytes,
      },
    }, {
      export: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
        receiver.headers.push(
          Object.fromEntries(
            Object.entries(call.metadata.getMap()).map(([k, v]) => [k, String(v)]),
          ),
        );
        receiver.keep(readTraceRequest(call.request));
        done(null, Buffer.from(receiver.answer));
      },
    });
    receiver.port = await new Promise((resolve, reject) => {
      receiver.#server.bindAsync("127.0.0.1:0", credentials, (failure, port) => {
        if (failure === null) resolve(port);
        else reject(failure);
      });
    });
    return receiver;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
    return Promise.resolve();
  }
}

/** Attributes as plain values. */
export function attributesOf(
  from: { attributes: ReceivedSpan["attributes"] },
): Record<string, unknown> {
  return Object.fromEntries(
    from.attributes.map(({ key, value }) => [key, Object.values(value)[0]]),
  );
}

/** What a tracer that exports is made with. */
export function tracerOptions(overrides: Partial<TracerOptions>): TracerOptions {
  return {
    enabled: true,
    endpoint: "localhost:4318",
    insecure: true,
    samplingRatio: 1,
    serviceName: "conductor-master",
    version: "1.2.3",
    ...overrides,
  };
}
