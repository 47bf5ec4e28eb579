/** An OpenTelemetry collector's OTLP/HTTP door, for tests. Not part of this room's door. */

/** A span as it came over the wire (OTLP's JSON form). */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
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

export class OtlpReceiver implements AsyncDisposable {
  readonly paths: string[] = [];
  readonly spans: ReceivedSpan[] = [];
  readonly resources: Record<string, unknown>[] = [];
  /** Answered to every request. */
  status = 200;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(tls?: { cert: string; key: string }) {
    const listen = { hostname: "127.0.0.1", port: 0, onListen() {} };
    this.#server = Deno.serve({ ...listen, ...tls }, (request) => this.#take(request));
  }

  get port(): number {
    return this.#server.addr.port;
  }

  async #take(request: Request): Promise<Response> {
    this.paths.push(new URL(request.url).pathname);
    const body = await request.json() as TraceRequest;
    if (this.status === 200) {
      for (const { resource, scopeSpans } of body.resourceSpans) {
        this.resources.push(attributesOf(resource));
        this.spans.push(...scopeSpans.flatMap((scope) => scope.spans));
      }
    }
    return Response.json({}, { status: this.status });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
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
