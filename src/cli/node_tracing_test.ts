import assert from "node:assert/strict";
import { loadConfig } from "../config/mod.ts";
import { propagatesTraces, tracerOptions } from "./node_tracing.ts";

const told = { info() {}, warn() {} };

function loadedWith(env: Record<string, string>) {
  return loadConfig({
    role: "master",
    env,
    flags: {},
    readTextFile: () => {
      throw new Error("no such file");
    },
  });
}

function optionsWith(env: Record<string, string>) {
  return tracerOptions(loadedWith(env), "conductor-master", told);
}

Deno.test("the variables that OpenTelemetry's users set are heeded", () => {
  const options = optionsWith({
    OTEL_TRACE_ENABLED: "true",
    OTEL_SERVICE_NAME: "jobs",
    OTEL_RESOURCE_ATTRIBUTES: "team=billing,region=eu%2Ccentral",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
    OTEL_EXPORTER_OTLP_ENDPOINT: "https://otel.example.com:4318",
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Basic%20abc,x-org=7",
    OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
    OTEL_EXPORTER_OTLP_TIMEOUT: "2500",
    OTEL_BSP_SCHEDULE_DELAY: "200",
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "64",
    OTEL_BSP_MAX_QUEUE_SIZE: "256",
    OTEL_EXPORTER_OTLP_CERTIFICATE: "ca.pem",
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: "own.pem",
    OTEL_EXPORTER_OTLP_CLIENT_KEY: "own.key",
    OTEL_TRACES_SAMPLER: "traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.25",
  });
  assert.partialDeepStrictEqual(options, {
    enabled: true,
    serviceName: "jobs",
    resourceAttributes: { team: "billing", region: "eu,central" },
    protocol: "http/protobuf",
    endpoint: "https://otel.example.com:4318",
    headers: { authorization: "Basic abc", "x-org": "7" },
    compression: "gzip",
    exportTimeoutMs: 2_500,
    exportIntervalMs: 200,
    exportBatch: 64,
    exportQueue: 256,
    certificateFile: "ca.pem",
    clientCertificateFile: "own.pem",
    clientKeyFile: "own.key",
    sampler: "traceidratio",
    samplingRatio: 0.25,
  });
});

Deno.test("a resource's attributes win over what a node says by default, and a key of its own over both", () => {
  const OTEL_RESOURCE_ATTRIBUTES = "service.name=orders,service.instance.id=pod-7," +
    "deployment.environment.name=eu-live";
  assert.partialDeepStrictEqual(optionsWith({ OTEL_RESOURCE_ATTRIBUTES }), {
    serviceName: "orders",
    nodeId: "pod-7",
    environment: "eu-live",
  });
  const own = { OTEL_SERVICE_NAME: "jobs", CONDUCTOR_ENV: "test" };
  assert.partialDeepStrictEqual(optionsWith({ OTEL_RESOURCE_ATTRIBUTES, ...own }), {
    serviceName: "jobs",
    environment: "test",
  });
  const { serviceName, environment } = optionsWith({});
  assert.deepEqual([serviceName, environment], ["conductor-master", "development"]);
});

Deno.test("what is said for traces alone goes before what is said for all signals", () => {
  const options = optionsWith({
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "grpc",
    OTEL_EXPORTER_OTLP_TIMEOUT: "1000",
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "3s",
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://traces.example.com:4317",
    OTEL_EXPORTER_OTLP_CERTIFICATE: "all.pem",
    OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: "traces.pem",
    OTEL_EXPORTER_OTLP_INSECURE: "true",
    OTEL_EXPORTER_OTLP_TRACES_INSECURE: "false",
  });
  assert.equal(options.certificateFile, "traces.pem");
  assert.equal(options.insecure, false);
  assert.equal(options.protocol, "grpc");
  assert.equal(options.exportTimeoutMs, 3_000);
  assert.equal(options.tracesUrl, "http://traces.example.com:4317");
});

Deno.test("over gRPC a collector that nobody named is looked for on gRPC's port", () => {
  assert.equal(optionsWith({}).endpoint, "localhost:4318");
  const grpc = { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" };
  assert.equal(optionsWith(grpc).endpoint, "localhost:4317");
  const named = { ...grpc, OTEL_EXPORTER_OTLP_ENDPOINT: "localhost:9999" };
  assert.equal(optionsWith(named).endpoint, "localhost:9999");
});

Deno.test("tracing is off by each of the ways to switch it off", () => {
  const on = { OTEL_TRACE_ENABLED: "true" };
  assert.equal(optionsWith({}).enabled, false);
  assert.equal(optionsWith(on).enabled, true);
  assert.equal(optionsWith({ ...on, OTEL_SDK_DISABLED: "true" }).enabled, false);
  assert.equal(optionsWith({ ...on, OTEL_TRACES_EXPORTER: "none" }).enabled, false);
  assert.equal(optionsWith({ ...on, OTEL_TRACES_EXPORTER: "otlp,none" }).enabled, false);
});

Deno.test("spans go to the console where OpenTelemetry's variable says so", () => {
  const exporters = (names: string) =>
    optionsWith({ OTEL_TRACE_ENABLED: "true", OTEL_TRACES_EXPORTER: names }).exporters;
  assert.deepEqual(exporters("console"), ["console"]);
  assert.deepEqual(exporters("otlp"), ["otlp"]);
  assert.deepEqual(exporters("otlp, console"), ["otlp", "console"]);
});

Deno.test("without tracecontext among the propagators traces end at this process", () => {
  assert.equal(propagatesTraces(loadedWith({})), true);
  assert.equal(propagatesTraces(loadedWith({ OTEL_PROPAGATORS: "b3,tracecontext" })), true);
  assert.equal(propagatesTraces(loadedWith({ OTEL_PROPAGATORS: "none" })), false);
  assert.equal(propagatesTraces(loadedWith({ OTEL_PROPAGATORS: "baggage" })), false);
});
