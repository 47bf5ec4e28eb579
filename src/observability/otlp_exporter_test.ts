import assert from "node:assert/strict";
import { ServerCredentials } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { AuthorityFixture } from "../security/certificate_fixtures.ts";
import { TlsChannelCredentials } from "../security/channel_credentials.ts";
import { collectorTarget } from "./otlp_endpoint.ts";
import {
  attributesOf,
  OtlpGrpcReceiver,
  OtlpReceiver,
  tracerOptions,
} from "./otlp_receiver_test_support.ts";
import { ConsoleExporter } from "./console_exporter.ts";
import { createOtlpTracer } from "./otlp_tracer.ts";
import { createTracer, type Tracer, type TracerOptions } from "./tracing.ts";

/** A span that says all that spans can, and when it was. */
async function tell(tracer: Tracer): Promise<void> {
  const span = tracer.startSpan("fetch", {
    kind: "client",
    startMs: 1_700_000_000_000,
    attributes: { text: "a", count: 3, part: 0.5, flag: true },
  });
  span.addEvent("answered");
  span.recordError(new Error("gone"));
  span.end(1_700_000_000_250);
  await tracer.shutdown();
}

function expectTold({ spans, resources }: OtlpReceiver | OtlpGrpcReceiver): void {
  assert.equal(spans.length, 1);
  const [span] = spans;
  assert.equal(span?.name, "fetch");
  assert.deepEqual(attributesOf(span), { text: "a", count: 3, part: 0.5, flag: true });
  assert.deepEqual(span.events.map((each) => each.name), ["answered", "exception"]);
  assert.deepEqual(span.status, { code: 2, message: "gone" });
  assert.equal(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano), 250_000_000n);
  assert.equal(resources[0]?.["service.name"], "conductor-master");
  assert.equal(resources[0]?.team, "billing");
}

const SAID: Partial<TracerOptions> = {
  headers: { "api-key": "k 1" },
  // What a process is by its own account is not overwritten.
  resourceAttributes: { team: "billing", "service.name": "another" },
};

for (const protocol of ["http/json", "http/protobuf"] as const) {
  for (const compression of ["none", "gzip"] as const) {
    Deno.test(`spans go by ${protocol}, compression ${compression}, with what a vendor wants to know`, async () => {
      await using receiver = new OtlpReceiver();
      const endpoint = `127.0.0.1:${receiver.port}`;
      await tell(await createTracer(tracerOptions({ ...SAID, endpoint, protocol, compression })));
      expectTold(receiver);
      assert.equal(receiver.headers[0]?.["api-key"], "k 1");
      const encoding = receiver.headers[0]?.["content-encoding"];
      assert.equal(encoding, compression === "gzip" ? "gzip" : undefined);
    });
  }
}

for (const compression of ["none", "gzip"] as const) {
  Deno.test(`spans go by gRPC, compression ${compression}, with what a vendor wants to know`, async () => {
    await using receiver = await OtlpGrpcReceiver.start();
    const endpoint = `http://127.0.0.1:${receiver.port}`;
    await tell(
      await createTracer(
        tracerOptions({ ...SAID, endpoint, protocol: "grpc", insecure: false, compression }),
      ),
    );
    expectTold(receiver);
    assert.equal(receiver.headers[0]?.["api-key"], "k 1");
  });
}

