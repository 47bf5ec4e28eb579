/**
 * Everything that an operator sees, of one cluster: three masters and two workers as processes, a
 * collector for their traces by all three of OTLP's roads, and Prometheus itself.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import {
  attributesOf,
  OtlpGrpcReceiver,
  OtlpReceiver,
  type ReceivedSpan,
} from "../../src/observability/otlp_receiver_test_support.ts";
import { describeMetrics } from "../../src/observability/mod.ts";
import type { JobClient, Submission } from "../../src/rpc/mod.ts";
import { run as runConductor } from "../e2e/support.ts";
import { Cluster } from "../ha/cluster.ts";
import { unusedPorts } from "../ha/ports.ts";
import { eventually } from "../ha/wait.ts";
import { hasProgram, run } from "./programs.ts";
import { Prometheus } from "./prometheus.ts";

const MASTERS = ["m1", "m2", "m3"];

/** Fails once; its parts have a part. */
const FLAKY = `export async function flaky(_payload, context) {
  return await context.span("outer", async () => {
    await Promise.resolve();
    context.span("inner", () => {
      if (context.attempt === 1) throw new Error("not yet");
    }, { step: context.attempt });
    return { done: true };
  });
}
`;

/** The cluster, and where everything of it can be seen. */
class Scene implements AsyncDisposable {
  readonly json = new OtlpReceiver();
  readonly cluster: Cluster;
  readonly #ports = unusedPorts(MASTERS.length + 2);
  readonly #grpc: OtlpGrpcReceiver;
  #prometheus: Prometheus | undefined;

  static async start(): Promise<Scene> {
    const scene = new Scene(await OtlpGrpcReceiver.start());
    const handlers = join(scene.cluster.directory, "flaky.js");
    await Deno.writeTextFile(handlers, FLAKY);
    await scene.cluster.start();
    const tracing = scene.tracing("http/protobuf", scene.json.port);
    for (const name of ["w1", "w2"]) {
      const port = `--set=worker.http_port=${scene.#ports[name === "w1" ? 3 : 4]}`;
      scene.cluster.startWorker(name, `--handlers=${handlers}`, port, ...tracing);
    }
    return scene;
  }

