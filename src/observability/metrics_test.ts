import assert from "node:assert/strict";
import fc from "fast-check";
import { readExposition } from "./exposition_test_support.ts";
import { CLIENTS_MAX } from "./gate_metrics.ts";
import { firstOf, oneOf } from "./label_bound.ts";
import {
  createMasterMetrics,
  JOB_TYPES_MAX,
  type MasterMetrics,
  WORKERS_MAX,
} from "./master_metrics.ts";
import { observeLog } from "./log_metrics.ts";
import { createMetricsRegistry, type MetricsRegistry } from "./metrics_registry.ts";
import { createWorkerMetrics } from "./worker_metrics.ts";

async function read(registry: MetricsRegistry) {
  return readExposition((await registry.expose()).text);
}

/** The original's metrics: name, type and labels; a sample by the call that makes it. */
const ORIGINAL: readonly (readonly [
  name: string,
  type: string,
  labels: string,
  move: (metrics: MasterMetrics) => void,
])[] = [
  [
    "jobs_total",
    "counter",
    "type,status",
    (m) => m.jobsTotal.inc({ type: "test_sleep", status: "pending" }),
  ],
  [
    "job_duration_seconds",
    "histogram",
    "type,status",
    (m) => m.jobDurationSeconds.observe({ type: "test_sleep", status: "completed" }, 1),
  ],
  ["jobs_active", "gauge", "", (m) => m.jobsActive.set(1)],
  ["job_retries_total", "counter", "type", (m) => m.jobRetriesTotal.inc({ type: "test_sleep" })],
  ["job_queue_size", "gauge", "", (m) => m.jobQueueSize.set(1)],
  ["jobs_dlq_total", "gauge", "", (m) => m.jobsDlqTotal.set(1)],
  ["workers_registered", "gauge", "", (m) => m.workersRegistered.set(1)],
  ["workers_active", "gauge", "", (m) => m.workersActive.set(1)],
  ["workers_failed", "gauge", "", (m) => m.workersFailed.set(1)],
  [
    "worker_heartbeats_total",
    "counter",
    "worker_id,status",
    (m) => m.workerHeartbeatsTotal.inc({ worker_id: "w", status: "success" }),
  ],
  [
    "worker_job_capacity",
    "gauge",
    "worker_id,metric",
    (m) => m.workerJobCapacity.replaceAll([[{ worker_id: "w", metric: "max" }, 1]]),
  ],
  [
    "scheduling_attempts_total",
    "counter",
    "policy,result",
    (m) => m.schedulingAttemptsTotal.inc({ policy: "least-loaded", result: "success" }),
  ],
  ["scheduling_latency_seconds", "histogram", "", (m) => m.schedulingLatencySeconds.observe(1)],
  [
    "assignment_failures_total",
    "counter",
    "reason",
    (m) => m.assignmentFailuresTotal.inc({ reason: "raft_error" }),
  ],
  [
    "raft_applies_total",
    "counter",
    "command,status",
    (m) => m.raftAppliesTotal.inc({ command: "submit", status: "success" }),
  ],
  ["raft_apply_latency_seconds", "histogram", "", (m) => m.raftApplyLatencySeconds.observe(1)],
  ["raft_snapshots_total", "counter", "", (m) => m.raftSnapshotsTotal.inc()],
  ["raft_is_leader", "gauge", "", (m) => m.raftIsLeader.set(1)],
  [
    "rpc_requests_total",
    "counter",
    "method,status",
    (m) => m.rpc.requestsTotal.inc({ method: "/proto.MasterService/SubmitJob", status: "success" }),
  ],
  [
    "rpc_latency_seconds",
    "histogram",
    "method",
    (m) => m.rpc.latencySeconds.observe({ method: "/proto.MasterService/SubmitJob" }, 1),
  ],
  [
    "rpc_errors_total",
    "counter",
    "method,error_type",
    (m) =>
      m.rpc.errorsTotal.inc({ method: "/proto.MasterService/SubmitJob", error_type: "NOT_FOUND" }),
  ],
  [
    "recovery_attempts_total",
    "counter",
    "reason",
    (m) => m.recoveryAttemptsTotal.inc({ reason: "worker_lost" }),
  ],
  ["recovery_successes_total", "counter", "", (m) => m.recoverySuccessesTotal.inc()],
  ["recovery_failures_total", "counter", "", (m) => m.recoveryFailuresTotal.inc()],
  ["dlq_movements_total", "counter", "", (m) => m.dlqMovementsTotal.inc()],
  [
    "auth_attempts_total",
    "counter",
    "result",
    (m) => m.authAttemptsTotal.inc({ result: "success" }),
  ],
  [
    "rate_limit_hits_total",
    "counter",
    "client",
    (m) => m.rateLimitHitsTotal.inc({ client: "user:ann" }),
  ],
];