Deno.test("over gRPC both ends know each other by their certificates, and a stranger's spans are lost and told", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const authority = await AuthorityFixture.create("collectors");
    const stranger = await AuthorityFixture.create("strangers");
    const own = await authority.issue();
    await using receiver = await OtlpGrpcReceiver.start(
      ServerCredentials.createSsl(Buffer.from(authority.pem), [{
        private_key: Buffer.from(own.key),
        cert_chain: Buffer.from(own.cert),
      }], true),
    );
    const put = async (name: string, text: string) => {
      const path = join(directory, name);
      await Deno.writeTextFile(path, text);
      return path;
    };
    const certificateFile = await put("ca.pem", authority.pem);
    const told: string[] = [];
    for (const issuer of [stranger, authority]) {
      const { cert, key } = await issuer.issue();
      const tracer = await createTracer(tracerOptions({
        ...SAID,
        protocol: "grpc",
        endpoint: `127.0.0.1:${receiver.port}`,
        insecure: false,
        certificateFile,
        clientCertificateFile: await put("client.pem", cert),
        clientKeyFile: await put("client.key", key),
        exportTimeoutMs: issuer === stranger ? 300 : 30_000,
        onExport: (failure) => told.push(failure?.message ?? "works"),
        channelCredentials: (tls) =>
          new TlsChannelCredentials({
            authoritiesPem: tls?.ca,
            certificatePem: tls?.cert,
            privateKeyPem: tls?.key,
            skipVerify: false,
            oldestTls: "TLSv1.3",
          }),
      }));
      await tell(tracer);
    }
    expectTold(receiver);
    assert.equal(told.length, 1);
    const what = `spans cannot be sent to 127.0.0.1:${receiver.port} by gRPC`;
    assert.ok(told[0]!.startsWith(`${what} (tracing.otlp_endpoint): `), String(told[0]));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("that spans cannot be sent is told with the reason, and without what may be a key", async () => {
  await using receiver = new OtlpReceiver();
  receiver.status = 401;
  const told: string[] = [];
  const tracesUrl = `http://127.0.0.1:${receiver.port}/v1/traces?key=hidden`;
  await tell(
    await createTracer(
      tracerOptions({ tracesUrl, onExport: (failure) => told.push(failure?.message ?? "works") }),
    ),
  );
  assert.deepEqual(told, [
    `spans cannot be sent to http://127.0.0.1:${receiver.port}/v1/traces (tracing.otlp_endpoint), ` +
    "which answers 401: Unauthorized",
  ]);
});

/** `ExportTraceServiceResponse`: 3 spans rejected, for `quota`. */
const REJECTED = {
  "http/json": new TextEncoder().encode(
    JSON.stringify({ partialSuccess: { rejectedSpans: "3", errorMessage: "quota" } }),
  ),
  "http/protobuf": Uint8Array.of(0x0a, 9, 0x08, 3, 0x12, 5, ...new TextEncoder().encode("quota")),
} as const;

for (const protocol of ["http/json", "http/protobuf", "grpc"] as const) {
  Deno.test(`a collector that takes spans in part is told of, by ${protocol}`, async () => {
    await using receiver = protocol === "grpc"
      ? await OtlpGrpcReceiver.start()
      : new OtlpReceiver();
    receiver.answer = REJECTED[protocol === "grpc" ? "http/protobuf" : protocol];
    const [warnings, failures]: [string[], unknown[]] = [[], []];
    await tell(
      await createTracer(tracerOptions({
        endpoint: `127.0.0.1:${receiver.port}`,
        protocol,
        onExport: (failure) => failures.push(failure),
        onWarning: (text) => warnings.push(text),
      })),
    );
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /"rejectedSpans":"?3"?,"errorMessage":"quota"/);
    assert.deepEqual(failures, []);
  });
}

Deno.test("what answers by gRPC, and no answer of a collector's, ends nothing", async () => {
  await using receiver = await OtlpGrpcReceiver.start();
  receiver.answer = Uint8Array.of(0x0a, 200);
  const warnings: string[] = [];
  const endpoint = `127.0.0.1:${receiver.port}`;
  await tell(
    await createTracer(
      tracerOptions({ endpoint, protocol: "grpc", onWarning: (text) => warnings.push(text) }),
    ),
  );
  assert.match(warnings.join(), /could not deserialize response.*Truncated/);
  assert.equal(receiver.spans.length, 1);
});

Deno.test("of two exporters each gets all spans, and one that fails takes none from the other", async () => {
  await using receiver = new OtlpReceiver();
  const told: string[] = [];
  const options = tracerOptions({
    endpoint: `127.0.0.1:${receiver.port}`,
    exporters: ["otlp", "console"],
    onExport: (failure) => told.push(failure?.message ?? "works"),
  });
  const broken = new ConsoleExporter({
    writeSync() {
      throw new Error("No space left on device");
    },
  });
  await tell(createOtlpTracer(options, broken));
  assert.deepEqual(receiver.spans.map(({ name }) => name), ["fetch"]);
  assert.deepEqual(told.length, 1);
  assert.match(told[0]!, /^spans cannot be written to stderr/);
  receiver.status = 401;
  let written = "";
  const whole = new ConsoleExporter({
    writeSync(bytes) {
      written += new TextDecoder().decode(bytes);
      return bytes.length;
    },
  });
  await tell(createOtlpTracer(options, whole));
  assert.equal(JSON.parse(written).resourceSpans[0].scopeSpans[0].spans[0].name, "fetch");
  assert.match(told[1]!, /which answers 401/);
});