  private constructor(grpc: OtlpGrpcReceiver) {
    this.#grpc = grpc;
    this.cluster = new Cluster({
      workers: 0,
      masterFlags: [
        ...this.tracing("grpc", grpc.port),
        "--set=metrics.enabled=true",
        "--set=metrics.collect_interval=200ms",
        "--set=security.rate_limit.enabled=true",
        "--set=security.rate_limit.requests_per_sec=50",
        "--set=security.rate_limit.burst=300",
      ],
      environment: Object.fromEntries(
        MASTERS.map((name, at) => [name, { METRICS_PORT: String(this.#ports[at]) }]),
      ),
    });
  }

  tracing(protocol: string, port: number): string[] {
    return [
      "--set=tracing.enabled=true",
      `--set=tracing.otlp_protocol=${protocol}`,
      `--set=tracing.otlp_endpoint=http://127.0.0.1:${port}`,
    ];
  }

  get spans(): readonly ReceivedSpan[] {
    return [...this.json.spans, ...this.#grpc.spans];
  }

  get resources(): readonly Record<string, unknown>[] {
    return [...this.json.resources, ...this.#grpc.resources];
  }

  /** `conductor` with the address of one master, traced by the third road. */
  async conductor(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await runConductor([
      ...args,
      `--addr=${this.cluster.masters[0]?.grpcAddress}`,
      ...this.tracing("http/json", this.json.port),
    ]);
    assert.equal(code, 0, stderr);
    return stdout;
  }

  get masterTargets(): string[] {
    return this.#ports.slice(0, MASTERS.length).map((port) => `127.0.0.1:${port}`);
  }

  get workerTargets(): string[] {
    return this.#ports.slice(MASTERS.length).map((port) => `127.0.0.1:${port}`);
  }

  async prometheus(): Promise<Prometheus> {
    return this.#prometheus ??= await Prometheus.start(this.cluster.directory, {
      "conductor-master": this.masterTargets,
      "conductor-worker": this.workerTargets,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#prometheus?.stop();
    await this.cluster.stop();
    await this.json[Symbol.asyncDispose]();
    await this.#grpc[Symbol.asyncDispose]();
  }
}

/** The spans of one trace, by name, in the order of their starts. */
function traceOf(spans: readonly ReceivedSpan[], traceId: string): Map<string, ReceivedSpan[]> {
  const own = spans.filter((span) => span.traceId === traceId)
    .sort((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)));
  return Map.groupBy(own, ({ name }) => name);
}

async function expectOneTrace(scene: Scene, traceId: string, jobId: string): Promise<void> {
  const names = [
    "client.submit_job",
    "proto.MasterService/SubmitJob",
    "master.submit_job",
    "raft.commit",
    "raft.apply_command",
    "scheduler.assign_job",
    "worker.execute_job",
    "outer",
    "inner",
  ];
  const trace = await eventually("the whole trace has arrived", () => {
    const found = traceOf(scene.spans, traceId);
    const isWhole = names.every((name) => found.has(name)) && found.get("inner")?.length === 2 &&
      found.get("raft.apply_command")?.some((each) =>
        attributesOf(each)["raft.command_type"] === "report"
      );
    return Promise.resolve(isWhole ? found : undefined);
  });
  const all = [...trace.values()].flat();
  const ids = new Set(all.map(({ spanId }) => spanId));
  assert.equal(ids.size, all.length);
  // Connected: one root, and everybody else's parent is there.
  assert.deepEqual(all.filter(({ parentSpanId }) => !ids.has(parentSpanId ?? "")), [
    trace.get("client.submit_job")?.[0],
  ]);
  const submit = trace.get("master.submit_job")?.[0]?.spanId;
  for (const name of ["raft.commit", "scheduler.assign_job", "worker.execute_job"]) {
    for (const span of trace.get(name)!) assert.equal(span.parentSpanId, submit, name);
  }
  const attempts = trace.get("worker.execute_job")!;
  assert.deepEqual(
    attempts.map(attributesOf).map((each) => [each["job.id"], each["job.attempt"]]),
    [
      [jobId, 1],
      [jobId, 2],
    ],
  );
  assert.deepEqual(attempts.map(({ status }) => status.code === 2), [true, false]);
  assert.deepEqual(
    trace.get("scheduler.assign_job")!.map((each) => attributesOf(each)["job.attempt"]),
    [1, 2],
  );
  for (const [at, inner] of trace.get("inner")!.entries()) {
    const outer = trace.get("outer")![at];
    assert.equal(inner.parentSpanId, outer?.spanId);
    assert.equal(outer?.parentSpanId, attempts[at]?.spanId);
    assert.equal(attributesOf(inner).step, at + 1);
  }
  assert.equal(trace.get("inner")?.[0]?.status.message, "not yet");
  const noted = trace.get("master.submit_job")?.[0]?.events.map(({ name }) => name) ?? [];
  // The workers may not have been there yet.
  assert.deepEqual(noted.filter((name) => name !== "no_workers_available"), [
    "submitting_to_raft",
    "job_submitted_successfully",
  ]);
  const commands = trace.get("raft.apply_command")!.map(attributesOf);
  const kinds = new Set(commands.map((each) => each["raft.command_type"]));
  assert.deepEqual([...kinds].sort(), ["assign", "report", "submit"]);
  const indexes = commands.map((each) => Number(each["raft.index"]));
  assert.deepEqual(indexes, indexes.toSorted((a, b) => a - b));
  assert.ok(commands.every((each) => Number(each["raft.term"]) >= 1));
}

/** A client without traces of its own leaves the decision to the master. */
async function expectNote(scene: Scene): Promise<void> {
  await submitTo(scene.cluster.client(), "nobody_offers_this", {});
  await eventually("the submission says that nobody offers its type", () => {
    const isNoted = scene.spans.some(({ name, events, parentSpanId }) =>
      name === "master.submit_job" && parentSpanId !== undefined &&
      events.some((each) => each.name === "no_workers_available")
    );
    return Promise.resolve(isNoted ? true : undefined);
  });
  const services = new Set(scene.resources.map((each) => each["service.name"]));
  assert.deepEqual([...services].sort(), [
    "conductor-client",
    "conductor-master",
    "conductor-worker",
  ]);
}

function submitTo(
  client: JobClient,
  type: string,
  payload: unknown,
  more: Partial<Submission> = {},
) {
  const bytes = new TextEncoder().encode(JSON.stringify(payload));
  return client.submit({ type, payload: bytes, priority: 5, ...more });
}

/** What a worker's log says of a job, which may come later than what it tells. */
async function lineOf(directory: string, jobId: string): Promise<Record<string, unknown>> {
  return await eventually(`a worker's log tells of ${jobId}`, async () => {
    const logs = ["w1", "w2"].map((name) => Deno.readTextFile(join(directory, `${name}.log`)));
    const lines = (await Promise.all(logs)).flatMap((text) => text.split("\n").slice(0, -1));
    return lines.map((line) => JSON.parse(line)).find((line) => line.job_id === jobId);
  });
}

/** Lets a job wait, fail, be cancelled and be lost, and asks what is not there. */
async function moveMetrics({ cluster }: Scene): Promise<void> {
  const client = cluster.client();
  const unwanted = await submitTo(client, "nobody_offers_this", {});
  await client.cancel(unwanted.jobId);
  await submitTo(client, "test_sleep", { seconds: 0, fail: "x" }, { maxRetries: 0 });
  await assert.rejects(client.getJob("00000000-0000-7000-8000-000000000000"), /no job|not found/i);
  const stranger = cluster.client({ token: "not.a.token" });
  await assert.rejects(stranger.listJobs({}), /JWT/);
  // Held by a worker that dies: another takes it over.
  const long = await submitTo(client, "test_sleep", { seconds: 600 });
  const holder = await eventually("the long job runs", async () => {
    const { job } = await client.getJob(long.jobId);
    return job.status === "running" ? job.assignedTo : undefined;
  });
  await cluster.workers.find(({ name }) => name === holder)?.kill();
  await eventually("another worker has it", async () => {
    const { job } = await client.getJob(long.jobId);
    return job.status === "running" && job.assignedTo !== holder ? true : undefined;
  });
  const flood = Array.from({ length: 600 }, () => client.clusterHealth());
  const refused = (await Promise.allSettled(flood)).filter(({ status }) => status === "rejected");
  assert.ok(refused.length > 0, "more at once than the bound on calls lets through");
}

/** Query and value; an array: at least. */
const EXPECTED: readonly (readonly [query: string, value: number | readonly [number]])[] = [
  ['sum(up{job="conductor-master"})', 3],
  ['sum by (status) (conductor_jobs_total{type="flaky",status="pending"})', 1],
  ['sum(conductor_jobs_total{type="flaky",status="completed"})', 1],
  ['sum(conductor_jobs_total{type="test_sleep",status="failed"})', 1],
  ['sum(conductor_jobs_total{status="cancelled"})', 1],
  ['sum(conductor_job_duration_seconds_count{type="flaky",status="completed"})', 1],
  ['sum(conductor_job_start_latency_seconds_count{type="flaky"})', 1],
  ['sum(conductor_job_retries_total{type="flaky"})', 1],
  ["sum(conductor_jobs_active)", 1],
  ["sum(conductor_job_queue_size)", 1],
  ["sum(conductor_jobs_dlq_total)", 1],
  ["sum(conductor_dlq_movements_total)", 1],
  ['sum(conductor_jobs{status="pending"})', 1],
  ['sum(conductor_jobs{status="failed"})', 1],
  ['sum(conductor_job_queue_oldest_seconds{type="nobody_offers_this"})', [0.5]],
  ["sum(conductor_workers_registered)", 2],
  ["sum(conductor_workers_active)", 1],
  ["sum(conductor_workers_failed)", 1],
  ['sum(conductor_worker_heartbeats_total{status="success"})', [1]],
  ['sum(conductor_worker_job_capacity{metric="max"})', 3],
  ['sum(conductor_worker_job_capacity{metric="active"})', 1],
  ['sum(conductor_worker_job_capacity{metric="available"})', 2],
  // Two of the flaky job, one of the hopeless one, two of the long one.
  ['sum(conductor_scheduling_attempts_total{result="success"})', 5],
  ["sum(conductor_scheduling_latency_seconds_count)", [5]],
  ['sum(conductor_recovery_attempts_total{reason="worker_lost"})', 1],
  ["sum(conductor_recovery_successes_total)", 1],
  ["sum(conductor_recovery_failures_total)", 0],
  ["sum(conductor_assignment_failures_total)", 0],
  ['sum(conductor_raft_applies_total{command="submit",status="success"})', [1]],
  ["sum(conductor_raft_apply_latency_seconds_count)", [10]],
  ["sum(conductor_raft_is_leader)", 1],
  ["sum(conductor_raft_leader_known)", 3],
  ["sum(conductor_master_ready)", 3],
  ['max(conductor_raft_members{suffrage="voter"})', 3],
  ["count(conductor_raft_peer_lag_entries)", 2],
  ["max(conductor_raft_peer_silence_seconds) < bool 5", 1],
  ["max(conductor_raft_commit_index) - min(conductor_raft_applied_index) < bool 50", 1],
  ["min(conductor_raft_term)", [1]],
  ["sum(conductor_raft_elections_total)", [1]],
  ["count(conductor_raft_fsync_seconds_count > 0)", 3],
  ["count(conductor_raft_append_seconds_count > 0)", 3],
  ["sum(conductor_raft_proposals_pending) < bool 100", 1],
  ["sum(conductor_raft_snapshots_total)", 0],
  ['sum(conductor_rpc_requests_total{method="/proto.MasterService/GetJobStatus",status="error"})', [
    1,
  ]],
  ['sum(conductor_rpc_errors_total{error_type="NOT_FOUND"})', [1]],
  ['sum(conductor_rpc_latency_seconds_count{method="/proto.MasterService/SubmitJob"})', [1]],
  ['sum(grpc_server_handled_total{grpc_code="OK"})', [1]],
  ['sum(grpc_server_handling_seconds_count{grpc_service="proto.MasterService"})', [1]],
  ["sum(grpc_server_started_total)", [1]],
  ['sum(grpc_client_handled_total{job="conductor-master"})', [1]],
  ['sum(conductor_auth_attempts_total{result="success"})', [1]],
  ['sum(conductor_auth_attempts_total{result="failure"})', [1]],
  ['sum(conductor_rate_limit_hits_total{client="127.0.0.1"})', [1]],
  ["count(conductor_build_info)", 4],
  ["count(process_resident_memory_bytes > 1e7)", 4],
  ["count(process_cpu_seconds_total > 0)", 4],
  ["count(conductor_event_loop_lag_seconds_count > 0)", 4],
  ['count(conductor_gc_duration_seconds_count{kind="minor"} > 0)', 4],
  ["sum(conductor_worker_session_connected)", 1],
  ["sum(conductor_worker_attempts_total)", [1]],
  ["sum(conductor_worker_slots_max)", 3],
  ["sum(conductor_worker_slots_busy)", 1],
  ["sum(conductor_worker_reports_pending)", 0],
  ["sum(conductor:worker_slots_busy:ratio) > bool 0.3", 1],
];

async function expectMetrics(prometheus: Prometheus): Promise<void> {
  for (const [query, expected] of EXPECTED) {
    let told: number | undefined;
    const holds = (value: number) =>
      typeof expected === "number" ? value === expected : value >= expected[0];
    await eventually(`${query} is ${expected}`, async () => {
      told = (await prometheus.query(query))[0]?.value;
      return told !== undefined && holds(told) ? true : undefined;
    }, 15_000).catch((failure) => assert.fail(`${(failure as Error).message}, but ${told}`));
  }
  const broken = (await prometheus.rules()).filter(({ health }) => health !== "ok");
  assert.deepEqual(broken, []);
  const [{ value: shown = 0 } = {}] = await prometheus.query(
    'count(count by (__name__) ({__name__=~"(conductor|grpc|process)_.*"}))',
  );
  assert.ok(shown > describeMetrics().length / 2, `${shown} names`);
}

/** The real pages, to those who know what a page may hold. */
async function expectSoundPages({ masterTargets, workerTargets }: Scene): Promise<void> {
  const pages = await Promise.all([masterTargets[0], ...workerTargets].map(async (target) => {
    try {
      return await (await fetch(`http://${target}/metrics`)).text();
    } catch (failure) {
      if (failure instanceof TypeError) return ""; // the worker that was killed
      throw failure;
    }
  }));
  for (const stdin of pages) {
    const { output } = await run("promtool", ["check", "metrics"], { stdin });
    // The original's own name: its users' dashboards ask for it.
    const faults = output.split("\n").filter((line) =>
      line !== "" && !line.startsWith("conductor_jobs_dlq_total non-counter metrics")
    );
    assert.deepEqual(faults, []);
  }
}

Deno.test("one trace holds a job with its retry, and Prometheus reads every metric's value", async (t) => {
  await using scene = await Scene.start();
  const submitted = JSON.parse(
    await scene.conductor("submit", "--type=flaky", "--payload={}", "--wait", "--output=json"),
  );
  const traceId = submitted.traceparent.split("-")[1];
  await t.step(
    "one trace goes from conductor submit to the parts of the second attempt",
    () => expectOneTrace(scene, traceId, submitted.id),
  );
  await t.step("what became of a submission is noted in its span", () => expectNote(scene));
  await t.step("its id is in the lines of the log, and conductor status shows it", async () => {
    const status = await scene.conductor("status", submitted.id);
    assert.match(status, new RegExp(`Trace\\s+${traceId}`));
    const line = await lineOf(scene.cluster.directory, submitted.id);
    assert.equal(line.trace_id, traceId);
  });
  await t.step({
    name: "Prometheus reads every metric's value, and evaluates every rule",
    ignore: !await hasProgram("prometheus"),
    fn: async () => {
      const prometheus = await scene.prometheus();
      await moveMetrics(scene);
      await expectMetrics(prometheus);
      await expectSoundPages(scene);
    },
  });
});