Deno.test("the original has 27 metrics", () => {
  assert.equal(new Set(ORIGINAL.map(([name]) => name)).size, 27);
});

for (const [name, type, labels, move] of ORIGINAL) {
  Deno.test(`conductor_${name}{${labels}} is a ${type} and moves by one`, async () => {
    const registry = await createMetricsRegistry({ enabled: true });
    const metrics = createMasterMetrics(registry);
    const total = async () => {
      const metric = (await read(registry)).get(`conductor_${name}`);
      assert.ok(metric, "it is declared from the start");
      assert.equal(metric.type, type);
      const suffix = type === "histogram" ? "_count" : "";
      return metric.samples.filter((sample) => sample.name === `conductor_${name}${suffix}`)
        .reduce((sum, sample) => sum + sample.value, 0);
    };
    assert.equal(await total(), 0);
    move(metrics);
    assert.equal(await total(), 1);
    const moved = (await read(registry)).get(`conductor_${name}`)?.samples
      .find((sample) => sample.value > 0);
    const { le: _bucket, ...shown } = moved?.labels ?? {};
    assert.deepEqual(Object.keys(shown).sort().join(), labels.split(",").sort().join());
  });
}

Deno.test("the buckets of the original's histograms are kept, so that its queries hold", async () => {
  const registry = await createMetricsRegistry({ enabled: true });
  const metrics = createMasterMetrics(registry);
  metrics.jobDurationSeconds.observe({ type: "t", status: "completed" }, 1);
  const read_ = await read(registry);
  const bounds = (name: string) =>
    read_.get(`conductor_${name}`)?.samples.map((sample) => sample.labels.le);
  for (const bound of [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]) {
    assert.ok(bounds("job_duration_seconds")?.includes(String(bound)));
  }
  assert.ok(bounds("scheduling_latency_seconds")?.includes("0.001"));
  assert.ok(bounds("raft_apply_latency_seconds")?.includes("5"));
});

Deno.test("series whose labels are known are zero from the start, so that rate() sees the first", async () => {
  const registry = await createMetricsRegistry({ enabled: true });
  createMasterMetrics(registry);
  const samples = (await read(registry)).get("conductor_auth_attempts_total")?.samples;
  assert.deepEqual(samples?.map((sample) => [sample.labels.result, sample.value]), [
    ["success", 0],
    ["failure", 0],
  ]);
});

Deno.test("however many types, workers and clients there are, the series are bounded", async () => {
  const registry = await createMetricsRegistry({ enabled: true });
  const metrics = createMasterMetrics(registry);
  const many = 5_000;
  for (let index = 0; index < many; index++) {
    metrics.jobsTotal.inc({ type: `type-${index}`, status: "pending" });
    metrics.rateLimitHitsTotal.inc({ client: `ip:10.0.0.1:${index}` });
    metrics.workerHeartbeatsTotal.inc({ worker_id: `w-${index}`, status: "success" });
    metrics.rpc.requestsTotal.inc({ method: `/x/${index}`, status: "error" });
    metrics.rpc.errorsTotal.inc({ method: "/x/y", error_type: `E${index}` });
  }
  const all = await read(registry);
  const expectBounded = (name: string, seriesMax: number) => {
    const samples = all.get(name)?.samples ?? [];
    assert.ok(samples.length <= seriesMax + 1, `${name} has ${samples.length} series`);
    const sum = samples.reduce((total, sample) => total + sample.value, 0);
    assert.equal(sum, many, `${name} still counts every event`);
    assert.ok(samples.some((sample) => Object.values(sample.labels).includes("other")));
  };
  expectBounded("conductor_jobs_total", JOB_TYPES_MAX);
  expectBounded("conductor_rate_limit_hits_total", CLIENTS_MAX);
  expectBounded("conductor_worker_heartbeats_total", WORKERS_MAX);
  expectBounded("conductor_rpc_requests_total", 128);
  expectBounded("conductor_rpc_errors_total", 17);
});