Deno.test("a process that ends before its last spans are taken says that they are lost", async () => {
  const never = Promise.withResolvers<void>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async () => {
    await never.promise;
    return Response.json({});
  });
  const warnings: string[] = [];
  const endpoint = `127.0.0.1:${server.addr.port}`;
  const tracer = await createTracer(
    tracerOptions({ endpoint, onWarning: (text) => warnings.push(text) }),
  );
  tracer.startSpan("last").end();
  await tracer.shutdown(50);
  assert.deepEqual(warnings, [
    "no collector has taken the last spans within 50 ms: they are lost",
  ]);
  never.resolve();
  await tracer.shutdown();
  await server.shutdown();
});

Deno.test("half of a client's certificate is refused by the names of its two keys", async () => {
  await assert.rejects(
    createTracer(tracerOptions({ clientKeyFile: new URL(import.meta.url).pathname })),
    /otlp_client_certificate and tracing\.otlp_client_key belong together/,
  );
});

Deno.test("a header that gRPC cannot carry is refused by its name, and its value is not shown", async () => {
  for (const name of ["api-key", "a/b", "key-bin"]) {
    const value = name === "api-key" ? "hidden\n" : "hidden";
    await assert.rejects(
      createTracer(tracerOptions({ protocol: "grpc", headers: { [name]: value } })),
      (failure: Error) => {
        assert.equal(failure.name, "TracingConfigError");
        assert.ok(failure.message.startsWith(`tracing.otlp_headers has "${name}"`));
        assert.ok(!failure.message.includes("hidden") && failure.cause === undefined);
        return true;
      },
    );
  }
});

Deno.test("an endpoint of its own for traces is taken as it is", async () => {
  await using receiver = new OtlpReceiver();
  const tracesUrl = `http://127.0.0.1:${receiver.port}/custom/path`;
  await tell(await createTracer(tracerOptions({ ...SAID, tracesUrl, endpoint: "nowhere:1" })));
  assert.deepEqual(receiver.paths, ["/custom/path"]);
});

const TARGETS: readonly (readonly [string, boolean, string, boolean])[] = [
  ["localhost:4317", true, "localhost:4317", false],
  ["localhost:4317", false, "localhost:4317", true],
  ["http://collector:4317", false, "collector:4317", false],
  ["https://collector", true, "collector:443", true],
  ["http://collector/ignored", true, "collector:80", false],
  ["https://[::1]:4317", true, "[::1]:4317", true],
];

Deno.test("an endpoint for gRPC may be written in every way that people write it", () => {
  for (const [endpoint, insecure, address, isSecure] of TARGETS) {
    assert.deepEqual(collectorTarget(endpoint, insecure), { address, isSecure }, endpoint);
  }
});

const PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";

/** Sampler; whether it records a new trace, one that is recorded elsewhere, and one that is not. */
const DECISIONS: readonly (readonly [NonNullable<TracerOptions["sampler"]>, string])[] = [
  ["parentbased_traceidratio", "new recorded"],
  ["parentbased_always_on", "new recorded"],
  ["parentbased_always_off", "recorded"],
  ["traceidratio", "new recorded other"],
  ["always_on", "new recorded other"],
  ["always_off", ""],
];

Deno.test("each sampler of OpenTelemetry's decides as its name says", async () => {
  await using receiver = new OtlpReceiver();
  for (const [sampler, expected] of DECISIONS) {
    receiver.spans.length = 0;
    const endpoint = `127.0.0.1:${receiver.port}`;
    const tracer = await createTracer(tracerOptions({ endpoint, sampler, samplingRatio: 1 }));
    tracer.startSpan("new").end();
    tracer.startSpan("recorded", { parent: `${PARENT}-01` }).end();
    tracer.startSpan("other", { parent: `${PARENT}-00` }).end();
    await tracer.shutdown();
    assert.equal(receiver.spans.map(({ name }) => name).join(" "), expected, sampler);
  }
});
