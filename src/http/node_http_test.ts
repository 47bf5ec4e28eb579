import assert from "node:assert/strict";
import { createMasterMetrics, createMetricsRegistry, discardLogger } from "../observability/mod.ts";
import { readExposition } from "../observability/exposition_test_support.ts";
import { type ClusterStatusView, type FailoverStatusView, raftStatsView } from "./cluster_views.ts";
import { type NodeHttp, type NodeHttpOptions, startNodeHttp } from "./node_http.ts";
import { masterRoutes, type Readiness, workerRoutes } from "./node_routes.ts";

const CLUSTER: ClusterStatusView = {
  state: "Leader",
  leader: "127.0.0.1:7000",
  servers: [{ id: "node-1", address: "127.0.0.1:7000", suffrage: "Voter" }],
  stats: raftStatsView({
    state: "Leader",
    term: 3,
    lastLogIndex: 12,
    lastLogTerm: 3,
    commitIndex: 11,
    appliedIndex: 10,
    pendingEntries: 1,
    lastSnapshotIndex: 5,
    lastSnapshotTerm: 2,
    members: [
      { id: "node-1", address: "127.0.0.1:7000", suffrage: "Voter" },
      { id: "node-2", address: "127.0.0.1:7001", suffrage: "Voter" },
      { id: "node-3", address: "127.0.0.1:7002", suffrage: "Nonvoter" },
    ],
    nodeId: "node-1",
    membershipIndex: 1,
    snapshotFormats: { oldest: 1, newest: 2 },
    lastContactMs: 0,
  }),
  term: 3,
};
const FAILOVER: FailoverStatusView = {
  failure_detector: "active",
  recovery_manager: "healthy",
  active_workers: 2,
  failed_workers: 1,
};

function master(readiness: Readiness = { isReady: true }) {
  return masterRoutes({
    readiness: () => readiness,
    clusterStatus: () => CLUSTER,
    failoverStatus: () => Promise.resolve(FAILOVER),
  });
}

async function serving(
  options: Pick<NodeHttpOptions, "routes" | "metrics"> & { readonly port?: number },
  work: (node: NodeHttp) => Promise<void>,
): Promise<void> {
  const node = await startNodeHttp({
    host: "127.0.0.1",
    port: 0,
    setting: "cluster.http_port",
    hostSetting: "cluster.http_bind_host",
    log: discardLogger,
    ...options,
  });
  try {
    await work(node);
  } finally {
    await node.stop();
  }
}

Deno.test("a master answers the original's paths with the original's texts", () =>
  serving({ routes: master() }, async ({ url }) => {
    const text = async (path: string) => await (await fetch(`${url}${path}`)).text();
    assert.equal(await text("/health"), "OK");
    assert.equal(await text("/ready"), "READY");
    const { stats, ...cluster } = JSON.parse(await text("/cluster/status"));
    const { stats: _stats, ...expected } = CLUSTER;
    assert.deepEqual(cluster, expected);
    assert.deepEqual(Object.keys(cluster).slice(0, 3), ["state", "leader", "servers"]);
    assert.deepEqual(Object.keys(stats).sort(), ORIGINAL_STATS);
    assert.ok(Object.values(stats).every((value) => typeof value === "string"));
    assert.deepEqual(JSON.parse(await text("/failover/status")), FAILOVER);
  }));

/** What the original's `/cluster/status` has in `stats`. */
const ORIGINAL_STATS = [
  ...["state", "term", "last_log_index", "last_log_term", "commit_index", "applied_index"],
  ...["fsm_pending", "last_snapshot_index", "last_snapshot_term", "protocol_version"],
  ...["protocol_version_min", "protocol_version_max", "snapshot_version_min"],
  ...["snapshot_version_max", "latest_configuration", "latest_configuration_index", "num_peers"],
  "last_contact",
].sort();

Deno.test("Raft's statistics read as hashicorp/raft's do", () => {
  assert.equal(CLUSTER.stats.commit_index, "11");
  assert.equal(CLUSTER.stats.fsm_pending, "1");
  assert.equal(CLUSTER.stats.snapshot_version_max, "2");
  assert.equal(CLUSTER.stats.num_peers, "1", "voters beside this node");
  assert.equal(
    CLUSTER.stats.latest_configuration,
    "[{Suffrage:Voter ID:node-1 Address:127.0.0.1:7000} " +
      "{Suffrage:Voter ID:node-2 Address:127.0.0.1:7001} " +
      "{Suffrage:Nonvoter ID:node-3 Address:127.0.0.1:7002}]",
  );
  const lastContact = (lastContactMs: number | undefined) =>
    raftStatsView({
      ...{ state: "Follower", term: 0, lastLogIndex: 0, lastLogTerm: 0, commitIndex: 0 },
      ...{ appliedIndex: 0, pendingEntries: 0, lastSnapshotIndex: 0, lastSnapshotTerm: 0 },
      ...{ members: [], nodeId: "node-1", membershipIndex: 0, lastContactMs },
      snapshotFormats: { oldest: 1, newest: 2 },
    }).last_contact;
  assert.deepEqual([undefined, 0, 12.3456].map(lastContact), ["never", "0", "12.346ms"]);
});

