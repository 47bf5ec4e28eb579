import assert from "node:assert/strict";
import type { AssignOutcome, JobEvent } from "../jobs/mod.ts";
import { Scene } from "../jobs/scene_test_support.ts";
import { readExposition } from "../observability/exposition_test_support.ts";
import { createMasterMetrics, createMetricsRegistry } from "../observability/mod.ts";
import type { RaftStatus } from "../raft/mod.ts";
import type { MasterContext } from "./context.ts";
import { metricsObserver, sampleMaster } from "./metrics_observer.ts";

const RETRY_MS = 1_000;

/** A master's metrics over a machine that a test drives. */
async function observed() {
  const registry = await createMetricsRegistry({ enabled: true });
  const metrics = createMasterMetrics(registry);
  const observer = metricsObserver(metrics, () => "least-loaded");
  const scene = new Scene();
  const series = async (name: string) => {
    const all = readExposition((await registry.expose()).text);
    const metric = all.get(name.startsWith("grpc_") ? name : `conductor_${name}`);
    return Object.fromEntries(
      (metric?.samples ?? [])
        .filter((sample) => sample.labels.le === undefined && sample.value !== 0)
        .map(({ name: full, labels, value }) => {
          const suffix = /_(sum|count)$/.exec(full)?.[1];
          const key = [...Object.values(labels), ...(suffix === undefined ? [] : [suffix])].join();
          return [key, value];
        }),
    );
  };
  return {
    metrics,
    observer,
    scene,
    series,
    text: async () => (await registry.expose()).text,
    /** Tells what happened since the last time, as a leader or another replica hears of it. */
    tell(isLeader = true) {
      for (const event of scene.machine.drainEvents()) observer.jobChanged(event, isLeader);
    },
  };
}

/** A node as sampling sees it. */
function contextOf(
  scene: Scene,
  status: Partial<RaftStatus> = {},
  leads = true,
): MasterContext {
  return {
    machine: scene.machine,
    now: () => scene.nowMs,
    tickMs: 50,
    duties: leads ? {} : undefined,
    node: {
      pendingProposals: 3,
      status: () => ({
        term: 7,
        commitIndex: 40,
        appliedIndex: 39,
        lastIndex: 42,
        leaderId: "m1",
        members: [{ votes: true }, { votes: true }, { votes: false }],
        peers: [],
        ...status,
      }),
    },
  } as unknown as MasterContext;
}

Deno.test("a job's way from its submission through a retry to its end is counted once, in seconds", async () => {
  const { scene, series, tell } = await observed();
  scene.register("w1");
  scene.submit("j1", { type: "noop", retryDelayMs: RETRY_MS });
  scene.sleep(250);
  scene.assign("j1");
  scene.sleep(150);
  scene.start("j1");
  scene.sleep(100);
  scene.fail("j1");
  scene.sleep(10 * RETRY_MS);
  scene.apply({ kind: "advance" });
  scene.assign("j1");
  scene.start("j1");
  scene.sleep(2_000);
  scene.complete("j1");
  tell();
  assert.deepEqual(await series("jobs_total"), { "noop,pending": 1, "noop,completed": 1 });
  assert.deepEqual(await series("job_retries_total"), { noop: 1 });
  assert.deepEqual(await series("job_start_latency_seconds"), {
    "noop,sum": 0.4,
    "noop,count": 1,
  });
  assert.deepEqual(await series("job_duration_seconds"), {
    "noop,completed,sum": 2,
    "noop,completed,count": 1,
  });
});

Deno.test("a job that is over before it could say that it runs has a start and a length all the same", async () => {
  const { scene, series, tell } = await observed();
  scene.register("w1");
  scene.submit("j1", { type: "noop" });
  scene.sleep(30);
  scene.assign("j1");
  scene.sleep(20);
  scene.complete("j1", { durationMs: 5 });
  tell();
  const { "noop,count": starts } = await series("job_start_latency_seconds");
  const { "noop,completed,count": ends } = await series("job_duration_seconds");
  assert.deepEqual([starts, ends], [1, 1]);
});

Deno.test("a job that never ran has no length, and one that failed for good is a dead letter", async () => {
  const { scene, series, tell } = await observed();
  scene.register("w1");
  scene.submit("unwanted", { type: "noop" });
  scene.sleep(60_000);
  scene.cancel("unwanted");
  scene.submit("hopeless", { type: "noop", maxRetries: 0 });
  scene.assign("hopeless");
  scene.fail("hopeless");
  tell();
  assert.deepEqual(await series("job_duration_seconds"), {
    "noop,failed,count": 1,
  });
  assert.deepEqual(await series("dlq_movements_total"), { "": 1 });
});

