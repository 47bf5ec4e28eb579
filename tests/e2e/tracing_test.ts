import assert from "node:assert/strict";
import {
  attributesOf,
  OtlpReceiver,
  type ReceivedSpan,
} from "../../src/observability/otlp_receiver_test_support.ts";
import { onHost, until } from "./support.ts";

/** Everything that belongs to the trace of one span, by name; names may repeat. */
function traceOf(receiver: OtlpReceiver, root: string): Map<string, ReceivedSpan[]> {
  const traceId = receiver.spans.find(({ name }) => name === root)?.traceId;
  return Map.groupBy(
    receiver.spans.filter((span) => span.traceId === traceId),
    ({ name }) => name,
  );
}

Deno.test("one trace goes from conductor submit through the master and its log to the worker", () =>
  onHost(async (host) => {
    await using receiver = new OtlpReceiver();
    const tracing = [
      "--set=tracing.enabled=true",
      `--set=tracing.otlp_endpoint=127.0.0.1:${receiver.port}`,
    ];
    await host.startMaster(...tracing);
    const unoffered = await host.client("submit", "--type=brew_coffee", "--payload=x", ...tracing);
    assert.equal(unoffered.code, 0, unoffered.stderr);
    const first = receiver.spans.findIndex(({ name }) => name === "client.submit_job");
    assert.ok(first >= 0, "a client's span is exported before it ends");
    receiver.spans.splice(first, 1);

    host.startWorker("w1", ...tracing);
    await until("the worker is there", async () => {
      const { stdout } = await host.client("workers", "--output=json");
      return JSON.parse(stdout).workers.length === 1;
    });
    const done = await host.client(
      "submit",
      "--type=test_sleep",
      '--payload={"duration":"1ms"}',
      "--wait",
      "--output=json",
      ...tracing,
    );
    assert.equal(done.code, 0, done.stderr);
    const jobId = JSON.parse(done.stdout).id;
    const submitted = () =>
      receiver.spans.filter(({ name, events }) =>
        name === "master.submit_job" && events.some((each) => each.name.startsWith("job_"))
      );
    await until("all spans have arrived", () => {
      const trace = traceOf(receiver, "client.submit_job");
      const applied = trace.get("raft.apply_command") ?? [];
      const kinds = applied.map((span) => attributesOf(span)["raft.command_type"]);
      return Promise.resolve(
        trace.has("worker.execute_job") && kinds.includes("report") && submitted().length === 2,
      );
    });

    const trace = traceOf(receiver, "client.submit_job");
    const [client] = trace.get("client.submit_job")!;
    const [served] = trace.get("proto.MasterService/SubmitJob")!;
    const [submit] = trace.get("master.submit_job")!;
    const [executed] = trace.get("worker.execute_job")!;
    const applied = trace.get("raft.apply_command")!;
    assert.equal(client!.parentSpanId, undefined);
    assert.equal(served!.parentSpanId, client!.spanId);
    assert.equal(submit!.parentSpanId, served!.spanId);
    assert.equal(executed!.parentSpanId, submit!.spanId);
    for (const span of applied) assert.equal(span.parentSpanId, submit!.spanId);

    assert.deepEqual(attributesOf(executed!)["job.id"], jobId);
    assert.deepEqual(submit!.events.map(({ name }) => name), [
      "submitting_to_raft",
      "job_submitted_successfully",
    ]);
    const commands = applied.map(attributesOf);
    assert.deepEqual([...new Set(commands.map((each) => each["raft.command_type"]))], [
      "submit",
      "assign",
      "report",
    ]);
    const indexes = commands.map((each) => Number(each["raft.index"]));
    assert.deepEqual(indexes, indexes.toSorted((a, b) => a - b));
    assert.ok(commands.every((each) => Number(each["raft.term"]) >= 1));
    const [waiting] = submitted().filter(({ traceId }) => traceId !== client!.traceId);
    assert.ok(waiting?.events.some(({ name }) => name === "no_workers_available"));
    const services = new Set(receiver.resources.map((each) => each["service.name"]));
    assert.deepEqual([...services].sort(), [
      "conductor-client",
      "conductor-master",
      "conductor-worker",
    ]);
  }));
