import assert from "node:assert/strict";
import { join } from "node:path";
import { AuthorityFixture } from "../security/certificate_fixtures.ts";
import { tracesUrl } from "./otlp_endpoint.ts";
import { attributesOf, OtlpReceiver, tracerOptions } from "./otlp_receiver_test_support.ts";
import { parseTraceparent } from "./traceparent.ts";
import { createTracer, silentTracer, TracingConfigError } from "./tracing.ts";

const SAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

Deno.test("a span reaches an OTLP collector with its name, attributes, events and failure", async () => {
  await using receiver = new OtlpReceiver();
  const tracer = await createTracer(tracerOptions({
    endpoint: `127.0.0.1:${receiver.port}`,
    nodeId: "node-1",
    environment: "staging",
  }));
  const span = tracer.startSpan("master.submit_job", {
    kind: "server",
    attributes: { "job.type": "web_scraping" },
  });
  span.setAttribute("job.attempt", 2);
  span.addEvent("submitting_to_raft", { index: 7 });
  span.recordError(new Error("no quorum", { cause: new Error("two of three are away") }));
  span.end();
  await tracer.shutdown();
  assert.deepEqual(receiver.paths, ["/v1/traces"]);
  const [received] = receiver.spans;
  assert.ok(received);
  assert.equal(received.name, "master.submit_job");
  assert.equal(received.traceId, span.traceId);
  assert.equal(received.kind, 2);
  assert.deepEqual(attributesOf(received), { "job.type": "web_scraping", "job.attempt": 2 });
  assert.deepEqual(received.events.map((each) => each.name), ["submitting_to_raft", "exception"]);
  assert.deepEqual(received.status, { code: 2, message: "no quorum: two of three are away" });
  assert.deepEqual(receiver.resources, [{
    "service.name": "conductor-master",
    "service.version": "1.2.3",
    "service.instance.id": "node-1",
    "deployment.environment.name": "staging",
  }]);
});

Deno.test("a trace goes on from process to process by its traceparent alone", async () => {
  await using receiver = new OtlpReceiver();
  const endpoint = `http://127.0.0.1:${receiver.port}/v1/traces`;
  const client = await createTracer(tracerOptions({ endpoint, serviceName: "conductor-client" }));
  const master = await createTracer(tracerOptions({ endpoint }));
  const call = client.startSpan("submit", { kind: "client" });
  const served = master.startSpan("master.submit_job", { parent: call.traceparent });
  const applied = master.startSpan("raft.apply_command", { parent: served.traceparent });
  for (const span of [applied, served, call]) span.end();
  await Promise.all([client.shutdown(), master.shutdown()]);
  const byName = new Map(receiver.spans.map((span) => [span.name, span]));
  assert.equal(new Set(receiver.spans.map((span) => span.traceId)).size, 1);
  assert.equal(byName.get("submit")?.parentSpanId, undefined);
  assert.equal(byName.get("master.submit_job")?.parentSpanId, byName.get("submit")?.spanId);
  assert.equal(
    byName.get("raft.apply_command")?.parentSpanId,
    byName.get("master.submit_job")?.spanId,
  );
});

Deno.test("a trace begun elsewhere keeps its own decision, a new one is decided by the ratio", async () => {
  await using receiver = new OtlpReceiver();
  const endpoint = `127.0.0.1:${receiver.port}`;
  const never = await createTracer(tracerOptions({ endpoint, samplingRatio: 0 }));
  const always = await createTracer(tracerOptions({ endpoint, samplingRatio: 1 }));
  never.startSpan("asked for", { parent: SAMPLED }).end();
  never.startSpan("root, never").end();
  always.startSpan("not asked for", { parent: UNSAMPLED }).end();
  always.startSpan("root, always", { parent: "malformed" }).end();
  await Promise.all([never.shutdown(), always.shutdown()]);
  assert.deepEqual(receiver.spans.map((span) => span.name).sort(), ["asked for", "root, always"]);
});

Deno.test("a span that is not sampled still has ids, and says so to those it calls", async () => {
  const tracer = await createTracer(tracerOptions({ samplingRatio: 0 }));
  const span = tracer.startSpan("unseen");
  assert.equal(span.isRecording, false);
  assert.equal(parseTraceparent(span.traceparent)?.isSampled, false);
  assert.equal(parseTraceparent(span.traceparent)?.traceId, span.traceId);
  await tracer.shutdown();
});

