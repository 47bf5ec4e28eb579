import assert from "node:assert/strict";
import { type Cluster, eventually, type MasterNode, onCluster, written } from "./support.ts";

async function page(master: MasterNode, path: string): Promise<{ code: number; text: string }> {
  const response = await fetch(`${master.httpUrl}${path}`);
  return { code: response.status, text: await response.text() };
}

async function json(master: MasterNode, path: string) {
  const { code, text } = await page(master, path);
  assert.equal(code, 200);
  return JSON.parse(text);
}

function followersOf(cluster: Cluster, leader: MasterNode): MasterNode[] {
  return cluster.masters.filter((each) => each !== leader && each.process.isRunning);
}

Deno.test("the pages of three masters have the original's keys, and what they say is true", () =>
  onCluster({ workers: 2 }, async (cluster) => {
    const leader = await cluster.leader();
    await cluster.settled();
    const raftAddresses = cluster.masters.map((each) => each.raftAddress).sort();
    for (const master of cluster.masters) {
      assert.deepEqual(await page(master, "/health"), { code: 200, text: "OK" });
      assert.deepEqual(await page(master, "/ready"), { code: 200, text: "READY" });
      const status = await json(master, "/cluster/status");
      assert.equal(status.state, master === leader ? "Leader" : "Follower");
      assert.equal(status.leader, leader.raftAddress);
      assert.deepEqual(
        status.servers.map((each: { address: string }) => each.address).sort(),
        raftAddresses,
      );
      for (const server of status.servers) {
        assert.deepEqual(Object.keys(server).sort(), ["address", "id", "suffrage"]);
        assert.equal(server.suffrage, "Voter");
      }
      const { stats } = status;
      for (const value of Object.values(stats)) assert.equal(typeof value, "string");
      assert.equal(stats.num_peers, "2");
      assert.equal(stats.state, status.state);
      assert.equal(stats.term, String(status.term));
      assert.match(stats.last_contact, master === leader ? /^0$/ : /^(0|[\d.]+ms)$/);
      for (const key of ["commit_index", "applied_index", "last_log_index"]) {
        assert.ok(status[key] > 0, key);
        assert.equal(typeof stats[key], "string");
      }
      const failover = await json(master, "/failover/status");
      assert.equal(failover.failure_detector, master === leader ? "active" : "not_initialized");
      assert.equal(failover.recovery_manager, master === leader ? "healthy" : "not_initialized");
      assert.equal(failover.active_workers, 2);
      assert.equal(failover.failed_workers, 0);
    }
    const { peers, last_log_index } = await json(leader, "/cluster/status");
    assert.equal(peers.length, 2);
    for (const peer of peers) {
      assert.equal(peer.match_index + peer.lag, last_log_index);
      assert.equal(peer.state, "replicate");
    }

    // A worker dies: its lease ends, and every master counts it.
    await cluster.workers[0]!.kill();
    for (const master of cluster.masters) {
      await eventually(`${master.name} counts a failed worker`, async () => {
        const { active_workers, failed_workers } = await json(master, "/failover/status");
        return active_workers === 1 && failed_workers === 1 ? true : undefined;
      });
    }

    // A follower dies: its silence and its lag grow.
    const [dead, other] = followersOf(cluster, leader);
    assert.ok(dead !== undefined && other !== undefined);
    await dead.process.kill();
    const client = cluster.client({ only: leader.grpcAddress });
    await client.submit({ type: "kept", payload: new Uint8Array(1), priority: 5 });
    client.close();
    await eventually("its lag is shown", async () => {
      const status = await json(leader, "/cluster/status");
      const peer = status.peers.find((each: { id: string }) => each.id === dead.name);
      return peer.lag > 0 && peer.last_contact_ms > 1_000 ? true : undefined;
    });

    // The leader dies as well: what is left has no quorum, is healthy and not ready, and says why.
    await leader.process.kill();
    await eventually("the last one is not ready", async () => {
      const ready = await page(other, "/ready");
      return ready.code === 503 && /^NOT READY\n.*no leader is known/s.test(ready.text)
        ? true
        : undefined;
    });
    assert.equal((await page(other, "/health")).code, 200);
    const alone = await json(other, "/cluster/status");
    assert.equal(alone.leader, "");
    assert.notEqual(alone.state, "Leader");
    assert.equal((await json(other, "/failover/status")).failure_detector, "not_initialized");
  }));

Deno.test("a dead voter is removed when that is wished, down to the floor and no further", () =>
  onCluster({
    workers: 0,
    masters: 4,
    masterFlags: ["--set=cluster.dead_server_cleanup=true", "--set=cluster.dead_server_after=3s"],
  }, async (cluster) => {
    const leader = await cluster.leader();
    const [first, second] = followersOf(cluster, leader);
    assert.ok(first !== undefined && second !== undefined);
    await first.process.kill();
    await eventually("it is removed", async () => {
      const servers = (await cluster.status(leader))?.servers ?? [];
      return servers.length === 3 && !servers.some((each) => each.id === first.name)
        ? true
        : undefined;
    });
    await written(
      `${cluster.directory}/${leader.name}.audit.log`,
      /remove a member".*"user_id":"master m\d".*cluster.dead_server_cleanup/,
    );
    await second.process.kill();
    await eventually("it has been silent for twice that time", async () => {
      const { peers } = await json(leader, "/cluster/status");
      const peer = peers.find((each: { id: string }) => each.id === second.name);
      return peer.last_contact_ms > 6_000 ? true : undefined;
    });
    assert.equal((await cluster.status(leader))?.servers.length, 3, "three voters are the floor");
  }));
