import assert from "node:assert/strict";
import { readExposition } from "./exposition_test_support.ts";
import { createLogger } from "./logger.ts";
import { createMetricsRegistry } from "./metrics_registry.ts";
import { attributesOf, OtlpReceiver } from "./otlp_receiver_test_support.ts";
import { createRpcMetrics } from "./rpc_metrics.ts";
import { createRpcObserver } from "./rpc_observer.ts";
import { parseTraceparent } from "./traceparent.ts";
import { createTracer, silentSpan, silentTracer, type Tracer } from "./tracing.ts";

const SUBMIT = "/proto.MasterService/SubmitJob";
const WATCH = "/proto.MasterService/WatchJob";
const PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async function observed(tracer: Tracer = silentTracer) {
  const registry = await createMetricsRegistry({ enabled: true });
  const lines: Record<string, unknown>[] = [];
  let nowMs = 0;
  const log = await createLogger({
    level: "debug",
    format: "json",
    name: "rpc",
    output: (line) => lines.push(JSON.parse(line)),
  });
  const observer = createRpcObserver({
    metrics: createRpcMetrics(registry),
    tracer,
    streamingMethods: [WATCH],
    log,
    now: () => nowMs,
  });
  const samples = async (name: string) =>
    (readExposition((await registry.expose()).text).get(name)?.samples ?? [])
      .filter((sample) => sample.value > 0);
  return { observer, lines, log, samples, pass: (ms: number) => nowMs += ms };
}

Deno.test("a health probe is counted, and logged only if its answer is no", async () => {
  const { observer, lines, samples } = await observed();
  const probe = "/grpc.health.v1.Health/Check";
  observer.started(probe, undefined).ended("OK", undefined);
  assert.deepEqual(lines, []);
  assert.equal((await samples("conductor_rpc_requests_total"))[0]?.value, 1);
  observer.started(probe, undefined).ended("NOT_FOUND", new Error("no such service"));
  assert.equal(lines.length, 1);
});

Deno.test("a call is counted once in each metric, timed, and logged with its trace id", async () => {
  const { observer, lines, samples, pass } = await observed();
  const call = observer.started(SUBMIT, undefined);
  pass(30);
  call.ended("OK", undefined);
  assert.deepEqual(
    (await samples("conductor_rpc_requests_total")).map(({ labels, value }) => [labels, value]),
    [[{ method: SUBMIT, status: "success" }, 1]],
  );
  const latency = await samples("conductor_rpc_latency_seconds");
  assert.equal(latency.find((each) => each.name.endsWith("_sum"))?.value, 0.03);
  assert.deepEqual((await samples("grpc_server_handled_total"))[0]?.labels, {
    grpc_type: "unary",
    grpc_service: "proto.MasterService",
    grpc_method: "SubmitJob",
    grpc_code: "OK",
  });
  assert.deepEqual(await samples("conductor_rpc_errors_total"), []);
  assert.equal(lines.length, 1);
  assert.partialDeepStrictEqual(lines[0], {
    level: "debug",
    msg: "rpc",
    method: SUBMIT,
    code: "OK",
    duration_ms: 30,
    trace_id: parseTraceparent(call.traceparent)?.traceId,
  });
});

Deno.test("whatever is logged while a call is served carries its trace id", async () => {
  const { observer, lines, log } = await observed();
  const call = observer.started(SUBMIT, PARENT);
  await call.within(async () => {
    await Promise.resolve();
    log.info("a backup was taken");
  });
  call.ended("OK", undefined);
  log.info("something else");
  const traceId = parseTraceparent(PARENT)?.traceId;
  assert.deepEqual(lines.map((each) => [each.msg, each.trace_id]), [
    ["a backup was taken", traceId],
    ["rpc", traceId],
    ["something else", undefined],
  ]);
});

Deno.test("a refusal is counted by its status, and only a fault of ours is a warning", async () => {
  const { observer, lines, samples } = await observed();
  observer.started(SUBMIT, undefined).ended("NOT_FOUND", new Error("no job j-1"));
  observer.started(SUBMIT, undefined).ended("INTERNAL", new Error("a bug"));
  assert.deepEqual((await samples("conductor_rpc_errors_total")).map((each) => each.labels), [
    { method: SUBMIT, error_type: "NOT_FOUND" },
    { method: SUBMIT, error_type: "INTERNAL" },
  ]);
  assert.deepEqual(lines.map((line) => [line.level, line.error]), [
    ["debug", "no job j-1"],
    ["warn", "a bug"],
  ]);
});

Deno.test("a stream is counted, but its length is no latency", async () => {
  const { observer, samples, pass } = await observed();
  const call = observer.started(WATCH, undefined);
  pass(3_600_000);
  call.ended("CANCELLED", new Error("the caller hung up"));
  assert.deepEqual(await samples("conductor_rpc_latency_seconds"), []);
  assert.equal((await samples("grpc_server_handled_total"))[0]?.labels.grpc_type, "stream");
});

