import assert from "node:assert/strict";
import { audit, CLIENT, gather, Load, onCluster } from "./support.ts";

Deno.test("clients and workers leave connections that went silent without a word", () =>
  onCluster({ workers: 1 }, async (cluster) => {
    const load = Load.start(cluster);
    await load.accepts(30);
    const leader = await cluster.leader();
    // As when a firewall forgets connections: the leader's end is gone, the other end hears nothing.
    assert.ok(cluster.network.connections(CLIENT, leader.name) > 0);
    cluster.network.halfOpen(CLIENT, leader.name);
    cluster.network.halfOpen("w1", leader.name);
    for (const peer of cluster.masters) {
      if (peer !== leader) cluster.network.halfOpen(peer.name, leader.name);
    }
    await load.accepts(60);
    await load.stop();
    const evidence = await gather(cluster, load.history);
    assert.deepEqual(audit(evidence), []);
    const refused = load.history.submissions.filter((each) => each.failure !== undefined);
    assert.deepEqual(refused, []);
  }));