Deno.test("what a worker held when it was lost is recovered, or was its last attempt", async () => {
  const { scene, series, tell } = await observed();
  scene.register("w1");
  scene.submit("j1", { type: "noop" });
  scene.assign("j1");
  scene.start("j1");
  scene.expireWorker("w1");
  tell();
  assert.deepEqual(await series("recovery_attempts_total"), { worker_lost: 1 });
  assert.deepEqual(await series("recovery_successes_total"), { "": 1 });
});

Deno.test("replicas that do not lead hear of everything and count nothing", async () => {
  const { scene, series, tell } = await observed();
  scene.register("w1");
  scene.submit("j1");
  scene.assign("j1");
  scene.complete("j1");
  tell(false);
  assert.deepEqual(await series("jobs_total"), {});
  assert.deepEqual(await series("job_duration_seconds"), {});
});

Deno.test("queues are told by type, status and age, by the leader alone", async () => {
  const { metrics, observer, scene, series } = await observed();
  scene.register("w1", { slots: 4 });
  scene.submit("a1", { type: "a" });
  scene.sleep(5_000);
  // Of a higher priority, so it stands before the one that waits longer.
  scene.submit("a2", { type: "a", priority: 9 });
  scene.submit("b1", { type: "b" });
  scene.submit("b2", { type: "b" });
  scene.assign("b2");
  scene.sleep(1_000);
  sampleMaster(metrics, contextOf(scene));
  assert.deepEqual(await series("jobs"), { "a,pending": 2, "b,pending": 1, "b,assigned": 1 });
  assert.deepEqual(await series("job_queue_oldest_seconds"), { a: 6, b: 1 });
  assert.deepEqual(await series("job_queue_size"), { "": 3 });
  assert.deepEqual(await series("worker_job_capacity"), {
    "w1,max": 4,
    "w1,active": 1,
    "w1,available": 3,
  });

  observer.roleChanged({ role: "follower" } as RaftStatus);
  const followers = ["jobs", "job_queue_oldest_seconds", "job_queue_size", "worker_job_capacity"];
  for (const name of followers) assert.deepEqual(await series(name), {}, `${name}, when deposed`);
  sampleMaster(metrics, contextOf(scene, {}, false));
  for (const name of followers) assert.deepEqual(await series(name), {}, `${name} of a follower`);
});

Deno.test("consensus is told as this node sees it, and the leader tells how far its peers are", async () => {
  const { metrics, observer, scene, series } = await observed();
  const peers = [
    { id: "m2", match: 42, lastContactTicks: 0 },
    { id: "m3", match: 12, lastContactTicks: 40 },
  ] as unknown as RaftStatus["peers"];
  sampleMaster(metrics, contextOf(scene, { peers }));
  const told = async (name: string) => (await series(name))[""];
  assert.equal(await told("raft_term"), 7);
  assert.equal(await told("raft_commit_index"), 40);
  assert.equal(await told("raft_applied_index"), 39);
  assert.equal(await told("raft_last_log_index"), 42);
  assert.equal(await told("raft_leader_known"), 1);
  assert.equal(await told("raft_proposals_pending"), 3);
  assert.deepEqual(await series("raft_members"), { voter: 2, learner: 1 });
  assert.deepEqual(await series("raft_peer_lag_entries"), { m3: 30 });
  assert.deepEqual(await series("raft_peer_silence_seconds"), { m3: 2 });
  sampleMaster(metrics, contextOf(scene, { leaderId: undefined }, false));
  assert.equal(await told("raft_leader_known"), undefined);
  assert.deepEqual(await series("raft_peer_lag_entries"), {});

  observer.snapshotMade({ bytes: 4_096, durationMs: 500 });
  observer.snapshotInstalled();
  assert.equal(await told("raft_snapshots_total"), 1);
  assert.equal(await told("raft_snapshots_installed_total"), 1);
  assert.equal(await told("raft_snapshot_bytes"), 4_096);
  assert.deepEqual(await series("raft_snapshot_seconds"), { sum: 0.5, count: 1 });
});