Deno.test("a call's span continues the caller's trace and fails only by our fault", async () => {
  await using receiver = new OtlpReceiver();
  const tracer = await createTracer({
    enabled: true,
    endpoint: `127.0.0.1:${receiver.port}`,
    insecure: true,
    samplingRatio: 1,
    serviceName: "conductor-master",
    version: "1.2.3",
  });
  const { observer } = await observed(tracer);
  const call = observer.started(SUBMIT, PARENT);
  assert.equal(parseTraceparent(call.traceparent)?.traceId, parseTraceparent(PARENT)?.traceId);
  call.note?.("forwarding_to_leader");
  call.ended("NOT_FOUND", new Error("no job j-1"));
  observer.started(SUBMIT, undefined).ended("INTERNAL", new Error("a bug"));
  observer.started(SUBMIT, undefined).ended("UNAVAILABLE", new Error("no leader"));
  await tracer.shutdown();
  const [refused, broken, away] = receiver.spans;
  assert.ok(refused && broken && away);
  assert.equal(refused.name, "proto.MasterService/SubmitJob");
  assert.equal(refused.parentSpanId, parseTraceparent(PARENT)?.spanId);
  assert.equal(attributesOf(refused)["rpc.grpc.status_code"], 5);
  assert.deepEqual(refused.events.map(({ name }) => name), ["forwarding_to_leader"]);
  // By OpenTelemetry's conventions: the status's number, and failures of the server alone are errors.
  assert.deepEqual([refused, broken, away].map(({ status }) => status.code), [0, 2, 2]);
});

Deno.test("the span of a call that came over HTTP is one of HTTP, and says which call it was", async () => {
  await using receiver = new OtlpReceiver();
  const tracer = await createTracer({
    enabled: true,
    endpoint: `127.0.0.1:${receiver.port}`,
    insecure: true,
    samplingRatio: 1,
    serviceName: "conductor-master",
    version: "1.2.3",
  });
  const { observer, samples } = await observed(tracer);
  const http = { verb: "POST", route: "/api/v1/jobs" };
  observer.started(SUBMIT, undefined, http).ended("OK", undefined, 200);
  observer.started(SUBMIT, undefined, http).ended("UNAVAILABLE", new Error("no leader"), 503);
  observer.started(WATCH, undefined, http).ended("CANCELLED", new Error("the reader has gone"));
  await tracer.shutdown();
  assert.deepEqual(receiver.spans.map(({ name }) => name), Array(3).fill("POST /api/v1/jobs"));
  assert.deepEqual(receiver.spans.map(attributesOf), [
    {
      "http.request.method": "POST",
      "http.route": "/api/v1/jobs",
      "conductor.method": "proto.MasterService/SubmitJob",
      "http.response.status_code": 200,
    },
    {
      "http.request.method": "POST",
      "http.route": "/api/v1/jobs",
      "conductor.method": "proto.MasterService/SubmitJob",
      "http.response.status_code": 503,
    },
    {
      "http.request.method": "POST",
      "http.route": "/api/v1/jobs",
      "conductor.method": "proto.MasterService/WatchJob",
    },
  ]);
  assert.deepEqual(receiver.spans.map(({ status }) => status.code), [0, 2, 0]);
  // Whichever way it came, it is counted as the call that it is.
  assert.equal((await samples("conductor_rpc_requests_total"))[0]?.labels.method, SUBMIT);
});

Deno.test("where nothing is recorded, nobody takes note of what happens to a call", async () => {
  const { observer } = await observed();
  assert.equal(observer.started(SUBMIT, PARENT).note, undefined);
});

Deno.test("calls that are alike are counted one by one, and are in a trace of their own", async () => {
  const { observer, lines, samples, pass, log } = await observed();
  assert.equal(observer.several(SUBMIT, 5), undefined, "each would be a line of the log");
  log.setLevel("warn");
  const calls = observer.several(SUBMIT, 5);
  assert.ok(calls !== undefined && parseTraceparent(calls.traceparent)?.isSampled === false);
  calls.started(5);
  pass(30);
  calls.ended("OK", undefined, 4);
  calls.ended("INTERNAL", new Error("lost"), 1);
  const values = async (name: string) => (await samples(name)).map(({ value }) => value);
  assert.deepEqual(await values("grpc_server_started_total"), [5]);
  assert.deepEqual((await values("conductor_rpc_requests_total")).toSorted(), [1, 4]);
  const latency = await samples("conductor_rpc_latency_seconds");
  assert.equal(latency.find((each) => each.name.endsWith("_count"))?.value, 5);
  assert.equal(latency.find((each) => each.name.endsWith("_sum"))?.value, 0.15);
  assert.deepEqual(lines.map(({ code, level }) => [code, level]), [["INTERNAL", "warn"]]);
});

Deno.test("of calls that are alike, those whose traces are recorded have a span each, and the others none", async () => {
  const begun: string[] = [];
  const unrecorded: string[] = [];
  const tracer: Tracer = {
    ...silentTracer,
    isEnabled: true,
    startSpan: (name, options) => {
      begun.push(`${name} ${options?.kind} ${options?.parent}`);
      const isRecording = begun.length % 3 === 0;
      const traceparent = isRecording ? PARENT : silentSpan(undefined).traceparent;
      if (!isRecording) unrecorded.push(traceparent);
      return { ...silentSpan(undefined), traceparent, isRecording, setAttribute() {}, end() {} };
    },
  };
  const { observer, samples, log } = await observed(tracer);
  log.setLevel("warn");
  const calls = observer.several(SUBMIT, 7);
  assert.deepEqual(begun, Array(7).fill("proto.MasterService/SubmitJob server undefined"));
  assert.deepEqual([...calls?.own.keys() ?? []], [2, 5]);
  assert.ok(unrecorded.includes(calls?.traceparent ?? ""), "theirs is one that was drawn");
  const started = async () => (await samples("grpc_server_started_total"))[0]?.value;
  assert.equal(await started() ?? 0, 0, "nothing is counted before it is let in");
  calls?.started(5);
  for (const begin of calls?.own.values() ?? []) {
    const call = begin();
    assert.equal(call.traceparent, PARENT);
    call.ended("OK", undefined);
  }
  calls?.ended("OK", undefined, 5);
  assert.equal(await started(), 7);
  const [requests] = await samples("conductor_rpc_requests_total");
  assert.equal(requests?.value, 7);
});