Deno.test("a collector with a certificate is checked against the named authority", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const authority = await AuthorityFixture.create("collectors");
    const stranger = await AuthorityFixture.create("strangers");
    await using receiver = new OtlpReceiver(await authority.issue());
    const endpoint = `127.0.0.1:${receiver.port}`;
    const failures: (Error | undefined)[] = [];
    for (const [name, pem] of [["good", authority.pem], ["bad", stranger.pem]] as const) {
      const certificateFile = join(directory, `${name}.pem`);
      await Deno.writeTextFile(certificateFile, pem);
      const tracer = await createTracer(tracerOptions({
        endpoint,
        insecure: false,
        certificateFile,
        onExport: (failure) => failures.push(failure),
      }));
      tracer.startSpan(name).end();
      await tracer.shutdown();
    }
    assert.deepEqual(receiver.spans.map((span) => span.name), ["good"]);
    assert.equal(failures.length, 1);
    assert.match(failures[0]?.message ?? "", /spans cannot be sent to https:.*otlp_endpoint/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("exporting that fails is told once, and once more when it works again", async () => {
  await using receiver = new OtlpReceiver();
  const told: string[] = [];
  const tracer = await createTracer(tracerOptions({
    endpoint: `127.0.0.1:${receiver.port}`,
    onExport: (failure) => told.push(failure === undefined ? "works" : "fails"),
  }));
  const attempt = async (status: number) => {
    receiver.status = status;
    tracer.startSpan("again").end();
    await tracer.flush();
  };
  for (const status of [200, 400, 400, 200, 200]) await attempt(status);
  await tracer.shutdown();
  assert.deepEqual(told, ["fails", "works"]);
});

Deno.test({
  name: "a collector that does not answer delays the end of the process by the bound at most",
  // The abandoned request is given up by the exporter's own timeout, after this test.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const tracer = await createTracer(tracerOptions({ endpoint: `127.0.0.1:${mute.addr.port}` }));
    tracer.startSpan("lost").end();
    const connection = mute.accept();
    await tracer.shutdown(50);
    (await connection).close();
    mute.close();
  },
});

Deno.test("without tracing a span has a trace id of its own, and records nothing", async () => {
  const tracer = await createTracer(tracerOptions({ enabled: false, endpoint: "not even: valid" }));
  assert.equal(tracer, silentTracer);
  const span = tracer.startSpan("work", { attributes: { a: 1 } });
  span.setAttribute("b", 2);
  span.recordError(new Error("x"));
  span.end();
  assert.equal(span.isRecording, false);
  const context = parseTraceparent(span.traceparent);
  assert.equal(context?.traceId, span.traceId);
  assert.equal(context?.isSampled, false);
  assert.equal(span.traceparent, span.traceparent, "asked twice, it is the same place");
  assert.notEqual(tracer.startSpan("other").traceId, span.traceId);
});

Deno.test("without tracing a caller's place in its trace is passed on unchanged", () => {
  const span = silentTracer.startSpan("work", { parent: SAMPLED });
  assert.equal(span.traceparent, SAMPLED);
  assert.notEqual(silentTracer.startSpan("work", { parent: "junk" }).traceparent, "junk");
});

const ENDPOINTS: readonly (readonly [endpoint: string, insecure: boolean, url: string])[] = [
  ["localhost:4318", true, "http://localhost:4318/v1/traces"],
  ["localhost:4318", false, "https://localhost:4318/v1/traces"],
  ["collector", false, "https://collector/v1/traces"],
  ["[::1]:4318", true, "http://[::1]:4318/v1/traces"],
  ["http://collector:4318", false, "http://collector:4318/v1/traces"],
  ["https://collector:4318/", true, "https://collector:4318/v1/traces"],
  ["http://collector:4318/v1/traces", true, "http://collector:4318/v1/traces"],
  ["https://vendor.example/otlp/", true, "https://vendor.example/otlp/v1/traces"],
];
Deno.test("an endpoint may be written in every way that people write it", () => {
  for (const [endpoint, insecure, url] of ENDPOINTS) {
    assert.equal(tracesUrl(endpoint, insecure), url);
  }
});

Deno.test("an endpoint, a ratio or a certificate that cannot be used is refused by its name", async () => {
  for (const endpoint of ["", "grpc://collector:4317", "http://", "a b", "localhost:99999"]) {
    await assert.rejects(createTracer(tracerOptions({ endpoint })), {
      name: TracingConfigError.name,
      message: /tracing\.otlp_endpoint is ".*": give HOST:PORT/,
    });
  }
  for (const samplingRatio of [-1, 1.5, NaN]) {
    await assert.rejects(createTracer(tracerOptions({ samplingRatio })), /tracing\.sample_ratio/);
  }
  await assert.rejects(
    createTracer(tracerOptions({ certificateFile: "/nowhere/ca.pem" })),
    /cannot read tracing\.otlp_certificate "\/nowhere\/ca\.pem"/,
  );
});