Deno.test("a node that is not ready says why, and is still healthy", () =>
  serving({
    routes: master({ isReady: false, reasons: ["no leader is known", "300 entries behind"] }),
  }, async ({ url }) => {
    const response = await fetch(`${url}/ready`);
    assert.equal(response.status, 503);
    assert.equal(await response.text(), "NOT READY\nno leader is known\n300 entries behind\n");
    assert.equal(await fetch(`${url}/health`).then((each) => each.text()), "OK");
  }));

Deno.test("a node that stops says that it is not ready and how it fares, until it has stopped", async () => {
  await serving({ routes: master(), metrics: await metricsPage(0) }, async (node) => {
    await node.quiet();
    const response = await fetch(`${node.url}/ready`);
    assert.deepEqual(
      [response.status, await response.text()],
      [503, "NOT READY\nit is shutting down\n"],
    );
    assert.equal(await fetch(`${node.url}/health`).then((each) => each.text()), "OK");
    await expectMetrics(node.metricsUrl);
    const status = await fetch(`${node.url}/cluster/status`);
    assert.equal(status.status, 503);
    assert.match(await status.text(), /this node is stopping/);
  });
});

async function metricsPage(port?: number) {
  const registry = await createMetricsRegistry({ enabled: true });
  createMasterMetrics(registry).raftIsLeader.set(1);
  return {
    setting: "metrics.port",
    path: "/metrics",
    expose: () => registry.expose(),
    ...(port === undefined ? {} : { port }),
  };
}

async function expectMetrics(url: string | undefined): Promise<void> {
  const response = await fetch(url ?? "");
  assert.equal(response.status, 200);
  assert.equal(
    response.headers.get("content-type"),
    "text/plain; version=0.0.4; charset=utf-8",
  );
  const metrics = readExposition(await response.text());
  assert.equal(metrics.get("conductor_raft_is_leader")?.samples[0]?.value, 1);
}

Deno.test("metrics have a port of their own, where there is nothing else", async () => {
  await serving({ routes: master(), metrics: await metricsPage(0) }, async (node) => {
    await expectMetrics(node.metricsUrl);
    const elsewhere = await fetch(new URL("/health", node.metricsUrl));
    assert.equal(elsewhere.status, 404);
    assert.deepEqual((await elsewhere.json()).paths, ["/metrics"]);
    const notHere = await fetch(`${node.url}/metrics`);
    assert.equal(notHere.status, 404);
    await notHere.body?.cancel();
  });
});

Deno.test("a worker's pages and metrics share one listener", async () => {
  const routes = workerRoutes(() => ({ isReady: true }));
  await serving({ routes, metrics: await metricsPage() }, async (node) => {
    assert.equal(node.metricsUrl, `${node.url}/metrics`);
    await expectMetrics(node.metricsUrl);
    assert.equal(await (await fetch(`${node.url}/ready`)).text(), "READY");
    const missing = await fetch(`${node.url}/cluster/status`);
    assert.deepEqual((await missing.json()).paths, ["/health", "/metrics", "/ready"]);
  });
});

Deno.test("metrics on the node's own port share its listener", async () => {
  // A port that is free now: the one test that cannot ask for port 0.
  const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr;
  probe.close();
  await serving({ routes: master(), port, metrics: await metricsPage(port) }, async (node) => {
    assert.equal(node.metricsUrl, `http://127.0.0.1:${port}/metrics`);
    await expectMetrics(node.metricsUrl);
    assert.equal(await (await fetch(`${node.url}/health`)).text(), "OK");
  });
});

Deno.test("without metrics there is no page for them", () =>
  serving({ routes: master() }, async (node) => {
    assert.equal(node.metricsUrl, undefined);
    assert.equal((await fetch(`${node.url}/metrics`)).status, 404);
  }));

Deno.test("when the metrics' port is in use nothing is left listening", async () => {
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    const metrics = await metricsPage(taken.addr.port);
    await assert.rejects(
      startNodeHttp({
        host: "127.0.0.1",
        port: 0,
        setting: "cluster.http_port",
        hostSetting: "cluster.http_bind_host",
        routes: master(),
        metrics,
        log: discardLogger,
      }),
      /another process uses the port; stop it, or choose another port with metrics\.port/,
    );
  } finally {
    taken.close();
  }
});

Deno.test("metrics under a page's path are refused", async () => {
  const metrics = { ...await metricsPage(), path: "/health" };
  await assert.rejects(
    serving({ routes: master(), metrics }, () => Promise.resolve()),
    /\/health is served twice on the port of cluster\.http_port: choose another metrics\.path/,
  );
});