Deno.test("what did not come off is counted beside what did, by its reason", async () => {
  const { observer, series } = await observed();
  observer.planned(2, 4);
  observer.assigned({ status: "assigned" } as AssignOutcome);
  observer.assigned({ status: "refused", reason: "worker_full" } as AssignOutcome);
  observer.assigned({ status: "refused", reason: "unknown_job" } as AssignOutcome);
  observer.assignFailed(3, new Error("no quorum"));
  observer.undelivered(2);
  assert.deepEqual(await series("scheduling_attempts_total"), {
    "least-loaded,success": 1,
    "least-loaded,no_worker": 1,
    "least-loaded,raft_error": 3,
    "least-loaded,send_error": 2,
  });
  assert.deepEqual(await series("assignment_failures_total"), { raft_error: 3, send_error: 2 });
  assert.deepEqual(await series("scheduling_latency_seconds"), { sum: 0.004, count: 1 });
  observer.proposed("submit", 20, undefined);
  observer.proposed("submit", 20, new Error("no quorum"));
  assert.deepEqual(await series("raft_applies_total"), { "submit,success": 1, "submit,error": 1 });
  assert.deepEqual(await series("raft_apply_latency_seconds"), { sum: 0.04, count: 2 });
  observer.heartbeat("w1", true);
  observer.heartbeat("w1", false);
  assert.deepEqual(await series("worker_heartbeats_total"), { "w1,success": 1, "w1,error": 1 });
  for (const role of ["pre_candidate", "candidate", "leader", "follower"] as const) {
    observer.roleChanged({ role } as RaftStatus);
  }
  assert.deepEqual(await series("raft_elections_total"), { "": 1 });
});

Deno.test("an attempt that was its job's last and is lost with its worker is a recovery that failed", async () => {
  const { observer, series } = await observed();
  observer.jobChanged({
    ...{ type: "noop", cause: "worker_lost", from: "running", to: "failed", attempt: 3 },
    ...{ atMs: 5_000, sinceMs: 1_000, queuedAtMs: 1, startedAtMs: 4_000 },
  } as JobEvent, true);
  assert.deepEqual(await series("recovery_failures_total"), { "": 1 });
  assert.deepEqual(await series("recovery_successes_total"), {});
  assert.deepEqual(await series("dlq_movements_total"), { "": 1 });
});

Deno.test("a leader shows the counters of every type that it keeps as zero, before the first of its jobs has failed", async () => {
  const { metrics, scene, text } = await observed();
  scene.submit("j1", { type: "noop" });
  sampleMaster(metrics, contextOf(scene, {}, false));
  assert.doesNotMatch(await text(), /^conductor_jobs_total\{/m);
  sampleMaster(metrics, contextOf(scene));
  for (const status of ["pending", "completed", "failed", "cancelled"]) {
    const series = `conductor_jobs_total{type="noop",status="${status}"} 0`;
    assert.ok((await text()).includes(`\n${series}\n`), series);
  }
  assert.match(await text(), /^conductor_job_retries_total\{type="noop"\} 0$/m);
});

Deno.test("a lost worker calls for somebody for a day, and one that was drained for nobody", async () => {
  const { metrics, scene, series } = await observed();
  const lost = async () => {
    sampleMaster(metrics, contextOf(scene));
    return (await series("workers_failed"))[""] ?? 0;
  };
  for (const id of ["w1", "w2", "w3"]) scene.register(id);
  const drain = (workerId: string) =>
    scene.apply({ kind: "drain_worker", workerId, draining: true, by: "operator" });
  drain("w2");
  scene.expireWorker("w1");
  scene.expireWorker("w2");
  assert.equal(await lost(), 1, "w2 was meant to go");
  scene.expireWorker("w3");
  assert.equal(await lost(), 2);
  drain("w3");
  assert.equal(await lost(), 1, "somebody knows of w3");
  scene.sleep(24 * 60 * 60 * 1_000);
  assert.equal(await lost(), 0);
});

Deno.test("before anything is known, nothing is told of the cluster, nor of a snapshot", async () => {
  const { text, observer, metrics, scene } = await observed();
  const names =
    /^conductor_(workers_\w+|jobs_active|job_queue_size|jobs_dlq_total|raft_snapshot_bytes)\b/mg;
  const shown = async () => (await text()).match(names) ?? [];
  assert.deepEqual(await shown(), []);
  sampleMaster(metrics, contextOf(scene));
  observer.snapshotMade({ bytes: 4_096, durationMs: 500 });
  assert.equal((await shown()).length, 7);
});