Deno.test("workers that left leave no series behind, and make room for others", async () => {
  const registry = await createMetricsRegistry({ enabled: true });
  const metrics = createMasterMetrics(registry);
  const workers = (from: number, count: number) =>
    Array.from(
      { length: count },
      (_, index) => [{ worker_id: `w-${from + index}`, metric: "max" }, 2] as const,
    );
  metrics.workerJobCapacity.replaceAll(workers(0, WORKERS_MAX));
  metrics.workerJobCapacity.replaceAll(workers(5_000, 2));
  const samplesNow = async () =>
    (await read(registry)).get("conductor_worker_job_capacity")?.samples ?? [];
  assert.deepEqual((await samplesNow()).map((each) => each.labels.worker_id), ["w-5000", "w-5001"]);
  metrics.workerJobCapacity.replaceAll(workers(0, WORKERS_MAX + 3));
  const rest = (await samplesNow()).find((each) => each.labels.worker_id === "other");
  assert.equal(rest?.value, 6, "what shares a series is added up");
});

Deno.test("whatever a label holds, a scraper reads it back", async () => {
  await fc.assert(fc.asyncProperty(fc.string({ unit: "binary", maxLength: 60 }), async (text) => {
    const registry = await createMetricsRegistry({ enabled: true });
    const metrics = createMasterMetrics(registry);
    metrics.jobRetriesTotal.inc({ type: text });
    const [sample] = (await read(registry)).get("conductor_job_retries_total")?.samples ?? [];
    assert.equal(sample?.labels.type, text.toWellFormed());
  }));
  const bound = firstOf(2);
  assert.equal(bound.admit("x".repeat(10_000)).length, 128);
  assert.equal(bound.admit("lone \ud800"), "lone \ufffd");
  assert.equal(oneOf("a").admit("b"), "other");
});

Deno.test("registries are apart: two nodes in one process do not count for each other", async () => {
  const [one, two] = await Promise.all([
    createMetricsRegistry({ enabled: true }),
    createMetricsRegistry({ enabled: true }),
  ]);
  createMasterMetrics(one).raftIsLeader.set(1);
  createMasterMetrics(two);
  const isLeader = async (registry: MetricsRegistry) =>
    (await read(registry)).get("conductor_raft_is_leader")?.samples[0]?.value;
  assert.deepEqual([await isLeader(one), await isLeader(two)], [1, 0]);
});

Deno.test("a worker's metrics have names of their own, but for the calls that it serves, its doors and its logs", async () => {
  const [master, worker] = await Promise.all([
    createMetricsRegistry({ enabled: true }),
    createMetricsRegistry({ enabled: true }),
  ]);
  createMasterMetrics(master);
  createWorkerMetrics(worker);
  const ofMaster = new Set((await read(master)).keys());
  const shared = [...(await read(worker)).keys()].filter((name) => ofMaster.has(name));
  assert.ok(
    shared.length > 0 &&
      shared.every((name) =>
        /^(conductor_(rpc|auth|rate_limit|tls|node|audit|log)|grpc_(server|client))_/.test(name)
      ),
  );
});

Deno.test("a collector that fails takes nothing else with it", async () => {
  const failures: unknown[] = [];
  const registry = await createMetricsRegistry({
    enabled: true,
    onCollectFailure: (failure) => failures.push(failure),
  });
  const gauge = registry.gauge("fresh", "Set before each scrape.");
  registry.beforeScrape(() => {
    throw new Error("no");
  });
  registry.beforeScrape(() => gauge.set(7));
  assert.equal((await read(registry)).get("conductor_fresh")?.samples[0]?.value, 7);
  assert.equal(failures.length, 1);
});

Deno.test("a collector that fails is not passed over in silence", async () => {
  const registry = await createMetricsRegistry({ enabled: true });
  registry.beforeScrape(() => {
    throw new Error("no");
  });
  await assert.rejects(registry.expose(), /^Error: no$/);
});

Deno.test("disabled metrics take everything and hold nothing", async () => {
  const registry = await createMetricsRegistry({ enabled: false });
  const metrics = createMasterMetrics(registry);
  for (const [, , , move] of ORIGINAL) move(metrics);
  let isAsked = false;
  registry.beforeScrape(() => isAsked = true);
  assert.equal((await registry.expose()).text, "");
  assert.equal(isAsked, false);
  assert.equal(registry.isEnabled, false);
});

Deno.test("each scrape tells how many lines of the log are lost by then, from none on", async () => {
  const registry = await createMetricsRegistry({ enabled: true });
  const log = { linesLost: 0 };
  observeLog(registry, createWorkerMetrics(registry), log);
  for (const linesLost of [0, 3, 3, 10]) {
    log.linesLost = linesLost;
    const { text } = await registry.expose();
    assert.match(text, new RegExp(`^conductor_log_lines_lost_total ${linesLost}$`, "m"));
  }
});
